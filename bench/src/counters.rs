//! The counters that are compared, as the harness asks them: ours, those that people use or propose instead, and
//! references that show what is possible but cannot refuse.

use crossbeam_utils::CachePadded;
use fast_counter::ConcurrentCounter;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use segstock::{LockedStock, Stock};
use segstock_harness::{Counter, counter, deduct};
use std::cell::RefCell;
use std::convert::Infallible;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::{Semaphore, SemaphorePermit};

/// A counter of another crate.
pub struct Of<C>(pub C);

counter!(Of<Stock>, |it, units| deduct it.deduct(units).is_ok(), restock it.restock(units), reserve it.reserve(units));
counter!(Of<LockedStock>, |it, units| deduct it.deduct(units).is_ok(), restock it.restock(units), reserve it.reserve(units),
    order |flow| it.deduct_with(1, || { flow(); Ok::<_, Infallible>(()) }).is_ok());
// A permit that is sold is forgotten.
counter!(Of<Semaphore>, |it, units| deduct it.try_acquire_many(units as u32).map(SemaphorePermit::forget).is_ok(),
    restock it.add_permits(units as usize), reserve it.try_acquire_many(units as u32));
counter!(Of<Mutex<u64>>, |it, units| deduct deduct(&mut it.lock().expect("no panic"), units, || {}),
    restock *it.lock().expect("no panic") += units, order |flow| deduct(&mut it.lock().expect("no panic"), 1, flow));
counter!(Of<ConcurrentCounter>, |it, units| deduct { it.add(-(units as isize)); true }, restock it.add(units as isize));

/// Segments as articles on flash sales describe them: each is a counter with a bound of its own, and an order tries one
/// after the other.
///
/// It never oversells, but it refuses orders that it could serve: a refusal means that no *single* segment had the units
/// when the order looked at it.
pub struct Segmented<C>(Box<[CachePadded<C>]>);

impl<C> Segmented<C> {
    /// `units` in `segments` parts, which differ by one unit at most.
    pub fn new(units: u64, segments: usize, open: fn(u64) -> C) -> Self {
        let count = segments as u64;
        let share = |at: u64| units / count + u64::from(at < units % count);
        let segments = (0..count).map(|at| CachePadded::new(open(share(at))));
        Self(segments.collect())
    }

    /// One at random. An only one needs no chance.
    #[inline(always)]
    fn first(&self) -> usize {
        static SEED: AtomicU64 = AtomicU64::new(0);
        thread_local! {
            static RNG: RefCell<SmallRng> = RefCell::new(SmallRng::seed_from_u64(SEED.fetch_add(1, Ordering::Relaxed)));
        }
        match self.0.len() {
            1 => 0,
            segments => RNG.with_borrow_mut(|rng| rng.random_range(0..segments)),
        }
    }

    /// All segments, from the chosen one on.
    #[inline(always)]
    fn in_turn(&self) -> impl Iterator<Item = &C> {
        let (before, from) = self.0.split_at(self.first());
        from.iter().chain(before).map(|segment| &**segment)
    }
}

impl<C: Counter> Counter for Segmented<C> {
    #[inline(always)]
    fn deduct(&self, units: u64) -> bool {
        self.in_turn().any(|segment| segment.deduct(units))
    }

    #[inline(always)]
    fn restock(&self, units: u64) {
        self.0[self.first()].restock(units);
    }

    #[inline(always)]
    fn order(&self, flow: impl Fn()) -> bool {
        self.in_turn().any(|segment| segment.order(&flow))
    }
}
