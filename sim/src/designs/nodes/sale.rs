//! [`Sale`]: a shop of three nodes and its customers, while things go wrong; then all faults end, and everything is
//! checked.

mod customer;
mod found;
mod history;
mod log;
mod rest;

pub use found::{Broken, Found};

use super::Nodes;
use super::rows::{Pool, Sku};
use super::shop::Shop;
use crate::design::Site;
use crate::faults::{Faults, Happened};
use crate::network::Network;
use crate::scene::TIME_OUT;
use crate::world::World;
use customer::Customers;
use segstock_conformance::History;
use std::rc::Rc;
use std::time::Duration;

/// A sale in [a shop of three nodes](Nodes): customers place orders of one or two SKUs at any node, pay, cancel, let
/// them expire, and ask again elsewhere. The suite judges what they were answered; and what no judge of answers sees is
/// [checked](Broken).
///
/// # Examples
///
/// ```
/// use segstock_sim::designs::Nodes;
/// use segstock_sim::designs::nodes::{Broken, Sale};
///
/// Sale::new().judge("nodes", Nodes::Exact, 0..20).assert_kept();
/// let found = Sale::new().judge("payment", Nodes::PaymentDoesNotLook, 0..100);
/// assert!(found.seeds(Broken::AnswerChanged).count() > 0);
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct Sale {
    customers: usize,
    orders: usize,
    pause: Duration,
    /// The most units of a line.
    most: u64,
    kind: Kind,
    change: fn(&mut Faults),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Faulty,
    Storm,
    Large,
    SoldOut,
}

/// What a run of a sale left behind.
struct Run {
    /// What the customers were answered, for each SKU.
    histories: Vec<(History, usize)>,
    /// What the checks found, in words.
    wrong: Vec<(Broken, String)>,
    faults: Faults,
    happened: Happened,
    longest: Duration,
    calls: usize,
}

impl Default for Sale {
    fn default() -> Self {
        Self::new()
    }
}

impl Sale {
    /// No call takes longer where nothing goes wrong.
    pub const LONGEST: Duration = Duration::from_millis(200);

    /// Five customers, and faults that each seed draws.
    pub const fn new() -> Self {
        Self {
            customers: 5,
            orders: 4,
            pause: Duration::from_millis(20),
            most: 3,
            kind: Kind::Faulty,
            change: |_| {},
        }
    }

    /// Six busy customers without faults, and two to five units: each cancels what it got.
    pub const fn storm() -> Self {
        Self {
            customers: 6,
            orders: 8,
            pause: Duration::from_millis(2),
            most: 2,
            kind: Kind::Storm,
            change: |faults| *faults = Faults::none(faults.one_way),
        }
    }

    /// As [`storm`](Self::storm), with eight to fifteen units and orders of up to six, of both SKUs for
    /// the most part: no node has enough for one.
    pub const fn large() -> Self {
        Self {
            most: 6,
            kind: Kind::Large,
            ..Self::storm()
        }
    }

    /// Thirty customers without faults who ask for what is sold out.
    pub const fn sold_out() -> Self {
        Self {
            customers: 30,
            orders: 3,
            kind: Kind::SoldOut,
            ..Self::storm()
        }
    }

    /// Changes the faults of every run, after the seed has drawn them.
    pub const fn with_faults(self, change: fn(&mut Faults)) -> Self {
        Self { change, ..self }
    }

    /// Judges the design, in one run for each seed. `name` is for the report, and for the files with its evidence.
    ///
    /// # Panics
    ///
    /// If a run does not end; with its seed.
    pub fn judge(
        &self,
        name: &'static str,
        nodes: Nodes,
        seeds: impl IntoIterator<Item = u64>,
    ) -> Found {
        found::judge(self, name, nodes, seeds)
    }

    fn run(&self, nodes: Nodes, seed: u64) -> Run {
        let world = World::new(seed);
        let mut faults = Faults::drawn(&world);
        faults.stops = world.chance(250);
        (self.change)(&mut faults);
        let network = Network::new(&world, faults, TIME_OUT);
        let site = Site::new(network.clone(), 1, Duration::ZERO);
        let pools = self.pools(&world);
        let units = pools.iter().map(|pool| pool.initial - pool.safety);
        let units: Vec<u64> = units.collect();
        let shop = Shop::open(nodes, &site, pools);
        let customers = Rc::new(Customers::new(self, shop, units.len()));
        let playing = Rc::clone(&customers);
        let rest = world.run(async move {
            playing.play().await;
            playing.rest().await
        });
        let log = customers.log.take();
        let mut wrong = rest.wrong;
        wrong.extend(log.changed());
        let longest = log.longest(rest.from);
        if faults == Faults::none(faults.one_way) && longest > Self::LONGEST {
            wrong.push((Broken::TooLong, format!("a call took {longest:?}")));
        }
        let of_sku = |(sku, units): (Sku, u64)| log.history(sku, units, &rest.orders, rest.from);
        Run {
            histories: units.into_iter().enumerate().map(of_sku).collect(),
            wrong,
            faults,
            happened: network.happened(),
            longest,
            calls: log.calls.len(),
        }
    }

    fn pools(&self, world: &World) -> Vec<Pool> {
        let pool = |_| match self.kind {
            Kind::Faulty => {
                let safety = world.pick(0..3);
                Pool::new(world.pick(1..16) + safety, safety)
            }
            Kind::Storm => Pool::new(world.pick(2..6), 0),
            Kind::Large => Pool::new(world.pick(8..16), 0),
            Kind::SoldOut => Pool::new(3, 0),
        };
        (0..2)
            .map(pool)
            .map(|pool| pool.narrow(world.pick(0..4)))
            .collect()
    }
}
