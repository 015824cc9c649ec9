//! [`Inventory`] under the model checker. Run it with `.ci/loom`.
//!
//! The map is the real one, not loom's, and a lock takes the place of its pins (`src/inventory/stocks.rs`). loom
//! explores everything around it: the stocks, the sums, the steps of a removal. Most SKUs are inserted before the
//! threads begin: loom does not see what the map brings from one thread to the other.
#![cfg(all(loom, feature = "inventory"))]

mod support;

use loom::thread;
use segstock::inventory::{
    InventorySnapshot, OrderHolds, OrderRefused, RemoveError, SkuError, SkuSnapshot,
};
use segstock::{HoldError, Holds, Inventory, ManualClock, Placed, Settled, Stock, testing};
use std::collections::hash_map::DefaultHasher;
use std::hash::BuildHasherDefault;
use std::sync::Arc;
use std::time::{Duration, Instant};

type Hasher = BuildHasherDefault<DefaultHasher>;
type Shop = Inventory<&'static str, Hasher>;
type Line = (&'static str, u64);

/// An inventory that threads share.
struct Subject {
    shop: Arc<Shop>,
}

impl Subject {
    /// Every stock one word.
    fn new(skus: &[Line]) -> Self {
        Self::with(skus, |units| Stock::builder(units).build().unwrap())
    }

    /// Every stock in two segments, which only a call that must brings together.
    fn wide(skus: &[Line]) -> Self {
        Self::with(skus, |units| {
            let stock = Stock::builder(units).segments(2);
            stock.tuning(testing::Tuning::STILL).build().unwrap()
        })
    }

    fn with(skus: &[Line], stock: fn(u64) -> Stock) -> Self {
        let shop = Inventory::builder().hasher(Hasher::default()).build();
        for &(sku, units) in skus {
            shop.insert_stock(sku, stock(units)).unwrap();
        }
        let shop = Arc::new(shop);
        Self { shop }
    }
}

/// Available, reserved, sold.
fn figures(shop: &Shop, sku: &str) -> Option<(u64, u64, u64)> {
    shop.get(sku)
        .map(|books| (books.available, books.reserved, books.sold))
}

/// Has loom try either thread first. It tries another sequence only of what it sees, and who finds a SKU
/// gone in a map that it does not see does nothing that it would.
#[derive(Clone)]
struct StartLine(Arc<loom::sync::atomic::AtomicU64>);

impl StartLine {
    fn new() -> Self {
        Self(Arc::new(loom::sync::atomic::AtomicU64::new(0)))
    }

    fn pass(&self) {
        // Relaxed, so that it hides nothing by bringing the threads into step.
        self.0.fetch_add(1, loom::sync::atomic::Ordering::Relaxed);
    }
}

/// Explores two threads on `skus`, each one word, and gives their answers to `check`.
fn race<A: Send + 'static, B: 'static>(
    name: &str,
    skus: &'static [Line],
    one: fn(&Arc<Shop>) -> A,
    other: fn(&Arc<Shop>) -> B,
    check: impl Fn(&Subject, A, B) + Send + Sync + 'static,
) {
    race_on(name, Subject::new, skus, one, other, check);
}

/// Explores two threads on stocks in two segments, of which each thread has one.
fn race_wide<A: Send + 'static, B: 'static>(
    name: &str,
    skus: &'static [Line],
    one: fn(&Arc<Shop>) -> A,
    other: fn(&Arc<Shop>) -> B,
    check: impl Fn(&Subject, A, B) + Send + Sync + 'static,
) {
    race_on(name, Subject::wide, skus, one, other, check);
}

fn race_on<A: Send + 'static, B: 'static>(
    name: &str,
    open: fn(&[Line]) -> Subject,
    skus: &'static [Line],
    one: fn(&Arc<Shop>) -> A,
    other: fn(&Arc<Shop>) -> B,
    check: impl Fn(&Subject, A, B) + Send + Sync + 'static,
) {
    let began = Instant::now();
    let executions = support::arena::model(move || {
        testing::sit_at(0, 2);
        let subject = open(skus);
        let (start, theirs) = (StartLine::new(), Arc::clone(&subject.shop));
        let line = start.clone();
        let one = thread::spawn(move || {
            testing::sit_at(1, 2);
            line.pass();
            one(&theirs)
        });
        start.pass();
        let other = other(&subject.shop);
        check(&subject, one.join().unwrap(), other);
    });
    let took = began.elapsed().as_secs_f64();
    println!("{name:<44} {executions:>9} executions {took:>7.1} s");
    assert!(executions > 1, "{name}: without a choice nothing is found");
}

/// Orders, and sells what it got.
fn buy(shop: &Shop, lines: &[Line]) -> Result<(), OrderRefused<&'static str>> {
    shop.order(lines.iter().copied())
        .map(segstock::inventory::OrderReservation::commit)
}

