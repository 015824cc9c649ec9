//! A counter that does nothing, to measure what counting costs: see `.ci/load`.

use crate::book::Lines;
use crate::shop::SharedClock;
use segstock::{Holds, Settle};

/// Holds that remember keys and deadlines, and set nothing aside.
pub(crate) type UncountedHolds = Holds<String, Uncounted, Lines, SharedClock>;

/// Units that nobody counted.
#[derive(Debug)]
pub(crate) struct Uncounted(pub(crate) u64);

impl Settle for Uncounted {
    fn units(&self) -> u64 {
        self.0
    }

    fn commit(self) {}

    fn release(self) {}
}
