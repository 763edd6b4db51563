//! OpenTelemetry's variables, checked before its own crates read them: those take what they do not understand for absent, and
//! export nothing, or to somewhere else, without a word.

use std::{env, ops::RangeInclusive};

use http::{HeaderName, HeaderValue, Uri};

use crate::Failure;

/// What a value should have been, unless it is.
type Check = fn(&str) -> Result<(), &'static str>;

/// Each exists for all signals, and for traces alone.
const OTLP: [(&str, Check); 5] = [
    ("ENDPOINT", endpoint),
    ("PROTOCOL", protocol),
    ("HEADERS", headers),
    ("TIMEOUT", milliseconds),
    ("COMPRESSION", compression),
];

const OTHERS: [(&str, Check); 4] = [
    ("OTEL_BSP_SCHEDULE_DELAY", milliseconds),
    ("OTEL_BSP_MAX_QUEUE_SIZE", spans),
    ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", spans),
    ("OTEL_RESOURCE_ATTRIBUTES", attributes),
];

/// A day: longer ones are mistakes.
const MILLISECONDS: RangeInclusive<u32> = 1..=86_400_000;
/// Room for the whole queue is taken at once.
const SPANS: RangeInclusive<u32> = 1..=1_000_000;

/// # Errors
///
/// If a variable that is set, and not empty, cannot be used.
pub(super) fn check() -> Result<(), Failure> {
    for (name, check) in OTLP {
        check_one(&format!("OTEL_EXPORTER_OTLP_{name}"), check)?;
        check_one(&format!("OTEL_EXPORTER_OTLP_TRACES_{name}"), check)?;
    }
    OTHERS.into_iter().try_for_each(|(name, check)| check_one(name, check))
}

fn check_one(name: &str, check: Check) -> Result<(), Failure> {
    let Some(value) = env::var_os(name) else { return Ok(()) };
    let Some(value) = value.to_str() else { return Err(Failure::usage(format!("{name}: not UTF-8"))) };
    if value.is_empty() {
        return Ok(());
    }
    check(value).map_err(|expected| {
        // Collectors' keys are headers, or stand before an @.
        let secret = name.ends_with("HEADERS") || value.contains('@');
        let shown = if secret { "***".to_owned() } else { format!("{value:?}") };
        Failure::usage(format!("{name}: {shown}: {expected}"))
    })
}

fn require(holds: bool, expected: &'static str) -> Result<(), &'static str> {
    if holds { Ok(()) } else { Err(expected) }
}

fn endpoint(value: &str) -> Result<(), &'static str> {
    let address = value.parse::<Uri>().ok().filter(|address| {
        matches!(address.scheme_str(), Some("http" | "https"))
            && address.host().is_some_and(|host| !host.is_empty())
    });
    require(address.is_some(), "expected http://HOST:PORT or https://HOST:PORT")
}

fn protocol(value: &str) -> Result<(), &'static str> {
    require(value == "grpc", "only grpc is spoken here")
}

fn compression(value: &str) -> Result<(), &'static str> {
    let known = ["none", "gzip"].iter().any(|known| value.eq_ignore_ascii_case(known));
    require(known, "expected none or gzip")
}

fn milliseconds(value: &str) -> Result<(), &'static str> {
    require(within(value, MILLISECONDS), "expected milliseconds, at least 1 and at most a day")
}

fn spans(value: &str) -> Result<(), &'static str> {
    require(within(value, SPANS), "expected 1 to 1000000")
}

fn within(value: &str, range: RangeInclusive<u32>) -> bool {
    value.parse::<u32>().is_ok_and(|number| range.contains(&number))
}

fn headers(value: &str) -> Result<(), &'static str> {
    let header = |name: &str, value: &str| {
        name.parse::<HeaderName>().is_ok() && HeaderValue::from_str(value).is_ok() && escapes_are_text(value)
    };
    require(pairs(value, header), "expected NAME=VALUE,NAME=VALUE, of what may stand in headers")
}

fn attributes(value: &str) -> Result<(), &'static str> {
    require(pairs(value, |name, _| !name.is_empty()), "expected NAME=VALUE,NAME=VALUE")
}

/// Whether it is a list of them, each as `holds` wants it. A comma may end it.
fn pairs(value: &str, holds: impl Fn(&str, &str) -> bool) -> bool {
    let mut pairs = value.split_terminator(',');
    pairs.all(|pair| pair.split_once('=').is_some_and(|(name, value)| holds(name.trim(), value.trim())))
}

/// Whether what is written as `%XX` may stand in a header, too.
fn escapes_are_text(value: &str) -> bool {
    value.split('%').skip(1).all(|rest| {
        let byte = rest.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        byte.is_none_or(|byte| (b' '..=b'~').contains(&byte))
    })
}
