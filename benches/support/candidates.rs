//! What is compared: the stock in its forms, and the counters that people use instead.

use crossbeam_utils::CachePadded;
use parking_lot::Mutex;
use segstock::{LockedStock, Stock};
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};

/// What a thread sells from. Calls are inlined into the loop that times them, as those of a `Stock`
/// are into a user's code: whether they are would decide who is faster at a refusal.
pub trait Till {
    /// Whether a thread that waits for it gives up the CPU.
    const PARKS: bool = false;

    fn take(&self, units: u64) -> bool;
    fn give(&self, units: u64);

    /// Sets units aside and gives them back: by a guard that does so, if there is one.
    #[inline(always)]
    fn lend(&self, units: u64) {
        if black_box(self.take(units)) {
            self.give(units);
        }
    }
}

/// A counter for several threads.
pub trait Candidate: Send + Sync + 'static {
    type Till: Till + ?Sized;
    fn till(&self, thread: usize) -> &Self::Till;
}

/// Most candidates are the same till for everybody.
impl<T: Till + Send + Sync + 'static> Candidate for T {
    type Till = Self;
    #[inline(always)]
    fn till(&self, _: usize) -> &Self {
        self
    }
}

macro_rules! sell_from {
    ($stock:ty, parks: $parks:literal) => {
        impl Till for $stock {
            const PARKS: bool = $parks;

            #[inline(always)]
            fn take(&self, units: u64) -> bool {
                self.deduct(units).is_ok()
            }
            #[inline(always)]
            fn give(&self, units: u64) {
                self.restock(units).expect("room");
            }
            #[inline(always)]
            fn lend(&self, units: u64) {
                drop(black_box(self.reserve(units)));
            }
        }
    };
}
sell_from!(Stock, parks: false);
sell_from!(LockedStock, parks: true);

/// One atomic word with a bound check: *shared atomic*.
pub struct Atomic(pub AtomicU64);

impl Till for Atomic {
    #[inline(always)]
    fn take(&self, units: u64) -> bool {
        self.0
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| {
                left.checked_sub(units)
            })
            .is_ok()
    }
    #[inline(always)]
    fn give(&self, units: u64) {
        self.0.fetch_add(units, Ordering::AcqRel);
    }
}

/// The same on a word of each thread's own: the practical limit, and no counter of one stock.
pub struct Private(Vec<CachePadded<Atomic>>);

impl Private {
    pub fn new(units: u64, threads: usize) -> Self {
        let word = || CachePadded::new(Atomic(AtomicU64::new(units)));
        Self((0..threads).map(|_| word()).collect())
    }
}

impl Candidate for Private {
    type Till = Atomic;
    #[inline(always)]
    fn till(&self, thread: usize) -> &Atomic {
        &self.0[thread]
    }
}

/// One lock: *single lock*.
pub struct Lock(pub Mutex<u64>);

impl Till for Lock {
    const PARKS: bool = true;

    #[inline(always)]
    fn take(&self, units: u64) -> bool {
        let mut left = self.0.lock();
        match left.checked_sub(units) {
            Some(rest) => {
                *left = rest;
                true
            }
            None => false,
        }
    }
    #[inline(always)]
    fn give(&self, units: u64) {
        *self.0.lock() += units;
    }
}
