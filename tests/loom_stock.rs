//! [`Stock`] under the model checker. Run it with `.ci/loom`.
#![cfg(loom)]

mod support;

use loom::thread;
use segstock::testing::{self, Tuning};
use segstock::{MAX_UNITS, Reserving, Stock};
use segstock_model::Op::{
    Available, Commit, Deduct, DeductUpTo, Forgive, Release, Reserve, ReserveUpTo, Restock,
    Snapshot, Withdraw,
};
use segstock_model::Step::{Narrow, Prove, Sit, Widen};
use segstock_model::{Call, Model, Op, Outcome};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use support::arena::{Scenario, model, payloads, scenarios};
use support::perform::perform;
use support::scenario::{Beside, assert_explained, is_explained, run, scripts};
use support::stock_scenarios::{
    clocked_stock_scenarios, long_stock_scenarios, stock_scenarios, three_stock_scenarios,
};

/// Its form changes only when a script says so.
const STILL: Tuning = Tuning::STILL;

/// Widens when an exchange is lost, narrows when a refusal leaves nothing.
const RESTLESS: Tuning = Tuning {
    little: 1,
    orders: 0,
    enough: 2,
    patience: 0,
    ..Tuning::STILL
};

/// Narrows when a refusal, or a gather, leaves less than 4, and does not widen by itself.
const SHRINKING: Tuning = Tuning {
    little: 4,
    ..Tuning::STILL
};

fn narrow(units: u64, tuning: Tuning) -> impl Fn() -> (Model, Stock) {
    move || {
        let builder = Stock::builder(units).max_segments(2).tuning(tuning);
        (Model::new(units), builder.build().unwrap())
    }
}

/// Wide, half of the units in each of two segments.
fn wide(units: u64, tuning: Tuning) -> impl Fn() -> (Model, Stock) {
    move || {
        let builder = Stock::builder(units).segments(2).tuning(tuning);
        (Model::new(units), builder.build().unwrap())
    }
}

/// Wide, all units in the first segment: that of threads 0 and 2.
fn lopsided(units: u64, tuning: Tuning) -> impl Fn() -> (Model, Stock) {
    move || {
        let (mut model, stock) = wide(0, tuning)();
        testing::sit_at(0, 2);
        for _ in 0..units {
            stock.restock(1).unwrap();
            _ = model.apply(Restock(1));
        }
        (model, stock)
    }
}

/// Wide, all units in the word, as a put leaves them that reopens a narrow stock.
fn wide_in_word(units: u64, tuning: Tuning) -> impl Fn() -> (Model, Stock) {
    move || {
        let (model, stock) = wide(units, tuning)();
        testing::narrow_and_reopen(&stock);
        (model, stock)
    }
}

/// As `open` says, with `units` of it reserved.
fn reserved(units: u64, open: impl Fn() -> (Model, Stock)) -> impl Fn() -> (Model, Stock) {
    move || {
        let (mut model, stock) = open();
        stock.reserve_units(units).unwrap();
        _ = model.apply(Reserve(units));
        (model, stock)
    }
}

/// Narrow for ever.
fn single(units: u64) -> impl Fn() -> (Model, Stock) {
    move || {
        let builder = Stock::builder(units).max_segments(1).tuning(STILL);
        (Model::new(units), builder.build().unwrap())
    }
}

stock_scenarios!(scenarios);

/// Makes a test of each scenario that explores it with a clock alone.
macro_rules! with_a_clock {
    ($($name:ident: $open:expr, $($script:tt),+;)*) => {$(
        #[test]
        fn $name() {
            Scenario::new(stringify!($name), $open, scripts![$($script),+]).explore_with_a_clock();
        }
    )*};
}

clocked_stock_scenarios!(with_a_clock);

// Many units.
scenarios! {
    many_reserved: narrow(2_000, STILL), [Reserve(600), Snapshot], [Reserve(400), Commit(400)];
    many_released: reserved(1_200, narrow(2_000, STILL)), [Release(600), Snapshot], [Commit(600)];
    many_reserved_up_to: narrow(1_000, STILL), [ReserveUpTo(1_600), Release(1_600)], [Restock(1), Snapshot];
    many_reserved_up_to_twice: narrow(1_000, STILL), [ReserveUpTo(600), Commit(600)], [ReserveUpTo(600)];
    large_restock: narrow(0, STILL), [Restock(1 << 20), Snapshot], [Restock(1), Deduct(2)];
    large_restock_of_wide: wide(1, STILL), [Restock(1 << 30)], [Deduct(2), Snapshot];
}

