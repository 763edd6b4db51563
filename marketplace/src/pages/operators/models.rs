//! Models: which answers, how good each is, and how that went from version to version.

use std::sync::Arc;

use askama::Template;
use axum::{Extension, extract::State, http::HeaderMap, response::Response};
use protobufs::models::{Model, Quality};
use service::trace::TraceContext;

use super::{Desk, Figure, Place, jobs::KINDS};
use crate::{
    figures::{When, ago, bytes, count, difference, duration, three},
    operators::Operator,
    plots::{Point, Scale, versions},
    reader::now,
    shop::Shop,
};

#[derive(Template)]
#[template(path = "operators/models.html")]
struct Page {
    desk: Desk,
    answering: Option<Answering>,
    /// Whether there is another model to go back to.
    others: bool,
    figures: Vec<Figure>,
    rows: Vec<Row>,
    kinds: &'static [(&'static str, &'static str)],
}

/// The model that answers.
struct Answering {
    version: String,
    kind: String,
    made: When,
    ago: String,
    simulated: bool,
    readers: String,
    books: String,
    interactions: String,
    /// `None` if it was not measured.
    quality: Option<Tiles>,
}

struct Tiles {
    ndcg: String,
    /// How far it is from that of the model before, on the same ratings.
    ndcg_change: Option<String>,
    coverage: String,
    coverage_change: Option<String>,
    readers: String,
}

struct Row {
    version: String,
    made: When,
    /// NDCG, recall, MAP, coverage, novelty, Gini, or dashes.
    quality: [String; 6],
    readers: String,
    books: String,
    interactions: String,
    seconds: String,
    bytes: String,
    standing: Standing,
    active: bool,
    simulated: bool,
    /// What is to be said of how it stands.
    about: String,
}

/// Whether a model answers, or may, as a word and a shape.
#[derive(Clone, Copy)]
struct Standing {
    word: &'static str,
    class: &'static str,
    path: &'static str,
}

const ANSWERS: Standing = Standing { word: "Answers", class: "good", path: "M2 6.5l3 3 5-7" };
const KEPT: Standing = Standing { word: "Kept", class: "off", path: "M2.5 6h7" };
const REFUSED: Standing = Standing { word: "Refused", class: "bad", path: "M3 3l6 6M9 3l-6 6" };
const CANDIDATE: Standing = Standing { word: "Candidate", class: "waits", path: "M6 2.5v7M2.5 6h7" };

/// What is said of a candidate.
const NOT_MEASURED: &str =
    "It was made elsewhere and not measured here. It answers once somebody activates it.";

/// A figure of quality: its name, what it says, and where it stands.
struct Measure {
    name: &'static str,
    about: &'static str,
    of: fn(&Quality) -> f64,
    words: fn(f64) -> String,
    /// A narrower scale would make much of little.
    least: f64,
}

const MEASURES: [Measure; 6] = [
    Measure {
        name: "NDCG@10",
        about: "how soon held-out books come",
        of: |quality| quality.ndcg,
        words: three,
        least: 0.04,
    },
    Measure {
        name: "Coverage@10",
        about: "share of books that somebody is shown",
        of: |quality| quality.coverage,
        words: three,
        least: 0.1,
    },
    Measure {
        name: "Recall@20",
        about: "share of held-out books found",
        of: |quality| quality.recall,
        words: three,
        least: 0.04,
    },
    Measure {
        name: "MAP@10",
        about: "precision over all places",
        of: |quality| quality.map,
        words: three,
        least: 0.04,
    },
    Measure {
        name: "Novelty",
        about: "bits; higher is less obvious",
        of: |quality| quality.novelty,
        words: |number| format!("{number:.2}"),
        least: 0.5,
    },
    Measure {
        name: "Gini",
        about: "0 all books alike, 1 all on one",
        of: |quality| quality.gini,
        words: three,
        least: 0.1,
    },
];

