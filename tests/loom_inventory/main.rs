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

use segstock::inventory::{InventorySnapshot, OrderRefused};
use segstock::{Inventory, Stock, testing};
use std::collections::hash_map::DefaultHasher;
use std::fmt::Debug;
use std::hash::BuildHasherDefault;
use std::sync::Arc;
use support::race::Race;

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

/// Explores two threads on `skus`, each one word, and gives their answers to `check`. `between` lists the answers that
/// calls in turn do not give.
fn race<A: Debug + Send + 'static, B: Debug + Send + 'static>(
    name: &str,
    skus: &'static [Line],
    one: fn(&Arc<Shop>) -> A,
    other: fn(&Arc<Shop>) -> B,
    between: &'static [&'static str],
    check: impl Fn(&Subject, A, B) + Send + Sync + 'static,
) {
    race_on(name, Subject::new, skus, one, other, between, check);
}

/// Explores two threads on stocks in two segments, of which each thread has one.
fn race_wide<A: Debug + Send + 'static, B: Debug + Send + 'static>(
    name: &str,
    skus: &'static [Line],
    one: fn(&Arc<Shop>) -> A,
    other: fn(&Arc<Shop>) -> B,
    between: &'static [&'static str],
    check: impl Fn(&Subject, A, B) + Send + Sync + 'static,
) {
    race_on(name, Subject::wide, skus, one, other, between, check);
}

fn race_on<A: Debug + Send + 'static, B: Debug + Send + 'static>(
    name: &str,
    open: fn(&[Line]) -> Subject,
    skus: &'static [Line],
    one: fn(&Arc<Shop>) -> A,
    other: fn(&Arc<Shop>) -> B,
    between: &'static [&'static str],
    check: impl Fn(&Subject, A, B) + Send + Sync + 'static,
) {
    let race = Race {
        name: name.to_owned(),
        open: Arc::new(move || {
            testing::sit_at(0, 2);
            Arc::new(open(skus))
        }),
        one: Arc::new(move |subject: &Subject| one(&subject.shop)),
        other: Arc::new(move |subject: &Subject| other(&subject.shop)),
        check: Arc::new(check),
        between,
    };
    race.explore();
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
