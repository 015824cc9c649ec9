//! A snapshot: all units are brought to the word, and all counters are read at one instant. Returns
//! `Figures`.

use crate::machine::{Cpu, Figures, Frame, Totals, Value};
use crate::memory::{self, POCKET};
use crate::omissions::Omission;
use crate::steps::{narrowing, owed, sums};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum At {
    Lock,
    /// Whether the stock is wide.
    Before,
    /// Waits for the payments of late puts.
    Late,
    /// Waits for the proof.
    Proved {
        was_wide: bool,
    },
    /// Waits for what was reserved and committed.
    Sums {
        was_wide: bool,
    },
    Word {
        was_wide: bool,
        totals: Totals,
    },
    /// What was committed, once more.
    CommittedAgain {
        was_wide: bool,
        totals: Totals,
        word: memory::Word,
        index: u8,
        committed: u8,
    },
    /// What was taken, once more.
    TakenAgain {
        was_wide: bool,
        totals: Totals,
        word: memory::Word,
        index: u8,
        taken: u8,
    },
    /// Waits for the word to be closed or dealt out.
    Finished {
        figures: Figures,
    },
    Unlock {
        figures: Figures,
    },
}
use At::*;

impl At {
    pub fn step(self, cpu: &mut Cpu) {
        match self {
            Lock => {
                cpu.lock();
                if cpu.shared.word.owing {
                    owed::At::pay_late_puts(cpu, Frame::Snapshot(Late));
                } else {
                    cpu.go(Frame::Snapshot(Before));
                }
            }
            Before => look(cpu, cpu.shared.word.wide),
            Word { was_wide, totals } => {
                let word = cpu.shared.word;
                if cpu.rules.commits && cpu.shared.grown {
                    let (index, committed) = (0, 0);
                    let again = CommittedAgain {
                        was_wide,
                        totals,
                        word,
                        index,
                        committed,
                    };
                    cpu.go(Frame::Snapshot(again));
                } else {
                    taken_again(cpu, was_wide, totals, word);
                }
            }
            CommittedAgain {
                was_wide,
                mut totals,
                word,
                index,
                committed,
            } => {
                let committed = committed.wrapping_add(cpu.place(index).committed);
                let index = index + 1;
                if usize::from(index) < cpu.rules.segments {
                    let again = CommittedAgain {
                        was_wide,
                        totals,
                        word,
                        index,
                        committed,
                    };
                    cpu.go(Frame::Snapshot(again));
                } else if committed == totals.committed
                    || cpu.without(Omission::CommittedStandsStill)
                {
                    taken_again(cpu, was_wide, totals, word);
                } else {
                    totals.committed = committed;
                    cpu.go(Frame::Snapshot(Word { was_wide, totals }));
                }
            }
            TakenAgain {
                was_wide,
                totals,
                word,
                index,
                taken,
            } => {
                let taken = taken.wrapping_add(cpu.place(index).taken.units);
                let index = index + 1;
                if usize::from(index) < cpu.rules.segments {
                    let again = TakenAgain {
                        was_wide,
                        totals,
                        word,
                        index,
                        taken,
                    };
                    cpu.go(Frame::Snapshot(again));
                } else if taken == totals.taken || cpu.without(Omission::TakenStandsStill) {
                    finish(cpu, was_wide, totals, word);
                } else {
                    look(cpu, was_wide);
                }
            }
            Unlock { figures } => {
                cpu.unlock();
                cpu.ret(Value::Figures(figures));
            }
            Late | Proved { .. } | Sums { .. } | Finished { .. } => unreachable!("{self:?} waits"),
        }
    }

    pub fn resume(self, cpu: &mut Cpu, value: Value) {
        match (self, value) {
            (Late, Value::Totals(totals)) if cpu.shared.word.owing => {
                let figures = figures(cpu, totals, cpu.shared.word);
                cpu.go(Frame::Snapshot(Unlock { figures }));
            }
            // It was narrow, as a stock that owes is.
            (Late, _) => look(cpu, false),
            (Proved { was_wide }, Value::Totals(totals)) => {
                sums::At::read(cpu, Frame::Snapshot(Sums { was_wide }), totals);
            }
            (Proved { was_wide }, _) => look(cpu, was_wide),
            (Sums { was_wide }, Value::Totals(totals)) => {
                cpu.go(Frame::Snapshot(Word { was_wide, totals }));
            }
            (Finished { figures }, _) => cpu.go(Frame::Snapshot(Unlock { figures })),
            other => unreachable!("{other:?}"),
        }
    }

    pub fn rebase(&mut self, rebased: usize, by: u8) {
        if rebased == POCKET {
            return;
        }
        if let TakenAgain { index, taken, .. } = self
            && rebased < usize::from(*index)
        {
            *taken = taken.wrapping_sub(by);
        }
        match self {
            Word { totals, .. } | CommittedAgain { totals, .. } | TakenAgain { totals, .. } => {
                totals.taken = totals.taken.wrapping_sub(by);
                totals.returned = totals.returned.wrapping_sub(by);
            }
            _ => {}
        }
    }
}

/// Looks at the word and all counters at one instant, however often that takes.
fn look(cpu: &mut Cpu, was_wide: bool) {
    if cpu.shared.grown {
        narrowing::At::prove(cpu, Frame::Snapshot(Proved { was_wide }), false);
    } else {
        let totals = Totals::default();
        cpu.go(Frame::Snapshot(Word { was_wide, totals }));
    }
}

fn taken_again(cpu: &mut Cpu, was_wide: bool, totals: Totals, word: memory::Word) {
    let asks = !cpu.without(Omission::SnapshotAsksWhetherItWasCancelled)
        && !cpu.without(Omission::ProvingIsSet);
    if !cpu.shared.grown {
        finish(cpu, was_wide, totals, word);
    } else if asks && !word.proving {
        look(cpu, was_wide);
    } else {
        let (index, taken) = (0, 0);
        cpu.go(Frame::Snapshot(TakenAgain {
            was_wide,
            totals,
            word,
            index,
            taken,
        }));
    }
}

fn finish(cpu: &mut Cpu, was_wide: bool, totals: Totals, word: memory::Word) {
    let figures = figures(cpu, totals, word);
    narrowing::At::finish(
        cpu,
        Frame::Snapshot(Finished { figures }),
        was_wide,
        word.units,
    );
}

fn figures(cpu: &Cpu, totals: Totals, word: memory::Word) -> Figures {
    let shared = &*cpu.shared;
    let reserved = shared.reserved.wrapping_add(word.reserved);
    let settled = totals.returned.wrapping_add(totals.committed);
    Figures {
        restocked: shared
            .restocked
            .wrapping_add(word.fresh)
            .wrapping_add(totals.added),
        available: word.units,
        reserved: reserved.wrapping_add(totals.reserved).wrapping_sub(settled),
        owed: shared.owed,
        withdrawn: shared.withdrawn,
    }
}
