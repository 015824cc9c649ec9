//! Orders and stock as they are answered.

use crate::book::Sku;
use crate::limits::Limits;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use segstock_orders::{OrderLine, OrderView, Position, SendingPage, SkuLimits, SkuView};
use serde::Serialize;
use std::time::{Duration, SystemTime};
use utoipa::ToSchema;

const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// An answer, and whether an earlier request did it already: then it has the header `Idempotent-Replayed: true`.
#[derive(Debug)]
pub struct Answered<T> {
    /// The status of a first answer; that of a replayed one is 200.
    pub status: StatusCode,
    /// Whether it is a replayed one.
    pub replayed: bool,
    /// The answer.
    pub body: T,
}

impl<T: Serialize> IntoResponse for Answered<T> {
    fn into_response(self) -> Response {
        let json = axum::Json(self.body);
        if !self.replayed {
            return (self.status, json).into_response();
        }
        let replayed = [(REPLAYED, HeaderValue::from_static("true"))];
        (StatusCode::OK, replayed, json).into_response()
    }
}

/// An order.
#[derive(Debug, Serialize, ToSchema)]
pub struct Order {
    /// The Idempotency-Key under which it was placed.
    id: String,
    /// Later orders have larger numbers.
    number: u64,
    /// Whose it is, if that was said.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    customer: Option<String>,
    /// The first step that some of its units have still before them.
    #[schema(value_type = State)]
    state: String,
    /// When it was placed (RFC 3339), by the machine's clock.
    #[schema(format = DateTime)]
    placed_at: String,
    /// Of a held order: whole seconds until its units are given back.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    expires_in: Option<u64>,
    /// Of a held order: when that is (RFC 3339), by the machine's clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    expires_at: Option<String>,
    /// Its lines, in the sequence in which their SKUs were opened; with several nodes, by SKU.
    lines: Vec<Line>,
    /// What this request changed. A replayed answer has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    changed: Option<Changed>,
}

/// What is said of an order.
#[derive(Debug, Clone, Copy, ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "it only describes the text of a state")]
enum State {
    Held,
    Waiting,
    Paid,
    Shipped,
    Returned,
    Expired,
    Cancelled,
}

/// A line of an order: how many units of a SKU are how far. Figures of 0 are left out.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OrderLine)]
struct Line {
    sku: Sku,
    /// Units of the line, wherever they are.
    units: u64,
    /// Units that the order waits for.
    #[serde(skip_serializing_if = "is_zero")]
    #[schema(required = false)]
    waiting: u64,
    /// Units that are held and not paid for.
    #[serde(skip_serializing_if = "is_zero")]
    #[schema(required = false)]
    held: u64,
    /// Units that are paid for and on hand.
    #[serde(skip_serializing_if = "is_zero")]
    #[schema(required = false)]
    paid: u64,
    /// Units that left and did not come back.
    #[serde(skip_serializing_if = "is_zero")]
    #[schema(required = false)]
    shipped: u64,
    /// Units that came back and are on sale.
    #[serde(skip_serializing_if = "is_zero")]
    #[schema(required = false)]
    returned: u64,
    /// Units that came back and were written off.
    #[serde(skip_serializing_if = "is_zero")]
    #[schema(required = false)]
    written_off: u64,
    /// Units that were cancelled before they were paid for.
    #[serde(skip_serializing_if = "is_zero")]
    #[schema(required = false)]
    cancelled: u64,
    /// Units that were cancelled after they were paid for.
    #[serde(skip_serializing_if = "is_zero")]
    #[schema(required = false)]
    refunded: u64,
    /// Units that were not paid for in time.
    #[serde(skip_serializing_if = "is_zero")]
    #[schema(required = false)]
    expired: u64,
}

