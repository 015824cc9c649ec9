//! [`Clock`]: what time it is for deadlines, injected so that tests need not wait.

use crate::sync::{AtomicU64, Ordering, const_unless_loom};
use std::sync::Arc;
use std::time::Duration;

/// A clock that never runs backwards.
///
/// The trait stays as it is.
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
    /// Time since some instant that never changes for this clock.
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

/// The machine's monotonic clock: setting the wall clock does not move deadlines. On most systems it
/// stands still while the machine sleeps.
///
/// On Linux it is the coarse one, which moves with the kernel's tick (every 1 to 10 ms) and takes 2 ns
/// to read, where [`Instant`](std::time::Instant) takes 20: a third of all that a hold costs. A hold
/// may so end up to a tick before or after its time. If that matters, inject a clock of your own:
///
/// ```
/// use segstock::{Clock, Holds, Reservation, Stock};
/// use std::time::{Duration, Instant};
///
/// struct ToTheNanosecond(Instant);
///
/// impl Clock for ToTheNanosecond {
///     fn now(&self) -> Duration {
///         self.0.elapsed()
///     }
/// }
///
/// let clock = ToTheNanosecond(Instant::now());
/// let holds: Holds<u64, Reservation<&Stock>, u64, _> = Holds::builder().clock(clock).build();
/// # assert!(holds.is_empty());
/// ```
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct SystemClock {
    #[cfg(not(target_os = "linux"))]
    origin: std::time::Instant,
}

impl SystemClock {
    /// The clock of this machine.
    #[must_use]
    pub fn new() -> Self {
        Self {
            #[cfg(not(target_os = "linux"))]
            origin: std::time::Instant::now(),
        }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    #[cfg(target_os = "linux")]
    #[inline]
    fn now(&self) -> Duration {
        use rustix::time::{ClockId, clock_gettime};
        let now = clock_gettime(ClockId::MonotonicCoarse);
        // Since the machine started: neither is ever negative.
        Duration::new(now.tv_sec.unsigned_abs(), now.tv_nsec.unsigned_abs() as u32)
    }

    #[cfg(not(target_os = "linux"))]
    #[inline]
    fn now(&self) -> Duration {
        self.origin.elapsed()
    }
}

/// A clock that moves only by [`advance`](Self::advance), for tests.
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

/// Nanoseconds; [`u64::MAX`] for a longer time.
pub(crate) fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