fn short(refused: &OrderRefused<&'static str>) -> Vec<(&'static str, u64, u64)> {
    let lines = refused.short_lines().iter();
    lines
        .map(|line| (line.sku, line.requested, line.available))
        .collect()
}

#[test]
fn orders_in_opposite_sequence() {
    race(
        "orders_in_opposite_sequence",
        &[("a", 1), ("b", 1)],
        |shop| buy(shop, &[("a", 1), ("b", 1)]).is_ok(),
        |shop| buy(shop, &[("b", 1), ("a", 1)]).is_ok(),
        |subject, one, other| {
            assert!(one != other, "one of them is served, and one only");
            for sku in ["a", "b"] {
                assert_eq!(figures(&subject.shop, sku), Some((0, 0, 1)));
            }
        },
    );
}

/// The first line lies in both segments, so that who takes it has to gather.
#[test]
fn orders_of_wide_stocks() {
    race_wide(
        "orders_of_wide_stocks",
        &[("a", 2), ("b", 1)],
        |shop| buy(shop, &[("a", 2), ("b", 1)]).is_ok(),
        |shop| buy(shop, &[("b", 1), ("a", 2)]).is_ok(),
        |subject, one, other| {
            assert!(one != other, "one of them is served, and one only");
            assert_eq!(figures(&subject.shop, "a"), Some((0, 0, 2)));
            assert_eq!(figures(&subject.shop, "b"), Some((0, 0, 1)));
        },
    );
}

#[test]
fn orders_that_are_not_paid() {
    race(
        "orders_that_are_not_paid",
        &[("a", 1), ("b", 1)],
        |shop| drop(shop.order([("a", 1), ("b", 1)])),
        |shop| drop(shop.order([("b", 1), ("a", 1)])),
        |subject, (), ()| {
            for sku in ["a", "b"] {
                assert_eq!(figures(&subject.shop, sku), Some((1, 0, 0)));
            }
        },
    );
}

#[test]
fn order_against_a_deduct_of_its_last_line() {
    race(
        "order_against_a_deduct_of_its_last_line",
        &[("a", 1), ("b", 1)],
        |shop| buy(shop, &[("a", 1), ("b", 1)]),
        |shop| shop.deduct("b", 1).is_ok(),
        |subject, order, deducted| match order {
            Ok(()) => assert!(!deducted),
            Err(refused) => {
                assert!(deducted);
                assert_eq!(short(&refused), [("b", 1, 0)]);
                assert_eq!(figures(&subject.shop, "a"), Some((1, 0, 0)), "it is back");
            }
        },
    );
}

/// Lines before the one that failed were there; those after it are looked at as well.
#[test]
fn order_refused_in_the_middle() {
    race(
        "order_refused_in_the_middle",
        &[("a", 1), ("b", 1), ("c", 1)],
        |shop| shop.order([("c", 1), ("b", 1), ("a", 1)]).map(drop),
        |shop| shop.order([("c", 1), ("b", 1)]).map(drop),
        |subject, one, other| {
            for refused in [one, other].into_iter().filter_map(Result::err) {
                let short = short(&refused);
                assert!(!short.is_empty());
                assert!(short.iter().all(|&(sku, _, left)| sku != "a" && left == 0));
            }
            for sku in ["a", "b", "c"] {
                assert_eq!(figures(&subject.shop, sku), Some((1, 0, 0)));
            }
        },
    );
}

/// What a call on one SKU answers while another takes that SKU away, and the books that are left.
fn removing(
    name: &str,
    call: fn(&Arc<Shop>) -> Result<(), SkuError>,
    change: fn(SkuSnapshot) -> u64,
) {
    race(
        name,
        &[("a", 2)],
        call,
        |shop| shop.remove("a").unwrap(),
        move |subject, called, last| {
            assert!(subject.shop.is_empty());
            match called {
                Ok(()) => assert_eq!(change(last), 1, "it is in the final books"),
                Err(error) => {
                    assert!(error.is_unknown_sku());
                    assert_eq!(change(last), 0);
                    assert_eq!(last.available, 2);
                }
            }
        },
    );
}

#[test]
fn remove_against_deduct() {
    let deduct: fn(&Arc<Shop>) -> _ = |shop| shop.deduct("a", 1);
    removing("remove_against_deduct", deduct, |last| last.sold);
}

#[test]
fn remove_against_restock() {
    let restock: fn(&Arc<Shop>) -> _ = |shop| shop.restock("a", 1);
    removing("remove_against_restock", restock, |last| last.restocked);
}

