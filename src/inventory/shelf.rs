//! [`Shelf`]: one SKU of an inventory, as the counter that a reservation stands on.

use super::Inventory;
use super::errors::SkuError;
use super::sku::Sku;
use crate::counter::{Reserving, StockCounter};
use crate::error::{OutOfStock, RestockOverflow};
use crate::reservation::Reservation;
use crate::snapshot::{Snapshot, Withdrawn};
use crate::stock::Engine;
use std::borrow::Borrow;
use std::fmt;
use std::hash::{BuildHasher, Hash};
use std::sync::Arc;

/// Whatever leads to an inventory: a reference, or an [`Arc`].
///
/// The trait stays as it is.
pub trait InventoryHandle: Send + Sync {
    /// The SKUs of the inventory.
    type Sku: Sku;
    /// What hashes them.
    type Hasher: BuildHasher + Send + Sync;

    /// The inventory.
    fn inventory(&self) -> &Inventory<Self::Sku, Self::Hasher>;
}

impl<K: Sku, S: BuildHasher + Send + Sync> InventoryHandle for &Inventory<K, S> {
    type Sku = K;
    type Hasher = S;

    fn inventory(&self) -> &Inventory<K, S> {
        self
    }
}

impl<K: Sku, S: BuildHasher + Send + Sync> InventoryHandle for Arc<Inventory<K, S>> {
    type Sku = K;
    type Hasher = S;

    fn inventory(&self) -> &Inventory<K, S> {
        self
    }
}

/// One SKU of an inventory, as a counter: each call looks it up. A SKU that was removed is out of stock, and cannot be
/// restocked.
#[derive(Clone)]
pub struct Shelf<I: InventoryHandle> {
    inventory: I,
    sku: I::Sku,
}

impl<I: InventoryHandle> Shelf<I> {
    /// The SKU.
    pub const fn sku(&self) -> &I::Sku {
        &self.sku
    }
}

impl<K: Sku, S: BuildHasher + Send + Sync> Inventory<K, S> {
    /// Reserves `units` of `sku`: all of them, or none.
    ///
    /// # Errors
    ///
    /// Those of [`deduct`](Self::deduct).
    ///
    /// # Examples
    ///
    /// ```
    /// use segstock::Inventory;
    ///
    /// let shop = Inventory::new();
    /// shop.insert("phone", 10)?;
    /// let reservation = shop.reserve("phone", 2)?;
    /// assert_eq!(shop.available("phone"), Some(8));
    /// drop(reservation); // the payment failed
    /// assert_eq!(shop.available("phone"), Some(10));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn reserve<Q>(&self, sku: &Q, units: u64) -> Result<Reservation<Shelf<&Self>>, SkuError>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        reserve(self, sku, units)
    }

    /// [`reserve`](Self::reserve) with a handle of its own, for tasks.
    ///
    /// # Errors
    ///
    /// Those of [`deduct`](Self::deduct).
    pub fn reserve_owned<Q>(
        self: Arc<Self>,
        sku: &Q,
        units: u64,
    ) -> Result<Reservation<Shelf<Arc<Self>>>, SkuError>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        reserve(self, sku, units)
    }

    /// Reserves `units` of `sku`, or all that are in stock if these are fewer. The reservation says how many, which
    /// may be none.
    ///
    /// # Errors
    ///
    /// [`SkuError::UnknownSku`].
    ///
    /// # Examples
    ///
    /// ```
    /// use segstock::Inventory;
    ///
    /// let shop = Inventory::new();
    /// shop.insert("phone", 3)?;
    /// let reservation = shop.reserve_up_to("phone", 5)?;
    /// assert_eq!(reservation.units(), 3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn reserve_up_to<Q>(
        &self,
        sku: &Q,
        units: u64,
    ) -> Result<Reservation<Shelf<&Self>>, SkuError>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        reserve_up_to(self, sku, units)
    }
}

fn reserve<I, Q>(inventory: I, sku: &Q, units: u64) -> Result<Reservation<Shelf<I>>, SkuError>
where
    I: InventoryHandle<Sku: Borrow<Q>>,
    Q: Hash + Eq + ?Sized,
{
    let reserve = |sku: &I::Sku, stock: &Engine| {
        // First the caller's code, which can panic: nothing is lost then.
        let sku = sku.clone();
        stock.reserve_units(units).map(|()| sku)
    };
    let sku = inventory.inventory().take(sku, reserve)?;
    Ok(Reservation::of_reserved(Shelf { inventory, sku }, units))
}

