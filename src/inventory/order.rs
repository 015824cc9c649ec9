//! [`OrderReservation`]: all lines of an order, reserved together.

use super::Inventory;
use super::errors::OrderRefused;
use super::order_lines::{self, summed};
use super::shelf::InventoryHandle;
use super::sku::Sku;
use crate::clock::SystemClock;
use crate::error::NotReserved;
use crate::holds::{Holds, NoHook};
use crate::settle::{Settle, SettleParts};
use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::{BuildHasher, Hash};
use std::mem;
use std::sync::Arc;

impl<K: Sku, S: BuildHasher + Send + Sync> Inventory<K, S> {
    /// Reserves what an order asks for: all lines, or none. The units of a SKU that stands twice are summed first.
    ///
    /// # Errors
    ///
    /// [`OrderRefused`]. Of several reasons the first of these is said: an order that can never be served (no
    /// lines, a line of no units, more of a SKU than any stock holds); SKUs that are unknown, all of them; lines that
    /// lack units, all of them.
    ///
    /// # Consistency
    ///
    /// The lines are taken in the sequence of their SKUs, so that of two orders for the same SKUs one is served. What
    /// was taken for an order that fails is released at once. For each line that the refusal lists there was an
    /// instant of the call at which the stock lacked those units.
    ///
    /// # Examples
    ///
    /// ```
    /// use segstock::Inventory;
    ///
    /// let shop = Inventory::new();
    /// shop.insert("phone", 10)?;
    /// shop.insert("case", 10)?;
    /// let mut order = shop.order([("phone", 2), ("case", 2), ("phone", 1)])?;
    /// order.commit_line("phone")?; // the phones are sold, the cases follow
    /// drop(order); // or not
    /// assert_eq!(shop.available("phone"), Some(7));
    /// assert_eq!(shop.available("case"), Some(10));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "basket")]
    #[doc(alias = "cart")]
    #[doc(alias = "checkout")]
    pub fn order(
        &self,
        lines: impl IntoIterator<Item = (K, u64)>,
    ) -> Result<OrderReservation<&Self>, OrderRefused<K>> {
        OrderReservation::new(self, lines)
    }

    /// [`order`](Self::order) with a handle of its own, for tasks and [`Holds`]: one `Arc` for all
    /// lines.
    ///
    /// # Errors
    ///
    /// Those of [`order`](Self::order).
    pub fn order_owned(
        self: Arc<Self>,
        lines: impl IntoIterator<Item = (K, u64)>,
    ) -> Result<OrderReservation<Arc<Self>>, OrderRefused<K>> {
        OrderReservation::new(self, lines)
    }
}

/// The lines of an order, reserved: nobody else can have the units, and they are not sold yet.
///
/// [`commit`](Self::commit) sells all that is left of it, [`commit_line`](Self::commit_line) and
/// [`commit_part`](Self::commit_part) sell a part. Dropping releases what is left. [`Holds`](crate::Holds) take it as
/// they take a reservation: one key, one deadline, all lines.
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
/// let placed = holds.place("order-17", lines, ttl, |lines| {
///     Arc::clone(&shop).order_owned(lines.iter().copied())
/// })?;
/// assert_eq!(placed.held().units, 3);
/// assert_eq!(holds.confirm(&"order-17"), Ok(Settled::Now));
/// assert_eq!(shop.get("case").map(|snapshot| snapshot.sold), Some(2));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "an order that is dropped releases its units at once"]
pub struct OrderReservation<I: InventoryHandle> {
    inventory: I,
    /// By SKU, each once; none of no units.
    lines: BTreeMap<I::Sku, u64>,
}

impl<I: InventoryHandle> OrderReservation<I> {
    /// Reserves what an order asks for; the general form of [`Inventory::order`].
    ///
    /// # Errors
    ///
    /// [`OrderRefused`]; nothing is reserved.
    pub fn new(
        inventory: I,
        lines: impl IntoIterator<Item = (I::Sku, u64)>,
    ) -> Result<Self, OrderRefused<I::Sku>> {
        let lines = summed(lines)?;
        order_lines::reserve(inventory.inventory(), &lines)?;
        Ok(Self { inventory, lines })
    }

