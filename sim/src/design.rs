//! [`Design`] and [`Counter`]: what a program must offer to be judged.

use crate::network::{Network, TimedOut};
use crate::world::World;
use segstock_conformance::{Answer, Options};
use std::time::Duration;

/// A way to count stock behind a network.
///
/// The trait grows by provided methods only.
///
/// # Examples
///
/// See the [front page](crate) for a whole design.
pub trait Design: 'static {
    /// Opens a counter with `units` units in stock.
    fn open(&self, site: &Site, units: u64) -> impl Counter;

    /// What it promises under all faults; everything, unless a design says otherwise.
    fn promises(&self) -> Options {
        Options::new()
    }
}

/// What nodes call.
///
/// The trait grows by provided methods only.
pub trait Counter: 'static {
    /// Runs an order: counts its units, if there are enough, and does its work.
    fn deduct(&self, order: Order) -> impl Future<Output = Answer>;

    /// Adds the order's units.
    fn restock(&self, order: Order) -> impl Future<Output = Answer>;

    /// Units in stock, asked when no call runs and every fault has ended.
    fn at_rest(&self) -> impl Future<Output = Result<u64, TimedOut>>;
}

/// A call of a node on the stock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Order {
    /// The number of the node that calls. A node that crashed never comes back: its successor has another number.
    pub node: usize,
    /// The order's own number: its idempotency key.
    pub id: u64,
    /// Units to deduct or restock.
    pub units: u64,
}

impl Order {
    /// Order `id` of `units` units, called by `node`.
    #[must_use]
    pub const fn new(node: usize, id: u64, units: u64) -> Self {
        Self { node, id, units }
    }
}

/// Where a counter lives, and what an order costs there.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Site {
    /// Connects nodes and servers.
    pub network: Network,
    /// Keys, locks, servers or nodes that the stock is spread over.
    pub segments: usize,
    /// The time of an order's work beside the counting.
    pub work: Duration,
}

impl Site {
    /// A site in `network`.
    #[must_use]
    pub const fn new(network: Network, segments: usize, work: Duration) -> Self {
        Self {
            network,
            segments,
            work,
        }
    }

    /// The world that the site is in.
    #[must_use]
    pub fn world(&self) -> &World {
        self.network.world()
    }

    /// Does the work of an order.
    pub async fn work(&self) {
        self.world().sleep(self.work).await;
    }

    /// A random segment.
    pub(crate) fn any_segment(&self) -> usize {
        self.world().pick(0..self.segments as u64) as usize
    }

    /// Does the work of an order whose units are counted, if there were enough.
    pub(crate) async fn work_if(&self, counted: Result<bool, TimedOut>) -> Answer {
        if counted == Ok(true) {
            self.work().await;
        }
        answer(counted)
    }
}

/// Done or refused, if the answer came.
pub(crate) fn answer(done: Result<bool, TimedOut>) -> Answer {
    done.map_or(Answer::Unknown, Answer::from)
}
