//! Orders: placed, shown, amended, extended.

use crate::answers::{Answered, Order};
use crate::app::{App, Shared};
use crate::book::Sku;
use crate::calls::{Lines, OrderCall, Part, Placing};
use crate::customer::Asker;
use crate::input::{IdempotencyKey, Json, Named, Object};
use crate::numbers::{Whole, given};
use crate::problem::Problem;
use crate::telemetry::{self, Deed};
use axum::extract::State;
use serde::Deserialize;
use std::time::Duration;
use utoipa::{IntoParams, ToSchema};

/// The order that a path names.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "it only describes the path")]
pub struct OrderId {
    /// The order's Idempotency-Key.
    id: String,
}

/// The key of a request.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "it only describes the header")]
pub struct Key {
    /// By which a retry is known: it changes nothing again.
    #[param(rename = "Idempotency-Key")]
    key: String,
}

/// A line of an order.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// The SKU.
    sku: Sku,
    /// Units, at least 1.
    #[schema(value_type = u64, minimum = 1, maximum = 1_099_511_627_776_u64)]
    units: Whole,
}

/// The lines of a body, as the book takes them.
pub(super) fn lines_of(lines: Vec<Object<Line>>) -> Lines {
    let lines = lines.into_iter();
    lines.map(|Object(line)| (line.sku, line.units.0)).collect()
}

/// An order that is to be placed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewOrder {
    /// What it is for. Lines of one SKU are added up.
    #[schema(value_type = Vec<Line>, min_items = 1)]
    lines: Vec<Object<Line>>,
    /// For how long its units are held without being paid for; at most `--longest-hold`.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = u64, required = false, minimum = 1)]
    hold_minutes: Option<Whole>,
    /// Whether it waits for units that it lacks, of SKUs that have a waiting list; the answer's state says whether it does.
    /// Its units are held for `hold_minutes` from when it has them.
    #[serde(default)]
    wait: bool,
    /// Whose it is: printable characters of ASCII. At the customers' listener it is who the proxy names, if it names one.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = String, required = false, min_length = 1, max_length = 200, pattern = "^[ -~]*$")]
    customer: Option<String>,
}

/// Lines that an order is for from now on.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewLines {
    /// All of them, not only those that change.
    #[schema(value_type = Vec<Line>, min_items = 1)]
    lines: Vec<Object<Line>>,
}

/// For how long an order is held from now on.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Extension {
    /// At most `--longest-hold`, from now.
    #[schema(value_type = u64, minimum = 1)]
    hold_minutes: Whole,
}

fn minutes(Whole(minutes): Whole) -> Result<Duration, Problem> {
    match minutes {
        0 => Err(Problem::invalid("hold_minutes: at least 1 is needed")),
        minutes => Ok(Duration::from_secs(minutes.saturating_mul(60))),
    }
}

/// Hold the units of an order: all lines, or none
#[utoipa::path(post, path = "/v1/orders", operation_id = "place_order", tag = "customers",
    params(("Idempotency-Key" = String, Header, description = "The order's id from then on: 1 to 200 letters, digits, or -._~:, best a random UUID. The same key with the same lines is the same order.")),
    request_body = NewOrder,
    responses(
        (status = 201, description = "The units are held, or the order waits for them: `state`.", body = Order),
        (status = 200, description = "The order was placed before: Idempotent-Replayed.", body = Order),
    ))]
pub async fn place(
    State(app): State<Shared>,
    asker: Asker,
    IdempotencyKey(id): IdempotencyKey,
    Json(order): Json<NewOrder>,
) -> Result<Answered<Order>, Problem> {
    let customer = asker.customer(order.customer)?;
    let placed = app.shop.place(Placing {
        id: &id,
        customer: customer.as_deref(),
        lines: lines_of(order.lines),
        ttl: order.hold_minutes.map_or(Ok(app.limits.hold), minutes)?,
        waits: order.wait,
    });
    let placed = placed.await?;
    telemetry::done(Deed::Place, placed.replayed);
    Ok(placed)
}

/// How an order stands
#[utoipa::path(get, path = "/v1/orders/{id}", operation_id = "show_order", tag = "customers",
    params(OrderId),
    responses((status = 200, body = Order)))]
pub async fn show(
    State(app): State<Shared>,
    asker: Asker,
    Named(id): Named,
) -> Result<axum::Json<Order>, Problem> {
    Ok(axum::Json(app.shop.order(asker.of(), &id).await?))
}

/// Change what a held order is for
///
/// It takes what it lacks and gives back what it does not need any more, at once, or nothing changes. Its deadline stays.
#[utoipa::path(post, path = "/v1/orders/{id}/amend", operation_id = "amend_order", tag = "customers",
    params(OrderId, Key),
    request_body = NewLines,
    responses((status = 200, body = Order)))]
pub async fn amend(
    State(app): State<Shared>,
    asker: Asker,
    Named(id): Named,
    IdempotencyKey(key): IdempotencyKey,
    Json(order): Json<NewLines>,
) -> Result<Answered<Order>, Problem> {
    let lines = lines_of(order.lines);
    changed(&app, asker.of(), &id, OrderCall::Amend(Part { key, lines })).await
}

/// Makes a call on an order, and counts it.
pub(super) async fn changed(
    app: &App,
    of: Option<&str>,
    id: &str,
    call: OrderCall,
) -> Result<Answered<Order>, Problem> {
    let deed = call.deed();
    let changed = app.shop.change(of, id, call).await?;
    telemetry::done(deed, changed.replayed);
    Ok(changed)
}

/// Hold an order for longer
///
/// From now, if that is later than its deadline.
#[utoipa::path(post, path = "/v1/orders/{id}/extend", operation_id = "extend_order", tag = "shop",
    params(OrderId, Key),
    request_body = Extension,
    responses((status = 200, body = Order)))]
pub async fn extend(
    State(app): State<Shared>,
    Named(id): Named,
    IdempotencyKey(key): IdempotencyKey,
    Json(extension): Json<Extension>,
) -> Result<Answered<Order>, Problem> {
    let ttl = minutes(extension.hold_minutes)?;
    changed(&app, None, &id, OrderCall::Extend(key, ttl)).await
}
