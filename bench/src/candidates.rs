//! The counters that are compared, and how each is measured.

use crate::calls::{Calls, work};
use crate::counters::{Counter, Segmented, StdLock, locked, striped};
use contatori::counters::signed::Signed;
use fast_counter::ConcurrentCounter;
use segstock::{Selection, Stock};
use segstock_harness::{Atomic, Lock, Orders, Work, sell_out};
use std::sync::Mutex;
use tokio::sync::Semaphore;

/// The kinds of counters, ordered by what they can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Ours,
    Peer,
    /// Refuses what no single segment has.
    Published,
    /// A counter of each thread's own: no counter of one stock, but shows what is possible.
    Private,
    /// Cannot refuse, but shows what is possible.
    Sharded,
}

/// A column of the table: a counter, and how it is measured. The first number that its functions get is the units that
/// it is opened with.
pub struct Candidate {
    pub name: &'static str,
    pub kind: Kind,
    /// Gets the calls, the units and the number of threads.
    pub work: fn(Calls, u64, usize) -> Work,
    /// ns per order and thread. Gets the units, the number of counters, the number of threads that sell them out, and
    /// the orders.
    pub sell_out: fn(u64, usize, usize, Orders) -> f64,
}

macro_rules! candidates {
    ($($kind:ident $name:literal: $open:expr;)+) => {
        &[$(Candidate {
            name: $name,
            kind: Kind::$kind,
            work: |calls, units, threads| {
                let each = matches!(Kind::$kind, Kind::Private).then_some(threads);
                work(calls, each, || $open(units))
            },
            sell_out: |units, count, threads, orders| {
                let counters: Vec<_> = (0..count).map(|_| $open(units)).collect();
                let (time, served) = sell_out(counters, threads, orders, Counter::deduct);
                time.as_nanos() as f64 * threads as f64 / served as f64
            },
        }),+]
    };
}

pub const ALL: &[Candidate] = candidates! {
    Ours "Stock::new": Stock::new;
    Ours "Stock, 16 segments": |units| striped(units, 16);
    Ours "LockedStock, 16": |units| locked(units, 16, Selection::Random);
    Published "segment locks, 16": |units| Segmented::new(units, 16, Selection::Random, Lock::new);
    Peer "shared atomic": Atomic::new;
    Peer "parking_lot lock": Lock::new;
    Peer "std lock": |units| StdLock(Mutex::new(units));
    Peer "tokio permits": |units| Semaphore::new(units as usize);
    Private "private atomic": Atomic::new;
    Sharded "fast-counter": |_| ConcurrentCounter::new(16);
    Sharded "contatori": |_| Signed::new();
};

/// The kind of the counter of this name.
pub fn kind(name: &str) -> Option<Kind> {
    ALL.iter().find(|one| one.name == name).map(|one| one.kind)
}
