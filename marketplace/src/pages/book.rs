use std::sync::Arc;

use askama::Template;
use axum::{
    Extension,
    extract::{Path, State},
    response::{IntoResponse as _, Response},
};
use protobufs::catalogue::{Book, Series};
use serde_json::json;
use service::trace::TraceContext;

use super::{error::Problem, page as render};
use crate::{
    cards::{foreign, names, primary, slug},
    catalogue::Category,
    covers::{self, Form},
    fragment::Fragment,
    layout::Layout,
    shop::Shop,
};

#[derive(Template)]
#[template(path = "book.html")]
struct Page<'a> {
    layout: Layout,
    book: &'a Book,
    lang: Option<&'a str>,
    cover: String,
    year: Option<String>,
    series: Option<SeriesLine<'a>>,
    language: Option<String>,
    isbn: Option<&'a str>,
    categories: Vec<&'a Category>,
    more: Option<Shelf<'a>>,
    late: bool,
    data: String,
}

struct SeriesLine<'a> {
    name: &'a str,
    number: Option<f64>,
}

struct Shelf<'a> {
    category: &'a Category,
    cards: Vec<Arc<Fragment>>,
}

/// Books on the shelf below.
const MORE: i32 = 6;

/// `GET /books/{id}`
pub(crate) async fn page(
    State(shop): State<Arc<Shop>>,
    Extension(trace): Extension<TraceContext>,
    Path(id): Path<String>,
) -> Response {
    let Some(id) = number(&id) else { return Problem::NotFound.into_response() };
    let (book, shown) = tokio::join!(shop.client.book(&trace, id), shop.shelves.first());
    let book = match book {
        Ok(book) => book,
        Err(error) => return Problem::from(error).into_response(),
    };
    let catalogue = &shown.catalogue;
    let categories: Vec<_> =
        book.categories.iter().filter_map(|number| catalogue.category(*number)).collect();
    // One more than shown, since the book itself may be among them.
    let similar = match book.categories.first() {
        Some(category) => shop.client.recommend(&trace, 0, *category, MORE + 1).await,
        None => Ok(Vec::new()),
    };
    let late = similar.is_err();
    let cards: Vec<_> = similar
        .unwrap_or_default()
        .iter()
        .filter(|other| other.id != id)
        .take(MORE as usize)
        .map(|other| shop.cards.card(other, catalogue))
        .collect();
    let more = categories.first().filter(|_| !cards.is_empty()).map(|category| Shelf { category, cards });

    let by = names(&book.authors);
    let title = match by.as_str() {
        "" => format!("{} – Shelfwise", book.title),
        by => format!("{} by {by} – Shelfwise", book.title),
    };
    let description = match (by.as_str(), book.subjects.as_slice()) {
        ("", []) => book.title.clone(),
        (by, []) => format!("{}, by {by}.", book.title),
        ("", subjects) => format!("{}. A book about {}.", book.title, names(subjects)),
        (by, subjects) => format!("{}, by {by}. A book about {}.", book.title, names(subjects)),
    };
    let layout = shop.layout(title, format!("/books/{id}")).describe(description).about_book();
    let cover = covers::draw(
        &book.title,
        &book.authors,
        &slug(&book.categories, catalogue).unwrap_or_default(),
        Form::Inline,
    );
    render(&Page {
        data: linked_data(&book, &categories, &layout),
        lang: foreign(&book.title_language),
        cover,
        year: book.year.map(year),
        series: book.series.as_ref().map(|Series { name, number }| SeriesLine { name, number: *number }),
        language: Some(&book.language).filter(|tag| !tag.is_empty()).map(|tag| language(tag)),
        isbn: Some(book.isbn13.as_str()).filter(|isbn| !isbn.is_empty()),
        categories,
        more,
        late,
        layout,
        book: &book,
    })
}

/// A book's number as addresses write it: no sign, no leading zero, so that a book has one address.
pub(crate) fn number(text: &str) -> Option<i32> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    text.parse().ok().filter(|_| plain)
}

