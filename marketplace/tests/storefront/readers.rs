//! What readers say, and what becomes of it.

mod books;
mod cookies;
mod imports;
mod lists;

use crate::fixture::{Answer, Cookies, Running, with_form};

/// A browser as far as cookies and forms go.
struct Browser<'a> {
    shop: &'a Running,
    cookies: Cookies,
}

impl<'a> Browser<'a> {
    fn new(shop: &'a Running) -> Self {
        Self { shop, cookies: Cookies::default() }
    }

    fn get(&mut self, path: &str) -> Answer {
        let headers = self.cookies.header();
        let answer = self.shop.send("GET", path, &headers);
        self.cookies.keep(&answer);
        answer
    }

    fn post(&mut self, path: &str, form: &[(&str, &str)]) -> Answer {
        let headers = format!("{}sec-fetch-site: same-origin\r\n", self.cookies.header());
        let answer = self.shop.send("POST", path, &with_form(&headers, form));
        self.cookies.keep(&answer);
        answer
    }

    fn rate(&mut self, book: i32, stars: &str) -> Answer {
        let answer = self.post(&format!("/books/{book}/opinion"), &[("stars", stars), ("back", "/for-you")]);
        assert_eq!((answer.status, answer.header("location")), (303, &*format!("/for-you#book-{book}")));
        answer
    }
}

fn books(page: &Answer) -> Vec<i32> {
    let items = page.text().split("data-book=\"").skip(1).filter_map(|rest| rest.split('"').next());
    items.map(|id| id.parse().unwrap()).collect()
}
