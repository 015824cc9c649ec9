//! The backups that are there.

use crate::app::Shared;
use crate::backups::{self, Backups};
use crate::problem::Problem;
use axum::Json;
use axum::extract::State;

/// List the backups of the ledger
///
/// SIGUSR1 makes one beside the ledger's file, and here they are found there. Each that is whole is a ledger, of which the
/// service can be started.
#[utoipa::path(get, path = "/v1/backups", operation_id = "list_backups", tag = "shop",
    responses((status = 200, body = Backups)))]
pub async fn list(State(app): State<Shared>) -> Result<Json<Backups>, Problem> {
    Ok(Json(backups::list(&app.shop).await?))
}
