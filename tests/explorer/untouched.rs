//! What a snapshot must call reserved: the units of reservations that were there before it began, and
//! that no call settles until it ends.
//!
//! The model lets a snapshot call units sold that are reserved, since how the units that left divide may
//! lag. This is how far.

use crate::histories::THREADS;
use crate::op::{Answer, Op};

/// Whether a snapshot may lag by reservations that come and go while it runs. It may today: what is
/// released counts against reservations that were there before, too.
const LAGS_BY_WHAT_COMES_AND_GOES: bool = true;

/// The units that are reserved, as far as calls that returned say so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Reserved {
    /// Reserved before the threads began.
    before: u8,
    /// Reserved by each thread.
    by: [u8; THREADS],
    /// For each thread in a snapshot, what of this was there when it began and is not settled.
    untouched: [Option<Untouched>; THREADS],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Untouched {
    before: u8,
    by: [u8; THREADS],
}

impl Reserved {
    pub const fn new(before: u8) -> Self {
        Self {
            before,
            by: [0; THREADS],
            untouched: [None; THREADS],
        }
    }

    /// A call begins. A thread settles what it reserved last, and when that is gone, what was reserved
    /// before the threads began.
    pub fn begin(&mut self, thread: usize, op: Op) {
        match op {
            Op::Snapshot => {
                let (before, by) = (self.before, self.by);
                self.untouched[thread] = Some(Untouched { before, by });
            }
            Op::Commit(units) | Op::Release(units) => {
                let own = units.min(self.by[thread]);
                self.by[thread] -= own;
                self.before = self.before.saturating_sub(units - own);
                for untouched in self.untouched.iter_mut().flatten() {
                    if LAGS_BY_WHAT_COMES_AND_GOES {
                        untouched.lose(units);
                    } else {
                        untouched.before = untouched.before.min(self.before);
                        untouched.by[thread] = untouched.by[thread].min(self.by[thread]);
                    }
                }
            }
            _ => {}
        }
    }

    /// A call returns; whether the answer is none that says too little is reserved.
    pub fn end(&mut self, thread: usize, op: Op, answer: Answer) -> bool {
        match (op, answer) {
            (Op::Reserve(units), Answer::Done) => self.by[thread] += units,
            (_, Answer::Snapshot(figures)) => {
                let untouched = self.untouched[thread].take();
                return untouched.is_none_or(|it| it.units() <= figures.reserved);
            }
            _ => {}
        }
        true
    }
}

impl Untouched {
    fn units(&self) -> u8 {
        self.by.iter().fold(self.before, |sum, &units| sum + units)
    }

    fn lose(&mut self, mut units: u8) {
        for part in self.by.iter_mut().chain([&mut self.before]) {
            let lost = units.min(*part);
            *part -= lost;
            units -= lost;
        }
    }
}