    /// What is left of it, by SKU.
    pub fn lines(&self) -> impl Iterator<Item = (&I::Sku, u64)> {
        self.lines.iter().map(|(sku, &units)| (sku, units))
    }

    /// Where its inventory lies: to be compared only.
    pub(super) fn inventory_address(&self) -> usize {
        std::ptr::from_ref(self.inventory.inventory()).addr()
    }

    /// Units of all lines that are left.
    #[must_use]
    pub fn units(&self) -> u64 {
        // Many lines of many units may add up to more than a u64 holds. No real order has that many units.
        self.lines.values().fold(0, |sum, &n| sum.saturating_add(n))
    }

    /// Sells all lines that are left.
    pub fn commit(mut self) {
        for (sku, units) in mem::take(&mut self.lines) {
            self.inventory.inventory().commit_units(&sku, units);
        }
    }

    /// Releases all lines that are left, as dropping does.
    pub fn release(self) {
        drop(self);
    }

    /// Sells the line of `sku`, and leaves the others reserved.
    ///
    /// # Errors
    ///
    /// [`NotReserved`] if there is no such line, or it was settled before.
    pub fn commit_line<Q>(&mut self, sku: &Q) -> Result<(), NotReserved>
    where
        I::Sku: Borrow<Q>,
        Q: Hash + Ord + ?Sized,
    {
        let units = self.lines.remove(sku).ok_or(NotReserved::new(0, 0))?;
        self.inventory.inventory().commit_units(sku, units);
        Ok(())
    }

    /// Releases the line of `sku`, and leaves the others reserved.
    ///
    /// # Errors
    ///
    /// [`NotReserved`] if there is no such line, or it was settled before.
    pub fn release_line<Q>(&mut self, sku: &Q) -> Result<(), NotReserved>
    where
        I::Sku: Borrow<Q>,
        Q: Hash + Ord + ?Sized,
    {
        let units = self.lines.remove(sku).ok_or(NotReserved::new(0, 0))?;
        self.inventory.inventory().release_units(sku, units);
        Ok(())
    }

    /// Sells `units` of the line of `sku`, and leaves the rest of it reserved.
    ///
    /// # Errors
    ///
    /// [`NotReserved`] if fewer are left of that line. Nothing is sold.
    pub fn commit_part<Q>(&mut self, sku: &Q, units: u64) -> Result<(), NotReserved>
    where
        I::Sku: Borrow<Q>,
        Q: Hash + Ord + ?Sized,
    {
        self.take_off(sku, units)?;
        self.inventory.inventory().commit_units(sku, units);
        Ok(())
    }

    /// Releases `units` of the line of `sku`, and leaves the rest of it reserved.
    ///
    /// # Errors
    ///
    /// [`NotReserved`] if fewer are left of that line. Nothing is released.
    pub fn release_part<Q>(&mut self, sku: &Q, units: u64) -> Result<(), NotReserved>
    where
        I::Sku: Borrow<Q>,
        Q: Hash + Ord + ?Sized,
    {
        self.take_off(sku, units)?;
        self.inventory.inventory().release_units(sku, units);
        Ok(())
    }

