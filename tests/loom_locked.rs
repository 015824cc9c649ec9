//! [`LockedStock`] under the model checker. Run it with `.ci/loom`.
#![cfg(loom)]

mod support;

use segstock::{LockedStock, MAX_UNITS, Reserving, Selection};
use segstock_model::Model;
use segstock_model::Op::{
    Available, Commit, Deduct, DeductUpTo, Forgive, Release, Reserve, ReserveUpTo, Restock,
    Snapshot, Withdraw,
};
use segstock_model::Step::{FailingOrder, PanickingOrder, RestockingOrder, Sit};
use support::arena::{payloads, scenarios};

fn locked(units: u64, segments: usize) -> impl Fn() -> (Model, LockedStock) {
    move || {
        let builder = LockedStock::builder(units).segments(segments);
        let stock = builder.selection(Selection::ByThread).build().unwrap();
        (Model::new(units), stock)
    }
}

scenarios! {
    single_lock: locked(2, 1), [Deduct(1), Deduct(1)], [Deduct(1), Restock(1)];
    single_lock_all: locked(2, 1), [DeductUpTo(3), Snapshot], [Deduct(1), Restock(1)], [Available, Deduct(2)];
    deducts: locked(2, 2), [Deduct(1), Deduct(1)], [Deduct(1)], [Deduct(1)];
    order_fails: locked(2, 2), [FailingOrder(1), Deduct(1)], [Deduct(1), Deduct(1)];
    order_fails_beside_waiting_deduct: locked(1, 1), [FailingOrder(1)], [Deduct(1)], [Deduct(1)];
    order_panics: locked(2, 2), [PanickingOrder(1), Deduct(1)], [Deduct(1), Deduct(1)];
    order_panics_across: locked(2, 2), [PanickingOrder(2)], [Deduct(2)];
    order_across: locked(2, 2), [Deduct(2)], [Deduct(1), Restock(1)];
    order_across_beside_deducts: locked(2, 2), [Deduct(2)], [Deduct(1)], [Deduct(1)];
    orders_across: locked(4, 2), [Deduct(3)], [Deduct(3), Restock(1)];
    order_across_fails: locked(2, 2), [FailingOrder(2)], [Deduct(1), Deduct(1)];
    refusal_beside_order: locked(1, 2), [FailingOrder(1)], [Deduct(2), Deduct(1)];
    refusal_beside_orders: locked(2, 2), [Deduct(1), Restock(1)], [Deduct(1), Restock(1)], [Deduct(2)];
    restock_within_order: locked(1, 2), [RestockingOrder(1, 1)], [Deduct(1), Deduct(1)];
    restock_within_order_dealt_out: locked(1, 2), [RestockingOrder(1, 2)], [Deduct(2), Deduct(1)];
    store_buffering: locked(0, 2), [Restock(1), Deduct(2)], [Restock(1), Deduct(2)];
    restocks_at_the_limit: locked(MAX_UNITS - 2, 3), [Restock(2), Deduct(1)], [Restock(1), Restock(1)];
    put_take_refuse: locked(1, 2), [Deduct(1)], [Restock(1)], [Sit(0), Deduct(1), Deduct(1)];
    snapshot_beside_orders: locked(2, 2), [Snapshot], [Deduct(1), Restock(1)], [Deduct(1)];
    snapshot_beside_order_across: locked(2, 2), [Snapshot, Snapshot], [Deduct(2), Restock(1)];
    up_to_beside_all: locked(2, 2), [DeductUpTo(3)], [Deduct(1), Restock(1)];
    up_to_beside_restocks_of_two_sizes: locked(0, 3), [DeductUpTo(9)], [Restock(1), Restock(3)];
    up_to_beside_up_to: locked(1, 2), [DeductUpTo(2)], [DeductUpTo(2)], [Restock(1)];
    reserve_up_to_beside_all: locked(2, 2), [ReserveUpTo(3), Release(3)], [Deduct(1), Restock(1)];
    reserve_up_to_beside_snapshot: locked(2, 2), [ReserveUpTo(3), Commit(1)], [Snapshot, Restock(1)];
    reserve_up_to_beside_restocks_of_two_sizes: locked(0, 3), [ReserveUpTo(9)], [Restock(1), Restock(3)];
    reservations: locked(2, 2), [Reserve(1), Release(1)], [Reserve(1), Commit(1)], [Deduct(2)];
    reservation_across: locked(2, 2), [Reserve(2), Commit(1), Release(1)], [Snapshot, Deduct(1)];
    releases_and_proof: locked(2, 2), [Reserve(1), Release(1), Deduct(2)], [Reserve(1), Release(1), Deduct(2)];
    owed_beside_a_restock: locked(1, 2), [Withdraw(2), Snapshot], [Restock(2), Deduct(1)];
    owed_beside_a_release: locked(2, 2), [Reserve(2), Release(2)], [Withdraw(3), Snapshot];
    owed_beside_a_reserve_up_to: locked(2, 2), [ReserveUpTo(3), Release(3)], [Withdraw(3), Snapshot];
    owed_forgiven: locked(0, 2), [Withdraw(2), Forgive(1)], [Restock(2), Deduct(1)];
    available_beside_all: locked(2, 2), [Deduct(2), Restock(2)], [Available, Available];
}

