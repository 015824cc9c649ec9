//! Orders: placed, paid for, cancelled.

use super::App;
use crate::book::{Lines, Sku};
use crate::doors::ShopError;
use crate::input::{IdempotencyKey, Json, Named, Object, check_sku};
use crate::problem::{Problem, kinds};
use crate::shop::{NotPaid, NotPlaced, Standing};
use crate::telemetry::{self, Event};
use axum::extract::State;
use axum::http::StatusCode;
use segstock::{HoldError, PlaceError, RetakeError, Settled};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The body of an order.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewOrder {
    lines: Vec<Object<Line>>,
    hold_minutes: Option<u64>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    sku: Sku,
    units: u64,
}

/// An order as it is answered.
#[derive(Debug, Serialize)]
pub(super) struct Answer {
    id: String,
    status: &'static str,
    lines: Vec<Line>,
    /// Seconds until it expires, of one that is held.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_in: Option<f64>,
}

impl Answer {
    fn new(id: String, lines: Lines, standing: Standing) -> Self {
        let (status, expires_in) = match standing {
            Standing::Held(remaining) => ("held", Some(remaining.as_secs_f64())),
            Standing::Sold => ("sold", None),
            Standing::Cancelled => ("cancelled", None),
            Standing::Expired => ("expired", None),
        };
        let lines = lines.into_iter().map(|(sku, units)| Line { sku, units });
        Self {
            id,
            status,
            lines: lines.collect(),
            expires_in,
        }
    }
}

type Answered = Result<(StatusCode, axum::Json<Answer>), Problem>;

/// `POST /orders`
pub(super) async fn place(
    State(app): State<App>,
    IdempotencyKey(id): IdempotencyKey,
    Json(order): Json<NewOrder>,
) -> Answered {
    let (lines, ttl) = checked(&app, order)?;
    match app.shop.place(id.clone(), lines.clone(), ttl) {
        Ok((_, Standing::Expired)) => Err(Problem::expired()),
        Ok((_, Standing::Cancelled)) => Err(Problem::cancelled()),
        Ok((new, standing)) => {
            let (status, event) = match new {
                true => (StatusCode::CREATED, Event::Held),
                false => (StatusCode::OK, Event::Repeated),
            };
            telemetry::count(event);
            Ok((status, axum::Json(Answer::new(id, lines, standing))))
        }
        Err(ShopError::Closed(closed)) => Err(closed.into()),
        Err(ShopError::Refused(error)) => Err(not_placed(error)),
    }
}

fn not_placed(error: NotPlaced) -> Problem {
    match error {
        PlaceError::InProgress => Problem::in_progress(),
        PlaceError::Conflict => other_order(),
        PlaceError::Refused(refused) => {
            telemetry::count(Event::Refused);
            refused.into()
        }
        error => Problem::invalid(error.to_string()),
    }
}

/// The lines and the time of an order that keeps to the limits.
fn checked(app: &App, order: NewOrder) -> Result<(Lines, Duration), Problem> {
    let limits = &app.limits;
    if order.lines.len() > limits.lines {
        let detail = format!("an order has at most {} lines", limits.lines);
        return Err(Problem::invalid(detail));
    }
    for Object(line) in &order.lines {
        check_sku(&line.sku)?;
    }
    let ttl = match order.hold_minutes {
        Some(minutes) => Duration::from_secs(minutes.saturating_mul(60)),
        None => limits.default_hold,
    };
    if ttl.is_zero() || ttl > limits.hold {
        let most = limits.hold.as_secs() / 60;
        let detail = format!("an order is held for 1 to {most} minutes");
        return Err(Problem::invalid(detail));
    }
    let lines = order.lines.into_iter();
    let lines = lines.map(|Object(line)| (line.sku, line.units));
    Ok((lines.collect(), ttl))
}

fn other_order() -> Problem {
    let detail = "the Idempotency-Key belongs to an order of other lines";
    Problem::new(kinds::OTHER_ORDER, detail)
}

/// `GET /orders/{id}`
pub(super) async fn show(State(app): State<App>, Named(id): Named) -> Answered {
    let (order, standing) = app.shop.order(&id).map_err(unsettled)?;
    let answer = Answer::new(id, order.lines.clone(), standing);
    Ok((StatusCode::OK, axum::Json(answer)))
}

/// `POST /orders/{id}/pay`
pub(super) async fn pay(State(app): State<App>, Named(id): Named) -> Answered {
    match app.shop.pay(&id) {
        Ok((order, settled)) => {
            telemetry::count(settled_as(settled, Event::Sold));
            let answer = Answer::new(id, order.lines.clone(), Standing::Sold);
            Ok((StatusCode::OK, axum::Json(answer)))
        }
        Err(ShopError::Closed(closed)) => Err(closed.into()),
        Err(ShopError::Refused(error)) => Err(unpaid(error)),
    }
}

fn unpaid(error: NotPaid) -> Problem {
    match error {
        RetakeError::Refused(refused) => Problem::expired().short_of(refused.short_lines()),
        RetakeError::Hold(error) => unsettled(error),
        error => Problem::invalid(error.to_string()),
    }
}

/// `DELETE /orders/{id}`
pub(super) async fn cancel(
    State(app): State<App>,
    Named(id): Named,
) -> Result<StatusCode, Problem> {
    match app.shop.cancel(&id) {
        Ok(settled) => {
            telemetry::count(settled_as(settled, Event::Cancelled));
            Ok(StatusCode::NO_CONTENT)
        }
        Err(ShopError::Closed(closed)) => Err(closed.into()),
        Err(ShopError::Refused(error)) => Err(unsettled(error)),
    }
}

fn settled_as(settled: Settled, event: Event) -> Event {
    match settled {
        Settled::Now => event,
        _ => Event::Repeated,
    }
}

fn unsettled(error: HoldError) -> Problem {
    match error {
        HoldError::Unknown => Problem::unknown_order(),
        HoldError::InProgress => Problem::in_progress(),
        HoldError::Expired => Problem::expired(),
        HoldError::Released => Problem::cancelled(),
        HoldError::Confirmed => Problem::sold(),
        _ => Problem::invalid(error.to_string()),
    }
}
