//! Orders that wait for units, and how they are served.

use super::OrderBook;
use super::units::At;
use crate::answers::Answer;
use crate::entry::{Change, Position};
use crate::lines::{Lines, SkuId};
use crate::parts::Stage;
use crate::refusal::Refusal;
use segstock::inventory::Sku;
use std::time::Duration;

/// How many waiting orders a call serves. Those that are left are served by the calls that follow, whatever they are, and by
/// [sweeps](OrderBook::sweep).
pub(super) const SERVED_AT_ONCE: usize = 8;

/// Orders that waited and were served.
pub(super) struct Served<K> {
    pub(super) orders: usize,
    /// The last entry of them.
    pub(super) last: Position,
    /// Why no other one was.
    pub(super) hindered: Option<Refusal<K>>,
}

impl<K> Default for Served<K> {
    fn default() -> Self {
        Self {
            orders: 0,
            last: Position::default(),
            hindered: None,
        }
    }
}

impl<K: Sku + 'static> OrderBook<K> {
    /// [Places](Self::place) an order; and if lines lack units, has it wait for them: a preorder, a waiting list. The
    /// answer's [`state`](Answer::state) says which.
    ///
    /// Units that come back serve first what is owed, then the orders that wait, in the sequence in which they were placed,
    /// and then the sale. An order is served as a whole, once it is the first in the queue of each of its SKUs; its units
    /// are held for `ttl` from then on. Until then nobody else gets units of those SKUs. The [feed](Self::events) says who
    /// was served.
    ///
    /// # Errors
    ///
    /// Those of [`place`](Self::place), without [`Refusal::Short`]. [`Refusal::QueueFull`] names all lines for which more
    /// units would wait than [the limit](crate::SkuLimits::waiting) lets.
    ///
    /// # Examples
    ///
    /// ```
    /// use segstock_orders::{OrderBook, OrderState};
    /// use std::time::Duration;
    ///
    /// let book = OrderBook::new();
    /// book.open("phone", 0)?;
    /// let quarter = Duration::from_secs(900);
    /// let answer = book.place_or_wait("order-17", None, [("phone", 2)], quarter)?;
    /// assert_eq!(answer.state, OrderState::Waiting);
    ///
    /// book.restock("phone", "delivery-1", 5)?;
    /// assert_eq!(book.get("order-17")?.state, OrderState::Held);
    /// assert_eq!(book.available("phone"), Some(3));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn place_or_wait(
        &self,
        id: &str,
        customer: Option<&str>,
        lines: impl IntoIterator<Item = (K, u64)>,
        ttl: Duration,
    ) -> Result<Answer, Refusal<K>> {
        self.placed(id, customer, lines, ttl, true)
    }

    /// Takes what an order needs to wait: of what its customer can have, and places in the queues. All of it, or nothing.
    /// Returns what was counted for the customer.
    pub(super) fn take_places(
        &self,
        customer: Option<&str>,
        lines: &Lines,
    ) -> Result<Lines, Refusal<K>> {
        let counted = self.count_for(customer, lines)?;
        let set = self.set_places_aside(lines);
        if set.is_err() {
            self.uncount_for(customer, &counted);
        }
        set.map(|()| counted)
    }

    /// Serves waiting orders of SKUs of which units came back, at most this many, and looks at as many SKUs at most. Called
    /// without a lock.
    pub(super) fn serve(&self, most: usize, looks: usize) -> Served<K> {
        let mut served = Served::default();
        for _ in 0..looks {
            if served.orders == most || served.hindered.is_some() {
                break;
            }
            let Some(sku) = self.skus.to_serve.next() else {
                break;
            };
            // The next in the queues of the same SKUs may be served, too. After a failure the next units that come wake
            // them again; but not if the journal had no place.
            match self.serve_first(sku) {
                Ok(Some((lines, position))) => {
                    lines.iter().for_each(|line| self.skus.wake(line.sku));
                    served.orders += 1;
                    served.last = served.last.max(position);
                }
                Ok(None) => {}
                Err(refusal) => {
                    if matches!(refusal, Refusal::Busy) {
                        self.skus.to_serve.add(sku);
                    }
                    served.hindered = Some(refusal);
                }
            }
            self.skus.to_serve.is_served(sku);
        }
        served
    }

    /// Serves the first order in the queue of a SKU, and returns its lines and the entry; none if it cannot be served.
    fn serve_first(&self, sku: SkuId) -> Result<Option<(Lines, Position)>, Refusal<K>> {
        let Some((order, id)) = self.skus.item(sku).queue.first() else {
            return Ok(None);
        };
        let name = self.table.name(&id);
        let mut shard = self.table.lock_shard_of(name);
        let slot = shard.find(name).filter(|slot| shard[*slot].number == order);
        let Some(slot) = slot else {
            return Ok(None);
        };
        let lines = shard[slot].parts.at(Stage::Waiting);
        let is_first = |sku| self.skus.item(sku).queue.is_first(order);
        if lines.is_empty() || !lines.iter().all(|line| is_first(line.sku)) {
            return Ok(None);
        }
        let permit = self.permit()?;
        let now = self.now();
        let until = now.saturating_add(shard[slot].until);
        // Before it takes anything.
        shard.announce(until);
        self.skus.hold_anyway(&lines);
        if self.skus.take(&lines).is_err() {
            self.skus.unhold(shard.number, &lines);
            return Ok(None);
        }
        let served = lines.clone();
        let change = Change::Served {
            order,
            lines,
            until,
        };
        let mut at = At {
            shard: &mut shard,
            slot,
            now,
            request: None,
        };
        self.record(&mut at, permit, change, None);
        Ok(Some((served, shard[slot].last)))
    }
}
