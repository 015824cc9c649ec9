//! [`Clock`]: what time it is for deadlines, injected so that tests need not wait.

use crate::sync::{AtomicU64, Ordering, const_unless_loom};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A clock that never runs backwards.
///
/// # Examples
///
/// ```
/// use segstock::{Clock, ManualClock};
/// use std::time::Duration;
///
/// let clock = ManualClock::new();
/// clock.advance(Duration::from_secs(90));
/// assert_eq!(clock.now(), Duration::from_secs(90));
/// ```
pub trait Clock {
    /// Time since some instant that is always the same for this clock.
    fn now(&self) -> Duration;
}

impl<C: Clock + ?Sized> Clock for &C {
    fn now(&self) -> Duration {
        (**self).now()
    }
}

impl<C: Clock + ?Sized> Clock for Arc<C> {
    fn now(&self) -> Duration {
        (**self).now()
    }
}

/// The machine's monotonic clock ([`Instant`]): setting the wall clock does not move deadlines. On
/// most systems it stands still while the machine sleeps.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock {
    origin: Instant,
}

impl SystemClock {
    /// A clock that begins now.
    #[must_use]
    pub fn new() -> Self {
        Self {
            origin: Instant::now(),
        }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    #[inline]
    fn now(&self) -> Duration {
        self.origin.elapsed()
    }
}

/// A clock that moves only when it is told to, for tests.
#[derive(Debug)]
pub struct ManualClock {
    nanos: AtomicU64,
}

impl ManualClock {
    const_unless_loom! {
        /// A clock at zero.
        #[must_use]
        pub const fn new() -> Self {
            Self {
                nanos: AtomicU64::new(0),
            }
        }
    }

    /// Moves it forward; at most to the 584 years that 64 bits of nanoseconds hold.
    pub fn advance(&self, time: Duration) {
        let mut now = self.nanos.load(Ordering::Acquire);
        loop {
            let next = now.saturating_add(nanos(time));
            let moved = self
                .nanos
                .compare_exchange(now, next, Ordering::AcqRel, Ordering::Acquire);
            match moved {
                Ok(_) => return,
                Err(seen) => now = seen,
            }
        }
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Duration {
        Duration::from_nanos(self.nanos.load(Ordering::Acquire))
    }
}

/// Nanoseconds, as many as 64 bits hold.
pub(crate) fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
