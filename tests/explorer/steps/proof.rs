//! The one-pass proof: every `taken`, then the word, then all that came. Returns `Units`: no more than
//! that was in stock at one instant.

use crate::machine::{Cpu, Frame, Rules, Value};
use crate::memory::POCKET;
use crate::omissions::Omission;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum At {
    /// The first load of `available`.
    Available,
    /// Place `index` of a part of the pass. `bound` is the sum of what was read, `taken` less.
    Read {
        part: u8,
        index: u8,
        bound: u8,
        back: bool,
    },
    /// What was released to a place, of which `added` was read.
    Returned { part: u8, index: u8, bound: u8 },
}
use At::*;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Taken,
    Word,
    /// Whether anything was ever released to a segment.
    TakesBack,
    Added,
}

/// The parts of a pass, in their order.
fn parts(omitted: Option<Omission>) -> [Part; 4] {
    use Part::*;
    match omitted {
        Some(Omission::ProofReadsTakenFirst) => [TakesBack, Added, Word, Taken],
        Some(Omission::ProofReadsWordBeforeAdded) => [Taken, TakesBack, Added, Word],
        Some(Omission::ProofReadsWordAfterTaken) => [Word, Taken, TakesBack, Added],
        Some(Omission::ProofAsksForReleasesAfterTaken) => [TakesBack, Taken, Word, Added],
        _ => [Taken, Word, TakesBack, Added],
    }
}

/// The places of a pass: the segments, and the pocket last.
fn place(cpu: &Cpu, index: u8) -> usize {
    let index = usize::from(index);
    if index == cpu.rules.segments {
        POCKET
    } else {
        index
    }
}

impl At {
    pub fn begin(cpu: &mut Cpu, waiting: Frame) {
        // The frame is there first, so that a part that is no access has one to go on from.
        cpu.call(waiting, Frame::Proof(first()));
        skip_what_is_constant(cpu, first());
    }

    pub fn step(self, cpu: &mut Cpu) {
        match self {
            Available if cpu.shared.word.wide => {
                cpu.go(Frame::Proof(first()));
                skip_what_is_constant(cpu, first());
            }
            Available => cpu.ret(Value::Units(cpu.shared.word.units)),
            Read {
                part,
                index,
                bound,
                back,
            } => {
                match parts(cpu.rules.omitted)[usize::from(part)] {
                    Part::Taken => {
                        let taken = cpu.shared.places[place(cpu, index)].taken.units;
                        next_place(cpu, part, index, bound.wrapping_sub(taken), back);
                    }
                    Part::Word if !cpu.shared.word.wide => {
                        cpu.ret(Value::Units(cpu.shared.word.units));
                    }
                    Part::Word => {
                        let bound = bound.wrapping_add(cpu.shared.word.units);
                        next_part(cpu, part, bound, back);
                    }
                    Part::TakesBack => next_part(cpu, part, bound, cpu.shared.takes_back),
                    Part::Added => {
                        let it = cpu.shared.places[place(cpu, index)];
                        let bound = bound.wrapping_add(it.added);
                        // Nothing is ever released to the pocket.
                        if !back || place(cpu, index) == POCKET {
                            next_place(cpu, part, index, bound, back);
                        } else if cpu.rules.releases {
                            cpu.go(Frame::Proof(Returned { part, index, bound }));
                        } else {
                            let bound = bound.wrapping_add(it.returned);
                            next_place(cpu, part, index, bound, back);
                        }
                    }
                }
            }
            Returned { part, index, bound } => {
                let returned = cpu.shared.places[place(cpu, index)].returned;
                next_place(cpu, part, index, bound.wrapping_add(returned), true);
            }
        }
    }

    pub fn rebase(&mut self, rebased: usize, by: u8, rules: &Rules) {
        let (part, read, bound) = match self {
            Available => return,
            Read {
                part, index, bound, ..
            } => (*part, *index, bound),
            Returned { part, index, bound } => (*part, *index + 1, bound),
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
            at < usize::from(part) || at == usize::from(part) && rank < usize::from(read)
        };
        // `taken` is in the sum as its negative.
        match (was_read(Part::Taken), was_read(Part::Added)) {
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
        back: false,
    }
}

fn next_place(cpu: &mut Cpu, part: u8, index: u8, bound: u8, back: bool) {
    if usize::from(index) == cpu.rules.segments {
        next_part(cpu, part, bound, back);
    } else {
        let index = index + 1;
        cpu.go(Frame::Proof(Read {
            part,
            index,
            bound,
            back,
        }));
    }
}

fn next_part(cpu: &mut Cpu, part: u8, bound: u8, back: bool) {
    if part == 3 {
        return cpu.ret(Value::Units(bound));
    }
    let next = Read {
        part: part + 1,
        index: 0,
        bound,
        back,
    };
    cpu.go(Frame::Proof(next));
    skip_what_is_constant(cpu, next);
}

/// Whether anything was released is no access where no script releases.
fn skip_what_is_constant(cpu: &mut Cpu, at: At) {
    let Read { part, bound, .. } = at else { return };
    if parts(cpu.rules.omitted)[usize::from(part)] == Part::TakesBack && !cpu.rules.releases {
        next_part(cpu, part, bound, cpu.shared.takes_back);
    }
}
