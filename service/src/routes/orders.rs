//! Orders: placed, shown, amended, extended.

use crate::answers::{Answered, Order};
use crate::app::{App, Sku};
use crate::input::{IdempotencyKey, Json, Named, Object};
use crate::numbers::{Whole, given};
use crate::problem::Problem;
use crate::telemetry::{self, Deed};
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use std::time::Duration;
use utoipa::ToSchema;

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
pub(super) fn lines_of(lines: Vec<Object<Line>>) -> impl Iterator<Item = (Sku, u64)> {
    let lines = lines.into_iter();
    lines.map(|Object(line)| (line.sku, line.units.0))
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
    /// Whose it is.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = String, required = false, min_length = 1, max_length = 200)]
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

fn minutes(Whole(minutes): Whole) -> Duration {
    Duration::from_secs(minutes.saturating_mul(60))
}

/// Hold the units of an order: all lines, or none
#[utoipa::path(post, path = "/v1/orders", tag = "customers",
    params(("Idempotency-Key" = String, Header, description = "The order's id from then on: 1 to 200 letters, digits, or -._~:, best a random UUID. The same key with the same lines is the same order.")),
    request_body = NewOrder,
    responses(
        (status = 201, description = "The units are held.", body = Order),
        (status = 200, description = "The order was placed before: Idempotent-Replayed.", body = Order),
    ))]
pub async fn place(
    State(app): State<App>,
    IdempotencyKey(id): IdempotencyKey,
    Json(order): Json<NewOrder>,
) -> Result<Answered<Order>, Problem> {
    let ttl = order.hold_minutes.map_or(app.limits.hold, minutes);
    let lines = lines_of(order.lines);
    let customer = order.customer.as_deref();
    let placed = app.call(|book| Ok((book.place(&id, customer, lines, ttl)?, book.get(&id)?)));
    let placed = placed.await?;
    telemetry::done(Deed::Place, placed.0.before);
    Ok(Order::changed(StatusCode::CREATED, placed))
}

/// How an order stands
#[utoipa::path(get, path = "/v1/orders/{id}", tag = "customers",
    params(("id" = String, Path, description = "The order's Idempotency-Key.")),
    responses((status = 200, body = Order)))]
pub async fn show(State(app): State<App>, Named(id): Named) -> Result<axum::Json<Order>, Problem> {
    let order = app.call(|book| book.get(&id)).await?;
    Ok(axum::Json(order.into()))
}

/// Change what a held order is for
///
/// It takes what it lacks and gives back what it does not need any more, at once, or nothing changes. Its deadline stays.
#[utoipa::path(post, path = "/v1/orders/{id}/amend", tag = "customers",
    params(("id" = String, Path, description = "The order's Idempotency-Key."),
        ("Idempotency-Key" = String, Header, description = "By which a retry is known.")),
    request_body = NewLines,
    responses((status = 200, body = Order)))]
pub async fn amend(
    State(app): State<App>,
    Named(id): Named,
    IdempotencyKey(key): IdempotencyKey,
    Json(order): Json<NewLines>,
) -> Result<Answered<Order>, Problem> {
    let lines = lines_of(order.lines);
    // The later of this and its deadline: its deadline.
    let now = Duration::from_nanos(1);
    let amended = app.call(|book| Ok((book.amend(&id, &key, lines, now)?, book.get(&id)?)));
    let amended = amended.await?;
    telemetry::done(Deed::Amend, amended.0.before);
    Ok(Order::changed(StatusCode::OK, amended))
}

/// Hold an order for longer
///
/// From now, if that is later than its deadline.
#[utoipa::path(post, path = "/v1/orders/{id}/extend", tag = "shop",
    params(("id" = String, Path, description = "The order's Idempotency-Key.")),
    request_body = Extension,
    responses((status = 200, body = Order)))]
pub async fn extend(
    State(app): State<App>,
    Named(id): Named,
    Json(extension): Json<Extension>,
) -> Result<Answered<Order>, Problem> {
    let ttl = minutes(extension.hold_minutes);
    let extended = app.call(|book| Ok((book.extend(&id, ttl)?, book.get(&id)?)));
    let extended = extended.await?;
    telemetry::done(Deed::Extend, extended.0.before);
    Ok(Order::changed(StatusCode::OK, extended))
}
