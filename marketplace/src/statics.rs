//! Style, script, icons and the picture for previews, built into the binary. Their addresses hold a hash of
//! their contents, so that a browser keeps them for ever and still sees a new version at once.

use std::sync::LazyLock;

use axum::{
    extract::Path,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

use service::stable::fnv1a;

/// A file that a browser may keep.
#[derive(Debug)]
pub(crate) struct Static {
    /// Where pages link to.
    pub(crate) address: String,
    content_type: &'static str,
    bytes: &'static [u8],
    etag: HeaderValue,
}

pub(crate) static STYLE: LazyLock<Static> = LazyLock::new(|| {
    Static::new("style", "css", "text/css; charset=utf-8", include_bytes!("../static/style.css"))
});
pub(crate) static SCRIPT: LazyLock<Static> = LazyLock::new(|| {
    Static::new("shop", "js", "text/javascript; charset=utf-8", include_bytes!("../static/shop.js"))
});
/// What operators' pages need beside the style of all.
pub(crate) static OPERATORS_STYLE: LazyLock<Static> = LazyLock::new(|| {
    Static::new("operators", "css", "text/css; charset=utf-8", include_bytes!("../static/operators.css"))
});
pub(crate) static OPERATORS_SCRIPT: LazyLock<Static> = LazyLock::new(|| {
    Static::new("operators", "js", "text/javascript; charset=utf-8", include_bytes!("../static/operators.js"))
});
/// What the Cover studio needs beside them.
pub(crate) static STUDIO_STYLE: LazyLock<Static> = LazyLock::new(|| {
    Static::new("studio", "css", "text/css; charset=utf-8", include_bytes!("../static/studio.css"))
});
pub(crate) static STUDIO_SCRIPT: LazyLock<Static> = LazyLock::new(|| {
    Static::new("studio", "js", "text/javascript; charset=utf-8", include_bytes!("../static/studio.js"))
});
/// What services show where somebody shares a link; they take no SVG. Drawn by `tests/browser/preview.mjs`.
pub(crate) static PREVIEW: LazyLock<Static> =
    LazyLock::new(|| Static::new("preview", "png", "image/png", include_bytes!("../static/preview.png")));
static FAVICON_SVG: LazyLock<Static> =
    LazyLock::new(|| Static::new("favicon", "svg", "image/svg+xml", include_bytes!("../static/favicon.svg")));
static FAVICON_ICO: LazyLock<Static> =
    LazyLock::new(|| Static::new("favicon", "ico", "image/x-icon", include_bytes!("../static/favicon.ico")));

const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// For what has one address for ever.
pub(crate) const A_DAY: HeaderValue = HeaderValue::from_static("public, max-age=86400");

impl Static {
    fn new(name: &str, extension: &str, content_type: &'static str, bytes: &'static [u8]) -> Self {
        let hash = fnv1a(bytes.iter().copied());
        let address = format!("/static/{name}.{hash:016x}.{extension}");
        Self { address, content_type, bytes, etag: etag(hash) }
    }
}

/// `GET /static/{file}`
pub(crate) async fn file(Path(file): Path<String>, request: HeaderMap) -> Response {
    let all = [
        &*STYLE,
        &*SCRIPT,
        &*PREVIEW,
        &*OPERATORS_STYLE,
        &*OPERATORS_SCRIPT,
        &*STUDIO_STYLE,
        &*STUDIO_SCRIPT,
    ];
    match all.into_iter().find(|known| known.address.ends_with(&format!("/{file}"))) {
        Some(known) => answer(known, &request, FOR_EVER),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// `GET /favicon.svg`
pub(crate) async fn favicon_svg(request: HeaderMap) -> Response {
    answer(&FAVICON_SVG, &request, A_DAY)
}

/// `GET /favicon.ico`, which browsers ask for unasked.
pub(crate) async fn favicon_ico(request: HeaderMap) -> Response {
    answer(&FAVICON_ICO, &request, A_DAY)
}

fn answer(file: &'static Static, request: &HeaderMap, cache: HeaderValue) -> Response {
    cached(request, file.etag.clone(), cache, HeaderValue::from_static(file.content_type), file.bytes)
}

/// The body, or 304 if the browser has it already.
pub(crate) fn cached(
    request: &HeaderMap,
    etag: HeaderValue,
    cache: HeaderValue,
    content_type: HeaderValue,
    body: impl IntoResponse,
) -> Response {
    let fresh = is_fresh(request, &etag);
    let head = [(header::ETAG, etag), (header::CACHE_CONTROL, cache)];
    if fresh {
        return (StatusCode::NOT_MODIFIED, head).into_response();
    }
    (head, [(header::CONTENT_TYPE, content_type)], body).into_response()
}

/// Weak, since the same tag stands for the file and its compressed form.
pub(crate) fn etag(hash: u64) -> HeaderValue {
    HeaderValue::try_from(format!("W/\"{hash:016x}\"")).expect("hexadecimal digits and quotes")
}

fn is_fresh(request: &HeaderMap, etag: &HeaderValue) -> bool {
    let Ok(etag) = etag.to_str() else { return false };
    let tags = request.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let bare = etag.trim_start_matches("W/");
    tags.flat_map(|value| value.split(','))
        .any(|tag| matches!(tag.trim(), "*") || tag.trim().trim_start_matches("W/") == bare)
}
