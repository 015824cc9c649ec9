//! [`Inventory`] under the model checker. Run it with `.ci/loom`.
//!
//! The map is the real one, not loom's, and a lock takes the place of its pins (`src/inventory/stocks.rs`). loom
//! explores everything around it: the stocks, the sums, the steps of a removal. Most SKUs are inserted before the
//! threads begin: loom does not see what the map brings from one thread to the other.
#![cfg(all(loom, feature = "inventory"))]

mod orders;
mod removals;
mod snapshots;
#[path = "../support/mod.rs"]
mod support;
mod units;

use loom::thread;
use segstock::inventory::{InventorySnapshot, OrderRefused};
use segstock::{Inventory, Stock, testing};
use std::collections::hash_map::DefaultHasher;
use std::hash::BuildHasherDefault;
use std::sync::Arc;
use std::time::Instant;

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
        .map(|snapshot| (snapshot.available, snapshot.reserved, snapshot.sold))
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

fn on_hand<N>(kept: &InventorySnapshot<&'static str, N>) -> u64 {
    kept.skus.iter().map(|row| row.snapshot.on_hand()).sum()
}
