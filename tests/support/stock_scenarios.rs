//! The scenarios of a `Stock` that both loom and the explorer play: those of small numbers.
//!
//! Each says how the stock opens and what each thread does. `tests/loom_stock.rs` makes a test of each;
//! `tests/explorer/scenarios` plays them on a description of the code.

/// Gives all of them to the macro `$scenarios`, but for the long ones.
macro_rules! stock_scenarios {
    ($scenarios:ident) => {
        $scenarios! {
            // Deduct against deduct.
            word_deducts: narrow(3, STILL), [Deduct(1), Deduct(2)], [Deduct(1), Deduct(1)];
            segment_deducts: wide(4, STILL), [Deduct(1), Deduct(1)], [Sit(0), Deduct(1), Deduct(2)];
            segment_put_and_take: wide(2, STILL), [Restock(1), Deduct(2)], [Sit(0), Deduct(1), Restock(1)];
            across_deducts: wide(2, STILL), [Deduct(1), Deduct(1)], [Deduct(1)], [Deduct(1)];
            across_lopsided: lopsided(2, STILL), [Deduct(1)], [Deduct(1)], [Deduct(1)];
            word_mixed: narrow(1, STILL), [Restock(1), Deduct(2)], [Deduct(1)], [DeductUpTo(3)];
            // Refusals by proof.
            store_buffering: wide(0, STILL), [Restock(1), Deduct(2)], [Restock(1), Deduct(2)];
            store_buffering_of_word_and_segment: wide(0, STILL), [Prove, Restock(1), Deduct(2)], [Restock(1), Deduct(2)];
            store_buffering_of_two: wide(0, STILL), [Restock(1), DeductUpTo(2)], [Restock(1), Deduct(2)];
            put_take_refuse: lopsided(1, STILL), [Deduct(1)], [Restock(1)], [Sit(0), Deduct(1), Deduct(1)];
            put_here_take_there: wide(0, STILL), [Restock(1), Restock(1)], [Deduct(1)], [Sit(0), Deduct(2)];
            refuse_beside_moving_units: wide(2, STILL), [Deduct(1), Restock(1)], [Deduct(1), Restock(1)], [Deduct(1)];
            available_beside_all: wide(2, STILL), [Deduct(1), Available], [Restock(1), Available], [Deduct(2)];
            // Gathers.
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
            // Narrowing.
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
            // Widening, and one after the other.
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
            // Snapshots and taking what there is.
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
            // Reservations. Halves of a split one are settled by two threads.
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
            // Reserving what there is.
            reserve_up_to_in_narrow: narrow(2, STILL), [ReserveUpTo(1), ReserveUpTo(3)], [Deduct(1), Restock(2)];
            reserve_up_to_twice: wide(2, STILL), [ReserveUpTo(2), Commit(2)], [ReserveUpTo(2), Release(2)];
            reserve_up_to_against_deduct: wide(2, STILL), [ReserveUpTo(3)], [Deduct(1), Restock(1)];
            reserve_up_to_against_gather: wide(2, STILL), [ReserveUpTo(2), Release(2)], [Deduct(2)];
            reserve_up_to_of_moving_units: wide(2, STILL), [ReserveUpTo(3)], [Sit(0), Restock(1), Sit(1), Deduct(1)];
            reserve_up_to_from_word: wide_in_word(2, STILL), [ReserveUpTo(3)], [Deduct(1), Restock(1)];
            reserve_up_to_from_a_segment: lopsided(3, STILL), [ReserveUpTo(1), ReserveUpTo(1)], [Sit(0), Reserve(1)];
            reserve_up_to_against_narrowing: wide(2, STILL), [Narrow, Restock(1)], [ReserveUpTo(3), Snapshot];
            reserve_up_to_against_widening: narrow(2, STILL), [Widen], [ReserveUpTo(1), ReserveUpTo(2), Snapshot];
            reserve_up_to_beside_snapshot: wide(2, STILL), [Snapshot], [ReserveUpTo(3)];
            // Stock that owes.
            owed_beside_a_reserve_up_to: wide(2, STILL), [ReserveUpTo(3), Release(3)], [Withdraw(3)];
            owed_beside_a_reserve_up_to_in_a_word: single(2), [ReserveUpTo(3), Release(3)], [Withdraw(3), Snapshot];
            owed_beside_a_late_restock: wide(0, STILL), [Withdraw(1)], [Restock(2)];
            owed_beside_a_late_release: reserved(2, wide(2, STILL)), [Withdraw(1)], [Release(2)];
            owed_beside_a_commit: reserved(1, wide(1, STILL)), [Withdraw(1), Snapshot], [Commit(1)];
            owed_in_a_growing_word: narrow(1, STILL), [Restock(2), Deduct(1)], [Withdraw(2)];
            owed_beside_a_deduct: wide(2, STILL), [Deduct(1)], [Withdraw(3)];
            owed_twice: wide(1, STILL), [Withdraw(2)], [Withdraw(1), Restock(2)];
            owed_beside_a_gather: wide(2, STILL), [Deduct(2), Restock(1)], [Withdraw(3)];
            owed_then_widening: narrow(0, STILL), [Restock(2), Deduct(1)], [Withdraw(1), Widen];
            owed_snapshot_beside_a_late_restock: wide(0, STILL), [Withdraw(1), Snapshot], [Restock(1)];
            owed_snapshot_beside_a_commit_before_a_late_restock: reserved(1, wide(1, STILL)), [Withdraw(2), Snapshot], [Commit(1), Restock(1)];
            owed_snapshot_beside_a_commit_before_a_late_release: reserved(2, wide(2, STILL)), [Withdraw(2), Snapshot], [Commit(1), Release(1)];
            owed_restock_beside_a_late_restock: wide(0, STILL), [Withdraw(1), Restock(1)], [Restock(1)];
            owed_in_a_word: single(1), [Withdraw(2)], [Restock(2), Deduct(1)];
            // The triggers: nobody forces anything here.
            contention_widens: narrow(4, RESTLESS), [Deduct(1), Deduct(1)], [Deduct(1), Restock(1)];
            refusal_narrows: wide(1, SHRINKING), [Deduct(2), Deduct(1)], [Restock(1), Deduct(1)];
            refusals_narrow: wide(0, SHRINKING), [Deduct(1), Restock(1)], [Deduct(1), Deduct(1)];
            both: wide(2, RESTLESS), [Deduct(1), Deduct(1)], [Deduct(1), Restock(1)];
            gather_spreads_the_word: wide_in_word(2, RESTLESS), [Deduct(1)], [Deduct(2)];
            restock_dealt_out: wide(0, RESTLESS), [Restock(2), Deduct(1)], [Deduct(1), Deduct(1)];
            restock_dealt_out_beside_refusals: wide(0, RESTLESS), [Restock(2)], [Deduct(1), Deduct(2)];
            restock_beyond_its_room: wide_in_word(1, STILL), [Restock(1)], [Deduct(1), Restock(1)];
        }
    };
}
pub(crate) use stock_scenarios;

