//! How the lines of an order are reserved: all of them, or none.

use super::Inventory;
use super::errors::{OrderRefused, ShortLine};
use super::sku::Sku;
use super::stocks::Pinned;
use crate::limits::MAX_UNITS;
use crate::stock::Engine;
use std::collections::BTreeMap;
use std::hash::BuildHasher;

/// The lines in the one sequence in which all orders take them, each SKU once.
pub(super) fn summed<K: Sku>(
    lines: impl IntoIterator<Item = (K, u64)>,
) -> Result<BTreeMap<K, u64>, OrderRefused<K>> {
    let mut sums = BTreeMap::new();
    for (sku, units) in lines {
        if units == 0 {
            return Err(OrderRefused::ZeroUnits { sku });
        }
        let sum: &mut u64 = sums.entry(sku.clone()).or_default();
        match sum.checked_add(units).filter(|&sum| sum <= MAX_UNITS) {
            Some(more) => *sum = more,
            None => return Err(OrderRefused::TooManyUnits { sku }),
        }
    }
    if sums.is_empty() {
        return Err(OrderRefused::Empty);
    }
    Ok(sums)
}

/// Reserves all lines, or none.
pub(super) fn reserve<K: Sku, S: BuildHasher + Send + Sync>(
    inventory: &Inventory<K, S>,
    lines: &BTreeMap<K, u64>,
) -> Result<(), OrderRefused<K>> {
    loop {
        let stocks = inventory.stocks.pin();
        if let Some(wanted) = find(&stocks, lines)? {
            return take_all(&wanted).map_err(OrderRefused::OutOfStock);
        }
        drop(stocks);
        inventory.wait_for_removal();
    }
}

/// Finds the stocks of all lines. Nothing if one of them is just being removed.
fn find<'a, K: Sku, S: BuildHasher>(
    stocks: &'a Pinned<'_, K, S>,
    lines: &'a BTreeMap<K, u64>,
) -> Result<Option<Vec<Wanted<'a, K>>>, OrderRefused<K>> {
    let mut unknown = Vec::new();
    let mut wanted = Vec::with_capacity(lines.len());
    for (sku, &units) in lines {
        match stocks.get(sku) {
            Some((_, stock)) if stock.is_tombstone() => return Ok(None),
            Some((_, stock)) => wanted.push(Wanted { sku, units, stock }),
            None => unknown.push(sku.clone()),
        }
    }
    if unknown.is_empty() {
        Ok(Some(wanted))
    } else {
        Err(OrderRefused::UnknownSkus(unknown))
    }
}

/// A line whose stock has been found.
struct Wanted<'a, K> {
    sku: &'a K,
    units: u64,
    stock: &'a Engine,
}

impl<K: Sku> Wanted<'_, K> {
    fn short(&self, available: u64) -> ShortLine<K> {
        ShortLine::new(self.sku.clone(), self.units, available)
    }

    /// What it lacks now, if it does: a pass that is exact for a refusal, as any.
    fn lacks(&self) -> Option<ShortLine<K>> {
        let available = self.stock.available();
        (available < self.units).then(|| self.short(available))
    }
}

/// Reserves all lines, or none; then these lack units.
fn take_all<K: Sku>(wanted: &[Wanted<'_, K>]) -> Result<(), Vec<ShortLine<K>>> {
    // A look first: an order that cannot be served should be in nobody's way.
    let short: Vec<_> = wanted.iter().filter_map(Wanted::lacks).collect();
    if !short.is_empty() {
        return Err(short);
    }
    for (index, line) in wanted.iter().enumerate() {
        let Err(refusal) = line.stock.reserve_units(line.units) else {
            continue;
        };
        for before in &wanted[..index] {
            before.stock.release_units(before.units);
        }
        let later = wanted[index + 1..].iter().filter_map(Wanted::lacks);
        let mut short = vec![line.short(refusal.available)];
        short.extend(later);
        return Err(short);
    }
    Ok(())
}
