//! A sequential model of a book: what each call answers, by the rules in words.
//!
//! Units of a SKU that orders can have are those on hand that no order was promised, or none.

use segstock_orders::{Answer, OrderState, Refusal, Returned, StockAnswer};
use std::collections::{BTreeMap, BTreeSet};

pub type Sku = &'static str;
pub type Lines = BTreeMap<Sku, u64>;

/// A call, with all its arguments: it can be made again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op {
    Place {
        id: u8,
        lines: Lines,
        ttl: u64,
        waits: bool,
    },
    Limit {
        sku: Sku,
        limits: Limits,
    },
    Amend {
        id: u8,
        key: u8,
        lines: Lines,
        ttl: u64,
    },
    Extend {
        id: u8,
        ttl: u64,
    },
    Pay {
        id: u8,
        part: Option<(u8, Lines)>,
    },
    Ship {
        id: u8,
        part: Option<(u8, Lines)>,
    },
    Cancel {
        id: u8,
        part: Option<(u8, Lines)>,
    },
    Return {
        id: u8,
        part: Option<(u8, Lines)>,
        on_sale: bool,
    },
    Restock {
        sku: Sku,
        key: u8,
        units: u64,
    },
    Count {
        sku: Sku,
        key: u8,
        counted: u64,
    },
    WriteOff {
        sku: Sku,
        key: u8,
        units: u64,
    },
    /// Seconds pass.
    Pass {
        seconds: u64,
    },
}

/// What is set for a SKU.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    pub safety: u64,
    pub closed: bool,
    pub per_customer: Option<u64>,
    pub waiting: u64,
}

/// Whose order it is.
pub fn customer(id: u8) -> Option<&'static str> {
    [Some("ann"), Some("bob"), Some("ann"), None][id as usize % 4]
}

/// What a call is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    Done {
        state: OrderState,
        units: u64,
        refunded: u64,
        late: u64,
    },
    Before(OrderState),
    Booked {
        before: bool,
        difference: i64,
        uncovered: u64,
    },
    Unknown,
    Conflict,
    State(OrderState),
    Short(Vec<Sku>),
    NotOnHand(Vec<Sku>),
    Closed(Vec<Sku>),
    PerCustomer(Vec<Sku>),
    CustomerNeeded(Vec<Sku>),
    QueueFull(Vec<Sku>),
    NotInOrder(Vec<Sku>),
    Passed,
}

impl Said {
    pub fn of_order(answer: Result<Answer, Refusal<Sku>>) -> Self {
        match answer {
            Ok(answer) if answer.before => Self::Before(answer.state),
            Ok(answer) => Self::Done {
                state: answer.state,
                units: answer.units,
                refunded: answer.refunded,
                late: answer.late,
            },
            Err(refusal) => Self::of_refusal(&refusal),
        }
    }

    pub fn of_stock(answer: Result<StockAnswer, Refusal<Sku>>) -> Self {
        match answer {
            Ok(answer) => Self::Booked {
                before: answer.before,
                difference: answer.difference,
                uncovered: answer.uncovered,
            },
            Err(refusal) => Self::of_refusal(&refusal),
        }
    }

