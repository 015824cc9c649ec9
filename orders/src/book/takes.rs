//! What an order takes: units of the stock, a place in the queue, and a share of its customer's limit.

use super::OrderBook;
use crate::customers::{NotCounted, Room};
use crate::entry::Position;
use crate::lines::{LineUnits, Lines, SkuId};
use crate::order::Order;
use crate::refusal::{Limit, Refusal};
use segstock::inventory::{ShortLine, Sku};

/// The position of an entry that is appended after all that are known.
const NOT_YET: Position = Position::new(u64::MAX);

impl<K: Sku + 'static> OrderBook<K> {
    /// Whether nothing but the stock limits who can have these lines.
    fn are_unlimited(&self, lines: &Lines) -> bool {
        let mut lines = lines.iter();
        lines.all(|line| !self.skus.item(line.sku).rules.are_any())
    }

    /// Whether no line is of a SKU that is closed.
    pub(super) fn are_open(&self, lines: &Lines) -> Result<(), Refusal<K>> {
        let mut closed = Vec::new();
        for line in lines.iter() {
            let item = self.skus.item(line.sku);
            if item.rules.is_closed() {
                closed.push(item.sku().clone());
            }
        }
        if closed.is_empty() {
            Ok(())
        } else {
            Err(Refusal::Closed(closed))
        }
    }

    /// The lines of SKUs whose units are counted for each customer, of the entry at `position`.
    pub(crate) fn counted(
        &self,
        customer: Option<&str>,
        lines: &Lines,
        position: Position,
    ) -> Lines {
        if customer.is_none() {
            return Lines::new();
        }
        let counted = |line: &&LineUnits| self.skus.item(line.sku).rules.is_counted(position);
        lines.iter().filter(counted).copied().collect()
    }

    /// Counts what a customer takes, if it is counted. Returns what was.
    pub(super) fn count_for(
        &self,
        customer: Option<&str>,
        lines: &Lines,
    ) -> Result<Lines, Refusal<K>> {
        if self.are_unlimited(lines) {
            return Ok(Lines::new());
        }
        let limit = |sku: SkuId| self.skus.item(sku).rules.per_customer();
        let Some(customer) = customer else {
            let limited = lines.iter().filter(|line| limit(line.sku).is_some());
            let limited: Vec<K> = limited.map(|line| self.name_of(line.sku)).collect();
            return if limited.is_empty() {
                Ok(Lines::new())
            } else {
                Err(Refusal::CustomerNeeded(limited))
            };
        };
        let counted = self.counted(Some(customer), lines, NOT_YET);
        self.count_in(customer, &counted, Room::Limited)?;
        Ok(counted)
    }

    fn count_in(&self, customer: &str, counted: &Lines, room: Room) -> Result<(), Refusal<K>> {
        let limit = |sku: SkuId| self.skus.item(sku).rules.per_customer();
        match self.customers.take(customer, counted, limit, room) {
            Ok(()) => Ok(()),
            Err(NotCounted::Customers(limit)) => Err(Refusal::Limit(Limit::Customers(limit))),
            Err(NotCounted::Limited(short)) => {
                let short = short
                    .into_iter()
                    .map(|(line, left)| ShortLine::new(self.name_of(line.sku), line.units, left));
                Err(Refusal::PerCustomer(short.collect()))
            }
        }
    }

    /// Counts what a customer took, of what is counted for it, but for what was counted when it was taken: a limit was set
    /// meanwhile.
    pub(crate) fn count_rest(&self, customer: Option<&str>, counted: &Lines, before: &Lines) {
        if let Some(customer) = customer {
            self.customers.take_again(customer, &counted.beyond(before));
        }
    }

    /// Takes what an order lacks: what its customer can have, what can be held, and units. All of it, or nothing. Returns what
    /// was counted for the customer.
    pub(super) fn take_for(
        &self,
        shard: usize,
        customer: Option<&str>,
        lines: &Lines,
    ) -> Result<Lines, Refusal<K>> {
        self.take_counting(shard, customer, lines, lines)
    }

    /// What an order takes that holds units already. Of a SKU that it had without being counted it gets no more once the SKU
    /// has a limit: they could not be counted, for all units of a SKU in an order are, or none.
    pub(super) fn take_more(
        &self,
        shard: usize,
        order: &Order,
        lines: &Lines,
    ) -> Result<Lines, Refusal<K>> {
        let (had, new) = order.split(lines);
        let counted = order.counted(&had);
        let limited = |line: &&LineUnits| self.skus.item(line.sku).rules.per_customer().is_some();
        let past_limit: Vec<_> = had
            .beyond(&counted)
            .iter()
            .filter(limited)
            .copied()
            .collect();
        if !past_limit.is_empty() {
            let names = past_limit.iter().map(|line| self.name_of(line.sku));
            return Err(if order.customer.is_none() {
                Refusal::CustomerNeeded(names.collect())
            } else {
                let short =
                    |line: &LineUnits| ShortLine::new(self.name_of(line.sku), line.units, 0);
                Refusal::PerCustomer(past_limit.iter().map(short).collect())
            });
        }
        let counts = counted.and(&new);
        self.take_counting(shard, order.customer.as_deref(), &counts, lines)
    }

    /// Takes `lines`, and counts those of them that are among `counts` where units are counted.
    fn take_counting(
        &self,
        shard: usize,
        customer: Option<&str>,
        counts: &Lines,
        lines: &Lines,
    ) -> Result<Lines, Refusal<K>> {
        let counted = self.count_for(customer, counts)?;
        let taken = self.take_to_hold(shard, lines);
        if taken.is_err() {
            self.uncount_for(customer, &counted);
        }
        taken.map(|()| counted)
    }

    /// Takes units that an order of this shard holds, if this many can be held.
    fn take_to_hold(&self, shard: usize, lines: &Lines) -> Result<(), Refusal<K>> {
        self.skus.hold(shard, lines).map_err(|refused| {
            let short = self.skus.short(lines);
            if short.is_empty() {
                Refusal::Unpaid(refused)
            } else {
                Refusal::Short(short)
            }
        })?;
        self.skus.take_after_queue(lines).map_err(|short| {
            self.skus.unhold(shard, lines);
            Refusal::Short(short)
        })
    }

    /// Takes units again that an order had.
    pub(super) fn take_again(&self, order: &Order, lines: &Lines) -> Result<(), Refusal<K>> {
        let counted = order.counted(lines);
        let customer = order.customer.as_deref();
        if let Some(customer) = customer.filter(|_| !counted.is_empty()) {
            self.count_in(customer, &counted, Room::ForAll)?;
        }
        self.skus.take_after_queue(lines).map_err(|short| {
            self.uncount_for(customer, &counted);
            Refusal::Short(short)
        })
    }

    /// Undoes what [`take_again`](Self::take_again) took.
    pub(super) fn give_again(&self, order: &Order, lines: &Lines) {
        self.uncount_for(order.customer.as_deref(), &order.counted(lines));
        self.skus.give_all(lines);
    }

    pub(crate) fn uncount_for(&self, customer: Option<&str>, counted: &Lines) {
        if let Some(customer) = customer {
            self.customers.give(customer, counted);
        }
    }

    /// Sets places in the queues aside, for all lines or for none.
    pub(super) fn set_places_aside(&self, lines: &Lines) -> Result<(), Refusal<K>> {
        let short: Vec<_> = lines
            .iter()
            .filter_map(|line| {
                let item = self.skus.item(line.sku);
                let limit = item.rules.waiting();
                let set = item.queue.set_aside(line.units, limit);
                let left = || limit.saturating_sub(item.queue.units());
                (!set).then(|| ShortLine::new(item.sku().clone(), line.units, left()))
            })
            .collect();
        if short.is_empty() {
            return Ok(());
        }
        let is_short = |line: &&LineUnits| {
            let name = self.skus.item(line.sku).sku();
            short.iter().any(|short| short.sku == *name)
        };
        let set = lines.iter().filter(|line| !is_short(line));
        set.for_each(|line| self.skus.item(line.sku).queue.give_back(line.units));
        Err(Refusal::QueueFull(short))
    }

    fn name_of(&self, sku: SkuId) -> K {
        self.skus.item(sku).sku().clone()
    }
}
