//! Negative controls: counters that are wrong, each in a way that people have shipped. Each is caught,
//! for its own reason and no other.
//!
//! Where threads would meet at the mistake too rarely, [`linger`] keeps them there for a moment.
#![cfg(all(feature = "conformance", not(loom)))]

mod support;

use segstock::conformance::{Answer, Options, Promise, Report, Subject};
use segstock::model::{Books, Refusal};
use segstock::{OutOfStock, RestockOverflow, StockCounter};
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use support::naive::{DecrementLookUndo, ReadCheckWrite, Scan, SilentGather};
use support::sync::linger;

/// Where histories and pictures go.
const DIRECTORY: &str = env!("CARGO_TARGET_TMPDIR");

/// Judges a counter and sees it break `reasons`, and keep `kept`.
#[track_caller]
fn caught<S: Subject + 'static>(
    open: impl Fn(u64, usize) -> S,
    reasons: &[Promise],
    kept: &[Promise],
) -> Report {
    let options = Options::new().limit(u64::MAX).directory(DIRECTORY);
    // On a busy machine threads may race too little: they get another chance.
    let reports = (1..=5).map(|seed| options.clone().seed(seed).check(&open));
    let all_seen = |report: &Report| {
        reasons
            .iter()
            .all(|reason| report.evidence(*reason).is_some())
    };
    let mut last = None;
    for report in reports {
        let done = all_seen(&report);
        last = Some(report);
        if done {
            break;
        }
    }
    let report = last.expect("there is one for each seed");
    println!("{report}");
    for reason in reasons {
        let evidence = report.evidence(*reason);
        let evidence = evidence.unwrap_or_else(|| panic!("{reason} was not seen to break"));
        for path in [&evidence.history, &evidence.picture] {
            let path = path.as_ref().expect("it is kept on disk");
            assert!(path.metadata().unwrap().len() > 0, "{}", path.display());
        }
    }
    for promise in kept {
        assert!(
            report.kept().contains(promise),
            "{promise} is no fault of it"
        );
    }
    report
}

use Promise::{
    CallerPanics, Conservation, ExactRefusal, Linearizable, ManyThreads, NeverOversold, Overflow,
    Zero,
};

/// Whoever sells what was never there has no sums that can be kept.
const OVERSELLS: [Promise; 2] = [NeverOversold, Linearizable];
const REFUSES: [Promise; 2] = [ExactRefusal, Linearizable];
const SOUND: [Promise; 4] = [NeverOversold, Conservation, ManyThreads, Zero];

struct Lingering(ReadCheckWrite);

impl Subject for Lingering {
    fn deduct(&self, units: u64) -> Answer {
        self.0.deduct_with(units, linger).into()
    }

    fn restock(&self, units: u64) -> Answer {
        StockCounter::restock(&self.0, units).into()
    }

    fn available(&self) -> Answer<u64> {
        Answer::Done(StockCounter::available(&self.0))
    }
}

#[test]
fn read_check_write_oversells() {
    let open = |units, _| Lingering(ReadCheckWrite::new(units));
    _ = caught(open, &OVERSELLS, &[Zero, ManyThreads]);
}

/// Locks to look, and locks again to take.
struct LocksTwice(Mutex<u64>);

impl LocksTwice {
    fn left(&self) -> u64 {
        *self.0.lock().unwrap()
    }
}

impl StockCounter for LocksTwice {
    fn deduct(&self, units: u64) -> Result<(), OutOfStock> {
        let left = self.left();
        if left < units {
            return Err(OutOfStock::new(units, left));
        }
        linger();
        let mut left = self.0.lock().unwrap();
        *left = left.saturating_sub(units);
        Ok(())
    }

    fn restock(&self, units: u64) -> Result<(), RestockOverflow> {
        let mut left = self.0.lock().unwrap();
        let more = left.checked_add(units);
        *left = more.ok_or(RestockOverflow::new(units, *left))?;
        Ok(())
    }

    fn available(&self) -> u64 {
        self.left()
    }
}

#[test]
fn a_check_under_another_lock_than_the_deduct_oversells() {
    let open = |units, _| LocksTwice(Mutex::new(units));
    _ = caught(open, &OVERSELLS, &[Zero, ManyThreads, Overflow]);
}

