use std::fmt;

use crate::name::{Name, RESERVED};

/// The longest path, in bytes.
const LONGEST: usize = 1_024;

/// A path, such as `/api/image`, or with all below it, such as `/shop/*`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Path {
    /// Without the `/*`; empty for `/*` alone.
    text: String,
    below: bool,
}

/// Why a text is no path that can be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// It is no path.
    #[error("expected a path such as /api/image, or /shop/* with all below it")]
    Form,
    /// The service answers there.
    #[error("/{0} is an address of the service itself")]
    Reserved(String),
    /// A function of that name would answer there.
    #[error("/{0} is the address of a function of that name")]
    Function(String),
    /// It would hide all others.
    #[error("/* would hide every other address")]
    All,
}

impl Path {
    /// A path on an address that has routes and nothing else.
    ///
    /// # Errors
    ///
    /// If it is none.
    pub fn alone(text: &str) -> Result<Self, PathError> {
        let (path, below) = match text.strip_suffix("/*") {
            Some(path) => (path, true),
            None => (text, false),
        };
        let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()+,;=:@/%".contains(&byte);
        let plain = |part: &str| !matches!(part, "" | "." | "..");
        let parts = || path.split('/').skip(1);
        let whole = (below && path.is_empty())
            || (!below && path == "/")
            || (path.starts_with('/') && parts().all(plain));
        if !whole || !path.bytes().all(letter) || text.len() > LONGEST {
            return Err(PathError::Form);
        }
        Ok(Self { text: path.to_owned(), below })
    }

    /// A path on an address where functions answer by their names, and the service itself: it hides none of them.
    ///
    /// # Errors
    ///
    /// If it is none.
    pub fn beside_names(text: &str) -> Result<Self, PathError> {
        let path = Self::alone(text)?;
        let mut parts = path.text.split('/').skip(1);
        let Some(first) = parts.next() else { return Err(PathError::All) };
        let only = parts.next().is_none();
        // What lies below /api is there for this.
        if RESERVED.contains(&first) && (first != "api" || only) {
            return Err(PathError::Reserved(first.to_owned()));
        }
        if only && first.parse::<Name>().is_ok() {
            return Err(PathError::Function(first.to_owned()));
        }
        Ok(path)
    }

    /// The path, without the `/*` at its end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether all paths below it belong to it, too.
    #[must_use]
    pub fn is_with_all_below(&self) -> bool {
        self.below
    }

    /// Whether a request's path is one of these.
    #[must_use]
    pub fn holds(&self, path: &str) -> bool {
        match path.strip_prefix(self.text.as_str()) {
            Some("") => true,
            Some(rest) => self.below && rest.starts_with('/'),
            None => false,
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)?;
        if self.below { formatter.write_str("/*") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::{Path, PathError};

    #[test]
    fn a_path_is_one_that_requests_can_have() {
        for good in [
            "/",
            "/*",
            "/api/image",
            "/shop/*",
            "/a/%20",
            "/grayscale",
            "/grayscale/*",
            "/functions",
            "/Caps",
        ] {
            assert_eq!(Path::alone(good).unwrap().to_string(), good);
        }
        let long = format!("/{}", "b".repeat(2_000));
        for bad in [
            "",
            "*",
            "api/image",
            "//",
            "/a//b",
            "/a/../b",
            "/a/.",
            "/a/",
            "//*",
            "/a?b",
            "/a#b",
            "/{b}",
            "/*/b",
            "/é",
            &long,
        ] {
            assert_eq!(Path::alone(bad), Err(PathError::Form), "{bad}");
        }
    }

    #[test]
    fn a_path_beside_functions_hides_neither_them_nor_the_service() {
        for good in [
            "/",
            "/api/image",
            "/api/hello",
            "/api/x/*",
            "/a/b/c",
            "/a/b/*",
            "/favicon.ico",
            "/Caps",
            "/Caps/*",
        ] {
            assert_eq!(Path::beside_names(good).unwrap().to_string(), good);
        }
        for bad in [
            "/*",
            "/functions",
            "/functions/x",
            "/tasks/1",
            "/static/x",
            "/dapr/config",
            "/healthz",
            "/api",
            "/api/*",
            "/grayscale",
            "/grayscale/*",
            "/a//b",
        ] {
            assert!(Path::beside_names(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_path_holds_what_lies_below_it_if_it_says_so() {
        let exact = Path::alone("/api/image").unwrap();
        assert!(exact.holds("/api/image"));
        assert!(!exact.holds("/api/image/") && !exact.holds("/api/images") && !exact.holds("/api"));
        let below = Path::alone("/shop/*").unwrap();
        assert!(below.holds("/shop") && below.holds("/shop/") && below.holds("/shop/a/b"));
        assert!(!below.holds("/shopping") && !below.holds("/"));
        let all = Path::alone("/*").unwrap();
        assert!(all.holds("/") && all.holds("/a/b"));
    }
}
