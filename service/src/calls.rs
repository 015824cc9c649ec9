//! What is asked of orders and of stock: [`Placing`], [`OrderCall`], [`StockCall`], [`Wanted`].

use crate::book::Sku;
use crate::telemetry::Deed;
use segstock_orders::{OrderState, Position, Returned};
use std::time::{Duration, SystemTime};

/// Lines, as they are asked for: those of one SKU are added up.
pub type Lines = Vec<(Sku, u64)>;

/// An order that is to be placed.
#[derive(Debug)]
pub struct Placing<'a> {
    /// Its id.
    pub id: &'a str,
    /// Whose it is.
    pub customer: Option<&'a str>,
    /// What it is for.
    pub lines: Lines,
    /// For how long it is held.
    pub ttl: Duration,
    /// Whether it waits for units that it lacks.
    pub waits: bool,
}

/// Lines of an order, under a key by which a retry is known.
#[derive(Debug)]
pub struct Part {
    /// The key.
    pub key: String,
    /// The lines.
    pub lines: Lines,
}

/// What is asked of an order: of the whole order, or of a part of it.
#[derive(Debug)]
pub enum OrderCall {
    /// It is for these lines from now on.
    Amend(Part),
    /// Under this key: it is held for so long from now, if that is later.
    Extend(String, Duration),
    /// It is paid for.
    Pay(Option<Part>),
    /// It is not wanted any more.
    Cancel(Option<Part>),
    /// It leaves.
    Ship(Option<Part>),
    /// It comes back.
    Return(Returned, Option<Part>),
}

impl OrderCall {
    /// As it is counted.
    #[must_use]
    pub const fn deed(&self) -> Deed {
        match self {
            Self::Amend(_) => Deed::Amend,
            Self::Extend(..) => Deed::Extend,
            Self::Pay(_) => Deed::Pay,
            Self::Cancel(_) => Deed::Cancel,
            Self::Ship(_) => Deed::Ship,
            Self::Return(..) => Deed::Return,
        }
    }
}

/// What is asked of the stock of a SKU.
#[derive(Debug)]
pub enum StockCall {
    /// Units came.
    Restock(u64),
    /// This many units were counted.
    Count(u64),
    /// Units are broken or lost.
    WriteOff(u64),
    /// Units are another SKU's from now on.
    Move(Sku, u64),
    /// Units leave for another SKU.
    Send(Sku, u64),
    /// Units of a sending came, and units of it were lost.
    Arrive(Position, u64, u64),
}

impl StockCall {
    /// As it is counted.
    #[must_use]
    pub const fn deed(&self) -> Deed {
        match self {
            Self::Restock(_) => Deed::Restock,
            Self::Count(_) => Deed::Count,
            Self::WriteOff(_) => Deed::WriteOff,
            Self::Move(..) => Deed::Move,
            Self::Send(..) => Deed::Send,
            Self::Arrive(..) => Deed::Arrive,
        }
    }
}

/// Which orders a list shows: those that fit all that is given.
#[derive(Debug, Default)]
pub struct Wanted {
    /// Of which this is said.
    pub state: Option<OrderState>,
    /// Of this customer.
    pub customer: Option<String>,
    /// With a line of this SKU.
    pub sku: Option<Sku>,
    /// With at least this number.
    pub from: Option<u64>,
    /// With at most this number.
    pub to: Option<u64>,
    /// Placed then or later.
    pub since: Option<SystemTime>,
    /// Placed before then.
    pub before: Option<SystemTime>,
}
