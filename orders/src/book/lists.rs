//! Lists of orders, page by page.

use super::OrderBook;
use crate::answers::{OrderState, OrderView, SkuView};
use crate::entry::Position;
use crate::lines::SkuId;
use crate::order::Order;
use crate::refusal::Refusal;
use segstock::inventory::Sku;
use std::time::Duration;

/// How many places for orders one call looks at: a few hundred microseconds.
const LOOKS: usize = 2_000;
/// At how many of them it looks before it lets others have the shard.
const LOOKS_AT_ONCE: usize = 200;

/// How many stocks one call shows.
const MOST_STOCKS: usize = 1_000;

/// Which orders a list shows. [`Default`] shows all.
///
/// `K` is the SKU.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Filter<K> {
    /// Only orders of which this is said. With a SKU: only orders with units of that SKU of which this is said, whatever is
    /// said of the order.
    pub state: Option<OrderState>,
    /// Only orders of this customer.
    pub customer: Option<Box<str>>,
    /// Only orders with a line of this SKU. With the state [`Held`](OrderState::Held): who holds it.
    pub sku: Option<K>,
    /// Only orders whose number is at least this: those that were placed since.
    pub from: Position,
    /// Only orders whose number is at most this, if it is given: those that were placed before.
    pub to: Option<Position>,
    /// Only orders that were placed at this time of the book's clock, or later.
    pub since: Duration,
    /// Only orders that were placed before this time of the book's clock, if it is given.
    pub before: Option<Duration>,
}

impl<K> Default for Filter<K> {
    fn default() -> Self {
        Self {
            state: None,
            customer: None,
            sku: None,
            from: Position::default(),
            to: None,
            since: Duration::ZERO,
            before: None,
        }
    }
}

/// Where a list goes on; [`Default`] is the beginning. It stays valid whatever changes, for as long as its book is open: a book
/// that is made again after a restart refuses it, as [`Refusal::Cursor`], since its orders lie elsewhere.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Cursor(u64);

/// How many bits of a cursor say where it is. The others, up to 53 in all, are the tag of its book: a number in JSON is read
/// exactly to there.
const BITS_OF_PLACE: u32 = 36;

impl Cursor {
    /// The cursor as one number, to be handed out. It is below 2^53.
    #[must_use]
    pub const fn to_number(self) -> u64 {
        self.0
    }

    /// The cursor that was handed out. A number that was not is refused by the list.
    #[must_use]
    pub const fn from_number(number: u64) -> Self {
        Self(number)
    }
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Page<K> {
    /// The orders, in no promised sequence. There may be none, though the list goes on.
    pub orders: Vec<OrderView<K>>,
    /// Where the next page begins; none at the end of the list.
    pub next: Option<Cursor>,
}

/// A page of the list of stocks.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StockPage<K> {
    /// SKUs and their stocks, in the sequence in which they were opened.
    pub stocks: Vec<(K, SkuView)>,
    /// Where the next page begins; none at the end of the list.
    pub next: Option<SkuId>,
}

