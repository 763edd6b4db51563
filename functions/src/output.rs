//! What a guest's answer becomes on its way out.

use bytes::Bytes;
use host::{Answer, Kind};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header};

use crate::{
    json,
    manifest::{Manifest, Output},
};

/// What an answer's type is, where nobody says: by its bytes.
const SIGNATURES: [(&[u8], &str); 8] = [
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"BM", "image/bmp"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
    (b"\0\0\x01\0", "image/x-icon"),
];

/// Said of whatever guests answer: it is not guessed at, and no page made of it runs or belongs to this origin.
const SANDBOX: HeaderValue = HeaderValue::from_static("sandbox");
const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");

/// Headers that a guest cannot give: those of the connection, and those that speak for the whole origin.
const REFUSED: [&str; 20] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "content-length",
    "set-cookie",
    "set-cookie2",
    "clear-site-data",
    "service-worker-allowed",
    "strict-transport-security",
    "alt-svc",
    "content-security-policy",
    "content-security-policy-report-only",
    "x-content-type-options",
    "x-request-id",
];

/// The most header lines of a CGI answer, and the most bytes of all.
const MOST_LINES: usize = 100;
const MOST_HEAD: usize = 16 << 10;

/// The longest answer that is held to a schema, in bytes: whoever looks at it holds all of it, in many times its memory.
const MOST_CHECKED: usize = 1 << 20;

/// The response to a call, or why the answer cannot be used.
///
/// # Errors
///
/// In words for the log: what does not hold to what the manifest or the kind promises.
pub fn respond(
    answer: Answer,
    asked: &Method,
    kind: Kind,
    manifest: &Manifest,
) -> Result<Response<Bytes>, String> {
    let Answer { status, headers, body } = match (kind, manifest.output) {
        (Kind::Http, _) | (_, Output::Plain) => answer,
        (_, Output::Cgi) => cgi(answer.body)?,
    };
    let mut response = Response::new(body);
    if status.is_informational() {
        return Err(format!("status {status} is no answer"));
    }
    *response.status_mut() = status;
    // A guest that speaks HTTP knows that only the head is wanted, and says how long its body would be.
    let is_head = kind == Kind::Http && asked == Method::HEAD;
    let length = headers.get(header::CONTENT_LENGTH).filter(|_| is_head && response.body().is_empty());
    let length: Option<u64> = length.and_then(|length| length.to_str().ok()?.parse().ok());
    *response.headers_mut() = filtered(headers);
    if let Some(length) = length {
        response.headers_mut().insert(header::CONTENT_LENGTH, length.into());
    }
    set_type(&mut response, manifest)?;
    let is_plain = is_plain(&response);
    let is_json = is_plain && !is_head && check(&response, manifest)?;
    let (typed, body) = (response.headers().contains_key(header::CONTENT_TYPE), response.body());
    if !typed && is_plain && !body.is_empty() {
        let kind = if is_json { "application/json" } else { sniff(body) };
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    }
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, SANDBOX);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, NOSNIFF);
    Ok(response)
}

/// Sets the type that the manifest gives, if the guest says none.
fn set_type(response: &mut Response<Bytes>, manifest: &Manifest) -> Result<(), String> {
    if let Some(kind) = &manifest.content_type
        && !response.headers().contains_key(header::CONTENT_TYPE)
    {
        let kind = HeaderValue::from_str(&kind.to_string()).map_err(|error| error.to_string())?;
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
    }
    Ok(())
}

/// Whether the body is what its type says: all of it is there, and not compressed.
fn is_plain(response: &Response<Bytes>) -> bool {
    let none = [StatusCode::NO_CONTENT, StatusCode::RESET_CONTENT, StatusCode::NOT_MODIFIED];
    let coded = response.headers().get_all(header::CONTENT_ENCODING);
    !none.contains(&response.status())
        && response.status() != StatusCode::PARTIAL_CONTENT
        && coded.iter().all(|coding| coding.as_bytes().eq_ignore_ascii_case(b"identity"))
}

fn claims_json(headers: &HeaderMap) -> bool {
    let Some(kind) = headers.get(header::CONTENT_TYPE) else { return false };
    let kind = kind.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default();
    kind.trim_ascii().eq_ignore_ascii_case(b"application/json")
}