/// Units of reservations that were made before a snapshot began are in it.
#[test]
fn what_was_reserved_before_a_snapshot_is_in_it() {
    let executions = model(|| {
        let (_, stock) = lopsided(4, STILL)();
        let stock = Arc::new(stock);
        for _ in 0..2 {
            stock.reserve_units(1).unwrap();
        }
        let reader = {
            let stock = Arc::clone(&stock);
            thread::spawn(move || {
                let now = stock.snapshot();
                assert!(now.reserved >= 2 && now.sold == 0, "{now:?}");
            })
        };
        for _ in 0..2 {
            stock.reserve_units(1).unwrap();
        }
        reader.join().unwrap();
        assert_eq!((stock.snapshot().reserved, stock.available()), (4, 0));
    });
    println!("what_was_reserved_before_a_snapshot_is_in_it {executions:>9} executions");
}

/// As `open` says, with one unit reserved and segments to which one was released before.
fn released_before(open: impl Fn() -> (Model, Stock)) -> impl Fn() -> (Model, Stock) {
    move || {
        let (mut model, stock) = open();
        for segment in [0, 1] {
            testing::sit_at(segment, 2);
            stock.reserve_units(1).unwrap();
            stock.release_units(1);
        }
        stock.reserve_units(1).unwrap();
        _ = model.apply(Reserve(1));
        (model, stock)
    }
}

/// As `open` says, with all units in the wide word.
fn in_word(open: impl Fn() -> (Model, Stock)) -> impl Fn() -> (Model, Stock) {
    move || {
        let (model, stock) = open();
        testing::narrow_and_reopen(&stock);
        (model, stock)
    }
}

// Near the limit. All but 3 units are reserved, 2 lie in the word, and there is room for 1.
scenarios! {
    limit_of_a_large_reserve: narrow(MAX_UNITS, STILL), [Reserve(MAX_UNITS)], [Restock(MAX_UNITS)];
    limit_of_a_large_wide_reserve: wide(MAX_UNITS, STILL), [Reserve(MAX_UNITS / 2)], [Restock(1)];
    limit_of_two_restocks: wide(MAX_UNITS - 1, STILL), [Restock(1)], [Restock(1)];
    limit_of_a_word_and_a_segment: in_word(wide(MAX_UNITS - 2, STILL)), [Restock(1), Restock(1)], [Restock(1)];
    limit_beside_releases: in_word(reserved(MAX_UNITS - 3, wide(MAX_UNITS - 1, STILL))), [Restock(1)], [Release(1), Release(1), Reserve(1)];
    limit_beside_a_commit: reserved(2, narrow(MAX_UNITS, STILL)), [Commit(1)], [Restock(1), Restock(1)];
    limit_beside_a_wide_commit: reserved(2, wide(MAX_UNITS, STILL)), [Commit(1)], [Restock(1)];
    limit_beside_commit_and_restock: reserved(1, wide(MAX_UNITS - 1, STILL)), [Commit(1), Restock(1)], [Restock(2)];
    limit_beside_a_deduct: wide(MAX_UNITS, STILL), [Deduct(1)], [Restock(1)];
    limit_of_a_stock_that_owes: reserved(MAX_UNITS, wide(MAX_UNITS, STILL)), [Withdraw(1), Restock(2)], [Release(1)];
    limit_after_a_late_release_to_a_stock_that_owes: reserved(MAX_UNITS, wide(MAX_UNITS, STILL)), [Withdraw(1), Forgive(1), Restock(2)], [Release(MAX_UNITS / 2)];
}

