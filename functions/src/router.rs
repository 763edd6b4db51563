use axum::{
    Router,
    response::Redirect,
    routing::{any, get, post},
};

use crate::{
    app::App,
    handlers::{
        call,
        sidecar::{self, SUBSCRIPTIONS},
        trial,
    },
    page,
    problem::Problem,
    statics::BELOW,
};

/// Every address of the service. A function answers at its name, and below it if it speaks HTTP itself; what is none of these is
/// looked for among the routes of the configuration file and of the manifests.
pub(crate) fn routes(app: App) -> Router {
    Router::new()
        .route("/healthz", get(sidecar::health))
        .route(SUBSCRIPTIONS, get(sidecar::subscriptions))
        .route("/static", get(|| async { Redirect::permanent(BELOW) }))
        .route("/static/", any(call::routed))
        .route("/static/{*file}", any(call::routed))
        .route(page::STYLE_PATH, get(page::style))
        .route(page::ICON_PATH, get(page::icon))
        .route(
            "/functions/{name}/try",
            post(trial::send).fallback(|| async { Problem::Method("POST".into()) }),
        )
        .route("/{function}", any(call::named))
        .route("/{function}/", any(call::named))
        .route("/{function}/{*rest}", any(call::below))
        // What takes other methods says so above.
        .method_not_allowed_fallback(|| async { Problem::Method("GET, HEAD".into()) })
        .fallback(call::routed)
        .with_state(app)
}

/// Every address of a further listener: what its routes say, and perhaps pages.
pub(crate) fn further(app: App) -> Router {
    Router::new().fallback(call::routed).with_state(app)
}
