//! The transactions of the protocol.

use super::Nodes;
use super::rows::{Block, Key, Node, Pool, Row, State, Tx, open_blocks, sum};
use crate::database::Deadlock;
use std::collections::BTreeMap;
use std::time::Duration;

/// How long a node has its blocks for itself if it is silent.
pub(super) const LEASE: Duration = Duration::from_millis(60);
/// How long a recall lasts.
const RECALL: Duration = Duration::from_millis(15);
/// Below that many free units, exactly what is asked for is lent.
const NARROW: u64 = 4;

/// A node's session, as a transaction names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Session {
    pub node: usize,
    pub number: u64,
}

/// An order, and the units of each block that it takes.
#[derive(Debug, Clone)]
pub(super) struct Take {
    pub id: u64,
    pub pieces: Vec<(u64, u64)>,
}

/// What a batch writes: it is sent unchanged until it is answered.
#[derive(Debug, Clone, Default)]
pub(super) struct Batch {
    pub number: u64,
    pub takes: Vec<Take>,
    /// Units by block.
    pub hand_backs: Vec<(u64, u64)>,
}

/// What a batch did with an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Took {
    Placed,
    /// The order was there before.
    Was(State),
    /// A block is closed or too short, or the row is not there: nothing was taken.
    Again,
}

/// What a node is answered. Nothing, if its session is over.
pub(super) type Answered<T> = Option<T>;

async fn session(tx: &Tx, of: Session) -> Result<Option<Node>, Deadlock> {
    let node = tx.lock(Key::Node(of.node)).await?;
    let node = node.as_ref().and_then(Row::node);
    Ok(node.filter(|node| node.session == of.number))
}

async fn give(tx: &Tx, units: u64) -> Result<(), Deadlock> {
    let give = |row: &mut Option<Row>| {
        if let Some(Row::Pool(pool)) = row {
            pool.free += units;
        }
    };
    tx.update(Key::Pool, give).await
}

/// Closes blocks, and puts their rest into the pool.
async fn close(tx: &Tx, epochs: Vec<u64>) -> Result<(), Deadlock> {
    let close = |_: &Key, row: &mut Option<Row>| match row {
        Some(Row::Block(block)) if !block.closed => {
            block.closed = true;
            block.room()
        }
        _ => 0,
    };
    let rest = tx
        .update_each(epochs.into_iter().map(Key::Block), close)
        .await?;
    give(tx, rest.iter().sum()).await
}

/// Begins a session, and closes the blocks of older ones. A repeated request finds the session that it began; that of
/// an older machine begins none.
pub(super) async fn open(tx: Tx, node: usize, machine: usize) -> Result<Answered<u64>, Deadlock> {
    let until = tx.now() + LEASE;
    let begin = |row: &mut Option<Row>| {
        let old = row.as_ref().and_then(Row::node);
        if let Some(old) = old.filter(|old| old.machine >= machine) {
            return (old.machine == machine).then_some(old.session);
        }
        let session = old.map_or(1, |old| old.session + 1);
        *row = Some(Row::Node(Node {
            machine,
            session,
            last: 0,
            until,
        }));
        Some(session)
    };
    let session = tx.update(Key::Node(node), begin).await?;
    let Some(number) = session else {
        return Ok(None);
    };
    let older = |block: &Block| block.node == node && block.session != number;
    let older = tx.read(|rows| epochs(open_blocks(rows), older)).await?;
    close(&tx, older).await?;
    Ok(Some(number))
}

fn epochs(blocks: Vec<(u64, Block)>, of: impl Fn(&Block) -> bool) -> Vec<u64> {
    let blocks = blocks.into_iter().filter(|(_, block)| of(block));
    blocks.map(|(epoch, _)| epoch).collect()
}

/// Lends a block of at least `units` units, or none if fewer are free. A repeated request finds its block.
pub(super) async fn lend(
    tx: Tx,
    of: Session,
    lend_no: u64,
    units: u64,
) -> Result<Answered<Option<(u64, u64)>>, Deadlock> {
    if session(&tx, of).await?.is_none() {
        return Ok(None);
    }
    let there = tx
        .read(|rows| {
            let mut blocks = open_blocks(rows).into_iter();
            blocks.find(|(_, block)| {
                (block.node, block.session, block.lend_no) == (of.node, of.number, lend_no)
            })
        })
        .await?;
    if let Some((epoch, block)) = there {
        return Ok(Some(Some((epoch, block.room()))));
    }
    let now = tx.now();
    let grant = |row: &mut Option<Row>| {
        let Some(Row::Pool(pool)) = row else {
            return None;
        };
        let share = if pool.recall_until > now || pool.free < NARROW {
            0
        } else {
            pool.free / 6
        };
        let granted = units.max(share);
        pool.free = pool.free.checked_sub(granted)?;
        pool.last_epoch += 1;
        Some((pool.last_epoch, granted))
    };
    let lent = tx.update(Key::Pool, grant).await?;
    if let Some((epoch, granted)) = lent {
        let block = Block {
            node: of.node,
            session: of.number,
            lend_no,
            granted,
            taken: 0,
            handed_back: 0,
            closed: false,
        };
        // No other transaction knows the key: it may come after the pool.
        tx.update(Key::Block(epoch), |row| *row = Some(Row::Block(block)))
            .await?;
    }
    Ok(Some(lent))
}