/// Beside commits that do not pause, a restock near the limit counts some as not made yet. It refuses only if that is
/// not why. It looks at the commits once here, in place of 16 times, so that two commits are enough.
#[test]
fn limit_beside_commits_that_do_not_pause() {
    const ROOM: u64 = 1 << 32;
    testing::look_at_commits(1);
    let executions = model(|| {
        let (_, stock) = reserved(2, wide(MAX_UNITS - ROOM, STILL))();
        let stock = Arc::new(stock);
        let first = {
            let stock = Arc::clone(&stock);
            thread::spawn(move || {
                stock.commit_units(1);
                thread::spawn(move || {
                    stock.commit_units(1);
                    stock.restock(2).unwrap();
                })
            })
        };
        assert_eq!(stock.restock(ROOM), Ok(()), "there was room throughout");
        first.join().unwrap().join().unwrap();
    });
    testing::look_at_commits(16);
    println!("limit_beside_commits_that_do_not_pause {executions:>9} executions");
}

/// After its last try a snapshot shows commits that overlap it as not made yet, and never other figures of another instant.
/// It looks at the commits once here, in place of 16 times, so that two commits are enough.
#[test]
fn snapshot_after_its_last_try() {
    static LEFT_OUT: AtomicU64 = AtomicU64::new(0);
    testing::look_at_commits(1);
    let scripts = scripts![[Snapshot], [Commit(1)], [Restock(1), Commit(1), Restock(1)]];
    let executions = model(move || {
        let (start, stock) = reserved(2, wide(2, STILL))();
        let calls = run(&Arc::new(stock), &scripts, 0, &Beside::clock());
        if !is_explained(start.clone(), calls.clone()) {
            LEFT_OUT.fetch_add(1, Ordering::Relaxed);
            assert_explained(start, calls.into_iter().map(beside_commits).collect());
        }
    });
    testing::look_at_commits(16);
    let left_out = LEFT_OUT.load(Ordering::Relaxed);
    println!("snapshot_after_its_last_try {executions:>9} executions, {left_out} of them inexact");
    assert!(left_out > 0, "no snapshot came to its last try");
}

/// A snapshot may show commits that overlap it as not made yet.
fn beside_commits(mut call: Call) -> Call {
    if let Outcome::ExactSnapshot(sums) = call.outcome {
        call.outcome = Outcome::Snapshot(sums);
    }
    call
}

/// The bound by which a restock is taken for far from the limit is at least the lowest number that is on hand meanwhile.
#[test]
fn no_fewer_are_on_hand_than_the_bound_says() {
    for (units, calls) in [
        (3, [Reserve(1), Commit(1), Restock(1)]),
        (3, [Reserve(1), Reserve(1), Reserve(1)]),
        (3, [Reserve(1), Release(1), Reserve(1)]),
        (3, [Restock(1), Deduct(1), Restock(1)]),
        // No restock of these fills a block, and waits for the reader's mutex.
        (1, [Restock(1), Deduct(1), Restock(1)]),
    ] {
        let executions = [true, false].map(|bound_is_first| {
            model(move || {
                let (start, stock) = lopsided(units, STILL)();
                let stock = Arc::new(stock);
                let least = lowest_on_hand(start, &calls);
                let call = move |stock: &Stock| {
                    for op in calls {
                        _ = perform(stock, op);
                    }
                };
                let read = move |stock: &Stock| {
                    let bound = testing::on_hand_at_most(stock);
                    assert!(bound >= least, "at most {bound}, beside {calls:?}");
                };
                let theirs = Arc::clone(&stock);
                let other = thread::spawn(move || {
                    testing::sit_at(0, 2);
                    if bound_is_first {
                        call(&theirs);
                    } else {
                        read(&theirs);
                    }
                });
                if bound_is_first {
                    read(&stock);
                } else {
                    call(&stock);
                }
                other.join().unwrap();
            })
        });
        println!("no_fewer_are_on_hand_than_the_bound_says {executions:?} executions");
    }
}

fn lowest_on_hand(mut stock: Model, calls: &[Op]) -> u64 {
    let before = stock.snapshot().on_hand();
    let mut after = |op: &Op| {
        _ = stock.apply(*op);
        stock.snapshot().on_hand()
    };
    let on_hand = calls.iter().map(&mut after);
    on_hand.min().unwrap().min(before)
}

