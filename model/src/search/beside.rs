//! Commits beside a snapshot, which may show them as not made yet.

use super::problem::{Item, Problem};
use crate::model::Model;
use crate::op::Op;
use crate::outcome::Outcome;
use std::collections::BTreeSet;

/// The most sums that are looked at to find one.
const MOST_SUMS: usize = 4_096;

/// Units of each commit and confirm that overlaps `snapshot`, of those that are placed. `placed` has the number of placed
/// calls of each lane, then of each kind of unknown call.
///
/// A call of unknown outcome may go on for ever, so it overlaps. A key is confirmed once: if one of its confirms ended
/// before the snapshot began, it was confirmed by then.
pub(super) fn commits(
    problem: &Problem,
    placed: &[u32],
    snapshot: &Item,
    stock: &Model,
) -> Vec<u64> {
    let mut commits = Vec::new();
    if !matches!(snapshot.outcome, Outcome::Snapshot(_)) {
        return commits;
    }
    let (lanes, kinds) = placed.split_at(problem.threads.len());
    let lanes = || problem.threads.iter().zip(lanes);
    let placed = || lanes().map(|(lane, &placed)| &lane[..placed as usize]);
    let overlaps = |item: &&Item| item.returned >= snapshot.called;
    let mut keys = BTreeSet::new();
    for item in placed().flat_map(|lane| lane.iter().rev().take_while(overlaps)) {
        match (item.op, item.outcome) {
            (Op::Commit(units), Outcome::Done) => commits.push(units),
            (Op::Confirm { key }, Outcome::Done) => _ = keys.insert(key),
            _ => {}
        }
    }
    for (maybe, &placed) in problem.maybes.iter().zip(kinds) {
        match maybe.op {
            Op::Commit(units) => commits.extend((0..placed).map(|_| units)),
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
    commits.extend(
        keys.into_iter()
            .map(|key| stock.hold(key).map_or(0, |(units, _)| units)),
    );
    commits
}

/// Units of all of them.
pub(super) fn sum(commits: &[u64]) -> u64 {
    commits.iter().copied().fold(0, u64::saturating_add)
}

/// Whether what a snapshot shows as reserved beyond what the stock has are the units of some of these commits: it shows each
/// of them as made or as not made, and none as half made. Where too many sums would have to be looked at, it may be.
pub(super) fn is_shown_whole(item: &Item, stock: &Model, commits: &[u64]) -> bool {
    let Outcome::Snapshot(said) = item.outcome else {
        return true;
    };
    let Some(more) = said.reserved.checked_sub(stock.snapshot().reserved) else {
        return true;
    };
    if more == 0 {
        return true;
    }
    let mut sums = BTreeSet::from([0]);
    for units in commits {
        if sums.contains(&more) || sums.len() > MOST_SUMS {
            return true;
        }
        let longer = sums.iter().filter_map(|sum: &u64| sum.checked_add(*units));
        let longer: Vec<u64> = longer.filter(|sum| *sum <= more).collect();
        sums.extend(longer);
    }
    sums.contains(&more)
}
