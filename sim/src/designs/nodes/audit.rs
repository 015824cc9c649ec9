//! The end of a sale: every unit is in exactly one place.

use super::batch::epoch;
use super::rows::{Block, Order, Snapshot, State, Units, blocks, open_blocks, orders, pools};
use std::collections::BTreeMap;

/// What an order's row does in the equation.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Came,
    Out,
    Neither,
}

fn side(order: &Order) -> Side {
    match order.state {
        State::Restocked => Side::Came,
        State::Held | State::Paid => Side::Out,
        State::Cancelled | State::Expired | State::Refused(_) => Side::Neither,
    }
}

/// The open blocks that have units left.
pub(super) fn not_back(rows: &Snapshot<'_>) -> Option<(u64, Block)> {
    open_blocks(rows).find(|(_, block)| block.rest() > 0)
}

/// `initial + restocked = free + held + paid` of each SKU, and each block has given what orders took from it.
///
/// # Errors
///
/// What is wrong, in words: the block or the SKU.
pub(super) fn audit(rows: &Snapshot<'_>) -> Result<(), String> {
    if let Some((epoch, block)) = not_back(rows) {
        return Err(format!(
            "block {epoch} of node {} has {} units of SKU {}",
            block.node,
            block.rest(),
            block.sku
        ));
    }
    let mut came = Units::new();
    let mut out = Units::new();
    let mut from_blocks: BTreeMap<u64, u64> = BTreeMap::new();
    for order in orders(rows).into_values() {
        for piece in &order.pieces {
            if let Some(epoch) = epoch(piece) {
                *from_blocks.entry(epoch).or_default() += piece.units;
            }
            match side(order) {
                Side::Came => *came.entry(piece.sku).or_default() += piece.units,
                Side::Out => *out.entry(piece.sku).or_default() += piece.units,
                Side::Neither => {}
            }
        }
    }
    for (epoch, block) in blocks(rows) {
        let taken = from_blocks.get(&epoch).copied().unwrap_or(0);
        if taken != block.taken {
            return Err(format!(
                "block {epoch} of node {} gave {} units, and orders took {taken}",
                block.node, block.taken
            ));
        }
    }
    for (sku, pool) in pools(rows) {
        let of = |units: &Units| units.get(&sku).copied().unwrap_or(0);
        let (came, there) = (pool.initial + of(&came), pool.free + of(&out));
        if came != there {
            return Err(format!(
                "of SKU {sku} {came} units came, and {there} are accounted for"
            ));
        }
    }
    Ok(())
}
