//! Books of no instant, and sums that do not hold what they are given.

use super::*;

/// Two segments, exact in all, but for the books: those are summed up while units move.
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

    fn snapshot(&self) -> Option<Answer<Books>> {
        let available = self.sum(linger);
        let (initial, restocked) = (self.initial, self.restocked.load(Ordering::SeqCst));
        let sold = (initial + restocked).wrapping_sub(available);
        Some(Answer::Done(Books {
            initial,
            restocked,
            available,
            reserved: 0,
            sold,
        }))
    }
}

#[test]
fn a_snapshot_of_a_moving_target_is_of_no_instant() {
    let open = |units, _| SumsMovingUnits::new(units);
    let options = Options::new().limit(MAX).directory(DIRECTORY);
    let report = options.check(open);
    println!("{report}");
    assert_eq!(report.broken(), [Linearizable], "its sums always add up");
    let words = &report.evidence(Linearizable).unwrap().words;
    assert!(words.starts_with("snapshot()"), "{words}");
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
