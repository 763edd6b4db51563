//! Whether a request that changes something comes from a page of this shop.

use std::sync::Arc;

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, Uri, header, request::Parts},
};

use crate::{pages::error::Problem, shop::Shop};

/// Proof that a form was sent by one of our own pages: no other site may change what a reader has said, whatever cookie
/// comes along.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OurPage(());

impl FromRequestParts<Arc<Shop>> for OurPage {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, shop: &Arc<Shop>) -> Result<Self, Problem> {
        let public = shop.public_url.as_ref().and_then(|url| url.as_str().split_once("://"));
        let ours = is_ours(&parts.headers, &parts.uri, public.map(|(_, host)| host));
        if ours { Ok(Self(())) } else { Err(Problem::Foreign) }
    }
}

/// Every browser in use says where a request comes from: by `Sec-Fetch-Site` over HTTPS and on the own machine, by
/// `Origin` elsewhere. Neither can be set by a page. What says neither is no browser, and has no business here.
fn is_ours(headers: &HeaderMap, address: &Uri, public: Option<&str>) -> bool {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    if let Some(site) = text(header::HeaderName::from_static("sec-fetch-site")) {
        // `none` is the reader's own doing, such as sending a form again.
        return matches!(site, "same-origin" | "none");
    }
    let Some(origin) = text(header::ORIGIN) else { return false };
    let Some((_, from)) = origin.split_once("://") else { return false };
    // HTTP/2 has the host in the address.
    let host = address.authority().map(|host| host.as_str()).or_else(|| text(header::HOST));
    [host, public].into_iter().flatten().any(|ours| !ours.is_empty() && ours.eq_ignore_ascii_case(from))
}

/// An address within this shop: where a form says that it was. Anything else leads to the front page.
pub(crate) fn local(back: Option<&str>) -> &str {
    const FRONT: &str = "/";
    const MOST: usize = 1024;
    let Some(back) = back.filter(|back| back.len() <= MOST) else { return FRONT };
    let plain = back
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'#' | b'"' | b'<' | b'>'));
    // Two slashes would begin another host.
    let within = back.starts_with('/') && !back.starts_with("//") && !back.contains("/../");
    if plain && within { back } else { FRONT }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderName, HeaderValue, Uri};

    use super::{is_ours, local};

    #[test]
    fn only_our_own_pages_change_things() {
        let ours = |headers: &[(&'static str, &'static str)]| {
            let headers: HeaderMap = headers
                .iter()
                .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
                .collect();
            is_ours(&headers, &Uri::from_static("/books/1/opinion"), Some("books.example"))
        };
        let host = ("host", "127.0.0.1:5000");
        for good in [
            &[host, ("sec-fetch-site", "same-origin")][..],
            &[host, ("sec-fetch-site", "none")],
            &[host, ("sec-fetch-site", "same-origin"), ("origin", "null")],
            &[host, ("origin", "http://127.0.0.1:5000")],
            &[("host", "inner:1"), ("origin", "https://books.example")],
            &[("host", "Books.Example"), ("origin", "https://books.example")],
        ] {
            assert!(ours(good), "{good:?}");
        }
        for bad in [
            &[host][..],
            &[host, ("sec-fetch-site", "cross-site")],
            &[host, ("sec-fetch-site", "same-site")],
            &[host, ("sec-fetch-site", "cross-site"), ("origin", "http://127.0.0.1:5000")],
            &[host, ("origin", "null")],
            &[host, ("origin", "")],
            &[host, ("origin", "http://127.0.0.1:5001")],
            &[host, ("origin", "http://evil.example")],
            &[host, ("origin", "http://127.0.0.1:5000.evil.example")],
            &[("host", ""), ("origin", "http://")],
        ] {
            assert!(!ours(bad), "{bad:?}");
        }
    }

    #[test]
    fn a_form_leads_nowhere_else() {
        for good in ["/", "/books/7?from=0a", "/my-books?shelf=read&page=2"] {
            assert_eq!(local(Some(good)), good);
        }
        for bad in [
            "",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "javascript:alert(1)",
            "/a\r\nb",
            "/a b",
            "/a#b",
            "/x/../y",
        ] {
            assert_eq!(local(Some(bad)), "/", "{bad}");
        }
        assert_eq!(local(None), "/");
        assert_eq!(local(Some(&format!("/{}", "a".repeat(2000)))), "/");
    }
}
