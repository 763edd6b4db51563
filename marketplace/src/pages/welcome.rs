//! Five known books, and a list that changes with each of them.

use std::sync::Arc;

use askama::Template;
use axum::{
    Extension,
    extract::{Query, State},
    http::HeaderMap,
    response::{IntoResponse as _, Response},
};
use protobufs::recommendations::{RecommendationRequest, Strategy};
use serde::Deserialize;
use service::trace::TraceContext;

use super::{error::Problem, personal};
use crate::{
    controls::Pick,
    history::{History, Part},
    layout::Layout,
    reader::Reader,
    shop::Shop,
    suggestions::Suggestions,
};

#[derive(Template)]
#[template(path = "welcome.html")]
struct Page<'a> {
    layout: Layout,
    progress: String,
    goal: usize,
    filled: usize,
    rated: usize,
    done: bool,
    cards: Vec<Pick<'a>>,
    /// Where there are others.
    more: Option<String>,
    picks: Vec<Pick<'a>>,
    simulated: bool,
    late: bool,
}

#[derive(Deserialize)]
pub(crate) struct Asked {
    more: Option<String>,
}

/// So many ratings say enough.
const GOAL: usize = 5;
/// Books to choose from at a time, and how often there are others.
const BOOKS: usize = 12;
const ROUNDS: usize = 10;
/// Books on the list.
const LIST: i32 = 6;

/// `GET /welcome?more=`
pub(crate) async fn page(
    State(shop): State<Arc<Shop>>,
    Extension(trace): Extension<TraceContext>,
    Query(asked): Query<Asked>,
    request: HeaderMap,
) -> Response {
    let round = asked.more.as_deref().map_or(Some(0), |text| text.parse().ok());
    let Some(round) = round.filter(|round| *round < ROUNDS) else { return Problem::NotFound.into_response() };
    let known = shop.cookies.reader(&request);
    let reader = known.clone().unwrap_or_else(Reader::nobody);
    let question = RecommendationRequest {
        max_results: i32::try_from((round + 1) * BOOKS).unwrap_or(i32::MAX),
        all_categories: true,
        strategy: Strategy::Popular.into(),
        // By popularity alone: variety would change with each rating, and with how many books are asked for.
        diversity: Some(0.0),
        exploration: Some(0.0),
        // The same books for everybody and after each rating.
        seed: Some(1),
        ..Default::default()
    };
    let history = async {
        match &known {
            Some(reader) => History::of(&shop.client, &trace, reader).await,
            None => Ok(History::default()),
        }
    };
    let (popular, history, list, shown) = tokio::join!(
        shop.client.ask(&trace, &question),
        history,
        Suggestions::of(&shop, &trace, &reader, LIST),
        shop.shelves.first()
    );
    let (popular, history) = match (popular, history) {
        (Ok(popular), Ok(history)) => (popular, history),
        (Err(error), _) | (_, Err(error)) => return Problem::from(error).into_response(),
    };
    let path = address(round);
    let books = popular.recommendations.iter().skip(round * BOOKS);
    let cards: Vec<_> = books
        .map(|book| {
            Pick::recommended(book, None, &shown.catalogue)
                .without_reason()
                .with_stars(history.about(book.id), &path)
        })
        .collect();
    let rated = history.count(Part::Rated);
    let list = list.as_ref();
    personal(&Page {
        layout: shop.layout("Start with five books – Shelfwise", "/welcome").unlisted(),
        progress: match rated {
            0 => format!("None of {GOAL} yet"),
            1..GOAL => format!("{rated} of {GOAL}"),
            _ => format!("{rated} books: that is enough to go on."),
        },
        goal: GOAL,
        filled: rated.min(GOAL),
        rated,
        done: rated >= GOAL,
        more: (cards.len() == BOOKS && round + 1 < ROUNDS).then(|| address(round + 1)),
        cards,
        picks: list
            .map(|list| list.picks(&shown.catalogue, &path))
            .unwrap_or_default()
            .into_iter()
            .map(Pick::without_controls)
            .collect(),
        simulated: popular.simulated || list.is_ok_and(Suggestions::simulated),
        late: list.is_err(),
    })
}

fn address(round: usize) -> String {
    if round == 0 { "/welcome".to_owned() } else { format!("/welcome?more={round}") }
}
