//! A snapshot: a wide stock is made one word first. Returns `Figures`.

use crate::machine::{Cpu, Frame, Value};
use crate::memory::{self, Place, lent_by};
use crate::omissions::Omission;
use crate::op::Figures;
use crate::steps::{narrowing, proof};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum At {
    Lock,
    // What was reserved, segment after segment.
    Late {
        index: u8,
        sums: Sums,
    },
    Noted {
        index: u8,
        sums: Sums,
    },
    Taken {
        index: u8,
        sums: Sums,
        noted: u8,
    },
    NotedAgain {
        index: u8,
        sums: Sums,
        noted: u8,
        lent: u8,
    },
    Word {
        sums: Sums,
    },
    /// Waits for the proof, whether there is enough to stay wide.
    Enough {
        sums: Sums,
    },
    /// Waits for all units to be in one word.
    Whole {
        sums: Sums,
    },
    // What was released or sold.
    Returned {
        index: u8,
        sums: Sums,
    },
    Sold {
        index: u8,
        sums: Sums,
    },
    Unlock {
        figures: Figures,
    },
}
use At::*;

/// What a snapshot read so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Sums {
    lent: u8,
    settled: u8,
    /// All units, once they were in one word.
    whole: Option<memory::Word>,
}

impl At {
    pub fn step(self, cpu: &mut Cpu) {
        match self {
            Lock => {
                _ = cpu.try_lock();
                begin(cpu);
            }
            Late { index, mut sums } => {
                let late = cpu.shared.places[usize::from(index)].lent_late;
                sums.lent = sums.lent.wrapping_add(late);
                cpu.go(Frame::Snapshot(Noted { index, sums }));
            }
            Noted { index, sums } => {
                let noted = cpu.shared.places[usize::from(index)].noted;
                cpu.go(Frame::Snapshot(Taken { index, sums, noted }));
            }
            Taken { index, sums, noted } => {
                let lent = lent_by(noted, cpu.shared.places[usize::from(index)].taken);
                cpu.go(Frame::Snapshot(NotedAgain {
                    index,
                    sums,
                    noted,
                    lent,
                }));
            }
            NotedAgain {
                index,
                mut sums,
                noted,
                lent,
            } => {
                let still = cpu.shared.places[usize::from(index)].noted;
                if still != noted && !cpu.without(Omission::LentIsReadTwice) {
                    return cpu.go(Frame::Snapshot(Taken {
                        index,
                        sums,
                        noted: still,
                    }));
                }
                sums.lent = sums.lent.wrapping_add(lent);
                next_lent(cpu, index + 1, sums);
            }
            Word { sums } => {
                let word = cpu.shared.word;
                if !word.wide {
                    whole(cpu, sums, word);
                } else if cpu.rules.tuning.enough.is_some() {
                    proof::At::begin(cpu, Frame::Snapshot(Enough { sums }));
                } else {
                    narrowing::At::begin(cpu, Frame::Snapshot(Whole { sums }), false);
                }
            }
            Returned { index, mut sums } => {
                let returned = cpu.shared.places[usize::from(index)].returned;
                sums.settled = sums.settled.wrapping_add(returned);
                cpu.go(Frame::Snapshot(Sold { index, sums }));
            }
            Sold { index, mut sums } => {
                let sold = cpu.shared.places[usize::from(index)].sold;
                sums.settled = sums.settled.wrapping_add(sold);
                next_settled(cpu, index + 1, sums);
            }
            Unlock { figures } => {
                cpu.unlock();
                cpu.ret(Value::Figures(figures));
            }
            Enough { .. } | Whole { .. } => unreachable!("it waits"),
        }
    }

    pub fn resume(self, cpu: &mut Cpu, value: Value) {
        match (self, value) {
            (Enough { sums }, Value::Units(bound)) => {
                let turn = cpu.rules.tuning.is_enough(bound);
                narrowing::At::begin(cpu, Frame::Snapshot(Whole { sums }), turn);
            }
            (Whole { sums }, Value::Whole(word)) => whole(cpu, sums, word),
            (Whole { .. }, _) => begin(cpu),
            other => unreachable!("{other:?}"),
        }
    }
}

/// Whether what was reserved is read after the word.
fn reads_late(cpu: &Cpu) -> bool {
    cpu.without(Omission::LentIsReadBeforeTheWord)
}

fn begin(cpu: &mut Cpu) {
    if reads_late(cpu) {
        let sums = Sums::default();
        cpu.go(Frame::Snapshot(Word { sums }));
    } else {
        next_lent(cpu, 0, Sums::default());
    }
}

fn sum(cpu: &Cpu, counter: impl Fn(&Place) -> u8) -> u8 {
    let segments = &cpu.shared.places[..cpu.rules.segments];
    segments.iter().map(counter).fold(0, u8::wrapping_add)
}

fn next_lent(cpu: &mut Cpu, index: u8, mut sums: Sums) {
    if !cpu.rules.reserves || !cpu.shared.grown {
        sums.lent = sum(cpu, Place::lent);
    } else if usize::from(index) < cpu.rules.segments {
        return cpu.go(Frame::Snapshot(Late { index, sums }));
    }
    match sums.whole {
        None if cpu.without(Omission::SettledIsReadAfterTheWord) => next_settled(cpu, 0, sums),
        None => cpu.go(Frame::Snapshot(Word { sums })),
        Some(_) => next_settled(cpu, 0, sums),
    }
}

/// Goes on when all units were in one word.
fn whole(cpu: &mut Cpu, mut sums: Sums, word: memory::Word) {
    sums.whole = Some(word);
    if reads_late(cpu) {
        next_lent(cpu, 0, sums);
    } else if cpu.without(Omission::SettledIsReadAfterTheWord) {
        end(cpu, sums, word);
    } else {
        next_settled(cpu, 0, sums);
    }
}

fn next_settled(cpu: &mut Cpu, index: u8, mut sums: Sums) {
    let settles = cpu.rules.commits || cpu.rules.releases;
    if !settles || !cpu.shared.grown {
        sums.settled = sum(cpu, Place::settled);
    } else if usize::from(index) < cpu.rules.segments {
        return cpu.go(Frame::Snapshot(Returned { index, sums }));
    }
    match sums.whole {
        Some(word) => end(cpu, sums, word),
        None => cpu.go(Frame::Snapshot(Word { sums })),
    }
}

fn end(cpu: &mut Cpu, sums: Sums, word: memory::Word) {
    let reserved = word
        .aside
        .wrapping_add(sums.lent)
        .wrapping_sub(sums.settled);
    let figures = Figures {
        restocked: cpu.shared.restocked.wrapping_add(word.fresh),
        available: word.units,
        // Calls in between may make it negative, of which nothing is left.
        reserved: if reserved > u8::MAX / 2 { 0 } else { reserved },
    };
    cpu.go(Frame::Snapshot(Unlock { figures }));
}
