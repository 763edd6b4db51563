//! What a guest is given of a request: `DATA` as JSON, and the body.

use bytes::Bytes;
use http::{HeaderMap, header};
use serde_json::{Map, Value};

use crate::{json, problem::Problem};

/// The longest `DATA`, in bytes: what is longer comes on stdin alone.
pub const MOST_DATA: usize = 64 << 10;
/// The most parameters of a query.
const MOST_PARAMETERS: usize = 1_000;

/// The input of one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// As JSON. None if the body is not JSON, or too long.
    pub data: Option<String>,
    /// The body, which is what commands find on stdin.
    pub body: Bytes,
}

impl Input {
    /// Of a request with this query and body. What the request says overrides `default` key by key.
    ///
    /// # Errors
    ///
    /// If a body that claims to be JSON is not, or the query makes no sense.
    pub fn new(
        query: Option<&str>,
        headers: &HeaderMap,
        body: Bytes,
        default: &Map<String, Value>,
    ) -> Result<Self, Problem> {
        if body.is_empty() {
            let data = from_query(query.unwrap_or_default(), default)?;
            return Ok(Self { data: Some(data), body });
        }
        let data = from_body(headers, &body, default)?;
        Ok(Self { data, body })
    }

    /// What all other guests are given: the body, or the input as JSON where there is no body.
    #[must_use]
    pub fn payload(&self) -> Bytes {
        match &self.data {
            Some(data) if self.body.is_empty() => Bytes::from(data.clone()),
            _ => self.body.clone(),
        }
    }
}

/// The parameters as an object, those of `default` first.
fn from_query(query: &str, default: &Map<String, Value>) -> Result<String, Problem> {
    // As text, so that a number stays as it was written, however long.
    let mut fields: Vec<(String, Vec<String>)> = Vec::new();
    for (number, (name, value)) in form_urlencoded::parse(query.as_bytes()).enumerate() {
        if number >= MOST_PARAMETERS {
            return Err(Problem::BadInput(format!("more than {MOST_PARAMETERS} parameters")));
        }
        let value = as_json(&value);
        match fields.iter_mut().find(|(known, _)| *known == name) {
            Some((_, values)) => values.push(value),
            None => fields.push((name.into_owned(), vec![value])),
        }
    }
    let mut json = String::from("{");
    let mut put = |name: &str, value: &str| {
        if json.len() > 1 {
            json.push(',');
        }
        json.push_str(&Value::from(name).to_string());
        json.push(':');
        json.push_str(value);
    };
    for (name, value) in default {
        if !fields.iter().any(|(known, _)| known == name) {
            put(name, &value.to_string());
        }
    }
    for (name, values) in fields {
        match values.as_slice() {
            [value] => put(&name, value),
            values => put(&name, &format!("[{}]", values.join(","))),
        }
    }
    json.push('}');
    Ok(json)
}

/// The body if it is JSON and short enough, with what it does not say taken from `default`.
fn from_body(
    headers: &HeaderMap,
    body: &Bytes,
    default: &Map<String, Value>,
) -> Result<Option<String>, Problem> {
    let claims = claims_json(headers);
    if body.len() > MOST_DATA && !claims {
        return Ok(None);
    }
    let bad = |why: String| Problem::BadInput(format!("the body is no JSON: {why}"));
    let text = match json::text(body) {
        Ok(text) => text.trim(),
        Err(why) if claims => return Err(bad(why)),
        Err(_) => return Ok(None),
    };
    // What is longer is nobody's `DATA`, so nothing is made of it.
    if text.len() > MOST_DATA {
        return Ok(None);
    }
    if default.is_empty() || !text.starts_with('{') {
        return Ok(Some(text.to_owned()));
    }
    let mut given: Map<String, Value> = match serde_json::from_str(text) {
        Ok(given) => given,
        // It is deeper than can be held.
        Err(error) if claims => return Err(bad(error.to_string())),
        Err(_) => return Ok(None),
    };
    for (name, value) in default {
        if !given.contains_key(name) {
            given.insert(name.clone(), value.clone());
        }
    }
    let data = Value::Object(given).to_string();
    Ok((data.len() <= MOST_DATA).then_some(data))
}

fn claims_json(headers: &HeaderMap) -> bool {
    let Some(kind) = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()) else {
        return false;
    };
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json"))
}

/// A number, `true`, `false` or `null` as it is, anything else as a string.
fn as_json(text: &str) -> String {
    if matches!(text, "true" | "false" | "null") || is_number(text) {
        text.to_owned()
    } else {
        Value::from(text).to_string()
    }
}

