//! The page at `/`, and what it shows.

use crate::app::Shared;
use crate::input::Query;
use crate::overview::Overview;
use crate::problem::Problem;
use axum::extract::State;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS,
};
use axum::response::IntoResponse;
use serde::Deserialize;
use utoipa::IntoParams;

/// The page reads nothing but its own service, and runs no script but its own.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

pub(super) fn file(kind: &'static str, text: &'static str) -> impl IntoResponse {
    let headers = [
        (CONTENT_TYPE, kind),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // A later release has another page under this name.
        (CACHE_CONTROL, "no-cache"),
    ];
    (headers, text)
}

/// The page: a sale as it runs
#[utoipa::path(get, path = "/", operation_id = "page", tag = "page",
    responses((status = 200, body = String, content_type = "text/html")))]
pub async fn html() -> impl IntoResponse {
    file(
        "text/html; charset=utf-8",
        include_str!("../page/page.html"),
    )
}

/// The page's looks
#[utoipa::path(get, path = "/page.css", operation_id = "page_css", tag = "page",
    responses((status = 200, body = String, content_type = "text/css")))]
pub async fn css() -> impl IntoResponse {
    file("text/css; charset=utf-8", include_str!("../page/page.css"))
}

/// The page's script
#[utoipa::path(get, path = "/page.js", operation_id = "page_js", tag = "page",
    responses((status = 200, body = String, content_type = "text/javascript")))]
pub async fn script() -> impl IntoResponse {
    file(
        "text/javascript; charset=utf-8",
        include_str!("../page/page.js"),
    )
}

/// Which SKUs the page shows.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Wanted {
    /// Where the SKUs begin: `next` of the answer before.
    #[serde(default)]
    first: String,
    /// Only SKUs whose name has this in it, in large letters or small.
    #[serde(default)]
    search: String,
}

/// What the page shows
///
/// All of it is durable. Orders, refusals and requests are counted since the start. If a change waits for more than 0.25
/// seconds to be durable, the numbers of orders and SKUs are those of before, and the ledger's lag says so.
#[utoipa::path(get, path = "/v1/overview", operation_id = "overview", tag = "shop", params(Wanted),
    responses((status = 200, body = Overview)))]
pub async fn show(
    State(app): State<Shared>,
    Query(wanted): Query<Wanted>,
) -> Result<axum::Json<Overview>, Problem> {
    let overview = app.shop.overview(&wanted.first, &wanted.search);
    Ok(axum::Json(overview.await?))
}
