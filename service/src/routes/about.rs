//! What operators ask: is it well, what has it done, what does it answer.

use super::App;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use serde::Serialize;

#[derive(Debug, Serialize)]
pub(super) struct Health {
    status: &'static str,
    skus: usize,
}

/// `GET /healthz`
pub(super) async fn health(State(app): State<App>) -> axum::Json<Health> {
    axum::Json(Health {
        status: "ok",
        skus: app.shop.skus(),
    })
}

/// `GET /metrics`
pub(super) async fn metrics(State(app): State<App>) -> impl IntoResponse {
    let text = app.telemetry.render(&app.shop);
    ([(CONTENT_TYPE, "text/plain; version=0.0.4")], text)
}

/// `GET /openapi.json`
pub(super) async fn openapi() -> impl IntoResponse {
    let text = include_str!("../../openapi.json");
    ([(CONTENT_TYPE, "application/json")], text)
}
