//! The rows of the database. Every transaction locks them in the order of their keys: node, blocks, orders, pools.

use crate::database::{Database, Deadlock, Transaction, View};
use std::collections::BTreeMap;
use std::time::Duration;

pub(super) type Rows = Database<Key, Row>;
pub(super) type Tx = Transaction<Key, Row>;
pub(super) type Snapshot<'a> = View<'a, Key, Row>;

pub(super) type Sku = usize;
/// Units of each SKU.
pub(super) type Units = BTreeMap<Sku, u64>;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    /// By name.
    Node(usize),
    /// By epoch.
    Block(u64),
    /// By id.
    Order(u64),
    Pool(Sku),
}

#[derive(Debug, Clone)]
pub(super) enum Row {
    Node(Node),
    Block(Block),
    Order(Order),
    Pool(Pool),
}

/// A node's session: raised at each start, so that what an older one sends does nothing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Node {
    /// The start that raised it: a number that no other start has.
    pub start: u64,
    pub session: u64,
    /// The last batch of the session that committed, or whose number was taken away.
    pub last: u64,
    /// The last one whose number was taken away.
    pub void: u64,
    /// The end of its lease: then others may close its blocks.
    pub until: Duration,
}

/// Units of one SKU that are lent to a node's session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Block {
    pub node: usize,
    pub session: u64,
    pub sku: Sku,
    /// Unique in a session, for each SKU.
    pub lend_no: u64,
    pub granted: u64,
    pub taken: u64,
    pub handed_back: u64,
    pub closed: bool,
}

impl Block {
    /// Units that may still be taken from it or handed back.
    pub(super) fn rest(&self) -> u64 {
        let gone = self.taken + self.handed_back;
        self.granted.saturating_sub(gone)
    }
}

/// Units of one SKU in an order, and where they came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Piece {
    pub sku: Sku,
    pub from: Source,
    pub units: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    Block(u64),
    Pool,
}

/// Which batch did it: node, session, number.
pub(super) type By = (usize, u64, u64);

/// An order; or a restock, whose pieces are what it added.
#[derive(Debug, Clone)]
pub(super) struct Order {
    pub state: State,
    /// Empty, unless it was placed.
    pub pieces: Vec<Piece>,
    /// The end of its hold.
    pub until: Option<Duration>,
    /// That instant by the world's time: for the judge.
    pub ends_at: Option<Duration>,
    pub by: Option<By>,
    pub ended: Option<Ended>,
}

/// How the units of an order went back.
#[derive(Debug, Clone)]
pub(super) struct Ended {
    pub by: By,
    /// What went to blocks; the rest went to the pools.
    pub to: Vec<(u64, u64)>,
}

/// What became of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Held,
    Paid,
    Cancelled,
    Expired,
    /// That SKU was short.
    Refused(Sku),
    Restocked,
}

/// What an answer says of an order: its row, and whether it ever had units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Known {
    pub state: State,
    pub placed: bool,
}

impl Order {
    /// A row of an order that has no units.
    pub(super) const fn without_units(state: State) -> Self {
        Self {
            state,
            pieces: Vec::new(),
            until: None,
            ends_at: None,
            by: None,
            ended: None,
        }
    }

    pub(super) fn known(&self) -> Known {
        Known {
            state: self.state,
            placed: !self.pieces.is_empty(),
        }
    }

    pub(super) fn is_overdue(&self, now: Duration) -> bool {
        self.state == State::Held && self.until.is_some_and(|until| until < now)
    }

    pub(super) fn units(&self) -> Units {
        units_of(&self.pieces)
    }
}

pub(super) fn units_of(pieces: &[Piece]) -> Units {
    let mut units = Units::new();
    for piece in pieces {
        *units.entry(piece.sku).or_default() += piece.units;
    }
    units
}

/// How a SKU is sold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// From blocks.
    Wide,
    /// Little is left: from the pool.
    Narrow,
    /// Not any more.
    Ended,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Pool {
    /// What there was at the beginning: for the audit.
    pub initial: u64,
    /// Safety stock is in it.
    pub free: u64,
    /// Never lent, never sold.
    pub safety: u64,
    /// With fewer units on sale all is sold from the pool.
    pub narrow: u64,
    /// Until then, every node hands back what it has.
    pub recall_until: Duration,
    pub mode: Mode,
}

impl Pool {
    pub(super) const fn new(initial: u64, safety: u64) -> Self {
        Self {
            initial,
            free: initial,
            safety,
            narrow: 1,
            recall_until: Duration::ZERO,
            mode: Mode::Wide,
        }
    }

    pub(super) const fn narrow(self, narrow: u64) -> Self {
        Self { narrow, ..self }
    }

    /// Units that may be lent or sold.
    pub(super) fn on_sale(&self) -> u64 {
        match self.mode {
            Mode::Ended => 0,
            _ => self.free.saturating_sub(self.safety),
        }
    }
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

    pub(super) fn order(&self) -> Option<&Order> {
        match self {
            Self::Order(order) => Some(order),
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

/// The blocks of a snapshot, by epoch.
pub(super) fn blocks<'a>(rows: &Snapshot<'a>) -> impl Iterator<Item = (u64, Block)> + use<'a> {
    let all: Vec<_> = rows.iter().collect();
    all.into_iter().filter_map(|(key, row)| match key {
        Key::Block(epoch) => Some((*epoch, row.block()?)),
        _ => None,
    })
}

pub(super) fn open_blocks<'a>(rows: &Snapshot<'a>) -> impl Iterator<Item = (u64, Block)> + use<'a> {
    blocks(rows).filter(|(_, block)| !block.closed)
}

/// The pools of a snapshot.
pub(super) fn pools(rows: &Snapshot<'_>) -> BTreeMap<Sku, Pool> {
    let pools = rows.iter().filter_map(|(key, row)| match key {
        Key::Pool(sku) => Some((*sku, row.pool()?)),
        _ => None,
    });
    pools.collect()
}

/// The orders and restocks of a snapshot, by id.
pub(super) fn orders<'a>(rows: &Snapshot<'a>) -> BTreeMap<u64, &'a Order> {
    let orders = rows.iter().filter_map(|(key, row)| match key {
        Key::Order(id) => Some((*id, row.order()?)),
        _ => None,
    });
    orders.collect()
}

/// Units of each SKU that can be sold: in its pool, or in an open block that `counts`.
pub(super) fn free(rows: &Snapshot<'_>, counts: impl Fn(&Block) -> bool) -> Units {
    let pools = pools(rows).into_iter();
    let mut free: Units = pools.map(|(sku, pool)| (sku, pool.on_sale())).collect();
    for (_, block) in open_blocks(rows).filter(|(_, block)| counts(block)) {
        *free.entry(block.sku).or_default() += block.rest();
    }
    free
}

/// Adds units to pools.
pub(super) async fn give(tx: &Tx, units: &Units) -> Result<(), Deadlock> {
    let some = units.iter().filter(|(_, units)| **units > 0);
    let keys: Vec<Key> = some.map(|(sku, _)| Key::Pool(*sku)).collect();
    let give = |key: &Key, row: &mut Option<Row>| {
        if let (Key::Pool(sku), Some(Row::Pool(pool))) = (key, row) {
            pool.free += units[sku];
        }
    };
    tx.update_each(keys, give).await.map(drop)
}
