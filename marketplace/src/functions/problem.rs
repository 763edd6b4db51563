//! What a failure of functions means to a page: `application/problem+json` of RFC 9457, by its type.

use bytes::Bytes;
use http::{Response, StatusCode};
use serde::Deserialize;

use super::{CallError, list::cut};

/// What types of functions' own begin with.
const OURS: &str = "urn:shelfwise:functions:";
/// The longest sentence that is passed on, in characters.
const LONGEST: usize = 300;

#[derive(Default, Deserialize)]
struct Problem {
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    title: String,
}

/// Why there is no answer.
pub(super) fn read(answer: &Response<Bytes>) -> CallError {
    let problem: Problem = serde_json::from_slice(answer.body()).unwrap_or_default();
    let status = answer.status();
    let Some(kind) = problem.kind.strip_prefix(OURS) else {
        // Somebody on the way, or something else altogether.
        return match status {
            StatusCode::PAYLOAD_TOO_LARGE => CallError::TooLong,
            StatusCode::TOO_MANY_REQUESTS => CallError::Busy,
            StatusCode::GATEWAY_TIMEOUT => CallError::Late,
            StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE => CallError::Unavailable,
            _ => CallError::Failed,
        };
    };
    let words = || Some(sentence(&problem.title)).filter(|words| !words.is_empty());
    match kind {
        "unknown" => CallError::Unknown,
        // A status of a program says nothing to people.
        "exit" => CallError::Refused(None),
        "bad-input" | "refused" => CallError::Refused(words()),
        "long-body" => CallError::TooLong,
        "missing" => CallError::Missing(words().unwrap_or_default()),
        "busy" | "overloaded" => CallError::Busy,
        "out-of-time" | "slow-body" => CallError::Late,
        _ if status == StatusCode::SERVICE_UNAVAILABLE => CallError::Unavailable,
        _ => CallError::Failed,
    }
}

/// Words of a function or of the service, as one sentence of a sane length.
fn sentence(title: &str) -> String {
    let plain: String = title.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    let words = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut words = cut(&words, LONGEST);
    if let Some(first) = words.get(..1).map(str::to_ascii_uppercase) {
        words.replace_range(..1, &first);
    }
    if words.ends_with(char::is_alphanumeric) {
        words.push('.');
    }
    words
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::Response;

    use super::{CallError, read, sentence};

    fn problem(status: u16, kind: &str, title: &str) -> CallError {
        let body = serde_json::json!({"type": format!("urn:shelfwise:functions:{kind}"), "title": title, "status": status});
        read(&Response::builder().status(status).body(Bytes::from(body.to_string())).unwrap())
    }

    #[test]
    fn a_problem_is_told_by_its_type() {
        let refused = |words: &str| CallError::Refused(Some(words.to_owned()));
        for (status, kind, title, expected) in [
            (404, "unknown", "there is no such function", CallError::Unknown),
            (422, "exit", "the function ended with exit status 65", CallError::Refused(None)),
            (422, "refused", "too dark", refused("Too dark.")),
            (422, "refused", "", CallError::Refused(None)),
            (400, "bad-input", "this function takes image/png", refused("This function takes image/png.")),
            (413, "long-body", "the body is longer than 5 bytes", CallError::TooLong),
            (
                503,
                "missing",
                "FUNCTIONS_MODEL is not set",
                CallError::Missing("FUNCTIONS_MODEL is not set.".to_owned()),
            ),
            (429, "busy", "too many calls of this function at once", CallError::Busy),
            (503, "overloaded", "too many calls at once", CallError::Busy),
            (504, "out-of-time", "", CallError::Late),
            (502, "trap", "the function failed", CallError::Failed),
            (500, "internal", "", CallError::Failed),
            (503, "unavailable", "", CallError::Unavailable),
            (502, "what-comes-later", "", CallError::Failed),
        ] {
            assert_eq!(problem(status, kind, title), expected, "{kind}");
        }
        for (status, expected) in [
            (404, CallError::Failed),
            (413, CallError::TooLong),
            (502, CallError::Unavailable),
            (504, CallError::Late),
        ] {
            let page = Response::builder().status(status).body(Bytes::from_static(b"<html>")).unwrap();
            assert_eq!(read(&page), expected, "{status}");
        }
    }

    #[test]
    fn words_are_one_short_sentence() {
        assert_eq!(sentence(" one\r\n\u{1b}two  three!"), "One two three!");
        assert_eq!(sentence("éa"), "éa.");
        assert_eq!(sentence(&"ab ".repeat(400)).chars().count(), 300);
        assert_eq!(sentence("\u{7}"), "");
    }
}
