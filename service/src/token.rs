//! The token that guards what changes or reveals.

use std::{fmt, str::FromStr};

use clap::Args;
use http::{HeaderMap, header};
use tonic::{Request, Status, service::Interceptor};

use crate::Peer;

/// The variable of the token, the same for all services.
pub const VARIABLE: &str = "SHELFWISE_TOKEN";
/// Longer ones only make every call longer.
const MAX_CHARACTERS: usize = 1_024;

/// Who may call what changes or reveals.
#[derive(Args, Clone, Debug, Default)]
pub struct TokenSettings {
    /// What callers of guarded services must show as `authorization: Bearer …` [default: such calls from this machine only]
    #[arg(long, env = VARIABLE, value_name = "TEXT", hide_env_values = true)]
    pub token: Option<Token>,
}

/// A secret. It is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(Box<str>);

/// The text cannot be a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected 1 to 1,024 visible ASCII characters, none of them a blank")]
pub struct BadToken;

/// Lets calls through that show the token; without a configured token, those that come from this machine.
///
/// As a tonic interceptor it guards a whole service; [`Guard::check`] is for whatever is no gRPC.
#[derive(Clone, Debug, Default)]
pub struct Guard(Option<Token>);

/// Why a call is not let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// There is a token, and the call does not show it.
    #[error("this needs the server's token (SHELFWISE_TOKEN) as `authorization: Bearer …`")]
    Token,
    /// There is no token, and the call comes from elsewhere.
    #[error("this is for the server's own machine until the server has a token (SHELFWISE_TOKEN)")]
    Elsewhere,
    /// There is no token, and without one nobody may do this.
    #[error("this takes a token, and the server has none (SHELFWISE_TOKEN)")]
    Unset,
}

impl Token {
    /// The secret itself, for whoever has to show it.
    #[must_use]
    pub fn secret(&self) -> &str {
        &self.0
    }

    /// Whether this is it. Takes the same time wherever the first difference is.
    #[must_use]
    pub fn is(&self, shown: &[u8]) -> bool {
        same(shown, self.0.as_bytes())
    }
}

impl FromStr for Token {
    type Err = BadToken;

    fn from_str(text: &str) -> Result<Self, BadToken> {
        let visible = text.bytes().all(|byte| byte.is_ascii_graphic());
        if visible && (1..=MAX_CHARACTERS).contains(&text.len()) {
            Ok(Self(text.into()))
        } else {
            Err(BadToken)
        }
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Token(***)")
    }
}

impl Guard {
    /// Guards with this token, or by where calls come from.
    #[must_use]
    pub fn new(token: Option<Token>) -> Self {
        Self(token)
    }

    /// Whether a call with these headers shows the token. It must, wherever it comes from.
    ///
    /// # Errors
    ///
    /// Why it may not pass.
    pub fn check_shown(&self, headers: &HeaderMap) -> Result<(), Refused> {
        match &self.0 {
            Some(token) if shown(headers).is_some_and(|shown| token.is(shown)) => Ok(()),
            Some(_) => Err(Refused::Token),
            None => Err(Refused::Unset),
        }
    }

    /// Whether a call with these headers from there may pass.
    ///
    /// # Errors
    ///
    /// Why not.
    pub fn check(&self, headers: &HeaderMap, peer: Option<Peer>) -> Result<(), Refused> {
        match &self.0 {
            Some(_) => self.check_shown(headers),
            None if peer.is_some_and(|peer| peer.address.ip().to_canonical().is_loopback()) => Ok(()),
            None => Err(Refused::Elsewhere),
        }
    }
}

impl Interceptor for Guard {
    fn call(&mut self, request: Request<()>) -> Result<Request<()>, Status> {
        let peer = request.extensions().get::<Peer>().copied();
        match self.check(request.metadata().as_ref(), peer) {
            Ok(()) => Ok(request),
            Err(refused) => Err(Status::unauthenticated(refused.to_string())),
        }
    }
}

/// What a call shows as its token.
fn shown(headers: &HeaderMap) -> Option<&[u8]> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.as_bytes().split_at_checked("Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then_some(token)
}

/// Takes the same time wherever the first difference is; how long the secret is may show.
fn same(shown: &[u8], secret: &[u8]) -> bool {
    let differing = shown.iter().zip(secret).fold(0, |differing, (one, other)| {
        // Kept from seeing that the rest cannot matter.
        std::hint::black_box(differing | (one ^ other))
    });
    shown.len() == secret.len() && differing == 0
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use http::{HeaderMap, HeaderValue};

    use super::{Guard, Peer, Refused, Token};

    fn from(address: &str) -> Option<Peer> {
        let address: SocketAddr = address.parse().unwrap();
        Some(Peer { address, certificate: false })
    }

    fn showing(value: &str) -> HeaderMap {
        HeaderMap::from_iter([(http::header::AUTHORIZATION, HeaderValue::from_str(value).unwrap())])
    }

    #[test]
    fn without_a_token_this_machine_may_pass() {
        let guard = Guard::new(None);
        for (peer, passes) in [
            (from("127.0.0.1:5"), true),
            (from("127.9.9.9:5"), true),
            (from("[::1]:5"), true),
            (from("[::ffff:127.0.0.1]:5"), true),
            (from("192.0.2.1:5"), false),
            (from("[2001:db8::1]:5"), false),
            (None, false),
        ] {
            let expected = if passes { Ok(()) } else { Err(Refused::Elsewhere) };
            assert_eq!(guard.check(&HeaderMap::new(), peer), expected, "{peer:?}");
            assert_eq!(guard.check(&showing("Bearer x"), peer), expected, "{peer:?}");
        }
        assert_eq!(guard.check_shown(&HeaderMap::new()), Err(Refused::Unset));
        assert_eq!(guard.check_shown(&showing("Bearer x")), Err(Refused::Unset));
    }

    #[test]
    fn with_a_token_whoever_shows_it_may_pass() {
        let guard = Guard::new(Some("s3cret".parse().unwrap()));
        for peer in [from("127.0.0.1:5"), from("192.0.2.1:5"), None] {
            assert_eq!(guard.check(&showing("Bearer s3cret"), peer), Ok(()));
            assert_eq!(guard.check(&showing("bearer s3cret"), peer), Ok(()));
            assert_eq!(guard.check_shown(&showing("Bearer s3cret")), Ok(()));
            assert_eq!(guard.check_shown(&HeaderMap::new()), Err(Refused::Token));
            assert_eq!(guard.check(&HeaderMap::new(), peer), Err(Refused::Token));
            for wrong in
                ["Bearer s3cre", "Bearer s3crets", "Bearer  s3cret", "Basic s3cret", "s3cret", "Bearer ", ""]
            {
                assert_eq!(guard.check(&showing(wrong), peer), Err(Refused::Token), "{wrong}");
            }
        }
    }

    #[test]
    fn a_token_is_not_shown() {
        let token: Token = "s3cret".parse().unwrap();
        assert!(!format!("{token:?} {:?}", Guard::new(Some(token.clone()))).contains("s3cret"));
        for bad in ["", "two words", "ümlaut", "tab\t", &"x".repeat(1_025)] {
            let error = bad.parse::<Token>().unwrap_err().to_string();
            assert!(!error.contains("umlaut") && !error.contains("two"));
        }
    }
}