/// As `open` says, with `units` of it reserved.
fn reserved(
    units: u64,
    open: impl Fn() -> (Model, LockedStock),
) -> impl Fn() -> (Model, LockedStock) {
    move || {
        let (mut model, stock) = open();
        stock.reserve_units(units).unwrap();
        _ = model.apply(Reserve(units));
        (model, stock)
    }
}

/// As `open` says, and `units` more are withdrawn than it has.
fn owing(units: u64, open: impl Fn() -> (Model, LockedStock)) -> impl Fn() -> (Model, LockedStock) {
    move || {
        let (mut model, stock) = open();
        let withdrawn = units + stock.available();
        assert_eq!(stock.withdraw(withdrawn).owed, units);
        _ = model.apply(Withdraw(withdrawn));
        (model, stock)
    }
}

// A deduct happens after the restock, or the release, that served it: see `loom_stock.rs`.
payloads! {
    served_from_the_only_segment: locked(0, 1), [Restock(1)], [Deduct(1)];
    served_from_the_own_segment: locked(0, 2), [Restock(1)], [Sit(0), Deduct(1)];
    served_from_another_segment: locked(0, 2), [Restock(1)], [Deduct(1)];
    served_from_two_segments: locked(0, 2), [Restock(2)], [Deduct(2)];
    served_up_to_what_is_in_stock: locked(0, 2), [Restock(1)], [DeductUpTo(2)];
    served_with_a_reservation: locked(0, 2), [Restock(1)], [Reserve(1)];
    served_from_within_an_order: locked(1, 2), [RestockingOrder(1, 1)], [Deduct(1)];
    served_by_a_release: reserved(1, locked(1, 2)), [Release(1)], [Deduct(1)];
    served_by_a_release_in_the_segment: reserved(1, locked(1, 2)), [Release(1)], [Sit(0), Deduct(1)];
    served_beside_an_order_that_fails: locked(1, 1), [FailingOrder(1), Restock(1)], [Deduct(2)];
    served_by_the_rest_of_a_debt: owing(1, locked(0, 2)), [Restock(2)], [Deduct(1)];
    served_by_the_rest_of_a_debt_released: owing(1, reserved(2, locked(2, 2))), [Release(2)], [Deduct(1)];
}

/// An order in flight keeps nobody waiting but those who want its units.
#[test]
fn nobody_waits_for_an_order_but_for_its_units() {
    use loom::thread;
    use segstock::testing::sit_at;
    use std::sync::Arc;

    let executions = support::arena::model(|| {
        let stock = Arc::new(locked(2, 2)().1);
        sit_at(0, 2);
        let other = Arc::clone(&stock);
        // All of this happens within the order: whatever waited for it would wait for ever, and
        // loom reports a deadlock.
        let order = stock.deduct_with(1, || {
            let elsewhere = thread::spawn(move || {
                sit_at(0, 2);
                assert!(other.deduct(3).is_err(), "refused by proof");
                assert!(other.available() == 2 && other.snapshot().available == 2);
                assert!(other.restock(3).is_ok() && other.restock(1).is_ok());
                assert!(other.deduct(1).is_ok(), "the busy segment is passed over");
            });
            elsewhere.join().unwrap();
            Ok::<_, ()>(())
        });
        assert_eq!(order, Ok(()));
        assert_eq!(stock.available(), 4);
    });
    println!("nobody_waits_for_an_order: {executions} executions");
}
