//! What a node answers: an [`Order`], or a [`Refusal`].

use std::fmt;
use std::time::{Duration, SystemTime};

/// The longest hold with a deadline: ten years.
pub const MAX_HOLD: Duration = Duration::from_secs(10 * 365 * 86_400);

/// What has become of an order, by its row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    /// What it is now.
    pub state: OrderState,
    /// The end of its hold, by the database's clock. `None`: it is held until somebody pays or cancels.
    pub until: Option<SystemTime>,
}

/// The states of an order that was placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum OrderState {
    /// Its units are set aside.
    Held,
    /// It is paid for: its units are sold.
    Paid,
    /// It was paid for, and its units have left.
    Shipped,
    /// Its units are back.
    Cancelled,
    /// Its deadline passed before it was paid for: its units are back.
    Expired,
}

impl fmt::Display for OrderState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Held => "held",
            Self::Paid => "paid",
            Self::Shipped => "shipped",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
        })
    }
}

/// Why a call did not do what it was asked for.
///
/// [`TryAgain`](Self::TryAgain), [`Busy`](Self::Busy) and [`Over`](Self::Over) say nothing of the order: the same call
/// under the same id, at any node, tells. Everything else is final.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// At some instant of the call fewer units of this SKU were free at all nodes together. The id stays refused.
    SoldOut {
        /// The SKU that was short.
        sku: String,
    },
    /// The order is known, and cannot become what was asked for: a payment of a cancelled order, for instance.
    Is(Order),
    /// It was cancelled before it was placed, and stays so.
    CancelledBefore,
    /// There is no order of this id.
    NoOrder,
    /// There is no such SKU in this sale.
    NoSku {
        /// Its name.
        sku: String,
    },
    /// The id is known for something else: other lines, or a restock.
    Conflict,
    /// It is no order: its lines, or how long it is to be held.
    Invalid(InvalidOrder),
    /// A SKU would have more than [`MAX_UNITS`](segstock_remote::MAX_UNITS).
    TooMany,
    /// Nobody knows yet: units are with a node that is silent, or the database does not answer. It may have happened.
    TryAgain,
    /// The node has as many calls under way as it may. Nothing happened.
    Busy,
    /// The node serves no calls any more: another one with its name has started, or it leaves. Nothing is known of the order.
    Over,
}

impl Refusal {
    /// Whether the same call may be answered otherwise later, or by another node.
    #[must_use]
    pub const fn is_temporary(&self) -> bool {
        matches!(self, Self::TryAgain | Self::Busy | Self::Over)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SoldOut { sku } => write!(f, "too few units of {sku} are left"),
            Self::Is(order) => write!(f, "the order is {}", order.state),
            Self::CancelledBefore => write!(f, "the order was cancelled before it was placed"),
            Self::NoOrder => write!(f, "there is no such order"),
            Self::NoSku { sku } => write!(f, "there is no SKU {sku}"),
            Self::Conflict => write!(f, "the id is known for something else"),
            Self::Invalid(invalid) => invalid.fmt(f),
            Self::TooMany => write!(f, "more units than a SKU can have"),
            Self::TryAgain => write!(f, "not known yet; try again with the same id"),
            Self::Busy => write!(f, "the node is busy; try again"),
            Self::Over => write!(f, "the node serves no calls any more; try another one"),
        }
    }
}

impl std::error::Error for Refusal {}

/// Why something is no order.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidOrder {
    /// There are none.
    None,
    /// There are more than 1,000.
    TooMany,
    /// A SKU is 1 to 128 bytes long, without control characters.
    Sku(String),
    /// A line has 1 to [`MAX_UNITS`](segstock_remote::MAX_UNITS) units; lines of one SKU are added.
    Units {
        /// What was asked for.
        units: u64,
    },
    /// An order is held for [`MAX_HOLD`](super::MAX_HOLD) at most.
    Hold,
}

impl fmt::Display for InvalidOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => write!(f, "an order has lines"),
            Self::TooMany => write!(f, "an order has at most 1,000 SKUs"),
            Self::Sku(sku) => write!(f, "{sku:?} is no SKU"),
            Self::Units { units } => write!(f, "a line cannot have {units} units"),
            Self::Hold => write!(f, "an order is held for ten years at most"),
        }
    }
}

impl std::error::Error for InvalidOrder {}
