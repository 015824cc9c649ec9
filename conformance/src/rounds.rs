//! What the suite has threads call: many short rounds that fight over few units, and some long ones.

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use segstock_model::Op;

/// One step of a thread.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step {
    /// A call. A commit or a release settles no more units than the thread has reserved.
    Call(Op),
    /// Sell units and bring them back.
    DeductAndRestock(u64),
    /// Reserve units and release them, if the counter offers that.
    ReserveAndRelease(u64),
}

/// More units than are ever in stock in a round that is not long.
const TOO_MUCH: u64 = 1_000;

/// What a round is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// One thread, every kind of call.
    Alone,
    /// One thread, orders and stocks of any size.
    AloneLarge,
    /// Several threads for the last units.
    LastUnits,
    /// Everybody takes some and brings them back, so that they move, and there are always enough.
    Moving,
    /// A bit of everything.
    Mixed,
    /// A bit of everything, in large numbers of units.
    Large,
    /// All threads for the last units.
    Crowd,
    /// All threads move units.
    CrowdMoving,
    /// Holds of one thread, whose deadlines pass.
    HoldsAlone,
    /// Holds whose deadlines pass.
    Holds,
    /// A few threads that make many calls as fast as they can.
    Sprint,
    /// One unit in and out as fast as can be, by threads that do nothing else in between.
    Tight,
    /// A bit of everything, by all threads, for long.
    Long,
    /// One thread and one counter for very long.
    Marathon,
}

/// What the drawn numbers of units are limited to.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Draw {
    pub(super) single: bool,
    pub(super) most: Option<u64>,
}

impl Draw {
    /// The units of an order or a restock: `units` within the limits of this, and one at least.
    pub(super) fn order(self, units: u64) -> u64 {
        if self.single {
            1
        } else {
            self.stock(units).max(1)
        }
    }

    pub(super) fn stock(self, units: u64) -> u64 {
        self.most.map_or(units, |most| units.min(most))
    }

    fn limited(self, op: Op) -> Op {
        op.with_units(|units| self.order(units))
    }

    fn limited_step(self, step: Step) -> Step {
        match step {
            Step::Call(op) => Step::Call(self.limited(op)),
            Step::DeductAndRestock(units) => Step::DeductAndRestock(self.order(units)),
            Step::ReserveAndRelease(units) => Step::ReserveAndRelease(self.order(units)),
        }
    }
}

/// One fresh counter, and what threads do to it.
#[derive(Debug, Clone)]
pub(super) struct Round {
    pub(super) units: u64,
    pub(super) scripts: Vec<Vec<Step>>,
    pub(super) seed: u64,
    pub(super) waits: Waits,
    pub(super) draw: Draw,
}

/// How a thread of a round waits between its calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Waits {
    /// It is alone: there is nobody to meet.
    Never,
    /// For some turns of a loop.
    Briefly,
    /// For a longer loop, and now and then it yields its core on the way into a call or out.
    AndYields,
}

/// In the sequence of what they cost: whatever a cheap one finds need not be found by the others.
const KINDS: [(Kind, usize); 14] = [
    (Kind::Alone, 8),
    (Kind::AloneLarge, 16),
    (Kind::Marathon, 1_000),
    (Kind::HoldsAlone, 20),
    (Kind::Sprint, 40),
    (Kind::LastUnits, 4),
    (Kind::Tight, 4),
    (Kind::Moving, 6),
    (Kind::Mixed, 4),
    (Kind::Large, 16),
    (Kind::Crowd, 12),
    (Kind::CrowdMoving, 20),
    (Kind::Holds, 8),
    (Kind::Long, 200),
];

/// How much one pass has, of what size.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size {
    pub(super) rounds: usize,
    pub(super) threads: usize,
    pub(super) draw: Draw,
}

/// The rounds of one pass, those with holds included if `holds` are offered.
pub(super) fn rounds(size: Size, seed: u64, holds: bool) -> Vec<Round> {
    let needs_holds = |kind: &Kind| matches!(kind, Kind::Holds | Kind::HoldsAlone);
    let kinds = KINDS.iter().filter(|(kind, _)| holds || !needs_holds(kind));
    let all =
        kinds.flat_map(|&(kind, share)| std::iter::repeat_n(kind, size.rounds.div_ceil(share)));
    let all = all.enumerate().map(|(number, kind)| {
        let seed = seed.wrapping_add(number as u64);
        Round::new(kind, size.threads, size.draw, seed)
    });
    all.collect()
}

