//! [`Known`]: what a row says of an id; and [`Did`]: what a batch did with an order.

use super::answers::{Answer, Order, OrderState, Refusal};
use segstock_remote::Fault;
use std::time::SystemTime;

/// What a row says of an id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Known {
    pub state: State,
    /// What was asked for, as a hash.
    pub asked: Option<i64>,
    /// Its units, if it was placed.
    pub units: Option<i64>,
    pub until: Option<SystemTime>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum State {
    Held,
    /// Held, and past its deadline.
    Overdue,
    Paid,
    Shipped,
    Returned,
    Cancelled,
    /// Cancelled after it was paid for.
    Refunded,
    Expired,
    /// This SKU was short.
    Refused(String),
    /// This SKU is closed.
    Closed(String),
    /// Its customer can have no more of this SKU.
    Limited(String),
    /// This SKU is for customers who are named.
    Nameless(String),
}

impl State {
    pub(super) fn read(state: &str, short: Option<String>) -> Result<Self, Fault> {
        Ok(match state {
            "held" => Self::Held,
            "overdue" => Self::Overdue,
            "paid" => Self::Paid,
            "shipped" => Self::Shipped,
            "returned" => Self::Returned,
            "cancelled" => Self::Cancelled,
            "refunded" => Self::Refunded,
            "expired" => Self::Expired,
            "refused" => Self::Refused(short.unwrap_or_default()),
            "closed" => Self::Closed(short.unwrap_or_default()),
            "limited" => Self::Limited(short.unwrap_or_default()),
            "nameless" => Self::Nameless(short.unwrap_or_default()),
            _ => {
                return Err(Fault::Final(format!(
                    "no release writes the state {state:?}"
                )));
            }
        })
    }
}

/// An order that was placed, by its state.
pub(super) fn known_order(state: &str, until: Option<SystemTime>) -> Result<Order, Fault> {
    let known = Known {
        state: State::read(state, None)?,
        asked: None,
        units: Some(0),
        until,
    };
    let order = known.order();
    order.map_err(|refusal| Fault::Final(refusal.to_string()))
}

/// What a batch did with an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Did {
    /// This batch placed it.
    Placed(Known),
    /// What its row says.
    Is(Known),
    /// It has no row.
    Missing,
    /// A block is closed: nothing was taken.
    Fenced,
    /// A block is too short, or it is not known: nothing was taken.
    Again,
    /// A pool is short: nothing was taken.
    Short,
    /// There is no such SKU.
    NoSku(String),
    /// A transaction of its own changes it.
    Alone,
    /// Orders of its customer are past their deadline: these end first.
    Overdue,
}

impl Known {
    /// The order, if it was placed.
    pub(super) fn order(&self) -> Result<Order, Refusal> {
        let state = match &self.state {
            State::Held | State::Overdue => OrderState::Held,
            State::Paid => OrderState::Paid,
            State::Shipped => OrderState::Shipped,
            State::Cancelled if self.units.is_none() => return Err(Refusal::CancelledBefore),
            State::Returned => OrderState::Returned,
            State::Cancelled | State::Refunded => OrderState::Cancelled,
            State::Expired => OrderState::Expired,
            State::Refused(sku) => return Err(Refusal::SoldOut { sku: sku.clone() }),
            State::Closed(sku) => return Err(Refusal::Closed { sku: sku.clone() }),
            State::Limited(sku) => return Err(Refusal::PerCustomer { sku: sku.clone() }),
            State::Nameless(sku) => return Err(Refusal::CustomerNeeded { sku: sku.clone() }),
        };
        let until = self.until;
        Ok(Order { state, until })
    }

    /// The answer to a call on the whole order, of which all units are equally far.
    pub(super) fn answer(&self) -> Result<Answer, Refusal> {
        let Order { state, until } = self.order()?;
        let units = self.units.unwrap_or(0).unsigned_abs();
        let refunded = if self.state == State::Refunded {
            units
        } else {
            0
        };
        Ok(Answer {
            state,
            until,
            units,
            refunded,
            late: 0,
        })
    }
}
