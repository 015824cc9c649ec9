//! [`OrderBook`]: orders over the stocks of many SKUs.

mod amend;
mod cancel;
mod changes;
mod events;
mod expiry;
mod forget;
mod limit;
mod lists;
mod moves;
mod pay;
mod place;
mod return_units;
mod shelf;
mod ship;
mod stock;
mod takes;
mod units;
mod views;
mod waiting;

pub use lists::{Cursor, Filter, Page, StockPage};
pub use moves::{SendingPage, SendingView};
pub use return_units::Returned;

use self::waiting::SERVED_AT_ONCE;
use crate::customers::Customers;
use crate::entry::Position;
use crate::feed::Feed;
use crate::journal::Journal;
use crate::lines::{Lines, SkuId};
use crate::on_the_way::OnTheWay;
use crate::refusal::{Limit, Refusal};
use crate::requests::Requests;
use crate::settings::{MAX_KEY, MOST_LINES, Settings};
use crate::skus::Skus;
use crate::sync::Mutex;
use crate::table::Table;
use segstock::inventory::Sku;
use segstock::{Clock, MAX_UNITS};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Orders over the stocks of many SKUs.
///
/// An order has an id that its customer chose. Every call may be made again, with the same arguments: what was done
/// [before](crate::Answer::before) is answered as it was, and changes nothing.
///
/// `K` is the SKU.
///
/// # Examples
///
/// ```
/// use segstock_orders::{OrderBook, OrderState, Refusal};
/// use std::time::Duration;
///
/// let book = OrderBook::new();
/// book.open("phone", 2)?;
/// let quarter = Duration::from_secs(15 * 60);
///
/// book.place("order-17", None, [("phone", 2)], quarter)?;
/// let again = book.place("order-17", None, [("phone", 1), ("phone", 1)], quarter)?;
/// assert!(again.before, "the lines may come in parts");
/// assert!(matches!(book.place("order-18", None, [("phone", 1)], quarter), Err(Refusal::Short(_))));
///
/// let paid = book.pay("order-17")?;
/// assert_eq!(paid.state, OrderState::Paid);
/// // The two phones are promised, and on the shelf until they are shipped.
/// book.count("phone", "count-1", 2)?;
/// assert_eq!(book.available("phone"), Some(0));
/// book.ship("order-17")?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Consistency
///
/// Each call takes effect at one instant. A place is refused as [short](Refusal::Short) only if for each line that it
/// names there was an instant of the call at which fewer units were available, after all orders past their deadline had
/// given theirs back. Units that a call beside it takes, and gives back since it lacks others, are not available meanwhile.
///
/// # Panics
///
/// No call panics, unless the SKU's own code (`Hash`, `Eq`, `Clone`) does. That code must not call the book.
pub struct OrderBook<K: Sku> {
    pub(crate) skus: Skus<K>,
    pub(crate) table: Table,
    pub(crate) customers: Customers,
    pub(crate) journal: Arc<dyn Journal<K>>,
    pub(crate) requests: Requests,
    pub(crate) on_the_way: OnTheWay,
    pub(crate) feed: Option<Feed<K>>,
    /// The time of the last entry. Locked while an entry is stamped and appended; no lock is taken after it, but those of
    /// the feed and of the journal.
    pub(crate) last_time: Mutex<u64>,
    pub(crate) clock: Arc<dyn Clock + Send + Sync>,
    pub(crate) settings: Settings,
}

/// What a call knows.
#[derive(Debug)]
pub(crate) struct Call {
    /// Nanoseconds of the book's clock. It is read again when the call has to begin again.
    pub(crate) now: u64,
    /// The entry that must be durable before the answer is given.
    pub(crate) rests_on: Position,
    /// The order that it is about, once it was refused: that is not forgotten for its sake.
    pub(crate) order: Option<Position>,
}

impl Call {
    pub(crate) fn rest_on(&mut self, position: Position) {
        self.rests_on = self.rests_on.max(position);
    }
}