/// What a request changed.
#[derive(Debug, Serialize, ToSchema)]
pub struct Changed {
    /// Units that it moved.
    pub units: u64,
    /// Those of them that were paid for, and are to be refunded.
    pub refunded: u64,
    /// Those of them that had been given back at the deadline, and were taken again.
    pub late: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
const fn is_zero(units: &u64) -> bool {
    *units == 0
}

impl From<OrderLine<Sku>> for Line {
    fn from(line: OrderLine<Sku>) -> Self {
        let on_the_way = line.waiting + line.held + line.paid + line.shipped;
        let ended =
            line.returned + line.written_off + line.cancelled + line.refunded + line.expired;
        Self {
            sku: line.sku,
            units: on_the_way + ended,
            waiting: line.waiting,
            held: line.held,
            paid: line.paid,
            shipped: line.shipped,
            returned: line.returned,
            written_off: line.written_off,
            cancelled: line.cancelled,
            refunded: line.refunded,
            expired: line.expired,
        }
    }
}

impl From<OrderView<Sku>> for Order {
    fn from(order: OrderView<Sku>) -> Self {
        Self {
            id: order.id.into(),
            number: order.number.number(),
            customer: order.customer.map(Into::into),
            state: order.state.to_string(),
            placed_at: before_now(order.age),
            expires_in: order.remaining.map(whole_seconds),
            expires_at: order.remaining.map(from_now),
            lines: order.lines.into_iter().map(Into::into).collect(),
            changed: None,
        }
    }
}

impl Order {
    /// The answer to a request that changed the order, or to its retry: then it was made `before`.
    #[must_use]
    pub fn changed(
        status: StatusCode,
        before: bool,
        changed: Changed,
        order: OrderView<Sku>,
    ) -> Answered<Self> {
        let changed = (!before).then_some(changed);
        Answered {
            status,
            replayed: before,
            body: Self {
                changed,
                ..order.into()
            },
        }
    }
}

/// Rounded up: an order that can still be paid for has at least one second.
const fn whole_seconds(time: Duration) -> u64 {
    time.as_secs() + (time.subsec_nanos() > 0) as u64
}

/// When it is so much later.
fn from_now(time: Duration) -> String {
    at(SystemTime::now().checked_add(time))
}

/// When it was so much earlier.
fn before_now(time: Duration) -> String {
    at(SystemTime::now().checked_sub(time))
}

fn at(time: Option<SystemTime>) -> String {
    // A clock that is not set yet stands near 1970, and what is earlier cannot be formatted.
    let first = SystemTime::UNIX_EPOCH;
    let time = time.unwrap_or(first).max(first);
    humantime::format_rfc3339_seconds(time).to_string()
}

/// A page of a list of orders.
#[derive(Debug, Serialize, ToSchema)]
pub struct Orders {
    /// The orders. There may be none, though more pages follow.
    pub orders: Vec<Order>,
    /// Where the next page begins: the `cursor` of the next request. There is none at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub next: Option<String>,
}

/// The stock of a SKU.
#[derive(Debug, Serialize, ToSchema)]
pub struct Stock {
    pub(crate) sku: Sku,
    /// Units that orders can have now.
    pub(crate) available: u64,
    /// Units on hand: available, held and paid for, less what is owed.
    pub(crate) on_hand: u64,
    /// Units that are promised and not there: a count found fewer. What comes back pays them first.
    #[serde(skip_serializing_if = "is_zero")]
    #[schema(required = false)]
    pub(crate) owed: u64,
    /// Units of the safety stock that are on hand: they are not for sale.
    #[serde(skip_serializing_if = "is_zero")]
    #[schema(required = false)]
    pub(crate) safety: u64,
    /// Units that orders wait for.
    #[serde(skip_serializing_if = "is_zero")]
    #[schema(required = false)]
    pub(crate) waiting: u64,
    /// Units that were sent to other SKUs and have not arrived. They are not on hand.
    #[serde(skip_serializing_if = "is_zero")]
    #[schema(required = false)]
    on_the_way: u64,
    /// Units that were sent here and have not arrived.
    #[serde(skip_serializing_if = "is_zero")]
    #[schema(required = false)]
    coming: u64,
    /// What is limited, if anything is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    limits: Option<Limits>,
    /// What the request changed, or its first sending.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    changed: Option<StockChanged>,
}

/// A page of the list of SKUs.
#[derive(Debug, Serialize, ToSchema)]
pub struct Stocks {
    /// Their stock.
    pub stock: Vec<Stock>,
    /// Where the next page begins: the `cursor` of the next request. There is none at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub next: Option<String>,
}

/// What a request changed in stock.
#[derive(Debug, Serialize, ToSchema)]
struct StockChanged {
    /// Units on hand that came; negative: that went.
    difference: i64,
    /// Units that went and that no free unit covered: they are owed to orders, and what comes pays them first.
    uncovered: u64,
    /// Of units that were sent: the number by which `arrive` names the sending.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    sending: Option<u64>,
}

impl Stock {
    /// The stock of `sku`.
    #[must_use]
    pub fn new(sku: Sku, view: SkuView) -> Self {
        Self {
            sku,
            available: view.available,
            on_hand: view.on_hand,
            owed: view.owed,
            safety: view.safety,
            waiting: view.waiting,
            on_the_way: view.on_the_way,
            coming: view.coming,
            limits: (view.limits != SkuLimits::default()).then(|| view.limits.into()),
            changed: None,
        }
    }

    /// With what a request changed: units that came or went, and those of them that no free unit covered.
    #[must_use]
    pub const fn changed(mut self, difference: i64, uncovered: u64) -> Self {
        self.changed = Some(StockChanged {
            difference,
            uncovered,
            sending: None,
        });
        self
    }

    /// What was changed is a sending of this number, if there is one.
    #[must_use]
    pub fn sent_as(mut self, change: Option<Position>) -> Self {
        if let Some(changed) = &mut self.changed {
            changed.sending = change.map(Position::number);
        }
        self
    }
}

/// A page of the list of sendings.
#[derive(Debug, Serialize, ToSchema)]
pub struct Sendings {
    /// The sendings, in the sequence in which they left.
    sendings: Vec<Sending>,
    /// Where the next page begins: the `cursor` of the next request. There is none at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    next: Option<String>,
}

/// Units that were sent to another SKU, and have not arrived.
#[derive(Debug, Serialize, ToSchema)]
struct Sending {
    /// The number by which `arrive` names it.
    sending: u64,
    /// The SKU that they left.
    from: Sku,
    /// The SKU to which they were sent.
    to: Sku,
    /// Units that are on their way.
    units: u64,
}

impl From<SendingPage<Sku>> for Sendings {
    fn from(page: SendingPage<Sku>) -> Self {
        let sendings = page.sendings.into_iter().map(|sent| Sending {
            sending: sent.number.number(),
            from: sent.from,
            to: sent.to,
            units: sent.units,
        });
        Self {
            sendings: sendings.collect(),
            next: page.next.map(|next| next.number().to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::at;
    use std::time::{Duration, SystemTime};

    #[test]
    fn a_time_before_1970_is_shown_as_its_beginning() {
        let earlier = SystemTime::UNIX_EPOCH.checked_sub(Duration::from_secs(1));
        assert!(earlier.is_some());
        for time in [earlier, None] {
            assert_eq!(at(time), "1970-01-01T00:00:00Z");
        }
    }
}
