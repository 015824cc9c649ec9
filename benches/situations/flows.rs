//! Customers whose orders run their flow under a lock, or outside any: what they wait for.

use crate::results::{Flow, Results};
use crate::support::calls::{lock, locked};
use crate::support::flow::{FLASH_SALE, Sale, Seen, Shop};
use crate::support::peers::{Choice, Segmented, StdLock};
use segstock::{Selection, Stock};
use std::sync::Mutex;
use std::time::Duration;

pub const ORDER_FLOW: &str = "order flow";

/// More than any run sells.
const UNITS: u64 = 1_000_000;

/// What is held while the flow runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// One lock, as most begin.
    Lock,
    StdLock,
    /// One of so many locks, as published.
    SegmentLocks(usize),
    Locked(usize, Selection),
    /// Nothing: the flow comes after the deduct.
    Nothing,
}

impl Held {
    pub const ALL: [Self; 15] = [
        Self::Lock,
        Self::StdLock,
        Self::SegmentLocks(4),
        Self::SegmentLocks(20),
        Self::SegmentLocks(64),
        Self::Locked(1, Selection::Random),
        Self::Locked(2, Selection::Random),
        Self::Locked(4, Selection::Random),
        Self::Locked(8, Selection::Random),
        Self::Locked(16, Selection::Random),
        Self::Locked(20, Selection::Random),
        Self::Locked(32, Selection::Random),
        Self::Locked(64, Selection::Random),
        Self::Locked(20, Selection::ByThread),
        Self::Nothing,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Lock => "parking_lot lock",
            Self::StdLock => "std lock",
            Self::SegmentLocks(_) => "segment locks, random",
            Self::Locked(_, Selection::ByThread) => "LockedStock, by thread",
            Self::Locked(..) => "LockedStock, random",
            Self::Nothing => "Stock, no lock held",
        }
    }

    /// Locks that a flow is held under, if it is.
    pub const fn locks(self) -> Option<usize> {
        match self {
            Self::Lock | Self::StdLock => Some(1),
            Self::SegmentLocks(locks) | Self::Locked(locks, _) => Some(locks),
            Self::Nothing => None,
        }
    }

    /// With the number of segments, where there is such a thing.
    pub fn full_name(self) -> String {
        match self {
            Self::SegmentLocks(segments) | Self::Locked(segments, _) => {
                format!("{}, segments: {segments}", self.name())
            }
            _ => self.name().to_owned(),
        }
    }

    fn run(self, sale: Sale, length: Duration) -> Seen {
        fn run(shop: impl Shop, sale: Sale, length: Duration) -> Seen {
            sale.run(&shop, length)
        }
        match self {
            Self::Lock => run(lock(UNITS), sale, length),
            Self::StdLock => run(StdLock(Mutex::new(UNITS)), sale, length),
            Self::SegmentLocks(segments) => {
                let shop = Segmented::new(UNITS, segments, Choice::Random, lock);
                run(shop, sale, length)
            }
            Self::Locked(segments, selection) => {
                run(locked(UNITS, segments, selection), sale, length)
            }
            Self::Nothing => run(Stock::new(UNITS), sale, length),
        }
    }
}

/// The parts of all orders whose latency is told, if there are enough orders.
pub const PARTS: [f64; 10] = [0.25, 0.5, 0.75, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999, 0.9999];

/// The parts that a sample of so many has: of 200 orders none is the slowest of a thousand, and what would
/// be called so is the slowest of all.
pub fn parts(orders: u64) -> Vec<f64> {
    // A little less than one, for what a decimal fraction is in binary.
    let has = |part: &f64| orders as f64 * (1.0 - part) >= 1.0 - 1e-9;
    PARTS.into_iter().filter(has).collect()
}

/// The sale as it is measured: with flows as published, or short ones to see whether it runs.
pub fn sale(quick: bool) -> Sale {
    Sale {
        flow: if quick {
            Duration::from_millis(4)
        } else {
            FLASH_SALE.flow
        },
        ..FLASH_SALE
    }
}

/// How long a run takes that is watched for so long: until all are at it, and until all who are in line
/// have been served.
pub fn estimate(sale: Sale, length: Duration, held: Held) -> Duration {
    let in_line = sale.customers / held.locks().unwrap_or(sale.customers);
    length + sale.flow * (5 + in_line) as u32
}

pub fn order_flow(sale: Sale, length: Duration, held: Held, results: &mut Results) {
    let seen = held.run(sale, length);
    let ms = |ns: u64| ns as f64 / 1e6;
    let at = |part| (part, ms(seen.latency.value_at_quantile(part)));
    results.flows.push(Flow {
        sale,
        held,
        orders: seen.latency.len(),
        orders_per_second: seen.per_second,
        latency: parts(seen.latency.len()).into_iter().map(at).collect(),
        longest_ms: ms(seen.latency.max()),
    });
}
