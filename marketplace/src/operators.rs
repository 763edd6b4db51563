//! Who may see the operators' pages: whoever has shown the suite's token, and has the signed cookie that says so; where
//! there is no token, whoever is at this machine, as for the guarded calls of recommendations.

mod told;

use std::{convert::Infallible, net::IpAddr, sync::Arc};

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, HeaderValue, Method, Uri, header, request::Parts, uri::Authority},
    response::Response,
};
use service::{Peer, token::Token};

pub(crate) use self::told::Told;
use crate::{
    allowance::Allowance,
    config::PublicUrl,
    pages::operators::{elsewhere, to_sign_in},
    reader::{CookieKey, now, sent},
    shop::Shop,
};

/// How long a session lasts, in seconds. It is not prolonged.
pub(crate) const SESSION: u64 = 12 * 3600;
/// So many tokens may be shown from one address, and as many more each minute, so that they cannot be guessed.
const ATTEMPTS: u32 = 5;
/// Headers that a proxy adds: what comes through one is not at this machine.
const FORWARDED: [&str; 5] = ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via"];

/// Knows operators.
pub(crate) struct Operators {
    token: Option<Token>,
    key: CookieKey,
    /// Whether browsers come over HTTPS, and may send cookies nowhere else.
    secure: bool,
    /// Whether the shop has an address beyond this machine.
    public: bool,
    attempts: Allowance,
}

/// Proof that the request is an operator's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Operator {
    /// Whether there is a session that can be ended.
    pub(crate) session: bool,
}

/// Why a request is not an operator's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Denied {
    /// The token has to be shown first.
    SignIn,
    /// There is no token, and the request comes from elsewhere.
    Elsewhere,
}

/// What came of showing a token.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    /// It is the right one; the cookie for the browser.
    Right(HeaderValue),
    /// It is not.
    Wrong,
    /// Too many wrong ones came from there: in so many seconds again.
    TooOften(u64),
}

impl Operators {
    pub(crate) fn new(
        token: Option<Token>,
        key: CookieKey,
        secure: bool,
        public_url: Option<&PublicUrl>,
    ) -> Self {
        let public = public_url.is_some_and(|url| {
            let host = url.as_str().split_once("://").map_or("", |(_, host)| host);
            !is_this_machine(host)
        });
        Self { token, key, secure, public, attempts: Allowance::new(ATTEMPTS) }
    }

    /// Whether there is a token to show.
    pub(crate) fn has_token(&self) -> bool {
        self.token.is_some()
    }

    /// Whether a request for this address, with these headers, from there is an operator's.
    pub(crate) fn check(
        &self,
        address: &Uri,
        headers: &HeaderMap,
        peer: Option<Peer>,
    ) -> Result<Operator, Denied> {
        let Some(token) = &self.token else {
            let here = !self.public && is_here(address, headers, peer);
            return if here { Ok(Operator { session: false }) } else { Err(Denied::Elsewhere) };
        };
        let mut values = sent(headers, self.session_name());
        let known = values.any(|value| {
            let text = self.key.open(&self.purpose(token), value);
            text.and_then(expires).is_some_and(|end| {
                // One that lasts longer than ours do is none of ours.
                let now = now();
                now < end && end <= now + SESSION
            })
        });
        if known { Ok(Operator { session: true }) } else { Err(Denied::SignIn) }
    }

    /// Compares a token that somebody shows, in the same time wherever the first difference is.
    pub(crate) fn show(&self, token: &str, from: IpAddr) -> Shown {
        let Some(right) = &self.token else { return Shown::Wrong };
        if let Err(wait) = self.attempts.take(Some(from)) {
            return Shown::TooOften(wait.as_secs() + 1);
        }
        if !right.is(token.as_bytes()) {
            return Shown::Wrong;
        }
        // Whoever knows the token may go on.
        self.attempts.forgive(Some(from));
        let text = format!("{}.{:016x}", now() + SESSION, rand::random::<u64>());
        let signed = self.key.sign(&self.purpose(right), &text);
        Shown::Right(self.cookie(self.session_name(), &signed, SESSION))
    }

    /// What makes the browser forget the session.
    pub(crate) fn forget(&self) -> HeaderValue {
        self.cookie(self.session_name(), "", 0)
    }

