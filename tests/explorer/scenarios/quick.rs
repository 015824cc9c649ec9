//! Scenarios that loom would not finish, for every change.

use super::*;

/// Two to four threads, mostly beside a change of form.
pub static QUICK: LazyLock<Vec<Scenario>> = LazyLock::new(|| {
    scenarios! {
        snapshot_while_another_notes: reserved(1, lopsided(4, STILL)), [Reserve(1), Reserve(1)], [Snapshot];
        snapshot_beside_a_reservation_that_comes_and_goes: reserved(1, wide(3, STILL)), [Reserve(1), Release(1)], [Snapshot];
        owed_beside_two_late_restocks: wide(0, STILL), [Withdraw(2)], [Restock(1)], [Sit(0), Restock(2)];
        owed_beside_a_late_release_and_a_restock: reserved(1, wide(1, STILL)), [Withdraw(1)], [Release(1)], [Restock(1)];
        owed_forgiven_beside_a_late_restock_and_late_deducts: wide(0, STILL), [Withdraw(1), Forgive(1)], [Restock(2)], [Sit(1), Deduct(1), Deduct(1)];
        snapshot_beside_a_late_reserve: wide(0, STILL), [Snapshot], [Restock(1)], [Sit(1), Reserve(1)];
        snapshot_beside_late_puts_and_a_commit: reserved(2, wide(2, STILL)), [Snapshot], [Release(1), Commit(1)], [Restock(1)];
        owed_by_two: wide(1, STILL), [Withdraw(2)], [Withdraw(1), Deduct(1)], [Restock(2)];
        owed_and_forgiven_beside_a_late_restock: wide(0, STILL), [Withdraw(1)], [Forgive(1), Deduct(1)], [Restock(1)];
        owed_beside_a_snapshot_and_a_late_restock: wide(0, STILL), [Withdraw(1)], [Snapshot], [Restock(2), Deduct(1)];
        turn_overs_beside_put_and_take: wide(4, RESTLESS), [Snapshot, Snapshot], [Restock(1), Deduct(1)];
        two_turn_over_beside_put_and_take: wide(4, RESTLESS), [Snapshot], [Snapshot], [Restock(1), Deduct(1)];
        turn_over_beside_gathers: wide(4, RESTLESS), [Snapshot], [Deduct(3)], [Deduct(3)];
        turn_over_beside_up_to_and_put: wide(3, RESTLESS), [Snapshot], [DeductUpTo(4)], [Restock(1)];
        turn_over_beside_reservations_of_two: reserved(1, wide(4, RESTLESS)), [Snapshot], [Reserve(1), Release(1)], [Commit(1)];
        late_put_beside_two_narrowers: wide(0, STILL), [Narrow, Widen], [Narrow], [Restock(1), Deduct(1)];
        late_take_then_refusals: wide(0, STILL), [Narrow], [Restock(2)], [Sit(1), Deduct(1)], [Deduct(1)];
        widening_and_narrowing_beside_gather: narrow(3, STILL), [Widen, Narrow], [Deduct(2)], [Deduct(2), Restock(1)];
        four_store_buffers: wide(0, STILL), [Restock(1), Deduct(2)], [Restock(1), Deduct(2)], [Deduct(1)];
        gathers_of_three: wide(4, STILL), [Deduct(3)], [Deduct(3)], [Deduct(3)];
        contention_widens_beside_refusal: narrow(4, RESTLESS), [Deduct(1), Deduct(1)], [Deduct(1), Restock(1)], [Deduct(5)];
        reservations_beside_narrowing: wide(2, STILL), [Narrow], [Reserve(1), Release(1)], [Reserve(1), Commit(1)];
        restock_dealt_out_beside_gather: wide(2, RESTLESS), [Restock(2)], [Deduct(3)], [Deduct(1), Restock(1)];
        refusals_narrow_beside_put: wide(0, SHRINKING), [Deduct(1), Restock(1)], [Deduct(1), Deduct(1)], [Restock(1)];
    }
});