/// The rounds in which threads race and make few calls.
#[cfg(feature = "shuttle")]
pub(super) fn racing(size: Size, seed: u64, holds: bool) -> Vec<Round> {
    const MOST_STEPS: usize = 200;
    let steps = |round: &Round| round.scripts.iter().map(Vec::len).sum::<usize>();
    let mut all = rounds(size, seed, holds);
    all.retain(|round| round.scripts.len() > 1 && steps(round) <= MOST_STEPS);
    all
}

/// More calls of one counter than a mistake may hide behind, one of them in ten thousand.
const MARATHON: usize = 16_000;

/// Calls of a [`Kind::Sprint`], of all threads. They cost more than to begin a round.
const SPRINT: usize = 2_000;

impl Round {
    fn new(kind: Kind, threads: usize, draw: Draw, seed: u64) -> Self {
        let mut chance = SmallRng::seed_from_u64(seed);
        let few = threads.min(2 + chance.random_range(0..2));
        let (threads, steps, units) = match kind {
            Kind::Alone => (1, 24, chance.random_range(0..8)),
            Kind::AloneLarge => (1, 24, large(&mut chance)),
            Kind::LastUnits => (few, 4, chance.random_range(1..4)),
            Kind::Moving => (few, 24, 0),
            Kind::Mixed => (few, 6, chance.random_range(0..5)),
            Kind::Large => (few, 6, large(&mut chance)),
            Kind::Crowd => (threads, 4, chance.random_range(1..6)),
            Kind::CrowdMoving => (threads, 8, 0),
            Kind::HoldsAlone => (1, 24, chance.random_range(4..12)),
            Kind::Holds => (few, 6, chance.random_range(1..5)),
            Kind::Long => (threads, 300, chance.random_range(4..40)),
            Kind::Tight => (
                threads.min(chance.random_range(2..6)),
                10,
                chance.random_range(0..2),
            ),
            Kind::Sprint => {
                // Two meet on two cores; more of them lose their cores in the midst of a call.
                let threads = threads.min([2, 2, 4][chance.random_range(0..3)]);
                (threads, SPRINT / threads, chance.random_range(0..3))
            }
            Kind::Marathon => (1, MARATHON, 40),
        };
        let waits = match kind {
            _ if threads == 1 => Waits::Never,
            Kind::Tight | Kind::Sprint => Waits::Briefly,
            _ => Waits::AndYields,
        };
        let script = |thread: usize, chance: &mut SmallRng| {
            let steps = 0..steps;
            let steps = steps.map(|step| kind.step(thread, step, seed, chance));
            steps.map(|step| draw.limited_step(step)).collect()
        };
        let scripts: Vec<Vec<Step>> = (0..threads).map(|t| script(t, &mut chance)).collect();
        let units = if matches!(kind, Kind::Moving | Kind::CrowdMoving) {
            enough_for(&scripts)
        } else {
            units
        };
        Self {
            units: draw.stock(units),
            scripts,
            seed,
            waits,
            draw,
        }
    }
}

/// A number of units of any size, near those where other paths begin.
fn large(chance: &mut SmallRng) -> u64 {
    const EDGES: [u64; 10] = [10, 16, 32, 50, 64, 100, 128, 256, 1_000, 65_536];
    let edge = EDGES[chance.random_range(0..EDGES.len())];
    edge + chance.random_range(0..5) - 2
}

/// Units of which each thread can have out what it asks for at the most.
fn enough_for(scripts: &[Vec<Step>]) -> u64 {
    let most = scripts.iter().map(|script| {
        let units = script.iter().map(|step| match *step {
            Step::DeductAndRestock(units) | Step::ReserveAndRelease(units) => units,
            Step::Call(_) => 0,
        });
        units.max().unwrap_or(0)
    });
    most.sum()
}

