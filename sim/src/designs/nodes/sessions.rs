//! The transactions of a node's session: it opens, renews its lease, and is found silent.

use super::Nodes;
use super::rows::{self, Key, Mode, Node, Row, Sku, Tx, Units, open_blocks, pools};
use crate::database::Deadlock;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How long a node has its blocks for itself if it is silent.
pub(super) const LEASE: Duration = Duration::from_millis(60);

/// A node's session, as a transaction names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Session {
    pub node: usize,
    pub number: u64,
}

/// What a node is answered. Nothing, if its session is over.
pub(super) type Answered<T> = Option<T>;

/// Locks the node's row, if the session is not over.
pub(super) async fn session(tx: &Tx, of: Session) -> Result<Option<Node>, Deadlock> {
    let node = tx.lock(Key::Node(of.node)).await?;
    let node = node.as_ref().and_then(Row::node);
    Ok(node.filter(|node| node.session == of.number))
}

/// The session that the name has; 0, if it has none.
pub(super) fn seen(rows: &rows::Snapshot<'_>, node: usize) -> u64 {
    let node = rows.get(&Key::Node(node)).and_then(Row::node);
    node.map_or(0, |node| node.session)
}

/// Raises the session that this start has seen, and closes the blocks of older ones. Asked again, it returns the
/// session that this start raised. Nothing, if another start came first: **a copy that comes late changes nothing**.
pub(super) async fn open(
    tx: Tx,
    node: usize,
    seen: u64,
    start: u64,
    kind: Nodes,
) -> Result<Option<u64>, Deadlock> {
    let until = tx.now() + LEASE;
    let begin = |row: &mut Option<Row>| {
        let old = row.as_ref().and_then(Row::node);
        let (session, of) = old.map_or((0, None), |old| (old.session, Some(old.start)));
        if of == Some(start) {
            return Some(session);
        }
        if session != seen && kind != Nodes::OpenWithoutLook {
            return None;
        }
        *row = Some(Row::Node(Node {
            start,
            session: session + 1,
            last: 0,
            void: 0,
            until,
        }));
        Some(session + 1)
    };
    let session = tx.update(Key::Node(node), begin).await?;
    let Some(number) = session else {
        return Ok(None);
    };
    let older = tx.read(|rows| {
        let older = open_blocks(rows);
        let older = older.filter(|(_, block)| block.node == node && block.session != number);
        older.map(|(epoch, _)| epoch).collect::<BTreeSet<_>>()
    });
    close(&tx, older.await?).await?;
    Ok(Some(number))
}

/// Closes blocks, and puts their rest into the pools.
async fn close(tx: &Tx, epochs: BTreeSet<u64>) -> Result<(), Deadlock> {
    let mut back = Units::new();
    let close = |_: &Key, row: &mut Option<Row>| {
        if let Some(Row::Block(block)) = row {
            close_one(block, &mut back);
        }
    };
    let keys = epochs.into_iter().map(Key::Block);
    tx.update_each(keys, close).await?;
    rows::give(tx, &back).await
}

fn close_one(block: &mut rows::Block, back: &mut Units) {
    if !block.closed {
        block.closed = true;
        *back.entry(block.sku).or_default() += block.rest();
    }
}

/// Closes the blocks of nodes whose lease is over. One statement decides and closes; a node that renews its lease beside
/// it may lose its blocks, and is stopped by that. **No clock is needed for safety**: the late batch of a node that was
/// only slow finds its blocks closed.
pub(super) async fn close_silent(tx: Tx) -> Result<(), Deadlock> {
    let now = tx.now();
    let is_silent = move |rows: &rows::Snapshot<'_>, name: usize| {
        let node = rows.get(&Key::Node(name)).and_then(Row::node);
        node.is_none_or(|node| node.until < now)
    };
    let silent = tx.read(|rows| {
        let silent = open_blocks(rows).filter(|(_, block)| is_silent(rows, block.node));
        silent.map(|(epoch, _)| epoch).collect::<BTreeSet<_>>()
    });
    let mut back = Units::new();
    let close = |rows: &rows::Snapshot<'_>, _: &Key, row: &mut Option<Row>| {
        if let Some(Row::Block(block)) = row
            && is_silent(rows, block.node)
        {
            close_one(block, &mut back);
        }
    };
    let keys = silent.await?.into_iter().map(Key::Block);
    tx.update_each_from(keys, close).await?;
    rows::give(&tx, &back).await
}

/// What a heartbeat finds.
#[derive(Debug, Clone)]
pub(super) struct Beat {
    /// The session's open blocks, by epoch: SKU and rest.
    pub open: BTreeMap<u64, (Sku, u64)>,
    /// How long the recalls last that are on.
    pub recalls: BTreeMap<Sku, Duration>,
    pub modes: BTreeMap<Sku, Mode>,
}

/// Renews the lease, and reads what concerns the session.
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
        let mine = open_blocks(rows);
        let mine = mine.filter(|(_, block)| (block.node, block.session) == (of.node, of.number));
        let pools = pools(rows);
        let recall = |pool: &rows::Pool| pool.recall_until.saturating_sub(now);
        Beat {
            open: mine
                .map(|(epoch, block)| (epoch, (block.sku, block.rest())))
                .collect(),
            recalls: (pools.iter().map(|(sku, pool)| (*sku, recall(pool)))).collect(),
            modes: (pools.iter().map(|(sku, pool)| (*sku, pool.mode))).collect(),
        }
    });
    beat.await.map(Some)
}