/// Holds the body to its type and to the schema of the manifest. Whether it was found to be JSON.
fn check(response: &Response<Bytes>, manifest: &Manifest) -> Result<bool, String> {
    let promised = manifest.output_schema.is_some() || claims_json(response.headers());
    if !promised || !response.status().is_success() {
        return Ok(false);
    }
    let no_json = |why: String| format!("it is no JSON: {why}");
    let body = response.body();
    match &manifest.output_schema {
        Some(_) if body.len() > MOST_CHECKED => {
            return Err(format!("it is longer than {MOST_CHECKED} bytes, and so cannot be held to a schema"));
        }
        Some(schema) => {
            let value = serde_json::from_slice(body).map_err(|error| no_json(error.to_string()))?;
            schema.check(&value)?;
        }
        None => {
            json::text(body).map_err(no_json)?;
        }
    }
    Ok(true)
}

/// A document response of RFC 3875: header lines, an empty line, the body.
fn cgi(text: Bytes) -> Result<Answer, String> {
    let (mut status, mut headers) = (StatusCode::OK, HeaderMap::new());
    // The head is short: what comes after so many bytes is none of it.
    let head = &text[..text.len().min(MOST_HEAD)];
    let mut place = 0;
    for _ in 0..=MOST_LINES {
        let rest = &head[place..];
        let length = rest.iter().position(|byte| *byte == b'\n');
        let length =
            length.ok_or_else(|| format!("no empty line ends its header lines within {MOST_HEAD} bytes"))?;
        let line = rest[..length].strip_suffix(b"\r").unwrap_or(&rest[..length]);
        place += length + 1;
        if line.is_empty() {
            return Ok(Answer { status, headers, body: text.slice(place..) });
        }
        let colon = line.iter().position(|byte| *byte == b':').ok_or("a header line without a colon")?;
        let (name, value) = (line[..colon].trim_ascii(), line[colon + 1..].trim_ascii());
        if name.eq_ignore_ascii_case(b"status") {
            // `404 Not Found`: the words are not needed.
            let number = value.split(|byte| *byte == b' ').next().unwrap_or_default();
            status = StatusCode::from_bytes(number).map_err(|_| "its status is no number of three digits")?;
        } else {
            let name = HeaderName::from_bytes(name).map_err(|_| "a header whose name is none")?;
            let value = HeaderValue::from_bytes(value).map_err(|_| "a header whose value is none")?;
            headers.append(name, value);
        }
    }
    Err(format!("more than {MOST_LINES} header lines"))
}

/// Without what a guest cannot say, `Connection` and what it names among it.
fn filtered(mut headers: HeaderMap) -> HeaderMap {
    // Most guests give none.
    if headers.is_empty() {
        return headers;
    }
    let named: Vec<String> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|name| name.trim().to_ascii_lowercase())
        .collect();
    for name in REFUSED.into_iter().chain(named.iter().map(String::as_str)) {
        headers.remove(name);
    }
    headers
}

fn sniff(body: &[u8]) -> &'static str {
    if let Some((_, kind)) = SIGNATURES.iter().find(|(signature, _)| body.starts_with(signature)) {
        return kind;
    }
    match body {
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => return "image/webp",
        [_, _, _, _, b'f', b't', b'y', b'p', b'a', b'v', b'i', b'f' | b's', ..] => return "image/avif",
        _ => {}
    }
    if looks_like_json(body) && json::text(body).is_ok() {
        "application/json"
    } else if std::str::from_utf8(body).is_ok_and(|text| !text.contains('\0')) {
        "text/plain; charset=utf-8"
    } else {
        "application/octet-stream"
    }
}