/// `GET /operators`
pub(super) async fn page(
    State(shop): State<Arc<Shop>>,
    operator: Operator,
    Extension(trace): Extension<TraceContext>,
    request: HeaderMap,
) -> Response {
    let desk = Desk::new(&shop, operator, &request, "Models", Place::Models);
    let models = match shop.client.models(&trace).await {
        Ok(models) => models,
        Err(error) => return desk.trouble(&error),
    };
    let now = i64::try_from(now()).unwrap_or(i64::MAX);
    let answering = models.iter().find(|model| model.active).map(|model| Answering::new(model, now));
    let measured = models.iter().any(|model| model.quality.is_some());
    let figures =
        if measured { MEASURES.iter().map(|measure| measure.figure(&models)).collect() } else { Vec::new() };
    let rows = models.iter().map(Row::new).collect();
    let others = models.len() > 1;
    desk.show(&Page { desk: desk.clone(), answering, others, figures, rows, kinds: &KINDS })
}

impl Measure {
    /// Over all versions, the oldest first.
    fn figure(&self, models: &[Model]) -> Figure {
        let number = |quality: Option<&Quality>| quality.map(self.of).filter(|number| number.is_finite());
        let points: Vec<Point> = models
            .iter()
            .rev()
            .map(|model| {
                let (value, compared) =
                    (number(model.quality.as_ref()), number(model.compared_with.as_ref()));
                let told = value.map_or("not measured".to_owned(), self.words);
                let other = compared
                    .map_or(String::new(), |other| format!(", compared with {}", (self.words)(other)));
                let standing = Standing::of(model).word.to_lowercase();
                Point {
                    name: short(&model.version).to_owned(),
                    words: format!("{}: {told}{other}, {standing}", model.version),
                    value,
                    compared,
                    active: model.active,
                    refused: !model.refused.is_empty(),
                }
            })
            .collect();
        let numbers = points.iter().flat_map(|point| [point.value, point.compared]).flatten();
        let scale = Scale::around(numbers, self.least);
        let told: Vec<&str> =
            points.iter().filter(|point| point.value.is_some()).map(|point| point.words.as_str()).collect();
        let words = format!("{} by version. {}", self.name, told.join("; "));
        Figure { name: self.name, about: self.about, plot: versions(&points, scale, &words) }
    }
}

impl Standing {
    fn of(model: &Model) -> Self {
        match (model.active, model.candidate, model.refused.is_empty()) {
            (true, ..) => ANSWERS,
            (false, true, _) => CANDIDATE,
            (false, false, false) => REFUSED,
            (false, false, true) => KEPT,
        }
    }
}

impl Answering {
    fn new(model: &Model, now: i64) -> Self {
        let made = model.created_at.as_ref().map_or(0, |at| at.seconds);
        let before = model.compared_with.as_ref();
        let quality = model.quality.as_ref().map(|quality| Tiles {
            ndcg: three(quality.ndcg),
            ndcg_change: before.map(|before| difference(quality.ndcg, before.ndcg)),
            coverage: three(quality.coverage),
            coverage_change: before.map(|before| difference(quality.coverage, before.coverage)),
            readers: count(quality.readers),
        });
        Self {
            version: model.version.clone(),
            kind: model.kind.clone(),
            made: When::at(made),
            ago: ago(now - made),
            simulated: model.simulated,
            readers: count(model.readers),
            books: count(model.books),
            interactions: count(model.interactions),
            quality,
        }
    }
}

impl Row {
    fn new(model: &Model) -> Self {
        let quality = model.quality.as_ref();
        let number =
            |measure: &Measure| quality.map_or("–".to_owned(), |it| (measure.words)((measure.of)(it)));
        // In the order in which they are explained: NDCG, recall, MAP, coverage, novelty, Gini.
        let [ndcg, coverage, recall, map, novelty, gini] = MEASURES.each_ref().map(number);
        Self {
            version: model.version.clone(),
            made: When::at(model.created_at.as_ref().map_or(0, |at| at.seconds)),
            quality: [ndcg, recall, map, coverage, novelty, gini],
            readers: count(model.readers),
            books: count(model.books),
            interactions: count(model.interactions),
            seconds: duration(model.seconds),
            bytes: bytes(model.bytes),
            standing: Standing::of(model),
            active: model.active,
            simulated: model.simulated,
            about: if model.candidate { NOT_MEASURED.to_owned() } else { model.refused.clone() },
        }
    }
}

/// The number that a version begins with.
fn short(version: &str) -> &str {
    version.split('-').next().unwrap_or(version)
}
