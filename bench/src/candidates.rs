//! The counters that are compared, by their names and kinds.

use crate::counters::{Of, Segmented};
use fast_counter::ConcurrentCounter;
use segstock::{LockedStock, MAX_UNITS, Selection, Stock};
use segstock_harness::{Atomic, Candidate, Lock};
use std::sync::Mutex;
use tokio::sync::Semaphore;

/// More units than any run deducts.
pub const PLENTY: u64 = MAX_UNITS / 2;

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
use Kind::{Ours, Peer, Private, Published, Sharded};

/// The columns of the table.
pub fn all() -> [(Kind, Candidate); 10] {
    let stock = |units| Of(Stock::new(units));
    let wide = |units| {
        let builder = Stock::builder(units).segments(16);
        Of(builder.build().expect("16 segments"))
    };
    let std_lock = |units| Of(Mutex::new(units));
    let permits = |units| Of(Semaphore::new(units as usize));
    let sharded = |_| Of(ConcurrentCounter::new(16));
    [
        (Ours, Candidate::new("Stock::new", stock)),
        (Ours, Candidate::new("Stock, 16 segments", wide)),
        (Ours, locked("LockedStock, 16", 16, Selection::Random)),
        (Published, segment_locks("segment locks, 16", 16)),
        (Peer, Candidate::new("shared atomic", Atomic::new)),
        (Peer, Candidate::new("parking_lot lock", Lock::new)),
        (Peer, Candidate::new("std lock", std_lock)),
        (Peer, Candidate::new("tokio permits", permits)),
        (Private, Candidate::private("private atomic", Atomic::new)),
        (Sharded, Candidate::new("fast-counter", sharded)),
    ]
}

pub fn locked(name: &str, segments: usize, selection: Selection) -> Candidate {
    Candidate::new(name, move |units| {
        let builder = LockedStock::builder(units).segments(segments);
        Of(builder.selection(selection).build().expect("some segments"))
    })
}

pub fn segment_locks(name: &str, segments: usize) -> Candidate {
    Candidate::new(name, move |units| {
        Segmented::new(units, segments, Lock::new)
    })
}
