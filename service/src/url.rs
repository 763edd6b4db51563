//! Where another service is asked over HTTP.

use std::{fmt, str::FromStr};

use http::{Uri, uri::Scheme};
use thiserror::Error;

/// A service's address: `http://127.0.0.1:8000`, or below a path, such as that of a sidecar,
/// `http://127.0.0.1:3500/v1.0/invoke/functions/method`. It has no login, query or fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpUrl {
    https: bool,
    host: String,
    port: u16,
    authority: String,
    /// Without a slash at the end; empty for the root.
    path: String,
}

/// A text that is no such address.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("expected http:// or https://, a host and perhaps a path, such as http://127.0.0.1:8000")]
pub struct HttpUrlError;

impl HttpUrl {
    /// Whether it is asked over TLS.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.https
    }

    /// A name or an address, without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// As it is said, or else the scheme's.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// As a request says whom it asks.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Without a slash at the end; empty for the root.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The address of what lies there under a name.
    #[must_use]
    pub fn path_of(&self, name: &str) -> String {
        format!("{}/{name}", self.path)
    }
}

impl FromStr for HttpUrl {
    type Err = HttpUrlError;

    fn from_str(text: &str) -> Result<Self, HttpUrlError> {
        let uri: Uri = text.parse().map_err(|_| HttpUrlError)?;
        let https = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTP => false,
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            _ => return Err(HttpUrlError),
        };
        let authority = uri.authority().filter(|authority| !authority.as_str().contains('@'));
        let (Some(authority), None) = (authority, uri.query()) else { return Err(HttpUrlError) };
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        if host.is_empty() || text.contains('#') {
            return Err(HttpUrlError);
        }
        let port = match authority.port() {
            Some(port) => port.as_u16(),
            // A number that no port has.
            None if authority.as_str() != authority.host() => return Err(HttpUrlError),
            None if https => 443,
            None => 80,
        };
        let (authority, path) = (authority.as_str().to_owned(), uri.path().trim_end_matches('/').to_owned());
        Ok(Self { https, host, port, authority, path })
    }
}

impl fmt::Display for HttpUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.https { "https" } else { "http" };
        write!(formatter, "{scheme}://{}{}", self.authority, self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::HttpUrl;

    #[test]
    fn an_address_may_have_a_path() {
        for (text, host, port, path) in [
            ("http://127.0.0.1:8000", "127.0.0.1", 8000, "/grayscale"),
            ("http://functions/", "functions", 80, "/grayscale"),
            ("https://[::1]:8443/a/b/", "::1", 8443, "/a/b/grayscale"),
            ("https://books.example/x", "books.example", 443, "/x/grayscale"),
            (
                "http://localhost:3500/v1.0/invoke/functions/method",
                "localhost",
                3500,
                "/v1.0/invoke/functions/method/grayscale",
            ),
        ] {
            let url: HttpUrl = text.parse().unwrap();
            assert_eq!((url.host(), url.port()), (host, port), "{text}");
            assert_eq!(url.path_of("grayscale"), path);
            assert_eq!(url.is_https(), text.starts_with("https"));
            assert_eq!(url.to_string(), text.trim_end_matches('/'));
        }
        for bad in [
            "",
            "functions:8000",
            "/functions",
            "ftp://functions",
            "http://",
            "http://a@b",
            "http://a/?b",
            "http://a/#b",
            "http://a:99999",
        ] {
            assert!(bad.parse::<HttpUrl>().is_err(), "{bad}");
        }
    }
}
