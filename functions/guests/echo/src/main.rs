//! Answers what it was asked: method, path, query, headers and body, as JSON. `/fetch?URL` asks that address and passes the answer
//! on, which needs the grant `hosts`; `/status/418` answers with that status. Runs wherever `wasi:http/proxy` does.

use serde_json::{Value, json};
use wstd::http::{Body, Client, Error, Request, Response, StatusCode};

#[wstd::http_server]
async fn main(request: Request<Body>) -> Result<Response<Body>, Error> {
    let path = request.uri().path();
    if path.ends_with("/fetch") {
        return Ok(fetch(request.uri().query().unwrap_or_default()).await);
    }
    if let Some((_, status)) = path.rsplit_once("/status/") {
        let status = status.parse().unwrap_or(StatusCode::BAD_REQUEST);
        return Ok(answer(status, &json!({ "status": status.as_u16() })));
    }
    let (head, mut body) = request.into_parts();
    let headers: serde_json::Map<String, Value> = head
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), Value::from(String::from_utf8_lossy(value.as_bytes()))))
        .collect();
    let asked = json!({
        "method": head.method.as_str(),
        "path": head.uri.path(),
        "query": head.uri.query(),
        "headers": headers,
        "body": String::from_utf8_lossy(body.contents().await?),
    });
    Ok(answer(StatusCode::OK, &asked))
}

/// What the host of `url` answers; 502 with the reason if it cannot be asked.
async fn fetch(url: &str) -> Response<Body> {
    let asked = match Request::get(url).body(Body::empty()) {
        Ok(asked) => asked,
        Err(error) => return answer(StatusCode::BAD_REQUEST, &json!({ "error": error.to_string() })),
    };
    match Client::new().send(asked).await {
        Ok(answered) => answered,
        Err(error) => answer(StatusCode::BAD_GATEWAY, &json!({ "error": error.to_string() })),
    }
}

fn answer(status: StatusCode, body: &Value) -> Response<Body> {
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert("content-type", "application/json".parse().expect("a header's value"));
    response
}
