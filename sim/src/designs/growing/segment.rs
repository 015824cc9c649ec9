//! A key's row: two counters that only grow, and what it has answered.

use std::collections::BTreeMap;

/// It holds `added - taken` units.
#[derive(Debug, Clone, Default)]
pub(super) struct Segment {
    pub(super) taken: u64,
    pub(super) added: u64,
    /// Units that each request took, 0 included.
    answers: BTreeMap<u64, u64>,
    /// Units that were put under each number.
    puts: BTreeMap<u64, u64>,
}

impl Segment {
    pub(super) fn new(units: u64) -> Self {
        Self {
            added: units,
            ..Self::default()
        }
    }

    /// Takes `units`, all of them or none.
    pub(super) fn take(&mut self, number: u64, units: u64) -> bool {
        let enough = self.added - self.taken >= units;
        self.take_once(number, if enough { units } else { 0 }) == units
    }

    /// Takes what there is, at most `units`.
    pub(super) fn take_up_to(&mut self, number: u64, units: u64) -> u64 {
        self.take_once(number, units.min(self.added - self.taken))
    }

    fn take_once(&mut self, number: u64, units: u64) -> u64 {
        let Self { taken, answers, .. } = self;
        *answers.entry(number).or_insert_with(|| {
            *taken += units;
            units
        })
    }

    pub(super) fn put(&mut self, number: u64, units: u64) {
        self.puts.entry(number).or_insert_with(|| {
            self.added += units;
            units
        });
    }
}
