//! [`Faults`]: what a proxy does to requests, and how often.

use rand::RngExt;
use rand::rngs::SmallRng;
use std::time::Duration;

/// How many of 1,000 pieces that a client sends meet each fault. What is left goes through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Faults {
    /// The connection is cut before the server has the request.
    pub cut_before: u32,
    /// The connection is cut after the server has the request, before its reply.
    pub cut_after: u32,
    /// The request is on its way for up to [`Faults::DELAY`].
    pub delayed: u32,
    /// The server serves the request, and nothing comes back; the connection stays open.
    pub silent: u32,
    /// Nothing arrives at the server, and the connection stays open: it is half-open.
    pub half_open: u32,
    /// The connection is cut, and the request arrives at the server up to [`Faults::LATE`] after that.
    pub late: u32,
}

/// What happens to one piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    CutBefore,
    CutAfter,
    Delayed(Duration),
    Silent,
    HalfOpen,
    Late(Duration),
}

impl Faults {
    /// The longest delay.
    pub const DELAY: Duration = Duration::from_millis(10);
    /// The longest time for which a request is on its way after its connection was cut.
    pub const LATE: Duration = Duration::from_millis(300);

    /// No faults.
    pub const NONE: Self = Self {
        cut_before: 0,
        cut_after: 0,
        delayed: 0,
        silent: 0,
        half_open: 0,
        late: 0,
    };

    /// All of them: 9 % of the pieces are cut, lost or late, and 2 % are delayed.
    pub const ALL: Self = Self {
        cut_before: 20,
        cut_after: 25,
        delayed: 20,
        silent: 8,
        half_open: 7,
        late: 30,
    };

    pub(super) fn draw(&self, chance: &mut SmallRng) -> Option<Fault> {
        let up_to =
            |most: Duration, chance: &mut SmallRng| most.mul_f64(chance.random_range(0.0..=1.0));
        let drawn = chance.random_range(0..1_000);
        let mut sum = 0;
        let mut is = |weight: u32| {
            sum += weight;
            drawn < sum
        };
        if is(self.cut_before) {
            Some(Fault::CutBefore)
        } else if is(self.cut_after) {
            Some(Fault::CutAfter)
        } else if is(self.delayed) {
            Some(Fault::Delayed(up_to(Self::DELAY, chance)))
        } else if is(self.silent) {
            Some(Fault::Silent)
        } else if is(self.half_open) {
            Some(Fault::HalfOpen)
        } else if is(self.late) {
            Some(Fault::Late(up_to(Self::LATE, chance)))
        } else {
            None
        }
    }
}
