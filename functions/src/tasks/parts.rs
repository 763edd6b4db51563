//! Requests and answers as they lie in rows.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};

use super::{WEBHOOK, prefer::PREFER};
use crate::{
    problem::Problem,
    store::{Input, Output},
};

/// What of a request's head no function is told later: what speaks of the connection, of the caller's rights, or to us.
const LEFT_OUT: [HeaderName; 13] = [
    header::AUTHORIZATION,
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::COOKIE,
    header::EXPECT,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
    PREFER,
    WEBHOOK,
];

/// A request on its way into a row.
pub(super) fn stored(request: Request<Bytes>) -> Input {
    let (mut head, body) = request.into_parts();
    for name in LEFT_OUT {
        head.headers.remove(name);
    }
    Input {
        method: head.method.to_string(),
        target: head.uri.to_string(),
        headers: written(&head.headers),
        body: body.into(),
    }
}

/// The request that was stored; none if the row is damaged.
pub(super) fn restored(input: Input) -> Option<Request<Bytes>> {
    let mut request = Request::new(Bytes::from(input.body));
    *request.method_mut() = Method::from_bytes(input.method.as_bytes()).ok()?;
    *request.uri_mut() = input.target.parse().ok()?;
    *request.headers_mut() = read(&input.headers)?;
    Some(request)
}

/// An answer on its way into a row.
pub(super) fn output(answer: Response<Bytes>) -> Output {
    let (head, body) = answer.into_parts();
    Output { status: head.status.as_u16(), headers: written(&head.headers), body: body.into() }
}

/// A problem on its way into a row.
pub(super) fn problem(problem: &Problem) -> Output {
    let headers = r#"[["content-type","application/problem+json"],["cache-control","no-store"]]"#.to_owned();
    Output { status: problem.status().as_u16(), headers, body: problem.to_json().to_string().into() }
}

/// The answer that was stored; none if the row is damaged.
pub(super) fn answer(output: Output) -> Option<Response<Bytes>> {
    let mut answer = Response::new(Bytes::from(output.body));
    *answer.status_mut() = StatusCode::from_u16(output.status).ok()?;
    *answer.headers_mut() = read(&output.headers)?;
    Some(answer)
}

/// A JSON array of pairs. A value's bytes, which may be any, are written as the characters of the same numbers.
fn written(headers: &HeaderMap) -> String {
    let text =
        |value: &HeaderValue| value.as_bytes().iter().map(|byte| char::from(*byte)).collect::<String>();
    let pairs: Vec<_> = headers.iter().map(|(name, value)| [name.as_str().to_owned(), text(value)]).collect();
    serde_json::json!(pairs).to_string()
}

fn read(text: &str) -> Option<HeaderMap> {
    let pairs: Vec<(String, String)> = serde_json::from_str(text).ok()?;
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        let bytes: Vec<u8> =
            value.chars().map(|sign| u8::try_from(u32::from(sign))).collect::<Result<_, _>>().ok()?;
        headers.append(HeaderName::try_from(name).ok()?, HeaderValue::from_bytes(&bytes).ok()?);
    }
    Some(headers)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{HeaderValue, Request};

    use super::{Input, restored, stored};

    #[test]
    fn a_row_that_is_not_there_is_no_request() {
        let nothing =
            Input { method: String::new(), target: String::new(), headers: String::new(), body: Vec::new() };
        assert!(restored(nothing).is_none());
    }

    #[test]
    fn a_request_comes_back_without_what_is_nobodys_business_later() {
        let mut request = Request::post("/classify?a=%20b").body(Bytes::from_static(b"\x00\xff")).unwrap();
        for (name, value) in [
            ("content-type", &b"image/png"[..]),
            ("x-odd", b"\xe9\"\\"),
            ("x-odd", b"second"),
            ("authorization", b"Bearer x"),
            ("cookie", b"a=b"),
            ("prefer", b"respond-async"),
        ] {
            request.headers_mut().append(name, HeaderValue::from_bytes(value).unwrap());
        }
        let back = restored(stored(request)).unwrap();
        assert_eq!((back.method().as_str(), back.uri().to_string().as_str()), ("POST", "/classify?a=%20b"));
        assert_eq!(&back.body()[..], b"\x00\xff");
        let headers: Vec<_> =
            back.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        let expected = [("content-type", &b"image/png"[..]), ("x-odd", b"\xe9\"\\"), ("x-odd", b"second")];
        assert_eq!(headers, expected);
    }
}
