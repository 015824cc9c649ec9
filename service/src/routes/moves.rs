//! Units go from one SKU to another: to another place, where the SKU names the place.

use super::lists::limit_of;
use super::orders::Key;
use super::stock::{SkuName, changed, some};
use crate::answers::{Answered, Sendings, Stock};
use crate::app::Shared;
use crate::book::Sku;
use crate::calls::StockCall;
use crate::input::{IdempotencyKey, Json, Named, Query};
use crate::numbers::Whole;
use crate::problem::Problem;
use axum::extract::State;
use segstock_orders::Position;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

/// Units that go to another SKU.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Elsewhere {
    /// The other SKU.
    to: Sku,
    /// At least 1.
    #[schema(value_type = u64, minimum = 1, maximum = 1_099_511_627_776_u64)]
    units: Whole,
}

/// What came of a sending. At least one unit came or was lost.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Arrival {
    /// The number of the sending: `changed.sending` of the answer to it.
    #[schema(value_type = u64)]
    sending: Whole,
    /// Units that came.
    #[serde(default = "Whole::none")]
    #[schema(value_type = u64, required = false, minimum = 0, maximum = 1_099_511_627_776_u64)]
    units: Whole,
    /// Units that were lost on the way. They are written off.
    #[serde(default = "Whole::none")]
    #[schema(value_type = u64, required = false, minimum = 0, maximum = 1_099_511_627_776_u64)]
    lost: Whole,
}

/// Move units to another SKU at once
///
/// Only units that are not promised can be. The answer shows the SKU that they left.
#[utoipa::path(post, path = "/v1/stock/{sku}/move", operation_id = "move_units", tag = "shop",
    params(SkuName, Key),
    request_body = Elsewhere,
    responses((status = 200, body = Stock)))]
pub async fn move_units(
    State(app): State<Shared>,
    Named(sku): Named,
    IdempotencyKey(key): IdempotencyKey,
    Json(Elsewhere { to, units }): Json<Elsewhere>,
) -> Result<Answered<Stock>, Problem> {
    let units = some(units)?;
    changed(&app, &sku, &key, StockCall::Move(to, units)).await
}

/// Send units to another SKU
///
/// Until they arrive they are on the way, and nobody can have them. Only units that are not promised can be sent. The answer
/// shows the SKU that they left, and `changed.sending` is what `arrive` names.
#[utoipa::path(post, path = "/v1/stock/{sku}/send", operation_id = "send_units", tag = "shop",
    params(SkuName, Key),
    request_body = Elsewhere,
    responses((status = 200, body = Stock)))]
pub async fn send(
    State(app): State<Shared>,
    Named(sku): Named,
    IdempotencyKey(key): IdempotencyKey,
    Json(Elsewhere { to, units }): Json<Elsewhere>,
) -> Result<Answered<Stock>, Problem> {
    let units = some(units)?;
    changed(&app, &sku, &key, StockCall::Send(to, units)).await
}

/// Note that units of a sending arrived
///
/// The path names the SKU to which they were sent. What neither came nor was lost is still on its way.
#[utoipa::path(post, path = "/v1/stock/{sku}/arrive", operation_id = "arrive", tag = "shop",
    params(SkuName, Key),
    request_body = Arrival,
    responses((status = 200, body = Stock)))]
pub async fn arrive(
    State(app): State<Shared>,
    Named(sku): Named,
    IdempotencyKey(key): IdempotencyKey,
    Json(arrival): Json<Arrival>,
) -> Result<Answered<Stock>, Problem> {
    if arrival.units.is_zero() && arrival.lost.is_zero() {
        let detail = "units, lost: at least 1 came or was lost";
        return Err(Problem::invalid(detail));
    }
    let sending = Position::new(arrival.sending.0);
    let call = StockCall::Arrive(sending, arrival.units.0, arrival.lost.0);
    changed(&app, &sku, &key, call).await
}

/// A part of the list of sendings.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Part {
    /// At most this many sendings: 1 to 1,000; 100, if it is left out.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// Where the page begins: `next` of the page before.
    cursor: Option<String>,
}

/// List what is on its way, page by page
#[utoipa::path(get, path = "/v1/sendings", operation_id = "list_sendings", tag = "shop", params(Part),
    responses((status = 200, body = Sendings)))]
pub async fn sendings(
    State(app): State<Shared>,
    Query(part): Query<Part>,
) -> Result<axum::Json<Sendings>, Problem> {
    let limit = limit_of(part.limit)?;
    Ok(axum::Json(app.shop.sendings(part.cursor, limit).await?))
}