/// schema.org's `Book` as JSON-LD, safe inside a script element.
fn linked_data(book: &Book, categories: &[&Category], layout: &Layout) -> String {
    let people: Vec<_> = book.authors.iter().map(|name| json!({"@type": "Person", "name": name})).collect();
    let mut data = json!({"@context": "https://schema.org", "@type": "Book", "name": book.title});
    let mut set = |key: &str, value: serde_json::Value| data[key] = value;
    if !people.is_empty() {
        set("author", people.into());
    }
    if layout.absolute() {
        set("url", layout.canonical.clone().into());
    }
    if let Some(cover) = layout.address(&format!("/covers/{}.svg", book.id)) {
        set("image", cover.into());
    }
    if !book.title_language.is_empty() {
        set("inLanguage", book.title_language.clone().into());
        if !book.language.is_empty() && primary(&book.language) != primary(&book.title_language) {
            set("translationOfWork", json!({"@type": "Book", "inLanguage": book.language}));
        }
    }
    if let Some(year) = book.year.filter(|year| (1..=9999).contains(year)) {
        set("datePublished", format!("{year:04}").into());
    }
    if !book.isbn13.is_empty() {
        set("isbn", book.isbn13.clone().into());
    }
    if !categories.is_empty() {
        set("genre", categories.iter().map(|category| category.name.clone()).collect::<Vec<_>>().into());
    }
    if !book.subjects.is_empty() {
        set("keywords", book.subjects.clone().into());
    }
    if let Some(series) = &book.series {
        let mut part = json!({"@type": "BookSeries", "name": series.name});
        if let Some(number) = series.number {
            part["position"] = number.to_string().into();
        }
        set("isPartOf", part);
    }
    data.to_string().replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

fn year(year: i32) -> String {
    if year < 0 { format!("{} BCE", year.unsigned_abs()) } else { year.to_string() }
}

/// The English name of a language, or its tag.
fn language(tag: &str) -> String {
    let primary = primary(tag);
    LANGUAGES
        .iter()
        .find(|(code, _)| *code == primary)
        .map_or_else(|| tag.to_owned(), |(_, name)| (*name).to_owned())
}

#[rustfmt::skip]
const LANGUAGES: [(&str, &str); 60] = [
    ("af", "Afrikaans"), ("akk", "Akkadian"), ("am", "Amharic"), ("ang", "Old English"), ("ar", "Arabic"),
    ("be", "Belarusian"), ("bg", "Bulgarian"), ("bn", "Bengali"), ("bs", "Bosnian"), ("ca", "Catalan"), ("cs", "Czech"),
    ("cy", "Welsh"), ("da", "Danish"), ("de", "German"), ("el", "Greek"), ("en", "English"), ("enm", "Middle English"),
    ("es", "Spanish"), ("et", "Estonian"), ("eu", "Basque"), ("fa", "Persian"), ("fi", "Finnish"), ("fr", "French"),
    ("ga", "Irish"), ("gl", "Galician"), ("grc", "Ancient Greek"), ("he", "Hebrew"), ("hi", "Hindi"), ("hr", "Croatian"),
    ("hu", "Hungarian"), ("hy", "Armenian"), ("id", "Indonesian"), ("is", "Icelandic"), ("it", "Italian"),
    ("ja", "Japanese"), ("ka", "Georgian"), ("ki", "Kikuyu"), ("ko", "Korean"), ("la", "Latin"), ("lt", "Lithuanian"),
    ("lv", "Latvian"), ("lzh", "Classical Chinese"), ("mk", "Macedonian"), ("ml", "Malayalam"), ("mr", "Marathi"),
    ("nb", "Norwegian"), ("nl", "Dutch"), ("no", "Norwegian"), ("pl", "Polish"), ("pt", "Portuguese"), ("ro", "Romanian"),
    ("ru", "Russian"), ("sa", "Sanskrit"), ("sr", "Serbian"), ("sv", "Swedish"), ("tr", "Turkish"), ("uk", "Ukrainian"),
    ("ur", "Urdu"), ("yi", "Yiddish"), ("zh", "Chinese"),
];
