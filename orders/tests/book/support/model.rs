//! A sequential model of a book: what each call answers, by the rules in words.
//!
//! Units of a SKU that orders can have are those on hand that no order was promised, or none.

mod orders;

use super::calls::{Limits, Lines, Moved, Op, Said, Sku, customer};
use segstock_orders::OrderState;
use std::collections::{BTreeMap, BTreeSet};

/// Units of a line by how far they are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Line {
    pub waiting: u64,
    pub held: u64,
    pub paid: u64,
    pub shipped: u64,
    pub returned: u64,
    pub written_off: u64,
    pub cancelled: u64,
    pub refunded: u64,
    pub expired: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    pub lines: BTreeMap<Sku, Line>,
    placed: Lines,
    number: u64,
    ttl: u64,
    /// The SKUs that count for its customer.
    counted: BTreeSet<Sku>,
    /// When what is held comes back.
    until: u64,
    /// When it ended last.
    ended: u64,
    /// What was asked for under each key, and what it moved.
    requests: BTreeMap<u8, (&'static str, Lines, Moved)>,
    /// The calls on the whole order that were made, and what each moved.
    whole: BTreeMap<&'static str, Moved>,
}

impl Order {
    fn sum(&self, of: impl Fn(&Line) -> u64) -> u64 {
        self.lines.values().map(of).sum()
    }

    pub fn state(&self) -> OrderState {
        if self.sum(|line| line.held) > 0 {
            OrderState::Held
        } else if self.sum(|line| line.waiting) > 0 {
            OrderState::Waiting
        } else if self.sum(|line| line.paid) > 0 {
            OrderState::Paid
        } else if self.sum(|line| line.shipped) > 0 {
            OrderState::Shipped
        } else if self.sum(|line| line.returned + line.written_off) > 0 {
            OrderState::Returned
        } else if self.sum(|line| line.expired) > 0 {
            OrderState::Expired
        } else {
            OrderState::Cancelled
        }
    }

    fn has_ended(&self) -> bool {
        self.sum(|line| line.waiting + line.held + line.paid) == 0
    }

    /// For how long it is known after it ended: longer, if units can come back.
    fn known_for(&self, retention: u64, returns: u64) -> u64 {
        if self.sum(|line| line.shipped) > 0 {
            returns.max(retention)
        } else {
            retention
        }
    }
}

/// The book.
#[derive(Debug, Clone, Default)]
pub struct Shop {
    pub orders: BTreeMap<u8, Order>,
    pub on_hand: BTreeMap<Sku, u64>,
    pub limits: BTreeMap<Sku, Limits>,
    pub counted: BTreeSet<Sku>,
    pub last: u64,
    pub booked: BTreeMap<(Sku, u8), (&'static str, u64, Said, u64)>,
    pub now: u64,
    /// Units of customers in orders that are forgotten.
    pub forgotten: BTreeMap<(String, Sku), u64>,
    pub retention: u64,
    pub returns: u64,
    pub ships_at_once: bool,
    /// From, to, and units that have not arrived.
    pub sendings: Vec<(Sku, Sku, u64)>,
}

impl Shop {
    pub fn promised(&self, sku: Sku) -> u64 {
        let lines = self
            .orders
            .values()
            .filter_map(|order| order.lines.get(sku));
        lines.map(|line| line.held + line.paid).sum()
    }

    pub fn available(&self, sku: Sku) -> u64 {
        self.on_hand[sku].saturating_sub(self.promised(sku) + self.limits[sku].safety)
    }

    /// Units that are promised and not there.
    pub fn owed(&self, sku: Sku) -> u64 {
        self.promised(sku).saturating_sub(self.on_hand[sku])
    }

    /// Units of the safety stock that are on hand.
    pub fn safety(&self, sku: Sku) -> u64 {
        let free = self.on_hand[sku].saturating_sub(self.promised(sku));
        free.min(self.limits[sku].safety)
    }

