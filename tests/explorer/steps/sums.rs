//! What was reserved and committed, segment after segment. Returns `Totals`.

use crate::machine::{Cpu, Frame, Totals, Value};
use crate::memory::{POCKET, Place};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum At {
    Noted {
        index: u8,
        totals: Totals,
    },
    Taken {
        index: u8,
        totals: Totals,
        noted: u8,
    },
    NotedAgain {
        index: u8,
        totals: Totals,
        noted: u8,
        reserved: u8,
    },
    Committed {
        index: u8,
        totals: Totals,
    },
}
use At::*;

impl At {
    /// Reads what was reserved and committed in the segments.
    pub fn read(cpu: &mut Cpu, waiting: Frame, totals: Totals) {
        cpu.call(waiting, Frame::Sums(Noted { index: 0, totals }));
        next_reserved(cpu, 0, totals);
    }

    pub fn step(self, cpu: &mut Cpu) {
        match self {
            Noted { index, totals } => {
                let noted = cpu.place(index).noted;
                cpu.go(Frame::Sums(Taken {
                    index,
                    totals,
                    noted,
                }));
            }
            Taken {
                index,
                totals,
                noted,
            } => {
                let since = cpu.place(index).taken.reserved_since(noted);
                let reserved = noted.wrapping_add(since);
                cpu.go(Frame::Sums(NotedAgain {
                    index,
                    totals,
                    noted,
                    reserved,
                }));
            }
            NotedAgain {
                index,
                mut totals,
                noted,
                reserved,
            } => {
                let still = cpu.place(index).noted;
                if still != noted {
                    return cpu.go(Frame::Sums(Taken {
                        index,
                        totals,
                        noted: still,
                    }));
                }
                totals.reserved = totals.reserved.wrapping_add(reserved);
                next_reserved(cpu, index + 1, totals);
            }
            Committed { index, mut totals } => {
                let committed = cpu.place(index).committed;
                totals.committed = totals.committed.wrapping_add(committed);
                next_committed(cpu, index + 1, totals);
            }
        }
    }

    pub fn rebase(&mut self, rebased: usize, by: u8) {
        if rebased == POCKET {
            return;
        }
        let (Noted { totals, .. }
        | Taken { totals, .. }
        | NotedAgain { totals, .. }
        | Committed { totals, .. }) = self;
        totals.taken = totals.taken.wrapping_sub(by);
        totals.returned = totals.returned.wrapping_sub(by);
    }
}

fn sum(cpu: &Cpu, counter: impl Fn(&Place) -> u8) -> u8 {
    let segments = &cpu.shared.places[..cpu.rules.segments];
    segments.iter().map(counter).fold(0, u8::wrapping_add)
}

fn next_reserved(cpu: &mut Cpu, index: u8, mut totals: Totals) {
    if !cpu.rules.reserves {
        totals.reserved = sum(cpu, Place::reserved);
    } else if usize::from(index) < cpu.rules.segments {
        return cpu.go(Frame::Sums(Noted { index, totals }));
    }
    next_committed(cpu, 0, totals);
}

fn next_committed(cpu: &mut Cpu, index: u8, mut totals: Totals) {
    if !cpu.rules.commits {
        totals.committed = sum(cpu, |place| place.committed);
    } else if usize::from(index) < cpu.rules.segments {
        return cpu.go(Frame::Sums(Committed { index, totals }));
    }
    cpu.ret(Value::Totals(totals));
}
