//! Snapshots beside threads that reserve, release, commit and sell: what they promise under any traffic.

use segstock::testing::sit_at;
use segstock::{Snapshot, Stock};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const UNITS: u64 = 1_000_000;
/// Reserved before the first snapshot, and until after the last.
const KEPT: u64 = 1_000;
/// Of each call beside the snapshots.
const ORDER: u64 = 7;
const THREADS: usize = 4;

/// A stock as it opens, and one that begins with four segments.
fn stocks() -> [(&'static str, Stock); 2] {
    let wide = Stock::builder(UNITS).segments(4).build().unwrap();
    [("narrow", Stock::new(UNITS)), ("4 segments", wide)]
}

/// Takes snapshots while `THREADS` threads run `call` in a loop, and has each pair of subsequent ones judged.
fn beside(
    stock: &Stock,
    call: impl Fn(&Stock) + Sync,
    mut judge: impl FnMut(Option<Snapshot>, Snapshot),
) {
    let over = AtomicBool::new(false);
    let until = Instant::now() + Duration::from_millis(500);
    thread::scope(|scope| {
        for index in 0..THREADS {
            let (over, call) = (&over, &call);
            scope.spawn(move || {
                sit_at(index, THREADS);
                while !over.load(Ordering::Relaxed) {
                    call(stock);
                }
            });
        }
        let _over = SetOnDrop(&over);
        let mut last = None;
        while Instant::now() < until {
            let snapshot = stock.snapshot();
            judge(last, snapshot);
            last = Some(snapshot);
        }
    });
}

/// Ends the threads, whatever a judgement says.
struct SetOnDrop<'a>(&'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn assert_balanced(name: &str, it: Snapshot) {
    let came = it.initial + it.restocked + it.owed;
    let known = it.available + it.reserved + it.sold + it.withdrawn;
    assert_eq!(came, known, "{name}: {it:?}");
}

/// Nothing is ever sold: whatever a snapshot shows as sold was released.
#[test]
fn what_is_reserved_throughout_is_never_shown_as_sold() {
    for (name, stock) in stocks() {
        let kept = stock.reserve(KEPT).unwrap();
        let most = KEPT + THREADS as u64 * ORDER;
        beside(
            &stock,
            |stock| drop(stock.reserve(ORDER)),
            |_, it| {
                assert_balanced(name, it);
                assert!((KEPT..=most).contains(&it.reserved), "{name}: {it:?}");
                assert_eq!((it.sold, it.restocked), (0, 0), "{name}: {it:?}");
            },
        );
        drop(kept);
        assert_eq!(stock.snapshot().available, UNITS, "{name}");
    }
}

/// What was sold before a snapshot is in it, what is sold after it is not, and it never falls.
#[test]
fn what_is_sold_is_shown_when_it_is_sold() {
    for (name, stock) in stocks() {
        let kept = stock.reserve(KEPT).unwrap();
        let (begun, done) = (AtomicU64::new(0), AtomicU64::new(0));
        let mut done_before = 0;
        beside(
            &stock,
            |stock| {
                begun.fetch_add(1, Ordering::SeqCst);
                stock.reserve(1).unwrap().commit();
                stock.restock(1).unwrap();
                done.fetch_add(1, Ordering::SeqCst);
            },
            |last, it| {
                assert_balanced(name, it);
                assert!(it.reserved >= KEPT, "{name}: {it:?}");
                assert!(it.reserved <= KEPT + THREADS as u64, "{name}: {it:?}");
                assert!(it.sold >= done_before, "{name}: {it:?}");
                assert!(it.sold <= begun.load(Ordering::SeqCst), "{name}: {it:?}");
                if let Some(last) = last {
                    assert!(it.sold >= last.sold, "{name}: {last:?}, {it:?}");
                    assert!(it.restocked >= last.restocked, "{name}: {last:?}, {it:?}");
                }
                done_before = done.load(Ordering::SeqCst);
            },
        );
        drop(kept);
        let sold = done.load(Ordering::SeqCst);
        let it = stock.snapshot();
        assert_eq!(
            (it.available, it.sold, it.restocked),
            (UNITS, sold, sold),
            "{name}"
        );
    }
}
