//! What operators do. Each is a form; what came of it is told on the page that it leads to.

use std::sync::Arc;

use axum::{
    Extension, Form,
    extract::{Path, State},
    http::header,
    response::Response,
};
use serde::Deserialize;
use service::trace::TraceContext;

use super::{PATH, see_other};
use crate::{
    client::OperatorError,
    operators::{Operator, Told},
    origin::OurPage,
    shop::Shop,
};

const JOBS: &str = "/operators/jobs";
/// The longest name of a model that is sent on.
const LONGEST: usize = 128;

#[derive(Deserialize)]
pub(super) struct Training {
    #[serde(default)]
    model: String,
    force: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Version {
    #[serde(default)]
    version: String,
}

/// `POST /operators/train`
pub(super) async fn train(
    State(shop): State<Arc<Shop>>,
    _: OurPage,
    _: Operator,
    Extension(trace): Extension<TraceContext>,
    Form(Training { model, force }): Form<Training>,
) -> Response {
    if model.len() > LONGEST {
        return told(&shop, JOBS, &Told::not_done("There is no such model."));
    }
    let said = match shop.client.train(&trace, &model, force.is_some()).await {
        Ok(Some(job)) => Told::done(format!("Job {} is scheduled: it trains {}.", job.id, job.model)),
        Ok(None) => Told::done("A training is scheduled."),
        Err(error) => not_done(&error, "The training was not scheduled", "it is scheduled"),
    };
    told(&shop, JOBS, &said)
}

/// `POST /operators/jobs/{id}/cancel`
pub(super) async fn cancel(
    State(shop): State<Arc<Shop>>,
    _: OurPage,
    _: Operator,
    Extension(trace): Extension<TraceContext>,
    Path(id): Path<String>,
) -> Response {
    let Ok(id) = id.parse::<i64>() else {
        return told(&shop, JOBS, &Told::not_done("There is no such job."));
    };
    let said = match shop.client.cancel_job(&trace, id).await {
        Ok(Some(job)) if job.ended_at.is_some() => Told::done(format!("Job {id} is cancelled.")),
        Ok(_) => Told::done(format!("Job {id} is told to stop, and stops at its next step.")),
        Err(error) => not_done(&error, &format!("Job {id} was not cancelled"), "it is cancelled"),
    };
    told(&shop, JOBS, &said)
}

/// `POST /operators/activate`
pub(super) async fn activate(
    State(shop): State<Arc<Shop>>,
    _: OurPage,
    _: Operator,
    Extension(trace): Extension<TraceContext>,
    Form(Version { version }): Form<Version>,
) -> Response {
    if version.is_empty() || version.len() > LONGEST {
        return told(&shop, PATH, &Told::not_done("There is no such model."));
    }
    let said = match shop.client.activate_model(&trace, &version).await {
        Ok(()) => Told::done(format!("{version} answers now.")),
        Err(error) => not_done(&error, &format!("{version} was not activated"), "it answers"),
    };
    told(&shop, PATH, &said)
}

/// `POST /operators/roll-back`
pub(super) async fn roll_back(
    State(shop): State<Arc<Shop>>,
    _: OurPage,
    _: Operator,
    Extension(trace): Extension<TraceContext>,
) -> Response {
    let said = match shop.client.roll_back_model(&trace).await {
        Ok(Some(model)) => Told::done(format!("{} answers again.", model.version)),
        Ok(None) => Told::done("The model before answers again."),
        Err(error) => not_done(&error, "Nothing was rolled back", "the model before answers"),
    };
    told(&shop, PATH, &said)
}

/// What went wrong, in plain words; `what` was not done, or perhaps `so`.
fn not_done(error: &OperatorError, what: &str, so: &str) -> Told {
    Told::not_done(match error {
        OperatorError::Refused(why) => format!("{what}: {}.", why.trim_end_matches('.')),
        OperatorError::Token => format!(
            "{what}: recommendations asks for another token. Give it and the storefront the same SHELFWISE_TOKEN."
        ),
        OperatorError::Unavailable => {
            format!("Recommendations did not answer in time. See below whether {so}, and try again if not.")
        }
    })
}

/// To a page that says what came of it.
fn told(shop: &Shop, address: &str, told: &Told) -> Response {
    let mut answer = see_other(address);
    answer.headers_mut().append(header::SET_COOKIE, shop.operators.tell(told));
    answer
}