    pub fn waiting(&self, sku: Sku) -> u64 {
        let lines = self
            .orders
            .values()
            .filter_map(|order| order.lines.get(sku));
        lines.map(|line| line.waiting).sum()
    }

    /// Units on their way from a SKU, and to it.
    pub fn on_the_way(&self, sku: Sku) -> (u64, u64) {
        let sum = |of: &dyn Fn(&(Sku, Sku, u64)) -> bool| {
            let sendings = self.sendings.iter().filter(|sending| of(sending));
            sendings.map(|(_, _, units)| units).sum()
        };
        (
            sum(&|sending| sending.0 == sku),
            sum(&|sending| sending.1 == sku),
        )
    }

    /// Units that a customer has, of the orders that count.
    fn has(&self, customer: &str, sku: Sku) -> u64 {
        let owner = super::calls::customer;
        let orders = self
            .orders
            .iter()
            .filter(|(id, _)| owner(**id) == Some(customer));
        let lines = orders
            .filter(|(_, order)| order.counted.contains(sku))
            .filter_map(|(_, order)| order.lines.get(sku));
        lines
            .map(|line| line.waiting + line.held + line.paid + line.shipped)
            .sum::<u64>()
            + self
                .forgotten
                .get(&(customer.to_owned(), sku))
                .copied()
                .unwrap_or(0)
    }

    /// Whether the customer of an order can have more units.
    fn for_customer(&self, id: u8, lines: &Lines) -> Result<(), Said> {
        let limit = |sku: Sku| self.limits[sku].per_customer;
        let Some(customer) = customer(id) else {
            let limited: Vec<_> = lines
                .keys()
                .copied()
                .filter(|sku| limit(sku).is_some())
                .collect();
            return if limited.is_empty() {
                Ok(())
            } else {
                Err(Said::CustomerNeeded(limited))
            };
        };
        let short = lines.iter().filter(|(sku, units)| {
            limit(sku).is_some_and(|limit| self.has(customer, sku) + **units > limit)
        });
        let short: Vec<_> = short.map(|(sku, _)| *sku).collect();
        if short.is_empty() {
            Ok(())
        } else {
            Err(Said::PerCustomer(short))
        }
    }

    fn closed(&self, lines: &Lines) -> Result<(), Said> {
        let closed: Vec<_> = lines
            .keys()
            .copied()
            .filter(|sku| self.limits[sku].closed)
            .collect();
        if closed.is_empty() {
            Ok(())
        } else {
            Err(Said::Closed(closed))
        }
    }

    /// Serves who waits, the first in the queues of all its SKUs.
    fn serve(&mut self) {
        while let Some(id) = self.next() {
            let now = self.now;
            let order = self.orders.get_mut(&id).unwrap();
            for line in order.lines.values_mut() {
                line.held += std::mem::take(&mut line.waiting);
            }
            order.until = now + order.ttl;
        }
    }

    fn next(&self) -> Option<u8> {
        let waits =
            |order: &Order, sku: Sku| order.lines.get(sku).is_some_and(|line| line.waiting > 0);
        let mut orders = self.orders.iter();
        let next = orders.find(|(_, order)| {
            let lines = order.lines.iter().filter(|(_, line)| line.waiting > 0);
            let mut lines = lines.peekable();
            lines.peek().is_some()
                && lines.all(|(sku, line)| {
                    let earlier = |other: &&Order| other.number < order.number && waits(other, sku);
                    self.available(sku) >= line.waiting
                        && self.orders.values().find(earlier).is_none()
                })
        });
        next.map(|(id, _)| *id)
    }

    pub fn call(&mut self, op: &Op) -> Said {
        let said = self.called(op);
        self.serve();
        said
    }