impl Kind {
    fn step(self, thread: usize, step: usize, seed: u64, chance: &mut SmallRng) -> Step {
        let units = chance.random_range(1..4);
        match self {
            Self::LastUnits | Self::Crowd => Step::Call(match chance.random_range(0..8) {
                0 => Op::Restock(1),
                1 => Op::Available,
                2 => Op::Reserve(1),
                3 => Op::Snapshot,
                _ => Op::Deduct(1.max(units - 1)),
            }),
            // A thread that wants more than one takes what lies in different places. Who asks for too
            // much is refused, and must not be the reason that others are.
            Self::Moving | Self::CrowdMoving => {
                let units = 1 + u64::from(thread == 1);
                match chance.random_range(0..10) {
                    0 => Step::Call(Op::Available),
                    1 => Step::Call(Op::Snapshot),
                    2 => Step::Call(Op::Deduct(TOO_MUCH)),
                    3..5 => Step::ReserveAndRelease(units),
                    _ => Step::DeductAndRestock(units),
                }
            }
            Self::Holds | Self::HoldsAlone => Step::Call(hold(thread, step, chance)),
            Self::AloneLarge | Self::Large => Step::Call(match chance.random_range(0..13) {
                0..4 => Op::Deduct(large(chance)),
                4..7 => Op::Restock(large(chance)),
                7 => Op::Reserve(large(chance)),
                8 => Op::Release(large(chance)),
                9 => Op::DeductUpTo(large(chance)),
                10 => Op::ReserveUpTo(large(chance)),
                11 => Op::Snapshot,
                _ => Op::Available,
            }),
            Self::Tight => Step::Call(match chance.random_range(0..12) {
                0..6 => Op::Deduct(1 + units / 3),
                6..11 => Op::Restock(1),
                _ => Op::Available,
            }),
            Self::Sprint => Step::Call(sprint(thread, seed, chance)),
            // About one unit comes for each that goes, so that mistakes can be seen to the end.
            Self::Marathon => Step::Call(match chance.random_range(0..10) {
                0..4 => Op::Deduct(units),
                4..8 => Op::Restock(units),
                8 => Op::Snapshot,
                _ => Op::Available,
            }),
            Self::Alone | Self::Mixed | Self::Long => {
                Step::Call(match chance.random_range(0..19) {
                    0..5 => Op::Deduct(units),
                    5..9 => Op::Restock(1),
                    9..11 => Op::Reserve(units),
                    11 => Op::Commit(units),
                    12 => Op::Release(units),
                    13 => Op::DeductUpTo(units),
                    14 => Op::Withdraw(units),
                    15 => Op::Forgive(units),
                    16 => Op::ReserveUpTo(units),
                    17 => Op::Snapshot,
                    _ => Op::Available,
                })
            }
        }
    }
}

/// Threads sell and restock. Thread 1 does that too, or it reads, or it reserves: by the seed.
fn sprint(thread: usize, seed: u64, chance: &mut SmallRng) -> Op {
    let (role, draw) = (seed % 3, chance.random_range(0..12));
    match (thread, role) {
        (1, 1) if draw < 9 => Op::Snapshot,
        (1, 1) => Op::Available,
        (1, 2) if draw < 9 => match draw {
            0..4 => Op::Reserve(1),
            4..7 => Op::Release(1),
            _ => Op::Commit(1),
        },
        _ => match draw {
            0..4 => Op::Deduct(1),
            4..6 => Op::Deduct(2),
            6..11 => Op::Restock(1),
            _ => Op::DeductUpTo(2),
        },
    }
}

/// Each thread has keys of its own, and one that all fight over. A key has its units as a rule, so that a second place
/// is a retry, and now and then others.
fn hold(thread: usize, step: usize, chance: &mut SmallRng) -> Op {
    let own = 1 + thread as u64 * 100 + step as u64 / 2;
    let name = if chance.random_range(0..3) == 0 {
        own
    } else {
        0
    };
    // Keys that are one if they are cut to a byte or to half a word, and the largest of all.
    let key = match chance.random_range(0..8) {
        0 => name + 256,
        1 => (1 << 32) + name,
        2 => u64::MAX - name,
        3 => (1 << 63) + name,
        _ => name,
    };
    let (few, ttl) = (chance.random_range(1..4), chance.random_range(1..4));
    match chance.random_range(0..16) {
        0..5 => Op::Place {
            key,
            // Other units for each of them, so that a mix-up is a conflict.
            units: 1 + u64::from(key.count_ones()) % 3,
            ttl,
        },
        5..7 => Op::Place {
            key,
            units: few,
            ttl,
        },
        7..9 => Op::Confirm { key },
        9..11 => Op::ReleaseHold { key },
        11..14 => Op::Advance { by: 1 },
        14 => Op::Deduct(few),
        _ => Op::Available,
    }
}
