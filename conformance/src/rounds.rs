//! What the suite has threads call: many short rounds that fight over few units, and some long ones.

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use segstock_model::Op;

/// One step of a thread.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step {
    /// A call; of what was not set aside, nothing is settled.
    Call(Op),
    /// Sell units and bring them back; the same by way of a reservation, if that is offered.
    OutAndBack(u64),
    LendAndBack(u64),
}

/// More than there ever is in a round that is not long.
const TOO_MUCH: u64 = 1_000;

/// What a round is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// One thread, everything there is.
    Alone,
    /// Several threads for the last units.
    LastUnits,
    /// Everybody takes some and brings them back, so that they move, and there are always enough.
    Moving,
    /// A bit of everything.
    Mixed,
    /// The same for longer.
    Long,
    /// Holds whose deadlines pass.
    Holds,
}

/// One fresh counter, and what threads do to it.
#[derive(Debug, Clone)]
pub(super) struct Round {
    pub(super) units: u64,
    pub(super) scripts: Vec<Vec<Step>>,
    pub(super) seed: u64,
}

/// In the sequence of what they cost: whatever a cheap one finds need not be found by the others.
const KINDS: [(Kind, usize); 6] = [
    (Kind::Alone, 8),
    (Kind::LastUnits, 4),
    (Kind::Moving, 6),
    (Kind::Mixed, 4),
    (Kind::Holds, 8),
    (Kind::Long, 100),
];

/// About `rounds` rounds of up to `threads` threads, those with holds included if `holds` are offered.
pub(super) fn rounds(rounds: usize, threads: usize, seed: u64, holds: bool) -> Vec<Round> {
    let kinds = KINDS
        .iter()
        .filter(|(kind, _)| holds || *kind != Kind::Holds);
    let all = kinds.flat_map(|&(kind, share)| std::iter::repeat_n(kind, rounds.div_ceil(share)));
    let all = all.enumerate().map(|(number, kind)| {
        let seed = seed.wrapping_add(number as u64);
        Round::new(kind, threads, seed)
    });
    all.collect()
}

impl Round {
    fn new(kind: Kind, threads: usize, seed: u64) -> Self {
        let mut chance = SmallRng::seed_from_u64(seed);
        let few = threads.min(2 + chance.random_range(0..2));
        let (threads, steps, units) = match kind {
            Kind::Alone => (1, 24, chance.random_range(0..8)),
            Kind::LastUnits => (few, 4, chance.random_range(1..4)),
            Kind::Moving => (few, 24, 0),
            Kind::Mixed => (few, 6, chance.random_range(0..5)),
            Kind::Holds => (few, 6, chance.random_range(1..5)),
            Kind::Long => (threads, 500, chance.random_range(4..40)),
        };
        let script = |thread: usize, chance: &mut SmallRng| {
            let steps = 0..steps;
            steps.map(|step| kind.step(thread, step, chance)).collect()
        };
        let scripts: Vec<Vec<Step>> = (0..threads).map(|t| script(t, &mut chance)).collect();
        let units = if kind == Kind::Moving {
            enough_for(&scripts)
        } else {
            units
        };
        Self {
            units,
            scripts,
            seed,
        }
    }
}

/// Units of which each thread can have out what it asks for at the most.
fn enough_for(scripts: &[Vec<Step>]) -> u64 {
    let most = scripts.iter().map(|script| {
        let units = script.iter().map(|step| match *step {
            Step::OutAndBack(units) | Step::LendAndBack(units) => units,
            Step::Call(_) => 0,
        });
        units.max().unwrap_or(0)
    });
    most.sum()
}

impl Kind {
    fn step(self, thread: usize, step: usize, chance: &mut SmallRng) -> Step {
        let units = chance.random_range(1..4);
        match self {
            Self::LastUnits => Step::Call(match chance.random_range(0..8) {
                0 => Op::Restock(1),
                1 => Op::Available,
                2 => Op::Reserve(1),
                3 => Op::Snapshot,
                _ => Op::Deduct(1.max(units - 1)),
            }),
            // A thread that wants more than one takes what lies in different places. Who asks for too
            // much is refused, and must not be the reason that others are.
            Self::Moving => {
                let units = 1 + u64::from(thread == 1);
                match chance.random_range(0..10) {
                    0 => Step::Call(Op::Available),
                    1 => Step::Call(Op::Snapshot),
                    2 => Step::Call(Op::Deduct(TOO_MUCH)),
                    3..5 => Step::LendAndBack(units),
                    _ => Step::OutAndBack(units),
                }
            }
            Self::Holds => Step::Call(hold(thread, step, chance)),
            Self::Alone | Self::Mixed | Self::Long => {
                Step::Call(match chance.random_range(0..16) {
                    0..5 => Op::Deduct(units),
                    5..9 => Op::Restock(1),
                    9..11 => Op::Reserve(units),
                    11 => Op::Commit(units),
                    12 => Op::Release(units),
                    13 => Op::DeductUpTo(units),
                    14 => Op::Snapshot,
                    _ => Op::Available,
                })
            }
        }
    }
}

/// Each thread has keys of its own, and one that all fight over: with the same units as a rule, so that
/// a retry is one, and now and then with others.
fn hold(thread: usize, step: usize, chance: &mut SmallRng) -> Op {
    let own = 1 + thread as u64 * 100 + step as u64 / 2;
    let key = if chance.random_range(0..3) == 0 {
        own
    } else {
        0
    };
    let (few, ttl) = (chance.random_range(1..4), chance.random_range(1..4));
    match chance.random_range(0..16) {
        0..5 => Op::Place {
            key,
            units: 1 + key % 3,
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