#[test]
fn decrement_look_undo_refuses_falsely() {
    let open = |units, _| DecrementLookUndo::new(units);
    _ = caught(open, &REFUSES, &SOUND);
}

#[test]
fn a_scan_without_proof_refuses_falsely() {
    _ = caught(|units, _| Scan::new(units), &REFUSES, &SOUND);
}

#[test]
fn a_gather_that_hides_units_refuses_others_falsely() {
    _ = caught(|units, _| SilentGather::new(units), &REFUSES, &SOUND);
}

/// Each thread looks at its own segment, and that is that.
struct OwnSegment(Vec<Mutex<u64>>);

impl OwnSegment {
    fn open(units: u64, segments: usize) -> Self {
        let count = segments as u64;
        let share = |segment| units / count + u64::from(segment < units % count);
        Self(
            (0..count)
                .map(|segment| Mutex::new(share(segment)))
                .collect(),
        )
    }

    fn own(&self) -> &Mutex<u64> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        thread_local!(static OWN: u64 = NEXT.fetch_add(1, Ordering::Relaxed));
        &self.0[OWN.with(|own| *own as usize) % self.0.len()]
    }
}

impl StockCounter for OwnSegment {
    fn deduct(&self, units: u64) -> Result<(), OutOfStock> {
        let mut left = self.own().lock().unwrap();
        if *left < units {
            return Err(OutOfStock::new(units, *left));
        }
        *left -= units;
        Ok(())
    }

    fn restock(&self, units: u64) -> Result<(), RestockOverflow> {
        let mut left = self.own().lock().unwrap();
        let more = left.checked_add(units).filter(|more| *more <= MAX);
        *left = more.ok_or(RestockOverflow::new(units, *left))?;
        Ok(())
    }

    fn available(&self) -> u64 {
        self.0.iter().map(|segment| *segment.lock().unwrap()).sum()
    }
}

#[test]
fn a_short_segment_is_no_reason_to_refuse() {
    _ = caught(OwnSegment::open, &REFUSES, &[NeverOversold, ManyThreads]);
    // Who says so promises less, and keeps that.
    let options = Options::new().without_exact_refusals().without_bounds();
    let report = options.limit(MAX).check(OwnSegment::open);
    println!("{report}");
    report.assert_kept();
    assert!(!report.kept().contains(&ExactRefusal));
}

/// What two segments can hold without a sum that overflows.
const MAX: u64 = 1 << 40;

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

/// Holds in a map under a lock, with a mistake or two.
struct NaiveHolds {
    /// Units in stock, the time, and units and deadline of each hold.
    state: Mutex<(u64, u64, BTreeMap<u64, Naive>)>,
    mistake: HoldMistake,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum HoldMistake {
    None,
    /// A cancel that is retried gives back again.
    ReleasesTwice,
    /// A confirm looks at the deadline, and sells later.
    ConfirmsLate,
}

#[derive(Debug, Clone, Copy)]
struct Naive {
    units: u64,
    deadline: u64,
    fate: Option<Refusal>,
}

impl NaiveHolds {
    fn new(units: u64, mistake: HoldMistake) -> Self {
        let state = Mutex::new((units, 0, BTreeMap::new()));
        Self { state, mistake }
    }

    fn is_good(&self, key: u64) -> bool {
        let state = self.state.lock().unwrap();
        state.2.get(&key).is_some_and(|hold| hold.fate.is_none())
    }

    fn resolve(&self, key: u64, fate: Refusal) -> Answer {
        let mut state = self.state.lock().unwrap();
        let (left, _, holds) = &mut *state;
        let Some(hold) = holds.get_mut(&key) else {
            return Answer::Refused(Refusal::NoHold);
        };
        match hold.fate {
            Some(known) if known != fate => return Answer::Refused(known),
            Some(Refusal::Released) if self.mistake == HoldMistake::ReleasesTwice => {}
            Some(_) => return Answer::Done(()),
            None => hold.fate = Some(fate),
        }
        *left += if fate == Refusal::Released {
            hold.units
        } else {
            0
        };
        Answer::Done(())
    }
}

impl Subject for NaiveHolds {
    fn deduct(&self, units: u64) -> Answer {
        let left = &mut self.state.lock().unwrap().0;
        let enough = *left >= units;
        *left -= if enough { units } else { 0 };
        enough.into()
    }

