//! [`Nodes`]: several nodes of one stock, in one process.

use crate::answer::{Answer, Unknown};
use crate::id::OrderId;
use crate::stock::RemoteStock;
use crate::units::Units;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Several values that stand for the same stock: calls come to them by turns.
#[derive(Debug)]
pub struct Nodes<S> {
    nodes: Vec<S>,
    turn: AtomicUsize,
}

impl<S> Nodes<S> {
    /// Calls these nodes by turns; there is at least one.
    #[must_use]
    pub const fn new(nodes: Vec<S>) -> Self {
        let turn = AtomicUsize::new(0);
        Self { nodes, turn }
    }

    fn next(&self) -> &S {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        &self.nodes[turn % self.nodes.len()]
    }
}

impl<S: RemoteStock> RemoteStock for Nodes<S> {
    async fn deduct(&self, order: &OrderId, units: Units) -> Answer {
        self.next().deduct(order, units).await
    }

    async fn restock(&self, order: &OrderId, units: Units) -> Answer {
        self.next().restock(order, units).await
    }

    async fn available(&self) -> Result<u64, Unknown> {
        self.next().available().await
    }

    async fn outcome(&self, order: &OrderId) -> Answer {
        self.next().outcome(order).await
    }

    fn unanswered(&self) -> u64 {
        self.nodes.iter().map(RemoteStock::unanswered).sum()
    }
}
