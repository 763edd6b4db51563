//! How the variants do that are compared by readers.

use std::sync::Arc;

use askama::Template;
use axum::{
    Extension,
    extract::{Query, State},
    http::HeaderMap,
    response::Response,
};
use protobufs::models::{GetVariantReportResponse, Rate, VariantReport};
use serde::Deserialize;
use service::trace::TraceContext;

use super::{Desk, Place};
use crate::{
    figures::{count, percent},
    operators::Operator,
    plots::{Interval, Scale, interval},
    shop::Shop,
};

const PATH: &str = "/operators/variants";
/// How far back it may go.
const DAYS: [i32; 3] = [7, 30, 90];

#[derive(Template)]
#[template(path = "operators/variants.html")]
struct Page {
    desk: Desk,
    spans: Vec<Span>,
    days: i32,
    summary: String,
    rows: Vec<Row>,
    rates: [Rates; 2],
    dropped: Option<String>,
}

/// Another time to look at.
struct Span {
    name: String,
    address: String,
    here: bool,
}

struct Row {
    name: String,
    readers: String,
    impressions: String,
    clicks: String,
    ratings: String,
}

/// One rate of all variants, on one scale.
struct Rates {
    id: &'static str,
    name: &'static str,
    /// Below the bars, from left to right.
    below: Vec<String>,
    rows: Vec<RateRow>,
}

struct RateRow {
    name: String,
    rate: String,
    low: String,
    high: String,
    svg: String,
}

#[derive(Deserialize)]
pub(super) struct Asked {
    days: Option<String>,
}

/// `GET /operators/variants`
pub(super) async fn page(
    State(shop): State<Arc<Shop>>,
    operator: Operator,
    Extension(trace): Extension<TraceContext>,
    request: HeaderMap,
    Query(Asked { days }): Query<Asked>,
) -> Response {
    let desk = Desk::new(&shop, operator, &request, "Variants", Place::Variants);
    let asked = days.and_then(|days| days.parse().ok());
    let days = asked.filter(|days| DAYS.contains(days)).unwrap_or(DAYS[1]);
    match shop.client.variants(&trace, days).await {
        Ok(report) => desk.show(&Page::new(desk.clone(), days, report)),
        Err(error) => desk.trouble(&error),
    }
}

impl Page {
    fn new(desk: Desk, days: i32, report: GetVariantReportResponse) -> Self {
        let way = |span: i32| Span {
            name: format!("{span} days"),
            address: format!("{PATH}?days={span}"),
            here: span == days,
        };
        let GetVariantReportResponse { variants, summary, dropped_events } = report;
        Self {
            desk,
            spans: DAYS.map(way).into(),
            days,
            summary,
            rows: variants.iter().map(Row::new).collect(),
            rates: [
                Rates::new("clicks", "Click rate", &variants, |variant| variant.click_rate),
                Rates::new("ratings", "Rating rate", &variants, |variant| variant.rating_rate),
            ],
            dropped: (dropped_events > 0).then(|| count(dropped_events)),
        }
    }
}

impl Row {
    fn new(variant: &VariantReport) -> Self {
        Self {
            name: variant.variant.clone(),
            readers: count(variant.readers),
            impressions: count(variant.impressions),
            clicks: count(variant.clicks),
            ratings: count(variant.ratings),
        }
    }
}

impl Rates {
    fn new(
        id: &'static str,
        name: &'static str,
        variants: &[VariantReport],
        rate: fn(&VariantReport) -> Option<Rate>,
    ) -> Self {
        let rates: Vec<_> =
            variants.iter().filter_map(|variant| Some((&variant.variant, rate(variant)?))).collect();
        // Of what nothing was seen, anything may be: that tells nothing about the others' scale.
        let seen = rates.iter().map(|(_, rate)| rate.high).filter(|high| *high < 1.0);
        let scale = Scale::from_nothing(seen, 0.01);
        let in_percent =
            |share: f64, digits: usize| format!("{:.*} %", digits.saturating_sub(2), 100.0 * share);
        let mut below = scale.ticks(in_percent);
        below.reverse();
        let rows = rates.into_iter().map(|(variant, Rate { rate, low, high })| {
            let [said, least, most] = [rate, low, high].map(percent);
            let words = format!("{variant}: {said}, between {least} and {most}");
            let svg = interval(Interval { low, rate, high }, scale, &words);
            RateRow { name: variant.clone(), rate: said, low: least, high: most, svg }
        });
        Self { id, name, below, rows: rows.collect() }
    }
}
