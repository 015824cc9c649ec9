//! The times of entries: they never go back, neither between threads nor over a restart.

use crate::support::Recorded;
use segstock::{Clock, ManualClock};
use segstock_orders::{Entry, OrderBook, OrderState, Position};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

const QUARTER: Duration = Duration::from_secs(15 * 60);

/// A clock that shows each nanosecond.
struct Fine(Instant);

impl Clock for Fine {
    fn now(&self) -> Duration {
        self.0.elapsed()
    }
}

fn assert_forward<K>(entries: &[(Position, Entry<K>)]) {
    for pair in entries.windows(2) {
        let (before, after) = (pair[0].1.time, pair[1].1.time);
        assert!(before <= after, "{before} ns, then {after} ns");
    }
}

#[test]
fn the_times_of_entries_do_not_go_back_however_many_threads_make_them() {
    let journal = Arc::new(Recorded::default());
    let book = OrderBook::builder()
        .clock(Arc::new(Fine(Instant::now())))
        .journal(Arc::clone(&journal) as _)
        .max_requests(64, 20_000)
        .build();
    book.open("phone", 1_000_000).unwrap();
    thread::scope(|scope| {
        for thread in 0..4 {
            let book = &book;
            scope.spawn(move || {
                for number in 0..5_000 {
                    let id = format!("order-{thread}-{number}");
                    book.place(&id, None, [("phone", 1)], QUARTER).unwrap();
                    book.restock("phone", &id, 1).unwrap();
                    book.pay(&id).unwrap();
                }
            });
        }
    });
    let entries = journal.entries();
    assert_eq!(entries.len(), 60_001);
    assert_forward(&entries);
}

#[test]
fn time_goes_on_after_a_replay_where_the_entries_end() {
    let journal = Arc::new(Recorded::default());
    let clock = Arc::new(ManualClock::new());
    let book = OrderBook::builder()
        .clock(Arc::clone(&clock) as _)
        .journal(Arc::clone(&journal) as _)
        .build();
    clock.advance(10 * QUARTER);
    book.open("phone", 2).unwrap();
    book.place("one", None, [("phone", 1)], QUARTER).unwrap();

    // Another process: its clock begins at zero.
    let clock = Arc::new(ManualClock::new());
    let again = OrderBook::builder()
        .clock(Arc::clone(&clock) as _)
        .journal(Arc::clone(&journal) as _)
        .replay(journal.entries())
        .unwrap();
    again.place("two", None, [("phone", 1)], QUARTER).unwrap();
    assert_forward(&journal.entries());
    for id in ["one", "two"] {
        assert_eq!(again.get(id).unwrap().remaining, Some(QUARTER), "{id}");
    }
    clock.advance(QUARTER);
    for id in ["one", "two"] {
        assert_eq!(again.get(id).unwrap().state, OrderState::Expired, "{id}");
    }
}
