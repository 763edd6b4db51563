//! Readers' libraries from files: malformed ones, those that break off, uploads over gRPC, and mutations of all of them.

mod broken;
mod formats;
mod malformed;
mod mutated;
mod upload;

use std::{io::Read, sync::Arc};

use recommendations::{
    catalogue::{Book, Builder, Isbn13, Version},
    import::readers::{Bad, Books, Format, LibraryError, Opening, Plan, Report, check},
};

/// A catalogue of a few books.
fn books() -> Arc<Books> {
    let mut builder = Builder::new(Version::default(), Vec::new());
    for (id, title, author, isbn) in [
        (1, "The Hobbit", "J. R. R. Tolkien", "9780547928227"),
        (2, "Sapiens: A Brief History of Humankind", "Yuval Noah Harari", ""),
        (3, "Cien años de soledad", "Gabriel García Márquez", ""),
        (4, "Emma", "Jane Austen", "9780141439587"),
    ] {
        let book = Book {
            id,
            title: title.to_owned(),
            authors: vec![author.to_owned()],
            isbn13: Isbn13::parse(isbn).ok(),
            ..Book::default()
        };
        builder.push(&book).unwrap();
    }
    Arc::new(Books::of_catalogue(&builder.finish().unwrap()))
}

fn checked(file: impl Read, format: Option<Format>) -> Result<(Opening, Report, Vec<Bad>), LibraryError> {
    check(file, &Plan { format, reader: Some(7), books: books(), raw: true })
}

/// How many rows are good, and the others' lines and reasons.
fn rows(file: &[u8], format: Option<Format>) -> (u64, Vec<(u64, String)>) {
    let (_, report, bad) = checked(file, format).unwrap();
    (report.stored, bad.iter().map(|bad| (bad.line, bad.reason.to_string())).collect())
}
