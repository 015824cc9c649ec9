//! The transactions of the pools: a lend, a recall, a restock, the end of the sale.

use super::Nodes;
use super::rows::{
    Block, Key, Mode, Order, Piece, Pool, Row, Sku, Source, State, Tx, Units, blocks, pools,
};
use super::sessions::{Answered, Session, session};
use crate::database::Deadlock;
use std::collections::BTreeMap;
use std::time::Duration;

/// How long a recall lasts.
pub(super) const RECALL: Duration = Duration::from_millis(15);
/// The most units that a node is lent ahead.
const CAP: u64 = 50;

/// What was lent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Lent {
    /// Blocks: epoch, SKU, rest. SKUs without one are sold through their pools.
    Blocks(Vec<(u64, Sku, u64)>),
    /// A pool has too few: nothing was lent.
    Short,
}

/// Lends what is asked for of each SKU, all or none; and more, while there is enough. Asked again, it finds its blocks.
pub(super) async fn lend(
    tx: Tx,
    of: Session,
    lend_no: u64,
    asked: Units,
    kind: Nodes,
) -> Result<Answered<Lent>, Deadlock> {
    if session(&tx, of).await?.is_none() {
        return Ok(None);
    }
    let now = tx.now();
    let (lent, nodes) = tx
        .read(|rows| {
            let mine = |block: &Block| {
                (block.node, block.session, block.lend_no) == (of.node, of.number, lend_no)
            };
            let lent: Vec<_> = blocks(rows).filter(|(_, block)| mine(block)).collect();
            let live = rows.iter().filter_map(|(_, row)| row.node());
            let live = live.filter(|node| node.until >= now).count() as u64;
            (lent, live.max(1))
        })
        .await?;
    if !lent.is_empty() {
        let open = lent.into_iter().filter(|(_, block)| !block.closed);
        let open = open.map(|(epoch, block)| (epoch, block.sku, block.rest()));
        return Ok(Some(Lent::Blocks(open.collect())));
    }
    let mut held = BTreeMap::new();
    for &sku in asked.keys() {
        let pool = tx.lock(Key::Pool(sku)).await?;
        held.extend(pool.as_ref().and_then(Row::pool).map(|pool| (sku, pool)));
    }
    let mut short = false;
    let mut granted = Vec::new();
    for (&sku, &units) in &asked {
        let Some(pool) = held.get_mut(&sku) else {
            short = true;
            continue;
        };
        pool.mode = mode(pool);
        if pool.mode == Mode::Wide {
            short |= at_hand(pool, kind) < units;
            granted.push((sku, size(pool, units, now, nodes)));
        }
    }
    if short {
        granted.clear();
    }
    for (sku, units) in &granted {
        if let Some(pool) = held.get_mut(sku) {
            pool.free -= units;
        }
    }
    let write = |key: &Key, row: &mut Option<Row>| {
        if let Key::Pool(sku) = key {
            *row = Some(Row::Pool(held[sku]));
        }
    };
    tx.update_each(held.keys().copied().map(Key::Pool), write)
        .await?;
    if short {
        return Ok(Some(Lent::Short));
    }
    let mut lent = Vec::new();
    for (sku, units) in granted {
        lent.push(grant(&tx, of, lend_no, (sku, units), kind).await?);
    }
    Ok(Some(Lent::Blocks(lent)))
}

/// No other transaction knows the key: the row may come after the pools.
async fn grant(
    tx: &Tx,
    of: Session,
    lend_no: u64,
    (sku, granted): (Sku, u64),
    kind: Nodes,
) -> Result<(u64, Sku, u64), Deadlock> {
    let epoch = match kind {
        // A mistake: what was closed is open again, and what was sent to it arrives.
        Nodes::BlocksWithoutEpochs => (of.node * 100 + sku) as u64,
        _ => tx.serial() + 1_000,
    };
    let insert = |row: &mut Option<Row>| {
        let there = row.as_ref().and_then(Row::block);
        let there = there.filter(|block| !block.closed && block.session == of.number);
        let more = there.map_or(0, |block| block.granted);
        *row = Some(Row::Block(Block {
            node: of.node,
            session: of.number,
            sku,
            lend_no,
            granted: more + granted,
            taken: there.map_or(0, |block| block.taken),
            handed_back: there.map_or(0, |block| block.handed_back),
            closed: false,
        }));
    };
    tx.update(Key::Block(epoch), insert).await?;
    Ok((epoch, sku, granted))
}

fn mode(pool: &Pool) -> Mode {
    match pool.mode {
        Mode::Ended => Mode::Ended,
        _ if pool.on_sale() < pool.narrow => Mode::Narrow,
        _ if pool.on_sale() >= 2 * pool.narrow => Mode::Wide,
        mode => mode,
    }
}

/// Units of a pool that may be lent or sold.
pub(super) fn at_hand(pool: &Pool, kind: Nodes) -> u64 {
    match kind {
        Nodes::SafetyLent => pool.free,
        _ => pool.on_sale(),
    }
}

/// How many units are lent: what is asked for, and ahead as much as leaves enough for every node.
fn size(pool: &Pool, asked: u64, now: Duration, nodes: u64) -> u64 {
    let ahead = if pool.recall_until > now {
        0
    } else {
        pool.on_sale() / (2 * nodes)
    };
    asked.max(ahead.min(CAP))
}

/// Begins a recall: until its end every node hands back what it has.
pub(super) async fn recall(
    tx: Tx,
    skus: Vec<Sku>,
    notify: impl FnOnce() + 'static,
) -> Result<(), Deadlock> {
    let until = tx.now() + RECALL;
    let recall = |_: &Key, row: &mut Option<Row>| {
        if let Some(Row::Pool(pool)) = row {
            pool.recall_until = pool.recall_until.max(until);
        }
    };
    tx.on_commit(notify);
    tx.update_each(skus.into_iter().map(Key::Pool), recall)
        .await
        .map(drop)
}

/// Adds units to a pool, once for each id.
pub(super) async fn restock(tx: Tx, id: u64, sku: Sku, units: u64) -> Result<bool, Deadlock> {
    let insert = |row: &mut Option<Row>| {
        let is_new = row.is_none();
        let piece = Piece {
            sku,
            from: Source::Pool,
            units,
        };
        row.get_or_insert(Row::Order(Order {
            pieces: vec![piece],
            ..Order::without_units(State::Restocked)
        }));
        is_new
    };
    if tx.update(Key::Order(id), insert).await? {
        super::rows::give(&tx, &Units::from([(sku, units)])).await?;
    }
    Ok(true)
}

/// Ends the sale: nothing is lent any more, and every node hands back what it has.
pub(super) async fn end_sale(tx: Tx) -> Result<(), Deadlock> {
    let skus = tx.read(|rows| pools(rows).into_keys().collect::<Vec<_>>());
    let end = |_: &Key, row: &mut Option<Row>| {
        if let Some(Row::Pool(pool)) = row {
            pool.mode = Mode::Ended;
        }
    };
    let skus = skus.await?.into_iter();
    tx.update_each(skus.map(Key::Pool), end).await.map(drop)
}
