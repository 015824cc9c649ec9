//! Scenarios that take minutes together.

use super::*;

/// Three and four threads beside two changes of form.
pub static HEAVY: LazyLock<Vec<Scenario>> = LazyLock::new(|| {
    scenarios! {
        // Two turn-overs.
        two_turn_over_beside_put_and_take_of_two: wide(4, RESTLESS), [Snapshot], [Snapshot], [Restock(1)], [Deduct(1)];
        two_turn_over_beside_put_and_refusal: wide(3, RESTLESS), [Snapshot], [Snapshot], [Restock(1)], [Deduct(4)];
        turn_overs_beside_put_and_takes: wide(4, RESTLESS), [Snapshot, Snapshot], [Restock(1)], [Deduct(1), Deduct(1)];
        turn_overs_beside_gathers: wide(4, RESTLESS), [Snapshot, Snapshot], [Deduct(3)], [Deduct(3), Restock(1)];
        turn_overs_beside_gather_and_put: wide(3, RESTLESS), [Snapshot, Snapshot], [Deduct(4)], [Restock(1)];
        turn_overs_beside_up_to_and_put: wide(3, RESTLESS), [Snapshot, Snapshot], [DeductUpTo(4)], [Restock(1)];
        turn_overs_beside_reservations: reserved(1, wide(4, RESTLESS)), [Snapshot, Snapshot], [Reserve(1)], [Release(1)];
        turn_overs_beside_commit_and_release: reserved(2, wide(5, RESTLESS)), [Snapshot, Snapshot], [Commit(1), Deduct(1)], [Release(1)];
        turn_over_then_narrowing_beside_put_and_takes: wide(2, RESTLESS), [Snapshot, Narrow], [Restock(1)], [Deduct(1), Deduct(1)];
        turn_over_beside_put_and_takes: wide(4, RESTLESS), [Snapshot], [Restock(1), Deduct(1)], [Deduct(1)];
        // A straggler beside two narrowings.
        late_put_beside_two_narrowings: wide(0, STILL), [Narrow, Widen, Narrow], [Restock(1), Deduct(1)], [Deduct(1)];
        late_put_and_takes_beside_two_narrowings: wide(0, STILL), [Narrow, Widen, Narrow], [Restock(2)], [Deduct(1), Deduct(1)];
        late_up_to_beside_two_narrowings: wide(0, STILL), [Narrow, Widen, Narrow], [Restock(2)], [DeductUpTo(1), Deduct(1)];
        late_release_beside_two_narrowings: released_before(wide(3, STILL)), [Narrow, Widen, Narrow], [Release(1)], [Deduct(2)];
        late_reserve_beside_two_narrowings: wide(0, STILL), [Narrow, Widen, Narrow], [Restock(1)], [Reserve(1), Release(1)];
        narrowings_and_widenings_of_two: wide(1, STILL), [Narrow, Widen], [Narrow, Widen], [Restock(1), Deduct(2)];
        narrowing_beside_gathers_and_put: wide(4, STILL), [Narrow, Widen], [Deduct(3)], [Deduct(2), Restock(1)];
        // Stock that owes.
        owed_beside_a_late_release_a_restock_and_a_deduct: reserved(1, wide(1, STILL)), [Withdraw(1)], [Release(1)], [Restock(1), Deduct(1)];
        owed_by_three: wide(1, STILL), [Withdraw(2)], [Withdraw(1)], [Restock(2), Deduct(1)];
        owed_beside_snapshot_and_late_puts: wide(0, STILL), [Withdraw(1)], [Snapshot], [Restock(1)], [Sit(1), Restock(1)];
        // Four threads.
        late_takes_then_refusal_of_four: wide(0, STILL), [Narrow], [Restock(2)], [Sit(1), Deduct(1)], [Sit(0), Deduct(2)];
        gathers_and_puts_of_four: wide(2, STILL), [Deduct(2)], [Restock(1)], [Deduct(2)], [Restock(1), Deduct(1)];
        store_buffers_of_four: wide(0, STILL), [Restock(1), Deduct(2)], [Restock(1)], [Deduct(2)], [Deduct(1)];
        snapshot_beside_gather_put_and_up_to: wide(2, STILL), [Snapshot], [Deduct(2)], [Restock(1)], [DeductUpTo(2)];
        reservations_of_four: wide(2, STILL), [Reserve(1), Commit(1)], [Reserve(1)], [Deduct(1)], [Narrow];
        // The triggers.
        refusals_narrow_and_contention_widens: wide(2, RESTLESS), [Deduct(1), Deduct(1)], [Deduct(2)], [Restock(1), Deduct(1)];
        gathers_narrow_beside_put: wide(2, SHRINKING), [Deduct(2)], [Deduct(2)], [Restock(1), Deduct(1)];
        restocks_dealt_out_beside_turn_over: wide(0, RESTLESS), [Restock(2)], [Restock(2), Deduct(3)], [Snapshot];
    }
});
