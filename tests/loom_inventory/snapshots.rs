//! Snapshots beside moves and beside holds that are placed or settled.

use super::*;
use segstock::inventory::{OrderHolds, SkuRow};
use segstock::{Holds, ManualClock, Placed, Settled};
use std::time::Duration;

/// Of each SKU in a snapshot what is available, and what is on the way to it or from it.
fn kept_of_two(shop: &Shop) -> Vec<(u64, u64)> {
    let rows = shop.snapshot().skus;
    let units = |row: &SkuRow<&str>| (row.snapshot.available, row.snapshot.on_the_way);
    rows.iter().map(units).collect()
}

fn units(kept: &[(u64, u64)]) -> u64 {
    kept.iter()
        .map(|(available, on_the_way)| available + on_the_way)
        .sum()
}

#[test]
fn snapshot_against_a_move() {
    race(
        "snapshot_against_a_move",
        &[("a", 2), ("b", 0)],
        |shop| shop.send("a", "b", 1).unwrap().arrive().is_ok(),
        |shop| kept_of_two(shop),
        &["true | [(1, 1), (0, 0)]"],
        |subject, arrived, kept| {
            assert!(arrived);
            assert_eq!(units(&kept), 2, "never twice, never nowhere: {kept:?}");
            assert_eq!(on_hand(&subject.shop.snapshot()), 2);
        },
    );
}

#[test]
fn snapshot_of_wide_stocks_against_a_move() {
    race_wide(
        "snapshot_of_wide_stocks_against_a_move",
        &[("a", 2), ("b", 0)],
        |shop| kept_of_two(shop),
        |shop| shop.move_units("a", "b", 1),
        &["[(1, 1), (0, 0)] | Ok(())"],
        |subject, kept, moved| {
            assert_eq!(moved, Ok(()));
            assert_eq!(units(&kept), 2, "never twice, never nowhere: {kept:?}");
            assert_eq!(on_hand(&subject.shop.snapshot()), 2);
        },
    );
}

type Orders = OrderHolds<u64, Arc<Shop>, Arc<ManualClock>, Hasher>;

const MINUTE: Duration = Duration::from_secs(60);

/// An inventory with an order to be held.
struct Till {
    shop: Arc<Shop>,
    holds: Orders,
}

impl Till {
    fn new() -> Self {
        let builder = Holds::builder().clock(Arc::new(ManualClock::new()));
        Self {
            shop: Subject::new(&[("a", 2), ("b", 1)]).shop,
            holds: builder.hasher(Hasher::default()).shards(1).build(),
        }
    }

    fn place(&self) {
        let order = |lines: &Vec<Line>| Arc::clone(&self.shop).order_owned(lines.iter().copied());
        let placed = self.holds.place(1, vec![("a", 2), ("b", 1)], MINUTE, order);
        assert!(matches!(placed, Ok(Placed::Now(_))));
    }

    /// Keeps it, and opens what was kept. Returns the number of SKUs, of holds, and of units reserved.
    fn keep(&self) -> (usize, u64, u64) {
        let kept = self.shop.snapshot_with(&self.holds);
        for row in &kept.skus {
            let sold = row.snapshot.initial.checked_sub(row.snapshot.on_hand());
            assert_eq!(sold, Some(row.snapshot.sold), "{row:?}");
        }
        let (again, restored) = Inventory::builder().restore(&kept).unwrap();
        let held = kept.holds.len() as u64;
        let reserved: u64 = kept.skus.iter().map(|row| row.snapshot.reserved).sum();
        assert_eq!(Some(restored.freed), reserved.checked_sub(3 * held));
        let builder = Holds::builder().clock(Arc::new(ManualClock::new()));
        let holds = builder.shards(1).build();
        assert_eq!(
            kept.place_holds(&Arc::new(again), &holds),
            Ok(held as usize)
        );
        (kept.skus.len(), held, reserved)
    }
}

/// What is held is reserved, in a snapshot beside an order that is placed, or settled. That nothing is
/// settled in the middle of one is beyond loom, to which the load of who gives back hides that of who
/// looks: threads find it, in `tests/inventory/snapshot.rs`.
fn keeping(
    name: &str,
    open: fn() -> Arc<Till>,
    beside: fn(&Till),
    between: &'static [&'static str],
) {
    let race = Race {
        name: name.to_owned(),
        open: Arc::new(open),
        one: Arc::new(Till::keep),
        other: Arc::new(beside),
        check: Arc::new(|_: &Till, _, ()| ()),
        between,
    };
    race.explore();
}

fn placed() -> Arc<Till> {
    let till = Till::new();
    till.place();
    Arc::new(till)
}

#[test]
fn snapshot_against_a_hold_that_is_sold() {
    keeping(
        "snapshot_against_a_hold_that_is_sold",
        placed,
        |till| {
            assert_eq!(till.holds.confirm(&1), Ok(Settled::Now));
        },
        &[],
    );
}

#[test]
fn snapshot_against_a_hold_that_is_released() {
    keeping(
        "snapshot_against_a_hold_that_is_released",
        placed,
        |till| {
            assert_eq!(till.holds.release(&1), Ok(Settled::Now));
        },
        &[],
    );
}

/// A SKU that is held when it is looked at is in the snapshot, though it be taken away before the end.
#[test]
fn snapshot_against_a_hold_whose_skus_go() {
    keeping(
        "snapshot_against_a_hold_whose_skus_go",
        placed,
        |till| {
            assert_eq!(till.holds.confirm(&1), Ok(Settled::Now));
            for sku in ["a", "b"] {
                _ = till.shop.remove(sku).unwrap();
            }
        },
        &["(1, 0, 0) | ()", "(2, 0, 0) | ()"],
    );
}

#[test]
fn snapshot_against_a_hold_that_is_placed() {
    let empty = || Arc::new(Till::new());
    keeping(
        "snapshot_against_a_hold_that_is_placed",
        empty,
        Till::place,
        &["(2, 0, 1) | ()", "(2, 0, 2) | ()", "(2, 0, 3) | ()"],
    );
}
