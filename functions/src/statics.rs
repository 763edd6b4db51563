//! Pages below `/static/`: the one that comes with the service, or a folder's.

mod folder;

use std::{path::PathBuf, sync::LazyLock};

use axum::{
    body::Body,
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};

use crate::{
    document::{Item, Value, Wrong},
    problem::Problem,
};

/// Where pages lie.
pub const BELOW: &str = "/static/";

/// What lies below `/static/`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Pages {
    /// Nothing.
    #[default]
    None,
    /// The page that comes with the service: choose a picture and a function, and see what it makes of it.
    Own,
    /// The files of a folder.
    Folder(PathBuf),
}

/// `true`, `false`, or a folder's path.
impl Value for Pages {
    fn read(item: &Item<'_, '_>) -> Result<Self, Wrong> {
        if let Ok(own) = bool::read(item) {
            return Ok(if own { Self::Own } else { Self::None });
        }
        let folder = PathBuf::read(item).map_err(|_| item.wrong("expected true or a folder's path"))?;
        match folder.is_dir() {
            true => Ok(Self::Folder(folder)),
            false => Err(item.wrong("there is no such folder")),
        }
    }
}

/// A file: its type, what is in it, and the tag by which a browser knows it again.
type File = (&'static str, Bytes, HeaderValue);

/// A file that is built in.
pub(crate) struct Static {
    name: &'static str,
    content_type: &'static str,
    bytes: &'static [u8],
    etag: HeaderValue,
}

static OWN: LazyLock<[Static; 3]> = LazyLock::new(|| {
    [
        Static::new("index.html", include_bytes!("../static/index.html")),
        Static::new("page.css", include_bytes!("../static/page.css")),
        Static::new("page.js", include_bytes!("../static/page.js")),
    ]
});

/// What a page loads comes from its own host; the picture that was chosen and the one that was made are the browser's own.
const CONTENT_SECURITY_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; form-action 'none'; \
     base-uri 'none'; frame-ancestors 'none'",
);

