use std::{
    pin::pin,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use bytes::Bytes;
use futures_util::future::{Either, select};
use http::HeaderValue;
use prost::Message;
use service::trace::TraceContext;
use tokio::time::{Instant, timeout_at};
use tonic::Code;

use super::{
    CallError, Inner,
    grpc::{self, Exchange, Fault, Method},
    line::Line,
    measure::Measured,
};

/// Calls in flight at a time. Each ends with its deadline, so this is a bound on memory, not on load.
const MOST_IN_FLIGHT: i64 = 4096;
/// How often a call that no server has begun to work on may be sent elsewhere.
const REFUSALS: u32 = 3;

/// A call with what all of its attempts share.
struct Asked<'a> {
    method: Method,
    message: Bytes,
    trace: &'a TraceContext,
    /// What guarded calls show.
    token: Option<&'a HeaderValue>,
    start: Instant,
    /// How long it may take.
    time: Duration,
    deadline: Instant,
}

/// How a fault may be mended.
enum Mend {
    /// No server has begun to work on it, so that trying again costs none twice.
    Elsewhere,
    /// By another attempt, if the budget pays.
    Retry,
    No,
}

impl Inner {
    /// Asks, once more if need be, and answers within the deadline. Most calls only read or carry the name of their request,
    /// and do no harm when repeated; the others are sent again only where no server has begun to work on them.
    pub(super) async fn call<A: Message + Default>(
        &self,
        trace: &TraceContext,
        method: Method,
        question: &impl Message,
    ) -> Result<A, CallError> {
        self.send(trace, method, grpc::frame(question), self.deadline).await
    }

    /// As [`Inner::call`], with a time of its own, and with messages that are framed already.
    pub(super) async fn send<A: Message + Default>(
        &self,
        trace: &TraceContext,
        method: Method,
        message: Bytes,
        time: Duration,
    ) -> Result<A, CallError> {
        self.try_send(trace, method, message, time).await.map_err(|fault| fault.error())
    }

    /// As [`Inner::send`], for callers who want to know what exactly has failed.
    pub(super) async fn try_send<A: Message + Default>(
        &self,
        trace: &TraceContext,
        method: Method,
        message: Bytes,
        time: Duration,
    ) -> Result<A, Fault> {
        self.open();
        let measured = self.measures.begin(method);
        self.budget.earn();
        let start = Instant::now();
        let token = self.token.as_ref().filter(|_| method.is_guarded());
        let asked = Asked { method, message, trace, token, start, time, deadline: start + time };
        let answer = if self.measures.in_flight() > MOST_IN_FLIGHT {
            Err(Fault::Crowded)
        } else {
            self.attempts(&asked).await
        };
        let answer =
            answer.and_then(|message| A::decode(message).map_err(|error| Fault::Wrong(error.to_string())));
        match answer {
            Ok(answer) => {
                measured.answered();
                Ok(answer)
            }
            Err(fault) => {
                measured.failed(&fault, trace);
                Err(fault)
            }
        }
    }

    /// Begins a call that is a stream. Once something has gone into it, it cannot be made again. The line is to be held until
    /// its end: the connection closes some time after nobody holds it any more, be the server leaving or not.
    pub(super) async fn exchange(
        &self,
        trace: &TraceContext,
        method: Method,
        time: Duration,
    ) -> Result<(Measured<'_>, Exchange, Arc<Line>), CallError> {
        self.open();
        let measured = self.measures.begin(method);
        let token = self.token.as_ref().filter(|_| method.is_guarded());
        let deadline = Instant::now() + self.deadline;
        let (mut fault, mut not) = (Fault::Nobody, None);
        for _ in 0..=REFUSALS {
            let Some(line) = self.line(not.as_ref(), deadline).await else { break };
            match line.exchange(method, grpc::timeout(time), token, trace) {
                Ok(exchange) => return Ok((measured, exchange, line)),
                // It takes no more calls, this one included.
                Err(refused) => {
                    self.rotation.lost(&line);
                    (fault, not) = (refused, Some(line));
                }
            }
        }
        measured.failed(&fault, trace);
        Err(fault.error())
    }