#[test]
fn remove_against_write_off() {
    let write_off: fn(&Arc<Shop>) -> _ = |shop| shop.write_off("a", 1);
    removing("remove_against_write_off", write_off, |last| {
        last.written_off
    });
}

/// It answers what the SKU is: there, or unknown, and never out of stock.
#[test]
fn remove_against_reserve() {
    race(
        "remove_against_reserve",
        &[("a", 1)],
        |shop| shop.reserve("a", 1).map(segstock::Reservation::commit),
        |shop| shop.remove("a"),
        |subject, reserved, removed| match removed {
            Ok(last) if last.sold == 0 => assert_eq!(reserved, Err(SkuError::UnknownSku)),
            Ok(last) => assert_eq!((reserved, last.sold), (Ok(()), 1)),
            Err(error) => {
                assert_eq!(error, RemoveError::Reserved { units: 1 });
                assert_eq!(figures(&subject.shop, "a"), Some((0, 0, 1)));
            }
        },
    );
}

/// The books of a SKU that is just taken away are those that it had.
#[test]
fn remove_against_get() {
    race(
        "remove_against_get",
        &[("a", 2)],
        |shop| {
            shop.write_off("a", 1).unwrap();
            shop.remove("a").unwrap().written_off
        },
        |shop| shop.get("a").map(|books| (books.sold, books.written_off)),
        |_, last, seen| {
            assert_eq!(last, 1);
            assert!(matches!(seen, None | Some((0, 0 | 1))), "{seen:?}");
        },
    );
}

#[test]
fn remove_against_an_order() {
    race(
        "remove_against_an_order",
        &[("a", 1), ("b", 1)],
        |shop| buy(shop, &[("a", 1), ("b", 1)]),
        |shop| shop.remove("b"),
        |subject, order, removed| {
            let b = match removed {
                Ok(last) => Some((last.available, last.reserved, last.sold)),
                Err(error) => {
                    assert_eq!(error, RemoveError::Reserved { units: 1 });
                    figures(&subject.shop, "b")
                }
            };
            match order {
                Ok(()) => assert_eq!(b, Some((0, 0, 1))),
                Err(refused) => {
                    assert_eq!(refused, OrderRefused::UnknownSkus(vec!["b"]));
                    assert_eq!(b, Some((1, 0, 0)));
                    assert_eq!(figures(&subject.shop, "a"), Some((1, 0, 0)));
                }
            }
        },
    );
}

#[test]
fn remove_against_giving_back() {
    race(
        "remove_against_giving_back",
        &[("a", 1)],
        |shop| drop(shop.reserve("a", 1)),
        |shop| shop.remove("a"),
        |subject, (), removed| match removed {
            Ok(last) => assert_eq!((last.available, last.reserved, last.sold), (1, 0, 0)),
            Err(error) => {
                assert_eq!(error, RemoveError::Reserved { units: 1 });
                assert_eq!(figures(&subject.shop, "a"), Some((1, 0, 0)));
            }
        },
    );
}

#[test]
fn remove_against_remove() {
    race(
        "remove_against_remove",
        &[("a", 1)],
        |shop| shop.remove("a").is_ok(),
        |shop| shop.remove("a").is_ok(),
        |_, one, other| assert!(one != other),
    );
}

/// A removal that finds units reserved leaves the SKU as it was, whoever waits for its decision.
#[test]
fn remove_against_a_reservation_and_a_deduct() {
    race(
        "remove_against_a_reservation_and_a_deduct",
        &[("a", 2)],
        |shop| {
            let reservation = shop.reserve("a", 1);
            let deducted = shop.deduct("a", 1);
            drop(reservation);
            deducted
        },
        |shop| shop.remove("a"),
        |subject, deducted, removed| match removed {
            Ok(last) if deducted.is_ok() => assert_eq!((last.available, last.sold), (1, 1)),
            Ok(last) => assert_eq!((last.available, last.sold), (2, 0)),
            Err(error) => {
                assert_eq!(error, RemoveError::Reserved { units: 1 });
                assert_eq!(deducted, Ok(()));
                assert_eq!(figures(&subject.shop, "a"), Some((1, 0, 1)));
            }
        },
    );
}

/// A SKU is there until its removal is decided: so it is opened again after it, or not at all.
#[test]
fn remove_against_insert() {
    race(
        "remove_against_insert",
        &[("a", 2)],
        |shop| shop.remove("a").unwrap(),
        |shop| shop.insert("a", 5).map(|()| shop.deduct("a", 1).is_ok()),
        |subject, last, inserted| {
            assert_eq!((last.available, last.sold), (2, 0));
            let new = inserted.is_ok().then_some((4, 0, 1));
            assert_eq!(figures(&subject.shop, "a"), new);
        },
    );
}

