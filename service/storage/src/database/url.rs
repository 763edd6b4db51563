//! What a database's URL may say, and what of it may be shown.

use super::OpenError;

/// Whether the URL names a database that is kept nowhere.
#[must_use]
pub fn in_memory(url: &str) -> bool {
    url.starts_with(":memory:")
        || (url.starts_with("sqlite:") && (url.contains(":memory:") || url.contains("mode=memory")))
}

pub(super) fn bad_url(url: &str, reason: &str) -> OpenError {
    OpenError::Url { url: without_password(url), reason: reason.to_owned() }
}

/// The parameters that the driver takes.
const TAKEN: [&str; 16] = [
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "statement-cache-capacity",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
];
/// Those that libpq takes and the driver does not.
const LIBPQ_ONLY: [&str; 33] = [
    "channel_binding",
    "client_encoding",
    "connect_timeout",
    "fallback_application_name",
    "gssdelegation",
    "gssencmode",
    "gsslib",
    "keepalives",
    "keepalives_count",
    "keepalives_idle",
    "keepalives_interval",
    "krbsrvname",
    "load_balance_hosts",
    "max_protocol_version",
    "min_protocol_version",
    "passfile",
    "replication",
    "require_auth",
    "requirepeer",
    "requiressl",
    "service",
    "ssl_max_protocol_version",
    "ssl_min_protocol_version",
    "sslcertmode",
    "sslcompression",
    "sslcrl",
    "sslcrldir",
    "sslkeylogfile",
    "sslnegotiation",
    "sslpassword",
    "sslsni",
    "target_session_attrs",
    "tcp_user_timeout",
];

/// The URL with those parameters only that the driver takes, which would write others into the log with their values.
/// One that nobody knows may be a piece of a password in which an `&` was not encoded.
pub(super) fn with_known_parameters(url: &str) -> Result<String, OpenError> {
    if url.contains('#') {
        return Err(bad_url(url, "has a `#`, which a password must write as %23"));
    }
    let Some((address, parameters)) = url.split_once('?') else { return Ok(url.to_owned()) };
    let mut taken = Vec::new();
    for parameter in parameters.split('&').filter(|parameter| !parameter.is_empty()) {
        let name = parameter.split('=').next().unwrap_or_default();
        if TAKEN.contains(&name) || name == "options" || name.starts_with("options[") {
            taken.push(parameter);
        } else if let Some(name) = LIBPQ_ONLY.iter().find(|known| **known == name) {
            tracing::warn!(name, "this parameter of DATABASE_URL has no effect here");
        } else if name != "application_name" {
            let reason = "has a parameter that PostgreSQL does not know; a password must write `&` as %26";
            return Err(bad_url(url, reason));
        }
    }
    Ok(format!("{address}?{}", taken.join("&")))
}

/// The URL as it may be shown: without its parameters and its password, and where a sign was not encoded, so that nobody
/// can tell where a password ends, without all that may belong to it.
pub(super) fn without_password(url: &str) -> String {
    const HIDDEN: &str = "***";
    if in_memory(url) || url.starts_with("sqlite:") {
        return url.split_once('?').map_or_else(|| url.to_owned(), |(file, _)| format!("{file}?{HIDDEN}"));
    }
    let up_to = |text: &str, signs: &[char]| match text.find(signs) {
        Some(end) => format!("{}{HIDDEN}", &text[..end]),
        None => text.to_owned(),
    };
    let Some((scheme, rest)) = url.split_once("://") else { return up_to(url, &[':', '=', ' ', '@', '/']) };
    let (address, parameters) = rest.split_at(rest.find(['?', '#']).unwrap_or(rest.len()));
    if parameters.contains('@') {
        // Either the parameters have it, or a password has the `?`.
        return format!("{scheme}://{}", up_to(rest, &[':', '/', '?', '#', '@']));
    }
    let (login, place) = address.rsplit_once('@').unwrap_or(("", address));
    let login = match login.split_once(':') {
        Some((user, _)) => format!("{user}:{HIDDEN}@"),
        None if login.is_empty() => String::new(),
        None => format!("{login}@"),
    };
    // What follows the host is a port, unless it is the password of a login without a host.
    let host_end = place.find(']').unwrap_or(0);
    let place = match place[host_end..].find(':').map(|colon| host_end + colon) {
        Some(colon) => {
            let port = place[colon + 1..].split('/').next().unwrap_or_default();
            let is_port = port.bytes().all(|sign| sign.is_ascii_digit());
            if is_port { place.to_owned() } else { format!("{}:{HIDDEN}", &place[..colon]) }
        }
        None => place.to_owned(),
    };
    let parameters = match parameters.chars().next() {
        Some(sign) => format!("{sign}{HIDDEN}"),
        None => String::new(),
    };
    format!("{scheme}://{login}{place}{parameters}")
}

#[cfg(test)]
mod tests {
    use super::{with_known_parameters, without_password};

    #[test]
    fn passwords_are_hidden() {
        for (url, shown) in [
            ("postgres://shop:s3:cr@et@db.example/shelf", "postgres://shop:***@db.example/shelf"),
            ("postgres://shop@db:5432/shelf?password=x&sslmode=require", "postgres://shop@db:5432/shelf?***"),
            ("postgres://shop@db/shelf?password=s3&cr=et&x", "postgres://shop@db/shelf?***"),
            ("postgres://shop@[::1]:5432/shelf?passwd=s3#cr", "postgres://shop@[::1]:5432/shelf?***"),
            ("postgres://[::1]/shelf", "postgres://[::1]/shelf"),
            ("postgres://shop:s3cr?et@db/shelf", "postgres://shop***"),
            ("postgres://shop:s3?cr/e@t@db/shelf?sslmode=require", "postgres://shop***"),
            ("postgres://shop:s3#cret@db/shelf", "postgres://shop***"),
            ("postgres://shop:s3cret@db/shelf?password=x@y", "postgres://shop***"),
            ("postgres://db/shelf?user=shop&password=x:y@z", "postgres://db***"),
            ("postgres://shop:s3cret", "postgres://shop:***"),
            ("postgres://shop:s3cr/et", "postgres://shop:***"),
            ("postgres:shop:s3cret@db/shelf", "postgres***"),
            ("host=db password=s3cret", "host***"),
            ("sqlite:///srv/a:b@c.db", "sqlite:///srv/a:b@c.db"),
            ("sqlite:///srv/shelfwise.db?key=s3cret", "sqlite:///srv/shelfwise.db?***"),
            ("nonsense", "nonsense"),
        ] {
            assert_eq!(without_password(url), shown);
        }
    }

    #[test]
    fn parameters_that_the_driver_would_log_do_not_reach_it() {
        for (url, passed) in [
            ("postgres://db/shelf", "postgres://db/shelf"),
            (
                "postgres://db/shelf?sslmode=require&sslpassword=x&options[a]=b&connect_timeout=5",
                "postgres://db/shelf?sslmode=require&options[a]=b",
            ),
        ] {
            assert_eq!(with_known_parameters(url).unwrap(), passed);
        }
        for url in ["postgres://db/shelf?password=s3&cret", "postgres://db/shelf?password=s3#cret"] {
            let error = with_known_parameters(url).unwrap_err().to_string();
            assert!(error.starts_with("DATABASE_URL postgres://db/shelf?***: ha"), "{error}");
            assert!(!error.contains("cret"), "{error}");
        }
    }
}
