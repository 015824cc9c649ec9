//! [`Pace`]: how long calls take, by kind.

use crate::report::Slowest;
use segstock_model::Call;
use std::collections::BTreeMap;
use std::time::Duration;

/// For each kind, the slowest call, and how many calls took less than two to the n nanoseconds.
#[derive(Debug, Default)]
pub(super) struct Pace(BTreeMap<&'static str, Kind>);

#[derive(Debug)]
struct Kind {
    slowest: u64,
    calls: [u64; 65],
}

impl Pace {
    pub(super) fn add(&mut self, calls: &[Call]) {
        for call in calls.iter().filter(|call| call.returned < u64::MAX) {
            let kind = self.0.entry(call.op.name()).or_insert(Kind {
                slowest: 0,
                calls: [0; 65],
            });
            let took = call.returned - call.called;
            kind.slowest = kind.slowest.max(took);
            kind.calls[(u64::BITS - took.leading_zeros()) as usize] += 1;
        }
    }

    /// The call that is slowest beside the others of its kind.
    pub(super) fn slowest(&self) -> Option<Slowest> {
        let kinds = self.0.iter().map(|(&name, kind)| Slowest {
            kind: name,
            took: Duration::from_nanos(kind.slowest),
            median: Duration::from_nanos(kind.median()),
        });
        kinds.max_by_key(|slowest| {
            let median = slowest.median.as_nanos().max(1);
            slowest.took.as_nanos() / median
        })
    }
}

impl Kind {
    /// To the next power of two.
    fn median(&self) -> u64 {
        let half = self.calls.iter().sum::<u64>().div_ceil(2);
        let mut sum = 0;
        let below = self.calls.iter().position(|calls| {
            sum += calls;
            sum >= half
        });
        below.map_or(0, |power| {
            1_u64
                .checked_shl(u32::try_from(power).unwrap_or(64))
                .unwrap_or(u64::MAX)
        })
    }
}
