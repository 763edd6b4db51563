//! A component that speaks HTTP itself: `wasi:http/proxy`, as `wasmtime serve` and Spin run it.

use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::{Method, Request, StatusCode, header::CONTENT_LENGTH};
use tokio::sync::oneshot;
use wasmtime::Store;
use wasmtime_wasi_http::{
    WasiHttpView as _,
    p2::bindings::{ProxyPre, http::types::Scheme},
};

use super::trapped;
use crate::{Answer, Call, CallError, state::State};

/// What a request is said to be addressed to where it does not say so itself.
const NOBODY: &str = "localhost";

pub(super) async fn call(
    pre: &ProxyPre<State>,
    store: &mut Store<State>,
    call: &Call,
) -> Result<Answer, CallError> {
    let limit = store.data().stdout.limit();
    let (answer, answered) = oneshot::channel();
    let bad = |error: wasmtime::Error| CallError::Host(format!("{error:#}"));
    let request = store.data_mut().http().new_incoming_request(Scheme::Http, request(call)).map_err(bad)?;
    let out = store.data_mut().http().new_response_outparam(answer).map_err(bad)?;
    let proxy = pre.instantiate_async(&mut *store).await.map_err(trapped)?;
    // The guest may still write its body when it has given its head, so both go on together, until either fails: a guest whose
    // answer is too long would go on for nothing, and what a guest has left open when it trapped is never written to again.
    let handle = async {
        proxy.wasi_http_incoming_handler().call_handle(&mut *store, request, out).await.map_err(trapped)?;
        // What a guest keeps open when it returns ends here, or whoever reads the answer would wait for more of it.
        drop(std::mem::take(store.data_mut().http().table));
        Ok::<_, CallError>(())
    };
    let read = async {
        let Ok(answer) = answered.await else {
            return Err(CallError::BadAnswer("it returned without an answer".to_owned()));
        };
        let answer = answer.map_err(|error| CallError::BadAnswer(format!("{error:?}")))?;
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, limit).collect().await.map_err(|error| {
            match error.downcast_ref::<LengthLimitError>() {
                Some(_) => CallError::LongAnswer(limit),
                None => CallError::BadAnswer("its body ends before its end".to_owned()),
            }
        })?;
        let body = body.to_bytes();
        let said = head.headers.get(CONTENT_LENGTH).and_then(|said| said.to_str().ok()?.parse().ok());
        // To HEAD, and that nothing has changed, it says what a whole answer would have.
        let has_body = head.status != StatusCode::NOT_MODIFIED
            && call.request.as_ref().is_none_or(|head| head.method != Method::HEAD);
        if has_body && said.is_some_and(|said: usize| said != body.len()) {
            return Err(CallError::BadAnswer("its body is not as long as it says".to_owned()));
        }
        Ok(Answer { status: head.status, headers: head.headers, body })
    };
    // In this order: a guest that traps lets go of its answer, too, and the trap is what there is to tell.
    let ((), answer) = tokio::try_join!(biased; handle, read)?;
    Ok(answer)
}

fn request(
    call: &Call,
) -> Request<http_body_util::combinators::UnsyncBoxBody<bytes::Bytes, wasmtime_wasi_http::Error>> {
    let body = Full::new(call.payload.clone()).map_err(|never| match never {}).boxed_unsync();
    let Some(head) = &call.request else {
        return Request::builder()
            .method(Method::POST)
            .header(hyper::header::HOST, NOBODY)
            .body(body)
            .unwrap_or_default();
    };
    let mut request = Request::new(body);
    *request.method_mut() = head.method.clone();
    *request.uri_mut() = head.uri.clone();
    *request.headers_mut() = head.headers.clone();
    if head.uri.authority().is_none() {
        let nobody = hyper::header::HeaderValue::from_static(NOBODY);
        request.headers_mut().entry(hyper::header::HOST).or_insert(nobody);
    }
    request
}
