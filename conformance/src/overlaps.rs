//! [`Overlaps`]: how often calls of each two kinds ran beside each other.

use crate::report::Pair;
use segstock_model::Call;
use std::collections::BTreeMap;

#[derive(Debug, Default)]
pub(super) struct Overlaps(BTreeMap<Pair, u64>);

impl Overlaps {
    /// Counts the pairs of a history, whose calls come in the sequence of their first stamps.
    pub(super) fn add(&mut self, calls: &[Call]) {
        let mut open: Vec<(u64, &'static str)> = Vec::new();
        for call in calls {
            open.retain(|(returned, _)| *returned >= call.called);
            let this = call.op.name();
            for &(_, other) in &open {
                let pair = if this < other {
                    [this, other]
                } else {
                    [other, this]
                };
                *self.0.entry(pair).or_default() += 1;
            }
            // A call that never returned would overlap with all that follow.
            if call.returned < u64::MAX {
                open.push((call.returned, this));
            }
        }
    }

    /// The pairs, most first.
    pub(super) fn pairs(&self) -> Vec<(Pair, u64)> {
        let mut pairs: Vec<(Pair, u64)> = self.0.iter().map(|(pair, n)| (*pair, *n)).collect();
        pairs.sort_by_key(|(_, times)| std::cmp::Reverse(*times));
        pairs
    }
}
