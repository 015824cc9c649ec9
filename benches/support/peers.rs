//! More counters that people use or propose: locks of the standard library, permits, sharded
//! counters, and segments as published.

use super::candidates::Till;
use crossbeam_utils::CachePadded;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use std::cell::RefCell;
use std::hint::black_box;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::Semaphore;

/// One lock of the standard library.
pub struct StdLock(pub Mutex<u64>);

impl Till for StdLock {
    const PARKS: bool = true;

    #[inline(always)]
    fn take(&self, units: u64) -> bool {
        let mut left = self.0.lock().expect("nobody panics");
        let rest = left.checked_sub(units);
        *left = rest.unwrap_or(*left);
        rest.is_some()
    }
    #[inline(always)]
    fn give(&self, units: u64) {
        *self.0.lock().expect("nobody panics") += units;
    }
}

/// Permits that are units: acquired and forgotten, and added when they come back.
pub struct Permits(pub Semaphore);

impl Permits {
    pub fn new(units: u64) -> Self {
        Self(Semaphore::new(usize::try_from(units).expect("64 bits")))
    }
}

impl Till for Permits {
    #[inline(always)]
    fn lend(&self, units: u64) {
        drop(black_box(self.0.try_acquire_many(units as u32)));
    }
    #[inline(always)]
    fn take(&self, units: u64) -> bool {
        let permit = self.0.try_acquire_many(units as u32);
        permit.map(tokio::sync::SemaphorePermit::forget).is_ok()
    }
    #[inline(always)]
    fn give(&self, units: u64) {
        self.0.add_permits(units as usize);
    }
}

/// A sharded counter, which takes whatever is asked for.
impl Till for fast_counter::ConcurrentCounter {
    #[inline(always)]
    fn take(&self, units: u64) -> bool {
        self.add(-(units as isize));
        true
    }
    #[inline(always)]
    fn give(&self, units: u64) {
        self.add(units as isize);
    }
}

/// Another one.
impl Till for contatori::counters::signed::Signed {
    #[inline(always)]
    fn take(&self, units: u64) -> bool {
        self.sub(units as isize);
        true
    }
    #[inline(always)]
    fn give(&self, units: u64) {
        self.add(units as isize);
    }
}

/// Where a call begins to look.
#[derive(Debug, Clone, Copy)]
pub enum Choice {
    Random,
    ByThread,
}

impl Choice {
    #[inline(always)]
    fn among(self, segments: usize) -> usize {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        thread_local! {
            static NUMBER: u64 = NEXT.fetch_add(1, Ordering::Relaxed);
            static RNG: RefCell<SmallRng> =
                RefCell::new(SmallRng::seed_from_u64(NUMBER.with(|number| *number)));
        }
        match self {
            Self::Random if segments == 1 => 0,
            Self::Random => RNG.with_borrow_mut(|rng| rng.random_range(0..segments)),
            Self::ByThread => NUMBER.with(|number| *number) as usize % segments,
        }
    }
}

/// Segments as the articles have them: each a counter with a bound of its own, looked at in turn.
///
/// It never oversells, and it refuses orders that it could serve: a refusal means that no *single*
/// segment had the units, each at another instant.
pub struct Segmented<T> {
    segments: Box<[CachePadded<T>]>,
    choice: Choice,
}

impl<T: Till> Segmented<T> {
    /// `units` in `segments` equal parts, as good as that goes.
    pub fn new(units: u64, segments: usize, choice: Choice, part: impl Fn(u64) -> T) -> Self {
        let count = segments as u64;
        let share = |at: u64| units / count + u64::from(at < units % count);
        Self {
            segments: (0..count)
                .map(|at| CachePadded::new(part(share(at))))
                .collect(),
            choice,
        }
    }

    /// All of them, from the chosen one on.
    #[inline(always)]
    pub fn in_turn(&self) -> impl Iterator<Item = &T> {
        let first = self.choice.among(self.segments.len());
        let (before, from) = self.segments.split_at(first);
        from.iter().chain(before).map(|segment| &**segment)
    }
}

impl<T: Till> Till for Segmented<T> {
    const PARKS: bool = T::PARKS;

    #[inline(always)]
    fn take(&self, units: u64) -> bool {
        self.in_turn().any(|segment| segment.take(units))
    }
    #[inline(always)]
    fn give(&self, units: u64) {
        self.segments[self.choice.among(self.segments.len())].give(units);
    }
}
