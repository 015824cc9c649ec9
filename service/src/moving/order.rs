//! [`Moving`]: the calls that bring an order to where it is.

use super::asking::{Done, key, patiently};
use super::parts::{Deed, Part};

use crate::book::Sku;
use segstock_orders::{OrderLine, OrderState, OrderView, Returned};
use segstock_postgres::nodes::{Node, Refusal};
use segstock_remote::OrderId;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// A hold that is past its deadline at once.
const AT_ONCE: Duration = Duration::from_micros(1);
/// A hold of which units are to be cancelled before its deadline, and what is added for each order that is moved at once: their
/// calls wait for one another.
const A_WHILE: Duration = Duration::from_secs(5);
const FOR_EACH: Duration = Duration::from_millis(30);
/// How often an order is looked at that is to expire.
const LOOK: Duration = Duration::from_millis(100);

type Line = OrderLine<Sku>;

/// All units of a line.
pub fn all(line: &Line) -> u64 {
    let stages = [
        line.waiting,
        line.held,
        line.expired,
        line.cancelled,
        paid_for(line),
    ];
    stages.into_iter().fold(0, u64::saturating_add)
}

/// Units that are paid for, or were.
fn paid_for(line: &Line) -> u64 {
    let stages = [line.paid, line.refunded, has_left(line)];
    stages.into_iter().fold(0, u64::saturating_add)
}

/// Units that have left.
fn has_left(line: &Line) -> u64 {
    let stages = [line.shipped, line.returned, line.written_off];
    stages.into_iter().fold(0, u64::saturating_add)
}

/// Whether calls lead to such a line: units that are held are cancelled before those that are paid for.
pub fn is_reachable(line: &Line) -> bool {
    line.refunded == 0 || line.held == 0
}

/// Whether an order has to be held for a [while](A_WHILE) before it expires.
pub fn takes_a_while(order: &OrderView<Sku>) -> bool {
    let has = |of: fn(&Line) -> u64| order.lines.iter().any(|line| of(line) > 0);
    has(|line| line.cancelled) && has(|line| line.expired)
}

/// An order that is moved.
pub struct Moving<'a> {
    pub node: &'a Node,
    pub id: OrderId,
    pub order: &'a OrderView<Sku>,
    /// Calls on its lines that are known by their keys.
    pub parts: &'a [Part],
    /// When it was read.
    pub read: Instant,
    /// How many orders are moved at once.
    pub at_once: u32,
}

