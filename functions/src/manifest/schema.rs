use std::{fmt, sync::Arc};

use jsonschema::Validator;
use serde_json::Value;

/// A JSON Schema. It may refer to itself and to nothing elsewhere.
#[derive(Clone)]
pub struct Schema {
    source: Value,
    validator: Arc<Validator>,
}

impl Schema {
    /// Reads a schema.
    ///
    /// # Errors
    ///
    /// If it is none, in one line.
    pub fn new(source: Value) -> Result<Self, String> {
        match jsonschema::validator_for(&source) {
            Ok(validator) => Ok(Self { source, validator: Arc::new(validator) }),
            Err(error) => Err(format!("no JSON Schema: {}", line(&error.to_string()))),
        }
    }

    /// As it was written.
    #[must_use]
    pub fn source(&self) -> &Value {
        &self.source
    }

    /// Whether a value holds to it.
    ///
    /// # Errors
    ///
    /// Where it does not, in one line. The line may hold parts of the value.
    pub fn check(&self, value: &Value) -> Result<(), String> {
        self.validator.validate(value).map_err(|error| {
            let place = error.instance_path().to_string();
            let place = if place.is_empty() { "/" } else { &place };
            line(&format!("at {place}: {error}"))
        })
    }
}

impl fmt::Debug for Schema {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(formatter)
    }
}

/// One line that is not too long.
fn line(text: &str) -> String {
    const MOST: usize = 500;
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match words.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &words[..end]),
        None => words,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Schema;

    #[test]
    fn values_hold_to_a_schema_or_the_place_is_named() {
        let schema =
            json!({"type": "object", "required": ["name"], "properties": {"age": {"type": "integer"}}});
        let schema = Schema::new(schema).unwrap();
        assert_eq!(schema.check(&json!({"name": "x", "age": 3})), Ok(()));
        assert!(schema.check(&json!({"name": "x", "age": "3"})).unwrap_err().starts_with("at /age: "));
        assert!(schema.check(&json!([1])).unwrap_err().starts_with("at /: "));
        assert!(schema.check(&json!({"name": 1, "age": "x".repeat(9_000)})).unwrap_err().len() < 2_000);
    }

    #[test]
    fn what_is_none_and_what_lies_elsewhere_is_refused() {
        for bad in [
            json!({"type": "objekt"}),
            json!(3),
            json!({"$ref": "https://schemas.example/x.json"}),
            json!({"$ref": "file:///etc/passwd"}),
            json!({"pattern": "("}),
        ] {
            assert!(Schema::new(bad.clone()).is_err(), "{bad}");
        }
    }
}
