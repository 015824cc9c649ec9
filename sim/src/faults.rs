//! [`Faults`]: what goes wrong in a run, and how often.

use crate::world::{Drift, World};
use std::collections::BTreeMap;
use std::time::Duration;

/// Half of a round trip, if nothing goes wrong.
const ONE_WAY: Duration = Duration::from_micros(500);

/// What goes wrong in a run, and how often. Numbers are of 1,000 messages or calls.
///
/// # Examples
///
/// ```
/// use segstock_sim::Faults;
/// use std::time::Duration;
///
/// let mut faults = Faults::none(Duration::from_micros(500));
/// faults.lost = 20;
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Faults {
    /// The time of a message that nothing delays.
    pub one_way: Duration,
    /// Whether messages take up to twice that time, by chance.
    pub jitter: bool,
    /// Messages that never arrive.
    pub lost: u64,
    /// Messages that arrive twice.
    pub repeated: u64,
    /// Messages that take up to [`LATE`](Self::LATE), so that others overtake them.
    pub late: u64,
    /// Requests after which the node stands still for up to [`STALL`](Self::STALL), as a garbage collection does.
    pub stalls: u64,
    /// Whether nodes are stopped now and then for up to [`STALL`](Self::STALL), as `SIGSTOP` does.
    pub stops: bool,
    /// Calls in whose middle the node crashes.
    pub crashes: u64,
    /// Whether the network is cut in parts, again and again, for up to [`CUT`](Self::CUT).
    pub partitions: bool,
    /// Whether servers fail over to their replicas.
    pub failovers: bool,
    /// How wrong clocks are.
    pub drift: Option<Drift>,
}

impl Faults {
    /// The longest time of a late message: more than a lease, and more than a time-out.
    pub const LATE: Duration = Duration::from_millis(120);
    /// The longest stall.
    pub const STALL: Duration = Duration::from_millis(120);
    /// The longest partition.
    pub const CUT: Duration = Duration::from_millis(120);

    /// Each message arrives, after the time that every other takes.
    #[must_use]
    pub const fn none(one_way: Duration) -> Self {
        Self {
            one_way,
            jitter: false,
            lost: 0,
            repeated: 0,
            late: 0,
            stalls: 0,
            stops: false,
            crashes: 0,
            partitions: false,
            failovers: false,
            drift: None,
        }
    }

    /// Draws the faults of a run, all but stops. Each run lacks some kinds: where all happen at once, one hides what another
    /// does.
    #[must_use]
    pub fn drawn(world: &World) -> Self {
        let kind = |per_mille: &[u64]| per_mille[world.pick(0..per_mille.len() as u64) as usize];
        Self {
            one_way: ONE_WAY,
            jitter: true,
            lost: kind(&[0, 0, 20, 100]),
            repeated: kind(&[0, 0, 50, 200]),
            late: kind(&[0, 0, 30, 150]),
            stalls: kind(&[0, 0, 30, 100]),
            stops: false,
            crashes: kind(&[0, 0, 0, 300]),
            partitions: world.chance(250),
            failovers: world.chance(250),
            drift: world
                .chance(250)
                .then_some(Drift::new(Duration::from_millis(50), 200)),
        }
    }
}

/// A kind of fault that happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Fault {
    /// A message never arrived.
    Lost,
    /// A message arrived twice.
    Repeated,
    /// A message came late.
    Late,
    /// A partition kept a message from its receiver.
    Cut,
    /// A node stood still.
    Stalled,
    /// A node was stopped for a time, and went on.
    Stopped,
    /// A node crashed.
    Crashed,
    /// A server failed over to its replica.
    FailedOver,
    /// A failover undid a write that was answered.
    Undone,
    /// A database rolled back a transaction, since two waited for each other.
    Deadlock,
    /// A lease ran out before its holder released it.
    LeaseRanOut,
}

/// How often each kind of fault happened.
pub type Happened = BTreeMap<Fault, u64>;
