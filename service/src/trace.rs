//! W3C Trace Context: which request of the outside world a call belongs to.

use http::{HeaderMap, HeaderName, HeaderValue};

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");
const SAMPLED: u8 = 1;

/// One span of a trace, as <https://www.w3.org/TR/trace-context/> writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceContext {
    trace: u128,
    span: u64,
    parent: Option<u64>,
    flags: u8,
    state: Option<HeaderValue>,
}

impl TraceContext {
    /// A span of a new trace, sampled with probability `ratio`.
    #[must_use]
    pub fn root(ratio: f64) -> Self {
        let sampled = rand::random::<f64>() < ratio;
        Self { trace: id(), span: id(), parent: None, flags: u8::from(sampled) * SAMPLED, state: None }
    }

    /// The caller's span, or `None` if the headers hold none or a malformed one.
    #[must_use]
    pub fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let text = headers.get(TRACEPARENT)?.to_str().ok()?;
        let mut parts = text.split('-');
        let version = hex(parts.next()?, 2)?;
        let trace = hex(parts.next()?, 32).filter(|id| *id != 0)?;
        let span = hex(parts.next()?, 16).filter(|id| *id != 0)?;
        let flags = hex(parts.next()?, 2)?;
        // 255 is forbidden; a later version may append fields, the first one has none.
        if version == 255 || (version == 0 && parts.next().is_some()) {
            return None;
        }
        let span = u64::try_from(span).ok()?;
        let flags = u8::try_from(flags).ok()? & SAMPLED;
        Some(Self { trace, span, parent: None, flags, state: headers.get(TRACESTATE).cloned() })
    }

    /// A span below this one.
    #[must_use]
    pub fn child(&self) -> Self {
        Self { span: id(), parent: Some(self.span), ..self.clone() }
    }

    /// Says it to whoever is called.
    pub fn inject(&self, headers: &mut HeaderMap) {
        headers.insert(TRACEPARENT, self.header());
        if let Some(state) = &self.state {
            headers.insert(TRACESTATE, state.clone());
        }
    }

    /// The `traceparent` header.
    #[must_use]
    pub fn header(&self) -> HeaderValue {
        let text = format!("00-{:032x}-{:016x}-{:02x}", self.trace, self.span, self.flags);
        HeaderValue::try_from(text).expect("hexadecimal digits and hyphens")
    }

    /// The trace's number: 32 hexadecimal digits when written with `{:032x}`.
    #[must_use]
    pub fn trace_id(&self) -> u128 {
        self.trace
    }

    /// The span's number.
    #[must_use]
    pub fn span_id(&self) -> u64 {
        self.span
    }

    /// The span above this one.
    #[must_use]
    pub fn parent_id(&self) -> Option<u64> {
        self.parent
    }

    /// Whether the spans of this trace are exported.
    #[must_use]
    pub fn sampled(&self) -> bool {
        self.flags & SAMPLED != 0
    }
}

/// A random number other than 0, which the standard forbids.
fn id<T: Default + PartialEq>() -> T
where
    rand::distr::StandardUniform: rand::distr::Distribution<T>,
{
    loop {
        let id = rand::random();
        if id != T::default() {
            return id;
        }
    }
}

/// Exactly `digits` lower-case hexadecimal digits.
fn hex(text: &str, digits: usize) -> Option<u128> {
    let lower = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    if text.len() != digits || !text.bytes().all(lower) {
        return None;
    }
    u128::from_str_radix(text, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Option<TraceContext> {
        let headers = HeaderMap::from_iter([(TRACEPARENT, HeaderValue::from_str(text).unwrap())]);
        TraceContext::from_headers(&headers)
    }

    #[test]
    fn a_span_survives_the_wire() {
        let span = TraceContext::root(1.0).child();
        let mut headers = HeaderMap::new();
        span.inject(&mut headers);
        let read = TraceContext::from_headers(&headers).unwrap();
        assert_eq!((read.trace, read.span, read.sampled()), (span.trace, span.span, true));
        assert_eq!(read.child().parent, Some(span.span));
    }

    #[test]
    fn only_the_standards_form_is_read() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(parse(good).unwrap().header(), good);
        assert!(parse("42-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more").is_some());
        for bad in [
            "",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e47-00f067aa0ba902b7-01",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
