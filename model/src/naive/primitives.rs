//! [`Primitives`]: the atomics and locks that a counter is made of.

use std::fmt::Debug;
use std::sync::atomic::{AtomicU64, Ordering, fence};
use std::sync::{Mutex, PoisonError};

/// The atomics and locks that a counter is made of: those of `std` or those of a model checker.
///
/// The trait grows by provided methods only.
pub trait Primitives: Debug + Send + Sync + 'static {
    /// A number that threads share.
    type Word: Word;
    /// A lock without data.
    type Lock: Lock;

    /// A sequentially consistent fence.
    fn fence();

    /// Stays at a race for a moment. A model checker, which tries every interleaving, does not need it.
    fn linger() {}
}

/// A number that threads share.
///
/// The trait grows by provided methods only.
pub trait Word: Debug + Send + Sync {
    /// A word with this value.
    fn new(value: u64) -> Self;
    /// Its value (acquire).
    fn load(&self) -> u64;
    /// Gives it another value (release).
    fn store(&self, value: u64);
    /// Adds modulo 2^64, and returns the value before (acquire and release).
    fn add(&self, units: u64) -> u64;
    /// Changes `from` to `to` (acquire and release).
    ///
    /// # Errors
    ///
    /// The value, if it is another.
    fn exchange(&self, from: u64, to: u64) -> Result<(), u64>;
}

/// A lock without data.
///
/// The trait grows by provided methods only.
pub trait Lock: Debug + Send + Sync {
    /// A lock that nobody holds.
    fn new() -> Self;
    /// Runs `work` while no other thread holds the lock.
    fn hold<R>(&self, work: impl FnOnce() -> R) -> R;
}

/// The primitives of `std`.
#[derive(Debug, Clone, Copy)]
pub struct Std;

impl Primitives for Std {
    type Word = AtomicU64;
    type Lock = Mutex<()>;

    fn fence() {
        fence(Ordering::SeqCst);
    }

    fn linger() {
        for _ in 0..20 {
            std::hint::spin_loop();
        }
        std::thread::yield_now();
    }
}

impl Word for AtomicU64 {
    fn new(value: u64) -> Self {
        Self::new(value)
    }

    fn load(&self) -> u64 {
        self.load(Ordering::Acquire)
    }

    fn store(&self, value: u64) {
        self.store(value, Ordering::Release);
    }

    fn add(&self, units: u64) -> u64 {
        self.fetch_add(units, Ordering::AcqRel)
    }

    fn exchange(&self, from: u64, to: u64) -> Result<(), u64> {
        self.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire)
            .map(|_| ())
    }
}

impl Lock for Mutex<()> {
    fn new() -> Self {
        Self::new(())
    }

    fn hold<R>(&self, work: impl FnOnce() -> R) -> R {
        let _held = self.lock().unwrap_or_else(PoisonError::into_inner);
        work()
    }
}