    async fn attempts(&self, asked: &Asked<'_>) -> Result<Bytes, Fault> {
        let mut failed: Option<(Fault, Arc<Line>)> = None;
        let (mut refusals, mut retried) = (0, !asked.method.may_be_repeated());
        loop {
            let Some(line) = self.line(failed.as_ref().map(|(_, line)| line), asked.deadline).await else {
                return Err(failed.map_or(Fault::Nobody, |(fault, _)| fault));
            };
            let (fault, line) = match self.attempt(line, asked, &mut retried).await {
                Ok(answer) => return Ok(answer),
                Err(failed) => failed,
            };
            if matches!(fault, Fault::Refused(_) | Fault::Lost(_)) {
                self.rotation.lost(&line);
            }
            match mend(&fault) {
                Mend::Elsewhere if refusals < REFUSALS => refusals += 1,
                Mend::Retry if !retried && self.budget.pay() => retried = true,
                Mend::Elsewhere | Mend::Retry | Mend::No => return Err(fault),
            }
            self.measures.retried(&fault);
            failed = Some((fault, line));
        }
    }

    /// One attempt; if it has used up half of the time, a second one elsewhere runs beside it.
    async fn attempt(
        &self,
        line: Arc<Line>,
        asked: &Asked<'_>,
        retried: &mut bool,
    ) -> Result<Bytes, (Fault, Arc<Line>)> {
        let waited = asked.start.elapsed();
        let time = match waited.as_micros() {
            0..1000 if asked.time == self.deadline => self.timeout.clone(),
            _ => grpc::timeout(asked.time.saturating_sub(waited)),
        };
        let ask = |line: Arc<Line>, time| async move {
            let answer = line
                .ask(asked.method, asked.message.clone(), time, asked.deadline, asked.token, asked.trace)
                .await;
            answer.map_err(|fault| (fault, line))
        };
        if *retried || self.rotation.view().serving.len() < 2 {
            return ask(line, time).await;
        }
        let mut first = pin!(ask(Arc::clone(&line), time));
        if let Ok(answer) = timeout_at(asked.start + asked.time / 2, &mut first).await {
            return answer;
        }
        line.is_late();
        let other =
            self.rotation.view().pick(self.turn.fetch_add(1, Ordering::Relaxed), Some(&line)).cloned();
        let Some(other) = other.filter(|_| self.budget.pay()) else { return first.await };
        *retried = true;
        self.measures.retried(&Fault::Late);
        let time = grpc::timeout(asked.deadline.saturating_duration_since(Instant::now()));
        match select(first, pin!(ask(other, time))).await {
            Either::Left((Ok(answer), _)) | Either::Right((Ok(answer), _)) => Ok(answer),
            Either::Left((Err(_), second)) => second.await,
            Either::Right((Err(_), first)) => first.await,
        }
    }

    /// Whose turn it is, but for `not`; waits if somebody is about to be there. `None` if nobody is.
    async fn line(&self, not: Option<&Arc<Line>>, deadline: Instant) -> Option<Arc<Line>> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        if let Some(line) = self.rotation.view().pick(turn, not) {
            return Some(Arc::clone(line));
        }
        loop {
            let changed = self.rotation.changed();
            let coming = {
                let view = self.rotation.view();
                if let Some(line) = view.pick(turn, not) {
                    return Some(Arc::clone(line));
                }
                view.coming
            };
            if !coming || timeout_at(deadline, changed).await.is_err() {
                return None;
            }
        }
    }
}

fn mend(fault: &Fault) -> Mend {
    match fault {
        Fault::Refused(_) => Mend::Elsewhere,
        // The line it failed on is not asked again: one that is overloaded is not made more so.
        Fault::Lost(_) | Fault::Cut(_) => Mend::Retry,
        Fault::Status { code: Code::Unavailable | Code::ResourceExhausted, .. } => Mend::Retry,
        Fault::Status { .. } | Fault::Wrong(_) | Fault::Late | Fault::Nobody | Fault::Crowded => Mend::No,
    }
}
