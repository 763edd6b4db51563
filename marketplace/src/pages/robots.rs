use axum::{http::header, response::IntoResponse};

use crate::statics::A_DAY;

/// `GET /robots.txt`: everything may be read but the endless pages of search.
pub(crate) async fn text() -> impl IntoResponse {
    let head = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
    (head, [(header::CACHE_CONTROL, A_DAY)], "User-agent: *\nDisallow: /search\n")
}
