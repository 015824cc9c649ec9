//! What left a segment: the units that were taken, and which of them were reserved, in one exchange.
//!
//! The word counts the units taken. Its low bits hold `reserved mod 2^RESERVED_BITS`. `noted` is an older
//! value of `reserved`, at most [`MAX_RESERVED`] behind, so
//! `reserved = noted + ((low - noted) mod 2^RESERVED_BITS)`, at the instant of one exchange of the word.
//! Before a reserve would move it further ahead, `noted` is advanced; the computed value does not change.

use crate::sync::{AtomicU64, Ordering};

/// Each bit halves the number at which `taken` wraps: see [`MAX_CHANGE`](super::segment::MAX_CHANGE). One bit under a
/// model checker, so that a scenario can use it up.
const RESERVED_BITS: u32 = if cfg!(any(loom, shuttle)) { 1 } else { 7 };

/// The most units that one exchange takes and reserves.
pub(super) const MAX_RESERVED: u64 = (1 << RESERVED_BITS) - 1;

#[derive(Debug, Default)]
pub(super) struct Taken {
    word: AtomicU64,
    /// Units reserved, at some earlier instant.
    noted: AtomicU64,
}

/// A value of the word.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen(u64);

/// What is left of `came` units when `taken` were taken; `taken` wraps. None if more was taken than came,
/// as in a segment that is sunk.
#[inline]
pub(super) fn left(came: u64, taken: u64) -> u64 {
    let signed = (came.wrapping_sub(taken) << RESERVED_BITS).cast_signed() >> RESERVED_BITS;
    signed.max(0).cast_unsigned()
}

/// Whether [`left`] is at least `units`.
#[inline]
pub(super) fn suffices(came: u64, taken: u64, units: u64) -> bool {
    (came.wrapping_sub(taken).wrapping_sub(units) << RESERVED_BITS).cast_signed() >= 0
}

impl Taken {
    #[inline]
    pub(super) fn seen(&self) -> Seen {
        Seen(self.word.load(Ordering::Acquire))
    }

    /// Takes `units`, and reserves them if `RESERVE`, if the word is still what was seen.
    #[inline]
    pub(super) fn take<const RESERVE: bool>(&self, seen: Seen, units: u64) -> Result<(), Seen> {
        let next = if RESERVE {
            seen.more(units).reserving(units)
        } else {
            seen.more(units)
        };
        self.word
            .compare_exchange(seen.0, next.0, Ordering::AcqRel, Ordering::Acquire)
            .map(drop)
            .map_err(Seen)
    }

    /// Whether the word can count `units` more as reserved before `noted` must be advanced.
    ///
    /// `noted` is read after the word. Another thread may advance `noted`
    /// - *before* the word became what was seen: then it is read here;
    /// - *between* that and the read: then a larger value is read. It is at most what the word said, unless
    ///   the word has changed, and then the exchange fails;
    /// - *after* the read: then the word can count more than was computed here.
    #[inline]
    pub(super) fn can_reserve(&self, seen: Seen, units: u64) -> bool {
        let noted = self.noted.load(Ordering::Acquire);
        seen.reserved_since(noted) + units <= MAX_RESERVED
    }

    /// Advances `noted` to what is reserved, unless another thread does.
    #[cold]
    #[inline(never)]
    pub(super) fn note(&self) {
        let noted = self.noted.load(Ordering::Acquire);
        let since = self.seen().reserved_since(noted);
        // The word was read after `noted`. If another thread advanced `noted` since, the difference is
        // meaningless, and this exchange fails. If not, the word is at most `MAX_RESERVED` ahead.
        _ = self.noted.compare_exchange(
            noted,
            noted.wrapping_add(since),
            Ordering::AcqRel,
            Ordering::Acquire,
        );
    }

    /// Counts units as taken, whatever the word is.
    pub(super) fn add(&self, units: u64) {
        self.word
            .fetch_add(units << RESERVED_BITS, Ordering::AcqRel);
    }

    /// Units that were reserved in the exchange that took them.
    pub(super) fn reserved(&self) -> u64 {
        let mut noted = self.noted.load(Ordering::Acquire);
        loop {
            let seen = self.seen();
            let still = self.noted.load(Ordering::Acquire);
            if still == noted {
                return noted.wrapping_add(seen.reserved_since(noted));
            }
            noted = still;
        }
    }
}

impl Seen {
    #[inline]
    pub(super) fn units(self) -> u64 {
        self.0 >> RESERVED_BITS
    }

    #[inline]
    fn more(self, units: u64) -> Self {
        Self(self.0.wrapping_add(units << RESERVED_BITS))
    }

    /// With `units` more reserved, and no more taken.
    #[inline]
    fn reserving(self, units: u64) -> Self {
        Self(self.0 & !MAX_RESERVED | self.0.wrapping_add(units) & MAX_RESERVED)
    }

    /// Units reserved since `noted` were.
    #[inline]
    fn reserved_since(self, noted: u64) -> u64 {
        self.0.wrapping_sub(noted) & MAX_RESERVED
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicBool;
    use std::thread;

    fn reserve(taken: &Taken, units: u64) {
        loop {
            let seen = taken.seen();
            if !taken.can_reserve(seen, units) {
                taken.note();
            } else if taken.take::<true>(seen, units).is_ok() {
                return;
            }
        }
    }

    #[test]
    fn both_sums_go_on_past_their_wraps() {
        let taken = Taken {
            word: AtomicU64::new(u64::MAX - 3 * MAX_RESERVED),
            noted: AtomicU64::new(u64::MAX - 4 * MAX_RESERVED - 3),
        };
        let (units, reserved) = (taken.seen().units(), taken.reserved());
        let mut sum = 0;
        for n in 1..=1_000 {
            let part = n % (MAX_RESERVED + 1);
            reserve(&taken, part);
            taken.take::<false>(taken.seen(), 2).unwrap();
            sum += part;
            assert_eq!(taken.reserved(), reserved.wrapping_add(sum));
            assert_eq!(left(taken.seen().units(), units), sum + 2 * n);
        }
        taken.add(5);
        assert_eq!(left(taken.seen().units(), units), sum + 2_005);
        assert_eq!(taken.reserved(), reserved.wrapping_add(sum));
    }

    /// A reader beside them sees the sum only grow, and never past what was taken.
    #[test]
    fn what_many_threads_reserve_is_exact() {
        const TURNS: u64 = 20_000;
        let (taken, over) = (Taken::default(), AtomicBool::new(false));
        thread::scope(|scope| {
            let reader = scope.spawn(|| {
                let mut last = 0;
                while !over.load(Ordering::Relaxed) {
                    let reserved = taken.reserved();
                    assert!(reserved >= last && reserved <= taken.seen().units());
                    last = reserved;
                }
            });
            let threads = [1, 3, MAX_RESERVED].map(|units| {
                let taken = &taken;
                scope.spawn(move || (0..TURNS).for_each(|_| reserve(taken, units)))
            });
            for thread in threads {
                thread.join().unwrap();
            }
            over.store(true, Ordering::Relaxed);
            reader.join().unwrap();
        });
        assert_eq!(taken.reserved(), TURNS * (4 + MAX_RESERVED));
        assert_eq!(taken.seen().units(), taken.reserved());
    }

    #[test]
    fn more_taken_than_came_leaves_nothing() {
        assert_eq!(
            (left(5, 3), left(3, 5), left(1, u64::MAX >> RESERVED_BITS)),
            (2, 0, 2)
        );
        assert!(suffices(5, 3, 2) && !suffices(5, 3, 3) && !suffices(3, 5, 0));
    }
}
