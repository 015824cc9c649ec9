//! The same switch as the crate's, for the counters that only tests have.

#[cfg(loom)]
pub use loom::sync::atomic::{AtomicU64, Ordering, fence};
#[cfg(not(loom))]
pub use std::sync::atomic::{AtomicU64, Ordering, fence};

#[cfg(loom)]
type Inner<T> = loom::sync::Mutex<T>;
#[cfg(loom)]
pub type Guard<'a, T> = loom::sync::MutexGuard<'a, T>;
#[cfg(not(loom))]
type Inner<T> = std::sync::Mutex<T>;
#[cfg(not(loom))]
pub type Guard<'a, T> = std::sync::MutexGuard<'a, T>;

/// A mutex that nobody poisons.
pub struct Mutex<T>(Inner<T>);

impl<T> Mutex<T> {
    pub fn new(value: T) -> Self {
        Self(Inner::new(value))
    }

    pub fn lock(&self) -> Guard<'_, T> {
        self.0.lock().expect("nobody panics with it")
    }
}

/// Stays at a race for a moment, where real threads would meet at it too rarely.
pub fn linger() {
    #[cfg(not(loom))]
    {
        for _ in 0..20 {
            std::hint::spin_loop();
        }
        std::thread::yield_now();
    }
}
