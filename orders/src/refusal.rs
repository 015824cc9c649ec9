//! [`Refusal`]: why a call changed nothing.

use crate::answers::OrderState;
use crate::journal::NoPlace;
use crate::settings::MAX_KEY;
use segstock::MAX_UNITS;
use segstock::inventory::ShortLine;
use std::error::Error;
use std::fmt;
use std::time::Duration;

/// A call changed nothing, and why.
///
/// With a ledger, [`Unknown`](Self::Unknown) is the exception: the change was made, and may not outlive a crash.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal<K> {
    /// Nothing is known of an order with this id: it was never placed, was refused, or is forgotten.
    UnknownOrder,
    /// No such SKUs are open: all of them that the call names.
    UnknownSkus(Vec<K>),
    /// The SKU is open already.
    AlreadyOpen,
    /// These SKUs are closed for new orders: all of them that the order names.
    Closed(Vec<K>),
    /// These lines lack units: all of them.
    Short(Vec<ShortLine<K>>),
    /// The customer can have fewer units, with those of other orders: all such lines.
    PerCustomer(Vec<ShortLine<K>>),
    /// An order of these SKUs names its customer: all such SKUs.
    CustomerNeeded(Vec<K>),
    /// Fewer units can be held without being paid for, with those of other orders: all such lines.
    Unpaid(Vec<ShortLine<K>>),
    /// Fewer units than that can wait: all such lines.
    QueueFull(Vec<ShortLine<K>>),
    /// Fewer units are on hand than are to leave, since units are owed: all such lines.
    NotOnHand(Vec<ShortLine<K>>),
    /// The order has fewer units that the call could change: all such lines.
    NotInOrder(Vec<ShortLine<K>>),
    /// No units of such a sending are on their way to this SKU.
    UnknownSending,
    /// Fewer units of the sending are on their way.
    NotOnTheWay {
        /// Units that were to arrive.
        requested: u64,
        /// Units that are on their way.
        on_the_way: u64,
    },
    /// Units move from one SKU to another, not to the same.
    SameSku(K),
    /// The id or key is known, for something else.
    Conflict,
    /// The call is not for an order in this state.
    State(OrderState),
    /// The order, or the part of it, has no lines.
    Empty,
    /// A line asks for no units.
    ZeroUnits(K),
    /// Lines of one SKU ask for more than a stock holds.
    TooManyUnits(K),
    /// More units would be on hand than a stock holds.
    Overflow {
        /// The SKU.
        sku: K,
        /// Units that were to come.
        requested: u64,
        /// Units that are on hand.
        on_hand: u64,
    },
    /// Units would be held for no time, or longer than the book allows.
    Ttl {
        /// The longest time.
        longest: Duration,
    },
    /// The cursor is none of this book's, or was handed out before it was made again: begin the list again.
    Cursor,
    /// An id or key is empty, or longer than [`MAX_KEY`] bytes.
    Key,
    /// What is counted has reached its limit.
    Limit(Limit),
    /// The call would have to do more for others than one call does, or the writer's queue is full: try again.
    Busy,
    /// Nothing can be written any more: no change is made until the book is opened again.
    Unavailable,
    /// It is not known whether the change is durable. The call, made again after a restart, tells.
    Unknown,
}

/// What a book counts and limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Limit {
    /// The orders that are known.
    Orders(usize),
    /// The SKUs that are open.
    Skus(usize),
    /// The customers for whom units are counted.
    Customers(usize),
    /// The lines of an order.
    Lines(usize),
    /// The units of an order.
    Units(u64),
    /// The lines of all orders that are known.
    AllLines(usize),
    /// The keys of requests that are known, of one order or of one SKU.
    Requests(usize),
    /// The keys of requests that are known, of all orders and SKUs.
    AllRequests(usize),
    /// The sendings that are on their way.
    OnTheWay(usize),
}

impl<K> Refusal<K> {
    /// The lines that lack units, whatever they lack them for.
    #[must_use]
    pub fn short_lines(&self) -> &[ShortLine<K>] {
        match self {
            Self::Short(lines)
            | Self::PerCustomer(lines)
            | Self::Unpaid(lines)
            | Self::QueueFull(lines)
            | Self::NotOnHand(lines)
            | Self::NotInOrder(lines) => lines,
            _ => &[],
        }
    }

    /// Whether orders past their deadline may have what is lacking.
    pub(crate) const fn may_be_helped(&self) -> bool {
        matches!(
            self,
            Self::Short(_) | Self::PerCustomer(_) | Self::Unpaid(_)
        )
    }

    /// Whether the same call may succeed in a moment, though nobody else changes anything.
    #[must_use]
    pub const fn is_busy(&self) -> bool {
        matches!(self, Self::Busy)
    }
}

