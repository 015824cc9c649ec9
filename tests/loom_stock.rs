//! [`Stock`] under the model checker. Run it with `.ci/loom`.
#![cfg(loom)]

mod support;

use loom::thread;
use segstock::testing::{self, Tuning};
use segstock::{MAX_UNITS, Reserving, Stock};
use segstock_model::Model;
use segstock_model::Op::{
    Available, Commit, Deduct, DeductUpTo, Forgive, Release, Reserve, Restock, Snapshot, Withdraw,
};
use segstock_model::Step::{Narrow, Prove, Sit, Widen};
use std::sync::Arc;
use support::arena::{Scenario, model, payloads, scenarios};
use support::scenario::scripts;

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

// Deduct against deduct.
scenarios! {
    word_deducts: narrow(3, STILL), [Deduct(1), Deduct(2)], [Deduct(1), Deduct(1)];
    segment_deducts: wide(4, STILL), [Deduct(1), Deduct(1)], [Sit(0), Deduct(1), Deduct(2)];
    segment_put_and_take: wide(2, STILL), [Restock(1), Deduct(2)], [Sit(0), Deduct(1), Restock(1)];
    across_deducts: wide(2, STILL), [Deduct(1), Deduct(1)], [Deduct(1)], [Deduct(1)];
    across_lopsided: lopsided(2, STILL), [Deduct(1)], [Deduct(1)], [Deduct(1)];
    word_mixed: narrow(1, STILL), [Restock(1), Deduct(2)], [Deduct(1)], [DeductUpTo(3)];
}

// Refusals by proof.
scenarios! {
    store_buffering: wide(0, STILL), [Restock(1), Deduct(2)], [Restock(1), Deduct(2)];
    store_buffering_of_word_and_segment: wide(0, STILL), [Prove, Restock(1), Deduct(2)], [Restock(1), Deduct(2)];
    store_buffering_of_two: wide(0, STILL), [Restock(1), DeductUpTo(2)], [Restock(1), Deduct(2)];
    put_take_refuse: lopsided(1, STILL), [Deduct(1)], [Restock(1)], [Sit(0), Deduct(1), Deduct(1)];
    put_here_take_there: wide(0, STILL), [Restock(1), Restock(1)], [Deduct(1)], [Sit(0), Deduct(2)];
    refuse_beside_moving_units: wide(2, STILL), [Deduct(1), Restock(1)], [Deduct(1), Restock(1)], [Deduct(1)];
    available_beside_all: wide(2, STILL), [Deduct(1), Available], [Restock(1), Available], [Deduct(2)];
}

// Gathers.
scenarios! {
    gather_served: wide(2, STILL), [Deduct(2)], [Restock(1), Deduct(1)];
    gather_fails: wide(2, STILL), [Deduct(2)], [Deduct(1), Deduct(1)];
    gather_fails_beside_deduct: wide(2, STILL), [Deduct(2)], [Deduct(1)], [Sit(0), Deduct(1)];
    gather_chases_units: wide(4, STILL), [Deduct(4)], [Deduct(1), Sit(0), Restock(1)];
    gathers: wide(2, STILL), [Deduct(2)], [Deduct(2)];
    gathers_of_more: wide(4, STILL), [Deduct(3)], [Deduct(3), Restock(1)];
    gathers_and_deduct: wide(4, STILL), [Deduct(3)], [Deduct(3)], [Sit(1), Deduct(1)];
    gather_of_moving_units: wide(2, STILL), [Deduct(2)], [Sit(0), Restock(1), Sit(1), Deduct(1)];
    up_to_of_moving_units: wide(2, STILL), [DeductUpTo(3)], [Sit(0), Restock(1), Sit(1), Deduct(1)];
    gather_beside_put: wide(2, STILL), [Deduct(3)], [Restock(1)], [Sit(1), Deduct(1)];
    gather_from_word: wide_in_word(2, STILL), [Deduct(1)], [Deduct(2), Restock(1)];
    gather_in_narrow: wide(2, STILL), [Deduct(2)], [Narrow, Deduct(1), Deduct(1)];
    gather_goes_on_beside_more: wide(3, STILL), [Deduct(3)], [Deduct(1), Restock(2)];
}

