//! [`Left`]: what was left when an order was refused.

use crate::units::Units;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// What was left when an order was refused last, as far as this process knows: a guess, by which a design chooses the
/// cheaper way to ask.
///
/// A stock that is sold out is asked by many, and a refusal can be a read. So an order that wants more than was left reads
/// first, and sells only if the read finds that there is more by now. The guess decides nothing else.
///
/// It lasts for a second; then an order is asked the way that writes. A server that became a replica serves reads, and what
/// it has may be old: so it refuses for no longer than that.
#[derive(Debug, Default)]
pub struct Left(Mutex<Option<(u64, Instant)>>);

impl Left {
    /// How long the guess lasts.
    pub const LASTS: Duration = Duration::from_secs(1);

    /// Whether an order for `units` would be refused, if nothing changed.
    #[must_use]
    pub fn is_less_than(&self, units: Units) -> bool {
        let guess = *self.guess();
        guess.is_some_and(|(left, since)| left < units.get() && since.elapsed() <= Self::LASTS)
    }

    /// An order was refused when this many units were left, by the way that writes.
    pub fn set(&self, left: u64) {
        *self.guess() = Some((left, Instant::now()));
    }

    /// There may be more again.
    pub fn forget(&self) {
        *self.guess() = None;
    }

    fn guess(&self) -> MutexGuard<'_, Option<(u64, Instant)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_guess_is_of_what_was_left_and_lasts_for_a_second() {
        let units = |units| Units::new(units).unwrap();
        let left = Left::default();
        assert!(!left.is_less_than(units(u64::from(u32::MAX))));
        left.set(2);
        assert!(left.is_less_than(units(3)));
        assert!(!left.is_less_than(units(2)));
        tokio::time::sleep(Left::LASTS * 2).await;
        assert!(!left.is_less_than(units(3)));
        left.set(2);
        left.forget();
        assert!(!left.is_less_than(units(3)));
    }
}