impl<K: Sku + 'static> OrderBook<K> {
    /// The most entries that a call on stock appends: its own, those of orders whose time is over, and those of orders that
    /// waited and get their units. For [`Writer::together`](crate::ledger::Writer::together).
    pub const MOST_ENTRIES: usize = 1 + expiry::FOR_OTHERS + waiting::SERVED_AT_ONCE;

    /// Does the work of a call, and waits until what its answer rests on is durable.
    fn answered<T>(
        &self,
        work: impl FnOnce(&mut Call) -> Result<T, Refusal<K>>,
    ) -> Result<T, Refusal<K>> {
        self.answered_since(self.now(), work)
    }

    /// As [`answered`](Self::answered), for work that reads the clock itself, under the lock of an order.
    fn answered_on_order<T>(
        &self,
        work: impl FnOnce(&mut Call) -> Result<T, Refusal<K>>,
    ) -> Result<T, Refusal<K>> {
        self.answered_since(0, work)
    }

    fn answered_since<T>(
        &self,
        now: u64,
        work: impl FnOnce(&mut Call) -> Result<T, Refusal<K>>,
    ) -> Result<T, Refusal<K>> {
        let mut call = Call {
            now,
            rests_on: Position::default(),
            order: None,
        };
        let answer = work(&mut call);
        if self.skus.to_serve.any() {
            _ = self.serve(SERVED_AT_ONCE, SERVED_AT_ONCE);
        }
        if call.rests_on > Position::default() {
            self.journal
                .wait(call.rests_on)
                .map_err(|_| Refusal::Unknown)?;
        }
        answer
    }

    pub(crate) fn now(&self) -> u64 {
        nanos(self.clock.now())
    }

    /// The lines that a call names, each SKU once. Whether a new order can have this many is another question.
    pub(crate) fn lines_of(
        &self,
        lines: impl IntoIterator<Item = (K, u64)>,
    ) -> Result<Lines, Refusal<K>> {
        self.skus.finding(|find| self.lines_found(lines, find))
    }

    fn lines_found(
        &self,
        lines: impl IntoIterator<Item = (K, u64)>,
        find: &dyn Fn(&K) -> Option<SkuId>,
    ) -> Result<Lines, Refusal<K>> {
        let mut all = Lines::new();
        let mut unknown = Vec::new();
        for (sku, units) in lines {
            if units == 0 {
                return Err(Refusal::ZeroUnits(sku));
            }
            let Some(id) = find(&sku) else {
                unknown.push(sku);
                if unknown.len() >= MOST_LINES {
                    break;
                }
                continue;
            };
            if !all.add(id, units) || all.of(id) > MAX_UNITS {
                return Err(Refusal::TooManyUnits(sku));
            }
            if all.len() > MOST_LINES {
                return Err(Refusal::Limit(Limit::Lines(MOST_LINES)));
            }
        }
        if !unknown.is_empty() {
            unknown.sort_unstable();
            unknown.dedup();
            return Err(Refusal::UnknownSkus(unknown));
        }
        if all.is_empty() {
            return Err(Refusal::Empty);
        }
        Ok(all)
    }

    /// Whether an order can have such lines from now on.
    pub(crate) fn fits_order(&self, lines: &Lines) -> Result<(), Refusal<K>> {
        let Settings {
            max_lines,
            max_units,
            ..
        } = self.settings;
        let limit = if lines.len() > max_lines {
            Limit::Lines(max_lines)
        } else if lines.units() > max_units {
            Limit::Units(max_units)
        } else {
            return Ok(());
        };
        Err(Refusal::Limit(limit))
    }

    /// Whether this many lines can be known, beside those of all orders.
    pub(crate) fn has_room_for_lines(&self, lines: usize) -> Result<(), Refusal<K>> {
        let limit = self.settings.max_all_lines;
        if lines > 0 && !self.table.has_room_for_lines(lines) {
            return Err(Refusal::Limit(Limit::AllLines(limit)));
        }
        Ok(())
    }

    pub(crate) fn until(&self, now: u64, ttl: Duration) -> Result<u64, Refusal<K>> {
        let longest = self.settings.longest_hold;
        if ttl.is_zero() || ttl > longest {
            return Err(Refusal::Ttl { longest });
        }
        Ok(now.saturating_add(nanos(ttl)))
    }
}

pub(crate) fn check_key<K>(key: &str) -> Result<(), Refusal<K>> {
    if (1..=MAX_KEY).contains(&key.len()) {
        Ok(())
    } else {
        Err(Refusal::Key)
    }
}

/// Nanoseconds, as many as 64 bits hold.
pub(crate) fn nanos(time: Duration) -> u64 {
    let seconds = time.as_secs().checked_mul(1_000_000_000);
    let nanos = seconds.and_then(|nanos| nanos.checked_add(time.subsec_nanos().into()));
    nanos.unwrap_or(u64::MAX)
}

impl<K: Sku + 'static> Default for OrderBook<K> {
    fn default() -> Self {
        Self::new()
    }
}

/// Shows numbers.
impl<K: Sku> fmt::Debug for OrderBook<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OrderBook")
            .field("skus", &self.skus.len())
            .field("orders", &self.table.known())
            .finish_non_exhaustive()
    }
}
