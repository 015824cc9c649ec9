//! [`Inventory`] under the model checker. Run it with `.ci/loom`.
//!
//! The map is the real one, not loom's: what loom explores is everything around it, the stocks, the gate
//! and the alerts. SKUs and thresholds that several threads use are put in before the threads begin: loom
//! does not see what the map brings from one to the other.
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
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

type Hasher = BuildHasherDefault<DefaultHasher>;
type Shop = Inventory<&'static str, Hasher>;
type Line = (&'static str, u64);

/// An inventory, and how often it told of low stock. What is told is counted out of loom's sight.
struct Subject {
    shop: Arc<Shop>,
    told: Arc<AtomicU64>,
}

impl Subject {
    /// Every stock one word.
    fn new(skus: &[Line]) -> Self {
        Self::with(skus, |units| Stock::builder(units).build().unwrap())
    }

    /// Every stock in two segments, which nothing brings together but who must.
    fn wide(skus: &[Line]) -> Self {
        Self::with(skus, |units| {
            let stock = Stock::builder(units).segments(2);
            stock.tuning(testing::Tuning::STILL).build().unwrap()
        })
    }

    fn with(skus: &[Line], stock: fn(u64) -> Stock) -> Self {
        let told = Arc::new(AtomicU64::new(0));
        let tell = Arc::clone(&told);
        let shop = Inventory::builder()
            .hasher(Hasher::default())
            .on_low_stock(move |_: &&str, _| {
                tell.fetch_add(1, Ordering::Relaxed);
            })
            .build();
        for &(sku, units) in skus {
            shop.insert_stock(sku, stock(units)).unwrap();
        }
        let shop = Arc::new(shop);
        Self { shop, told }
    }

    fn told(&self) -> u64 {
        self.told.load(Ordering::Relaxed)
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

/// Explores two threads on SKUs of so many units, and gives their answers to `check`.
fn race<A: Send + 'static, B: 'static>(
    name: &str,
    skus: &'static [Line],
    one: fn(&Arc<Shop>) -> A,
    other: fn(&Arc<Shop>) -> B,
    check: impl Fn(&Subject, A, B) + Send + Sync + 'static,
) {
    race_low(name, skus, 0, one, other, check);
}

/// The same on SKUs that are low below so many.
fn race_low<A: Send + 'static, B: 'static>(
    name: &str,
    skus: &'static [Line],
    threshold: u64,
    one: fn(&Arc<Shop>) -> A,
    other: fn(&Arc<Shop>) -> B,
    check: impl Fn(&Subject, A, B) + Send + Sync + 'static,
) {
    race_on(name, Subject::new, skus, threshold, one, other, check);
}

/// The same on stocks in two segments, of which each thread has one.
fn race_wide<A: Send + 'static, B: 'static>(
    name: &str,
    skus: &'static [Line],
    threshold: u64,
    one: fn(&Arc<Shop>) -> A,
    other: fn(&Arc<Shop>) -> B,
    check: impl Fn(&Subject, A, B) + Send + Sync + 'static,
) {
    race_on(name, Subject::wide, skus, threshold, one, other, check);
}

fn race_on<A: Send + 'static, B: 'static>(
    name: &str,
    open: fn(&[Line]) -> Subject,
    skus: &'static [Line],
    threshold: u64,
    one: fn(&Arc<Shop>) -> A,
    other: fn(&Arc<Shop>) -> B,
    check: impl Fn(&Subject, A, B) + Send + Sync + 'static,
) {
    let began = Instant::now();
    let executions = support::arena::model(move || {
        testing::sit_at(0, 2);
        let subject = open(skus);
        for (sku, _) in skus {
            subject.shop.set_low_stock(sku, threshold).unwrap();
        }
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
        0,
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
        |shop| shop.reserve(&"a", 1).map(segstock::Reservation::commit),
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
        |shop| drop(shop.reserve(&"a", 1)),
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

/// At rest, a SKU that is low has been told of, and one that is not will be told of again.
fn assert_armed_if_enough(subject: &Subject, threshold: u64) {
    let (shop, before) = (&subject.shop, subject.told());
    let available = shop.available("a").unwrap();
    if available < threshold {
        assert!(before > 0, "it is low, and nobody was told");
        _ = shop.deduct_up_to("a", 1);
        assert_eq!(subject.told(), before, "it was told already");
    } else {
        shop.deduct("a", available - threshold + 1).unwrap();
        assert_eq!(subject.told(), before + 1, "the next crossing is told");
    }
}

#[test]
fn low_stock_is_told_once() {
    race_low(
        "low_stock_is_told_once",
        &[("a", 3)],
        2,
        |shop| shop.deduct("a", 1).unwrap(),
        |shop| shop.deduct("a", 1).unwrap(),
        |subject, (), ()| assert_eq!(subject.told(), 1),
    );
}

#[test]
fn low_stock_is_set_beside_a_deduct() {
    race(
        "low_stock_is_set_beside_a_deduct",
        &[("a", 2)],
        |shop| {
            testing::sit_at(1, 2);
            shop.set_low_stock(&"a", 2).unwrap();
        },
        |shop| shop.deduct("a", 1).unwrap(),
        |subject, (), ()| assert_eq!(subject.told(), 1),
    );
}

#[test]
fn low_stock_falls_again_while_it_is_armed() {
    race_low(
        "low_stock_falls_again_while_it_is_armed",
        &[("a", 1)],
        2,
        |shop| shop.restock("a", 1).unwrap(),
        |shop| shop.deduct("a", 1).unwrap(),
        |subject, (), ()| assert_armed_if_enough(subject, 2),
    );
}

#[test]
fn low_stock_against_restock() {
    for (units, name) in [(&[("a", 2)], "crossing"), (&[("a", 1)], "low already")] {
        race_low(
            &format!("low_stock_against_restock, {name}"),
            units,
            2,
            |shop| shop.deduct("a", 1).unwrap(),
            |shop| shop.restock("a", 1).unwrap(),
            |subject, (), ()| assert_armed_if_enough(subject, 2),
        );
    }
}

#[test]
fn low_stock_against_giving_back() {
    race_low(
        "low_stock_against_giving_back",
        &[("a", 2)],
        2,
        |shop| drop(shop.reserve(&"a", 1)),
        |shop| drop(shop.reserve(&"a", 1)),
        |subject, (), ()| assert_armed_if_enough(subject, 2),
    );
}

#[test]
fn low_stock_is_set_beside_giving_back() {
    race(
        "low_stock_is_set_beside_giving_back",
        &[("a", 2)],
        |shop| drop(shop.reserve(&"a", 1)),
        |shop| shop.set_low_stock(&"a", 2).unwrap(),
        |subject, (), ()| assert_armed_if_enough(subject, 2),
    );
}

#[test]
fn low_stock_in_segments_is_told_once() {
    race_wide(
        "low_stock_in_segments_is_told_once",
        &[("a", 3)],
        2,
        |shop| shop.deduct("a", 1).unwrap(),
        |shop| shop.deduct("a", 1).unwrap(),
        |subject, (), ()| assert_eq!(subject.told(), 1),
    );
}

#[test]
fn low_stock_in_segments_against_restock() {
    race_wide(
        "low_stock_in_segments_against_restock",
        &[("a", 2)],
        2,
        |shop| shop.deduct("a", 1).unwrap(),
        |shop| shop.restock("a", 1).unwrap(),
        |subject, (), ()| assert_armed_if_enough(subject, 2),
    );
}

/// What is told of one SKU and armed at once takes nothing from the count of another, which is told already.
#[test]
fn low_stock_of_two_skus() {
    race_low(
        "low_stock_of_two_skus",
        &[("a", 2), ("x", 1)],
        2,
        |shop| shop.deduct("a", 1).unwrap(),
        |shop| {
            shop.restock("a", 1).unwrap();
            shop.restock("x", 1).unwrap();
        },
        |subject, (), ()| {
            let before = subject.told();
            subject.shop.deduct("x", 1).unwrap();
            assert_eq!(subject.told(), before + 1, "the next crossing is told");
            assert_armed_if_enough(subject, 2);
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
        |shop| shop.send(&"a", &"b", 1).unwrap().arrive().is_ok(),
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
        0,
        |shop| shop.snapshot(),
        |shop| shop.move_units(&"a", &"b", 1),
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
