//! Commits beside a snapshot, which may show them as not made yet.

use super::{Item, Problem};
use crate::model::Model;
use crate::op::Op;
use crate::outcome::Outcome;
use std::collections::BTreeSet;

/// Units of commits and confirms that overlap `snapshot`, of those that are placed. `placed` has the number of placed
/// calls of each lane, then of each kind of unknown call.
///
/// A call of unknown outcome may go on for ever, so it overlaps. A key is confirmed once: if one of its confirms ended
/// before the snapshot began, it was confirmed by then.
pub(super) fn committed(problem: &Problem, placed: &[u32], snapshot: &Item, stock: &Model) -> u64 {
    if !matches!(snapshot.outcome, Outcome::Snapshot(_)) {
        return 0;
    }
    let (lanes, kinds) = placed.split_at(problem.threads.len());
    let lanes = || problem.threads.iter().zip(lanes);
    let placed = || lanes().map(|(lane, &placed)| &lane[..placed as usize]);
    let overlaps = |item: &&Item| item.returned >= snapshot.called;
    let mut committed: u64 = 0;
    let mut keys = BTreeSet::new();
    for item in placed().flat_map(|lane| lane.iter().rev().take_while(overlaps)) {
        match (item.op, item.outcome) {
            (Op::Commit(units), Outcome::Done) => committed = committed.saturating_add(units),
            (Op::Confirm { key }, Outcome::Done) => _ = keys.insert(key),
            _ => {}
        }
    }
    for (maybe, &placed) in problem.maybes.iter().zip(kinds) {
        match maybe.op {
            Op::Commit(units) => {
                committed = committed.saturating_add(units.saturating_mul(u64::from(placed)));
            }
            Op::Confirm { key } if placed > 0 => _ = keys.insert(key),
            _ => {}
        }
    }
    if !keys.is_empty() {
        for item in placed().flatten().filter(|item| !overlaps(item)) {
            if let (Op::Confirm { key }, Outcome::Done) = (item.op, item.outcome) {
                keys.remove(&key);
            }
        }
    }
    let confirmed = keys.into_iter().map(|key| stock.units_under(key));
    confirmed.fold(committed, u64::saturating_add)
}