// Narrowing.
scenarios! {
    narrowing_against_put: wide(0, STILL), [Narrow], [Restock(1), Deduct(1)];
    narrowing_against_puts: wide(0, STILL), [Narrow, Deduct(1)], [Restock(1), Deduct(1)];
    narrowing_against_take: wide(1, STILL), [Narrow, Deduct(1)], [Deduct(1)];
    narrowing_against_gather: wide(2, STILL), [Narrow], [Deduct(2), Deduct(1)];
    narrowing_against_refusal: wide(1, STILL), [Narrow], [Deduct(2), Restock(1), Deduct(2)];
    narrowing_against_up_to: wide(2, STILL), [Narrow, Restock(1)], [DeductUpTo(3)];
    narrowings: wide(1, STILL), [Narrow, Deduct(1)], [Narrow, Restock(1)];
    narrowing_against_snapshot: wide(2, STILL), [Narrow, Deduct(1)], [Snapshot, Restock(1)];
    late_take_then_refusal: wide(0, STILL), [Narrow], [Restock(2)], [Sit(1), Deduct(1), Deduct(1)];
    late_take_other_refuses: wide(0, STILL), [Restock(1)], [Sit(0), Deduct(1)], [Narrow, Deduct(1)];
}

// Widening, and one after the other.
scenarios! {
    widening_against_put: narrow(1, STILL), [Widen], [Restock(1), Deduct(2)];
    widening_against_take: narrow(2, STILL), [Widen], [Deduct(1), Deduct(1)];
    widening_against_gather: narrow(2, STILL), [Widen], [Deduct(2), Restock(2)];
    widening_against_refusal: narrow(2, STILL), [Widen], [Deduct(3), Deduct(2)];
    widening_against_up_to: narrow(2, STILL), [Widen], [DeductUpTo(1), DeductUpTo(2)];
    widenings: narrow(2, STILL), [Widen, Deduct(1)], [Widen, Deduct(2)];
    put_widen_deduct: narrow(0, STILL), [Restock(1), Deduct(2)], [Widen, Restock(1), Deduct(2)];
    refusal_widening_put_refusal: narrow(0, STILL), [Deduct(1), Deduct(2)], [Widen], [Restock(1), Deduct(2)];
    narrow_then_widen_beside_put: wide(1, STILL), [Narrow, Widen], [Restock(1), Deduct(2)];
    widen_then_narrow: narrow(1, STILL), [Widen, Narrow], [Deduct(1)];
    widen_then_narrow_beside_put: narrow(0, STILL), [Widen, Narrow], [Restock(1), Deduct(1)];
    proof_over_both: wide(1, STILL), [Narrow, Widen], [Deduct(2), Restock(1)];
}

