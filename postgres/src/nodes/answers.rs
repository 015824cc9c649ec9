//! What a node answers: an [`Order`], what a call did, or a [`Refusal`].

use segstock_orders::{OrderState, Position, ShortLine};
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

/// What a call on an order did. Asked again it is the same, but for the state.
///
/// An order book's [`Answer`](segstock_orders::Answer) has the positions of entries, which nodes do not write, and the time
/// that is left by the book's clock, in place of the deadline by the database's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Answer {
    /// Whether an earlier call did it, or an earlier attempt of this one, and this one changed nothing.
    pub before: bool,
    /// What the order is after the call: of an order in parts the first of held, paid, shipped, returned, expired, cancelled
    /// that some of its units are.
    pub state: OrderState,
    /// The end of its hold, by the database's clock.
    pub until: Option<SystemTime>,
    /// Units that the call moved. None if calls on parts of the order had left nothing to move.
    pub units: u64,
    /// Those of them that were paid for, and are to be refunded.
    pub refunded: u64,
    /// Those of them that had come back at the deadline, and were taken again.
    pub late: u64,
}

/// What a call on the stock of a SKU did. Asked again it is the same.
///
/// That of an order book ([`StockAnswer`](segstock_orders::StockAnswer)) has the position of an entry, and counts as uncovered
/// what the safety stock covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct StockAnswer {
    /// Whether an earlier call with the same key did it, or an earlier attempt of this one, and this one changed nothing.
    pub before: bool,
    /// Units on hand that came; negative: that went.
    pub difference: i64,
    /// Units that went and that no free unit covered: they are owed.
    pub uncovered: u64,
    /// The number of the [sending](super::Node::send), if the call sent units.
    pub sending: Option<Position>,
}

/// Why a call did not do what it was asked for.
///
/// [`TryAgain`](Self::TryAgain), [`Busy`](Self::Busy) and [`Over`](Self::Over) say nothing of the order: the same call
/// under the same id, at any node, tells. Everything else is final.
///
/// An order book's [`Refusal`](segstock_orders::Refusal) names all SKUs that are in the way, and the id is free afterwards.
/// Nodes keep what a new order was refused for in the row of its id: the first of these SKUs.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// At some instant of the call fewer units of this SKU were free at all nodes together. The id stays refused.
    SoldOut {
        /// The SKU that was short.
        sku: String,
    },
    /// The SKU is closed for new orders. A new order's id stays refused.
    Closed {
        /// The SKU.
        sku: String,
    },
    /// The customer can have fewer units of this SKU, with those of other orders. A new order's id stays refused.
    PerCustomer {
        /// The SKU.
        sku: String,
    },
    /// An order of this SKU names its customer. A new order's id stays refused.
    CustomerNeeded {
        /// The SKU.
        sku: String,
    },
    /// As many units wait for this SKU as its [limit](segstock_orders::SkuLimits::waiting) lets. The id stays refused.
    QueueFull {
        /// The SKU.
        sku: String,
    },
    /// As many units of this SKU are held and not paid for as its [limit](segstock_orders::SkuLimits::unpaid) lets. A new order's
    /// id stays refused.
    Unpaid {
        /// The SKU.
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
    /// The id or key is known for something else.
    Conflict,
    /// At some instant of the call fewer units of these lines could be had. Nothing changed: the same call may be answered
    /// otherwise later.
    Short(Vec<ShortLine<String>>),
    /// Fewer units are on hand than are to leave, since units are owed.
    NotOnHand(Vec<ShortLine<String>>),
    /// The order has fewer units that the call could change.
    NotInOrder(Vec<ShortLine<String>>),
    /// As many keys are known of the order as can be: 1,000.
    TooManyKeys,
    /// It is no order: its lines, or how long it is to be held.
    Invalid(InvalidOrder),
    /// A SKU would have more than [`MAX_UNITS`](segstock_remote::MAX_UNITS).
    TooMany,
    /// Nobody knows yet: units are with a node that is silent, or the database does not answer. It may have happened.
    TryAgain,
    /// Units go from a SKU to another one, not to itself.
    SameSku {
        /// The SKU.
        sku: String,
    },
    /// No units of this sending are on their way to this SKU.
    UnknownSending,
    /// Fewer units of the sending are on their way.
    NotOnTheWay {
        /// Units that came or were lost.
        requested: u64,
        /// Units that are on their way.
        on_the_way: u64,
    },
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
            Self::Closed { sku } => write!(f, "{sku} is closed for new orders"),
            Self::PerCustomer { sku } => write!(f, "too many units of {sku} for one customer"),
            Self::CustomerNeeded { sku } => write!(f, "an order of {sku} names its customer"),
            Self::Unpaid { sku } => write!(f, "too many units of {sku} are not paid for"),
            Self::QueueFull { sku } => write!(f, "too many units wait for {sku}"),
            Self::Is(order) => write!(f, "the order is {}", order.state),
            Self::CancelledBefore => write!(f, "the order was cancelled before it was placed"),
            Self::NoOrder => write!(f, "there is no such order"),
            Self::NoSku { sku } => write!(f, "there is no SKU {sku}"),
            Self::Conflict => write!(
                f,
                "the id or key is known for something else: use a new one for another request"
            ),
            Self::Short(lines) => short(f, "too few units are left:", lines),
            Self::NotOnHand(lines) => short(f, "not on hand:", lines),
            Self::NotInOrder(lines) => short(f, "not in the order:", lines),
            Self::TooManyKeys => write!(f, "the order has as many keys as it can"),
            Self::Invalid(invalid) => invalid.fmt(f),
            Self::SameSku { sku } => write!(f, "units of {sku} cannot go to {sku}"),
            Self::UnknownSending => {
                write!(f, "no units of this sending are on their way to this SKU")
            }
            Self::NotOnTheWay {
                requested,
                on_the_way,
            } => write!(
                f,
                "{requested} units were to arrive, and {on_the_way} are on their way"
            ),
            Self::TooMany => write!(f, "more units than a SKU can have"),
            Self::TryAgain => write!(f, "not known yet; try again with the same id"),
            Self::Busy => write!(f, "the node is busy; try again"),
            Self::Over => write!(f, "the node serves no calls any more; try another one"),
        }
    }
}

