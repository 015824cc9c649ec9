//! [`Shop`]: the inventory, the holds on its orders, and the order book.

use crate::book::{Book, Lines, Order, Sku, SoldOrder};
use crate::calls::Unseen;
use crate::counts::{Count, Counts, Recount};
use crate::doors::{Doors, ShopError};
use crate::uncounted::{Uncounted, UncountedHolds};
use parking_lot::Mutex;
use segstock::inventory::{
    InsertError, InventorySnapshot, OrderHolds, OrderRefused, OrderReservation, SkuError,
    SkuSnapshot,
};
use segstock::{
    Clock, HoldError, Holds, Inventory, PlaceError, Placed, Resolution, RestockOverflow,
    RetakeError, Settled, Status, SystemClock,
};
use serde::{Deserialize, Serialize};
use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// What tells the time for deadlines: the system, or a test.
pub type SharedClock = Arc<dyn Clock + Send + Sync>;

type Stocks = Arc<Inventory<Sku>>;

/// Why an order is not placed.
pub type NotPlaced = PlaceError<OrderRefused<Sku>>;
/// Why an order is not sold.
pub type NotPaid = RetakeError<OrderRefused<Sku>>;

/// How a shop counts.
#[derive(Clone)]
pub struct Opening {
    /// The time that deadlines go by.
    pub clock: SharedClock,
    /// How long it stays known what became of an order.
    pub retention: Duration,
    /// Whether orders are counted at all; not, to measure what that costs.
    pub counted: bool,
}

impl Default for Opening {
    fn default() -> Self {
        Self {
            clock: Arc::new(SystemClock::new()),
            retention: Duration::from_secs(60 * 60),
            counted: true,
        }
    }
}

impl fmt::Debug for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opening")
            .field("retention", &self.retention)
            .field("counted", &self.counted)
            .finish_non_exhaustive()
    }
}

/// What a shop keeps across a restart.
#[derive(Debug, Serialize, Deserialize)]
pub struct Kept {
    /// The stocks, and the holds on orders.
    pub inventory: InventorySnapshot<Sku, String>,
    /// The orders that were sold and are remembered, so that a retry is still known.
    pub sold: Vec<SoldOrder>,
    /// The last count of each SKU, so that a retry of it is still known.
    #[serde(default)]
    pub counts: Counts,
}

/// A count of a shelf was not booked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CountError {
    /// The stock refuses it.
    Sku(SkuError),
    /// Its key belongs to a count of other units.
    OtherUnits,
}

impl From<SkuError> for CountError {
    fn from(error: SkuError) -> Self {
        Self::Sku(error)
    }
}

impl fmt::Display for CountError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sku(error) => error.fmt(f),
            Self::OtherUnits => f.write_str("the key belongs to a count of other units"),
        }
    }
}

impl Error for CountError {}

/// How an order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Its units are set aside, for so long.
    Held(Duration),
    /// It is paid for.
    Sold,
    /// It was cancelled.
    Cancelled,
    /// It was not paid for in time.
    Expired,
}

impl From<Status<Lines>> for Standing {
    fn from(status: Status<Lines>) -> Self {
        match status {
            Status::Held { held, .. } => Self::Held(held.remaining),
            Status::Resolved { resolution, .. } => resolution.into(),
            _ => Self::Expired,
        }
    }
}

impl From<Resolution> for Standing {
    fn from(outcome: Resolution) -> Self {
        match outcome {
            Resolution::Confirmed => Self::Sold,
            Resolution::Released => Self::Cancelled,
            _ => Self::Expired,
        }
    }
}

/// The inventory, the holds on its orders, and the order book.
///
/// An order's id is the key that its customer chose for it, so that an answer that got lost can be
/// asked for again.
pub struct Shop {
    stocks: Stocks,
    holds: OrderHolds<String, Stocks, SharedClock>,
    /// In their place when nothing is to be counted.
    uncounted: Option<UncountedHolds>,
    book: Book,
    opening: Opening,
    /// Shut by what must not see an order half sold: snapshots, and forgetting.
    doors: Doors,
    /// One count of a shelf at a time: two would book the same difference twice.
    counting: Mutex<Counts>,
}

