//! A pool and blocks: each node sells from a row of its own, in batches, and takes units from the pool when it needs
//! some.
//!
//! **It promises everything** that [`Row`](crate::Row) promises of a stock, exact refusals included, under the same
//! conditions. It has no holds.
//!
//! - A sale counts when its transaction commits: it adds to what the node's block has taken, and writes the order's row. No
//!   node sells from memory, so no lease, no clock and no epoch decides anything: a node that died leaves a block whose
//!   units any other takes. (Nodes that decide in memory need epochs that fence them: `designs/nodes.rs` of `segstock-sim`.)
//! - A node whose block is short takes an eighth of what the pool has, or what it needs.
//! - Where the pool is short, too, one statement sums the pool and all blocks while the pool is locked, so that no units
//!   are between them. Less than the order wants: the refusal is right.
//! - Otherwise the units lie in the blocks of other nodes. The node locks **all blocks in their sequence, then the pool**,
//!   puts all of it into the pool, and takes exactly what it needs. Blocks before the pool, everywhere: so locks never form
//!   a circle.
//!
//! What limits it: commits, of as many nodes at once as there are, each of which serves all orders that came while the
//! last was on its way to the disk; near the end of a sale, one gather after another.
//! Twins: `designs/blocks.rs` and `designs/nodes.rs` of `segstock-sim`.

use crate::batched::decide;
use crate::error::OpenError;
use crate::row::outcome;
use crate::server::{Opened, Postgres};
use segstock_remote::{Answer, Batches, OrderId, RemoteStock, Units, Unknown, Wanted};
use std::sync::Arc;

/// A node that sells from a block of its own. See the [table of the designs](crate).
///
/// Each value is a node. What is left in its block when it is dropped serves the others.
///
/// # Consistency
///
/// Linearizable. A call that was answered *done* happened once, however often it was sent, and whichever node it was sent
/// to.
#[derive(Debug)]
pub struct Pool {
    node: Arc<Node>,
    batches: Batches,
}

#[derive(Debug)]
struct Node {
    opened: Opened,
    number: i64,
    /// Whether a refusal looks at the blocks of others.
    proves: bool,
}

/// The most units that a node takes from the pool at once, unless an order needs more.
const MOST: i64 = 10_000;

/// $1 stock, $2 ids, $3 whether each is a restock, $4 units, $5 whether refusals are remembered, $6 most units of a stock,
/// $7 node, $8 most units of a lend, $9 whether all blocks are gathered first.
const BATCH: &str = "
    select states, known, left_over from segstock_pool_2($1, $2, $3, $4, $5, $6, $7, $8, $9)";

/// $1 stock. The pool and all blocks at one instant.
const AVAILABLE: &str = "
    select pool.units + coalesce(
      (select sum(granted - taken) from segstock_block block where block.stock = $1), 0)::bigint
    from segstock_stock pool where pool.name = $1 and pool.part = 0";

impl Pool {
    /// Creates a stock that holds `units`, all in the pool, and a node of it with a writer on the runtime that this is
    /// called in.
    ///
    /// # Errors
    ///
    /// [`OpenError::Exists`] if there is one of this name; others if the server does not fit.
    pub async fn create(postgres: &Postgres, name: &str, units: u64) -> Result<Self, OpenError> {
        Ok(Self::of(postgres.create(name, 1, units).await?, true))
    }

    /// A node of a stock that was created before, here or by another process, with a writer of its own.
    ///
    /// # Errors
    ///
    /// [`OpenError::NoStock`] if there is none of this name; [`OpenError::Parts`] if it has several parts.
    pub async fn open(postgres: &Postgres, name: &str) -> Result<Self, OpenError> {
        match postgres.open(name).await? {
            (opened, 1) => Ok(Self::of(opened, true)),
            (_, parts) => Err(OpenError::Parts { parts }),
        }
    }

    /// As [`open`](Self::open), for a node that refuses when its block and the pool are short. **It refuses falsely**;
    /// that is here to be judged.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub async fn without_proof(postgres: &Postgres, name: &str) -> Result<Self, OpenError> {
        Ok(Self::of(postgres.open(name).await?.0, false))
    }

    fn of(opened: Opened, proves: bool) -> Self {
        let number = rand::random();
        let node = Arc::new(Node {
            opened,
            number,
            proves,
        });
        let writes = Arc::clone(&node);
        let batches = Batches::start(1, move |batch| {
            let node = Arc::clone(&writes);
            async move { node.write(&batch).await }
        });
        Self { node, batches }
    }
}

impl Node {
    /// Has the server decide a batch: from the node's block and the pool, and then what needs the blocks of others.
    async fn write(&self, batch: &[Wanted]) -> Vec<Answer> {
        let mut answers = self.decide(batch, false).await;
        loop {
            let elsewhere = |answer: &Option<Answer>| answer.is_none() && self.proves;
            let places: Vec<usize> = (0..answers.len())
                .filter(|at| elsewhere(&answers[*at]))
                .collect();
            if places.is_empty() {
                return answers
                    .into_iter()
                    .map(|answer| answer.unwrap_or(Answer::REFUSED))
                    .collect();
            }
            let rest: Vec<Wanted> = places.iter().map(|at| batch[*at].clone()).collect();
            for (at, answer) in places.into_iter().zip(self.decide(&rest, true).await) {
                answers[at] = answer;
            }
        }
    }

    /// The answer to each order; none where its units lie in the blocks of other nodes.
    async fn decide(&self, batch: &[Wanted], gathers: bool) -> Vec<Option<Answer>> {
        let further = [&self.number as _, &MOST as _, &gathers as _];
        decide(&self.opened, BATCH, batch, &further).await
    }
}

impl RemoteStock for Pool {
    async fn deduct(&self, order: &OrderId, units: Units) -> Answer {
        self.batches.deduct(order, units).await
    }

    async fn restock(&self, order: &OrderId, units: Units) -> Answer {
        self.batches.restock(order, units).await
    }

    async fn available(&self) -> Result<u64, Unknown> {
        self.node.opened.number(AVAILABLE).await
    }

    async fn outcome(&self, order: &OrderId) -> Answer {
        outcome(&self.node.opened, order).await
    }

    fn unanswered(&self) -> u64 {
        self.node.opened.driver.unanswered()
    }
}
