//! The one-pass proof: every `taken`, then the word, then all that came. Returns `Units`: no more than
//! that was in stock at one instant.

use crate::machine::{Cpu, Frame, Value};
use crate::memory::{POCKET, left};
use crate::omissions::Omission;
use crate::rules::Rules;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum At {
    /// The first load of `available`.
    Available,
    /// Place `index` of a part of the pass. `bound` is the sum of what was read, `taken` less.
    Read { part: u8, index: u8, bound: u8 },
    /// What was released or moved to a place, of which `added` was read.
    Returned { part: u8, index: u8, bound: u8 },
}
use At::*;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Taken,
    Word,
    Came,
}

const PARTS: u8 = 3;

/// The parts of a pass, in their order.
fn parts(omitted: Option<Omission>) -> [Part; PARTS as usize] {
    use Part::*;
    match omitted {
        Some(Omission::ProofReadsTakenFirst) => [Came, Word, Taken],
        Some(Omission::ProofReadsWordBeforeCame) => [Taken, Came, Word],
        Some(Omission::ProofReadsWordAfterTaken) => [Word, Taken, Came],
        _ => [Taken, Word, Came],
    }
}

/// The places of a pass: the segments, and the pocket last.
fn place(rules: &Rules, index: u8) -> usize {
    let index = usize::from(index);
    if index == rules.segments {
        POCKET
    } else {
        index
    }
}

impl At {
    pub fn begin(cpu: &mut Cpu, waiting: Frame) {
        cpu.call(waiting, Frame::Proof(first()));
    }

    pub fn step(self, cpu: &mut Cpu) {
        match self {
            Available if cpu.shared.word.wide => cpu.go(Frame::Proof(first())),
            Available => cpu.ret(Value::Units(cpu.shared.word.units)),
            Read { part, index, bound } => {
                let place = place(cpu.rules, index);
                let it = cpu.shared.places[place];
                match parts(cpu.rules.omitted)[usize::from(part)] {
                    Part::Taken => next_place(cpu, part, index, bound.wrapping_sub(it.taken.units)),
                    Part::Word if !cpu.shared.word.wide => {
                        cpu.ret(Value::Units(cpu.shared.word.units));
                    }
                    Part::Word => next_part(cpu, part, bound.wrapping_add(cpu.shared.word.units)),
                    // The first counter is read without an access where nobody writes it.
                    Part::Came if place != POCKET && !cpu.rules.restocks => {
                        let bound = bound.wrapping_add(it.added);
                        Returned { part, index, bound }.step(cpu);
                    }
                    Part::Came => {
                        let bound = bound.wrapping_add(it.added);
                        let next = Returned { part, index, bound };
                        if place == POCKET && !cpu.rules.withdraws {
                            next.step(cpu);
                        } else {
                            cpu.go(Frame::Proof(next));
                        }
                    }
                }
            }
            Returned { part, index, bound } => {
                let returned = cpu.shared.places[place(cpu.rules, index)].returned;
                next_place(cpu, part, index, bound.wrapping_add(returned));
            }
        }
    }

    pub fn rebase(&mut self, rebased: usize, by: u8, rules: &Rules) {
        let (part, index, has_added, bound) = match self {
            Available => return,
            Read { part, index, bound } => (*part, *index, false, bound),
            Returned { part, index, bound } => (*part, *index, true, bound),
        };
        let rank = if rebased == POCKET {
            rules.segments
        } else {
            rebased
        };
        let parts = parts(rules.omitted);
        let was_read = |which| {
            let Some(at) = parts.iter().position(|&it| it == which) else {
                unreachable!("each part is in a pass");
            };
            at < usize::from(part) || at == usize::from(part) && rank < usize::from(index)
        };
        // In a segment, `returned` is rebased with `taken`; in the pocket `added`, which is read first.
        let in_between = has_added && rebased == POCKET && rank == usize::from(index);
        match (was_read(Part::Taken), was_read(Part::Came) || in_between) {
            // `taken` is in the sum as its negative.
            (true, false) => *bound = bound.wrapping_add(by),
            (false, true) => *bound = bound.wrapping_sub(by),
            _ => {}
        }
    }
}

fn first() -> At {
    Read {
        part: 0,
        index: 0,
        bound: 0,
    }
}

fn next_place(cpu: &mut Cpu, part: u8, index: u8, bound: u8) {
    if usize::from(index) == cpu.rules.segments {
        next_part(cpu, part, bound);
    } else {
        let index = index + 1;
        cpu.go(Frame::Proof(Read { part, index, bound }));
    }
}

fn next_part(cpu: &mut Cpu, part: u8, bound: u8) {
    if part + 1 == PARTS {
        return cpu.ret(Value::Units(left(bound, 0)));
    }
    let part = part + 1;
    cpu.go(Frame::Proof(Read {
        part,
        index: 0,
        bound,
    }));
}