impl Shop {
    /// A shop without SKUs.
    #[must_use]
    pub fn new(opening: Opening) -> Self {
        Self::over(Inventory::new(), opening)
    }

    fn over(stocks: Inventory<Sku>, opening: Opening) -> Self {
        let holds = Holds::builder()
            .clock(Arc::clone(&opening.clock))
            .retention(opening.retention);
        Self {
            stocks: Arc::new(stocks),
            uncounted: (!opening.counted).then(|| holds.clone().build()),
            holds: holds.build(),
            book: Book::default(),
            opening,
            doors: Doors::new(),
            counting: Mutex::default(),
        }
    }

    /// A shop as it was, and the units that were reserved without a hold.
    ///
    /// # Errors
    ///
    /// What is wrong with the snapshot: it cannot be true, or is of another version.
    pub fn restore(kept: Kept, opening: Opening) -> Result<(Self, u64), Box<dyn Error>> {
        let (stocks, restored) = Inventory::builder().restore(&kept.inventory)?;
        let shop = Self::over(stocks, opening);
        kept.inventory.place_holds(&shop.stocks, &shop.holds)?;
        for hold in kept.inventory.holds {
            shop.book.enter(hold.key, hold.lines);
        }
        let now = shop.opening.clock.now();
        for order in kept.sold {
            shop.book.enter(order.id, order.lines).sell(now);
        }
        *shop.counting.lock() = kept.counts;
        Ok((shop, restored.freed))
    }

    /// What to keep: of one instant.
    #[must_use]
    pub fn keep(&self) -> Kept {
        let _alone = self.doors.alone();
        self.kept()
    }

    /// Closes for good, and returns what to keep in the end: all that was ever answered with success,
    /// since whatever would change something is refused from now on.
    #[must_use]
    pub fn close(&self) -> Kept {
        let mut alone = self.doors.alone();
        alone.close();
        self.kept()
    }

    fn kept(&self) -> Kept {
        Kept {
            inventory: self.stocks.snapshot_with(&self.holds),
            sold: self.book.sold(),
            counts: self.counting.lock().kept(),
        }
    }

    /// Holds the units of an order for `ttl`; once, however often it is asked for.
    ///
    /// # Errors
    ///
    /// Those of [`Holds::place`]; or it is closed.
    pub fn place(
        &self,
        id: String,
        lines: Lines,
        ttl: Duration,
    ) -> Result<(bool, Standing), ShopError<NotPlaced>> {
        self.place_while(id, lines, ttl, || ())
    }

    /// The same, and something else after the key is taken and before the units are: for tests of
    /// what others see meanwhile.
    ///
    /// # Errors
    ///
    /// The same.
    pub fn place_while(
        &self,
        id: String,
        lines: Lines,
        ttl: Duration,
        meanwhile: impl Fn(),
    ) -> Result<(bool, Standing), ShopError<NotPlaced>> {
        let _passing = self.doors.pass()?;
        let placed = self.hold(id, lines, ttl, meanwhile);
        placed.map_err(ShopError::Refused)
    }

    fn hold(
        &self,
        id: String,
        lines: Lines,
        ttl: Duration,
        meanwhile: impl Fn(),
    ) -> Result<(bool, Standing), NotPlaced> {
        // What was sold before the last start is known to the book alone.
        if let Some(order) = self.book.get(&id).filter(|order| order.is_sold()) {
            return if order.lines == lines {
                Ok((false, Standing::Sold))
            } else {
                Err(PlaceError::Conflict)
            };
        }
        // Within the reserve nobody else has the id. It is entered before its hold is to be seen, and
        // before its units are taken: who asks for it from then on is told to ask again.
        let mut entry = None;
        let mut enter = |lines: &Lines| {
            entry.get_or_insert_with(|| self.book.propose(&id, lines.clone()));
            meanwhile();
        };
        let answer = match &self.uncounted {
            None => self.holds.place(id.clone(), lines, ttl, |lines| {
                enter(lines);
                self.reserve(lines)
            }),
            Some(holds) => holds.place(id.clone(), lines, ttl, |lines| {
                enter(lines);
                Ok(Uncounted(lines.len() as u64))
            }),
        };
        let placed = match answer {
            Err(PlaceError::Resolved(resolution)) => return Ok((false, resolution.into())),
            answer => answer?,
        };
        if let Some(entry) = entry {
            entry.stays();
        }
        Ok(match placed {
            Placed::Now(held) => (true, Standing::Held(held.remaining)),
            Placed::Before(held) => (false, Standing::Held(held.remaining)),
        })
    }

