//! What a book shows of its orders.

use super::OrderBook;
use super::changes::remaining;
use crate::answers::{OrderLine, OrderView};
use crate::feed::Feed;
use crate::order::Order;
use crate::parts::Stage;
use crate::refusal::Refusal;
use segstock::inventory::Sku;
use std::time::Duration;

impl<K: Sku + 'static> OrderBook<K> {
    /// The order with this id. An order past its deadline is shown as expired, unless that cannot be written: then it is
    /// held still, for no time.
    ///
    /// # Errors
    ///
    /// [`Refusal::UnknownOrder`] if nothing is known of it; what a ledger adds.
    pub fn get(&self, id: &str) -> Result<OrderView<K>, Refusal<K>> {
        self.answered(|call| {
            let name = self.table.name(id);
            let mut shard = self.table.lock_shard_of(name);
            let slot = shard.find(name).ok_or(Refusal::UnknownOrder)?;
            if self.is_forgotten(&mut shard, slot, call.now) {
                return Err(Refusal::UnknownOrder);
            }
            // What cannot be written has not happened: the order is held still.
            _ = self.expire_if_overdue(&mut shard, slot, call.now);
            call.rest_on(shard[slot].last);
            let order = shard[slot].shown();
            self.tidy(&mut shard, call.now);
            drop(shard);
            Ok(self.view(order, call.now))
        })
    }

    /// What time it is by the book's clock, which stamps its entries. After a restart it goes on where the entries end.
    ///
    /// # Examples
    ///
    /// ```
    /// use segstock_orders::{Cursor, Filter, OrderBook};
    /// use std::time::Duration;
    ///
    /// let book = OrderBook::new();
    /// book.open("phone", 2)?;
    /// book.place("order-17", None, [("phone", 2)], Duration::from_secs(900))?;
    /// // Orders that are older than an hour.
    /// let mut old = Filter::default();
    /// old.before = Some(book.time().saturating_sub(Duration::from_secs(3_600)));
    /// assert!(book.list(&old, Cursor::default(), 100)?.orders.is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn time(&self) -> Duration {
        self.clock.now()
    }

    /// How many orders are known: those that are open, those that ended and are remembered, and those that are kept for
    /// [returns](Self::returnable).
    #[must_use]
    pub fn orders(&self) -> usize {
        self.table.known()
    }

    /// How many orders are kept for [returns](crate::OrderBookBuilder::returns) alone: past the retention, as far as a call
    /// has looked at them since.
    #[must_use]
    pub fn returnable(&self) -> usize {
        self.table.returnable()
    }

    /// How many lines all known orders have: each as often as units of it are at different steps of the order's life.
    #[must_use]
    pub fn lines(&self) -> usize {
        self.table.lines()
    }

    /// How many keys of requests are known, of all orders and all SKUs.
    #[must_use]
    pub fn requests(&self) -> usize {
        self.requests.known()
    }

    /// How many keys of requests [are known at most](crate::OrderBookBuilder::max_all_requests).
    #[must_use]
    pub fn max_all_requests(&self) -> usize {
        self.settings.max_requests
    }

    /// For how many customers units are counted: each as often as SKUs are counted for it.
    #[must_use]
    pub fn customers(&self) -> usize {
        self.customers.known()
    }

    /// How many [sendings](Self::sendings) are on their way.
    #[must_use]
    pub fn sendings_on_the_way(&self) -> usize {
        self.on_the_way.len()
    }

    /// How many [events](Self::events) are kept.
    #[must_use]
    pub fn events_kept(&self) -> usize {
        self.feed.as_ref().map_or(0, Feed::kept)
    }

    /// How many SKUs are open.
    #[must_use]
    pub fn skus(&self) -> usize {
        self.skus.len()
    }

    pub(super) fn view(&self, order: Order, now: u64) -> OrderView<K> {
        let mut lines: Vec<OrderLine<K>> = Vec::new();
        let mut last = None;
        for (sku, stage, units) in order.parts.iter() {
            if last.replace(sku) != Some(sku) {
                lines.push(OrderLine::new(self.skus.item(sku).sku().clone()));
            }
            let Some(line) = lines.last_mut() else {
                continue;
            };
            let figure = match stage {
                Stage::Waiting => &mut line.waiting,
                Stage::Held => &mut line.held,
                Stage::Paid => &mut line.paid,
                Stage::Shipped => &mut line.shipped,
                Stage::Returned => &mut line.returned,
                Stage::WrittenOff => &mut line.written_off,
                Stage::Cancelled => &mut line.cancelled,
                Stage::Refunded => &mut line.refunded,
                Stage::Expired => &mut line.expired,
            };
            *figure = units;
        }
        OrderView {
            number: order.number,
            position: order.last,
            placed: Duration::from_nanos(order.placed),
            age: Duration::from_nanos(now.saturating_sub(order.placed)),
            state: order.state(),
            remaining: remaining(&order, now),
            hold: order.hold(),
            lines,
            id: order.id,
            customer: order.customer,
        }
    }
}