    fn restock(&self, units: u64) -> Answer {
        let left = &mut self.state.lock().unwrap().0;
        let Some(more) = left.checked_add(units) else {
            return Answer::OVERFLOW;
        };
        *left = more;
        Answer::Done(())
    }

    fn available(&self) -> Answer<u64> {
        Answer::Done(self.state.lock().unwrap().0)
    }

    fn place(&self, key: u64, units: u64, ttl: u64) -> Option<Answer> {
        let mut state = self.state.lock().unwrap();
        let (left, now, holds) = &mut *state;
        if let Some(hold) = holds.get(&key) {
            return Some(hold.fate.map_or(Answer::Done(()), Answer::Refused));
        }
        if *left < units {
            return Some(Answer::SHORT);
        }
        *left -= units;
        let deadline = *now + ttl;
        holds.insert(
            key,
            Naive {
                units,
                deadline,
                fate: None,
            },
        );
        Some(Answer::Done(()))
    }

    fn confirm(&self, key: u64) -> Option<Answer> {
        if self.mistake == HoldMistake::ConfirmsLate && self.is_good(key) {
            linger();
            self.state.lock().unwrap().2.get_mut(&key)?.fate = Some(Refusal::Sold);
            return Some(Answer::Done(()));
        }
        Some(self.resolve(key, Refusal::Sold))
    }

    fn cancel(&self, key: u64) -> Option<Answer> {
        Some(self.resolve(key, Refusal::Released))
    }

    fn advance(&self, ticks: u64) -> Option<Answer> {
        let mut state = self.state.lock().unwrap();
        let (left, now, holds) = &mut *state;
        *now += ticks;
        for hold in holds.values_mut() {
            if hold.fate.is_none() && hold.deadline <= *now {
                hold.fate = Some(Refusal::Expired);
                *left += hold.units;
            }
        }
        Some(Answer::Done(()))
    }
}

#[test]
fn holds_without_a_mistake_pass() {
    let open = |units, _| NaiveHolds::new(units, HoldMistake::None);
    Options::new().limit(u64::MAX).check(open).assert_kept();
}

#[test]
fn a_double_release_makes_units() {
    let open = |units, _| NaiveHolds::new(units, HoldMistake::ReleasesTwice);
    let report = caught(
        open,
        &[Conservation, NeverOversold],
        &[Zero, ManyThreads, Overflow],
    );
    let words = &report.evidence(Conservation).unwrap().words;
    assert!(words.contains("cancel("), "{words}");
}

#[test]
fn an_expiry_that_races_with_confirm_sells_twice() {
    let open = |units, _| NaiveHolds::new(units, HoldMistake::ConfirmsLate);
    let report = caught(
        open,
        &[Conservation, NeverOversold],
        &[Zero, ManyThreads, Overflow],
    );
    let words = &report.evidence(Conservation).unwrap().words;
    assert!(words.contains("confirm("), "{words}");
}

/// A lock that is leased, and a store that takes whatever is written: no fencing token.
///
/// Time is counted in looks at the lock, so that nothing here waits.
struct Leased {
    left: AtomicU64,
    now: AtomicU64,
    /// When the lease of the lock's holder ends; 0 if nobody holds it.
    ends: AtomicU64,
}

impl Leased {
    const LEASE: u64 = 2;

    fn new(units: u64) -> Self {
        Self {
            left: AtomicU64::new(units),
            now: AtomicU64::new(1),
            ends: AtomicU64::new(0),
        }
    }

