//! From a request to a response by way of a guest, whoever sends the request: HTTP, a task, a schedule.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use host::{Call, Ended, Kind, Lines, Shop};
use http::{Request, Response, Uri, uri::PathAndQuery};

use crate::{
    calls::{Calls, Outcome, Overloaded},
    deployed::Deployed,
    events::{Events, Image},
    input::Input,
    logs::Logs,
    output,
    problem::Problem,
};

/// What it takes to call functions. Clones are cheap.
#[derive(Clone)]
pub struct Invoker {
    /// Places and counters.
    pub calls: Calls,
    /// What guests write.
    pub logs: Logs,
    /// What is remembered of images.
    pub events: Events,
}

/// A request to a function.
pub struct Invocation<'a> {
    /// Whom.
    pub deployed: &'a Arc<Deployed>,
    /// With what. Of a guest that speaks HTTP the path is what comes after the function's name.
    pub request: Request<Bytes>,
    /// What it is called in the log.
    pub id: Arc<str>,
    /// What the guest asks.
    pub shop: Arc<dyn Shop>,
    /// How long it may take, if not what its limits say.
    pub time: Option<Duration>,
    /// Who is told what the guest writes, line by line, while it runs.
    pub lines: Option<Lines>,
}

impl Invoker {
    /// Calls a function and makes a response of its answer. Dropping the future ends the guest.
    ///
    /// # Errors
    ///
    /// If the request is not taken, or the function does not answer. What the caller is not told is in the log.
    pub async fn invoke(&self, invocation: Invocation<'_>) -> Result<Response<Bytes>, Problem> {
        let Invocation { deployed, request, id, shop, time, lines } = invocation;
        let kind = deployed.function.kind();
        if request.body().len() > deployed.most_body {
            return Err(Problem::LongBody(deployed.most_body));
        }
        let (head, body) = request.into_parts();
        let method = head.method.clone();
        let image = Image::of(&head.headers, &body);
        let (data, payload, request) = if kind == Kind::Http {
            (None, body, Some(Arc::new(head)))
        } else {
            accepted(&head.headers, &body, deployed)?;
            let input = Input::new(head.uri.query(), &head.headers, body, &deployed.manifest.input)?;
            let payload = if kind == Kind::Command { input.body } else { input.payload() };
            (input.data, payload, None)
        };
        let call = Call { data, payload, request, shop, time, lines };
        let mut turn = self.calls.turn(deployed, &self.logs, &id);
        let ended = turn.run(call).await.map_err(|overloaded| match overloaded {
            Overloaded::Function => Problem::Busy,
            Overloaded::All => Problem::Overloaded,
        })?;
        self.logs.add(&deployed.name, &id, &ended);
        let Ended { result, usage, .. } = ended;
        let mut outcome = Outcome::of(&result);
        let response = result.map_err(|error| Problem::from(&error)).and_then(|answer| {
            output::respond(answer, &method, kind, &deployed.manifest).map_err(|why| {
                self.logs.bad_answer(&deployed.name, &id, &why);
                outcome = Outcome::Failed;
                Problem::BadAnswer
            })
        });
        turn.ended(outcome, &usage);
        let response = response?;
        if let Some(image) = image.filter(|_| response.status().is_success()) {
            self.events.answered(&deployed.name, &id, image, &response, usage.time);
        }
        Ok(response)
    }
}

/// The request as a guest that speaks HTTP sees it: addressed to its own root.
#[must_use]
pub fn below(uri: &Uri, prefix: &str) -> Uri {
    let path = uri.path().strip_prefix(prefix).unwrap_or(uri.path());
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    let whole = match uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path,
    };
    // It was an address before.
    whole.parse::<PathAndQuery>().map_or_else(|_| Uri::from_static("/"), Uri::from)
}

fn accepted(headers: &http::HeaderMap, body: &Bytes, deployed: &Deployed) -> Result<(), Problem> {
    let accepts = &deployed.manifest.accepts;
    if accepts.is_empty() || body.is_empty() {
        return Ok(());
    }
    let said = headers.get(http::header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    // Who says nothing, or what forms and uploads say of anything, is given the benefit of the doubt.
    let said = said
        .filter(|kind| !matches!(*kind, "application/octet-stream" | "application/x-www-form-urlencoded"));
    let Some(Ok(kind)) = said.map(str::parse) else { return Ok(()) };
    if accepts.iter().any(|range| range.has(&kind)) {
        return Ok(());
    }
    let ranges: Vec<_> = accepts.iter().map(ToString::to_string).collect();
    Err(Problem::BadInput(format!("this function takes {}", ranges.join(", "))))
}