fn short(f: &mut fmt::Formatter<'_>, what: &str, lines: &[ShortLine<String>]) -> fmt::Result {
    f.write_str(what)?;
    lines.iter().enumerate().try_for_each(|(number, line)| {
        let comma = if number > 0 { "," } else { "" };
        let (sku, requested, there) = (&line.sku, line.requested, line.available);
        write!(f, "{comma} {sku} ({requested} requested, {there} there)")
    })
}

impl std::error::Error for Refusal {}

/// Why something is no order.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidOrder {
    /// There are none.
    None,
    /// There are more than the [sale](super::Sale::max_lines) lets.
    TooMany,
    /// It has more units than the [sale](super::Sale::max_units) lets.
    TooManyUnits,
    /// A SKU is 1 to 128 bytes long, without control characters.
    Sku(String),
    /// A line has 1 to [`MAX_UNITS`](segstock_remote::MAX_UNITS) units; lines of one SKU are added.
    Units {
        /// What was asked for.
        units: u64,
    },
    /// It is to be held for longer than the [sale](super::Sale::longest_hold) lets.
    Hold,
    /// A customer is 1 to 128 bytes long, without control characters.
    Customer,
}

impl fmt::Display for InvalidOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => write!(f, "an order has lines"),
            Self::TooMany => write!(f, "an order cannot have this many SKUs"),
            Self::TooManyUnits => write!(f, "an order cannot have this many units"),
            Self::Sku(sku) => write!(f, "{sku:?} is no SKU"),
            Self::Units { units } => write!(f, "a line cannot have {units} units"),
            Self::Hold => write!(f, "an order cannot be held for so long"),
            Self::Customer => write!(f, "it is no customer's name"),
        }
    }
}

impl std::error::Error for InvalidOrder {}
