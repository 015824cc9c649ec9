//! The proof: one statement that refuses orders for which too few units are free anywhere.

use super::Nodes;
use super::rows::{Key, Known, Order, Row, Sku, Snapshot, State, Tx, Units, free, orders};
use crate::database::Deadlock;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Orders, by id, and what they want.
pub(super) type Asks = BTreeMap<u64, Units>;

/// What a proof finds for an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Proof {
    /// It has a row.
    Is(Known),
    /// Fewer units of a SKU are free; the order is refused now.
    Refused(Sku),
    /// These orders are past their deadline and still have units: they end first.
    Overdue(BTreeSet<u64>),
    /// Enough units are free, somewhere.
    Enough,
}

/// Refuses the orders that are short. One statement reads the sums and writes the orders' rows: at that instant no more
/// units were free. A take that is not written yet only makes a sum too high.
pub(super) async fn prove(
    tx: Tx,
    asks: Asks,
    kind: Nodes,
    node: usize,
) -> Result<BTreeMap<u64, Proof>, Deadlock> {
    if kind == Nodes::SumAndOrderInTwo {
        return prove_in_two(&tx, &asks).await;
    }
    let now = tx.now();
    let keys: Vec<Key> = asks.keys().copied().map(Key::Order).collect();
    let prove = |rows: &Snapshot<'_>, key: &Key, row: &mut Option<Row>| {
        let Key::Order(id) = *key else {
            unreachable!("only orders are asked for")
        };
        let proof = proof(rows, &asks[&id], row.as_ref(), (kind, node, now));
        if let Proof::Refused(sku) = proof
            && kind != Nodes::RefusalWithoutRow
        {
            *row = Some(Row::Order(Order::without_units(State::Refused(sku))));
        }
        (id, proof)
    };
    let proofs = tx.update_each_from(keys, prove).await?;
    Ok(proofs.into_iter().collect())
}

fn proof(
    rows: &Snapshot<'_>,
    wanted: &Units,
    row: Option<&Row>,
    (kind, node, now): (Nodes, usize, Duration),
) -> Proof {
    if let Some(order) = row.and_then(Row::order) {
        return Proof::Is(order.known());
    }
    let Some(sku) = short(rows, wanted, kind, node) else {
        return Proof::Enough;
    };
    let orders = orders(rows).into_iter();
    let has_some = |order: &Order| order.pieces.iter().any(|piece| piece.sku == sku);
    let overdue = orders.filter(|(_, order)| order.is_overdue(now) && has_some(order));
    let overdue: BTreeSet<u64> = overdue.map(|(id, _)| id).collect();
    if overdue.is_empty() || kind == Nodes::ProofDoesNotExpire {
        Proof::Refused(sku)
    } else {
        Proof::Overdue(overdue)
    }
}

/// The first SKU of which too few units are free.
fn short(rows: &Snapshot<'_>, wanted: &Units, kind: Nodes, node: usize) -> Option<Sku> {
    let free = free(rows, |block| {
        kind != Nodes::OwnBlocksAlone || block.node == node
    });
    let is_short = |(sku, units): &(&Sku, &u64)| free.get(sku).copied().unwrap_or(0) < **units;
    wanted.iter().find(is_short).map(|(sku, _)| *sku)
}

/// A mistake: an order may be placed between the two statements, and later, since no row says that it was refused.
async fn prove_in_two(tx: &Tx, asks: &Asks) -> Result<BTreeMap<u64, Proof>, Deadlock> {
    let there = tx.read(|rows| {
        let there = asks.keys().filter_map(|&id| {
            let order = rows.get(&Key::Order(id)).and_then(Row::order)?;
            Some((id, Proof::Is(order.known())))
        });
        there.collect::<BTreeMap<u64, Proof>>()
    });
    let mut proofs = there.await?;
    tx.round_trip().await;
    let now = tx.now();
    let others = tx.read(|rows| {
        let of = |(&id, wanted)| (id, proof(rows, wanted, None, (Nodes::Exact, 0, now)));
        asks.iter().map(of).collect::<Vec<_>>()
    });
    for (id, proof) in others.await? {
        proofs.entry(id).or_insert(proof);
    }
    Ok(proofs)
}
