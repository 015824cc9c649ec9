//! What operators ask: does it live, is it ready, what has it done, what does it answer.

use super::page::file;
use crate::app::{App, Shared};
use crate::kinds;
use crate::problem::{Body as ProblemBody, Problem};
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use serde::Serialize;
use utoipa::ToSchema;

/// How the service is.
#[derive(Debug, Serialize, ToSchema)]
pub struct Health {
    /// `ok`.
    #[schema(value_type = String)]
    status: &'static str,
    /// SKUs that are open.
    skus: usize,
    /// Orders that are known.
    orders: usize,
    /// How the ledger is.
    ledger: LedgerHealth,
}

/// How the ledger is.
#[derive(Debug, Serialize, ToSchema)]
struct LedgerHealth {
    /// The number of the last durable change.
    durable: u64,
    /// Changes that are on their way.
    on_the_way: u64,
    /// Why nothing can be written any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    failed: Option<String>,
}

fn health(app: &App) -> axum::Json<Health> {
    let status = app.status();
    let (durable, appended) = (status.durable.number(), status.appended.number());
    axum::Json(Health {
        status: "ok",
        skus: app.book.skus(),
        orders: app.book.orders(),
        ledger: LedgerHealth {
            durable,
            on_the_way: appended.saturating_sub(durable),
            failed: status.dead.map(|error| error.to_string()),
        },
    })
}

/// Whether the process answers.
#[utoipa::path(get, path = "/livez", operation_id = "live", tag = "operators", responses((status = 200, body = Health)))]
pub async fn live(State(app): State<Shared>) -> axum::Json<Health> {
    health(&app)
}

/// Whether the service wants more requests: not while it stops, and not once its ledger failed.
#[utoipa::path(get, path = "/readyz", operation_id = "ready", tag = "operators", responses(
    (status = 200, body = Health),
    (status = 503, description = "It stops, or its ledger failed.", body = ProblemBody, content_type = "application/problem+json"),
))]
pub async fn ready(State(app): State<Shared>) -> Result<axum::Json<Health>, Problem> {
    if let Some(error) = app.status().dead {
        let detail = format!("the ledger failed: {error}");
        return Err(Problem::new(kinds::UNAVAILABLE, detail));
    }
    if app.is_ready() {
        Ok(health(&app))
    } else {
        Err(Problem::new(kinds::NOT_READY, "the service is stopping"))
    }
}

/// Figures, as Prometheus reads them.
#[utoipa::path(get, path = "/metrics", operation_id = "metrics", tag = "operators", responses(
    (status = 200, body = String, content_type = "text/plain"),
))]
pub async fn metrics(State(app): State<Shared>) -> impl IntoResponse {
    let text = app.telemetry.render(&app.book, &app.writer);
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
