//! What is known of a key.

use super::answers::{Held, Resolution};
use super::times::Timed;
use std::time::Duration;

/// What a call knows of time, in nanoseconds of the clock.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    pub(super) now: u64,
    /// The end of the retention of an answer that is given now.
    pub(super) until: u64,
}

/// What is known of a key. `M` is the mark of its last change.
#[derive(Debug)]
pub(super) enum State<R, Q, M> {
    /// Nothing yet: a call reserves for it.
    Placing,
    Held(Hold<R, Q, M>),
    Resolved(Resolved<Q, M>),
}

#[derive(Debug)]
pub(super) struct Hold<R, Q, M> {
    pub(super) request: Q,
    pub(super) hold: R,
    /// Units of `hold`. It is asked for them once a change, since the answer is a caller's code.
    pub(super) units: u64,
    pub(super) deadline: u64,
    pub(super) mark: M,
}

#[derive(Debug)]
pub(super) struct Resolved<Q, M> {
    pub(super) request: Q,
    /// Units that were held at the end.
    pub(super) units: u64,
    /// The end of the retention.
    pub(super) until: u64,
    pub(super) mark: M,
    pub(super) resolution: Resolution,
}

impl<R, Q, M: Copy> State<R, Q, M> {
    pub(super) fn mark(&self) -> Option<M> {
        match self {
            Self::Placing => None,
            Self::Held(hold) => Some(hold.mark),
            Self::Resolved(resolved) => Some(resolved.mark),
        }
    }

    pub(super) fn request(&self) -> Option<&Q> {
        match self {
            Self::Placing => None,
            Self::Held(hold) => Some(&hold.request),
            Self::Resolved(resolved) => Some(&resolved.request),
        }
    }

    /// The hold of a key that a caller knows to be held.
    pub(super) fn hold(&self) -> &Hold<R, Q, M> {
        match self {
            Self::Held(hold) => hold,
            Self::Placing | Self::Resolved(_) => unreachable!("the key is held"),
        }
    }

    pub(super) fn hold_mut(&mut self) -> &mut Hold<R, Q, M> {
        match self {
            Self::Held(hold) => hold,
            Self::Placing | Self::Resolved(_) => unreachable!("the key is held"),
        }
    }
}

impl<R, Q, M> Timed for State<R, Q, M> {
    /// The deadline of a hold, or the end of the retention of an answer.
    fn time(&self) -> u64 {
        match self {
            Self::Placing => unreachable!("nothing ends while a key is placed"),
            Self::Held(hold) => hold.deadline,
            Self::Resolved(resolved) => resolved.until,
        }
    }
}

impl<R, Q, M> Hold<R, Q, M> {
    pub(super) fn is_expired(&self, at: Moment) -> bool {
        self.deadline <= at.now
    }

    pub(super) fn held(&self, at: Moment) -> Held {
        Held {
            units: self.units,
            remaining: self.remaining(at),
        }
    }

    /// Zero once it has expired.
    pub(super) fn remaining(&self, at: Moment) -> Duration {
        Duration::from_nanos(self.deadline.saturating_sub(at.now))
    }
}