/// Writes a batch, or reads what became of it.
pub(super) async fn write(
    tx: Tx,
    of: Session,
    batch: &Batch,
    kind: Nodes,
) -> Result<Answered<BTreeMap<u64, Took>>, Deadlock> {
    let Some(node) = session(&tx, of).await? else {
        return Ok(None);
    };
    let numbered = kind != Nodes::HandBackWithoutNumber || !batch.takes.is_empty();
    if node.last >= batch.number && numbered {
        return read_batch(&tx, of, batch).await.map(Some);
    }
    let next = Node {
        last: batch.number,
        ..node
    };
    tx.update(Key::Node(of.node), |row| *row = Some(Row::Node(next)))
        .await?;
    let mut blocks = blocks_of(&tx, batch, kind).await?;
    let mut answers = BTreeMap::new();
    let by = (of.node, of.number, batch.number);
    let mut takes: Vec<&Take> = batch.takes.iter().collect();
    takes.sort_by_key(|take| take.id);
    for take in takes {
        let has_room = |&(epoch, units): &(u64, u64)| match blocks.get(&epoch) {
            Some(block) => {
                (!block.closed || kind == Nodes::ClosedBlockTakes) && block.room() >= units
            }
            None => false,
        };
        if !take.pieces.iter().all(has_room) {
            answers.insert(take.id, Took::Again);
            continue;
        }
        let insert = |row: &mut Option<Row>| match row.as_ref().and_then(Row::state) {
            Some(state) => Took::Was(state),
            None => {
                *row = Some(Row::Order(State::Placed { by }));
                Took::Placed
            }
        };
        let took = tx.update(Key::Order(take.id), insert).await?;
        answers.insert(take.id, took);
        if took == Took::Placed {
            for (epoch, units) in &take.pieces {
                blocks
                    .entry(*epoch)
                    .and_modify(|block| block.taken += units);
            }
        }
    }
    let handed_back = hand_back(&mut blocks, &batch.hand_backs, kind);
    let write = |key: &Key, row: &mut Option<Row>| {
        if let Key::Block(epoch) = key {
            *row = Some(Row::Block(blocks[epoch]));
        }
    };
    tx.update_each(blocks.keys().copied().map(Key::Block), write)
        .await?;
    if handed_back > 0 && kind != Nodes::HandBackInTwo {
        give(&tx, handed_back).await?;
    }
    Ok(Some(answers))
}

/// Adds what is handed back to the blocks, as far as they have room. A block without room is closed.
fn hand_back(blocks: &mut BTreeMap<u64, Block>, hand_backs: &[(u64, u64)], kind: Nodes) -> u64 {
    let trusts = kind == Nodes::HandBackWithoutNumber;
    let mut all = 0;
    for &(epoch, units) in hand_backs {
        let Some(block) = blocks.get_mut(&epoch) else {
            continue;
        };
        let room = if block.closed { 0 } else { block.room() };
        let units = if trusts { units } else { units.min(room) };
        block.handed_back += units;
        block.closed |= block.room() == 0;
        all += units;
    }
    all
}

/// The blocks of a batch, locked.
async fn blocks_of(tx: &Tx, batch: &Batch, kind: Nodes) -> Result<BTreeMap<u64, Block>, Deadlock> {
    let taken = batch.takes.iter().flat_map(|take| &take.pieces);
    let mut epochs: Vec<u64> = taken
        .chain(&batch.hand_backs)
        .map(|&(epoch, _)| epoch)
        .collect();
    epochs.sort_unstable();
    epochs.dedup();
    let mut blocks = BTreeMap::new();
    for epoch in epochs {
        let row = match kind {
            Nodes::BlocksNotLocked => {
                tx.read(|rows| rows.get(&Key::Block(epoch)).copied())
                    .await?
            }
            _ => tx.lock(Key::Block(epoch)).await?,
        };
        blocks.extend(
            row.as_ref()
                .and_then(Row::block)
                .map(|block| (epoch, block)),
        );
    }
    Ok(blocks)
}

