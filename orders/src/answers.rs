//! [`Answer`] and [`OrderView`]: what the calls on orders answer.

use crate::entry::Position;
use crate::limits::SkuLimits;
use std::fmt;
use std::time::Duration;

/// What is said of an order as a whole: the first of these that some of its units are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum OrderState {
    /// Units are held until a deadline: to be paid for.
    Held,
    /// No unit is held yet: the order waits for its units.
    Waiting,
    /// Units are paid for: to be shipped.
    Paid,
    /// Units have left, and all others that left came back or were cancelled.
    Shipped,
    /// All units that had left came back.
    Returned,
    /// Units were not paid for in time. They can be paid for late, while they can still be had.
    Expired,
    /// All units were cancelled.
    Cancelled,
}

impl fmt::Display for OrderState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Held => "held",
            Self::Waiting => "waiting",
            Self::Paid => "paid",
            Self::Shipped => "shipped",
            Self::Returned => "returned",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
        })
    }
}

/// What a call on an order did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Answer {
    /// Whether an earlier call did it, and this one changed nothing.
    pub before: bool,
    /// The order's number: the position of the entry that placed it.
    pub order: Position,
    /// The position of the order's last entry.
    pub position: Position,
    /// What is said of the order after the call.
    pub state: OrderState,
    /// Units that the call moved: also if it was made before. None if calls on parts of the order had left nothing to
    /// move: only the call that moved the units of an order shows them, and its retries.
    pub units: u64,
    /// Those of them that were paid for, and are to be refunded.
    pub refunded: u64,
    /// Those of them that had come back at the deadline, and were taken again.
    pub late: u64,
    /// While units are held: time until they come back.
    pub remaining: Option<Duration>,
}

/// An order as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OrderView<K> {
    /// The id that the customer chose.
    pub id: Box<str>,
    /// Whose it is, if that was said.
    pub customer: Option<Box<str>>,
    /// The order's number: the position of the entry that placed it. Later orders have larger ones.
    pub number: Position,
    /// The position of its last entry.
    pub position: Position,
    /// When it was placed, by [the book's clock](crate::OrderBook::time).
    pub placed: Duration,
    /// How long ago that was, by the same clock.
    pub age: Duration,
    /// What is said of it as a whole.
    pub state: OrderState,
    /// While units are held: time until they come back.
    pub remaining: Option<Duration>,
    /// While it waits: for how long its units will be held once they are reserved. Several nodes do not show it.
    pub hold: Option<Duration>,
    /// Its lines, in the sequence in which the SKUs were opened.
    pub lines: Vec<OrderLine<K>>,
}

/// A line of an order: how many units of a SKU are how far.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OrderLine<K> {
    /// The SKU.
    pub sku: K,
    /// Units that the order waits for.
    pub waiting: u64,
    /// Units that are held and not paid for.
    pub held: u64,
    /// Units that are paid for and on hand.
    pub paid: u64,
    /// Units that left and did not come back.
    pub shipped: u64,
    /// Units that came back and are on sale.
    pub returned: u64,
    /// Units that came back and were written off.
    pub written_off: u64,
    /// Units that were cancelled before they were paid for.
    pub cancelled: u64,
    /// Units that were cancelled after they were paid for.
    pub refunded: u64,
    /// Units that were not paid for in time.
    pub expired: u64,
}

impl<K> OrderView<K> {
    /// An order of which nothing else is known, for whoever keeps orders elsewhere than in a book: its fields are set one by one.
    #[must_use]
    pub fn new(id: &str, state: OrderState) -> Self {
        Self {
            id: id.into(),
            customer: None,
            number: Position::default(),
            position: Position::default(),
            placed: Duration::ZERO,
            age: Duration::ZERO,
            state,
            remaining: None,
            hold: None,
            lines: Vec::new(),
        }
    }
}

impl<K> OrderLine<K> {
    /// A line without units.
    #[must_use]
    pub const fn new(sku: K) -> Self {
        Self {
            sku,
            waiting: 0,
            held: 0,
            paid: 0,
            shipped: 0,
            returned: 0,
            written_off: 0,
            cancelled: 0,
            refunded: 0,
            expired: 0,
        }
    }
}

/// What a call on the stock of a SKU did. Of units that move, the figures are those of the SKU that the call names first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct StockAnswer {
    /// Whether an earlier call with the same key did it, and this one changed nothing. The figures are of that call.
    pub before: bool,
    /// The position of the entry.
    pub position: Position,
    /// Units on hand that came; negative: that went.
    pub difference: i64,
    /// Units that went and that no unit for sale covered: they come from the safety stock, as far as it has units, and the
    /// rest is [owed](SkuView::owed).
    pub uncovered: u64,
}

/// The stock of a SKU, at one instant. [`Default`]: nothing is there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
#[must_use]
pub struct SkuView {
    /// Units that no order has, and that are for sale. While orders [wait](Self::waiting) for the SKU these units are kept
    /// for them: a new order has none of them.
    pub available: u64,
    /// Units on hand: available, safety stock, held and paid for, less what is owed.
    pub on_hand: u64,
    /// Units that are promised and not there: a count found fewer. What comes back pays them first.
    pub owed: u64,
    /// Units of the safety stock that are on hand.
    pub safety: u64,
    /// Units that orders wait for.
    pub waiting: u64,
    /// Units that were [sent](crate::OrderBook::send) to other SKUs, and have not arrived.
    pub on_the_way: u64,
    /// Units that were sent here from other SKUs, and have not arrived.
    pub coming: u64,
    /// What is set for the SKU.
    pub limits: SkuLimits,
}