    /// What makes the browser bring this along to the next page.
    pub(crate) fn tell(&self, told: &Told) -> HeaderValue {
        let signed = self.key.sign(self.told_name(), &told.write(now()));
        self.cookie(self.told_name(), &signed, told::KEPT)
    }

    /// What the browser brings along, and what makes it forget that.
    pub(crate) fn told(&self, headers: &HeaderMap) -> Option<(Told, HeaderValue)> {
        let now = now();
        let mut values = sent(headers, self.told_name());
        let told = values.find_map(|value| Told::read(self.key.open(self.told_name(), value)?, now))?;
        Some((told, self.cookie(self.told_name(), "", 0)))
    }

    /// A session is signed for one token: another token ends it.
    fn purpose(&self, token: &Token) -> String {
        format!("{}\0{}", self.session_name(), token.secret())
    }

    fn cookie(&self, name: &str, value: &str, age: u64) -> HeaderValue {
        let secure = if self.secure { "; Secure" } else { "" };
        let text = format!("{name}={value}; Path=/; Max-Age={age}; HttpOnly; SameSite=Strict{secure}");
        HeaderValue::try_from(text).expect("letters, digits and punctuation")
    }

    fn session_name(&self) -> &'static str {
        if self.secure { "__Host-operator" } else { "operator" }
    }

    fn told_name(&self) -> &'static str {
        if self.secure { "__Host-told" } else { "told" }
    }
}

impl FromRequestParts<Arc<Shop>> for Operator {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, shop: &Arc<Shop>) -> Result<Self, Response> {
        let peer = parts.extensions.get::<Peer>().copied();
        shop.operators.check(&parts.uri, &parts.headers, peer).map_err(|denied| match denied {
            Denied::Elsewhere => elsewhere(),
            Denied::SignIn => {
                let read = matches!(parts.method, Method::GET | Method::HEAD);
                to_sign_in(shop, read.then_some(&parts.uri))
            }
        })
    }
}

/// Whether whoever asks is one of them. Nobody is turned away.
#[derive(Clone, Copy, Debug)]
pub(crate) struct IsOperator(pub(crate) bool);

impl FromRequestParts<Arc<Shop>> for IsOperator {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, shop: &Arc<Shop>) -> Result<Self, Infallible> {
        let peer = parts.extensions.get::<Peer>().copied();
        Ok(Self(shop.operators.check(&parts.uri, &parts.headers, peer).is_ok()))
    }
}

/// Whether a request comes from this machine, and was meant for it: a page of another site that gives its own name this
/// machine's address (DNS rebinding) asks for that name, and a proxy says that it is one.
fn is_here(address: &Uri, headers: &HeaderMap, peer: Option<Peer>) -> bool {
    let near = peer.is_some_and(|peer| peer.address.ip().to_canonical().is_loopback());
    let host = headers.get(header::HOST).map(|host| host.to_str().unwrap_or_default());
    // HTTP/2 has the host in the address, HTTP/1 in a header, and either may have both: none of them may be another's.
    let named = [address.authority().map(Authority::as_str), host];
    let here = named.iter().any(Option::is_some) && named.into_iter().flatten().all(is_this_machine);
    near && here && !FORWARDED.iter().any(|name| headers.contains_key(*name))
}

/// `localhost` or a loopback address, with or without a port.
fn is_this_machine(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !name.ends_with(':') => name,
        _ => host,
    };
    let address = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost")
        || address.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}