/// Whether the text is a number as JSON writes it.
fn is_number(text: &str) -> bool {
    let digits = |text: &str| -> usize { text.bytes().take_while(u8::is_ascii_digit).count() };
    let rest = text.strip_prefix('-').unwrap_or(text);
    let whole = digits(rest);
    if whole == 0 || (whole > 1 && rest.starts_with('0')) {
        return false;
    }
    let mut rest = &rest[whole..];
    if let Some(fraction) = rest.strip_prefix('.') {
        let length = digits(fraction);
        if length == 0 {
            return false;
        }
        rest = &fraction[length..];
    }
    if let Some(exponent) = rest.strip_prefix(['e', 'E']) {
        let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        let length = digits(exponent);
        return length > 0 && length == exponent.len();
    }
    rest.is_empty()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{HeaderMap, HeaderValue, header};
    use serde_json::{Map, Value, json};

    use super::{Input, MOST_DATA, is_number};
    use crate::problem::Problem;

    fn default() -> Map<String, Value> {
        json!({ "name": "zztkm", "age": 20 }).as_object().unwrap().clone()
    }

    fn query(query: &str, default: &Map<String, Value>) -> String {
        Input::new(Some(query), &HeaderMap::new(), Bytes::new(), default).unwrap().data.unwrap()
    }

    fn body(kind: &'static str, body: &'static str, default: &Map<String, Value>) -> Result<Input, Problem> {
        let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(kind))]);
        Input::new(None, &headers, Bytes::from_static(body.as_bytes()), default)
    }

    #[test]
    fn a_query_is_an_object() {
        let none = Map::new();
        assert_eq!(query("", &none), "{}");
        assert_eq!(query("name=Ada&age=36", &none), r#"{"name":"Ada","age":36}"#);
        assert_eq!(query("a=1&b=x&a=2&a=true", &none), r#"{"a":[1,2,true],"b":"x"}"#);
        assert_eq!(query("a=null&b=false&c=&d", &none), r#"{"a":null,"b":false,"c":"","d":""}"#);
        assert_eq!(query("q=a%22b%0A+c", &none), r#"{"q":"a\"b\n c"}"#);
        assert_eq!(query("n=12345678901234567890123.10", &none), r#"{"n":12345678901234567890123.10}"#);
        assert_eq!(
            query("n=007&m=+1&k=1.&l=NaN&o=%2B1", &none),
            r#"{"n":"007","m":" 1","k":"1.","l":"NaN","o":"+1"}"#
        );
    }

    #[test]
    fn the_request_overrides_the_default_key_by_key() {
        assert_eq!(query("", &default()), r#"{"age":20,"name":"zztkm"}"#);
        assert_eq!(query("age=21", &default()), r#"{"name":"zztkm","age":21}"#);
        let json = body("application/json", r#"{"age": 21, "x": [1]}"#, &default()).unwrap();
        let data: Value = serde_json::from_str(json.data.as_deref().unwrap()).unwrap();
        assert_eq!(data, json!({ "name": "zztkm", "age": 21, "x": [1] }));
        assert_eq!(&json.body[..], br#"{"age": 21, "x": [1]}"#);
        let list = body("application/json", "[1, 2]", &default()).unwrap();
        assert_eq!(list.data.as_deref(), Some("[1, 2]"));
        assert_eq!(&list.payload()[..], b"[1, 2]");
        let none = Input::new(Some("age=21"), &HeaderMap::new(), Bytes::new(), &default()).unwrap();
        assert!(none.body.is_empty());
        assert_eq!(&none.payload()[..], br#"{"name":"zztkm","age":21}"#);
    }

    #[test]
    fn only_json_of_a_sane_length_is_data() {
        let none = Map::new();
        let plain = body("image/png", "\u{89}PNG", &none).unwrap();
        assert_eq!((plain.data.as_deref(), &plain.payload()[..]), (None, "\u{89}PNG".as_bytes()));
        // As `curl -d` sends it.
        let form = body("application/x-www-form-urlencoded", r#"{"a":1.50}"#, &none).unwrap();
        assert_eq!(form.data.as_deref(), Some(r#"{"a":1.50}"#));
        assert!(matches!(body("application/json", "{", &none), Err(Problem::BadInput(_))));
        assert!(matches!(body("application/geo+json; charset=utf-8", "x", &none), Err(Problem::BadInput(_))));
        for (length, there) in [(MOST_DATA, true), (MOST_DATA + 1, false)] {
            let long = format!("\"{}\"", "x".repeat(length - 2));
            let headers =
                HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
            let input = Input::new(None, &headers, Bytes::from(long.clone()), &none).unwrap();
            assert_eq!((input.data.is_some(), input.body.len()), (there, length));
        }
        // What is longer is not data, and yet has to be what it claims to be.
        let long = format!("[{}", "1,".repeat(MOST_DATA));
        let headers =
            HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
        for default in [none, default()] {
            let of = |body: &str| Input::new(None, &headers, Bytes::from(body.to_owned()), &default);
            assert!(matches!(of(&long), Err(Problem::BadInput(_))));
            assert_eq!(of(&format!("{long}1]")).unwrap().data, None);
        }
    }

    #[test]
    fn what_is_not_changed_is_handed_on_as_it_is_written() {
        for text in [r#"{"a":1.50,"b":123456789012345678901234567890,"a":2}"#, r#" ["\u0041", 1e999] "#] {
            let given = body("application/json", text, &Map::new()).unwrap();
            assert_eq!((given.data.as_deref(), &given.body[..]), (Some(text.trim()), text.as_bytes()));
        }
        // An object is changed where there are defaults, and one that is deeper than any is cannot be.
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(1_000), "]".repeat(1_000));
        let deep: &'static str = deep.leak();
        assert_eq!(body("application/json", deep, &Map::new()).unwrap().data.as_deref(), Some(deep));
        assert!(matches!(body("application/json", deep, &default()), Err(Problem::BadInput(_))));
        assert_eq!(body("", deep, &default()).unwrap().data, None);
    }

    #[test]
    fn numbers_are_those_of_json() {
        for number in ["0", "-0", "10", "1.5", "-1.5e10", "1E+2", "2e-7"] {
            assert!(is_number(number) && serde_json::from_str::<Value>(number).is_ok(), "{number}");
        }
        for text in ["", "-", "01", "1.", ".5", "1e", "1e+", "+1", "0x1", "1 ", "Infinity", "1e1.5", "--1"] {
            assert!(
                !is_number(text) && serde_json::from_str::<Value>(text.trim_end()).is_err() || text == "1 ",
                "{text}"
            );
        }
    }
}