/// A call on the whole order is made where nothing is left of which another such call could be: so a retry of one that was made
/// before the move is answered *before*. Everything else is a call on lines.
impl Moving<'_> {
    /// Brings an order that does not wait to where it is.
    pub async fn advance(&self) -> Done<()> {
        self.place().await?;
        self.cancel().await?;
        self.expire().await?;
        self.pay().await?;
        self.refund().await?;
        self.ship().await?;
        self.come_back().await
    }

    /// Has an order wait.
    pub async fn wait(&self) -> Done<()> {
        let (customer, hold) = (self.order.customer.as_deref(), self.order.hold);
        let wait = || {
            self.node
                .place_or_wait(&self.id, customer, self.lines(all), hold)
        };
        patiently(wait).await?;
        self.cancel().await
    }

    async fn place(&self) -> Done<()> {
        let (customer, ttl) = (self.order.customer.as_deref(), self.ttl());
        let place = || {
            self.node
                .place_for(&self.id, customer, self.lines(all), ttl)
        };
        match patiently(place).await {
            Err(Refusal::Is(order)) if order.state == OrderState::Expired => Ok(()),
            placed => placed.map(drop),
        }
    }

    /// How long it is held: what is left of its hold. Where nothing is held any more, until it is paid for, cancelled or expired.
    fn ttl(&self) -> Option<Duration> {
        let least = if self.has(|line| line.cancelled) {
            A_WHILE + FOR_EACH * self.at_once
        } else {
            AT_ONCE
        };
        if self.has(|line| line.expired) {
            return Some(least);
        }
        let left = self.order.remaining?;
        Some(left.saturating_sub(self.read.elapsed()).max(least))
    }

    async fn cancel(&self) -> Done<()> {
        let left = self.known(Deed::Cancel, |line| line.cancelled).await;
        if !left.is_empty() && self.is_all(|line| line.cancelled) {
            return patiently(|| self.node.cancel(&self.id)).await.map(drop);
        }
        self.part(Deed::Cancel, "cancel", &left).await
    }

    /// Waits until what is held is past its deadline.
    async fn expire(&self) -> Done<()> {
        if !self.has(|line| line.expired) {
            return Ok(());
        }
        while patiently(|| self.node.get(&self.id)).await?.state == OrderState::Held {
            sleep(LOOK).await;
        }
        Ok(())
    }

    async fn pay(&self) -> Done<()> {
        let left = self.known(Deed::Pay, paid_for).await;
        if !left.is_empty() && !self.can_be_paid_for() {
            return patiently(|| self.node.pay(&self.id)).await.map(drop);
        }
        self.part(Deed::Pay, "pay", &left).await
    }

    async fn refund(&self) -> Done<()> {
        let left = self.known(Deed::Refund, |line| line.refunded).await;
        if !left.is_empty() && self.is_all(|line| line.cancelled + line.refunded) {
            return patiently(|| self.node.cancel(&self.id)).await.map(drop);
        }
        self.part(Deed::Refund, "refund", &left).await
    }

    async fn ship(&self) -> Done<()> {
        let left = self.known(Deed::Ship, has_left).await;
        if !left.is_empty() && !self.can_be_shipped() {
            return patiently(|| self.node.ship(&self.id)).await.map(drop);
        }
        self.part(Deed::Ship, "ship", &left).await
    }

    async fn come_back(&self) -> Done<()> {
        let back = |to, units| self.known(Deed::Return(to), units);
        let returned = back(Returned::OnSale, |line: &Line| line.returned).await;
        let written_off = back(Returned::WrittenOff, |line: &Line| line.written_off).await;
        let is_left = self.can_be_shipped() || self.has(|line| line.shipped);
        for (lines, to, key, other) in [
            (&returned, Returned::OnSale, "return", &written_off),
            (&written_off, Returned::WrittenOff, "write-off", &returned),
        ] {
            if !lines.is_empty() && other.is_empty() && !is_left {
                let back = || self.node.return_order(&self.id, to);
                patiently(back).await?;
                continue;
            }
            self.part(Deed::Return(to), key, lines).await?;
        }
        Ok(())
    }

    /// Makes the calls on lines that are known by their keys. Returns the units of each SKU that are left.
    async fn known(&self, deed: Deed, of: fn(&Line) -> u64) -> Vec<(&str, u64)> {
        let mut left = self.lines(of);
        for part in self.parts.iter().filter(|part| part.deed == deed) {
            part.make(self.node, &self.id, &mut left).await;
        }
        left
    }

    /// Makes a call on lines, if there are any.
    async fn part(&self, deed: Deed, name: &str, lines: &[(&str, u64)]) -> Done<()> {
        if lines.is_empty() {
            return Ok(());
        }
        deed.make(self.node, &self.id, &key(name), lines).await
    }

    /// Whether units may be paid for yet.
    fn can_be_paid_for(&self) -> bool {
        self.has(|line| line.held) || self.has(|line| line.expired)
    }

    /// Whether units may be shipped yet.
    fn can_be_shipped(&self) -> bool {
        self.can_be_paid_for() || self.has(|line| line.paid)
    }

    fn has(&self, of: fn(&Line) -> u64) -> bool {
        self.order.lines.iter().any(|line| of(line) > 0)
    }

    fn is_all(&self, of: fn(&Line) -> u64) -> bool {
        self.order.lines.iter().all(|line| of(line) == all(line))
    }

    /// The units of each SKU that are in this stage.
    fn lines(&self, of: fn(&Line) -> u64) -> Vec<(&str, u64)> {
        let lines = self.order.lines.iter();
        let lines = lines.map(|line| (line.sku.as_str(), of(line)));
        lines.filter(|(_, units)| *units > 0).collect()
    }
}