/// Those that loom plays with a clock alone: that takes a third of the time, and what they are to find shows in one
/// thread's own sequence.
macro_rules! clocked_stock_scenarios {
    ($scenarios:ident) => {
        $scenarios! {
            late_reserve_then_refusal: wide(0, STILL), [Narrow], [Restock(2)], [Sit(1), Reserve(1), Deduct(1)];
            late_reserve_up_to_then_refusal: wide(0, STILL), [Narrow], [Restock(2)], [Sit(1), ReserveUpTo(1), Deduct(1)];
        }
    };
}
pub(crate) use clocked_stock_scenarios;

/// Those that are small enough for loom with three preemptions.
macro_rules! three_stock_scenarios {
    ($scenarios:ident) => {
        $scenarios! {
            word: narrow(2, STILL), [Deduct(1), Restock(1)], [Deduct(2)], [Deduct(1)];
            segment: lopsided(2, STILL), [Deduct(1), Restock(1)], [Sit(0), Deduct(2)], [Deduct(1)];
            proofs: wide(0, STILL), [Restock(1), Deduct(2)], [Restock(1), Deduct(2)];
            gather: wide(2, STILL), [Deduct(2)], [Deduct(1), Deduct(1)];
            gather_then_put: wide(2, STILL), [Deduct(2)], [Deduct(2), Restock(1)];
            put: wide(0, STILL), [Narrow], [Restock(1), Deduct(1)];
            widening: narrow(2, STILL), [Widen], [Deduct(2), Restock(1)];
        }
    };
}
pub(crate) use three_stock_scenarios;

/// Those that take loom minutes.
macro_rules! long_stock_scenarios {
    ($scenarios:ident) => {
        $scenarios! {
            // Units that are owed. With the bounds of CI these take 15 seconds each or do not see every outcome.
            owed_forgiven: wide(0, STILL), [Withdraw(2), Forgive(1)], [Restock(2), Deduct(1)];
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
    };
}
pub(crate) use long_stock_scenarios;
