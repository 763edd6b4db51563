//! W3C Trace Context: which request of the outside world a call belongs to.

use http::{HeaderMap, HeaderName, HeaderValue};

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");
const SAMPLED: u8 = 1;

/// Entries of a `tracestate`. The standard allows no more.
const MOST_ENTRIES: usize = 32;
/// Bytes of a `tracestate` that are passed on: as many as the standard asks for, since every call carries them.
const MOST_STATE: usize = 512;
/// Where there are more, entries longer than this go first.
const LONG_ENTRY: usize = 128;

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
        let mut said = headers.get_all(TRACEPARENT).iter();
        let text = said.next()?.to_str().ok()?;
        if said.next().is_some() {
            return None;
        }
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
        Some(Self { trace, span, parent: None, flags, state: state(headers) })
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

/// What other tracers have said beside the span: the entries of all `tracestate` headers in their order, without those that are
/// none. Nothing where there are more than the standard allows.
fn state(headers: &HeaderMap) -> Option<HeaderValue> {
    let headers = headers.get_all(TRACESTATE).iter().map(HeaderValue::as_bytes);
    let entries =
        headers.flat_map(|header| header.split(|byte| *byte == b',')).map(|entry| entry.trim_ascii());
    let mut entries: Vec<_> = entries.filter(|entry| !entry.is_empty()).take(MOST_ENTRIES + 1).collect();
    if entries.len() > MOST_ENTRIES {
        return None;
    }
    entries.retain(|entry| is_entry(entry));
    let length = |entries: &[&[u8]]| entries.iter().map(|entry| entry.len() + 1).sum::<usize>();
    if length(&entries) > MOST_STATE + 1 {
        entries.retain(|entry| entry.len() <= LONG_ENTRY);
    }
    // The first ones are the newest.
    while length(&entries) > MOST_STATE + 1 {
        entries.pop();
    }
    if entries.is_empty() {
        return None;
    }
    HeaderValue::from_bytes(&entries.join(&b',')).ok()
}

/// Whether it is `key=value` as the standard writes it.
fn is_entry(entry: &[u8]) -> bool {
    let Some(middle) = entry.iter().position(|byte| *byte == b'=') else { return false };
    let (key, value) = (&entry[..middle], &entry[middle + 1..]);
    let letter = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let in_key = |byte: &u8| letter(byte) || b"_-*/@".contains(byte);
    let in_value = |byte: &u8| (b' '..=b'~').contains(byte) && *byte != b'=';
    (1..=256).contains(&key.len())
        && letter(&key[0])
        && key.iter().all(in_key)
        && (1..=256).contains(&value.len())
        && value.iter().all(in_value)
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

    /// What is passed on of these headers.
    fn passed_on(states: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        TraceContext::root(1.0).inject(&mut headers);
        for state in states {
            headers.append(TRACESTATE, HeaderValue::from_str(state).unwrap());
        }
        let read = TraceContext::from_headers(&headers).expect("whatever else is said, the span is good");
        let mut sent = HeaderMap::new();
        read.child().inject(&mut sent);
        assert!(sent.get_all(TRACESTATE).iter().count() <= 1);
        Some(sent.get(TRACESTATE)?.to_str().unwrap().to_owned())
    }

    #[test]
    fn what_other_tracers_say_is_passed_on_in_their_order() {
        assert_eq!(passed_on(&[]), None);
        assert_eq!(passed_on(&["a=1"]).unwrap(), "a=1");
        assert_eq!(passed_on(&["b=2,a=1", "", "t3n4nt@d=x y", "c=3"]).unwrap(), "b=2,a=1,t3n4nt@d=x y,c=3");
        assert_eq!(passed_on(&[" b=2 \t,, a=1\t", ","]).unwrap(), "b=2,a=1");
        assert_eq!(passed_on(&["", " ,"]), None);
    }

    #[test]
    fn entries_that_are_none_are_not_passed_on() {
        let (key, value) = ("k".repeat(256), "v".repeat(200));
        for bad in [
            "x",
            "=1",
            "x=",
            "X=1",
            "x =1",
            "-x=1",
            "x=1=2",
            &format!("k{key}=1"),
            &format!("x=v{value}{value}"),
        ] {
            assert_eq!(passed_on(&[bad]), None, "{bad}");
            assert_eq!(passed_on(&["a=1", bad, "b=2"]).unwrap(), "a=1,b=2", "{bad}");
        }
        assert_eq!(passed_on(&[&format!("{key}={value}")]).unwrap(), format!("{key}={value}"));
    }

    #[test]
    fn what_other_tracers_say_has_a_bound() {
        let entries = |count| (0..count).map(|number| format!("k{number}=1")).collect::<Vec<_>>();
        let join = |entries: &[String]| entries.join(",");
        assert_eq!(passed_on(&[&join(&entries(32))]).unwrap(), join(&entries(32)));
        assert_eq!(passed_on(&[&join(&entries(20)), &join(&entries(13))]), None, "too many");

        let entry = |key: &str, length: usize| format!("{key}={}", "v".repeat(length - key.len() - 1));
        let whole = format!("{},f=1", join(&["a", "b", "c"].map(|key| entry(key, 127))));
        assert_eq!(passed_on(&[&whole, &entry("g", 124)]).unwrap().len(), 512);
        assert_eq!(passed_on(&[&whole, &entry("g", 125)]).unwrap(), whole, "the last one goes");
        let long = entry("long", 129);
        assert_eq!(passed_on(&[&long, &whole]).unwrap(), whole, "the longest one goes before that");
    }

    #[test]
    fn of_two_spans_neither_counts() {
        let mut headers = HeaderMap::new();
        TraceContext::root(1.0).inject(&mut headers);
        headers.append(TRACEPARENT, TraceContext::root(1.0).header());
        assert_eq!(TraceContext::from_headers(&headers), None);
    }
}