/// What became of a batch that committed before. An order without a row was not placed and never will be.
async fn read_batch(tx: &Tx, of: Session, batch: &Batch) -> Result<BTreeMap<u64, Took>, Deadlock> {
    let by = (of.node, of.number, batch.number);
    tx.read(|rows| {
        let became = |take: &Take| {
            let took = match rows.get(&Key::Order(take.id)).and_then(Row::state) {
                Some(state) if state == (State::Placed { by }) => Took::Placed,
                Some(state) => Took::Was(state),
                None => Took::Again,
            };
            (take.id, took)
        };
        batch.takes.iter().map(became).collect()
    })
    .await
}

/// What a heartbeat finds.
#[derive(Debug, Clone)]
pub(super) struct Beat {
    /// The session's open blocks, with their room.
    pub open: BTreeMap<u64, u64>,
    /// How long the recall lasts that is on.
    pub recall: Duration,
}

/// Renews the lease, and reads the session's blocks.
pub(super) async fn beat(tx: Tx, of: Session) -> Result<Answered<Beat>, Deadlock> {
    let Some(node) = session(&tx, of).await? else {
        return Ok(None);
    };
    let now = tx.now();
    let until = now + LEASE;
    tx.update(Key::Node(of.node), |row| {
        *row = Some(Row::Node(Node { until, ..node }));
    })
    .await?;
    let beat = tx.read(|rows| {
        let mine = open_blocks(rows).into_iter();
        let mine = mine.filter(|(_, block)| (block.node, block.session) == (of.node, of.number));
        Beat {
            open: mine.map(|(epoch, block)| (epoch, block.room())).collect(),
            recall: super::rows::pool(rows).recall_until.saturating_sub(now),
        }
    });
    beat.await.map(Some)
}

/// What a proof finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Proof {
    /// The order has a row.
    Was(State),
    /// Fewer units were free; the order is refused now.
    Refused,
    /// Enough units are free, somewhere.
    Enough,
}

/// Refuses an order if fewer units are free than it wants: one statement reads the sum and writes the order's row.
pub(super) async fn prove(
    tx: Tx,
    id: u64,
    units: u64,
    kind: Nodes,
    node: usize,
) -> Result<Proof, Deadlock> {
    if kind == Nodes::SumAndOrderInTwo {
        return prove_in_two(&tx, id, units).await;
    }
    let free = move |rows: &super::rows::Snapshot<'_>| {
        let mine = open_blocks(rows)
            .into_iter()
            .filter(|(_, block)| block.node == node);
        match kind {
            Nodes::OwnBlocksAlone => {
                super::rows::pool(rows).free + mine.map(|(_, block)| block.room()).sum::<u64>()
            }
            _ => sum(rows),
        }
    };
    tx.update_from(Key::Order(id), |rows, row| {
        match row.as_ref().and_then(Row::state) {
            Some(state) => Proof::Was(state),
            None if free(rows) < units => {
                if kind != Nodes::RefusalWithoutRow {
                    *row = Some(Row::Order(State::Refused));
                }
                Proof::Refused
            }
            None => Proof::Enough,
        }
    })
    .await
}

/// A mistake: the order may be placed between the two statements.
async fn prove_in_two(tx: &Tx, id: u64, units: u64) -> Result<Proof, Deadlock> {
    let there = tx.read(|rows| rows.get(&Key::Order(id)).and_then(Row::state));
    if let Some(state) = there.await? {
        return Ok(Proof::Was(state));
    }
    tx.round_trip().await;
    let free = tx.read(sum).await?;
    Ok(if free < units {
        Proof::Refused
    } else {
        Proof::Enough
    })
}

/// Begins a recall, and closes the blocks of nodes whose lease is over.
pub(super) async fn recall(tx: Tx) -> Result<(), Deadlock> {
    let now = tx.now();
    let expired = tx.read(|rows| {
        let until = |node| {
            rows.get(&Key::Node(node))
                .and_then(Row::node)
                .map(|node| node.until)
        };
        epochs(open_blocks(rows), |block| {
            until(block.node).is_none_or(|until| until < now)
        })
    });
    let expired = expired.await?;
    if !expired.is_empty() {
        close(&tx, expired).await?;
    }
    let recall = |row: &mut Option<Row>| {
        if let Some(Row::Pool(pool)) = row {
            pool.recall_until = pool.recall_until.max(now + RECALL);
        }
    };
    tx.update(Key::Pool, recall).await
}

/// Adds units to the pool, once for each order.
pub(super) async fn restock(tx: Tx, id: u64, units: u64) -> Result<bool, Deadlock> {
    let insert = |row: &mut Option<Row>| {
        let is_new = row.is_none();
        row.get_or_insert(Row::Order(State::Restocked));
        is_new
    };
    if tx.update(Key::Order(id), insert).await? {
        give(&tx, units).await?;
    }
    Ok(true)
}

/// The pool at the beginning.
pub(super) const fn first_pool(units: u64) -> Pool {
    Pool {
        free: units,
        last_epoch: 0,
        recall_until: Duration::ZERO,
    }
}
