use std::borrow::Cow;

use ::toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{Item, Source, Wrong};

/// Longer strings are a mistake, or an attempt to fill the memory.
const LONGEST: usize = 64 * 1024;

/// Puts variables into all strings of a table. They are put into values, not into the text: what a variable holds is never TOML.
pub(super) fn table(
    table: &mut DeTable<'_>,
    prefix: &str,
    variable: &dyn Fn(&str) -> Option<String>,
    source: &mut Source<'_>,
) -> Result<(), Wrong> {
    for (key, value) in table {
        self::value(value, &format!("{prefix}{}", key.get_ref()), variable, source)?;
    }
    Ok(())
}

fn value(
    value: &mut Spanned<DeValue<'_>>,
    key: &str,
    variable: &dyn Fn(&str) -> Option<String>,
    source: &mut Source<'_>,
) -> Result<(), Wrong> {
    let start = value.span().start;
    let filled = match value.get_mut() {
        DeValue::Table(inner) => return table(inner, &format!("{key}."), variable, source),
        DeValue::Array(items) => {
            return items.iter_mut().try_for_each(|item| self::value(item, key, variable, source));
        }
        DeValue::String(text) => fill(text, variable),
        _ => return Ok(()),
    };
    match filled {
        Ok(None) => {}
        Ok(Some(text)) => {
            *value.get_mut() = DeValue::String(Cow::Owned(text));
            source.filled.insert(start);
        }
        Err(why) => return Err(Item { source, key: key.to_owned(), value }.wrong(why)),
    }
    Ok(())
}

/// The text with variables put in, or none if none is named. `$${` stands for `${`.
fn fill(text: &str, variable: &dyn Fn(&str) -> Option<String>) -> Result<Option<String>, String> {
    if !text.contains("${") {
        return Ok(None);
    }
    let mut filled = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        if rest[..at].ends_with('$') {
            filled.push_str(&rest[..at - 1]);
            filled.push_str("${");
            rest = &rest[at + 2..];
            continue;
        }
        filled.push_str(&rest[..at]);
        let (inner, after) = rest[at + 2..].split_once('}').ok_or("a ${ without its }")?;
        let (name, default) = match inner.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (inner, None),
        };
        let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        if !starts || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            return Err(format!("${{{inner}}} is neither ${{NAME}} nor ${{NAME:-default}}"));
        }
        // As in a shell: the default stands for an empty variable, too.
        match (variable(name).filter(|value| !value.is_empty()), default) {
            (Some(value), _) => filled.push_str(&value),
            (None, Some(default)) => filled.push_str(default),
            (None, None) => {
                return Err(format!(
                    "the variable {name} is not set; ${{{name}:-default}} would have a default"
                ));
            }
        }
        if filled.len() > LONGEST {
            return Err(format!("longer than {LONGEST} bytes with its variables"));
        }
        rest = after;
    }
    filled.push_str(rest);
    Ok(Some(filled))
}

#[cfg(test)]
mod tests {
    use super::fill;

    fn filled(text: &str) -> Result<Option<String>, String> {
        fill(text, &|name| match name {
            "PORT" => Some("9000".to_owned()),
            "EMPTY" => Some(String::new()),
            "NESTED" => Some("${PORT}".to_owned()),
            _ => None,
        })
    }

    #[test]
    fn variables_are_put_in_once() {
        for (text, expected) in [
            ("127.0.0.1:${PORT}", "127.0.0.1:9000"),
            ("127.0.0.1:${PORT:-8080}", "127.0.0.1:9000"),
            ("127.0.0.1:${PORT_ENV:-8080}", "127.0.0.1:8080"),
            ("${EMPTY:-x}${PORT}${NONE:-}", "x9000"),
            ("${NONE:-a:-b}", "a:-b"),
            ("${NESTED}", "${PORT}"),
            ("$${PORT} and ${PORT}", "${PORT} and 9000"),
            ("é${PORT}é", "é9000é"),
        ] {
            assert_eq!(filled(text), Ok(Some(expected.to_owned())), "{text}");
        }
        for plain in ["", "$PORT", "$", "}", "{PORT}", "$ {PORT}"] {
            assert_eq!(filled(plain), Ok(None), "{plain}");
        }
    }

    #[test]
    fn what_is_no_variable_is_refused() {
        for (text, why) in [
            ("${NONE}", "NONE is not set"),
            ("${EMPTY}", "EMPTY is not set"),
            ("${PORT", "without its }"),
            ("${}", "neither"),
            ("${PORT-8080}", "neither"),
            ("${1PORT}", "neither"),
            ("${PO RT:-1}", "neither"),
        ] {
            let error = filled(text).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
