//! The rows of the database. Every transaction locks them in the order of their keys: node, blocks, orders, pool.

use crate::database::{Database, Transaction, View};
use std::time::Duration;

pub(super) type Rows = Database<Key, Row>;
pub(super) type Tx = Transaction<Key, Row>;
pub(super) type Snapshot<'a> = View<'a, Key, Row>;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    /// By name.
    Node(usize),
    /// By epoch.
    Block(u64),
    /// By id.
    Order(u64),
    Pool,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Row {
    Node(Node),
    Block(Block),
    Order(State),
    Pool(Pool),
}

/// A node's session: raised at each start, so that what an older one sends does nothing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Node {
    /// The machine that began the session. A late copy of an older machine's request begins none.
    pub machine: usize,
    pub session: u64,
    /// The last batch of the session that committed.
    pub last: u64,
    /// The end of its lease: then others may close its blocks.
    pub until: Duration,
}

/// Units that are lent to a node's session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Block {
    pub node: usize,
    pub session: u64,
    pub lend_no: u64,
    pub granted: u64,
    pub taken: u64,
    pub handed_back: u64,
    pub closed: bool,
}

impl Block {
    /// Units that may still be taken from it or handed back.
    pub(super) fn room(&self) -> u64 {
        let gone = self.taken + self.handed_back;
        self.granted.saturating_sub(gone)
    }
}

/// What became of an order, and in which batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Placed { by: (usize, u64, u64) },
    Refused,
    Restocked,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Pool {
    pub free: u64,
    pub last_epoch: u64,
    /// Until then, every node hands back what it has.
    pub recall_until: Duration,
}

impl Row {
    pub(super) fn block(&self) -> Option<Block> {
        match self {
            Self::Block(block) => Some(*block),
            _ => None,
        }
    }

    pub(super) fn node(&self) -> Option<Node> {
        match self {
            Self::Node(node) => Some(*node),
            _ => None,
        }
    }

    pub(super) fn state(&self) -> Option<State> {
        match self {
            Self::Order(state) => Some(*state),
            _ => None,
        }
    }

    pub(super) fn pool(&self) -> Option<Pool> {
        match self {
            Self::Pool(pool) => Some(*pool),
            _ => None,
        }
    }
}

/// The blocks of a snapshot that are open, by epoch.
pub(super) fn open_blocks(rows: &Snapshot<'_>) -> Vec<(u64, Block)> {
    let blocks = rows.iter().filter_map(|(key, row)| match (key, row) {
        (Key::Block(epoch), Row::Block(block)) if !block.closed => Some((*epoch, *block)),
        _ => None,
    });
    blocks.collect()
}

/// The pool of a snapshot.
pub(super) fn pool(rows: &Snapshot<'_>) -> Pool {
    let pool = rows.get(&Key::Pool).and_then(Row::pool);
    pool.expect("it is there from the beginning")
}

/// Every unit that is free: in the pool, or in an open block.
pub(super) fn sum(rows: &Snapshot<'_>) -> u64 {
    let lent: u64 = open_blocks(rows)
        .iter()
        .map(|(_, block)| block.room())
        .sum();
    pool(rows).free + lent
}
