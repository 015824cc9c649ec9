//! [`Tally`]: a sum over all shards that no call has to write to.

use crate::sync::{AtomicUsize, Ordering};

/// How far a shard may be from what it reported, at most.
const LONGEST_STEP: usize = 64;

/// A number that every shard changes. A shard reports it only in steps, so that calls on different shards do not write to
/// one place; near the limit all shards are asked.
#[derive(Debug)]
pub(super) struct Tally {
    /// What the shards reported.
    reported: AtomicUsize,
    max: usize,
    /// A shard that is this far from what it reported reports again.
    step: usize,
    shards: usize,
}

/// The number of one shard. It is changed under the shard's lock alone.
#[derive(Debug, Default)]
pub(super) struct Count {
    now: AtomicUsize,
    reported: AtomicUsize,
}

impl Tally {
    pub(super) fn new(max: usize, shards: usize) -> Self {
        let step = (max / (16 * shards)).clamp(1, LONGEST_STEP);
        Self {
            reported: AtomicUsize::new(0),
            max,
            step,
            shards,
        }
    }

    /// Changes the number of a shard, under its lock. A number that wraps around makes it smaller.
    #[inline]
    pub(super) fn add(&self, count: &Count, more: usize) {
        let now = count.now.load(Ordering::Relaxed).wrapping_add(more);
        count.now.store(now, Ordering::Relaxed);
        let reported = count.reported.load(Ordering::Relaxed);
        if now.abs_diff(reported) >= self.step {
            count.reported.store(now, Ordering::Relaxed);
            let more = now.wrapping_sub(reported);
            self.reported.fetch_add(more, Ordering::Relaxed);
        }
    }

    /// Whether there is room for some more. It is exact, but for calls that run at the same time.
    #[inline]
    pub(super) fn has_room<'a>(
        &self,
        more: usize,
        counts: impl Iterator<Item = &'a Count>,
    ) -> bool {
        let beyond = self.shards * (self.step - 1);
        let most = self.reported.load(Ordering::Relaxed).saturating_add(beyond);
        most.saturating_add(more) <= self.max || sum(counts).saturating_add(more) <= self.max
    }
}

/// The number of all shards.
pub(super) fn sum<'a>(counts: impl Iterator<Item = &'a Count>) -> usize {
    let now = counts.map(|count| count.now.load(Ordering::Relaxed));
    now.fold(0, usize::wrapping_add)
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    /// Whatever each shard has reported, the limit is met to the number.
    #[test]
    fn there_is_room_up_to_the_limit_and_not_beyond() {
        for (max, shards) in [(0, 4), (5, 4), (1_000, 4), (100_000, 8)] {
            let tally = Tally::new(max, shards);
            let counts: Vec<Count> = (0..shards).map(|_| Count::default()).collect();
            for number in 0..max {
                assert!(tally.has_room(1, counts.iter()), "{number} of {max}");
                tally.add(&counts[number * 7 % shards], 1);
            }
            assert!(!tally.has_room(1, counts.iter()) && tally.has_room(0, counts.iter()));
            if max > 0 {
                tally.add(&counts[0], 1_usize.wrapping_neg());
                assert!(tally.has_room(1, counts.iter()) && !tally.has_room(2, counts.iter()));
                assert_eq!(sum(counts.iter()), max - 1);
            }
        }
    }
}
