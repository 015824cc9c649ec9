//! What happens to an order, whole or by line: paid for, cancelled, shipped, returned.

use super::orders::{Line, lines_of};
use crate::answers::{Answered, Order};
use crate::app::{App, Book, Sku};
use crate::input::{IdempotencyKey, MaybeJson, Named, Object, key_of_part};
use crate::problem::Problem;
use crate::telemetry::{self, Deed};
use axum::extract::State;
use axum::http::StatusCode;
use segstock_orders::{Answer, Refusal, Returned};
use serde::Deserialize;
use utoipa::ToSchema;

/// Lines of an order, or parts of them. Without a body, it is the whole order.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// Units of the order's SKUs.
    #[schema(value_type = Vec<Line>, min_items = 1)]
    lines: Vec<Object<Line>>,
}

/// What comes back, and what becomes of it. Without a body, the whole order is on sale again.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReturnedPart {
    /// Units of the order's SKUs; if they are left out, all that were shipped.
    #[serde(default, deserialize_with = "crate::numbers::given")]
    #[schema(value_type = Vec<Line>, required = false, min_items = 1)]
    lines: Option<Vec<Object<Line>>>,
    /// What becomes of it: `on_sale`, if it is left out.
    #[serde(default)]
    to: To,
}

/// What becomes of units that come back.
#[derive(Debug, Default, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum To {
    /// They are on sale again.
    #[default]
    OnSale,
    /// They are written off.
    WrittenOff,
}

impl From<To> for Returned {
    fn from(to: To) -> Self {
        match to {
            To::OnSale => Self::OnSale,
            To::WrittenOff => Self::WrittenOff,
        }
    }
}

type Done = Result<Answered<Order>, Problem>;

/// Makes a call on the whole order, or on a part of it.
async fn done(
    app: &App,
    deed: Deed,
    id: &str,
    call: impl FnOnce(&Book) -> Result<Answer, Refusal<Sku>>,
) -> Done {
    let done = app.call(|book| Ok((call(book)?, book.get(id)?)));
    let done = done.await?;
    telemetry::done(deed, done.0.before);
    Ok(Order::changed(StatusCode::OK, done))
}

/// The key of a part, and its lines.
type Keyed = (String, Vec<Object<Line>>);

/// The key and the lines of a part, if it is one.
fn part_of(
    key: Option<IdempotencyKey>,
    lines: Option<Vec<Object<Line>>>,
) -> Result<Option<Keyed>, Problem> {
    match lines {
        Some(lines) => Ok(Some((key_of_part(key)?, lines))),
        None => Ok(None),
    }
}

/// Note that an order is paid for
///
/// An order that has expired is paid for late, if all its units can be had again.
#[utoipa::path(post, path = "/v1/orders/{id}/pay", tag = "shop",
    params(("id" = String, Path, description = "The order's Idempotency-Key."),
        ("Idempotency-Key" = Option<String>, Header, description = "Needed for lines: by which a retry is known.")),
    request_body = Option<Part>,
    responses((status = 200, body = Order)))]
pub async fn pay(
    State(app): State<App>,
    Named(id): Named,
    key: Option<IdempotencyKey>,
    MaybeJson(part): MaybeJson<Part>,
) -> Done {
    let part = part_of(key, part.map(|part| part.lines))?;
    done(&app, Deed::Pay, &id, |book| match part {
        None => book.pay(&id),
        Some((key, lines)) => book.pay_part(&id, &key, lines_of(lines)),
    })
    .await
}

/// Cancel an order
///
/// Units that have not left are not wanted any more: others can have them. `changed.refunded` says how many of them were
/// paid for.
#[utoipa::path(post, path = "/v1/orders/{id}/cancel", tag = "customers",
    params(("id" = String, Path, description = "The order's Idempotency-Key."),
        ("Idempotency-Key" = Option<String>, Header, description = "Needed for lines: by which a retry is known.")),
    request_body = Option<Part>,
    responses((status = 200, body = Order)))]
pub async fn cancel(
    State(app): State<App>,
    Named(id): Named,
    key: Option<IdempotencyKey>,
    MaybeJson(part): MaybeJson<Part>,
) -> Done {
    let part = part_of(key, part.map(|part| part.lines))?;
    done(&app, Deed::Cancel, &id, |book| match part {
        None => book.cancel(&id),
        Some((key, lines)) => book.cancel_part(&id, &key, lines_of(lines)),
    })
    .await
}

/// Note that units have left
#[utoipa::path(post, path = "/v1/orders/{id}/ship", tag = "shop",
    params(("id" = String, Path, description = "The order's Idempotency-Key."),
        ("Idempotency-Key" = Option<String>, Header, description = "Needed for lines: by which a retry is known.")),
    request_body = Option<Part>,
    responses((status = 200, body = Order)))]
pub async fn ship(
    State(app): State<App>,
    Named(id): Named,
    key: Option<IdempotencyKey>,
    MaybeJson(part): MaybeJson<Part>,
) -> Done {
    let part = part_of(key, part.map(|part| part.lines))?;
    done(&app, Deed::Ship, &id, |book| match part {
        None => book.ship(&id),
        Some((key, lines)) => book.ship_part(&id, &key, lines_of(lines)),
    })
    .await
}

/// Note that units came back
#[utoipa::path(post, path = "/v1/orders/{id}/return", tag = "shop",
    params(("id" = String, Path, description = "The order's Idempotency-Key."),
        ("Idempotency-Key" = Option<String>, Header, description = "Needed for lines: by which a retry is known.")),
    request_body = Option<ReturnedPart>,
    responses((status = 200, body = Order)))]
pub async fn return_units(
    State(app): State<App>,
    Named(id): Named,
    key: Option<IdempotencyKey>,
    MaybeJson(part): MaybeJson<ReturnedPart>,
) -> Done {
    let (lines, to) = part.map_or((None, To::default()), |part| (part.lines, part.to));
    let part = part_of(key, lines)?;
    done(&app, Deed::Return, &id, |book| match part {
        None => book.return_order(&id, to.into()),
        Some((key, lines)) => book.return_part(&id, &key, lines_of(lines), to.into()),
    })
    .await
}
