//! [`Known`]: what a row says of an id; and [`Did`]: what a batch did with an order.

use super::answers::{Answer, Order, Refusal};
use segstock_orders::OrderState;
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
    /// The call that reads it did not change it.
    pub before: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum State {
    Held,
    /// Held, and past its deadline.
    Overdue,
    /// It waits for its units.
    Waiting,
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
    /// As many units wait for this SKU as may.
    Full(String),
    /// As many units of this SKU are held and not paid for as may be.
    Unpaid(String),
}

impl State {
    pub(super) fn read(state: &str, short: Option<String>) -> Result<Self, Fault> {
        Ok(match state {
            "held" => Self::Held,
            "overdue" => Self::Overdue,
            "waiting" => Self::Waiting,
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
            "full" => Self::Full(short.unwrap_or_default()),
            "unpaid" => Self::Unpaid(short.unwrap_or_default()),
            _ => {
                return Err(Fault::Final(format!(
                    "no release writes the state {state:?}"
                )));
            }
        })
    }

    /// That of an order that was placed.
    pub(super) const fn of_order(&self) -> Option<OrderState> {
        Some(match self {
            Self::Held | Self::Overdue => OrderState::Held,
            Self::Waiting => OrderState::Waiting,
            Self::Paid => OrderState::Paid,
            Self::Shipped => OrderState::Shipped,
            Self::Returned => OrderState::Returned,
            Self::Cancelled | Self::Refunded => OrderState::Cancelled,
            Self::Expired => OrderState::Expired,
            Self::Refused(_)
            | Self::Closed(_)
            | Self::Limited(_)
            | Self::Nameless(_)
            | Self::Full(_)
            | Self::Unpaid(_) => {
                return None;
            }
        })
    }
}

/// What a batch did with an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Did {
    /// This batch placed it.
    Placed(Known),
    /// This batch changed it.
    Done(Known),
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
    /// Orders of its customer, or of its SKUs, are past their deadline: these end first.
    Overdue,
}

impl Known {
    /// What it is after the call that changed it.
    pub(super) fn changed(self) -> Self {
        Self {
            before: false,
            ..self
        }
    }

    /// The order, if it was placed.
    pub(super) fn order(&self) -> Result<Order, Refusal> {
        if let Some(state) = self.state.of_order()
            && (self.units.is_some() || self.state != State::Cancelled)
        {
            let until = self.until;
            return Ok(Order { state, until });
        }
        Err(match &self.state {
            State::Refused(sku) => Refusal::SoldOut { sku: sku.clone() },
            State::Closed(sku) => Refusal::Closed { sku: sku.clone() },
            State::Limited(sku) => Refusal::PerCustomer { sku: sku.clone() },
            State::Nameless(sku) => Refusal::CustomerNeeded { sku: sku.clone() },
            State::Full(sku) => Refusal::QueueFull { sku: sku.clone() },
            State::Unpaid(sku) => Refusal::Unpaid { sku: sku.clone() },
            _ => Refusal::CancelledBefore,
        })
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
            before: self.before,
            state,
            until,
            units,
            refunded,
            late: 0,
        })
    }
}
