//! Snapshot of no instant, and sums that do not hold what they are given.

use super::*;

/// Two segments, exact in all, but for the snapshot: its figures are summed up while units move.
struct SumsMovingUnits {
    segments: [AtomicU64; 2],
    initial: u64,
    restocked: AtomicU64,
    moves: Mutex<()>,
}

impl SumsMovingUnits {
    fn new(units: u64) -> Self {
        Self {
            segments: [AtomicU64::new(units), AtomicU64::new(0)],
            initial: units,
            restocked: AtomicU64::new(0),
            moves: Mutex::new(()),
        }
    }

    fn sum(&self, between: impl FnOnce()) -> u64 {
        let first = self.segments[0].load(Ordering::SeqCst);
        between();
        first + self.segments[1].load(Ordering::SeqCst)
    }
}

impl Subject for SumsMovingUnits {
    fn deduct(&self, units: u64) -> Answer {
        let _alone = self.moves.lock().unwrap();
        let left = self.sum(|| ());
        if left < units {
            return Answer::SHORT;
        }
        let first = units.min(self.segments[0].load(Ordering::SeqCst));
        self.segments[0].fetch_sub(first, Ordering::SeqCst);
        self.segments[1].fetch_sub(units - first, Ordering::SeqCst);
        Answer::Done(())
    }

    fn restock(&self, units: u64) -> Answer {
        let _alone = self.moves.lock().unwrap();
        if self
            .sum(|| ())
            .checked_add(units)
            .is_none_or(|sum| sum > MAX)
        {
            return Answer::OVERFLOW;
        }
        self.restocked.fetch_add(units, Ordering::SeqCst);
        self.segments[1].fetch_add(units, Ordering::SeqCst);
        Answer::Done(())
    }

    fn available(&self) -> Answer<u64> {
        let _alone = self.moves.lock().unwrap();
        Answer::Done(self.sum(|| ()))
    }

    fn snapshot(&self) -> Option<Answer<Snapshot>> {
        let available = self.sum(Std::linger);
        let (initial, restocked) = (self.initial, self.restocked.load(Ordering::SeqCst));
        let sold = (initial + restocked).wrapping_sub(available);
        Some(Answer::Done(Snapshot {
            initial,
            restocked,
            available,
            sold,
            ..Snapshot::default()
        }))
    }
}

#[test]
fn a_snapshot_of_a_moving_target_is_of_no_instant() {
    let open = |units, _| SumsMovingUnits::new(units);
    let report = caught_up_to(MAX, open, &[Linearizable], &[]);
    assert_eq!(report.broken(), [Linearizable], "its sums always add up");
    // Another call is the offender if it returned after the snapshot and decides in which order they were.
    let words = &report.evidence(Linearizable).unwrap().words;
    assert!(words.contains("snapshot()"), "{words}");
    let options = Options::new().limit(MAX).directory(DIRECTORY);
    options.without_snapshots().check(open).assert_kept();
}

/// Wraps around.
struct Wraps(AtomicU64);

impl Subject for Wraps {
    fn deduct(&self, units: u64) -> Answer {
        let take = |left: u64| left.checked_sub(units);
        self.0
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, take)
            .is_ok()
            .into()
    }

    fn restock(&self, units: u64) -> Answer {
        self.0.fetch_add(units, Ordering::AcqRel);
        Answer::Done(())
    }

    fn available(&self) -> Answer<u64> {
        Answer::Done(self.0.load(Ordering::Acquire))
    }
}

#[test]
fn a_sum_that_wraps_around_is_seen() {
    let report = caught(|units, _| Wraps(AtomicU64::new(units)), &[Overflow], &SOUND);
    assert_eq!(report.broken(), [Overflow]);
}

/// Refuses an order of nothing where there is nothing.
struct NoZero(Wraps);

impl Subject for NoZero {
    fn deduct(&self, units: u64) -> Answer {
        if self.0.0.load(Ordering::Acquire) == 0 {
            return Answer::SHORT;
        }
        self.0.deduct(units)
    }

    fn restock(&self, units: u64) -> Answer {
        self.0.restock(units)
    }

    fn available(&self) -> Answer<u64> {
        self.0.available()
    }
}

#[test]
fn an_order_of_nothing_that_is_refused_is_seen() {
    _ = caught(
        |units, _| NoZero(Wraps(AtomicU64::new(units))),
        &[Zero],
        &SOUND[..3],
    );
}

/// Counts right, but for one thing about large numbers.
struct Narrow {
    /// In stock, and reserved.
    units: Mutex<(u64, u64)>,
    mistake: Mistake,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Mistake {
    None,
    /// A column with a sign: what is too large is less than none.
    AsI64,
    /// A parameter of another width.
    AsU32,
    /// What is reserved is not on hand.
    IgnoresReserved,
    /// Looks for room, and adds later.
    LooksFirst,
}

impl Narrow {
    fn open(mistake: Mistake) -> impl Fn(u64, usize) -> Self {
        move |units, _| Self {
            units: Mutex::new((units, 0)),
            mistake,
        }
    }

    fn take(&self, units: u64, to_reserve: u64) -> Answer {
        let (left, reserved) = &mut *self.units.lock().unwrap();
        let enough = match self.mistake {
            Mistake::AsI64 => i64::try_from(*left).unwrap_or(i64::MAX) >= units as i64,
            Mistake::AsU32 => *left >= u64::from(units as u32),
            _ => *left >= units,
        };
        if enough {
            let taken = match self.mistake {
                Mistake::AsU32 => u64::from(units as u32),
                _ => units,
            };
            *left = left.wrapping_sub(taken);
            *reserved += if to_reserve > 0 { taken } else { 0 };
        }
        enough.into()
    }
}

impl Subject for Narrow {
    fn deduct(&self, units: u64) -> Answer {
        self.take(units, 0)
    }

    fn restock(&self, units: u64) -> Answer {
        let mut all = self.units.lock().unwrap();
        let reserved = match self.mistake {
            Mistake::IgnoresReserved => 0,
            _ => all.1,
        };
        let on_hand = all.0.saturating_add(reserved);
        if on_hand.checked_add(units).is_none() {
            return Answer::OVERFLOW;
        }
        if self.mistake == Mistake::LooksFirst {
            drop(all);
            Std::linger();
            all = self.units.lock().unwrap();
        }
        all.0 = all.0.wrapping_add(units);
        Answer::Done(())
    }

    fn available(&self) -> Answer<u64> {
        Answer::Done(self.units.lock().unwrap().0)
    }

    fn reserve(&self, units: u64) -> Option<Answer> {
        Some(self.take(units, units))
    }

    fn commit(&self, units: u64) -> Option<Answer> {
        self.units.lock().unwrap().1 -= units;
        Some(Answer::Done(()))
    }

    fn release(&self, units: u64) -> Option<Answer> {
        let (left, reserved) = &mut *self.units.lock().unwrap();
        *reserved -= units;
        *left = left.wrapping_add(units);
        Some(Answer::Done(()))
    }
}

#[test]
fn large_numbers_without_a_mistake_pass() {
    let options = Options::new().limit(u64::MAX).directory(DIRECTORY);
    options.check(Narrow::open(Mistake::None)).assert_kept();
}

#[test]
fn what_is_large_is_not_taken_for_little() {
    for mistake in [
        Mistake::AsI64,
        Mistake::AsU32,
        Mistake::IgnoresReserved,
        Mistake::LooksFirst,
    ] {
        println!("{mistake:?}");
        let report = caught(Narrow::open(mistake), &[Overflow], &SOUND);
        assert_eq!(report.broken(), [Overflow], "{mistake:?}");
    }
}
