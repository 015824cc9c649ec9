//! Snapshots beside moves and beside holds that are placed or settled.

use super::*;
use segstock::inventory::OrderHolds;
use segstock::{HoldError, Holds, ManualClock, Placed, Settled};
use std::time::Duration;

#[test]
fn snapshot_against_a_move() {
    race(
        "snapshot_against_a_move",
        &[("a", 2), ("b", 0)],
        |shop| shop.send("a", "b", 1).unwrap().arrive().is_ok(),
        |shop| shop.snapshot(),
        |subject, arrived, kept| {
            assert!(arrived);
            assert_eq!(on_hand(&kept), 2, "never twice, never nowhere: {kept:?}");
            assert_eq!(on_hand(&subject.shop.snapshot()), 2);
        },
    );
}

#[test]
fn snapshot_of_wide_stocks_against_a_move() {
    race_wide(
        "snapshot_of_wide_stocks_against_a_move",
        &[("a", 2), ("b", 0)],
        |shop| shop.snapshot(),
        |shop| shop.move_units("a", "b", 1),
        |subject, kept, moved| {
            assert_eq!(moved, Ok(()));
            assert_eq!(on_hand(&kept), 2, "never twice, never nowhere: {kept:?}");
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

    /// Keeps it, and opens what was kept.
    fn keep(&self) {
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
    }
}

type Settle = fn(&Orders, &u64) -> Result<Settled, HoldError>;

const WAYS: [(&str, Settle); 2] = [("sold", Orders::confirm), ("released", Orders::release)];

/// What is held is reserved, in a snapshot beside an order that is placed, or settled. That nothing is
/// settled in the middle of one is beyond loom, to which the load of who gives back hides that of who
/// looks: threads find it, in `tests/inventory_snapshot`.
fn keeping(name: &str, before: fn(&Till), beside: impl Fn(&Till) + Copy + Send + Sync + 'static) {
    let executions = support::arena::model(move || {
        let till = Arc::new(Till::new());
        before(&till);
        let (start, theirs) = (StartLine::new(), Arc::clone(&till));
        let line = start.clone();
        // Who reads stands last: see the arena.
        let keeper = thread::spawn(move || {
            line.pass();
            theirs.keep();
        });
        start.pass();
        beside(&till);
        keeper.join().unwrap();
    });
    println!("{name:<44} {executions:>9} executions");
    assert!(executions > 1, "{name}: without a choice nothing is found");
}

#[test]
fn snapshot_against_a_hold_that_is_settled() {
    for (way, settle) in WAYS {
        let settle = move |till: &Till| assert_eq!(settle(&till.holds, &1), Ok(Settled::Now));
        keeping(
            &format!("snapshot_against_a_hold, {way}"),
            Till::place,
            settle,
        );
    }
}

/// A SKU that is held when it is looked at is in the snapshot, though it be taken away before the end.
#[test]
fn snapshot_against_a_hold_whose_skus_go() {
    keeping(
        "snapshot_against_a_hold, and removal",
        Till::place,
        |till| {
            assert_eq!(till.holds.confirm(&1), Ok(Settled::Now));
            for sku in ["a", "b"] {
                _ = till.shop.remove(sku).unwrap();
            }
        },
    );
}

#[test]
fn snapshot_against_a_hold_that_is_placed() {
    keeping("snapshot_against_a_hold, placed", |_| (), Till::place);
}
