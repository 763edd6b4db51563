//! The store and what fills it, each test on SQLite and on PostgreSQL.

mod connecting;
mod importing;
mod rows;

use std::collections::BTreeMap;

use recommendations::{
    catalogue::{Book, Category},
    import::{self, Event, Format, Report},
    store::Store,
};

pub(crate) use testing::{Database, on_both};

/// Imports a text and also returns the rejected lines with their reasons.
async fn import(store: &Store, format: Format, text: impl Into<Vec<u8>>) -> (Report, Vec<(u64, String)>) {
    let mut rejected = Vec::new();
    let report = import::books(std::io::Cursor::new(text.into()), format, store, |event| {
        if let Event::Rejected { line, reason } = event {
            rejected.push((line, reason.to_string()));
        }
    })
    .await
    .unwrap();
    (report, rejected)
}

/// All that a store holds.
async fn everything(store: &Store) -> (Vec<Category>, BTreeMap<i32, Book>) {
    let mut reading = store.read().await.unwrap();
    let categories = reading.categories().to_vec();
    let mut books = BTreeMap::new();
    loop {
        let page = reading.next().await.unwrap();
        if page.is_empty() {
            return (categories, books);
        }
        books.extend(page.into_iter().map(|book| (book.id, book)));
    }
}

fn counts(new: u64, changed: u64, unchanged: u64, rejected: u64) -> Report {
    Report { new, changed, unchanged, rejected, ignored_columns: Vec::new() }
}

pub(crate) async fn connect(database: &Database) -> Store {
    Store::connect(&database.url).await.unwrap()
}
