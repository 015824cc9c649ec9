//! The columns: the counters that are compared.

use crate::support::calls::{atomic, lock, sixteen};
use crate::support::candidates::{Candidate, Private};
use crate::support::peers::{Choice, Permits, Segmented, StdLock};
use contatori::counters::signed::Signed;
use fast_counter::ConcurrentCounter;
use segstock::{LockedStock, Stock};
use std::sync::Mutex;

/// Segments of those that have a fixed number.
pub const SEGMENTS: usize = 16;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counter {
    Stock,
    Striped,
    Locked,
    SegmentLocks,
    Atomic,
    Lock,
    StdLock,
    Permits,
    Private,
    FastSharded,
    Contatori,
}

/// What is done with a counter, whichever it is.
pub trait Visit {
    type Answer;
    fn visit<C: Candidate>(self, open: impl Fn() -> C) -> Self::Answer;
}

impl Counter {
    pub const ALL: [Self; 11] = [
        Self::Stock,
        Self::Striped,
        Self::Locked,
        Self::SegmentLocks,
        Self::Atomic,
        Self::Lock,
        Self::StdLock,
        Self::Permits,
        Self::Private,
        Self::FastSharded,
        Self::Contatori,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Stock => "Stock::new",
            Self::Striped => "Stock, 16 segments",
            Self::Locked => "LockedStock, 16",
            Self::SegmentLocks => "segment locks, 16",
            Self::Atomic => "shared atomic",
            Self::Lock => "parking_lot lock",
            Self::StdLock => "std lock",
            Self::Permits => "tokio permits",
            Self::Private => "private atomic",
            Self::FastSharded => "fast-counter",
            Self::Contatori => "contatori",
        }
    }

    /// No counter of one stock that can refuse: it shows what is possible, and is nobody's peer.
    pub const fn is_reference(self) -> bool {
        matches!(self, Self::Private | Self::FastSharded | Self::Contatori)
    }

    /// One of ours.
    pub const fn is_ours(self) -> bool {
        matches!(self, Self::Stock | Self::Striped | Self::Locked)
    }

    /// Opens counters of `units` for so many threads.
    pub fn open<V: Visit>(self, units: u64, threads: usize, visitor: V) -> V::Answer {
        match self {
            Self::Stock => visitor.visit(|| Stock::new(units)),
            Self::Striped => visitor.visit(|| sixteen(units)),
            Self::Locked => {
                visitor.visit(|| LockedStock::new(units, SEGMENTS).expect("some segments"))
            }
            Self::SegmentLocks => {
                visitor.visit(|| Segmented::new(units, SEGMENTS, Choice::Random, lock))
            }
            Self::Atomic => visitor.visit(|| atomic(units)),
            Self::Lock => visitor.visit(|| lock(units)),
            Self::StdLock => visitor.visit(|| StdLock(Mutex::new(units))),
            Self::Permits => visitor.visit(|| Permits::new(units)),
            Self::Private => visitor.visit(|| Private::new(units, threads)),
            Self::FastSharded => visitor.visit(|| ConcurrentCounter::new(SEGMENTS)),
            Self::Contatori => visitor.visit(Signed::new),
        }
    }
}
