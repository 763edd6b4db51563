use std::sync::Arc;

use askama::Template;
use axum::{
    Extension,
    extract::{Path, Query, State},
    http::HeaderMap,
    response::{IntoResponse as _, Response},
};
use protobufs::catalogue::{Book, Series};
use serde::Deserialize;
use serde_json::json;
use service::trace::TraceContext;

use super::{error::Problem, keep_private, page as render};
use crate::{
    cards::{foreign, names, primary, slug},
    catalogue::Category,
    client::CallError,
    controls::{Mine, Pick},
    covers::{self, Form},
    history::History,
    layout::Layout,
    reader::{Opinion, Reader},
    shop::Shop,
    suggestions::recommendation,
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
    /// `None`: what the reader said of it cannot be had.
    control: Option<Mine<'a>>,
    similar: Option<Similar<'a>>,
    late: bool,
    data: String,
}

struct SeriesLine<'a> {
    name: &'a str,
    number: Option<f64>,
}

struct Similar<'a> {
    picks: Vec<Pick<'a>>,
    simulated: bool,
}

/// Books on the shelf below.
const SIMILAR: i32 = 6;
/// Subjects in the sentence for search engines, which cut it short.
const TOLD_SUBJECTS: usize = 6;

#[derive(Deserialize)]
pub(crate) struct Asked {
    /// The recommendation that led here.
    from: Option<String>,
}

/// `GET /books/{id}?from=`
pub(crate) async fn page(
    State(shop): State<Arc<Shop>>,
    Extension(trace): Extension<TraceContext>,
    Path(id): Path<String>,
    Query(asked): Query<Asked>,
    request: HeaderMap,
) -> Response {
    let Some(id) = number(&id) else { return Problem::NotFound.into_response() };
    let reader = shop.cookies.reader(&request);
    let (book, similar, opinion, shown) = tokio::join!(
        shop.client.book(&trace, id),
        shop.client.similar(&trace, id, SIMILAR),
        opinion(&shop, &trace, reader.as_ref(), id),
        shop.shelves.first()
    );
    let book = match book {
        Ok(book) => book,
        Err(error) => return Problem::from(error).into_response(),
    };
    let catalogue = &shown.catalogue;
    let categories: Vec<_> =
        book.categories.iter().filter_map(|number| catalogue.category(*number)).collect();
    let from = asked.from.as_deref().and_then(recommendation);
    // Those who have no cookie met no list of their own.
    if let Some(from) = from.filter(|_| reader.is_some()) {
        shop.events.clicked(from, id);
    }
    let late = similar.is_err();
    let similar = similar.unwrap_or_default();
    let alike = similar.books.iter().filter_map(|alike| Some((alike.book.as_ref()?, alike.reason.as_str())));
    let list = recommendation(&similar.recommendation_id).filter(|_| reader.is_some());
    let picks: Vec<_> = alike.map(|(book, reason)| Pick::of_book(book, reason, catalogue).of(list)).collect();
    if let Some(list) = list.filter(|_| !picks.is_empty()) {
        shop.events.shown(list);
    }
    let simulated = similar.simulated;
    let back = match from {
        Some(from) => format!("/books/{id}?from={from}"),
        None => format!("/books/{id}"),
    };

    let by = names(&book.authors);
    let title = match by.as_str() {
        "" => format!("{} – Shelfwise", book.title),
        by => format!("{} by {by} – Shelfwise", book.title),
    };
    let description = match (by.as_str(), &book.subjects[..book.subjects.len().min(TOLD_SUBJECTS)]) {
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
    let mut answer = render(&Page {
        data: linked_data(&book, &categories, &layout),
        lang: foreign(&book.title_language),
        cover,
        year: book.year.map(year),
        series: book.series.as_ref().map(|Series { name, number }| SeriesLine { name, number: *number }),
        language: Some(&book.language).filter(|tag| !tag.is_empty()).map(|tag| language(tag)),
        isbn: Some(book.isbn13.as_str()).filter(|isbn| !isbn.is_empty()),
        categories,
        control: opinion.ok().map(|opinion| Mine::new(&book, opinion, &back).from(from)),
        similar: Some(Similar { picks, simulated }).filter(|similar| !similar.picks.is_empty()),
        late,
        layout,
        book: &book,
    });
    if reader.is_some() {
        keep_private(&mut answer);
    }
    answer
}

/// What the reader says of this book.
async fn opinion(
    shop: &Shop,
    trace: &TraceContext,
    reader: Option<&Reader>,
    book: i32,
) -> Result<Opinion, CallError> {
    let Some(reader) = reader else { return Ok(Opinion::default()) };
    match reader.session.about(book) {
        Some(opinion) => Ok(opinion),
        None => Ok(History::of(&shop.client, trace, reader).await?.about(book)),
    }
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