/// So that a large text is not read to its end to find that it is none.
fn looks_like_json(body: &[u8]) -> bool {
    let first = body.trim_ascii_start().first();
    first.is_some_and(|first| matches!(first, b'{' | b'[' | b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n'))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use host::{Answer, Kind};
    use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};

    use super::{MOST_CHECKED, MOST_HEAD, MOST_LINES, respond};
    use crate::manifest::Manifest;

    fn manifest(text: &str) -> Manifest {
        Manifest::parse("f", text).unwrap()
    }

    fn plain(body: &'static [u8], text: &str) -> Result<Response<Bytes>, String> {
        respond(Answer::plain(Bytes::from_static(body)), &Method::GET, Kind::Command, &manifest(text))
    }

    fn kind(response: &Response<Bytes>) -> &str {
        response.headers().get("content-type").map_or("", |kind| kind.to_str().unwrap())
    }

    #[test]
    fn an_answer_is_looked_at() {
        for (body, expected) in [
            (&br#"{"a":1}"#[..], "application/json"),
            (b" [1,2]\n", "application/json"),
            (b"12", "application/json"),
            (b"{not json}", "text/plain; charset=utf-8"),
            (b"none of it", "text/plain; charset=utf-8"),
            (b"<script>alert(1)</script>", "text/plain; charset=utf-8"),
            (b"\x89PNG\r\n\x1a\n....", "image/png"),
            (b"GIF89a..", "image/gif"),
            (b"\xff\xd8\xff\xe0", "image/jpeg"),
            (b"RIFF....WEBPVP8 ", "image/webp"),
            (b"\xfe\xff\x00", "application/octet-stream"),
            (b"", ""),
        ] {
            let response = plain(body, "").unwrap();
            assert_eq!(kind(&response), expected, "{}", String::from_utf8_lossy(body));
            assert_eq!(response.headers()["content-security-policy"], "sandbox");
            assert_eq!(response.headers()["x-content-type-options"], "nosniff");
        }
    }

    #[test]
    fn a_manifest_can_say_the_type() {
        let html = plain(b"<b>x</b>", "content-type = \"text/html; charset=utf-8\"").unwrap();
        assert_eq!(kind(&html), "text/html; charset=utf-8");
        assert!(plain(b"{", "content-type = \"application/json\"").is_err());
    }

    #[test]
    fn a_schema_is_held_to() {
        let schema = "output-schema = { type = \"object\", required = [\"a\"] }";
        assert!(plain(br#"{"a":1}"#, schema).is_ok());
        for bad in [&br#"{"b":1}"#[..], b"[]", b"none"] {
            assert!(plain(bad, schema).is_err());
        }
        for (length, holds) in [(MOST_CHECKED, true), (MOST_CHECKED + 1, false)] {
            let body = format!("{{\"a\":\"{}\"}}", "x".repeat(length - 8));
            let answer = respond(Answer::plain(body), &Method::GET, Kind::Command, &manifest(schema));
            assert_eq!(answer.is_ok(), holds, "{length}");
        }
    }

    #[test]
    fn a_long_answer_is_json_or_it_is_not() {
        let list = |end: &str| format!("[{}{end}", "1,".repeat(MOST_CHECKED));
        let json = "content-type = \"application/json\"";
        let answer =
            |body: String| respond(Answer::plain(body), &Method::GET, Kind::Command, &manifest(json));
        assert!(answer(list("1]")).is_ok());
        for bad in [list("]"), list("\"\u{fffd}"), format!("\"{}", "x".repeat(MOST_CHECKED))] {
            assert!(answer(bad).is_err());
        }
    }

    #[test]
    fn cgi_sets_status_and_headers() {
        let answer = plain(
            b"Status: 201 Created\r\nContent-Type: text/csv\nX-Shelf: 7\nSet-Cookie: a=b\n\na,b\n",
            "output = \"cgi\"",
        );
        let answer = answer.unwrap();
        assert_eq!((answer.status().as_u16(), kind(&answer)), (201, "text/csv"));
        assert_eq!(answer.headers()["x-shelf"], "7");
        assert!(!answer.headers().contains_key("set-cookie"));
        assert_eq!(&answer.body()[..], b"a,b\n");
        for bad in
            [&b"no head"[..], b"no colon\n\n", b"Status: x\n\n", b"Status: 101\n\n", b"a b: c\n\n", b""]
        {
            assert!(plain(bad, "output = \"cgi\"").is_err(), "{}", String::from_utf8_lossy(bad));
        }
    }

    #[test]
    fn a_head_of_cgi_is_bounded_as_a_whole() {
        let answer = |lines: usize, length: usize| {
            let line = format!("X-Line: {}\n", "x".repeat(length - "X-Line: \n".len()));
            let text = format!("{}\n{}", line.repeat(lines), "b".repeat(2 * MOST_HEAD));
            respond(Answer::plain(text), &Method::GET, Kind::Command, &manifest("output = \"cgi\""))
        };
        // With the empty line that is all there may be, to a byte.
        let most = answer(43, 381).unwrap();
        assert_eq!((most.headers().get_all("x-line").iter().count(), most.body().len()), (43, 2 * MOST_HEAD));
        assert_eq!(answer(15, 1_092).unwrap().body().len(), 2 * MOST_HEAD);
        for (lines, length) in [(16, 1_024), (64, 256), (1, MOST_HEAD), (MOST_LINES + 1, 20)] {
            assert!(answer(lines, length).is_err(), "{lines} lines of {length}");
        }
        assert!(answer(MOST_LINES, 20).is_ok());
    }

    /// What a guest that speaks HTTP answers with these headers becomes.
    fn spoken(
        asked: &Method,
        status: StatusCode,
        headers: &[(&'static str, &'static str)],
        body: &'static [u8],
    ) -> Result<Response<Bytes>, String> {
        let headers = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        let answer = Answer { status, headers, body: Bytes::from_static(body) };
        let schema = manifest("output-schema = { type = \"object\" }");
        let one = respond(answer.clone(), asked, Kind::Http, &schema);
        let other = respond(answer, asked, Kind::Http, &Manifest::default());
        assert_eq!(one.is_ok(), other.is_ok(), "a schema asks for no more than there is to look at");
        other
    }

    #[test]
    fn only_a_body_that_is_there_as_it_is_is_held_to_its_type() {
        let json = ("content-type", "application/json");
        assert!(spoken(&Method::GET, StatusCode::OK, &[json], b"").is_err());
        for kind in ["application/json; charset=utf-8", "Application/JSON"] {
            assert!(spoken(&Method::GET, StatusCode::OK, &[("content-type", kind)], b"{").is_err(), "{kind}");
        }
        let nothing = |asked, status| spoken(asked, status, &[json], b"").unwrap();
        for status in [204, 205, 304, 404] {
            let answer = nothing(&Method::GET, StatusCode::from_u16(status).unwrap());
            assert_eq!((answer.status().as_u16(), kind(&answer)), (status, "application/json"));
        }
        assert_eq!(kind(&nothing(&Method::HEAD, StatusCode::OK)), "application/json");
        let part = [json, ("content-range", "bytes 0-1/9")];
        assert!(spoken(&Method::GET, StatusCode::PARTIAL_CONTENT, &part, b"{\"").is_ok());
        let zipped =
            spoken(&Method::GET, StatusCode::OK, &[json, ("content-encoding", "gzip")], b"\x1f\x8b..");
        assert_eq!(&zipped.unwrap().body()[..], b"\x1f\x8b..");
        // Nor is it told by such bytes what they are.
        let untyped = spoken(&Method::GET, StatusCode::OK, &[("content-encoding", "br")], b"{}").unwrap();
        assert_eq!(kind(&untyped), "");
        let plain = [json, ("content-encoding", "identity")];
        assert!(spoken(&Method::GET, StatusCode::OK, &plain, b"{").is_err());
        assert!(spoken(&Method::GET, StatusCode::OK, &plain, b"{}").is_ok());
    }

    #[test]
    fn a_head_says_how_long_its_body_would_be_where_the_guest_knows() {
        let length = |asked: &Method, length, body| {
            let answer = spoken(asked, StatusCode::OK, &[("content-length", length)], body).unwrap();
            answer.headers().get("content-length").map(|length| length.to_str().unwrap().to_owned())
        };
        assert_eq!(length(&Method::HEAD, "42", b"").as_deref(), Some("42"));
        assert_eq!(length(&Method::HEAD, "many", b""), None);
        // Otherwise the body says it.
        assert_eq!(length(&Method::HEAD, "42", b"{}"), None);
        assert_eq!(length(&Method::GET, "42", b"{}"), None);
    }

    #[test]
    fn headers_of_the_connection_and_the_origin_are_not_a_guests() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "close, x-mine"),
            ("x-mine", "1"),
            ("x-other", "2"),
            ("set-cookie", "a=b"),
            ("content-length", "999"),
            ("transfer-encoding", "chunked"),
            ("content-security-policy", "default-src *"),
        ] {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let answer = Answer { headers, ..Answer::plain("x") };
        let response = respond(answer, &Method::GET, Kind::Http, &Manifest::default()).unwrap();
        assert_eq!(response.headers()["x-other"], "2");
        assert_eq!(response.headers()["content-security-policy"], "sandbox");
        for gone in ["connection", "x-mine", "set-cookie", "content-length", "transfer-encoding"] {
            assert!(!response.headers().contains_key(gone), "{gone}");
        }
    }
}
