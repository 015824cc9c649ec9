//! The ways to count: reference programs, one a file, each with what it promises.

pub mod blocks;
pub mod conditional;
pub mod growing;
pub mod guarded;
pub mod one_lock;
pub mod queue;
pub mod segment_locks;

use super::executor::World;
use super::network::{Network, TimedOut};
use segstock_conformance::{Answer, Options};
use std::time::Duration;

/// Where a variant lives, and what an order costs there.
#[derive(Debug, Clone)]
pub struct Site {
    pub network: Network,
    /// Keys, locks or nodes that the stock is spread over.
    pub segments: usize,
    /// Work of a deduct beside the counting.
    pub flow: Duration,
}

impl Site {
    fn world(&self) -> &World {
        &self.network.world
    }

    /// Chosen by chance.
    fn any_segment(&self) -> usize {
        self.world().pick(0..self.segments as u64) as usize
    }

    /// Does the work of an order whose units are counted, if there were enough.
    async fn works_if(&self, counted: Result<bool, TimedOut>) -> Answer {
        if counted == Ok(true) {
            self.flow().await;
        }
        told(counted)
    }

    /// The work of an order.
    async fn flow(&self) {
        self.world().sleep(self.flow).await;
    }
}

/// A call of a node on the stock.
#[derive(Debug, Clone, Copy)]
pub struct Order {
    /// The node that calls. One that crashed never comes back: its successor has another number.
    pub node: usize,
    /// No other order has it; the order's retries do.
    pub id: u64,
    pub units: u64,
}

/// A way to count stock behind a network.
pub trait Variant: 'static {
    /// Opens it with `units`.
    fn open(&self, site: &Site, units: u64) -> impl Counter;

    /// What it promises, under all faults.
    fn promises(&self) -> Options {
        Options::new()
    }

    /// Whether it holds locks by leases, which may run out.
    fn has_leases(&self) -> bool {
        false
    }
}

/// What nodes call.
pub trait Counter: 'static {
    /// Runs an order: counts its units, and does its work.
    fn deduct(&self, order: Order) -> impl Future<Output = Answer>;

    fn restock(&self, order: Order) -> impl Future<Output = Answer>;

    /// Units in stock, asked when nobody calls and nothing goes wrong.
    fn at_rest(&self) -> impl Future<Output = Result<u64, TimedOut>>;
}

/// A share of `units` for each of `parts`.
fn shares(units: u64, parts: usize) -> impl Iterator<Item = u64> {
    let parts = parts as u64;
    (0..parts).map(move |part| units / parts + u64::from(part < units % parts))
}

/// Done or refused, if the answer came.
fn told(answer: Result<bool, TimedOut>) -> Answer {
    answer.map_or(Answer::Unknown, Answer::from)
}