impl<K: Sku + 'static> OrderBook<K> {
    /// A page of the stocks of all SKUs, from the one with the number `from` on: at most `limit` of them (0 counts as 1), and
    /// at most 1,000. The first number is 0. Each stock is exact at one instant of the call, as that of
    /// [`stock`](Self::stock).
    ///
    /// # Examples
    ///
    /// ```
    /// use segstock_orders::{OrderBook, SkuId};
    ///
    /// let book = OrderBook::new();
    /// book.open("phone", 2)?;
    /// book.open("case", 3)?;
    /// let page = book.stocks(SkuId::new(0), 100);
    /// let units: Vec<_> = page.stocks.iter().map(|(sku, stock)| (*sku, stock.available)).collect();
    /// assert_eq!(units, [("phone", 2), ("case", 3)]);
    /// assert_eq!(page.next, None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn stocks(&self, from: SkuId, limit: usize) -> StockPage<K> {
        let limit = limit.clamp(1, MOST_STOCKS);
        let numbers = (from.number()..=u32::MAX).map(SkuId::new);
        let mut known = numbers.take_while(|id| self.skus.knows(*id));
        let stocks = known.by_ref().take(limit);
        let stocks = stocks.map(|id| (self.skus.item(id).sku().clone(), self.stock_of(id)));
        StockPage {
            stocks: stocks.collect(),
            next: known.next(),
        }
    }

    /// A page of the orders that `filter` lets through, at most `limit` of them (0 counts as 1).
    ///
    /// Orders past their deadline are expired by it, if that can be written; those that are past their retention, and
    /// not kept for [returns](crate::OrderBookBuilder::returns), are not shown.
    ///
    /// A call looks at 2,000 orders at most, and at 200 under one lock of one shard: nobody waits for a long list. So a page
    /// may have fewer orders than `limit`, or none, though more pages follow. Every filter looks at all orders: a list of
    /// the orders of one customer in a book of a million orders takes 500 calls, and some 100 ms in all.
    ///
    /// # Consistency
    ///
    /// Over all pages, an order that is known, and let through, from the first call to the last is shown once. One that
    /// comes or goes meanwhile may be shown. Once the ledger takes no more changes, orders whose last change is not known to be
    /// durable are left out.
    ///
    /// # Errors
    ///
    /// [`Refusal::UnknownSkus`] if the filter names a SKU that is not open; [`Refusal::Cursor`] if the cursor is of another
    /// book, or of this one before a restart; what a ledger adds.
    ///
    /// # Examples
    ///
    /// ```
    /// use segstock_orders::{Cursor, Filter, OrderBook, OrderState};
    /// use std::time::Duration;
    ///
    /// let book = OrderBook::new();
    /// book.open("phone", 2)?;
    /// book.place("order-17", None, [("phone", 2)], Duration::from_secs(900))?;
    ///
    /// let mut held = Filter::default();
    /// held.state = Some(OrderState::Held);
    /// let (mut cursor, mut orders) = (Some(Cursor::default()), Vec::new());
    /// while let Some(from) = cursor {
    ///     let page = book.list(&held, from, 100)?;
    ///     orders.extend(page.orders);
    ///     cursor = page.next;
    /// }
    /// assert_eq!(&*orders[0].id, "order-17");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn list(
        &self,
        filter: &Filter<K>,
        cursor: Cursor,
        limit: usize,
    ) -> Result<Page<K>, Refusal<K>> {
        self.answered(|call| {
            let sku = match &filter.sku {
                None => None,
                Some(sku) => {
                    let id = self.skus.find(sku);
                    Some(id.ok_or_else(|| Refusal::UnknownSkus(vec![sku.clone()]))?)
                }
            };
            let shows = |order: &Order| {
                let is_customers = filter.customer.is_none() || filter.customer == order.customer;
                let placed = Duration::from_nanos(order.placed);
                filter.from <= order.number
                    && filter.to.is_none_or(|to| order.number <= to)
                    && filter.since <= placed
                    && filter.before.is_none_or(|before| placed < before)
                    && is_customers
                    && is_said(order, sku, filter.state)
            };
            let from = self.place_of(cursor).ok_or(Refusal::Cursor)?;
            let (mut found, next) = self.walk(from, limit.max(1), call.now, shows);
            if matches!(self.permit(), Err(Refusal::Unavailable)) {
                let durable = self.journal.last_durable();
                found.retain(|order| order.last <= durable);
            }
            found.iter().for_each(|order| call.rest_on(order.last));
            let orders = found.into_iter().map(|order| self.view(order, call.now));
            Ok(Page {
                orders: orders.collect(),
                next: next.map(|place| self.cursor_at(place)),
            })
        })
    }

    /// The cursor at a place: shard and slot. No book has orders at 2^36 places.
    fn cursor_at(&self, (shard, slot): (usize, usize)) -> Cursor {
        let place = slot * self.table.shards() + shard;
        Cursor(self.table.tag() << BITS_OF_PLACE | place as u64)
    }

    /// The place of a cursor; none if it is of another book.
    fn place_of(&self, Cursor(number): Cursor) -> Option<(usize, usize)> {
        let (tag, place) = (number >> BITS_OF_PLACE, number & ((1 << BITS_OF_PLACE) - 1));
        let place = usize::try_from(place).ok()?;
        let shards = self.table.shards();
        (number == 0 || tag == self.table.tag()).then_some((place % shards, place / shards))
    }

    fn walk(
        &self,
        (mut shard, mut slot): (usize, usize),
        limit: usize,
        now: u64,
        shows: impl Fn(&Order) -> bool,
    ) -> (Vec<Order>, Option<(usize, usize)>) {
        let mut found = Vec::new();
        let mut looks = LOOKS;
        while shard < self.table.shards() {
            let mut locked = self.table.lock(shard);
            while slot < locked.end() {
                if looks == 0 || found.len() >= limit {
                    return (found, Some((shard, slot)));
                }
                if looks.is_multiple_of(LOOKS_AT_ONCE) && looks < LOOKS {
                    // An order keeps its slot, so the walk goes on where it was.
                    drop(locked);
                    locked = self.table.lock(shard);
                }
                looks -= 1;
                if let Some(slot) = locked.used(slot)
                    && !self.is_forgotten(&mut locked, slot, now)
                {
                    // What cannot be written has not happened.
                    _ = self.expire_if_overdue(&mut locked, slot, now);
                    found.extend(
                        Some(&locked[slot])
                            .filter(|order| shows(order))
                            .map(Order::shown),
                    );
                }
                slot = locked.after(slot);
            }
            (shard, slot) = (shard + 1, 0);
        }
        (found, None)
    }
}

/// Whether this is said of an order; or of its units of a SKU.
fn is_said(order: &Order, sku: Option<SkuId>, state: Option<OrderState>) -> bool {
    match sku {
        None => state.is_none_or(|state| state == order.state()),
        Some(sku) => order
            .parts
            .iter()
            .any(|(of, stage, _)| of == sku && state.is_none_or(|state| state == stage.state())),
    }
}
