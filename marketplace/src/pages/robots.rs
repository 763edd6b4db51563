use axum::{http::header, response::IntoResponse};

use crate::statics::A_DAY;

/// `GET /robots.txt`: everything may be read but the endless pages of search, and what is one reader's or operators'.
pub(crate) async fn text() -> impl IntoResponse {
    let head = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
    (head, [(header::CACHE_CONTROL, A_DAY)], TEXT)
}

const TEXT: &str = "User-agent: *\nDisallow: /search\nDisallow: /for-you\nDisallow: /welcome\nDisallow: /my-books\n\
     Disallow: /operators\nDisallow: /*?from=\n";
