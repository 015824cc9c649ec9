//! [`Entry`]: one change of a book, as it is written.
//!
//! All that ever changes a book is an entry. Its numbers are differences: units that moved, never what is left. A book
//! is what its entries say, one after another: `OrderBook::replay` makes it again.
//!
//! A change *takes* units that others could have had, or *gives* units that others can have from then on. What takes is
//! applied before its entry is appended, what gives after. So in every prefix of the entries, each take finds its units.

use crate::limits::SkuLimits;
use crate::lines::{Lines, SkuId};
use segstock::MAX_UNITS;
use smallvec::{SmallVec, smallvec};

/// The form of the entries that this release writes: the names and numbers in ledgers of rows, and the hashes of what was
/// asked for. A release reads every earlier form.
pub const ENTRY_VERSION: u32 = 1;

/// Where an entry stands in the sequence of all entries of a book. The first is 1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Deserialize, serde::Serialize),
    serde(transparent)
)]
pub struct Position(u64);

impl Position {
    /// The position with this number; 0 is before all entries.
    #[must_use]
    #[inline]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    #[inline]
    pub const fn number(self) -> u64 {
        self.0
    }
}

/// One change of a book.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
#[non_exhaustive]
pub struct Entry<K> {
    /// When, in nanoseconds of the book's clock.
    pub time: u64,
    /// The key of the request that caused it, if it had one of its own.
    pub request: Option<RequestKey>,
    /// What changed.
    pub change: Change<K>,
}

impl<K> Entry<K> {
    /// A change that no request with a key of its own caused.
    #[must_use]
    #[inline]
    pub const fn new(time: u64, change: Change<K>) -> Self {
        Self {
            time,
            request: None,
            change,
        }
    }

    /// With the key of its request.
    #[must_use]
    pub fn with_request(self, request: Option<RequestKey>) -> Self {
        Self { request, ..self }
    }
}

/// The key that a caller chose for a request on an order or on a SKU, by which its retries are known.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
#[non_exhaustive]
pub struct RequestKey {
    /// The key. It is the order's or the SKU's: another order may have a request with the same key.
    pub key: Box<str>,
    /// A hash of what was asked for. A request with the same key and another hash is another request.
    pub body: u64,
}

impl RequestKey {
    /// A key, and the hash of what was asked for.
    #[must_use]
    #[inline]
    pub const fn new(key: Box<str>, body: u64) -> Self {
        Self { key, body }
    }

    /// Whether a book keeps it as a key. A call on a whole order has none: it is known by its kind.
    #[inline]
    pub(crate) fn is_kept(&self) -> bool {
        !self.key.is_empty()
    }
}

/// What changed. Orders are named by the [`Position`] of the entry that placed them.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Deserialize, serde::Serialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum Change<K> {
    /// A SKU was opened. Its number is the count of those before.
    Opened {
        /// The SKU.
        sku: K,
        /// Its number.
        id: SkuId,
        /// Units on hand.
        units: u64,
    },
    /// Units came.
    Restocked {
        /// The SKU.
        sku: SkuId,
        /// How many.
        units: u64,
    },
    /// A shelf was counted. What was found or is missing is the difference to what was on hand.
    Counted {
        /// The SKU.
        sku: SkuId,
        /// Units that were counted.
        counted: u64,
        /// Units that were found; negative: that are missing.
        difference: i64,
        /// Units that are missing, and that no free unit covered: they are owed from then on.
        uncovered: u64,
    },
    /// Units are broken, lost or given away.
    WrittenOff {
        /// The SKU.
        sku: SkuId,
        /// How many.
        units: u64,
    },
    /// Units of one SKU are units of another from then on: another place, another name.
    Moved {
        /// The SKU that they were of.
        from: SkuId,
        /// The SKU that they are of.
        to: SkuId,
        /// How many.
        units: u64,
    },
    /// Units left for another SKU. Until they arrive they are nowhere on hand. The sending is named by the position of this
    /// entry.
    Sent {
        /// The SKU that they were of.
        from: SkuId,
        /// The SKU that they will be of.
        to: SkuId,
        /// How many.
        units: u64,
    },
    /// Units of a sending are on their way no more.
    Arrived {
        /// The position of the entry that sent them.
        sending: Position,
        /// The SKU that they were of.
        from: SkuId,
        /// The SKU that they are of.
        to: SkuId,
        /// Units that came.
        units: u64,
        /// Units that were lost on the way.
        lost: u64,
    },
    /// The limits of a SKU are others.
    Limited {
        /// The SKU.
        sku: SkuId,
        /// Units of safety stock more than before; negative: fewer.
        safety: i64,
        /// Units of safety stock more than before that no free unit covered: they are owed from then on.
        uncovered: u64,
        /// What is set from then on.
        limits: SkuLimits,
    },
    /// An order has its units.
    Placed {
        /// The order.
        order: NewOrder,
        /// When its units come back unless it is paid for, in nanoseconds of the book's clock.
        until: u64,
    },
    /// An order waits for its units.
    Waiting {
        /// The order.
        order: NewOrder,
        /// How long its units are held once it has them, in nanoseconds.
        ttl: u64,
    },
    /// A waiting order has its units.
    Served {
        /// The order.
        order: Position,
        /// Its units.
        lines: Lines,
        /// When they come back unless it is paid for.
        until: u64,
    },
    /// What an order holds is other than before.
    Amended {
        /// The order.
        order: Position,
        /// Units that it holds more.
        taken: Lines,
        /// Units that it holds fewer.
        given: Lines,
        /// When its units come back unless it is paid for.
        until: u64,
    },
    /// An order's deadline is later.
    Extended {
        /// The order.
        order: Position,
        /// When its units come back unless it is paid for.
        until: u64,
    },
    /// Units are paid for.
    Paid {
        /// The order.
        order: Position,
        /// Units that were held.
        held: Lines,
        /// Units that had come back at the deadline, and were taken again.
        retaken: Lines,
        /// Whether the units left at once.
        shipped: bool,
    },
    /// Units left.
    Shipped {
        /// The order.
        order: Position,
        /// Units that were paid for.
        lines: Lines,
    },
    /// Units are not wanted any more.
    Cancelled {
        /// The order.
        order: Position,
        /// Units that it waited for.
        waiting: Lines,
        /// Units that were held.
        held: Lines,
        /// Units that were paid for.
        paid: Lines,
    },
    /// An order was not paid for in time.
    Expired {
        /// The order.
        order: Position,
        /// Units that were held.
        lines: Lines,
    },
    /// Units came back from a customer.
    Returned {
        /// The order.
        order: Position,
        /// Units that are on sale again.
        on_sale: Lines,
        /// Units that were written off.
        written_off: Lines,
    },
}