#[test]
fn remove_against_available() {
    race(
        "remove_against_available",
        &[("a", 2)],
        |shop| shop.remove("a").unwrap(),
        |shop| (shop.available("a"), shop.deduct_up_to("a", 9)),
        |_, last, (seen, sold)| {
            assert!(matches!(seen, None | Some(2)), "{seen:?}");
            assert_eq!(last.sold, sold.unwrap_or(0));
        },
    );
}

#[test]
fn remove_against_snapshot() {
    race(
        "remove_against_snapshot",
        &[("a", 2), ("b", 1)],
        |shop| shop.remove("a").unwrap(),
        |shop| shop.snapshot(),
        |_, last, kept| {
            assert_eq!(last.available, 2);
            assert!(matches!(on_hand(&kept), 1 | 3), "{kept:?}");
        },
    );
}

/// The stock is wide: the last units that come and go do so in segments.
#[test]
fn remove_of_a_wide_stock() {
    for (name, call) in [
        (
            "deduct",
            (|shop| shop.deduct("a", 1)) as fn(&Arc<Shop>) -> _,
        ),
        ("restock", |shop| shop.restock("a", 1)),
        ("release", |shop| shop.reserve("a", 1).map(drop)),
    ] {
        race_wide(
            &format!("remove_of_a_wide_stock, {name}"),
            &[("a", 4)],
            call,
            |shop| shop.remove("a"),
            |subject, called, removed| match (called, removed) {
                (Ok(()), Ok(last)) => {
                    let left = last.initial + last.restocked - last.sold;
                    assert_eq!((last.available, last.reserved), (left, 0));
                    assert!(last.restocked + last.sold < 2);
                }
                (Err(error), Ok(last)) => {
                    assert!(error.is_unknown_sku());
                    assert_eq!((last.available, last.restocked), (4, 0));
                }
                (called, Err(error)) => {
                    assert_eq!(called, Ok(()));
                    assert_eq!(error, RemoveError::Reserved { units: 1 });
                    assert_eq!(figures(&subject.shop, "a"), Some((4, 0, 0)));
                }
            },
        );
    }
}

/// What is released beside a withdraw is withdrawn too, or pays what is owed: nobody gets it.
#[test]
fn withdraw_against_release() {
    race(
        "withdraw_against_release",
        &[("a", 2)],
        |shop| drop(shop.reserve("a", 1)),
        |shop| shop.withdraw("a", 2).unwrap(),
        |subject, (), withdrawn| {
            assert_eq!(withdrawn.taken + withdrawn.owed, 2);
            let last = subject.shop.get("a").unwrap();
            assert_eq!((last.available, last.reserved, last.sold), (0, 0, 0));
            assert_eq!((last.owed, last.withdrawn), (0, 2));
        },
    );
}

/// A unit that is restocked beside a withdraw of all is sold only if that was before the withdraw.
#[test]
fn withdraw_against_restock() {
    race(
        "withdraw_against_restock",
        &[("a", 1)],
        |shop| shop.restock("a", 1).is_ok() && shop.deduct("a", 1).is_ok(),
        |shop| shop.withdraw("a", 2).unwrap(),
        |subject, sold, withdrawn| {
            let last = subject.shop.get("a").unwrap();
            assert_eq!(withdrawn.taken + withdrawn.owed, 2);
            assert_eq!((last.restocked, last.withdrawn), (1, 2));
            assert_eq!((last.available, last.owed), (0, u64::from(sold)));
            assert_eq!(last.sold, u64::from(sold));
        },
    );
}

#[test]
fn low_stock_against_deduct() {
    race(
        "low_stock_against_deduct",
        &[("a", 2)],
        |shop| shop.deduct("a", 1).unwrap(),
        |shop| {
            shop.set_low_stock("a", 2).unwrap();
            shop.low_stock().map(|(_, low)| low.available).collect()
        },
        |subject, (), low: Vec<u64>| {
            assert!(matches!(low[..], [] | [1]), "{low:?}");
            assert_eq!(subject.shop.low_stock().count(), 1);
        },
    );
}

fn on_hand<N>(kept: &InventorySnapshot<&'static str, N>) -> u64 {
    kept.skus.iter().map(|row| row.books.on_hand()).sum()
}

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
            let sold = row.books.initial.checked_sub(row.books.on_hand());
            assert_eq!(sold, Some(row.books.sold), "{row:?}");
        }
        let (again, restored) = Inventory::builder().restore(&kept).unwrap();
        let held = kept.holds.len() as u64;
        let reserved: u64 = kept.skus.iter().map(|row| row.books.reserved).sum();
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
/// looks: threads find it, in `tests/inventory_snapshot.rs`.
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
