//! Counters that refuse though the units are in stock.

use super::*;

/// Wrong in its refusals, and in nothing else; and that only where threads meet.
#[track_caller]
fn refuses_falsely<S: Subject + 'static>(open: impl Fn(u64, usize) -> S) {
    let report = caught_up_to(naive::MOST, &open, &REFUSES, &SOUND);
    assert_eq!(report.broken(), REFUSES);
    let options = Options::new().limit(naive::MOST).directory(DIRECTORY);
    options.threads(1).check(&open).assert_kept();
}

#[test]
fn decrement_look_undo_refuses_falsely() {
    refuses_falsely(|units, _| Naive(DecrementLookUndo::<Std>::new(units)));
}

#[test]
fn a_scan_without_proof_refuses_falsely() {
    refuses_falsely(|units, _| Naive(Scan::<Std>::new(units)));
}

#[test]
fn a_gather_that_hides_units_refuses_others_falsely() {
    refuses_falsely(|units, _| Naive(SilentGather::<Std>::new(units)));
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
