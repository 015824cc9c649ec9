//! The shop: what was in stock when it opened, and what counts it.

use crate::cover::Cover;
use crate::log::{Line, Log};
use crate::naive::Naive;
use clap::ValueEnum;
use segstock::{Inventory, LockedStock, MAX_UNITS, StockCounter};
use serde::Serialize;

/// What counts the units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// `Inventory`: a `Stock` for each SKU
    Stock,
    /// A `LockedStock` with segments for each SKU
    Locked,
    /// A `LockedStock` with one lock for each SKU
    Single,
    /// Read, check, write without a lock: it shows what goes wrong
    Naive,
}

/// A shop that sells the SKUs of a log.
pub struct Shop<'a> {
    skus: &'a [String],
    /// Units of each SKU when it opened.
    pub opened: Vec<u64>,
    counters: Counters<'a>,
}

enum Counters<'a> {
    Inventory(Box<Inventory<&'a str>>),
    /// A counter for each SKU, which knows nothing of orders.
    Each(Vec<Box<dyn StockCounter>>),
}

impl<'a> Shop<'a> {
    /// A shop that has the part `cover` of what the log asks for.
    pub fn open(log: &'a Log, cover: Cover, kind: Kind, segments: usize) -> Result<Self, String> {
        let opened = openings(log, cover)?;
        let each = |open: &dyn Fn(u64) -> Result<Box<dyn StockCounter>, String>| {
            let counters = opened.iter().map(|&units| open(units));
            counters.collect::<Result<_, _>>().map(Counters::Each)
        };
        let counters = match kind {
            Kind::Stock => inventory(log, &opened)?,
            Kind::Locked => each(&|units| locked(units, segments))?,
            Kind::Single => each(&|units| locked(units, 1))?,
            Kind::Naive => each(&|units| Ok(Box::new(Naive::new(units))))?,
        };
        Ok(Self {
            skus: &log.skus,
            opened,
            counters,
        })
    }

    /// Units of a SKU that are left.
    pub fn left(&self, sku: usize) -> u64 {
        match &self.counters {
            Counters::Inventory(inventory) => inventory.available(self.name(sku)).unwrap_or(0),
            Counters::Each(counters) => counters[sku].available(),
        }
    }

    /// What the counter itself says was restocked, reserved and sold of a SKU, if it keeps books.
    pub fn snapshot(&self, sku: usize) -> Option<(u64, u64, u64)> {
        match &self.counters {
            Counters::Inventory(inventory) => inventory
                .get(self.name(sku))
                .map(|sums| (sums.restocked, sums.reserved, sums.sold)),
            Counters::Each(counters) => counters[sku]
                .try_snapshot()
                .map(|sums| (sums.restocked, sums.reserved, sums.sold)),
        }
    }

    /// Puts back what was returned; whether there was room.
    pub fn take_back(&self, line: Line) -> bool {
        let units = line.quantity.unsigned_abs();
        match &self.counters {
            Counters::Inventory(inventory) => inventory.restock(self.name(line.sku), units).is_ok(),
            Counters::Each(counters) => counters[line.sku].restock(units).is_ok(),
        }
    }

    /// Sells one line by itself.
    pub fn sell(&self, line: Line) -> bool {
        let units = line.quantity.unsigned_abs();
        match &self.counters {
            Counters::Inventory(inventory) => inventory.deduct(self.name(line.sku), units).is_ok(),
            Counters::Each(counters) => counters[line.sku].deduct(units).is_ok(),
        }
    }

    /// Sells all lines, or none: then these SKUs lack units.
    pub fn order(&self, lines: &[Line]) -> Result<(), Vec<usize>> {
        match &self.counters {
            Counters::Inventory(inventory) => {
                let wanted = lines
                    .iter()
                    .map(|line| (self.name(line.sku), line.quantity.unsigned_abs()));
                let refused = match inventory.order(wanted) {
                    Ok(order) => {
                        order.commit();
                        return Ok(());
                    }
                    Err(refused) => refused,
                };
                let is_short = |sku| {
                    let name = self.name(sku);
                    refused.short_lines().iter().any(|line| line.sku == name)
                };
                let skus = lines.iter().map(|line| line.sku);
                Err(skus.filter(|&sku| is_short(sku)).collect())
            }
            Counters::Each(counters) => order_from_each(counters, lines),
        }
    }

    fn name(&self, sku: usize) -> &'a str {
        &self.skus[sku]
    }
}

fn inventory<'a>(log: &'a Log, opened: &[u64]) -> Result<Counters<'a>, String> {
    let inventory = Inventory::builder().capacity(opened.len()).build();
    for (sku, &units) in log.skus.iter().zip(opened) {
        inventory
            .insert(sku.as_str(), units)
            .map_err(|error| format!("SKU {sku}: {error}"))?;
    }
    Ok(Counters::Inventory(Box::new(inventory)))
}

fn locked(units: u64, segments: usize) -> Result<Box<dyn StockCounter>, String> {
    match LockedStock::new(units, segments) {
        Ok(counter) => Ok(Box::new(counter)),
        Err(error) => Err(error.to_string()),
    }
}

/// What people write who have no inventory: reserve line after line, and release what was reserved if
/// one is refused.
fn order_from_each(counters: &[Box<dyn StockCounter>], lines: &[Line]) -> Result<(), Vec<usize>> {
    let units = |line: &Line| line.quantity.unsigned_abs();
    for (index, line) in lines.iter().enumerate() {
        if reserve_units(&*counters[line.sku], units(line)) {
            continue;
        }
        let (taken, rest) = lines.split_at(index);
        for line in taken {
            release_units(&*counters[line.sku], units(line));
        }
        let lacking = rest[1..]
            .iter()
            .filter(|line| counters[line.sku].available() < units(line));
        let short = std::iter::once(line).chain(lacking);
        return Err(short.map(|line| line.sku).collect());
    }
    for line in lines {
        if let Some(counter) = counters[line.sku].reserving() {
            counter.commit_units(units(line));
        }
    }
    Ok(())
}

/// A counter without reservations sells at once.
fn reserve_units(counter: &dyn StockCounter, units: u64) -> bool {
    match counter.reserving() {
        Some(counter) => counter.reserve_units(units).is_ok(),
        None => counter.deduct(units).is_ok(),
    }
}

fn release_units(counter: &dyn StockCounter, units: u64) {
    match counter.reserving() {
        Some(counter) => counter.release_units(units),
        // These units were in stock before, so they have room.
        None => drop(counter.restock(units)),
    }
}

/// Units of each SKU to open with.
fn openings(log: &Log, cover: Cover) -> Result<Vec<u64>, String> {
    let mut demand = vec![0; log.skus.len()];
    let mut returns = vec![0; log.skus.len()];
    for line in log.orders.iter().flatten() {
        let sums = if line.quantity > 0 {
            &mut demand
        } else {
            &mut returns
        };
        sums[line.sku] += line.quantity.unsigned_abs();
    }
    let opening = |sku: usize| {
        let units = cover.of(demand[sku]);
        // All units that may ever be in stock, so that no return can be refused.
        let most = units + u128::from(returns[sku]);
        let opened = u64::try_from(units).ok();
        opened
            .filter(|_| most <= u128::from(MAX_UNITS))
            .ok_or_else(|| {
                let name = &log.skus[sku];
                format!("SKU {name} needs room for {most} units; a stock holds {MAX_UNITS}")
            })
    };
    (0..log.skus.len()).map(opening).collect()
}
