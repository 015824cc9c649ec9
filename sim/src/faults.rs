//! What goes wrong in a run: a plan, drawn from its seed.

use super::executor::World;
use std::time::Duration;

/// Half of a round trip, if nothing goes wrong.
const ONE_WAY: Duration = Duration::from_micros(500);

/// How often what goes wrong, of a thousand messages or calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Faults {
    /// A message's time if it is lucky.
    pub one_way: Duration,
    /// Whether that varies, up to twice as long.
    pub jitter: bool,
    /// Messages that never arrive.
    pub lost: u64,
    /// Messages that arrive twice.
    pub repeated: u64,
    /// Messages that take up to [`LATE`](Self::LATE), so that others overtake them.
    pub late: u64,
    /// Calls after which the node stands still for up to [`STALL`](Self::STALL): its collector runs,
    /// or its machine moves house.
    pub stalls: u64,
    /// Nodes that crash in the middle of a call.
    pub crashes: u64,
}

impl Faults {
    /// More than a lease, and more than a time-out.
    pub const LATE: Duration = Duration::from_millis(120);
    pub const STALL: Duration = Duration::from_millis(120);

    /// Each message takes as long as any other, and arrives.
    pub const fn none(one_way: Duration) -> Self {
        Self {
            one_way,
            jitter: false,
            lost: 0,
            repeated: 0,
            late: 0,
            stalls: 0,
            crashes: 0,
        }
    }

    /// Every run lacks some kinds of fault: where all happen always, each hides what another does.
    pub fn drawn(world: &World) -> Self {
        let kind = |per_mille: &[u64]| per_mille[world.pick(0..per_mille.len() as u64) as usize];
        Self {
            one_way: ONE_WAY,
            jitter: true,
            lost: kind(&[0, 0, 20, 100]),
            repeated: kind(&[0, 0, 50, 200]),
            late: kind(&[0, 0, 30, 150]),
            stalls: kind(&[0, 0, 30, 100]),
            crashes: kind(&[0, 0, 0, 300]),
        }
    }
}

/// What went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    Lost,
    Repeated,
    Late,
    Stalled,
    Crashed,
    /// A lease ran out before it was given back.
    Overrun,
}
