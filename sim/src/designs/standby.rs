//! A primary that counts in memory, and a standby that takes over when it no longer hears of the primary.
//!
//! The primary sends its state to the standby, with each change and as a heartbeat. A node that gets no answer from
//! the primary asks the standby. If that has heard nothing for [a while](Standby::PATIENCE), it promotes itself, and
//! from then on takes no state of the primary any more.
//!
//! **It promises everything, if the primary answers nothing that the standby has not confirmed.** Cut off from the
//! standby, it then answers nobody: the standby may have been promoted. Refusals wait for the confirmation, too.
//!
//! A primary that goes on alone when the standby is silent, so as to be available, is fine until a partition: then
//! two primaries sell, and **units are sold twice**.
//!
//! What limits it: a round trip between the two for each answer, and what one server decides.

use crate::design::{Counter, Design, Order, Site, answer};
use crate::faults::{Fault, Happened};
use crate::network::{Network, Reply, TimedOut};
use crate::world::Place;
use segstock_conformance::Answer;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

/// A primary and its standby.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Standby {
    /// The primary answers what the standby has confirmed.
    Confirmed,
    /// The primary answers alone if the standby confirms nothing for [a while](Standby::ALONE_AFTER). Oversells.
    AloneIfCutOff,
}

impl Standby {
    /// After that long without the primary, the standby may promote itself.
    pub const PATIENCE: Duration = Duration::from_millis(40);
    /// After that long without the standby, a primary answers alone, if it does so at all.
    pub const ALONE_AFTER: Duration = Duration::from_millis(8);
    /// The time between two heartbeats.
    pub const HEARTBEAT: Duration = Duration::from_millis(4);
}

/// What is counted.
#[derive(Debug, Clone)]
struct Stock {
    units: u64,
    /// What each order was answered.
    answers: BTreeMap<u64, bool>,
    /// The number of changes.
    version: u64,
}

impl Stock {
    /// Does an order, unless it was done before.
    fn serve(&mut self, order: Order, restocks: bool) -> bool {
        if let Some(&answer) = self.answers.get(&order.id) {
            return answer;
        }
        let left = if restocks {
            self.units.checked_add(order.units)
        } else {
            self.units.checked_sub(order.units)
        };
        self.units = left.unwrap_or(self.units);
        self.answers.insert(order.id, left.is_some());
        self.version += 1;
        left.is_some()
    }
}

/// What a server answers a node: whether there was enough, and the units that are left.
type Served = Option<(bool, u64)>;

#[derive(Debug)]
struct Primary {
    stock: Stock,
    /// It is dead, or the standby has been promoted.
    deposed: bool,
    /// Answers that wait for the standby to confirm a version.
    unconfirmed: Vec<(u64, Reply<Served>, Served)>,
}

#[derive(Debug)]
struct Second {
    stock: Stock,
    promoted: bool,
    /// When it last heard of the primary, by its clock.
    heard: Duration,
}

#[derive(Clone)]
struct Pair {
    network: Network,
    primary: Rc<RefCell<Primary>>,
    second: Rc<RefCell<Second>>,
    /// Their places.
    places: [Place; 2],
    kind: Standby,
}

impl Pair {
    /// What the primary does with an order.
    fn serve_at_primary(&self, order: Order, restocks: bool, reply: Reply<Served>) {
        let mut primary = self.primary.borrow_mut();
        if primary.deposed {
            reply.send(None);
            return;
        }
        let done = primary.stock.serve(order, restocks);
        let (version, units) = (primary.stock.version, primary.stock.units);
        primary
            .unconfirmed
            .push((version, reply, Some((done, units))));
        drop(primary);
        self.send_state();
        if self.kind == Standby::AloneIfCutOff {
            let pair = self.clone();
            let world = self.network.world();
            world.later(world.lasts(Standby::ALONE_AFTER), move || {
                pair.confirm(version);
            });
        }
    }

    /// The primary sends its state to the standby.
    fn send_state(&self) {
        if self.primary.borrow().deposed {
            return;
        }
        let (pair, stock) = (self.clone(), self.primary.borrow().stock.clone());
        let [_, second] = self.places;
        self.network.send(second, move || pair.take_state(&stock));
    }

