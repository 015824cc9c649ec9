//! Calls on a book with all their arguments, so that they can be made again; and what they are answered.

use segstock_orders::OrderState;
use std::collections::BTreeMap;

pub type Sku = &'static str;
pub type Lines = BTreeMap<Sku, u64>;
/// A key, and units of an order; or none: the whole order.
pub type Part = Option<(u8, Lines)>;

/// A call, with all its arguments: it can be made again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op {
    Place {
        id: u8,
        lines: Lines,
        ttl: u64,
        waits: bool,
    },
    Limit {
        sku: Sku,
        limits: Limits,
    },
    Amend {
        id: u8,
        key: u8,
        lines: Lines,
        ttl: u64,
    },
    Extend {
        id: u8,
        key: u8,
        ttl: u64,
    },
    Pay {
        id: u8,
        part: Option<(u8, Lines)>,
    },
    Ship {
        id: u8,
        part: Option<(u8, Lines)>,
    },
    Cancel {
        id: u8,
        part: Option<(u8, Lines)>,
    },
    Return {
        id: u8,
        part: Option<(u8, Lines)>,
        on_sale: bool,
    },
    Restock {
        sku: Sku,
        key: u8,
        units: u64,
    },
    Count {
        sku: Sku,
        key: u8,
        counted: u64,
    },
    WriteOff {
        sku: Sku,
        key: u8,
        units: u64,
    },
    /// Units move to another SKU, at once or on a way.
    Move {
        from: Sku,
        to: Sku,
        key: u8,
        units: u64,
        sends: bool,
    },
    /// Units of a sending arrive, counted from the first.
    Arrive {
        sending: usize,
        key: u8,
        units: u64,
        lost: u64,
    },
    /// Seconds pass.
    Pass {
        seconds: u64,
    },
}

/// What is set for a SKU.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    pub safety: u64,
    pub closed: bool,
    pub per_customer: Option<u64>,
    pub waiting: u64,
    /// In percent.
    pub unpaid: Option<u8>,
}

/// Whose order it is.
pub fn customer(id: u8) -> Option<&'static str> {
    [Some("ann"), Some("bob"), Some("ann"), None][id as usize % 4]
}

/// What a call is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    Done {
        state: OrderState,
        units: u64,
        refunded: u64,
        late: u64,
    },
    Before {
        state: OrderState,
        units: u64,
        refunded: u64,
        late: u64,
    },
    Booked {
        before: bool,
        difference: i64,
        uncovered: u64,
    },
    Unknown,
    Conflict,
    State(OrderState),
    Short(Vec<Sku>),
    NotOnHand(Vec<Sku>),
    Closed(Vec<Sku>),
    PerCustomer(Vec<Sku>),
    Unpaid(Vec<Sku>),
    CustomerNeeded(Vec<Sku>),
    QueueFull(Vec<Sku>),
    NotInOrder(Vec<Sku>),
    UnknownSending,
    NotOnTheWay,
    Passed,
}

/// Units that a call moved; those of them that are to be refunded, and those that were paid for late.
pub type Moved = (u64, u64, u64);

impl Said {
    pub fn done(state: OrderState, (units, refunded, late): Moved) -> Self {
        Self::Done {
            state,
            units,
            refunded,
            late,
        }
    }

    pub fn before(state: OrderState, (units, refunded, late): Moved) -> Self {
        Self::Before {
            state,
            units,
            refunded,
            late,
        }
    }
}
