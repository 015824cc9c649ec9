//! The one switch between the real primitives and those of loom and of shuttle.
//!
//! Nothing else in the crate names `std::sync::atomic`, `parking_lot`, `loom` or `shuttle`, so that every test can run
//! this code under the model checkers. One file is an exception: `inventory/stocks/handed_over.rs` names
//! `std::sync::atomic` and `parking_lot`. It works with the map's pins, which the model checkers do not see; under
//! them `inventory/stocks/checked.rs` takes its place. Unit tests that only real threads run name `std::sync`, too.
//!
//! loom tries the interleavings of a few threads within a bound, with all that the memory orderings allow; shuttle
//! tries many threads at random, and takes every ordering for `SeqCst`.

/// What tests make their own threads and counters of ([`testing::sync`](crate::testing)).
pub mod shown {
    #[cfg(loom)]
    pub use loom::{sync::Mutex, sync::atomic, thread};
    #[cfg(shuttle)]
    pub use shuttle::{sync::Mutex, sync::atomic, thread};
    #[cfg(not(any(loom, shuttle)))]
    pub use std::{sync::Mutex, sync::atomic, thread};
}

/// Defines a function that is `const`, but not under loom, whose atomics have no const constructor.
macro_rules! const_unless_loom {
    ($(#[$attr:meta])* $vis:vis const fn $($rest:tt)*) => {
        #[cfg(not(loom))]
        $(#[$attr])*
        $vis const fn $($rest)*
        #[cfg(loom)]
        $(#[$attr])*
        $vis fn $($rest)*
    };
}
pub(crate) use const_unless_loom;

/// Declares a thread-local whose first value is known to the compiler; loom's macro cannot say so.
macro_rules! thread_local_const {
    ($($(#[$attr:meta])* static $name:ident: $of:ty = $value:expr;)*) => {
        #[cfg(not(any(loom, shuttle)))]
        std::thread_local! { $($(#[$attr])* static $name: $of = const { $value };)* }
        #[cfg(shuttle)]
        shuttle::thread_local! { $($(#[$attr])* static $name: $of = $value;)* }
        #[cfg(loom)]
        loom::thread_local! { $($(#[$attr])* static $name: $of = $value;)* }
    };
}
pub(crate) use thread_local_const;

pub(crate) use imp::*;

// Written once, under the cold mutex, before the word's flag publishes it: the flag is the edge
// that loom checks, so the cell itself needs no loom twin (loom has none).
pub(crate) use std::sync::OnceLock;

#[cfg(not(any(loom, shuttle)))]
mod imp {
    pub(crate) use parking_lot::{Mutex, MutexGuard};
    pub(crate) use std::hint::spin_loop;
    pub(crate) use std::sync::atomic::{AtomicU64, Ordering, fence};

    /// How many threads the machine runs at once; 1 if it does not say.
    pub(crate) fn parallelism() -> usize {
        std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
    }

    /// A number of the calling thread's own: 0, 1, 2, … in the order of their first call.
    pub(crate) fn thread_number() -> u64 {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        NEXT.fetch_add(1, Ordering::Relaxed)
    }
}

#[cfg(any(loom, shuttle))]
mod imp {
    #[cfg(loom)]
    use loom as checker;
    #[cfg(shuttle)]
    use shuttle as checker;

    pub(crate) use checker::sync::MutexGuard;
    pub(crate) use checker::sync::atomic::{AtomicU64, Ordering, fence};
    #[cfg(loom)]
    pub(crate) use loom::hint::spin_loop;
    #[cfg(shuttle)]
    pub(crate) use shuttle::thread::yield_now as spin_loop;

    /// The checker's mutex with the interface of `parking_lot`'s: no poisoning.
    #[derive(Debug)]
    pub(crate) struct Mutex<T>(checker::sync::Mutex<T>);

    impl<T> Mutex<T> {
        super::const_unless_loom! {
            pub(crate) const fn new(value: T) -> Self {
                Self(checker::sync::Mutex::new(value))
            }
        }

        pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
            self.0
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner)
        }

        #[cfg(feature = "inventory")]
        pub(crate) fn get_mut(&mut self) -> &mut T {
            self.0
                .get_mut()
                .unwrap_or_else(std::sync::PoisonError::into_inner)
        }

        pub(crate) fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
            match self.0.try_lock() {
                Ok(guard) => Some(guard),
                Err(std::sync::TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
                Err(std::sync::TryLockError::WouldBlock) => None,
            }
        }
    }

    #[cfg(feature = "inventory")]
    pub(crate) use checker::sync::{RwLockReadGuard, RwLockWriteGuard};

    /// The checker's lock of readers and writers, without poisoning.
    #[cfg(feature = "inventory")]
    #[derive(Debug)]
    pub(crate) struct RwLock<T>(checker::sync::RwLock<T>);

    #[cfg(feature = "inventory")]
    impl<T> RwLock<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(checker::sync::RwLock::new(value))
        }

        pub(crate) fn read(&self) -> RwLockReadGuard<'_, T> {
            self.0
                .read()
                .unwrap_or_else(std::sync::PoisonError::into_inner)
        }

        pub(crate) fn write(&self) -> RwLockWriteGuard<'_, T> {
            self.0
                .write()
                .unwrap_or_else(std::sync::PoisonError::into_inner)
        }
    }

    /// Two: enough for units to be spread, few enough to explore.
    pub(crate) fn parallelism() -> usize {
        2
    }

    /// 0 for every thread, since the choices of a model must not differ from run to run; a model that wants its
    /// threads on segments of their own says so (`testing::sit_at`).
    pub(crate) fn thread_number() -> u64 {
        0
    }
}