impl<K> From<NoPlace> for Refusal<K> {
    fn from(no_place: NoPlace) -> Self {
        match no_place {
            NoPlace::Busy => Self::Busy,
            NoPlace::Unavailable => Self::Unavailable,
        }
    }
}

impl<K: fmt::Display> fmt::Display for Refusal<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownOrder => f.write_str("unknown order"),
            Self::UnknownSkus(skus) => listed(f, "unknown SKUs:", skus),
            Self::AlreadyOpen => f.write_str("the SKU is open already"),
            Self::Closed(skus) => listed(f, "closed for new orders:", skus),
            Self::Short(lines) => short(f, "out of stock:", lines, "available"),
            Self::PerCustomer(lines) => short(f, "too many for one customer:", lines, "left"),
            Self::CustomerNeeded(skus) => listed(f, "no customer is named for", skus),
            Self::Unpaid(lines) => short(f, "too many are not paid for:", lines, "left"),
            Self::QueueFull(lines) => short(f, "too many wait:", lines, "left"),
            Self::NotOnHand(lines) => short(f, "not on hand:", lines, "on hand"),
            Self::NotInOrder(lines) => short(f, "not in the order:", lines, "there"),
            Self::UnknownSending => f.write_str("no such units are on their way to the SKU"),
            Self::NotOnTheWay {
                requested,
                on_the_way,
            } => write!(
                f,
                "{requested} units were to arrive, and {on_the_way} are on their way"
            ),
            Self::SameSku(sku) => write!(f, "units of {sku} cannot move to {sku}"),
            Self::Conflict => f.write_str(
                "the id or key is known for something else: use a new one for another request",
            ),
            Self::State(state) => write!(f, "the order is {state}"),
            Self::Empty => f.write_str("no lines: at least one is needed"),
            Self::ZeroUnits(sku) => write!(f, "a line asks for no units of {sku}"),
            Self::TooManyUnits(sku) => {
                write!(f, "more than {MAX_UNITS} units of {sku} are asked for")
            }
            Self::Overflow {
                sku,
                requested,
                on_hand,
            } => write!(
                f,
                "{requested} units of {sku} on top of {on_hand} would exceed the limit of {MAX_UNITS}"
            ),
            Self::Ttl { longest } => {
                let longest = longest.as_secs_f64();
                write!(
                    f,
                    "units are held for more than 0 s, and at most {longest} s"
                )
            }
            Self::Cursor => f.write_str("the list began elsewhere: read it from its beginning"),
            Self::Key => write!(f, "an id or key has 1 to {MAX_KEY} bytes"),
            Self::Limit(limit) => limit.fmt(f),
            Self::Busy => f.write_str("busy: try again"),
            Self::Unavailable => f.write_str("nothing can be written any more"),
            Self::Unknown => f.write_str("it is not known whether the change is durable"),
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Orders(limit) => write!(f, "the limit of {limit} known orders is reached"),
            Self::Skus(limit) => write!(f, "the limit of {limit} SKUs is reached"),
            Self::Customers(limit) => write!(f, "the limit of {limit} customers is reached"),
            Self::Lines(limit) => write!(f, "an order has at most {limit} lines"),
            Self::Units(limit) => write!(f, "an order has at most {limit} units"),
            Self::AllLines(limit) => {
                write!(f, "the limit of {limit} lines of known orders is reached")
            }
            Self::Requests(limit) => write!(f, "the limit of {limit} known requests is reached"),
            Self::AllRequests(limit) => {
                write!(
                    f,
                    "the limit of {limit} known requests of the book is reached"
                )
            }
            Self::OnTheWay(limit) => write!(f, "the limit of {limit} sendings is reached"),
        }
    }
}

fn listed<K: fmt::Display>(f: &mut fmt::Formatter<'_>, what: &str, skus: &[K]) -> fmt::Result {
    f.write_str(what)?;
    skus.iter().try_for_each(|sku| write!(f, " {sku}"))
}

fn short<K: fmt::Display>(
    f: &mut fmt::Formatter<'_>,
    what: &str,
    lines: &[ShortLine<K>],
    there: &str,
) -> fmt::Result {
    f.write_str(what)?;
    for (index, line) in lines.iter().enumerate() {
        let comma = if index > 0 { "," } else { "" };
        let (sku, requested, available) = (&line.sku, line.requested, line.available);
        write!(
            f,
            "{comma} {sku} ({requested} requested, {available} {there})"
        )?;
    }
    Ok(())
}

impl<K: fmt::Debug + fmt::Display> Error for Refusal<K> {}