    /// The standby takes the primary's state, unless it has been promoted.
    fn take_state(&self, stock: &Stock) {
        let mut second = self.second.borrow_mut();
        let (pair, [primary, _]) = (self.clone(), self.places);
        if second.promoted {
            self.network
                .send(primary, move || pair.primary.borrow_mut().deposed = true);
            return;
        }
        second.heard = self.network.world().clock();
        if stock.version > second.stock.version {
            second.stock = stock.clone();
        }
        let version = second.stock.version;
        self.network.send(primary, move || pair.confirm(version));
    }

    /// The primary answers what does not go beyond `version`.
    fn confirm(&self, version: u64) {
        let mut primary = self.primary.borrow_mut();
        if primary.deposed {
            return;
        }
        let confirmed = |(of, ..): &mut (u64, _, _)| *of <= version;
        for (_, reply, served) in primary.unconfirmed.extract_if(.., confirmed) {
            reply.send(served);
        }
    }

    /// What the standby does with an order.
    fn serve_at_second(&self, order: Order, restocks: bool, reply: &Reply<Served>) {
        let mut second = self.second.borrow_mut();
        let silent = self.network.world().clock().saturating_sub(second.heard);
        second.promoted |= silent > Standby::PATIENCE;
        let served = second.promoted.then(|| {
            let done = second.stock.serve(order, restocks);
            (done, second.stock.units)
        });
        reply.send(served);
    }

    async fn beat(self) {
        loop {
            self.send_state();
            self.network.world().sleep(Standby::HEARTBEAT).await;
        }
    }

    /// Asks the primary and the standby by turns.
    async fn order(&self, order: Order, restocks: bool) -> Result<(bool, u64), TimedOut> {
        for attempt in 0..Network::ATTEMPTS {
            let (pair, turn) = (self.clone(), attempt as usize % 2);
            let serve = move |reply: Reply<Served>| match turn {
                0 => pair.serve_at_primary(order, restocks, reply),
                _ => pair.serve_at_second(order, restocks, &reply),
            };
            let patience = self.network.time_out();
            let place = self.places[turn];
            if let Ok(Some(served)) = self.network.request(place, patience, serve).await {
                return Ok(served);
            }
        }
        Err(TimedOut)
    }
}

impl Design for Standby {
    fn open(&self, site: &Site, units: u64) -> impl Counter {
        let network = site.network.clone();
        let stock = Stock {
            units,
            answers: BTreeMap::new(),
            version: 0,
        };
        let primary = Primary {
            stock: stock.clone(),
            deposed: false,
            unconfirmed: Vec::new(),
        };
        let second = Second {
            stock,
            promoted: false,
            // Above any clock's offset: it cannot say how long the primary has been silent before it heard of it.
            heard: Duration::from_secs(1),
        };
        let primary = Rc::new(RefCell::new(primary));
        let dies = Rc::downgrade(&primary);
        let first = network.new_replicated_server(move || {
            if let Some(primary) = dies.upgrade() {
                primary.borrow_mut().deposed = true;
            }
            Happened::from([(Fault::FailedOver, 1)])
        });
        let pair = Pair {
            places: [first, network.new_server()],
            primary,
            second: Rc::new(RefCell::new(second)),
            kind: *self,
            network,
        };
        site.world().spawn_at(pair.places[0], pair.clone().beat());
        Shop {
            pair,
            site: site.clone(),
        }
    }
}

struct Shop {
    pair: Pair,
    site: Site,
}

impl Counter for Shop {
    async fn deduct(&self, order: Order) -> Answer {
        let served = self.pair.order(order, false).await;
        self.site.work_if(served.map(|(done, _)| done)).await
    }

    async fn restock(&self, order: Order) -> Answer {
        let served = self.pair.order(order, true).await;
        answer(served.map(|(done, _)| done))
    }

    async fn at_rest(&self) -> Result<u64, TimedOut> {
        let id = self.site.world().number();
        let nothing = Order::new(self.site.network.new_node(), id, 0);
        Ok(self.pair.order(nothing, true).await?.1)
    }
}