    /// Splits `lines` off, to be settled for themselves: a second parcel, or what somebody else pays. The units of a
    /// SKU that stands twice are summed first.
    ///
    /// # Errors
    ///
    /// [`NotReserved`] if it has fewer units of a SKU. It is as it was.
    ///
    /// # Examples
    ///
    /// ```
    /// use segstock::Inventory;
    ///
    /// let shop = Inventory::new();
    /// shop.insert("phone", 10)?;
    /// shop.insert("case", 10)?;
    /// let mut order = shop.order([("phone", 2), ("case", 2)])?;
    /// let parcel = order.split([("phone", 1), ("case", 2)])?;
    /// parcel.commit();
    /// assert_eq!(order.lines().collect::<Vec<_>>(), [(&"phone", 1)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn split(
        &mut self,
        lines: impl IntoIterator<Item = (I::Sku, u64)>,
    ) -> Result<Self, NotReserved>
    where
        I: Clone,
    {
        // First what can be refused, and the caller's code, which can panic: nothing is lost then.
        let inventory = self.inventory.clone();
        let mut split = BTreeMap::new();
        for (sku, units) in lines.into_iter().filter(|line| line.1 > 0) {
            let reserved = self.lines.get(&sku).copied().unwrap_or(0);
            let sum: &mut u64 = split.entry(sku).or_default();
            let requested = sum.saturating_add(units);
            if requested > reserved {
                return Err(NotReserved::new(requested, reserved));
            }
            *sum = requested;
        }
        for (sku, units) in &split {
            self.take_off(sku, *units)?;
        }
        let lines = split;
        Ok(Self { inventory, lines })
    }

    /// Makes one of two orders of one inventory.
    ///
    /// # Errors
    ///
    /// [`OrderMergeError`] with both as they were, if they are of two inventories.
    pub fn merge(mut self, mut other: Self) -> Result<Self, OrderMergeError<I>> {
        if self.inventory_address() != other.inventory_address() {
            return Err(OrderMergeError {
                left: self,
                right: other,
            });
        }
        self.add_lines(mem::take(&mut other.lines));
        Ok(self)
    }

    fn add_lines(&mut self, lines: BTreeMap<I::Sku, u64>) {
        for (sku, units) in lines {
            *self.lines.entry(sku).or_default() += units;
        }
    }

    /// Takes `units` off the line of `sku`.
    fn take_off<Q>(&mut self, sku: &Q, units: u64) -> Result<(), NotReserved>
    where
        I::Sku: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        let reserved = self.lines.get(sku).copied().unwrap_or(0);
        let rest = reserved.checked_sub(units);
        match rest.ok_or(NotReserved::new(units, reserved))? {
            0 => _ = self.lines.remove(sku),
            rest => _ = self.lines.get_mut(sku).map(|left| *left = rest),
        }
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

impl<I: InventoryHandle + Clone> SettleParts for OrderReservation<I> {
    /// Lines, or parts of lines.
    type Part = Vec<(I::Sku, u64)>;

    fn all(&self) -> Self::Part {
        let lines = self.lines();
        lines.map(|(sku, units)| (sku.clone(), units)).collect()
    }

    fn split(&mut self, part: &Self::Part) -> Result<Self, NotReserved> {
        self.split(part.iter().cloned())
    }

    fn can_merge(&self, other: &Self) -> bool {
        self.inventory_address() == other.inventory_address()
    }

    fn merge(&mut self, mut other: Self) {
        self.add_lines(mem::take(&mut other.lines));
    }
}

/// What a [snapshot](super::Inventory::snapshot_with) asks of whatever is held: a type of one's own that wraps an
/// order has this, too.
impl<I: InventoryHandle> AsRef<Self> for OrderReservation<I> {
    fn as_ref(&self) -> &Self {
        self
    }
}

impl<I: InventoryHandle<Sku: fmt::Debug>> fmt::Debug for OrderReservation<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OrderReservation")
            .field("lines", &self.lines)
            .finish_non_exhaustive()
    }
}

/// Two orders are of two inventories and cannot be one. Both are here, as they were.
#[must_use = "both orders are in it, and are released when it is dropped"]
pub struct OrderMergeError<I: InventoryHandle> {
    /// The order that was to take in the other.
    pub left: OrderReservation<I>,
    /// The other.
    pub right: OrderReservation<I>,
}

impl<I: InventoryHandle<Sku: fmt::Debug>> fmt::Debug for OrderMergeError<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OrderMergeError")
            .field("left", &self.left)
            .field("right", &self.right)
            .finish()
    }
}

impl<I: InventoryHandle> fmt::Display for OrderMergeError<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the orders are of two inventories")
    }
}

impl<I: InventoryHandle<Sku: fmt::Debug>> std::error::Error for OrderMergeError<I> {}

/// Holds of whole orders, each under the lines that were asked for. A retry must ask for them in the sequence of the
/// first request, or it is taken for another order: sort them first, if clients may not.
pub type OrderHolds<N, I, C = SystemClock, H = RandomState, W = NoHook> =
    Holds<N, OrderReservation<I>, Vec<(<I as InventoryHandle>::Sku, u64)>, C, H, W>;
