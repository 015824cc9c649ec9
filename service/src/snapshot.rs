//! [`read`]: a snapshot file of the service's first version, read once into a new ledger.

use crate::book::{Book, Sku};
use crate::ledger::Kept;
use segstock_orders::{Refusal, SkuLimits};
use serde::Deserialize;
use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

/// Under which restocks and counts of a snapshot are known.
const KEY: &str = "snapshot";
/// The form of snapshots that there was.
const VERSION: u32 = 1;

/// What a snapshot file holds.
#[derive(Debug, Deserialize)]
pub struct Snapshot {
    inventory: Inventory,
    /// Orders that were paid for, and that had left with that.
    #[serde(default)]
    sold: Vec<Sold>,
}

#[derive(Debug, Deserialize)]
struct Inventory {
    version: u32,
    skus: Vec<Row>,
    #[serde(default = "Vec::new")]
    holds: Vec<Hold>,
}

#[derive(Debug, Deserialize)]
struct Row {
    sku: Sku,
    books: Books,
    #[serde(default)]
    low_stock: u64,
}

#[derive(Debug, Deserialize)]
struct Books {
    available: u64,
    reserved: u64,
    on_the_way: u64,
    #[serde(default)]
    owed: u64,
}

#[derive(Debug, Deserialize)]
struct Hold {
    key: String,
    lines: Vec<(Sku, u64)>,
    remaining: Duration,
}

#[derive(Debug, Deserialize)]
struct Sold {
    id: String,
    lines: Vec<(Sku, u64)>,
}

impl Snapshot {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// A line that says what is wrong with it.
    pub fn of(file: &Path) -> Result<Self, String> {
        let text = fs::read(file).map_err(|error| cannot_read(file, &error))?;
        let snapshot: Self =
            serde_json::from_slice(&text).map_err(|error| cannot_read(file, &error))?;
        if snapshot.inventory.version != VERSION {
            return Err(cannot_read(file, &format!("its version is not {VERSION}")));
        }
        Ok(snapshot)
    }
}

fn cannot_read(file: &Path, error: &dyn std::fmt::Display) -> String {
    format!("cannot read snapshot {}: {error}", file.display())
}

/// Enters a snapshot, which was read from `file`, into a book whose ledger is new, and says what it found. Orders that had been cancelled or had expired
/// are forgotten.
///
/// # Errors
///
/// A line that says what is wrong. If it broke off halfway, the ledger is not new any more: it has to be moved away.
pub fn read(
    kept: &Kept,
    file: &Path,
    snapshot: &Snapshot,
    longest_hold: Duration,
) -> Result<String, String> {
    let shown = file.display();
    let wrong = |error: &dyn std::fmt::Display| cannot_read(file, error);
    if kept.book.skus() > 0 {
        let detail = "the ledger is not new; if that is since a reading broke off, move the ledger away, otherwise leave --snapshot out";
        return Err(wrong(&detail));
    }
    enter(kept, snapshot, longest_hold).map_err(|refusal| wrong(&refusal))?;
    Ok(format!(
        "read snapshot {shown}: {} SKUs, {} held and {} sold orders",
        snapshot.inventory.skus.len(),
        snapshot.inventory.holds.len(),
        snapshot.sold.len()
    ))
}

fn enter(kept: &Kept, snapshot: &Snapshot, longest_hold: Duration) -> Result<(), Refusal<Sku>> {
    let in_turn = |call: &dyn Fn(&Book) -> Result<(), Refusal<Sku>>| kept.in_turn(call);
    let mut left: HashMap<&Sku, u64> = HashMap::new();
    for (sku, units) in snapshot.sold.iter().flat_map(|order| &order.lines) {
        let sum = left.entry(sku).or_default();
        *sum = sum.saturating_add(*units);
    }
    for Row { sku, books, .. } in &snapshot.inventory.skus {
        let there = [books.available, books.reserved, books.on_the_way];
        let left = left.get(sku).copied().unwrap_or_default();
        let units = there.into_iter().fold(left, u64::saturating_add);
        in_turn(&|book| book.open(sku.clone(), units).map(drop))?;
    }
    for Sold { id, lines } in &snapshot.sold {
        let lines = || lines.iter().cloned();
        in_turn(&|book| book.place(id, None, lines(), longest_hold).map(drop))?;
        in_turn(&|book| book.pay(id).map(drop))?;
        in_turn(&|book| book.ship(id).map(drop))?;
    }
    for hold in &snapshot.inventory.holds {
        let ttl = hold.remaining.clamp(Duration::from_nanos(1), longest_hold);
        let lines = || hold.lines.iter().cloned();
        in_turn(&|book| book.place(&hold.key, None, lines(), ttl).map(drop))?;
    }
    for Row {
        sku,
        books,
        low_stock,
    } in &snapshot.inventory.skus
    {
        let mut limits = SkuLimits::default();
        limits.low = *low_stock;
        in_turn(&|book| book.limit(sku.clone(), limits).map(drop))?;
        // What was owed is promised and missing.
        if let Some(view) = kept.book.stock(sku).filter(|_| books.owed > 0) {
            let counted = view.on_hand.saturating_sub(books.owed);
            in_turn(&|book| book.count(sku.clone(), KEY, counted).map(drop))?;
        }
    }
    kept.written()
}
