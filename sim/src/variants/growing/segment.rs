//! A key's row: two counters that only grow, and what it has answered.

use std::collections::BTreeMap;

/// It holds `added - taken` units.
#[derive(Debug, Clone, Default)]
pub struct Segment {
    pub taken: u64,
    pub added: u64,
    /// Units that each request took, none included.
    answers: BTreeMap<u64, u64>,
    /// What was put under a number.
    puts: BTreeMap<u64, u64>,
}

impl Segment {
    pub fn new(units: u64) -> Self {
        Self {
            added: units,
            ..Self::default()
        }
    }

    /// Takes `units`, all of them or none.
    pub fn take(&mut self, number: u64, units: u64) -> bool {
        let enough = self.added - self.taken >= units;
        self.take_once(number, if enough { units } else { 0 }) == units
    }

    /// Takes what there is, up to `units`.
    pub fn take_up_to(&mut self, number: u64, units: u64) -> u64 {
        self.take_once(number, units.min(self.added - self.taken))
    }

    fn take_once(&mut self, number: u64, units: u64) -> u64 {
        let Self { taken, answers, .. } = self;
        *answers.entry(number).or_insert_with(|| {
            *taken += units;
            units
        })
    }

    pub fn put(&mut self, number: u64, units: u64) {
        self.puts.entry(number).or_insert_with(|| {
            self.added += units;
            units
        });
    }
}
