//! The one switch of this crate between the real primitives and those of loom and of shuttle.
//!
//! What runs under the locks of a book names no other primitives. The ledger does not run under the model checkers: the
//! threads of a scenario have no journal that waits.

pub(crate) use imp::*;

#[cfg(not(any(loom, shuttle)))]
mod imp {
    pub(crate) use parking_lot::{Mutex, MutexGuard};
    pub(crate) use std::collections::hash_map::RandomState;
    pub(crate) use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering, fence};
}

#[cfg(any(loom, shuttle))]
mod imp {
    #[cfg(loom)]
    use loom as checker;
    #[cfg(shuttle)]
    use shuttle as checker;

    pub(crate) use checker::sync::MutexGuard;
    pub(crate) use checker::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering, fence};
    use std::collections::hash_map::DefaultHasher;
    use std::hash::BuildHasherDefault;
    use std::sync::{PoisonError, TryLockError};

    /// Every run of a model must make the same choices.
    pub(crate) type RandomState = BuildHasherDefault<DefaultHasher>;

    /// The checker's mutex with the interface of `parking_lot`'s: no poisoning.
    #[derive(Debug, Default)]
    pub(crate) struct Mutex<T>(checker::sync::Mutex<T>);

    impl<T> Mutex<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(checker::sync::Mutex::new(value))
        }

        pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner)
        }

        pub(crate) fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
            match self.0.try_lock() {
                Ok(guard) => Some(guard),
                Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
                Err(TryLockError::WouldBlock) => None,
            }
        }
    }
}