/// Each of two threads takes a unit of a wide stock and then asks whether fewer than one is left.
#[test]
#[cfg(feature = "inventory")]
fn of_two_that_take_one_sees_that_it_is_low() {
    let executions = model(|| {
        let (_, stock) = wide(2, STILL)();
        let stock = Arc::new(stock);
        let take = |stock: &Stock, segment| {
            testing::sit_at(segment, 2);
            stock.deduct(1).unwrap();
            testing::available_if_below(stock, 1)
        };
        let theirs = Arc::clone(&stock);
        let other = thread::spawn(move || take(&theirs, 1));
        let low = [take(&stock, 0), other.join().unwrap()];
        assert!(low.contains(&Some(0)), "nobody saw that it is sold out");
    });
    println!("of_two_that_take_one_sees_that_it_is_low {executions:>9} executions");
}

// A deduct happens after the restock, or the release, that served it: what a thread writes (relaxed) before
// it adds units is read by the thread that takes them, however the units went from one to the other.
payloads! {
    served_from_the_word: narrow(0, STILL), [Restock(1)], [Deduct(1)];
    served_from_the_own_segment: wide(0, STILL), [Restock(1)], [Sit(0), Deduct(1)];
    served_from_another_segment: wide(0, STILL), [Restock(1)], [Sit(1), Deduct(1)];
    served_by_a_gather: wide(0, STILL), [Restock(1), Sit(1), Restock(1)], [Deduct(2)];
    served_up_to_what_is_in_stock: wide(0, STILL), [Restock(1)], [Sit(1), DeductUpTo(2)];
    served_from_a_reopened_word: wide_in_word(0, STILL), [Restock(1)], [Sit(1), Deduct(1)];
    served_by_a_large_restock: narrow(0, STILL), [Restock(1 << 20)], [Deduct(1)];
    served_by_units_dealt_out: wide(0, RESTLESS), [Restock(2)], [Sit(1), Reserve(1)];
    served_beside_widening: narrow(0, STILL), [Restock(1)], [Widen], [Deduct(1)];
    served_by_the_thread_that_narrowed: wide(0, STILL), [Narrow, Restock(1)], [Deduct(1)];
    served_after_narrowing: wide(0, STILL), [Restock(1)], [Narrow, Deduct(1)];
    served_after_narrowing_and_widening: wide(0, STILL), [Restock(1)], [Narrow, Widen, Deduct(1)];
    served_beside_a_turn_over: wide(0, RESTLESS), [Restock(1)], [Snapshot, Deduct(1)];
    served_by_a_release: reserved(1, narrow(1, STILL)), [Release(1)], [Deduct(1)];
    served_by_a_release_elsewhere: reserved(1, wide(1, STILL)), [Release(1)], [Sit(1), Deduct(1)];
    served_by_a_later_release: released_before(wide(1, STILL)), [Release(1)], [Sit(1), Deduct(1)];
    served_by_a_later_release_in_the_segment: released_before(wide(1, STILL)), [Release(1)], [Sit(0), Deduct(1)];
    served_by_a_release_beside_widening: reserved(1, narrow(1, STILL)), [Release(1)], [Widen, Deduct(1)];
    served_by_a_release_beside_narrowing: reserved(1, wide(1, STILL)), [Release(1)], [Narrow, Deduct(1)];
    served_by_a_restock_that_pays: narrow(0, STILL), [Restock(2)], [Withdraw(1), Deduct(1)];
    served_by_a_restock_after_forgiving: narrow(0, STILL), [Restock(2)], [Withdraw(2), Forgive(1), Deduct(1)];
    served_by_a_late_restock_that_a_snapshot_pays_with: wide(0, STILL), [Restock(2)], [Withdraw(1), Snapshot, Forgive(1), Deduct(1)];
}

/// Minutes each, and not in CI: `.ci/loom long`.
mod long {
    use super::*;

    payloads! {
        served_beside_narrowing: wide(0, STILL), [Restock(1)], [Narrow], [Deduct(1)];
    }

    long_stock_scenarios!(scenarios);
}

/// Small enough for three preemptions: `.ci/loom` runs them so, besides.
mod three {
    use super::*;

    three_stock_scenarios!(scenarios);
}