    fn called(&mut self, op: &Op) -> Said {
        match op {
            Op::Limit { sku, limits } => {
                if limits.per_customer.is_some() {
                    self.counted.insert(sku);
                }
                self.limits.insert(sku, *limits);
                Said::Passed
            }
            Op::Pass { seconds } => {
                self.now += seconds;
                self.expire();
                Said::Passed
            }
            Op::Place {
                id,
                lines,
                ttl,
                waits,
            } => self.place(*id, lines, *ttl, *waits),
            Op::Restock { sku, key, units } => {
                self.book(sku, *key, "restock", *units, |_| Ok((*units as i64, 0)))
            }
            Op::Count { sku, key, counted } => self.book(sku, *key, "count", *counted, |shop| {
                let difference = *counted as i64 - shop.on_hand[sku] as i64;
                let lacking = (-difference).max(0) as u64;
                Ok((difference, lacking.saturating_sub(shop.available(sku))))
            }),
            Op::WriteOff { sku, key, units } => self.book(sku, *key, "write off", *units, |shop| {
                if shop.available(sku) < *units {
                    return Err(Said::Short(vec![sku]));
                }
                Ok((-(*units as i64), 0))
            }),
            Op::Move {
                from,
                to,
                key,
                units,
                sends,
            } => self.leave_for(from, to, *key, *units, *sends),
            Op::Arrive {
                sending,
                key,
                units,
                lost,
            } => self.arrive(*sending, *key, *units, *lost),
            Op::Amend {
                id,
                key,
                lines,
                ttl,
            } => {
                // For how long is a part of what is asked for.
                let body = format!("amend {ttl}").leak();
                self.on_order(*id, Some((*key, &*body, lines)), None, |shop, order| {
                    shop.amend(*id, order, lines, *ttl)
                })
            }
            Op::Extend { id, key, ttl } => {
                // How long is a part of what is asked for.
                let body = format!("extend {ttl}").leak();
                let request = (*key, &*body, &Lines::new());
                self.on_order(*id, Some(request), None, |shop, order| {
                    if order.state() != OrderState::Held {
                        return Err(Said::State(order.state()));
                    }
                    order.until = order.until.max(shop.now + ttl);
                    Ok((0, 0, 0))
                })
            }
            Op::Pay { id, part } => {
                let request = part.as_ref().map(|(key, lines)| (*key, "pay", lines));
                self.on_order(
                    *id,
                    request,
                    part.is_none().then_some("pay"),
                    |shop, order| shop.pay(*id, order, part),
                )
            }
            Op::Ship { id, part } => {
                let request = part.as_ref().map(|(key, lines)| (*key, "ship", lines));
                self.on_order(
                    *id,
                    request,
                    part.is_none().then_some("ship"),
                    |shop, order| shop.ship(order, part),
                )
            }
            Op::Cancel { id, part } => {
                let request = part.as_ref().map(|(key, lines)| (*key, "cancel", lines));
                self.on_order(
                    *id,
                    request,
                    part.is_none().then_some("cancel"),
                    |_, order| orders::cancel(order, part),
                )
            }
            Op::Return { id, part, on_sale } => {
                let what = if *on_sale { "return" } else { "write off" };
                let request = part.as_ref().map(|(key, lines)| (*key, what, lines));
                self.on_order(
                    *id,
                    request,
                    part.is_none().then_some(what),
                    |shop, order| shop.give_back(order, part, *on_sale),
                )
            }
        }
    }

    fn expire(&mut self) {
        for order in self.orders.values_mut() {
            if order.until <= self.now && order.sum(|line| line.held) > 0 {
                for line in order.lines.values_mut() {
                    line.expired += std::mem::take(&mut line.held);
                }
                order.ended = self.now;
            }
        }
        let (now, retention, returns) = (self.now, self.retention, self.returns);
        let is_over = |order: &Order| {
            order.has_ended() && order.ended + order.known_for(retention, returns) <= now
        };
        for (id, order) in &self.orders {
            let (Some(customer), true) = (customer(*id), is_over(order)) else {
                continue;
            };
            for (sku, line) in order
                .lines
                .iter()
                .filter(|(sku, _)| order.counted.contains(**sku))
            {
                *self
                    .forgotten
                    .entry((customer.to_owned(), sku))
                    .or_default() += line.shipped;
            }
        }
        self.orders.retain(|_, order| !is_over(order));
        self.booked.retain(|_, booked| booked.3 + retention > now);
    }