    fn reserve(&self, lines: &Lines) -> Result<OrderReservation<Stocks>, OrderRefused<Sku>> {
        OrderReservation::new(Arc::clone(&self.stocks), lines.iter().cloned())
    }

    /// Sells an order; one that has expired, too, if its units can still be had.
    ///
    /// # Errors
    ///
    /// Those of [`Holds::confirm_or_retake`]; or it is closed.
    pub fn pay(&self, id: &String) -> Result<(Arc<Order>, Settled), ShopError<NotPaid>> {
        self.pay_while(id, || ())
    }

    /// The same, and something else before the units of an expired order are taken again: for tests
    /// of what others see meanwhile.
    ///
    /// # Errors
    ///
    /// The same.
    pub fn pay_while(
        &self,
        id: &String,
        meanwhile: impl Fn(),
    ) -> Result<(Arc<Order>, Settled), ShopError<NotPaid>> {
        let _passing = self.doors.pass()?;
        self.sell(id, meanwhile).map_err(ShopError::Refused)
    }

    fn sell(&self, id: &String, meanwhile: impl Fn()) -> Result<(Arc<Order>, Settled), NotPaid> {
        let found = self.book.get(id).ok_or(HoldError::Unknown)?;
        if found.is_sold() {
            return Ok((found, Settled::Before));
        }
        let _under_way = found.begin();
        // The holds forget a key sooner than the book does: since it was looked up, it may have been
        // placed anew. The order of a hold is what the book has while the key is in hand or sold,
        // since it is entered before its hold is to be seen.
        let of_hold = || self.book.get(id).unwrap_or_else(|| Arc::clone(&found));
        let settled = match &self.uncounted {
            None => {
                let again = |_: &Lines, _| {
                    meanwhile();
                    self.reserve(&of_hold().lines)
                };
                self.holds.confirm_or_retake(id, again)?
            }
            Some(holds) => holds.confirm(id)?,
        };
        let order = of_hold();
        order.sell(self.opening.clock.now());
        Ok((order, settled))
    }

    /// Gives back what an order holds.
    ///
    /// # Errors
    ///
    /// Those of [`Holds::release`]; or it is closed.
    pub fn cancel(&self, id: &String) -> Result<Settled, ShopError<HoldError>> {
        let _passing = self.doors.pass()?;
        if self.book.get(id).is_some_and(|order| order.is_sold()) {
            return Err(ShopError::Refused(HoldError::Confirmed));
        }
        self.holds.release(id).map_err(ShopError::Refused)
    }

    /// An order, and how it stands.
    ///
    /// # Errors
    ///
    /// [`HoldError::Unknown`]; [`HoldError::InProgress`] while it is being placed or, expired, paid for.
    pub fn order(&self, id: &String) -> Result<(Arc<Order>, Standing), HoldError> {
        let order = self.book.get(id).ok_or(HoldError::Unknown)?;
        if order.is_sold() {
            return Ok((order, Standing::Sold));
        }
        // Of a key that a call works on, the holds say no more than that.
        let status = || {
            let status = self.holds.get(id);
            status.filter(|status| *status != Status::InProgress)
        };
        match order.look(status) {
            Ok(status) => Ok((order, status.into())),
            Err(Unseen::InProgress) => Err(HoldError::InProgress),
            Err(Unseen::Nothing) => Err(HoldError::Unknown),
        }
    }

    /// The books of a SKU.
    #[must_use]
    pub fn stock(&self, sku: &str) -> Option<SkuSnapshot> {
        self.stocks.get(sku)
    }