    fn of_refusal(refusal: &Refusal<Sku>) -> Self {
        let mut short: Vec<_> = refusal.short_lines().iter().map(|line| line.sku).collect();
        short.sort_unstable();
        match refusal {
            Refusal::UnknownOrder => Self::Unknown,
            Refusal::Conflict => Self::Conflict,
            Refusal::State(state) => Self::State(*state),
            Refusal::Short(_) => Self::Short(short),
            Refusal::NotOnHand(_) => Self::NotOnHand(short),
            Refusal::Closed(skus) => Self::Closed(skus.clone()),
            Refusal::CustomerNeeded(skus) => Self::CustomerNeeded(skus.clone()),
            Refusal::PerCustomer(_) => Self::PerCustomer(short),
            Refusal::QueueFull(_) => Self::QueueFull(short),
            Refusal::NotInOrder(_) => Self::NotInOrder(short),
            other => panic!("the model does not say {other}"),
        }
    }
}

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
    requests: BTreeMap<u8, (&'static str, Lines)>,
    /// The calls on the whole order that were made.
    whole: BTreeSet<&'static str>,
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
    pub ships_at_once: bool,
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

    pub fn waiting(&self, sku: Sku) -> u64 {
        let lines = self
            .orders
            .values()
            .filter_map(|order| order.lines.get(sku));
        lines.map(|line| line.waiting).sum()
    }

    /// Units that a customer has, of the orders that count.
    fn has(&self, customer: &str, sku: Sku) -> u64 {
        let orders = self
            .orders
            .iter()
            .filter(|(id, _)| super::model::customer(**id) == Some(customer));
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
            Op::Amend {
                id,
                key,
                lines,
                ttl,
            } => self.on_order(*id, Some((*key, "amend", lines)), None, |shop, order| {
                shop.amend(*id, order, lines, *ttl)
            }),
            Op::Extend { id, ttl } => self.on_order(*id, None, None, |shop, order| {
                if order.state() != OrderState::Held {
                    return Err(Said::State(order.state()));
                }
                let until = shop.now + ttl;
                if until <= order.until {
                    return Err(Said::Before(order.state()));
                }
                order.until = until;
                Ok((0, 0, 0))
            }),
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
                    |_, order| cancel(order, part),
                )
            }
            Op::Return { id, part, on_sale } => {
                let what = if *on_sale { "return" } else { "write off" };
                let request = part.as_ref().map(|(key, lines)| (*key, what, lines));
                self.on_order(
                    *id,
                    request,
                    part.is_none().then_some("return"),
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
        let (now, retention) = (self.now, self.retention);
        for (id, order) in &self.orders {
            let (Some(customer), true) = (
                customer(*id),
                order.has_ended() && order.ended + retention <= now,
            ) else {
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
        self.orders
            .retain(|_, order| !order.has_ended() || order.ended + retention > now);
        self.booked.retain(|_, booked| booked.3 + retention > now);
    }

    fn short(&self, lines: &Lines) -> Vec<Sku> {
        let is_short = |sku: Sku, units: u64| self.waiting(sku) > 0 || self.available(sku) < units;
        let short = lines.iter().filter(|(sku, units)| is_short(sku, **units));
        short.map(|(sku, _)| *sku).collect()
    }

    fn place(&mut self, id: u8, lines: &Lines, ttl: u64, waits: bool) -> Said {
        if let Some(order) = self.orders.get(&id) {
            return match order.state() {
                _ if order.placed != *lines => Said::Conflict,
                state @ (OrderState::Cancelled | OrderState::Expired) => Said::State(state),
                state => Said::Before(state),
            };
        }
        if let Err(said) = self
            .closed(lines)
            .and_then(|()| self.for_customer(id, lines))
        {
            return said;
        }
        let short = self.short(lines);
        if !short.is_empty() && !waits {
            return Said::Short(short);
        }
        let is_short = !short.is_empty();
        let full = lines
            .iter()
            .filter(|(sku, units)| self.waiting(sku) + **units > self.limits[*sku].waiting);
        let full: Vec<_> = full.map(|(sku, _)| *sku).collect();
        if is_short && !full.is_empty() {
            return Said::QueueFull(full);
        }
        let line = |units: &u64| Line {
            held: if is_short { 0 } else { *units },
            waiting: if is_short { *units } else { 0 },
            ..Line::default()
        };
        self.last += 1;
        let counted = lines
            .keys()
            .copied()
            .filter(|sku| self.counted.contains(sku));
        let order = Order {
            lines: lines
                .iter()
                .map(|(sku, units)| (*sku, line(units)))
                .collect(),
            placed: lines.clone(),
            number: self.last,
            ttl,
            counted: counted.collect(),
            until: self.now + ttl,
            ended: 0,
            requests: BTreeMap::new(),
            whole: BTreeSet::new(),
        };
        let state = order.state();
        self.orders.insert(id, order);
        Said::Done {
            state,
            units: lines.values().sum(),
            refunded: 0,
            late: 0,
        }
    }

    fn on_order(
        &mut self,
        id: u8,
        request: Option<(u8, &'static str, &Lines)>,
        whole: Option<&'static str>,
        change: impl FnOnce(&mut Self, &mut Order) -> Result<(u64, u64, u64), Said>,
    ) -> Said {
        let Some(mut order) = self.orders.get(&id).cloned() else {
            return Said::Unknown;
        };
        if let Some((key, what, lines)) = request {
            match order.requests.get(&key) {
                Some(known) if *known == (what, lines.clone()) => {
                    return Said::Before(order.state());
                }
                Some(_) => return Said::Conflict,
                None => {}
            }
        }
        if whole.is_some_and(|whole| order.whole.contains(whole)) {
            return Said::Before(order.state());
        }
        match change(self, &mut order) {
            Err(said) => said,
            Ok((units, refunded, late)) => {
                order.whole.extend(whole);
                if let Some((key, what, lines)) = request {
                    order.requests.insert(key, (what, lines.clone()));
                }
                if order.has_ended() {
                    order.ended = self.now;
                }
                let state = order.state();
                self.orders.insert(id, order);
                Said::Done {
                    state,
                    units,
                    refunded,
                    late,
                }
            }
        }
    }

    fn amend(
        &self,
        id: u8,
        order: &mut Order,
        lines: &Lines,
        ttl: u64,
    ) -> Result<(u64, u64, u64), Said> {
        if order.sum(|line| line.paid) > 0 {
            return Err(Said::State(OrderState::Paid));
        }
        if order.sum(|line| line.shipped) > 0 {
            return Err(Said::State(OrderState::Shipped));
        }
        if order.sum(|line| line.returned + line.written_off) > 0 {
            return Err(Said::State(OrderState::Returned));
        }
        if order.state() != OrderState::Held {
            return Err(Said::State(order.state()));
        }
        let held = |sku: &Sku| order.lines.get(sku).map_or(0, |line| line.held);
        let more = lines
            .iter()
            .map(|(sku, units)| (*sku, units.saturating_sub(held(sku))));
        let more: Lines = more.filter(|(_, units)| *units > 0).collect();
        self.closed(&more)?;
        let is_counted = |sku: &Sku| !order.lines.contains_key(sku) || order.counted.contains(sku);
        let counted = more.iter().filter(|(sku, _)| is_counted(sku));
        self.for_customer(id, &counted.map(|(sku, units)| (*sku, *units)).collect())?;
        let short = self.short(&more);
        if !short.is_empty() {
            return Err(Said::Short(short));
        }
        let mut moved = more.values().sum();
        for (sku, line) in &mut order.lines {
            let wanted = lines.get(sku).copied().unwrap_or(0);
            moved += line.held.saturating_sub(wanted);
            line.held = line.held.min(wanted);
        }
        order
            .lines
            .retain(|sku, line| *line != Line::default() || more.contains_key(sku));
        order.counted.retain(|sku| order.lines.contains_key(sku));
        for (sku, units) in more {
            if !order.lines.contains_key(sku) && self.counted.contains(sku) {
                order.counted.insert(sku);
            }
            order.lines.entry(sku).or_default().held += units;
        }
        order.until = order.until.max(self.now + ttl);
        Ok((moved, 0, 0))
    }

    fn pay(&mut self, id: u8, order: &mut Order, part: &Part) -> Result<(u64, u64, u64), Said> {
        let wanted = wanted(order, part, |line| line.held + line.expired)?;
        if wanted.is_empty() {
            return Err(match order.state() {
                state @ (OrderState::Paid | OrderState::Shipped | OrderState::Returned) => {
                    Said::Before(state)
                }
                state => Said::State(state),
            });
        }
        let late = |(sku, units): (&Sku, &u64)| (*sku, units.saturating_sub(order.lines[sku].held));
        let late: Lines = wanted
            .iter()
            .map(late)
            .filter(|(_, units)| *units > 0)
            .collect();
        let counted = late.iter().filter(|(sku, _)| order.counted.contains(**sku));
        let counted: Lines = counted.map(|(sku, units)| (*sku, *units)).collect();
        if customer(id).is_some() {
            self.for_customer(id, &counted)?;
        }
        let short = self.short(&late);
        if !short.is_empty() {
            return Err(Said::Short(short));
        }
        if self.ships_at_once {
            self.leave(&wanted)?;
        }
        for (sku, units) in &wanted {
            let again = late.get(sku).copied().unwrap_or(0);
            let line = order.lines.get_mut(sku).unwrap();
            line.expired -= again;
            line.held -= units - again;
            if self.ships_at_once {
                line.shipped += units;
            } else {
                line.paid += units;
            }
        }
        Ok((wanted.values().sum(), 0, late.values().sum()))
    }

    fn ship(&mut self, order: &mut Order, part: &Part) -> Result<(u64, u64, u64), Said> {
        let wanted = wanted(order, part, |line| line.paid)?;
        if wanted.is_empty() {
            return Err(match order.state() {
                state @ (OrderState::Shipped | OrderState::Returned) => Said::Before(state),
                state => Said::State(state),
            });
        }
        self.leave(&wanted)?;
        for (sku, units) in &wanted {
            let line = order.lines.get_mut(sku).unwrap();
            line.paid -= units;
            line.shipped += units;
        }
        Ok((wanted.values().sum(), 0, 0))
    }

    fn leave(&mut self, lines: &Lines) -> Result<(), Said> {
        let short = lines
            .iter()
            .filter(|(sku, units)| self.on_hand[*sku] < **units);
        let short: Vec<_> = short.map(|(sku, _)| *sku).collect();
        if !short.is_empty() {
            return Err(Said::NotOnHand(short));
        }
        for (sku, units) in lines {
            *self.on_hand.get_mut(sku).unwrap() -= units;
        }
        Ok(())
    }

    fn give_back(
        &mut self,
        order: &mut Order,
        part: &Part,
        on_sale: bool,
    ) -> Result<(u64, u64, u64), Said> {
        let wanted = wanted(order, part, |line| line.shipped)?;
        if wanted.is_empty() {
            return Err(match order.state() {
                state @ OrderState::Returned => Said::Before(state),
                state => Said::State(state),
            });
        }
        for (sku, units) in &wanted {
            let line = order.lines.get_mut(sku).unwrap();
            line.shipped -= units;
            if on_sale {
                line.returned += units;
                *self.on_hand.get_mut(sku).unwrap() += units;
            } else {
                line.written_off += units;
            }
        }
        Ok((wanted.values().sum(), 0, 0))
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
}

type Part = Option<(u8, Lines)>;

/// The units that a call is about. Those of a part must be there.
fn wanted(order: &Order, part: &Part, there: impl Fn(&Line) -> u64) -> Result<Lines, Said> {
    let units = |sku: &Sku| order.lines.get(sku).map_or(0, &there);
    let Some((_, lines)) = part else {
        let all = order.lines.keys().map(|sku| (*sku, units(sku)));
        return Ok(all.filter(|(_, units)| *units > 0).collect());
    };
    let missing = lines.iter().filter(|(sku, wanted)| units(sku) < **wanted);
    let missing: Vec<_> = missing.map(|(sku, _)| *sku).collect();
    if missing.is_empty() {
        Ok(lines.clone())
    } else {
        Err(Said::NotInOrder(missing))
    }
}

fn cancel(order: &mut Order, part: &Part) -> Result<(u64, u64, u64), Said> {
    let wanted = wanted(order, part, |line| line.waiting + line.held + line.paid)?;
    if wanted.is_empty() {
        return Err(match order.state() {
            state @ OrderState::Cancelled => Said::Before(state),
            state => Said::State(state),
        });
    }
    let mut refunded = 0;
    for (sku, units) in &wanted {
        let line = order.lines.get_mut(sku).unwrap();
        let of_waiting = line.waiting.min(*units);
        let of_held = line.held.min(units - of_waiting);
        let of_paid = units - of_waiting - of_held;
        line.waiting -= of_waiting;
        line.held -= of_held;
        line.cancelled += of_waiting + of_held;
        line.paid -= of_paid;
        line.refunded += of_paid;
        refunded += of_paid;
    }
    Ok((wanted.values().sum(), refunded, 0))
}

/// What becomes of units that come back.
pub fn to(on_sale: bool) -> Returned {
    if on_sale {
        Returned::OnSale
    } else {
        Returned::WrittenOff
    }
}
