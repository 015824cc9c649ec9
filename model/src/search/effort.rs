//! [`Effort`]: how many states and how much time a search may cost.

use std::time::{Duration, Instant};

/// The clock is read once in this number of states.
const LOOK: u64 = 1 << 10;

/// How many states and how much time one search, or several together, may cost.
#[derive(Debug, Clone)]
pub struct Effort {
    states: u64,
    most: u64,
    until: Option<Instant>,
    spent: Option<Spent>,
}

/// What was spent when a search gave up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Spent {
    /// The states that it may look at.
    States,
    /// The time that it may take.
    Time,
}

impl Effort {
    /// `most` states, and any time.
    #[must_use]
    pub const fn states(most: u64) -> Self {
        Self {
            states: 0,
            most,
            until: None,
            spent: None,
        }
    }

    /// At most `time`, from now on.
    #[must_use]
    pub fn within(self, time: Duration) -> Self {
        let until = Instant::now().checked_add(time);
        Self { until, ..self }
    }

    /// A part of what is left: at most `states`.
    #[must_use]
    pub fn part(&self, states: u64) -> Self {
        let most = states.min(self.most.saturating_sub(self.states));
        Self {
            states: 0,
            most,
            ..self.clone()
        }
    }

    /// Counts what a part cost.
    pub fn charge(&mut self, part: &Self) {
        self.states += part.states;
        if self.states > self.most {
            self.spent = self.spent.or(Some(Spent::States));
        }
        if part.spent == Some(Spent::Time) {
            self.spent = Some(Spent::Time);
        }
    }

    /// States that are left.
    pub(super) const fn left(&self) -> u64 {
        self.most.saturating_sub(self.states)
    }

    /// States that cost nothing.
    pub(super) const fn grant(&mut self, states: u64) {
        self.most = self.most.saturating_add(states);
    }

    /// Counts a state, and says whether it may be looked at.
    pub(super) fn step(&mut self) -> bool {
        if self.spent.is_some() {
            return false;
        }
        self.states += 1;
        if self.states > self.most {
            self.spent = Some(Spent::States);
        } else if self.states.is_multiple_of(LOOK) && self.is_late() {
            self.spent = Some(Spent::Time);
        }
        self.spent.is_none()
    }

    fn is_late(&self) -> bool {
        self.until.is_some_and(|until| Instant::now() >= until)
    }

    /// States that were looked at.
    #[must_use]
    pub const fn spent_states(&self) -> u64 {
        self.states
    }

    /// What was spent, if a search gave up.
    #[must_use]
    pub fn spent(&self) -> Option<Spent> {
        let late = self.is_late().then_some(Spent::Time);
        self.spent.or(late)
    }
}
