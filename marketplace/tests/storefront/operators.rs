//! The operators' pages: who sees them, and what they show and do.

mod data;
mod doors;
mod sections;

use std::time::Duration;

use testing::eventually;

use crate::fixture::{Answer, Cookies, Running, marketplace, recommendations_with, with_form};

/// What both servers of these tests ask for.
pub(crate) const TOKEN: &str = "an-0perator's-t0ken";
const PAGES: [&str; 4] = ["/operators", "/operators/jobs", "/operators/ratings", "/operators/variants"];
const FORMS: [&str; 4] =
    ["/operators/train", "/operators/jobs/1/cancel", "/operators/activate", "/operators/roll-back"];

/// A browser of somebody who may be an operator.
struct Browser<'a> {
    shop: &'a Running,
    cookies: Cookies,
}

impl<'a> Browser<'a> {
    fn new(shop: &'a Running) -> Self {
        Self { shop, cookies: Cookies::default() }
    }

    fn signed_in(shop: &'a Running) -> Self {
        let mut browser = Self::new(shop);
        let answer = browser.sign_in(TOKEN);
        assert_eq!(answer.status, 303, "{}", answer.text());
        browser
    }

    fn sign_in(&mut self, token: &str) -> Answer {
        self.post("/operators/sign-in", &[("token", token), ("back", "/operators/jobs")])
    }

    fn get(&mut self, path: &str) -> Answer {
        let answer = self.shop.send_here("GET", path, &self.cookies.header());
        self.cookies.keep(&answer);
        answer
    }

    /// A page that has to be there.
    fn page(&mut self, path: &str) -> String {
        let page = self.get(path);
        assert_eq!(page.status, 200, "{path}: {} {}", page.header("location"), self.trouble(&page));
        page.text().to_owned()
    }

    /// What the shop has for a reason: the page, and how its calls have ended.
    fn trouble(&self, page: &Answer) -> String {
        let metrics = self.shop.metrics();
        let counted = |line: &&str| line.starts_with("grpc_client_") && !line.contains("_bucket");
        let calls: Vec<&str> = metrics.lines().filter(counted).collect();
        format!("{}\n{}", page.text(), calls.join("\n"))
    }

    fn post(&mut self, path: &str, form: &[(&str, &str)]) -> Answer {
        let headers = format!("{}sec-fetch-site: same-origin\r\n", self.cookies.header());
        let answer = self.shop.send_here("POST", path, &with_form(&headers, form));
        self.cookies.keep(&answer);
        answer
    }

    /// Sends a form, and reads what the page that it leads to says came of it.
    fn act(&mut self, path: &str, form: &[(&str, &str)]) -> String {
        let answer = self.post(path, form);
        assert_eq!(answer.status, 303, "{path}: {}", answer.text());
        told(&self.page(answer.header("location")))
    }
}

/// Both servers with the token, on a catalogue that nobody has rated yet; training waits until it is asked for.
fn servers(more: &[&str]) -> (Running, Running) {
    let mut arguments =
        vec!["--database-url", "sqlite::memory:", "--token", TOKEN, "--simulated-readers", "false"];
    arguments.extend(["--train-after", "0", "--train-trials", "1"]);
    arguments.extend(more);
    let recommendations = recommendations_with(0, &arguments);
    let marketplace = marketplace(recommendations.address, &["--token", TOKEN]);
    // The first call finds the connection open.
    eventually("recommendations is reached", Duration::from_secs(10), || {
        (Browser::signed_in(&marketplace).get("/operators").status == 200).then_some(())
    });
    (recommendations, marketplace)
}

/// Servers whose pages have something to show: three models, of which one is refused, jobs, ratings and variants.
pub(crate) fn desk() -> (Running, Running) {
    let (recommendations, shop) =
        servers(&["--model", "knn-cosine", "--variants", "control=50 lucky=50:choose=random"]);
    data::rate(&recommendations);
    data::show(&recommendations, "control", 1_000, 40);
    data::show(&recommendations, "lucky", 1_200, 120);
    let mut operator = Browser::signed_in(&shop);
    for model in ["knn-cosine", "popular", "knn-bm25"] {
        operator.act("/operators/train", &[("model", model)]);
    }
    settled(&mut operator);
    (recommendations, shop)
}

/// Waits until no job is open.
fn settled(operator: &mut Browser<'_>) -> String {
    eventually("the jobs end", Duration::from_secs(60), || {
        let page = operator.page("/operators/jobs");
        (!page.contains("data-live")).then_some(page)
    })
}

/// What the page says came of the form before it; empty if it says nothing.
fn told(page: &str) -> String {
    let words = page.split("class=\"told-now").nth(1).and_then(|rest| rest.split('>').nth(1));
    words.and_then(|rest| rest.split('<').next()).unwrap_or_default().replace("&#39;", "'")
}
