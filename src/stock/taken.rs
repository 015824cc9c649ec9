//! What a segment gave: the units that were taken, and which of them were lent, in one exchange.
//!
//! The word counts units taken. Its low bits repeat the low bits of what was lent, and `noted` lags
//! behind that by less than they can tell: so both together are the exact sum, at the instant of
//! one exchange of the word. Who would bring the sum further ahead notes it first, which changes
//! nothing that it says.

use crate::sync::{AtomicU64, Ordering};

/// Each takes one bit from the wrap of `taken`: see [`MAX_CHANGE`](super::segment::MAX_CHANGE). One
/// in a model, which is to see them run out.
const LENT_BITS: u32 = if cfg!(any(loom, shuttle)) { 1 } else { 6 };

/// The most units that are lent in the exchange that takes them.
pub(super) const MAX_LENT: u64 = (1 << LENT_BITS) - 1;

#[derive(Debug, Default)]
pub(super) struct Taken {
    word: AtomicU64,
    /// Units lent, some of the last not yet.
    noted: AtomicU64,
}

/// What the word was.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen(u64);

/// What is left of units that came, when so many were taken: as they wrap.
#[inline]
pub(super) fn left(came: u64, taken: u64) -> u64 {
    came.wrapping_sub(taken) & (u64::MAX >> LENT_BITS)
}

impl Taken {
    #[inline]
    pub(super) fn seen(&self) -> Seen {
        Seen(self.word.load(Ordering::Acquire))
    }

    /// Takes `units`, if the word is what was seen.
    #[inline]
    pub(super) fn take(&self, seen: Seen, units: u64) -> Result<(), Seen> {
        self.exchange(seen, seen.more(units))
    }

    /// Whether the word can count `units` as lent before more must be noted.
    ///
    /// Noted is read after the word: it is no older than what was noted when the word became this.
    /// If it counts more than the word does, the word is another one by now, and the exchange fails.
    #[inline]
    pub(super) fn can_lend(&self, seen: Seen, units: u64) -> bool {
        let noted = self.noted.load(Ordering::Acquire);
        seen.lent_since(noted) + units <= MAX_LENT
    }

    /// Takes and lends `units`, if the word is what was seen when it could.
    #[inline]
    pub(super) fn lend(&self, seen: Seen, units: u64) -> Result<(), Seen> {
        self.exchange(seen, seen.more(units).lending(units))
    }

    /// Notes what was lent, unless another thread does.
    #[cold]
    #[inline(never)]
    pub(super) fn note(&self) {
        let noted = self.noted.load(Ordering::Acquire);
        let since = self.seen().lent_since(noted);
        // The word was read after it. If others noted meanwhile, the difference says nothing, and
        // this fails; and if not, it is what was lent, and not yet more than the bits can tell.
        _ = self.noted.compare_exchange(
            noted,
            noted.wrapping_add(since),
            Ordering::AcqRel,
            Ordering::Acquire,
        );
    }

    /// Counts units as taken, whatever the word is.
    pub(super) fn add(&self, units: u64) {
        self.word.fetch_add(units << LENT_BITS, Ordering::AcqRel);
    }

    /// Units that were lent in the exchange that took them.
    pub(super) fn lent(&self) -> u64 {
        let mut noted = self.noted.load(Ordering::Acquire);
        loop {
            let seen = self.seen();
            let still = self.noted.load(Ordering::Acquire);
            if still == noted {
                return noted.wrapping_add(seen.lent_since(noted));
            }
            noted = still;
        }
    }

    #[inline]
    fn exchange(&self, seen: Seen, next: Seen) -> Result<(), Seen> {
        self.word
            .compare_exchange(seen.0, next.0, Ordering::AcqRel, Ordering::Acquire)
            .map(drop)
            .map_err(Seen)
    }
}

impl Seen {
    #[inline]
    pub(super) fn units(self) -> u64 {
        self.0 >> LENT_BITS
    }

    #[inline]
    fn more(self, units: u64) -> Self {
        Self(self.0.wrapping_add(units << LENT_BITS))
    }

    /// The same units taken, and more of them lent.
    #[inline]
    fn lending(self, units: u64) -> Self {
        Self(self.0 & !MAX_LENT | self.0.wrapping_add(units) & MAX_LENT)
    }

    /// Units lent since `noted` were.
    #[inline]
    fn lent_since(self, noted: u64) -> u64 {
        self.0.wrapping_sub(noted) & MAX_LENT
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicBool;
    use std::thread;

    fn lend(taken: &Taken, units: u64) {
        loop {
            let seen = taken.seen();
            if !taken.can_lend(seen, units) {
                taken.note();
            } else if taken.lend(seen, units).is_ok() {
                return;
            }
        }
    }

    #[test]
    fn both_sums_go_on_past_their_wraps() {
        let taken = Taken {
            word: AtomicU64::new(u64::MAX - 3 * MAX_LENT),
            noted: AtomicU64::new(u64::MAX - 4 * MAX_LENT - 3),
        };
        let (units, lent) = (taken.seen().units(), taken.lent());
        let mut sum = 0;
        for n in 1..=1_000 {
            let part = n % (MAX_LENT + 1);
            lend(&taken, part);
            taken.take(taken.seen(), 2).unwrap();
            sum += part;
            assert_eq!(taken.lent(), lent.wrapping_add(sum));
            assert_eq!(left(taken.seen().units(), units), sum + 2 * n);
        }
        taken.add(5);
        assert_eq!(left(taken.seen().units(), units), sum + 2_005);
        assert_eq!(taken.lent(), lent.wrapping_add(sum));
    }

    /// A reader beside them sees it only grow, and never past what was lent.
    #[test]
    fn what_many_threads_lend_is_exact() {
        const TURNS: u64 = 20_000;
        let (taken, over) = (Taken::default(), AtomicBool::new(false));
        thread::scope(|scope| {
            let reader = scope.spawn(|| {
                let mut last = 0;
                while !over.load(Ordering::Relaxed) {
                    let lent = taken.lent();
                    assert!(lent >= last && lent <= taken.seen().units());
                    last = lent;
                }
            });
            let lenders = [1, 3, MAX_LENT].map(|units| {
                let taken = &taken;
                scope.spawn(move || (0..TURNS).for_each(|_| lend(taken, units)))
            });
            for lender in lenders {
                lender.join().unwrap();
            }
            over.store(true, Ordering::Relaxed);
            reader.join().unwrap();
        });
        assert_eq!(taken.lent(), TURNS * (4 + MAX_LENT));
        assert_eq!(taken.seen().units(), taken.lent());
    }
}
