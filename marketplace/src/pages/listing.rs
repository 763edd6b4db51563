//! Lists that go on over several pages, with a number each. The contract gives out a token for the page after
//! the one it answered, so a page far down is reached in a few long strides: ten calls at most, one after the other. The first one
//! that is late ends them, and so does the time that a request has at all.

use std::future::Future;

use protobufs::catalogue::Book;

use crate::client::CallError;

/// Books on a page.
pub(crate) const PAGE: usize = 24;
/// Books that are asked for at once on the way to a page; a multiple of a page's.
const STRIDE: usize = 4 * PAGE;
/// The last page that can be reached: further ones would take too many calls, and nobody leafs that far.
pub(crate) const LAST_PAGE: usize = 40;

/// One page of a list.
#[derive(Debug)]
pub(crate) struct Listing {
    pub(crate) books: Vec<Book>,
    /// How many books all pages have together.
    pub(crate) total: i32,
    /// Counted from 1.
    pub(crate) page: usize,
}

/// What an answer holds: books, the next token, how many there are in all.
pub(crate) type Answer = (Vec<Book>, String, i32);

impl Listing {
    /// Asks for what a page needs. `ask` gets the number of books and the token of the call before.
    ///
    /// # Errors
    ///
    /// As the calls; `NotFound` for a page behind the last one.
    pub(crate) async fn fetch<F>(
        page: usize,
        mut ask: impl FnMut(i32, String) -> F,
    ) -> Result<Self, CallError>
    where
        F: Future<Output = Result<Answer, CallError>>,
    {
        if !(1..=LAST_PAGE).contains(&page) {
            return Err(CallError::NotFound);
        }
        let first = (page - 1) * PAGE;
        let size = if page == 1 { PAGE } else { STRIDE };
        let mut token = String::new();
        let mut start = 0;
        loop {
            let (books, next, total) = ask(i32::try_from(size).unwrap_or(i32::MAX), token).await?;
            if start + books.len() > first || page == 1 {
                let books = books.into_iter().skip(first - start).take(PAGE).collect();
                return Ok(Self { books, total, page });
            }
            if next.is_empty() {
                return Err(CallError::NotFound);
            }
            start += books.len();
            token = next;
        }
    }

    /// How many pages can be shown.
    pub(crate) fn pages(&self) -> usize {
        usize::try_from(self.total).unwrap_or_default().div_ceil(PAGE).clamp(1, LAST_PAGE)
    }

    /// Whether there are more books than pages show.
    pub(crate) fn cut_off(&self) -> bool {
        usize::try_from(self.total).unwrap_or_default() > LAST_PAGE * PAGE
    }
}

/// The links to the pages of a list.
#[derive(Debug)]
pub(crate) struct Pager {
    pub(crate) links: Vec<Link>,
    pub(crate) previous: Option<String>,
    pub(crate) next: Option<String>,
}

/// One of them.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Link {
    Here(usize),
    Page(usize, String),
    Gap,
}

impl Pager {
    /// `None` where one page shows all. `address` gives a page's address.
    pub(crate) fn new(listing: &Listing, address: impl Fn(usize) -> String) -> Option<Self> {
        let (page, last) = (listing.page, listing.pages());
        if last < 2 {
            return None;
        }
        let mut links = Vec::new();
        let mut before = 0;
        for number in 1..=last {
            if number != 1 && number != last && number.abs_diff(page) > 1 {
                continue;
            }
            if number > before + 1 {
                links.push(Link::Gap);
            }
            before = number;
            links.push(if number == page { Link::Here(number) } else { Link::Page(number, address(number)) });
        }
        let previous = (page > 1).then(|| address(page - 1));
        let next = (page < last).then(|| address(page + 1));
        Some(Self { links, previous, next })
    }
}

/// A page's number in an address: 1 if it is absent, `None` if it is no number.
pub(crate) fn number(text: Option<&str>) -> Option<usize> {
    match text {
        None | Some("") => Some(1),
        Some(text) => text.parse().ok().filter(|page| *page > 0),
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use protobufs::catalogue::Book;

    use super::{LAST_PAGE, Link, Listing, PAGE, Pager};
    use crate::client::CallError;

    #[tokio::test]
    async fn the_last_page_takes_ten_calls_and_one_that_fails_is_the_last() {
        for fails_at in [None, Some(1), Some(4)] {
            let calls = Cell::new(0);
            let listing = Listing::fetch(LAST_PAGE, |size, token| {
                calls.set(calls.get() + 1);
                let start: i32 = token.parse().unwrap_or_default();
                let books = (start..start + size).map(|id| Book { id, ..Book::default() }).collect();
                let answer = match fails_at {
                    Some(call) if call == calls.get() => Err(CallError::Unavailable),
                    _ => Ok((books, (start + size).to_string(), 2000)),
                };
                async { answer }
            })
            .await;
            assert_eq!(calls.get(), fails_at.unwrap_or(10));
            assert_eq!(listing.is_err(), fails_at.is_some());
            if let Ok(listing) = listing {
                let first = i32::try_from((LAST_PAGE - 1) * PAGE).unwrap();
                assert_eq!((listing.books.len(), listing.books[0].id), (PAGE, first));
            }
        }
    }

    #[test]
    fn far_pages_are_left_out_of_the_links() {
        let listing = Listing { books: Vec::new(), total: 240, page: 6 };
        let pager = Pager::new(&listing, |page| format!("?page={page}")).unwrap();
        let page = |number| Link::Page(number, format!("?page={number}"));
        assert_eq!(pager.links, [page(1), Link::Gap, page(5), Link::Here(6), page(7), Link::Gap, page(10)]);
        assert_eq!((pager.previous.as_deref(), pager.next.as_deref()), (Some("?page=5"), Some("?page=7")));
    }

    #[test]
    fn one_page_needs_no_links() {
        assert!(Pager::new(&Listing { books: Vec::new(), total: 24, page: 1 }, |_| String::new()).is_none());
    }
}
