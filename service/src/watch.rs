//! [`Watch`]: looks again and again at what became durable, and counts it.

use crate::lag::Lag;
use crate::shop::alone::Alone;
use crate::telemetry;
use segstock_orders::{EventCounts, Position};
use std::time::{Duration, Instant};

/// How often it looks.
pub const EVERY: Duration = Duration::from_millis(200);

/// What was seen so far.
#[derive(Debug)]
pub struct Watch {
    /// How many events there were at the last look. Their entries may not have been durable then.
    seen: EventCounts,
    /// The last durable position, and since when it was seen.
    durable: (Position, Instant),
    /// The first position that was seen to be on its way, and since when; none, if all is durable.
    on_the_way: Option<(Position, Instant)>,
}

impl Watch {
    /// Nothing was seen yet.
    #[must_use]
    pub fn new(alone: &Alone) -> Self {
        let durable = alone.status().durable;
        Self {
            seen: EventCounts::default(),
            durable: (durable, Instant::now()),
            on_the_way: None,
        }
    }

    /// Counts what happened since the last look, and says how the ledger lags.
    pub fn look(&mut self, alone: &Alone) {
        let status = alone.status();
        let now = alone.book.event_counts();
        if let Some(counts) = self.durable_of(now, status.durable) {
            telemetry::happened(&counts);
        }
        let lag = self.lag(status.durable, status.appended, Instant::now());
        telemetry::lags(lag);
        *alone.lag.lock() = lag;
    }

    /// The last counts whose entries are durable, if any are: those of now, or of an earlier look.
    fn durable_of(&mut self, now: EventCounts, durable: Position) -> Option<EventCounts> {
        let is_durable = |counts: &EventCounts| counts.position <= durable;
        let counts = [now, self.seen].into_iter().find(is_durable)?;
        self.seen = now;
        Some(counts)
    }

    fn lag(&mut self, durable: Position, appended: Position, now: Instant) -> Lag {
        if durable > self.durable.0 {
            self.durable = (durable, now);
        }
        match self.on_the_way {
            Some((waits, _)) if waits > durable => {}
            _ => self.on_the_way = (appended > durable).then_some((appended, now)),
        }
        let since = |then| now.saturating_duration_since(then);
        Lag {
            behind: self
                .on_the_way
                .map_or(Duration::ZERO, |(_, then)| since(then)),
            age: since(self.durable.1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Watch;
    use segstock_orders::{EventCounts, Position};
    use std::time::{Duration, Instant};

    #[test]
    fn events_are_counted_once_their_entries_are_durable() {
        let counts = |position, placed| {
            let mut counts = EventCounts::default();
            counts.position = Position::new(position);
            counts.placed = placed;
            counts
        };
        let mut watch = Watch {
            seen: EventCounts::default(),
            durable: (Position::default(), Instant::now()),
            on_the_way: None,
        };
        let mut placed = |now, durable| {
            let counted = watch.durable_of(now, Position::new(durable));
            counted.map(|counts| counts.placed)
        };
        assert_eq!(placed(counts(2, 2), 0), Some(0), "the disk stands still");
        assert_eq!(placed(counts(5, 5), 1), None);
        assert_eq!(placed(counts(6, 6), 3), Some(2), "of the earlier look");
        assert_eq!(placed(counts(6, 6), 6), Some(6));
    }

    #[test]
    fn a_change_that_waits_makes_the_ledger_lag_until_it_is_durable() {
        let start = Instant::now();
        let durable = (Position::new(0), start);
        let mut watch = Watch {
            seen: EventCounts::default(),
            durable,
            on_the_way: None,
        };
        let mut at = |seconds, durable, appended| {
            let now = start + Duration::from_secs(seconds);
            let lag = watch.lag(Position::new(durable), Position::new(appended), now);
            (lag.behind.as_secs(), lag.age.as_secs())
        };
        assert_eq!(at(1, 0, 0), (0, 1));
        assert_eq!(at(2, 0, 3), (0, 2), "it is seen for the first time");
        assert_eq!(at(5, 0, 9), (3, 5), "more that comes does not hide it");
        assert_eq!(at(6, 2, 9), (4, 0), "change 3 waits still");
        assert_eq!(at(7, 3, 9), (0, 1 - 1), "now change 9 is waited for");
        assert_eq!(at(9, 3, 9), (2, 2));
        assert_eq!(at(10, 9, 9), (0, 0));
    }
}