impl Pages {
    /// Answers a request for `path`, which begins with [`BELOW`].
    ///
    /// # Errors
    ///
    /// If there is no such page, or it is asked for with another method than GET and HEAD.
    pub async fn answer(
        &self,
        method: &Method,
        path: &str,
        request: &HeaderMap,
    ) -> Result<Response, Problem> {
        if !matches!(*method, Method::GET | Method::HEAD) {
            return Err(Problem::Method("GET, HEAD".into()));
        }
        let unknown = || Problem::Unknown("such page".to_owned());
        let file = match path.strip_prefix(BELOW).ok_or_else(unknown)? {
            "" => "index.html",
            file => file,
        };
        let found = match self {
            Self::None => None,
            Self::Own => OWN.iter().find(|own| own.name == file).map(Static::file),
            Self::Folder(folder) => folder::read(folder.clone(), file.to_owned()).await,
        };
        let found = found.ok_or_else(unknown)?;
        let headers = [
            (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
            (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
            // Asked for again each time, and sent again only if it has changed.
            (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        ];
        Ok(send(request, found, headers))
    }
}

impl Static {
    /// Its type is that of the name's ending.
    pub(crate) fn new(name: &'static str, bytes: &'static [u8]) -> Self {
        Self { name, content_type: folder::content_type(name), bytes, etag: folder::etag(bytes) }
    }

    /// Digits that other contents do not have.
    pub(crate) fn digits(&self) -> &str {
        self.etag.to_str().unwrap_or_default().trim_matches('"')
    }

    /// Answers a request for it, with further headers.
    pub(crate) fn answer<const N: usize>(
        &self,
        request: &HeaderMap,
        headers: [(HeaderName, HeaderValue); N],
    ) -> Response {
        send(request, self.file(), headers)
    }

    fn file(&self) -> File {
        (self.content_type, Bytes::from_static(self.bytes), self.etag.clone())
    }
}

/// A file, or its head alone for whoever has it already.
fn send<const N: usize>(
    request: &HeaderMap,
    (content_type, bytes, etag): File,
    headers: [(HeaderName, HeaderValue); N],
) -> Response {
    let fresh = request.get_all(header::IF_NONE_MATCH).iter().any(|known| names(known, &etag));
    let head = [
        (header::CONTENT_TYPE, HeaderValue::from_static(content_type)),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::ETAG, etag),
    ];
    if fresh {
        return (StatusCode::NOT_MODIFIED, head, headers).into_response();
    }
    (head, headers, Body::from(bytes)).into_response()
}

/// Whether a header's list of tags has this one.
fn names(known: &HeaderValue, etag: &HeaderValue) -> bool {
    let (Ok(known), Ok(etag)) = (known.to_str(), etag.to_str()) else { return false };
    let plain = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    known.split(',').any(|tag| tag.trim() == "*" || plain(tag) == plain(etag))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use axum::response::{IntoResponse as _, Response};
    use http::{HeaderMap, HeaderValue, Method, header};
    use http_body_util::BodyExt as _;

    use super::Pages;

    async fn ask(pages: &Pages, method: Method, path: &str, headers: &HeaderMap) -> Response {
        pages.answer(&method, path, headers).await.into_response()
    }

    async fn get(pages: &Pages, path: &str) -> (u16, String, String) {
        let answer = ask(pages, Method::GET, path, &HeaderMap::new()).await;
        let content_type =
            answer.headers().get(header::CONTENT_TYPE).map(|value| value.to_str().unwrap().to_owned());
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        (status, content_type.unwrap_or_default(), String::from_utf8_lossy(&body).into_owned())
    }

    #[tokio::test]
    async fn the_own_page_loads_nothing_from_elsewhere_and_has_nothing_inline() {
        let (status, content_type, page) = get(&Pages::Own, "/static/").await;
        assert_eq!((status, content_type.as_str()), (200, "text/html; charset=utf-8"));
        for inline in ["<style", "style=", "onclick", "onload", "http://", "https://"] {
            assert!(!page.contains(inline), "{inline}");
        }
        // Whatever it loads is there, too.
        for (attribute, name) in [("href=\"", "page.css"), ("src=\"", "page.js")] {
            assert!(page.contains(&format!("{attribute}{name}")), "{name}");
            assert_eq!(get(&Pages::Own, &format!("/static/{name}")).await.0, 200, "{name}");
        }
        assert_eq!(page.matches("<script").count(), page.matches("<script src=").count());
        assert_eq!(get(&Pages::Own, "/static/other.js").await.0, 404);
        assert_eq!(get(&Pages::None, "/static/").await.0, 404);
        assert_eq!(ask(&Pages::Own, Method::POST, "/static/", &HeaderMap::new()).await.status(), 405);
    }

    #[tokio::test]
    async fn what_a_browser_has_is_not_sent_again() {
        let first = ask(&Pages::Own, Method::GET, "/static/page.js", &HeaderMap::new()).await;
        let etag = first.headers()[header::ETAG].clone();
        let policy = first.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self'") && !policy.contains("unsafe"));
        let known = HeaderMap::from_iter([(header::IF_NONE_MATCH, etag)]);
        assert_eq!(ask(&Pages::Own, Method::GET, "/static/page.js", &known).await.status(), 304);
        let old =
            HeaderMap::from_iter([(header::IF_NONE_MATCH, HeaderValue::from_static("\"old\", W/\"x\""))]);
        assert_eq!(ask(&Pages::Own, Method::GET, "/static/page.js", &old).await.status(), 200);
    }

    #[tokio::test]
    async fn a_folder_shows_its_files_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let shown = folder.path().join("shown");
        fs::create_dir_all(shown.join("a")).unwrap();
        fs::write(folder.path().join("secret.txt"), "secret").unwrap();
        fs::write(shown.join("index.html"), "<p>hello").unwrap();
        fs::write(shown.join("a/b c.png"), "picture").unwrap();
        fs::write(shown.join(".hidden"), "secret").unwrap();
        std::os::unix::fs::symlink(folder.path().join("secret.txt"), shown.join("link.txt")).unwrap();
        let pages = Pages::Folder(shown.clone());
        assert_eq!(
            get(&pages, "/static/").await,
            (200, "text/html; charset=utf-8".into(), "<p>hello".into())
        );
        assert_eq!(get(&pages, "/static/a/b%20c.png").await, (200, "image/png".into(), "picture".into()));
        for path in [
            "/static/none",
            "/static/a",
            "/static/a/",
            "/static/.hidden",
            "/static/../secret.txt",
            "/static/a/../../secret.txt",
            "/static/%2e%2e/secret.txt",
            "/static/..%2fsecret.txt",
            "/static/link.txt",
            "/static//etc/passwd",
            "/static/%00",
            "/static/%zz",
            "/static/a%5cb",
            "/static/%ff",
        ] {
            let (status, _, body) = get(&pages, path).await;
            assert!(status == 404 && !body.contains("secret"), "{path}: {status}");
        }
        fs::write(shown.join("big"), vec![0; 17 << 20]).unwrap();
        assert_eq!(get(&pages, "/static/big").await.0, 404, "longer than what is shown");
    }
}
