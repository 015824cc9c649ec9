//! [`Chance`]: the one random generator of a world.

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use std::cell::RefCell;
use std::ops::Range;
use std::time::Duration;

pub(super) struct Chance(RefCell<SmallRng>);

impl Chance {
    pub(super) fn new(seed: u64) -> Self {
        Self(RefCell::new(SmallRng::seed_from_u64(seed)))
    }

    pub(super) fn pick(&self, range: Range<u64>) -> u64 {
        self.0.borrow_mut().random_range(range)
    }

    pub(super) fn pick_time(&self, range: Range<Duration>) -> Duration {
        if range.is_empty() {
            return range.start;
        }
        self.0.borrow_mut().random_range(range)
    }
}
