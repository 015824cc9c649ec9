//! What a counter is asked for, by ours, by those that people use or propose instead, and by references that show what
//! is possible but cannot refuse or are no counter of one stock.

use contatori::counters::signed::Signed;
use crossbeam_utils::CachePadded;
use fast_counter::ConcurrentCounter;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use segstock::{LockedStock, MAX_UNITS, Selection, Stock};
use segstock_harness::{Atomic, Lock};
use std::cell::RefCell;
use std::hint::black_box;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::{Semaphore, SemaphorePermit};

/// Calls are inlined into the loop that times them, as those of a `Stock` are into a user's code: otherwise the call
/// alone would decide which counter is faster at a refusal.
pub trait Counter: Send + Sync + 'static {
    /// Whether a thread that waits for it leaves the CPU.
    const PARKS: bool = false;

    fn deduct(&self, units: u64) -> bool;
    fn restock(&self, units: u64);

    /// By a guard that gives back when it is dropped, if the counter has one.
    #[inline(always)]
    fn reserve_and_release(&self, units: u64) {
        if black_box(self.deduct(units)) {
            self.restock(units);
        }
    }
}

macro_rules! counter {
    ($counter:ty $(where $of:ident)?, parks: $parks:expr, |$this:ident, $units:ident| deduct $deduct:expr,
     restock $restock:expr $(, reserve $reserve:expr)?) => {
        impl$(<$of: Counter>)? Counter for $counter {
            const PARKS: bool = $parks;

            #[inline(always)]
            fn deduct(&self, $units: u64) -> bool {
                let $this = self;
                $deduct
            }

            #[inline(always)]
            fn restock(&self, $units: u64) {
                let $this = self;
                _ = $restock;
            }

            $(#[inline(always)]
            fn reserve_and_release(&self, $units: u64) {
                let $this = self;
                drop(black_box($reserve));
            })?
        }
    };
}

counter!(Stock, parks: false, |it, units| deduct it.deduct(units).is_ok(), restock it.restock(units),
    reserve it.reserve(units));
counter!(LockedStock, parks: true, |it, units| deduct it.deduct(units).is_ok(), restock it.restock(units),
    reserve it.reserve(units));
counter!(Atomic, parks: false, |it, units| deduct it.deduct(units).is_ok(), restock it.restock(units));
counter!(Lock, parks: true, |it, units| deduct it.deduct(units).is_ok(), restock it.restock(units));
counter!(StdLock, parks: true, |it, units| deduct it.deduct_with(units, || {}),
    restock *it.0.lock().expect("nobody panics") += units);
// A permit that is sold is forgotten.
counter!(Semaphore, parks: false, |it, units| deduct it.try_acquire_many(units as u32).map(SemaphorePermit::forget).is_ok(),
    restock it.add_permits(units as usize), reserve it.try_acquire_many(units as u32));
counter!(ConcurrentCounter, parks: false, |it, units| deduct { it.add(-(units as isize)); true },
    restock it.add(units as isize));
counter!(Signed, parks: false, |it, units| deduct { it.sub(units as isize); true }, restock it.add(units as isize));
counter!(Segmented<C> where C, parks: C::PARKS, |it, units| deduct it.in_turn().any(|segment| segment.deduct(units)),
    restock it.segments[it.first()].restock(units));

/// One lock of the standard library.
pub struct StdLock(pub Mutex<u64>);

impl StdLock {
    /// Runs an order's flow under the lock, if there are enough units.
    #[inline(always)]
    pub fn deduct_with(&self, units: u64, flow: impl FnOnce()) -> bool {
        let mut left = self.0.lock().expect("nobody panics");
        let rest = left.checked_sub(units);
        if let Some(rest) = rest {
            flow();
            *left = rest;
        }
        rest.is_some()
    }
}

/// Segments as articles on flash sales describe them: each is a counter with a bound of its own, and an order tries one
/// after the other.
///
/// It never oversells, but it refuses orders that it could serve: a refusal means that no *single* segment had the units
/// when the order looked at it.
pub struct Segmented<C> {
    segments: Box<[CachePadded<C>]>,
    selection: Selection,
}

impl<C> Segmented<C> {
    /// `units` in `segments` parts, which differ by one unit at most.
    pub fn new(units: u64, segments: usize, selection: Selection, open: fn(u64) -> C) -> Self {
        let count = segments as u64;
        let share = |at: u64| units / count + u64::from(at < units % count);
        let segments = (0..count)
            .map(|at| CachePadded::new(open(share(at))))
            .collect();
        Self {
            segments,
            selection,
        }
    }

    #[inline(always)]
    fn first(&self) -> usize {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        thread_local! {
            static NUMBER: u64 = NEXT.fetch_add(1, Ordering::Relaxed);
            static RNG: RefCell<SmallRng> = RefCell::new(SmallRng::seed_from_u64(NUMBER.with(|number| *number)));
        }
        match (self.selection, self.segments.len()) {
            (_, 1) => 0,
            (Selection::ByThread, segments) => NUMBER.with(|number| *number) as usize % segments,
            (_, segments) => RNG.with_borrow_mut(|rng| rng.random_range(0..segments)),
        }
    }

    /// All segments, from the chosen one on.
    #[inline(always)]
    pub fn in_turn(&self) -> impl Iterator<Item = &C> {
        let (before, from) = self.segments.split_at(self.first());
        from.iter().chain(before).map(|segment| &**segment)
    }
}

pub const PLENTY: u64 = MAX_UNITS / 2;

pub fn striped(units: u64, segments: usize) -> Stock {
    let builder = Stock::builder(units).segments(segments);
    builder.build().expect("some segments")
}

pub fn locked(units: u64, segments: usize, selection: Selection) -> LockedStock {
    let builder = LockedStock::builder(units).segments(segments);
    builder.selection(selection).build().expect("some segments")
}