fn reserve_up_to<I, Q>(inventory: I, sku: &Q, units: u64) -> Result<Reservation<Shelf<I>>, SkuError>
where
    I: InventoryHandle<Sku: Borrow<Q>>,
    Q: Hash + Eq + ?Sized,
{
    let reserve = |sku: &I::Sku, stock: &Engine| {
        let sku = sku.clone();
        Ok((sku, stock.reserve_up_to(units)))
    };
    let (sku, units) = inventory.inventory().take(sku, reserve)?;
    Ok(Reservation::of_reserved(Shelf { inventory, sku }, units))
}

impl<I: InventoryHandle> StockCounter for Shelf<I> {
    fn deduct(&self, units: u64) -> Result<(), OutOfStock> {
        let deducted = self.inventory.inventory().deduct(&self.sku, units);
        deducted.map_err(|error| refusal(&error, units))
    }

    fn restock(&self, units: u64) -> Result<(), RestockOverflow> {
        let restocked = self.inventory.inventory().restock(&self.sku, units);
        restocked.map_err(|error| match error {
            SkuError::Overflow(overflow) => overflow,
            _ => RestockOverflow::new(units, 0),
        })
    }

    fn available(&self) -> u64 {
        let available = self.inventory.inventory().available(&self.sku);
        available.unwrap_or(0)
    }

    /// Of a SKU that was removed it deducts none.
    fn try_deduct_up_to(&self, units: u64) -> Option<u64> {
        let deducted = self.inventory.inventory().deduct_up_to(&self.sku, units);
        Some(deducted.unwrap_or(0))
    }

    /// `None` of a SKU that was removed.
    fn try_withdraw(&self, units: u64) -> Option<Withdrawn> {
        self.inventory.inventory().withdraw(&self.sku, units).ok()
    }

    /// `None` of a SKU that was removed.
    fn try_forgive(&self, units: u64) -> Option<u64> {
        self.inventory.inventory().forgive(&self.sku, units).ok()
    }

    /// `None` of a SKU that was removed.
    fn try_snapshot(&self) -> Option<Snapshot> {
        let inventory = self.inventory.inventory();
        inventory.with_stock(&self.sku, |_, stock| stock.snapshot())
    }

    fn reserving(&self) -> Option<&dyn Reserving> {
        Some(self)
    }
}

impl<I: InventoryHandle> Reserving for Shelf<I> {
    fn reserve_units(&self, units: u64) -> Result<(), OutOfStock> {
        let inventory = self.inventory.inventory();
        let reserved = inventory.take(&self.sku, |_, stock| stock.reserve_units(units));
        reserved.map_err(|error| refusal(&error, units))
    }

    /// Of a SKU that was removed it reserves none.
    fn try_reserve_up_to(&self, units: u64) -> Option<u64> {
        let inventory = self.inventory.inventory();
        let reserved = inventory.take(&self.sku, |_, stock| Ok(stock.reserve_up_to(units)));
        Some(reserved.unwrap_or(0))
    }

    fn commit_units(&self, units: u64) {
        self.inventory.inventory().commit_units(&self.sku, units);
    }

    fn release_units(&self, units: u64) {
        self.inventory.inventory().release_units(&self.sku, units);
    }

    /// Where the stock lies. It does not move while units of it are reserved.
    fn address(&self) -> usize {
        let address = |_: &_, stock: &Engine| std::ptr::from_ref(stock).addr();
        let inventory = self.inventory.inventory();
        inventory.with_stock(&self.sku, address).unwrap_or(0)
    }
}

fn refusal(error: &SkuError, units: u64) -> OutOfStock {
    match error {
        SkuError::OutOfStock(refusal) => *refusal,
        _ => OutOfStock::new(units, 0),
    }
}

impl<I: InventoryHandle<Sku: fmt::Debug>> fmt::Debug for Shelf<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Shelf").field(&self.sku).finish()
    }
}
