//! Snapshots of an inventory: kept, restored, refused.

mod refused;

use segstock::inventory::{Inventory, InventorySnapshot, OrderHolds, OrderReservation, SkuRow};
use segstock::{HoldError, Holds, MAX_UNITS, ManualClock, Settled, Status, Stock};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);

type Shop = Arc<Inventory<String>>;
type Orders<'a> = OrderHolds<String, Shop, &'a ManualClock>;

fn place(shop: &Shop, holds: &Orders<'_>, key: &str, lines: &[(&str, u64)]) {
    let lines = lines.iter().map(|&(sku, n)| (sku.to_owned(), n)).collect();
    _ = holds
        .place(key.to_owned(), lines, MINUTE, |lines: &Vec<_>| {
            OrderReservation::new(Arc::clone(shop), lines.iter().cloned())
        })
        .unwrap();
}

#[test]
fn comes_back_as_it_was() {
    let clock = ManualClock::new();
    let (shop, holds): (Shop, Orders<'_>) =
        (Arc::default(), Holds::builder().clock(&clock).build());
    for (sku, units) in [("phone", 100), ("case", 50), ("none left", 1)] {
        shop.insert(sku.to_owned(), units).unwrap();
    }
    shop.deduct("phone", 7).unwrap();
    shop.deduct("none left", 1).unwrap();
    shop.restock("case", 5).unwrap();
    shop.write_off("case", 2).unwrap();
    shop.set_low_stock("phone", 90).unwrap();
    place(&shop, &holds, "order-1", &[("phone", 2), ("case", 1)]);
    clock.advance(MINUTE / 2);
    place(&shop, &holds, "order-2", &[("phone", 3), ("phone", 1)]);
    place(&shop, &holds, "paid", &[("case", 4)]);
    holds.confirm("paid").unwrap();
    let without_a_hold = shop.reserve("phone", 10).unwrap();
    let lorry = shop.send("case", "phone", 6).unwrap();

    let kept = shop.snapshot_with(&holds);
    drop((without_a_hold, lorry));
    let text = serde_json::to_string(&kept).unwrap();
    let read: InventorySnapshot<String, String> = serde_json::from_str(&text).unwrap();
    assert_eq!(read, kept);

    let (again, restored) = Inventory::builder().restore(&read).unwrap();
    assert_eq!((restored.skus, restored.freed), (3, 16));
    let again: Shop = Arc::new(again);
    let later = ManualClock::new();
    let held: Orders<'_> = Holds::builder().clock(&later).build();
    assert_eq!(read.place_holds(&again, &held).unwrap(), 2);
    for (sku, was) in shop.iter() {
        // What was freed was dropped in the first one, too.
        assert_eq!(again.get(&sku), Some(was), "{sku}");
    }
    // The deadlines are those of before, and a retry finds its hold.
    place(&again, &held, "order-1", &[("phone", 2), ("case", 1)]);
    later.advance(MINUTE / 2);
    let confirm = |key: &str| held.confirm(&key.to_owned());
    assert_eq!(confirm("order-1"), Err(HoldError::Expired));
    assert!(matches!(
        held.get("order-2"),
        Some(Status::Held { held, .. }) if held.remaining == MINUTE / 2 && held.units == 4
    ));
    assert_eq!(confirm("order-2"), Ok(Settled::Now));
    let row = again.snapshot().skus.into_iter();
    let phone = row
        .filter(|row| row.sku == "phone")
        .map(|row| row.low_stock);
    assert_eq!(phone.collect::<Vec<_>>(), [90]);
}

/// A SKU that owes, with two holds and units reserved without one: these pay, and those that are held do not.
#[test]
fn what_is_owed_comes_back() {
    let clock = ManualClock::new();
    let (shop, holds): (Shop, Orders<'_>) =
        (Arc::default(), Holds::builder().clock(&clock).build());
    shop.insert("a".to_owned(), 10).unwrap();
    place(&shop, &holds, "order-1", &[("a", 2)]);
    place(&shop, &holds, "order-2", &[("a", 3)]);
    let without_a_hold = shop.reserve("a", 1).unwrap();
    let withdrawn = shop.withdraw("a", 8).unwrap();
    assert_eq!((withdrawn.taken, withdrawn.owed), (4, 4));
    let kept = shop.snapshot_with(&holds);
    drop(without_a_hold);

    let (again, restored) = Inventory::builder().restore(&kept).unwrap();
    assert_eq!(restored.freed, 0, "it paid");
    let again: Shop = Arc::new(again);
    let snapshot = again.get("a").unwrap();
    assert_eq!(
        (snapshot.owed, snapshot.withdrawn, snapshot.sold),
        (3, 8, 0)
    );
    let held: Orders<'_> = Holds::builder().clock(&clock).build();
    assert_eq!(kept.place_holds(&again, &held).unwrap(), 2);
    assert_eq!(again.get("a"), shop.get("a"));
    // Both owe equally from here on.
    for (shop, holds) in [(&shop, &holds), (&again, &held)] {
        holds.release("order-1").unwrap();
        holds.confirm("order-2").unwrap();
        let snapshot = shop.get("a").unwrap();
        assert_eq!(
            (snapshot.available, snapshot.owed, snapshot.sold),
            (0, 1, 3)
        );
        shop.restock("a", 3).unwrap();
        assert_eq!(shop.available("a"), Some(2));
    }
}

/// Whether holds are placed again or not, no unit that is owed is for sale at the end.
#[test]
fn a_hold_that_ended_meanwhile_pays_what_is_owed() {
    let clock = ManualClock::new();
    let (shop, holds): (Shop, Orders<'_>) =
        (Arc::default(), Holds::builder().clock(&clock).build());
    shop.insert("a".to_owned(), 5).unwrap();
    place(&shop, &holds, "order-1", &[("a", 5)]);
    _ = shop.withdraw("a", 2).unwrap();
    let kept = shop.snapshot_with(&holds);

    let (again, restored) = Inventory::builder()
        .restore(&kept.clone().after(MINUTE))
        .unwrap();
    assert_eq!(restored.freed, 3);
    assert_eq!(
        again.get("a").map(|it| (it.available, it.owed)),
        Some((3, 0))
    );

    // Forgiven before the holds are placed: part of what waits for them.
    let (again, _) = Inventory::builder().restore(&kept).unwrap();
    let again: Shop = Arc::new(again);
    assert_eq!(again.forgive("a", 1), Ok(1));
    let held: Orders<'_> = Holds::builder().clock(&clock).build();
    assert_eq!(kept.place_holds(&again, &held).unwrap(), 1);
    holds.release("order-1").unwrap();
    held.release("order-1").unwrap();
    assert_eq!(
        (shop.available("a"), again.available("a")),
        (Some(3), Some(4))
    );
    assert_eq!(kept.place_holds(&again, &held).unwrap_or(0), 0);
    assert_eq!(again.get("a").unwrap().withdrawn, 1, "owed once");
}

#[test]
fn a_snapshot_without_withdrawn_units_is_read() {
    let mut old = kept();
    let snapshot = old["skus"][0]["snapshot"].as_object_mut().unwrap();
    assert!(snapshot.remove("owed").is_some() && snapshot.remove("withdrawn").is_some());
    let read = serde_json::from_value::<InventorySnapshot<String, String>>(old).unwrap();
    let kept = serde_json::from_value(kept()).unwrap();
    assert_eq!(read, kept);
}

/// A small snapshot as JSON, to be spoilt.
fn kept() -> Value {
    let clock = ManualClock::new();
    let (shop, holds): (Shop, Orders<'_>) =
        (Arc::default(), Holds::builder().clock(&clock).build());
    shop.insert("a".to_owned(), 10).unwrap();
    shop.deduct("a", 3).unwrap();
    place(&shop, &holds, "order", &[("a", 2)]);
    serde_json::to_value(shop.snapshot_with(&holds)).unwrap()
}

/// What a stock can hold at most is kept and comes back.
#[test]
fn a_full_stock_comes_back() {
    let shop = Inventory::new();
    shop.insert("a".to_owned(), MAX_UNITS).unwrap();
    let (again, _) = Inventory::<String>::builder()
        .restore(&shop.snapshot())
        .unwrap();
    assert_eq!(again.available("a"), Some(MAX_UNITS));
}

#[test]
fn thresholds_of_low_stock_are_kept() {
    let shop = Inventory::new();
    for (sku, units) in [("plenty", 10), ("low", 3), ("none", 0)] {
        shop.insert(sku.to_owned(), units).unwrap();
    }
    for sku in ["plenty", "low"] {
        shop.set_low_stock(sku, 5).unwrap();
    }
    let (again, _) = Inventory::builder().restore(&shop.snapshot()).unwrap();
    let low = |shop: &Inventory<String>| shop.low_stock().collect::<Vec<_>>();
    assert_eq!(low(&again).len(), 1);
    assert_eq!(low(&again), low(&shop));
    again.deduct("plenty", 6).unwrap();
    assert_eq!(low(&again).len(), 2);
}

#[test]
fn holds_of_another_inventory_are_left_out() {
    let clock = ManualClock::new();
    let (shop, holds): (Shop, Orders<'_>) =
        (Arc::default(), Holds::builder().clock(&clock).build());
    let other: Shop = Arc::default();
    for (shop, units) in [(&shop, 1), (&other, 10)] {
        shop.insert("a".to_owned(), units).unwrap();
    }
    place(&other, &holds, "elsewhere", &[("a", 3)]);
    place(&shop, &holds, "here", &[("a", 1)]);
    let kept = shop.snapshot_with(&holds);
    assert_eq!(kept.holds.len(), 1);
    assert_eq!(kept.holds[0].key, "here");
    assert_eq!(kept.skus[0].snapshot, shop.get("a").unwrap());
}

#[test]
fn an_expired_hold_of_a_snapshot_is_free_again() {
    let mut kept = kept();
    kept["holds"][0]["remaining"] = json!({ "secs": 0, "nanos": 0 });
    let kept: InventorySnapshot<String, String> = serde_json::from_value(kept).unwrap();
    let (shop, restored) = Inventory::builder().restore(&kept).unwrap();
    assert_eq!(restored.freed, 2);
    let shop: Shop = Arc::new(shop);
    let clock = ManualClock::new();
    let holds: Orders<'_> = Holds::builder().clock(&clock).build();
    assert_eq!(kept.place_holds(&shop, &holds).unwrap(), 0);
    assert_eq!(shop.available("a"), Some(7));
}

/// No call has freed it yet: its units are reserved, and not held any more.
#[test]
fn an_expired_hold_is_not_kept() {
    let clock = ManualClock::new();
    let (shop, holds): (Shop, Orders<'_>) =
        (Arc::default(), Holds::builder().clock(&clock).build());
    shop.insert("a".to_owned(), 9).unwrap();
    place(&shop, &holds, "long expired", &[("a", 1)]);
    clock.advance(MINUTE / 2);
    place(&shop, &holds, "just expired", &[("a", 2)]);
    clock.advance(MINUTE / 4);
    place(&shop, &holds, "active", &[("a", 4)]);
    clock.advance(MINUTE * 3 / 4);
    let kept = serde_json::to_value(shop.snapshot_with(&holds)).unwrap();
    assert_eq!(kept["skus"][0]["snapshot"]["reserved"], 7, "{kept}");
    let held: Vec<_> = kept["holds"].as_array().unwrap().iter().collect();
    assert_eq!(held.len(), 1, "{kept}");
    let remaining = json!({ "secs": 15, "nanos": 0 });
    assert_eq!(
        (&held[0]["key"], &held[0]["remaining"]),
        (&json!("active"), &remaining)
    );
}

/// Ends the other threads, also when a check fails.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Whatever runs beside it, a snapshot can be restored: what is held never exceeds what is reserved,
/// and what is given back is not held.
#[test]
fn what_is_held_is_reserved_in_every_snapshot() {
    let clock = ManualClock::new();
    // Keys that ended are forgotten at once, or each snapshot would take longer than the last one.
    let forgetful = Holds::builder().retention(Duration::from_nanos(1));
    let (shop, holds): (Shop, Orders<'_>) = (Arc::default(), forgetful.clock(&clock).build());
    for sku in ["sold", "given back"] {
        // In segments, where what is reserved and what is settled are read one after the other.
        let stock = Stock::builder(50_000).segments(2).build().unwrap();
        shop.insert_stock(sku.to_owned(), stock).unwrap();
    }
    // Held all the time, in two orders, beside whatever else is reserved and settled meanwhile.
    for key in ["one", "two"] {
        place(&shop, &holds, key, &[("sold", 3)]);
    }
    let done = AtomicBool::new(false);
    let turn_by_turn = |thread: usize| {
        for turn in (0..).take_while(|_| !done.load(Ordering::Relaxed)) {
            let key = format!("{thread}-{turn}");
            if turn % 2 == 0 {
                place(&shop, &holds, &key, &[("sold", 3)]);
                holds.confirm(&key).unwrap();
            } else {
                place(&shop, &holds, &key, &[("given back", 3)]);
                holds.release(&key).unwrap();
            }
            // Past the holds, and as fast as it goes: what a snapshot reads in turns.
            for _ in 0..20 {
                shop.reserve("sold", 2).unwrap().commit();
                drop(shop.reserve("given back", 2).unwrap());
            }
            shop.restock("sold", 43).unwrap();
        }
    };
    thread::scope(|scope| {
        for thread in 0..3 {
            let turn_by_turn = &turn_by_turn;
            scope.spawn(move || turn_by_turn(thread));
        }
        let _over = Over(&done);
        let mut while_held = 0;
        while while_held < 100 {
            clock.advance(Duration::from_nanos(2));
            let kept = shop.snapshot_with(&holds);
            while_held += usize::from(kept.holds.len() > 2);
            let (again, restored) = Inventory::<String>::builder().restore(&kept).unwrap();
            for SkuRow { sku, snapshot, .. } in &kept.skus {
                assert_eq!(again.available(sku), Some(snapshot.on_hand()));
                assert!(
                    snapshot.sold <= snapshot.initial + snapshot.restocked,
                    "{kept:?}"
                );
            }
            assert!(restored.freed < 100);
        }
    });
}