fn expires(text: &str) -> Option<u64> {
    text.split_once('.')?.0.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    fn operators(token: Option<&str>, key: &str) -> Operators {
        let token = token.map(|token| token.parse().unwrap());
        Operators::new(token, key.repeat(32).parse().unwrap(), false, None)
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pairs = pairs.iter().map(|(name, value)| {
            (header::HeaderName::from_static(name), HeaderValue::try_from(*value).unwrap())
        });
        pairs.collect()
    }

    fn from(address: &str) -> Option<Peer> {
        let address: SocketAddr = address.parse().unwrap();
        Some(Peer { address, certificate: false })
    }

    fn session(operators: &Operators, token: &str) -> String {
        let Shown::Right(cookie) = operators.show(token, IpAddr::from([192, 0, 2, 1])) else {
            panic!("it is the right one")
        };
        cookie.to_str().unwrap().split(';').next().unwrap().to_owned()
    }

    #[test]
    fn without_a_token_only_this_machine() {
        let none = operators(None, "k");
        let check = |operators: &Operators, pairs: &[(&'static str, &str)], peer| {
            operators.check(&Uri::from_static("/operators"), &headers(pairs), peer).is_ok()
        };
        for host in ["localhost:5000", "LOCALHOST", "127.0.0.1:5000", "[::1]:5000", "127.8.8.8"] {
            assert!(check(&none, &[("host", host)], from("127.0.0.1:9")), "{host}");
            assert!(check(&none, &[("host", host)], from("[::ffff:127.0.0.1]:9")), "{host}");
            assert!(!check(&none, &[("host", host)], from("192.0.2.1:9")), "{host}");
            assert!(!check(&none, &[("host", host)], None), "{host}");
        }
        for host in
            ["evil.example:5000", "localhost.evil.example", "", "127.0.0.1.evil.example", "::", ":5000"]
        {
            assert!(!check(&none, &[("host", host)], from("127.0.0.1:9")), "{host}");
        }
        for name in FORWARDED {
            assert!(!check(&none, &[("host", "localhost"), (name, "127.0.0.1")], from("[::1]:9")), "{name}");
        }
        let public = |url: &str| {
            let url: PublicUrl = url.parse().unwrap();
            Operators::new(None, CookieKey::random(), true, Some(&url))
        };
        // HTTP/2 says it in the address.
        let at = |address: &'static str, pairs: &[(&'static str, &str)]| {
            none.check(&Uri::from_static(address), &headers(pairs), from("127.0.0.1:9")).is_ok()
        };
        let here = [("host", "localhost:5000")];
        assert!(at("http://localhost:5000/operators", &[]) && at("http://localhost:5000/operators", &here));
        assert!(
            !at("http://evil.example:5000/operators", &[]) && !at("http://evil.example/operators", &here)
        );
        assert!(!at("http://localhost:5000/operators", &[("host", "evil.example")]));
        assert!(!at("/operators", &[]), "nobody says where it was to go");
        assert!(!check(&public("https://books.example"), &here, from("127.0.0.1:9")));
        assert!(check(&public("http://localhost:5000"), &here, from("127.0.0.1:9")));
    }

    #[test]
    fn a_session_is_of_one_key_and_one_token() {
        let ours = operators(Some("s3cret"), "k");
        let cookie = session(&ours, "s3cret");
        let known = |operators: &Operators, cookie: &str| {
            operators.check(&Uri::from_static("/operators"), &headers(&[("cookie", cookie)]), None)
                == Ok(Operator { session: true })
        };
        assert!(known(&ours, &cookie) && known(&operators(Some("s3cret"), "k"), &cookie));
        assert!(!known(&operators(Some("an0ther"), "k"), &cookie), "another token");
        assert!(!known(&operators(Some("s3cret"), "j"), &cookie), "another key");
        assert!(!cookie.contains("s3cret"));
        for at in "operator=".len()..cookie.len() {
            let mut bytes = cookie.clone().into_bytes();
            bytes[at] = if bytes[at] == b'1' { b'2' } else { b'1' };
            assert!(!known(&ours, std::str::from_utf8(&bytes).unwrap()), "{at}");
        }
        for end in [now() - 1, now() + SESSION + 60] {
            let text = ours.key.sign("operator\0s3cret", &format!("{end}.0123456789abcdef"));
            assert!(!known(&ours, &format!("operator={text}")), "{end}");
        }
        let text = ours.key.sign("operator\0s3cret", &format!("{}.0123456789abcdef", now() + 60));
        assert!(known(&ours, &format!("operator={text}")));
        assert_eq!(ours.show("s3cre", IpAddr::from([192, 0, 2, 2])), Shown::Wrong);
        // A reader's cookie is no operator's, and a wrong one does not hide the right one.
        assert!(known(&ours, &format!("operator=1.2; {cookie}")));
        assert!(!known(&ours, &cookie.replace("operator=", "reader=")));
    }
}