// Snapshots and taking what there is.
scenarios! {
    snapshot_against_deducts: wide(2, STILL), [Snapshot], [Deduct(1), Deduct(1)];
    snapshot_against_puts: wide(0, STILL), [Snapshot], [Restock(1), Restock(1)];
    snapshot_against_gather: wide(2, STILL), [Snapshot], [Deduct(2)];
    snapshot_against_failing_gather: wide(2, STILL), [Snapshot], [Deduct(2), Deduct(1)];
    snapshot_against_up_to: wide(2, STILL), [Snapshot], [DeductUpTo(3)];
    snapshot_of_narrow: narrow(1, STILL), [Restock(1), Deduct(2)], [Snapshot, Snapshot];
    snapshot_against_widening: narrow(2, STILL), [Snapshot], [Widen, Deduct(1)];
    snapshot_that_widens_again: wide(2, RESTLESS), [Snapshot], [Restock(1), Deduct(1)];
    snapshot_turns_over_beside_put_and_take: wide(4, RESTLESS), [Snapshot], [Restock(1), Deduct(1)];
    snapshot_turns_over_beside_refusals: wide(4, RESTLESS), [Snapshot], [Restock(1), Deduct(5)];
    snapshot_turns_over_beside_gather: wide(4, RESTLESS), [Snapshot], [Deduct(3)];
    snapshot_turns_over_beside_up_to: wide(4, RESTLESS), [Snapshot], [DeductUpTo(5), Restock(1)];
    snapshots: wide(1, STILL), [Snapshot], [Snapshot], [Restock(1)];
    up_to_against_up_to: wide(2, STILL), [DeductUpTo(2)], [DeductUpTo(2)];
    up_to_against_up_to_and_put: wide(1, STILL), [DeductUpTo(2)], [DeductUpTo(2)], [Restock(1)];
    up_to_against_deduct: wide(2, STILL), [DeductUpTo(3)], [Deduct(1), Restock(1)];
    up_to_against_refusal: wide(2, STILL), [DeductUpTo(3)], [Deduct(2), Deduct(1)];
    up_to_against_gather: wide(2, STILL), [DeductUpTo(2)], [Deduct(2), Restock(1)];
    up_to_in_narrow: narrow(2, STILL), [DeductUpTo(1), DeductUpTo(3)], [Deduct(1), Restock(2)];
    up_to_from_word: wide_in_word(2, STILL), [DeductUpTo(3)], [Deduct(1), Restock(1)];
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

// Reservations. Halves of a split one are settled by two threads.
scenarios! {
    halves_of_a_reservation: reserved(2, narrow(2, STILL)), [Commit(1), Deduct(1)], [Release(1), Snapshot];
    halves_of_a_wide_reservation: reserved(2, wide(2, STILL)), [Commit(1), Deduct(1)], [Release(1), Deduct(1)];
    halves_beside_snapshot: reserved(2, wide(2, STILL)), [Commit(1)], [Release(1)], [Snapshot];
    word_reservations: narrow(2, STILL), [Reserve(1), Commit(1)], [Reserve(2), Release(2)], [Deduct(1)];
    wide_reservations: wide(2, STILL), [Reserve(1), Release(1)], [Reserve(1), Commit(1)], [Deduct(2)];
    release_beside_refusals: reserved(1, wide(2, STILL)), [Release(1), Deduct(2)], [Restock(1), Deduct(2)];
    store_buffering_of_releases: reserved(2, wide(2, STILL)), [Release(1), Deduct(2)], [Release(1), Deduct(2)];
    store_buffering_of_release_and_put: reserved(1, wide(1, STILL)), [Release(1), Deduct(2)], [Restock(1), Deduct(2)];
    first_release_beside_moving_units: reserved(2, wide(2, STILL)), [Release(1)], [Sit(0), Release(1), Sit(1), Deduct(1)];
    first_release_taken_beside_available: reserved(1, lopsided(1, STILL)), [Release(1)], [Sit(0), Deduct(1)], [Available, Available];
    narrowing_against_first_release: reserved(1, lopsided(1, STILL)), [Narrow], [Release(1), Deduct(1)];
    narrowing_against_releases: released_before(wide(3, STILL)), [Narrow], [Release(1), Deduct(1)];
    widening_against_release: reserved(1, narrow(2, STILL)), [Widen, Deduct(1)], [Release(1), Deduct(2)];
    reserve_against_narrowing: wide(2, STILL), [Narrow], [Reserve(1), Snapshot];
    reserve_against_widening: narrow(2, STILL), [Widen], [Reserve(1), Release(1), Snapshot];
    settled_till_against_gather: reserved(2, wide(4, STILL)), [Commit(1), Release(1)], [Deduct(3)];
    till_against_gather: wide(4, STILL), [Reserve(2), Commit(1), Release(1)], [Deduct(3)];
    snapshot_against_reservations: wide(2, STILL), [Reserve(1), Release(1)], [Snapshot];
    snapshot_turns_over_beside_reservations: reserved(1, wide(4, RESTLESS)), [Reserve(1), Release(2)], [Snapshot];
    snapshot_turns_over_beside_commits: reserved(2, wide(5, RESTLESS)), [Commit(1), Release(1)], [Snapshot];
    reserve_beside_reserve: lopsided(4, STILL), [Reserve(1), Reserve(1)], [Sit(0), Reserve(1), Reserve(1)];
    reserve_while_another_notes: reserved(1, lopsided(4, STILL)), [Reserve(1), Reserve(1)], [Sit(0), Reserve(1)];
    reserve_beside_deducts: lopsided(4, STILL), [Reserve(1), Reserve(1)], [Sit(0), Deduct(1), Reserve(1)];
    reserve_beside_more_at_once: lopsided(4, STILL), [Reserve(1), Reserve(1)], [Sit(0), Reserve(2), Snapshot];
    many_reserved: narrow(2_000, STILL), [Reserve(600), Snapshot], [Reserve(400), Commit(400)];
    many_released: reserved(1_200, narrow(2_000, STILL)), [Release(600), Snapshot], [Commit(600)];
}

/// [`late_take_then_refusal`] for reserved units. With a clock alone: that takes a third of the time,
/// and what it is to find shows in one thread's own sequence.
#[test]
fn late_reserve_then_refusal() {
    let scripts = scripts![[Narrow], [Restock(2)], [Sit(1), Reserve(1), Deduct(1)]];
    Scenario::new("late_reserve_then_refusal", wide(0, STILL), scripts).explore_with_a_clock();
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

/// Narrow for ever.
fn single(units: u64) -> impl Fn() -> (Model, Stock) {
    move || {
        let builder = Stock::builder(units).max_segments(1).tuning(STILL);
        (Model::new(units), builder.build().unwrap())
    }
}

// Stock that owes.
scenarios! {
    owed_beside_a_late_restock: wide(0, STILL), [Withdraw(1)], [Restock(2)];
    owed_beside_a_late_release: reserved(2, wide(2, STILL)), [Withdraw(1)], [Release(2)];
    owed_beside_a_commit: reserved(1, wide(1, STILL)), [Withdraw(1), Snapshot], [Commit(1)];
    owed_in_a_word: single(1), [Withdraw(2)], [Restock(2), Deduct(1)];
}

// The triggers: nobody forces anything here.
scenarios! {
    contention_widens: narrow(4, RESTLESS), [Deduct(1), Deduct(1)], [Deduct(1), Restock(1)];
    refusal_narrows: wide(1, SHRINKING), [Deduct(2), Deduct(1)], [Restock(1), Deduct(1)];
    refusals_narrow: wide(0, SHRINKING), [Deduct(1), Restock(1)], [Deduct(1), Deduct(1)];
    both: wide(2, RESTLESS), [Deduct(1), Deduct(1)], [Deduct(1), Restock(1)];
    gather_spreads_the_word: wide_in_word(2, RESTLESS), [Deduct(1)], [Deduct(2)];
    restock_dealt_out: wide(0, RESTLESS), [Restock(2), Deduct(1)], [Deduct(1), Deduct(1)];
    restock_dealt_out_beside_refusals: wide(0, RESTLESS), [Restock(2)], [Deduct(1), Deduct(2)];
    restock_beyond_its_room: wide_in_word(1, STILL), [Restock(1)], [Deduct(1), Restock(1)];
    large_restock: narrow(0, STILL), [Restock(1 << 20), Snapshot], [Restock(1), Deduct(2)];
    large_restock_of_wide: wide(1, STILL), [Restock(1 << 30)], [Deduct(2), Snapshot];
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
}

/// Minutes each, and not in CI: `.ci/loom long`.
mod long {
    use super::*;

    payloads! {
        served_beside_narrowing: wide(0, STILL), [Restock(1)], [Narrow], [Deduct(1)];
    }

    scenarios! {
        owed_in_a_growing_word: narrow(1, STILL), [Withdraw(2)], [Restock(2), Deduct(1)];
        owed_beside_a_deduct: wide(2, STILL), [Withdraw(3)], [Deduct(1)];
        owed_forgiven: wide(0, STILL), [Withdraw(2), Forgive(1)], [Restock(2), Deduct(1)];
        owed_twice: wide(1, STILL), [Withdraw(2)], [Withdraw(1), Restock(2)];
        owed_beside_a_gather: wide(2, STILL), [Withdraw(3)], [Deduct(2), Restock(1)];
        owed_then_widening: narrow(0, STILL), [Withdraw(1), Widen], [Restock(2), Deduct(1)];
        owed_beside_a_snapshot: wide(0, STILL), [Withdraw(1), Snapshot], [Restock(2), Deduct(1)];
        owed_beside_a_late_restock_and_a_late_deduct: wide(0, STILL), [Withdraw(1)], [Restock(2)], [Sit(1), Deduct(1), Deduct(1)];
        gather_and_narrowing: wide(2, SHRINKING), [Deduct(2)], [Deduct(2)];
        gather_fails_and_narrowing: wide(2, SHRINKING), [Deduct(2)], [Deduct(1), Deduct(1)];
        narrowing_against_release_and_refusal: released_before(wide(3, STILL)), [Narrow], [Release(1)], [Deduct(2)];
        late_release_then_take: reserved(2, lopsided(2, STILL)), [Narrow], [Release(2)], [Sit(1), Deduct(1), Deduct(1)];
        gather_in_narrow_beside_refusal: wide(2, STILL), [Deduct(2)], [Narrow], [Deduct(2)];
        widening_against_takes: narrow(2, STILL), [Widen, Deduct(1)], [Deduct(1)], [Deduct(1)];
        widening_against_refusals: narrow(2, STILL), [Widen], [Deduct(3), Deduct(1)], [Deduct(2)];
        late_up_to: wide(0, STILL), [Narrow], [Restock(2)], [Sit(1), DeductUpTo(1), Deduct(1)];
        narrowing_against_takes: lopsided(1, STILL), [Narrow], [Sit(0), Deduct(1), Restock(1)], [Deduct(1)];
        narrow_then_widen: wide(2, STILL), [Narrow, Widen], [Deduct(2)];
        narrowing_against_put_and_refusal: wide(0, STILL), [Narrow], [Restock(1)], [Deduct(1), Deduct(1)];
    }
}

/// Small enough for three preemptions: `.ci/loom` runs them so, besides.
mod three {
    use super::*;

    scenarios! {
        word: narrow(2, STILL), [Deduct(1), Restock(1)], [Deduct(2)], [Deduct(1)];
        segment: lopsided(2, STILL), [Deduct(1), Restock(1)], [Sit(0), Deduct(2)], [Deduct(1)];
        proofs: wide(0, STILL), [Restock(1), Deduct(2)], [Restock(1), Deduct(2)];
        gather: wide(2, STILL), [Deduct(2)], [Deduct(1), Deduct(1)];
        gathers: wide(2, STILL), [Deduct(2)], [Deduct(2), Restock(1)];
        put: wide(0, STILL), [Narrow], [Restock(1), Deduct(1)];
        widening: narrow(2, STILL), [Widen], [Deduct(2), Restock(1)];
    }
}
