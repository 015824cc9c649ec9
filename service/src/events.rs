//! [`SentEvent`]: an event as it is sent: its name, and its JSON; and [`News`], those that are read together.

use crate::book::Sku;
use segstock_orders::{EventCounts, Position, What};
use serde::Serialize;
use utoipa::ToSchema;

/// The names of all events.
pub const NAMES: [&str; 14] = [
    "placed",
    "waits",
    "served",
    "amended",
    "extended",
    "paid",
    "shipped",
    "cancelled",
    "expired",
    "returned",
    "low",
    "enough",
    "sold_out",
    "back_in_stock",
];

/// How many events of each name there were.
#[must_use]
pub const fn counted(counts: &EventCounts) -> [(&'static str, u64); NAMES.len()] {
    [
        ("placed", counts.placed),
        ("waits", counts.waits),
        ("served", counts.served),
        ("amended", counts.amended),
        ("extended", counts.extended),
        ("paid", counts.paid),
        ("shipped", counts.shipped),
        ("cancelled", counts.cancelled),
        ("expired", counts.expired),
        ("returned", counts.returned),
        ("low", counts.low),
        ("enough", counts.enough),
        ("sold_out", counts.sold_out),
        ("back_in_stock", counts.back_in_stock),
    ]
}

/// Events that are read together.
#[derive(Debug)]
pub struct News {
    /// Events before these are not kept any more.
    pub missed: Option<Missed>,
    /// The events.
    pub events: Vec<SentEvent>,
    /// Where it goes on.
    pub next: String,
    /// Whether it can go on after each change, by the change's number; otherwise only after all of these.
    pub by_number: bool,
}

/// Events that are not kept any more.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Missed {
    /// Those of the changes up to this number, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub up_to: Option<u64>,
}

/// Something that happened.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Event)]
pub struct SentEvent {
    /// The number of the change by which it happened; with several nodes, of the transaction.
    pub number: u64,
    /// What: `placed`, `waits`, `served`, `amended`, `extended`, `paid`, `shipped`, `cancelled`, `expired` or `returned`, of
    /// an order; `low`, `enough`, `sold_out` or `back_in_stock`, of a SKU.
    #[schema(value_type = String)]
    pub event: &'static str,
    /// The order's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    order: Option<String>,
    /// The SKU.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    sku: Option<Sku>,
    /// Of `low`: units that orders can have.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    left: Option<u64>,
}

impl SentEvent {
    /// An event as it is sent; none of a kind that this release does not know.
    #[must_use]
    pub fn of(position: Position, what: What<Sku>) -> Option<Self> {
        let number = position.number();
        let of_order = |event, id: Box<str>| Self {
            number,
            event,
            order: Some(id.into()),
            sku: None,
            left: None,
        };
        let of_sku = |event, sku, left| Self {
            number,
            event,
            order: None,
            sku: Some(sku),
            left,
        };
        Some(match what {
            What::Placed(id) => of_order("placed", id),
            What::Waits(id) => of_order("waits", id),
            What::Served(id) => of_order("served", id),
            What::Amended(id) => of_order("amended", id),
            What::Extended(id) => of_order("extended", id),
            What::Paid(id) => of_order("paid", id),
            What::Shipped(id) => of_order("shipped", id),
            What::Cancelled(id) => of_order("cancelled", id),
            What::Expired(id) => of_order("expired", id),
            What::Returned(id) => of_order("returned", id),
            What::Low { sku, left } => of_sku("low", sku, Some(left)),
            What::Enough(sku) => of_sku("enough", sku, None),
            What::SoldOut(sku) => of_sku("sold_out", sku, None),
            What::BackInStock(sku) => of_sku("back_in_stock", sku, None),
            _ => return None,
        })
    }
}

#[test]
fn what_is_counted_has_the_names_of_what_is_sent() {
    let counted = counted(&EventCounts::default()).map(|(name, _)| name);
    assert_eq!(counted, NAMES);
}
