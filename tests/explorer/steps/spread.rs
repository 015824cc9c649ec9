//! Widening: the word's units are announced, taken out in the exchange that leaves the word wide, and
//! dealt out. Returns `Done`.

use crate::machine::{Cpu, Frame, Value};
use crate::memory::{POCKET, Word};
use crate::omissions::Omission;
use segstock_model::Op;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum At {
    /// A thread that widens waits for the cold mutex.
    Lock,
    /// Whether the stock is narrow.
    Narrow,
    /// The segments are made.
    Grow,
    Load,
    Announce {
        seen: Word,
        announced: u8,
        more: u8,
    },
    Exchange {
        seen: Word,
        announced: u8,
    },
    /// The share of segment `index` of the `units` that were in the word.
    Put {
        units: u8,
        announced: u8,
        index: u8,
        closed: bool,
    },
    Close {
        units: u8,
        announced: u8,
        put: bool,
    },
    Unlock,
}
use At::*;

impl At {
    /// Widens, if the stock is narrow and owes nothing.
    pub fn widen(cpu: &mut Cpu, waiting: Frame) {
        cpu.call(waiting, Frame::Spread(Narrow));
    }

    /// Deals out the word's units.
    pub fn spread(cpu: &mut Cpu, waiting: Frame) {
        cpu.call(waiting, Frame::Spread(Load));
    }

    pub fn step(self, cpu: &mut Cpu) {
        match self {
            Lock => {
                cpu.lock();
                Self::widen(cpu, Frame::Spread(Unlock));
            }
            Narrow if cpu.shared.word.wide || cpu.shared.word.owing => cpu.ret(Value::Done),
            Narrow if cpu.shared.grown => cpu.go(Frame::Spread(Load)),
            // A commit alone looks for segments before the word is wide.
            Narrow if cpu.rules.commits => cpu.go(Frame::Spread(Grow)),
            Narrow | Grow => {
                cpu.shared.grown = true;
                cpu.go(Frame::Spread(Load));
            }
            Load => announce(cpu, cpu.shared.word, 0),
            Announce {
                seen,
                announced,
                more,
            } => {
                let pocket = &mut cpu.shared.places[POCKET];
                pocket.added = pocket.added.wrapping_add(more);
                let announced = announced + more;
                cpu.go(Frame::Spread(Exchange { seen, announced }));
            }
            Exchange { seen, announced } => match cpu.exchange(seen, seen.opened()) {
                Ok(()) if cpu.without(Omission::WideningPutsBeforeItCloses) => {
                    let units = seen.units;
                    cpu.go(Frame::Spread(Close {
                        units,
                        announced,
                        put: false,
                    }));
                }
                Ok(()) => puts(cpu, seen.units, announced, 0, false),
                Err(seen) => announce(cpu, seen, announced),
            },
            Put {
                units,
                announced,
                index,
                closed,
            } => {
                cpu.bring(index, cpu.share(units, index));
                puts(cpu, units, announced, index + 1, closed);
            }
            Close {
                units,
                announced,
                put,
            } => {
                let pocket = &mut cpu.shared.places[POCKET];
                pocket.taken.units = pocket.taken.units.wrapping_add(announced);
                if put {
                    cpu.ret(Value::Done);
                } else {
                    puts(cpu, units, announced, 0, true);
                }
            }
            Unlock => {
                cpu.unlock();
                cpu.ret(Value::Done);
            }
        }
    }

    pub fn resume(self, _: &mut Cpu, _: Value) {
        // Widened; the next access is the unlock.
    }
}

/// Announces the units of a word that is to be opened, unless that many are announced.
fn announce(cpu: &mut Cpu, seen: Word, announced: u8) {
    let omission = match cpu.op() {
        Some(Op::Snapshot) => Omission::TurningOverAnnounces,
        _ => Omission::WideningAnnounces,
    };
    let more = if announced < seen.units && !cpu.without(omission) {
        seen.units + seen.units / 8 - announced
    } else {
        0
    };
    cpu.go(Frame::Spread(if more == 0 {
        Exchange { seen, announced }
    } else {
        Announce {
            seen,
            announced,
            more,
        }
    }));
}

fn puts(cpu: &mut Cpu, units: u8, announced: u8, mut index: u8, closed: bool) {
    while usize::from(index) < cpu.rules.segments {
        if cpu.share(units, index) > 0 {
            return cpu.go(Frame::Spread(Put {
                units,
                announced,
                index,
                closed,
            }));
        }
        index += 1;
    }
    if announced > 0 && !closed {
        cpu.go(Frame::Spread(Close {
            units,
            announced,
            put: true,
        }));
    } else {
        cpu.ret(Value::Done);
    }
}
