//! What a snapshot calls reserved, while others reserve and release.

use segstock::{LockedStock, Reservation, Stock, StockCounter};
use segstock_conformance::{Checker, History, Log, Recording, Verdict};
use segstock_model::{Op, Outcome};
use std::sync::Barrier;

const UNITS: u64 = 1_000_000;
const THROUGHOUT: u64 = 1_000;

/// Threads that reserve seven units and drop them, beside one that reads snapshots, while a thousand
/// units are reserved throughout.
fn history<S: StockCounter>(stock: &S) -> History {
    let recording = Recording::begin(UNITS);
    let start = Barrier::new(4);
    let reserving = stock.reserving().expect("it reserves");
    let mut first = recording.log(0);
    let kept = first.record(Op::Reserve(THROUGHOUT), || {
        match reserving.reserve_units(THROUGHOUT) {
            Ok(()) => Outcome::Done,
            Err(refusal) => panic!("{refusal}"),
        }
    });
    assert_eq!(kept, Outcome::Done);
    let busy = |mut log: Log| {
        start.wait();
        for _ in 0..3_000 {
            let mut units = None;
            log.record(Op::Reserve(7), || {
                units = Some(Reservation::new(reserving, 7).expect("there are plenty"));
                Outcome::Done
            });
            log.record(Op::Release(7), || {
                drop(units.take());
                Outcome::Done
            });
        }
        log
    };
    let reads = |mut log: Log| {
        start.wait();
        for _ in 0..3_000 {
            log.run(stock, Op::Snapshot);
        }
        log
    };
    let logs = std::thread::scope(|scope| {
        let (busy, reads) = (&busy, &reads);
        let logs = (1..4).map(|thread| recording.log(thread));
        let mut threads: Vec<_> = logs.map(|log| scope.spawn(move || busy(log))).collect();
        let log = recording.log(4);
        threads.push(scope.spawn(move || reads(log)));
        let ended = threads.into_iter().map(|thread| thread.join().unwrap());
        ended.collect::<Vec<_>>()
    });
    recording.end(logs.into_iter().chain([first]))
}

fn assert_right(histories: impl Iterator<Item = History>) {
    for history in histories {
        let verdict = Checker::new().check(&history);
        if let Verdict::NotLinearizable(why) = verdict {
            panic!("{why}");
        }
        assert_eq!(verdict, Verdict::Linearizable);
    }
}

#[test]
fn what_is_reserved_throughout_is_reserved_in_every_snapshot() {
    for segments in [1, 4] {
        let stock = || Stock::builder(UNITS).segments(segments).build().unwrap();
        assert_right((0..3).map(|_| history(&stock())));
        let locked = || {
            LockedStock::builder(UNITS)
                .segments(segments)
                .build()
                .unwrap()
        };
        assert_right((0..3).map(|_| history(&locked())));
    }
}