    /// Says that so many units of a SKU are on hand, reserved ones included: opens it, or books the
    /// difference. Returns whether it was opened.
    ///
    /// With a key, a retry of the SKU's last count changes nothing, whatever was sold since.
    ///
    /// # Errors
    ///
    /// [`SkuError::OutOfStock`] if more are missing than are available: the others are promised;
    /// [`SkuError::Overflow`]; [`CountError::OtherUnits`]; or it is closed.
    pub fn set_on_hand(
        &self,
        sku: Sku,
        units: u64,
        key: Option<String>,
    ) -> Result<bool, ShopError<CountError>> {
        let _passing = self.doors.pass()?;
        let count = key.map(|key| Count { key, units });
        self.count(sku, units, count).map_err(ShopError::Refused)
    }

    fn count(&self, sku: Sku, units: u64, count: Option<Count>) -> Result<bool, CountError> {
        let mut counts = self.counting.lock();
        match count.as_ref().map(|count| counts.compare(&sku, count)) {
            Some(Recount::Retry) => return Ok(false),
            Some(Recount::OtherUnits) => return Err(CountError::OtherUnits),
            Some(Recount::New) | None => {}
        }
        let opened = self.book_difference(&sku, units)?;
        if let Some(count) = count {
            counts.note(sku, count);
        }
        Ok(opened)
    }

    fn book_difference(&self, sku: &Sku, units: u64) -> Result<bool, SkuError> {
        match self.stocks.insert(Arc::clone(sku), units) {
            Ok(()) => Ok(true),
            Err(InsertError::AlreadyThere) => {
                let books = self.stocks.get(sku).ok_or(SkuError::UnknownSku)?;
                self.stocks.stocktake(sku, books.on_hand(), units)?;
                Ok(false)
            }
            Err(_) => Err(RestockOverflow::new(units, 0).into()),
        }
    }

    /// Opens a SKU, if it is not there.
    ///
    /// # Errors
    ///
    /// [`InsertError::TooManyUnits`].
    pub fn open(&self, sku: impl Into<Sku>, units: u64) -> Result<(), InsertError> {
        match self.stocks.insert(sku.into(), units) {
            Err(InsertError::AlreadyThere) => Ok(()),
            opened => opened,
        }
    }

    /// Adds units to a SKU.
    ///
    /// # Errors
    ///
    /// [`SkuError::UnknownSku`], [`SkuError::Overflow`]; or it is closed.
    pub fn restock(&self, sku: &str, units: u64) -> Result<(), ShopError<SkuError>> {
        let _passing = self.doors.pass()?;
        self.stocks.restock(sku, units).map_err(ShopError::Refused)
    }

    /// Takes back what has expired, at most `limit` orders at once.
    pub fn sweep(&self, limit: usize) -> usize {
        self.holds.sweep(limit)
    }

    /// Forgets orders whose retention is over.
    pub fn forget(&self) {
        let now = self.opening.clock.now();
        let since = now.saturating_sub(self.opening.retention);
        let known = |id: &String| self.holds.get(id).is_some();
        let outdated = self.book.outdated(since, known);
        // Looked at again while nothing is placed or taken again: such an order has no hold yet.
        let _alone = self.doors.alone();
        self.book.forget(&outdated, since, known);
    }

    /// Orders that are held.
    #[must_use]
    pub fn held(&self) -> usize {
        self.holds.len()
    }

    /// Orders that ever expired.
    #[must_use]
    pub fn expired(&self) -> u64 {
        self.holds.expired()
    }

    /// Orders that are remembered.
    #[must_use]
    pub fn remembered(&self) -> usize {
        self.book.len()
    }

    /// SKUs.
    #[must_use]
    pub fn skus(&self) -> usize {
        self.stocks.len()
    }
}

/// Shows numbers.
impl fmt::Debug for Shop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shop")
            .field("skus", &self.skus())
            .field("held", &self.held())
            .field("remembered", &self.remembered())
            .finish_non_exhaustive()
    }
}