    /// Whether this many units more can be held: if not, and not for want of units, that is said.
    fn can_be_held(&self, lines: &Lines) -> Result<(), Said> {
        let held = |sku: Sku| -> u64 {
            let lines = self
                .orders
                .values()
                .filter_map(|order| order.lines.get(sku));
            lines.map(|line| line.held).sum()
        };
        let are_too_many = |sku: Sku, units: u64| {
            let percent = self.limits[sku].unpaid.map(u64::from);
            percent.is_some_and(|percent| {
                held(sku) + units > (self.on_hand[sku] * percent).div_ceil(100)
            })
        };
        let those = |is: &dyn Fn(Sku, u64) -> bool| -> Vec<Sku> {
            let those = lines.iter().filter(|(sku, units)| is(sku, **units));
            those.map(|(sku, _)| *sku).collect()
        };
        let too_many = those(&are_too_many);
        let lacking = those(&|sku, units| self.available(sku) < units);
        match (too_many.is_empty(), lacking.is_empty()) {
            (true, _) => Ok(()),
            (false, false) => Err(Said::Short(lacking)),
            (false, true) => Err(Said::Unpaid(too_many)),
        }
    }

    fn short(&self, lines: &Lines) -> Vec<Sku> {
        let is_short = |sku: Sku, units: u64| self.waiting(sku) > 0 || self.available(sku) < units;
        let short = lines.iter().filter(|(sku, units)| is_short(sku, **units));
        short.map(|(sku, _)| *sku).collect()
    }

    fn book(
        &mut self,
        sku: Sku,
        key: u8,
        what: &'static str,
        units: u64,
        change: impl FnOnce(&Self) -> Result<(i64, u64), Said>,
    ) -> Said {
        if let Some((known, of, said, _)) = self.booked.get(&(sku, key)) {
            return if (*known, *of) == (what, units) {
                said.clone()
            } else {
                Said::Conflict
            };
        }
        match change(self) {
            Err(said) => said,
            Ok((difference, uncovered)) => {
                let on_hand = self.on_hand.get_mut(sku).unwrap();
                *on_hand = on_hand.checked_add_signed(difference).unwrap();
                let said = |before| Said::Booked {
                    before,
                    difference,
                    uncovered,
                };
                self.booked
                    .insert((sku, key), (what, units, said(true), self.now));
                said(false)
            }
        }
    }

    fn leave_for(&mut self, from: Sku, to: Sku, key: u8, units: u64, sends: bool) -> Said {
        let what = if sends { "send" } else { "move" };
        // Where they go is a part of what is asked for.
        let body = format!("{what} {to}").leak();
        let said = self.book(from, key, body, units, |shop| {
            if shop.available(from) < units {
                return Err(Said::Short(vec![from]));
            }
            Ok((-(units as i64), 0))
        });
        if matches!(said, Said::Booked { before: false, .. }) {
            if sends {
                self.sendings.push((from, to, units));
            } else {
                *self.on_hand.get_mut(to).unwrap() += units;
            }
        }
        said
    }

    fn arrive(&mut self, sending: usize, key: u8, units: u64, lost: u64) -> Said {
        let Some(&(_, to, left)) = self.sendings.get(sending) else {
            return Said::UnknownSending;
        };
        let body = format!("arrive {sending} {lost}").leak();
        let said = self.book(to, key, body, units, |_| {
            if left == 0 {
                Err(Said::UnknownSending)
            } else if left < units + lost {
                Err(Said::NotOnTheWay)
            } else {
                Ok((units as i64, 0))
            }
        });
        if matches!(said, Said::Booked { before: false, .. }) {
            self.sendings[sending].2 -= units + lost;
        }
        said
    }
}