/// An order as it is placed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
#[non_exhaustive]
pub struct NewOrder {
    /// The id that the customer chose.
    pub id: Box<str>,
    /// Whose order it is, if that was said.
    pub customer: Option<Box<str>>,
    /// What was asked for.
    pub lines: Lines,
    /// A hash of customer and lines: another order under this id has another.
    pub body: u64,
}

impl NewOrder {
    /// An order of `lines` under `id`.
    #[must_use]
    #[inline]
    pub fn new(id: &str, customer: Option<&str>, lines: Lines) -> Self {
        let body = body_of_order(customer, &lines);
        Self {
            id: id.into(),
            customer: customer.map(Into::into),
            lines,
            body,
        }
    }
}

impl<K> Change<K> {
    /// The SKUs whose shelf it changes: none of an order's.
    pub(crate) fn shelves(&self) -> SmallVec<[SkuId; 2]> {
        match self {
            Self::Restocked { sku, .. }
            | Self::Counted { sku, .. }
            | Self::WrittenOff { sku, .. }
            | Self::Limited { sku, .. } => smallvec![*sku],
            Self::Moved { from, to, .. } | Self::Sent { from, to, .. } => smallvec![*from, *to],
            // The key of an arrival is known where the units arrive.
            Self::Arrived { from, to, .. } => smallvec![*to, *from],
            _ => SmallVec::new(),
        }
    }

    /// The order that it changes; none for a new order, and for what changes no order.
    #[must_use]
    pub const fn order(&self) -> Option<Position> {
        match self {
            Self::Served { order, .. }
            | Self::Amended { order, .. }
            | Self::Extended { order, .. }
            | Self::Paid { order, .. }
            | Self::Shipped { order, .. }
            | Self::Cancelled { order, .. }
            | Self::Expired { order, .. }
            | Self::Returned { order, .. } => Some(*order),
            _ => None,
        }
    }
}

/// The hash of an order's body.
pub(crate) fn body_of_order(customer: Option<&str>, lines: &Lines) -> u64 {
    let mut body = Body::new();
    body.bytes(customer.unwrap_or_default().as_bytes());
    body.number(u64::from(customer.is_some()));
    body.lines(lines);
    body.finish()
}

/// The hash of a body. It is written to ledgers, so it stays what it is: it must not follow the hasher of a release.
#[derive(Debug)]
pub(crate) struct Body(u64);

impl Body {
    #[inline]
    pub(crate) const fn new() -> Self {
        Self(0xCBF2_9CE4_8422_2325)
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3);
        }
    }

    #[inline]
    pub(crate) fn number(&mut self, number: u64) {
        let mixed = (self.0 ^ number).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.0 = (mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    }

    #[inline]
    pub(crate) fn lines(&mut self, lines: &Lines) {
        for line in lines.iter() {
            self.number(u64::from(line.sku.number()) + 1);
            self.number(line.units);
        }
    }

    #[inline]
    pub(crate) const fn finish(self) -> u64 {
        let mixed = (self.0 ^ (self.0 >> 32)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

// A difference of units fits 64 bits with a sign.
const _: () = assert!(MAX_UNITS < i64::MAX as u64);
