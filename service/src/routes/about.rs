//! What operators ask: does it live, is it ready, what has it done, what does it answer.

use super::page::file;
use crate::access::may_ask;
use crate::app::Shared;
use crate::health::Health;
use crate::kinds;
use crate::problem::{Body as ProblemBody, Problem};
use crate::telemetry;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;

/// Whether the process answers.
#[utoipa::path(get, path = "/livez", operation_id = "live", tag = "operators", responses((status = 200, body = Health)))]
pub async fn live(State(app): State<Shared>, headers: HeaderMap) -> axum::Json<Health> {
    health(&app, &headers).await
}

/// Probes have no token: they hear that it lives, and no figures.
async fn health(app: &Shared, headers: &HeaderMap) -> axum::Json<Health> {
    axum::Json(match app.is_shop && may_ask(app, headers) {
        true => app.shop.health().await,
        false => Health::brief(),
    })
}

/// Whether the service wants more requests: not while it stops, not once its ledger failed, and not while that is away.
#[utoipa::path(get, path = "/readyz", operation_id = "ready", tag = "operators", responses(
    (status = 200, body = Health),
    (status = 503, description = "It stops, its ledger failed, or a change waits long to be durable.", body = ProblemBody, content_type = "application/problem+json"),
))]
pub async fn ready(
    State(app): State<Shared>,
    headers: HeaderMap,
) -> Result<axum::Json<Health>, Problem> {
    app.shop.check()?;
    if app.is_ready() {
        Ok(health(&app, &headers).await)
    } else {
        Err(Problem::new(kinds::NOT_READY, "the service is stopping"))
    }
}

/// Figures, as Prometheus reads them.
#[utoipa::path(get, path = "/metrics", operation_id = "metrics", tag = "operators", responses(
    (status = 200, body = String, content_type = "text/plain"),
))]
pub async fn metrics(State(app): State<Shared>) -> impl IntoResponse {
    app.shop.gauge(&app.telemetry).await;
    telemetry::gauge_lists(app.list_room.taken(), app.list_room.most());
    let text = app.telemetry.render();
    ([(CONTENT_TYPE, "text/plain; version=0.0.4")], text)
}

/// This description.
#[utoipa::path(get, path = "/openapi.json", operation_id = "openapi", tag = "operators", responses(
    (status = 200, body = Object),
))]
pub async fn openapi(State(app): State<Shared>) -> impl IntoResponse {
    let text = app.description.to_string();
    ([(CONTENT_TYPE, "application/json")], text)
}

/// This description, for people.
#[utoipa::path(get, path = "/api", operation_id = "api", tag = "operators", responses(
    (status = 200, body = String, content_type = "text/html"),
))]
pub async fn api(State(app): State<Shared>) -> impl IntoResponse {
    file("text/html; charset=utf-8", app.page)
}

/// Its looks
#[utoipa::path(get, path = "/api.css", operation_id = "api_css", tag = "page", responses(
    (status = 200, body = String, content_type = "text/css"),
))]
pub async fn api_css() -> impl IntoResponse {
    file("text/css; charset=utf-8", include_str!("../page/api.css"))
}
