//! What the fuzz targets do with bytes that nobody vouches for. Ordinary tests run the same over a seeded mutator.

use std::sync::{Arc, LazyLock};

use recommendations::{
    artefact,
    catalogue::{Book, Builder, Isbn13, Version},
    import::{
        self,
        readers::{Books, Errors, Format, Opening, Plan},
    },
};

static BOOKS: LazyLock<Arc<Books>> = LazyLock::new(|| {
    let mut builder = Builder::new(Version::default(), Vec::new());
    let books = [
        ("The Hobbit (Middle-earth, #0)", "J.R.R. Tolkien", "9780547928227"),
        ("Sapiens: A Brief History of Humankind", "Yuval Noah Harari", ""),
        ("Cien años de soledad", "Gabriel García Márquez", ""),
    ];
    for (id, (title, author, isbn)) in (1..).zip(books) {
        let book = Book {
            id,
            title: title.to_owned(),
            authors: vec![author.to_owned()],
            isbn13: Isbn13::parse(isbn).ok(),
            ..Book::default()
        };
        builder.push(&book).expect("three books fit");
    }
    Arc::new(Books::of_catalogue(&builder.finish().expect("three books fit")))
});

/// Readers' libraries: the first byte chooses the format. What was wrong is written down, and that file is read again: its
/// header must be understood, and no row may have become good by itself.
pub(crate) fn library(data: &[u8]) {
    let Some((&first, data)) = data.split_first() else { return };
    let format = match first % 6 {
        0 => None,
        1 => Some(Format::Csv),
        2 => Some(Format::Jsonl),
        3 => Some(Format::Goodreads),
        4 => Some(Format::Storygraph),
        _ => Some(Format::Goodbooks(Arc::default())),
    };
    let plan = Plan { format, reader: Some(7), books: Arc::clone(&BOOKS), raw: true };
    let Ok((opening, report, bad)) = import::readers::check(data, &plan) else { return };
    assert_eq!(report.rows(), report.stored + bad.len() as u64);
    assert!(bad.is_sorted_by_key(|bad| bad.line), "the rows of a file come in order");
    let mut list = Vec::new();
    let mut errors = Errors::new(&mut list, &opening).expect("memory takes everything");
    for bad in &bad {
        errors.row(bad).expect("memory takes everything");
    }
    let again = Plan { format: Some(Opening::clone(&opening).format), ..plan };
    match import::readers::check(list.as_slice(), &again) {
        Ok((_, report, _)) => assert_eq!(report.stored, 0, "a bad row became good"),
        // JSON has no header: without a bad row there is nothing.
        Err(error) => assert!(bad.is_empty(), "{error}: {}", String::from_utf8_lossy(&list)),
    }
}

/// A shop's books: the first byte chooses the format.
pub(crate) fn books(data: &[u8]) {
    let Some((&first, data)) = data.split_first() else { return };
    let format = if first % 2 == 0 { import::Format::Csv } else { import::Format::Jsonl };
    if let Ok((_, bad)) = import::check(data, format) {
        assert!(bad.iter().all(|&(line, _)| line > 0));
    }
}

/// A model's artefact: the manifest up to the first zero byte, then the tensors.
pub(crate) fn artefact(data: &[u8]) {
    let end = data.iter().position(|&byte| byte == 0).unwrap_or(data.len());
    let (manifest, tensors) = data.split_at(end);
    let _ = artefact::decode(manifest, tensors.get(1..).unwrap_or_default());
}