    fn locked<T>(&self, flow: impl FnOnce(u64) -> (T, u64)) -> T {
        let lease = loop {
            let now = self.now.fetch_add(1, Ordering::SeqCst);
            let ends = self.ends.load(Ordering::SeqCst);
            let lease = now + Self::LEASE;
            let is_free = ends < now;
            if is_free
                && self
                    .ends
                    .compare_exchange(ends, lease, Ordering::SeqCst, Ordering::SeqCst)
                    .is_ok()
            {
                break lease;
            }
            std::thread::yield_now();
        };
        let (answer, left) = flow(self.left.load(Ordering::SeqCst));
        // The order takes its time, now and then more than the lease.
        (0..3).for_each(|_| linger());
        self.left.store(left, Ordering::SeqCst);
        _ = self
            .ends
            .compare_exchange(lease, 0, Ordering::SeqCst, Ordering::SeqCst);
        answer
    }
}

impl Subject for Leased {
    fn deduct(&self, units: u64) -> Answer {
        self.locked(|left| match left.checked_sub(units) {
            Some(rest) => (Answer::Done(()), rest),
            None => (Answer::SHORT, left),
        })
    }

    fn restock(&self, units: u64) -> Answer {
        self.locked(|left| match left.checked_add(units) {
            Some(more) => (Answer::Done(()), more),
            None => (Answer::OVERFLOW, left),
        })
    }

    fn available(&self) -> Answer<u64> {
        Answer::Done(self.left.load(Ordering::SeqCst))
    }
}

#[test]
fn a_lease_that_runs_out_in_an_order_oversells() {
    let open = |units, _| Leased::new(units);
    _ = caught(
        open,
        &[NeverOversold, Conservation],
        &[Zero, Overflow, ManyThreads],
    );
}

/// Takes before the flow, and forgets to give back when it panics.
struct LosesInPanic(Mutex<u64>);

impl Subject for LosesInPanic {
    fn deduct(&self, units: u64) -> Answer {
        let mut left = self.0.lock().unwrap();
        let enough = *left >= units;
        *left -= if enough { units } else { 0 };
        enough.into()
    }

    fn restock(&self, units: u64) -> Answer {
        let mut left = self.0.lock().unwrap();
        let Some(more) = left.checked_add(units) else {
            return Answer::OVERFLOW;
        };
        *left = more;
        Answer::Done(())
    }

    fn available(&self) -> Answer<u64> {
        Answer::Done(*self.0.lock().unwrap())
    }

    fn order(&self, units: u64, flow: &mut dyn FnMut()) -> Option<Answer> {
        let taken = self.deduct(units);
        flow();
        Some(taken)
    }
}

#[test]
fn units_that_a_panic_takes_along_are_missed() {
    let open = |units, _| LosesInPanic(Mutex::new(units));
    let report = caught(open, &[CallerPanics], &SOUND);
    assert_eq!(report.broken(), [CallerPanics]);
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

/// A lock that nobody can take twice, and that a panic never gives back.
struct HangsAfterPanic {
    inner: LosesInPanic,
    busy: AtomicU64,
}

impl HangsAfterPanic {
    fn locked<T>(&self, body: impl FnOnce() -> T) -> T {
        while self.busy.swap(1, Ordering::AcqRel) == 1 {
            std::thread::yield_now();
        }
        let value = body();
        self.busy.store(0, Ordering::Release);
        value
    }
}

impl Subject for HangsAfterPanic {
    fn deduct(&self, units: u64) -> Answer {
        self.locked(|| self.inner.deduct(units))
    }

    fn restock(&self, units: u64) -> Answer {
        self.locked(|| self.inner.restock(units))
    }

    fn available(&self) -> Answer<u64> {
        self.inner.available()
    }

    fn order(&self, units: u64, flow: &mut dyn FnMut()) -> Option<Answer> {
        Some(self.locked(|| {
            flow();
            self.inner.deduct(units)
        }))
    }
}

#[test]
fn a_lock_that_a_panic_leaves_locked_does_not_hang_the_suite() {
    let open = |units, _| HangsAfterPanic {
        inner: LosesInPanic(Mutex::new(units)),
        busy: AtomicU64::new(0),
    };
    let patience = std::time::Duration::from_millis(400);
    let options = Options::new()
        .limit(u64::MAX)
        .directory(DIRECTORY)
        .rounds(20)
        .patience(patience);
    let report = options.check(open);
    println!("{report}");
    let words = &report.evidence(CallerPanics).expect("it hangs").words;
    assert!(words.contains("did not return"), "{words}");
}
