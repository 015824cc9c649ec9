//! [`OrderReservation`]: all lines of an order, set aside together.

use super::{Inventory, InventoryHandle, OrderRefused, ShortLine, Sku};
use crate::stock::Engine;
use crate::{Holds, MAX_UNITS, NotReserved, Settle, SystemClock};
use std::collections::BTreeMap;
use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher;
use std::mem;

/// The lines of an order, set aside: nobody else can have them, and they are not sold yet.
///
/// [`commit`](Self::commit) sells all that is left of it, [`commit_line`](Self::commit_line) a part
/// that was shipped. Dropping gives back what is left. [`Holds`](crate::Holds) take it as they take a
/// reservation: one key, one deadline, all lines.
///
/// # Examples
///
/// ```
/// use segstock::{Holds, Inventory, Settled};
/// use std::sync::Arc;
/// use std::time::Duration;
///
/// let shop = Arc::new(Inventory::new());
/// shop.insert("phone", 10)?;
/// shop.insert("case", 10)?;
///
/// let holds = Holds::new();
/// let lines = vec![("phone", 1), ("case", 2)];
/// let ttl = Duration::from_secs(600);
/// _ = holds.place("order-17", lines, ttl, |lines| {
///     Arc::clone(&shop).order_owned(lines.iter().copied())
/// })?;
/// assert_eq!(holds.confirm(&"order-17"), Ok(Settled::Now));
/// assert_eq!(shop.get("case").map(|books| books.sold), Some(2));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "an order that is dropped gives its units back at once"]
pub struct OrderReservation<I: InventoryHandle> {
    inventory: I,
    /// By SKU, each once.
    lines: BTreeMap<I::Sku, u64>,
}

impl<I: InventoryHandle> OrderReservation<I> {
    /// Sets aside what an order asks for; the general form of [`Inventory::order`].
    ///
    /// # Errors
    ///
    /// [`OrderRefused`]; nothing is set aside.
    pub fn new(
        inventory: I,
        lines: impl IntoIterator<Item = (I::Sku, u64)>,
    ) -> Result<Self, OrderRefused<I::Sku>> {
        let lines = summed(lines)?;
        inventory.inventory().reserve_units(&lines)?;
        Ok(Self { inventory, lines })
    }

    /// What is left of it, by SKU.
    pub fn lines(&self) -> impl Iterator<Item = (&I::Sku, u64)> {
        self.lines.iter().map(|(sku, &units)| (sku, units))
    }

    /// Whether it is of the inventory that lies there.
    pub(super) fn is_of(&self, address: usize) -> bool {
        std::ptr::from_ref(self.inventory.inventory()).addr() == address
    }

    /// Units of all lines that are left.
    #[must_use]
    pub fn units(&self) -> u64 {
        // Many lines of many units may be more than a u64: so many nobody has.
        self.lines.values().fold(0, |sum, &n| sum.saturating_add(n))
    }

    /// Sells all lines that are left.
    pub fn commit(mut self) {
        for (sku, units) in mem::take(&mut self.lines) {
            self.inventory.inventory().commit_units(&sku, units);
        }
    }

    /// Gives all lines back that are left, as dropping does.
    pub fn release(self) {
        drop(self);
    }

    /// Sells the line of `sku`, and leaves the others reserved.
    ///
    /// # Errors
    ///
    /// [`NotReserved`] if there is no such line, or it was settled before.
    pub fn commit_line(&mut self, sku: &I::Sku) -> Result<(), NotReserved> {
        let units = self.lines.remove(sku).ok_or(NotReserved::new(0, 0))?;
        self.inventory.inventory().commit_units(sku, units);
        Ok(())
    }

    /// Gives the line of `sku` back, and leaves the others reserved.
    ///
    /// # Errors
    ///
    /// [`NotReserved`] if there is no such line, or it was settled before.
    pub fn release_line(&mut self, sku: &I::Sku) -> Result<(), NotReserved> {
        let units = self.lines.remove(sku).ok_or(NotReserved::new(0, 0))?;
        self.inventory.inventory().release_units(sku, units);
        Ok(())
    }

    /// Sells `units` of the line of `sku`, and leaves the rest of it reserved.
    ///
    /// # Errors
    ///
    /// [`NotReserved`] if fewer are left of that line.
    pub fn commit_part(&mut self, sku: &I::Sku, units: u64) -> Result<(), NotReserved> {
        let left = self.lines.get(sku).copied().unwrap_or(0);
        let rest = left
            .checked_sub(units)
            .ok_or(NotReserved::new(units, left))?;
        if rest > 0 {
            self.lines.insert(sku.clone(), rest);
        } else {
            self.lines.remove(sku);
        }
        self.inventory.inventory().commit_units(sku, units);
        Ok(())
    }
}

impl<I: InventoryHandle> Drop for OrderReservation<I> {
    fn drop(&mut self) {
        for (sku, units) in mem::take(&mut self.lines) {
            self.inventory.inventory().release_units(&sku, units);
        }
    }
}

impl<I: InventoryHandle> Settle for OrderReservation<I> {
    fn units(&self) -> u64 {
        self.units()
    }

    fn commit(self) {
        self.commit();
    }

    fn release(self) {
        self.release();
    }
}

impl<I: InventoryHandle<Sku: fmt::Debug>> fmt::Debug for OrderReservation<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OrderReservation")
            .field("lines", &self.lines)
            .finish_non_exhaustive()
    }
}

/// Holds of whole orders, as an [`InventorySnapshot`](super::InventorySnapshot) keeps them: each for
/// the lines that were asked for. A retry must ask for them in the same sequence, or it is taken for
/// another order: sort them first, if clients may not.
pub type OrderHolds<N, I, C = SystemClock, H = RandomState> =
    Holds<N, OrderReservation<I>, Vec<(<I as InventoryHandle>::Sku, u64)>, C, H>;

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

/// A line whose stock has been found.
struct Wanted<'a, K> {
    sku: &'a K,
    units: u64,
    stock: &'a Engine,
}

impl<K: Sku> Wanted<'_, K> {
    fn short(&self, available: u64) -> ShortLine<K> {
        ShortLine {
            sku: self.sku.clone(),
            requested: self.units,
            available,
        }
    }

    /// What it lacks now, if it does: a pass that is exact for a refusal, as any.
    fn lacks(&self) -> Option<ShortLine<K>> {
        let available = self.stock.available();
        (available < self.units).then(|| self.short(available))
    }
}

impl<K: Sku, S: BuildHasher + Send + Sync> Inventory<K, S> {
    fn reserve_units(&self, lines: &BTreeMap<K, u64>) -> Result<(), OrderRefused<K>> {
        let stocks = self.stocks.pin();
        let passing = self.gate.pass();
        let mut unknown = Vec::new();
        let mut wanted = Vec::with_capacity(lines.len());
        for (sku, &units) in lines {
            match stocks.get(sku) {
                Some(stock) => wanted.push(Wanted { sku, units, stock }),
                None => unknown.push(sku.clone()),
            }
        }
        if !unknown.is_empty() {
            return Err(OrderRefused::UnknownSkus(unknown));
        }
        let taken = take_all(&wanted);
        // Nobody is told while the gate is passed: who is told may close it.
        drop(passing);
        for &Wanted { sku, stock, units } in &wanted {
            match taken {
                Ok(()) => self.alerts.after_take(sku, stock, units),
                Err(_) => self.alerts.after_put(sku, stock),
            }
        }
        taken.map_err(OrderRefused::OutOfStock)
    }
}

/// Sets all lines aside, or none; then these lack units.
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
