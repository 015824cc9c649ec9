//! What the calls on orders do, in the model.

use super::{Line, Order, Shop};
use crate::support::calls::{Lines, Moved, Part, Said, Sku, customer};
use segstock_orders::OrderState;
use std::collections::BTreeMap;

/// A call that had nothing left to do.
const NOTHING: Moved = (0, 0, 0);

impl Shop {
    pub(super) fn place(&mut self, id: u8, lines: &Lines, ttl: u64, waits: bool) -> Said {
        if let Some(order) = self.orders.get(&id) {
            return match order.state() {
                _ if order.placed != *lines => Said::Conflict,
                state @ (OrderState::Cancelled | OrderState::Expired) => Said::State(state),
                state => Said::before(state, (lines.values().sum(), 0, 0)),
            };
        }
        if let Err(said) = self
            .closed(lines)
            .and_then(|()| self.for_customer(id, lines))
        {
            return said;
        }
        let mut short = self.short(lines);
        match self.can_be_held(lines) {
            Err(Said::Short(lacking)) => short = lacking,
            Err(said) => return said,
            Ok(()) => {}
        }
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
            whole: BTreeMap::new(),
        };
        let state = order.state();
        self.orders.insert(id, order);
        Said::done(state, (lines.values().sum(), 0, 0))
    }

    pub(super) fn on_order(
        &mut self,
        id: u8,
        request: Option<(u8, &'static str, &Lines)>,
        whole: Option<&'static str>,
        change: impl FnOnce(&mut Self, &mut Order) -> Result<Moved, Said>,
    ) -> Said {
        let Some(mut order) = self.orders.get(&id).cloned() else {
            return Said::Unknown;
        };
        if let Some((key, what, lines)) = request {
            match order.requests.get(&key) {
                Some((known, of, moved)) if (*known, of) == (what, lines) => {
                    return Said::before(order.state(), *moved);
                }
                Some(_) => return Said::Conflict,
                None => {}
            }
        }
        if let Some((whole, moved)) = whole.and_then(|whole| order.whole.get_key_value(whole)) {
            let left = order.sum(|line| match *whole {
                "pay" => line.held + line.expired,
                "ship" => line.paid,
                "cancel" => line.waiting + line.held + line.paid,
                _ => line.shipped,
            });
            return match left {
                0 => Said::before(order.state(), *moved),
                _ => Said::Conflict,
            };
        }
        match change(self, &mut order) {
            Err(said) => said,
            Ok(moved) => {
                order.whole.extend(whole.map(|whole| (whole, moved)));
                if let Some((key, what, lines)) = request {
                    order.requests.insert(key, (what, lines.clone(), moved));
                }
                if order.has_ended() {
                    order.ended = self.now;
                }
                let state = order.state();
                self.orders.insert(id, order);
                Said::done(state, moved)
            }
        }
    }

    pub(super) fn amend(
        &self,
        id: u8,
        order: &mut Order,
        lines: &Lines,
        ttl: u64,
    ) -> Result<Moved, Said> {
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
        let past_limit = more.keys().copied().filter(|sku| !is_counted(sku));
        let past_limit: Vec<Sku> = past_limit
            .filter(|sku| self.limits[*sku].per_customer.is_some())
            .collect();
        if !past_limit.is_empty() {
            return Err(match customer(id) {
                Some(_) => Said::PerCustomer(past_limit),
                None => Said::CustomerNeeded(past_limit),
            });
        }
        let counted = more.iter().filter(|(sku, _)| is_counted(sku));
        self.for_customer(id, &counted.map(|(sku, units)| (*sku, *units)).collect())?;
        self.can_be_held(&more)?;
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

    pub(super) fn pay(&mut self, id: u8, order: &mut Order, part: &Part) -> Result<Moved, Said> {
        let wanted = wanted(order, part, |line| line.held + line.expired)?;
        if wanted.is_empty() {
            let was_cancelled = order.sum(|line| line.cancelled + line.refunded) > 0;
            return Err(match order.state() {
                state @ (OrderState::Paid | OrderState::Shipped | OrderState::Returned)
                    if !was_cancelled =>
                {
                    Said::before(state, NOTHING)
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

    pub(super) fn ship(&mut self, order: &mut Order, part: &Part) -> Result<Moved, Said> {
        let wanted = wanted(order, part, |line| line.paid)?;
        if wanted.is_empty() {
            return Err(match order.state() {
                state @ (OrderState::Shipped | OrderState::Returned) => {
                    Said::before(state, NOTHING)
                }
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

    pub(super) fn leave(&mut self, lines: &Lines) -> Result<(), Said> {
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

    pub(super) fn give_back(
        &mut self,
        order: &mut Order,
        part: &Part,
        on_sale: bool,
    ) -> Result<Moved, Said> {
        let wanted = wanted(order, part, |line| line.shipped)?;
        let came_so = order.sum(|line| {
            if on_sale {
                line.returned
            } else {
                line.written_off
            }
        }) > 0;
        if wanted.is_empty() {
            return Err(match order.state() {
                OrderState::Returned if !came_so => Said::Conflict,
                state @ OrderState::Returned => Said::before(state, NOTHING),
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
}

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

pub(super) fn cancel(order: &mut Order, part: &Part) -> Result<Moved, Said> {
    let wanted = wanted(order, part, |line| line.waiting + line.held + line.paid)?;
    if wanted.is_empty() {
        return Err(match order.state() {
            state @ OrderState::Cancelled => Said::before(state, NOTHING),
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
