//! Stock: opened, shown, restocked, counted, written off, limited.

use super::orders::Key;
use crate::answers::{Answered, Stock};
use crate::app::{App, Shared};
use crate::calls::StockCall;
use crate::input::{IdempotencyKey, Json, Named, NoBody, check_sku};
use crate::limits::Limits;
use crate::numbers::Whole;
use crate::problem::Problem;
use crate::telemetry::{self, Deed};
use axum::extract::State;
use segstock::MAX_UNITS;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

/// The SKU that a path names.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "it only describes the path")]
pub struct SkuName {
    /// The SKU: 1 to 64 characters, no blanks around them, no control characters.
    sku: String,
}

/// Units that came or that go.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Units {
    /// At least 1.
    #[schema(value_type = u64, minimum = 1, maximum = 1_099_511_627_776_u64)]
    units: Whole,
}

/// At least one unit.
pub(super) fn some(Whole(units): Whole) -> Result<u64, Problem> {
    if units == 0 {
        return Err(Problem::invalid("units: at least 1 is needed"));
    }
    Ok(units)
}

/// Units that were counted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Counted {
    /// All that are on hand, those that are held or paid for included.
    #[schema(value_type = u64, minimum = 0, maximum = 1_099_511_627_776_u64)]
    units: Whole,
}

/// The stock of a SKU
#[utoipa::path(get, path = "/v1/stock/{sku}", operation_id = "show_stock", tag = "shop",
    params(SkuName),
    responses((status = 200, body = Stock)))]
pub async fn show(
    State(app): State<Shared>,
    Named(sku): Named,
) -> Result<axum::Json<Stock>, Problem> {
    Ok(axum::Json(app.shop.stock(&sku).await?))
}

/// Open a SKU
///
/// It has no units yet: restock it. A SKU that is open stays as it is.
#[utoipa::path(put, path = "/v1/stock/{sku}", operation_id = "open_sku", tag = "shop",
    params(SkuName),
    responses(
        (status = 201, description = "The SKU is open now.", body = Stock),
        (status = 200, description = "It was open before: Idempotent-Replayed.", body = Stock),
    ))]
pub async fn open(
    State(app): State<Shared>,
    Named(sku): Named,
    _: NoBody,
) -> Result<Answered<Stock>, Problem> {
    check_sku(&sku)?;
    let opened = app.shop.open(&sku).await?;
    telemetry::done(Deed::Open, opened.replayed);
    Ok(opened)
}

/// Makes a change of the units on hand, and counts it.
pub(super) async fn changed(
    app: &App,
    sku: &str,
    key: &str,
    call: StockCall,
) -> Result<Answered<Stock>, Problem> {
    let deed = call.deed();
    let changed = app.shop.on_shelf(sku, key, call).await?;
    telemetry::done(deed, changed.replayed);
    Ok(changed)
}

/// Add units that came
#[utoipa::path(post, path = "/v1/stock/{sku}/restock", operation_id = "restock", tag = "shop",
    params(SkuName, Key),
    request_body = Units,
    responses((status = 200, body = Stock)))]
pub async fn restock(
    State(app): State<Shared>,
    Named(sku): Named,
    IdempotencyKey(key): IdempotencyKey,
    Json(Units { units }): Json<Units>,
) -> Result<Answered<Stock>, Problem> {
    let units = some(units)?;
    changed(&app, &sku, &key, StockCall::Restock(units)).await
}

/// Book a count
///
/// The difference to what was on hand by the books is found, or is missing. Units that are missing and promised are owed:
/// what comes next pays them.
#[utoipa::path(post, path = "/v1/stock/{sku}/count", operation_id = "count", tag = "shop",
    params(SkuName, Key),
    request_body = Counted,
    responses((status = 200, body = Stock)))]
pub async fn count(
    State(app): State<Shared>,
    Named(sku): Named,
    IdempotencyKey(key): IdempotencyKey,
    Json(Counted { units }): Json<Counted>,
) -> Result<Answered<Stock>, Problem> {
    if units.0 > MAX_UNITS {
        let detail = format!("a count finds at most {MAX_UNITS} units");
        return Err(Problem::invalid(detail));
    }
    changed(&app, &sku, &key, StockCall::Count(units.0)).await
}

/// Write units off that are broken or lost
///
/// Only units that are not promised can be: count a shelf that lacks more.
#[utoipa::path(post, path = "/v1/stock/{sku}/write-off", operation_id = "write_off", tag = "shop",
    params(SkuName, Key),
    request_body = Units,
    responses((status = 200, body = Stock)))]
pub async fn write_off(
    State(app): State<Shared>,
    Named(sku): Named,
    IdempotencyKey(key): IdempotencyKey,
    Json(Units { units }): Json<Units>,
) -> Result<Answered<Stock>, Problem> {
    let units = some(units)?;
    changed(&app, &sku, &key, StockCall::WriteOff(units)).await
}

/// Set the limits of a SKU
///
/// All of them: those that are left out are not limited. Orders that have the SKU already stay as they are. A larger
/// safety stock takes units off sale at once; where there are too few, units that come back fill it up.
#[utoipa::path(put, path = "/v1/stock/{sku}/limits", operation_id = "limit", tag = "shop",
    params(SkuName),
    request_body = Limits,
    responses((status = 200, description = "If they were so before: Idempotent-Replayed.", body = Stock)))]
pub async fn limit(
    State(app): State<Shared>,
    Named(sku): Named,
    Json(limits): Json<Limits>,
) -> Result<Answered<Stock>, Problem> {
    let limits = limits.checked()?;
    let limited = app.shop.limit(&sku, limits).await?;
    telemetry::done(Deed::Limit, limited.replayed);
    Ok(limited)
}
