//! [`Gateway`]: the gate of a SKU, and the lanes beside it.
//!
//! Whatever changes the units on hand passes the gate. Mostly these are orders that leave, from many threads: where they
//! meet, the gate gets lanes, and an order passes by the lane of its shard. A lane counts the units that left by it. Who
//! closes the gate closes its lanes, too, and takes those units off: so a count finds nobody between effect and entry.
//!
//! The lanes also count the units that are held, each order in the lane of its shard.

use crate::gate::Gate;
use crate::sync::{AtomicBool, AtomicU64, Mutex, MutexGuard, Ordering};
use crossbeam_utils::CachePadded;
use std::ops::{Deref, DerefMut};
use std::sync::OnceLock;

/// How often calls meet at the gate before it gets lanes: a SKU that few want has none.
const MEETINGS: u64 = if cfg!(any(loom, shuttle)) { 1 } else { 64 };

/// The gate. The lock of the gate itself is taken before those of its lanes, and these in their sequence.
#[derive(Debug)]
#[repr(align(64))]
pub(crate) struct Gateway {
    gate: Mutex<Gate>,
    /// Units that orders hold and have not paid for, but for those that the lanes count.
    held: AtomicU64,
    /// How often a call found the gate locked.
    meetings: AtomicU64,
    /// Set under the lock of the gate. They stay.
    lanes: OnceLock<Box<[CachePadded<Lane>]>>,
    /// Whether units may be owed: then fewer may be on hand than are promised, and orders pass the gate itself. Set while
    /// the gate is closed.
    owes: AtomicBool,
}

#[derive(Debug, Default)]
struct Lane {
    /// Units that left since the gate was closed.
    left: Mutex<u64>,
    /// Units that are held, less those of them that were counted before there were lanes. It wraps.
    held: AtomicU64,
}

/// A gate that is closed: nobody else passes.
pub(crate) struct Closed<'a> {
    gate: MutexGuard<'a, Gate>,
    /// Kept until the gate opens.
    _lanes: Vec<MutexGuard<'a, u64>>,
}

/// The gate is passed by an order that leaves, until this is dropped.
pub(crate) enum Passed<'a> {
    /// Others pass beside it. Nothing is owed, so what is promised is on hand.
    Lane(MutexGuard<'a, u64>),
    Closed(Closed<'a>),
}

impl Gateway {
    pub(crate) fn new(on_hand: u64) -> Self {
        Self {
            gate: Mutex::new(Gate::new(on_hand)),
            held: AtomicU64::new(0),
            meetings: AtomicU64::new(0),
            lanes: OnceLock::new(),
            owes: AtomicBool::new(false),
        }
    }

    /// Closes the gate.
    pub(crate) fn close(&self) -> Closed<'_> {
        self.close_lanes(self.gate.lock())
    }

    /// Passes the gate with an order of this shard that leaves. `lanes` are how many the gate has if it gets some; `owes`
    /// says, while it is closed, whether units are owed still.
    #[inline]
    pub(crate) fn pass(
        &self,
        shard: usize,
        lanes: usize,
        owes: impl FnOnce() -> bool,
    ) -> Passed<'_> {
        if let Some(lanes) = self.lanes.get() {
            let left = lanes[shard % lanes.len()].left.lock();
            if !self.owes.load(Ordering::Relaxed) {
                return Passed::Lane(left);
            }
        }
        let gate = self.gate.try_lock();
        let gate = gate.unwrap_or_else(|| self.meet(lanes));
        let closed = self.close_lanes(gate);
        if self.owes.load(Ordering::Relaxed) && !owes() {
            self.owes.store(false, Ordering::Relaxed);
        }
        Passed::Closed(closed)
    }

    #[inline]
    fn close_lanes<'a>(&'a self, mut gate: MutexGuard<'a, Gate>) -> Closed<'a> {
        let mut closed = Vec::new();
        if let Some(lanes) = self.lanes.get() {
            closed.extend(lanes.iter().map(|lane| lane.left.lock()));
        }
        for left in &mut closed {
            gate.on_hand -= std::mem::take(&mut **left);
        }
        Closed {
            gate,
            _lanes: closed,
        }
    }

    /// Another call passes the gate. If that happens often, the gate gets lanes. Who passes without a lane has locked the
    /// gate, and so nobody does when they come.
    #[cold]
    fn meet(&self, lanes: usize) -> MutexGuard<'_, Gate> {
        let gate = self.gate.lock();
        if self.meetings.fetch_add(1, Ordering::Relaxed) + 1 >= MEETINGS {
            let lane = |_| CachePadded::new(Lane::default());
            self.lanes.get_or_init(|| (0..lanes).map(lane).collect());
        }
        gate
    }

    /// Units may be owed from now on. Called while the gate is closed.
    pub(crate) fn owe(&self) {
        self.owes.store(true, Ordering::Relaxed);
    }

    /// Counts units that an order of this shard holds.
    #[inline]
    pub(crate) fn hold(&self, shard: usize, units: u64) {
        self.held_by(shard).fetch_add(units, Ordering::AcqRel);
    }

    /// Counts units that are held, beside the lanes.
    pub(crate) fn hold_anyway(&self, units: u64) {
        self.held.fetch_add(units, Ordering::AcqRel);
    }

    /// Counts units no more that an order of this shard held.
    #[inline]
    pub(crate) fn unhold(&self, shard: usize, units: u64) {
        self.held_by(shard).fetch_sub(units, Ordering::AcqRel);
    }

    #[inline]
    fn held_by(&self, shard: usize) -> &AtomicU64 {
        match self.lanes.get() {
            Some(lanes) => &lanes[shard % lanes.len()].held,
            None => &self.held,
        }
    }

    /// Units that are held. It misses none that are held throughout the call. An order's units are counted and taken off
    /// in one lane; or they were counted beside the lanes, which are read last: if they are seen to be taken off in a lane,
    /// they are seen to be counted.
    pub(crate) fn held(&self) -> u64 {
        let lanes = self.lanes.get().into_iter().flatten();
        let held = lanes.map(|lane| lane.held.load(Ordering::Acquire));
        let held = held.fold(0, u64::wrapping_add);
        held.wrapping_add(self.held.load(Ordering::Acquire))
    }

    /// Whether a call passes the gate, or has closed it.
    #[cfg(all(test, not(any(loom, shuttle))))]
    pub(crate) fn is_locked(&self) -> bool {
        self.gate.is_locked()
    }
}

impl Passed<'_> {
    /// Units on hand, where they may be fewer than are promised.
    #[inline]
    pub(crate) fn on_hand(&self) -> Option<u64> {
        match self {
            Self::Lane(_) => None,
            Self::Closed(gate) => Some(gate.on_hand),
        }
    }

    /// Units leave that are on hand.
    #[inline]
    pub(crate) fn leave(&mut self, units: u64) {
        match self {
            Self::Lane(left) => **left += units,
            Self::Closed(gate) => gate.on_hand -= units,
        }
    }
}

impl Deref for Closed<'_> {
    type Target = Gate;

    fn deref(&self) -> &Gate {
        &self.gate
    }
}

impl DerefMut for Closed<'_> {
    fn deref_mut(&mut self) -> &mut Gate {
        &mut self.gate
    }
}
