//! Stock that owes: withdraw and forgive, which return `Units`, and the payments under the mutex, which
//! return `Totals` or `Done`.

use crate::machine::{Cpu, Frame, Totals, Value};
use crate::memory::{POCKET, SUNK, Word, left};
use crate::omissions::Omission;
use crate::steps::{narrowing, second_look, sums};
use segstock_model::Op;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum At {
    Lock,
    WasWide,
    /// Waits for the proof, with the segments sunk.
    Proved {
        was_wide: bool,
    },
    Take {
        was_wide: bool,
        seen: Option<Word>,
    },
    /// Waits for the segments to be raised, after a withdrawal that left `left` units, or to try again.
    Raised {
        was_wide: bool,
        left: Option<u8>,
    },
    /// Waits for the word to be closed or dealt out.
    Finished {
        taken: u8,
    },
    Unlock {
        taken: u8,
    },
    /// Waits for the end of the owing.
    Forgiven {
        forgiven: u8,
    },
    // What late puts brought, segment after segment.
    Added {
        index: u8,
        late: u8,
        totals: Totals,
    },
    Returned {
        index: u8,
        late: u8,
        totals: Totals,
        added: u8,
    },
    Taken {
        index: u8,
        late: u8,
        totals: Totals,
        came: u8,
    },
    Close {
        index: u8,
        late: u8,
        totals: Totals,
        held: u8,
    },
    /// Waits for the sums that a snapshot reads with them.
    Sums {
        late: u8,
    },
    /// Waits for the end of the owing.
    Paid {
        totals: Totals,
    },
    // The end of the owing, with units left.
    Leave {
        rest: u8,
        seen: Option<Word>,
        raised: bool,
    },
    /// Waits for the segments to be raised first, which is wrong.
    RaiseFirst {
        rest: u8,
    },
}
use At::*;

impl At {
    /// Pays what is owed with the units that late puts brought to segments.
    pub fn pay_late_puts(cpu: &mut Cpu, waiting: Frame) {
        let (late, totals) = (0, Totals::default());
        if cpu.shared.word.owing {
            cpu.call(
                waiting,
                Frame::Owed(Added {
                    index: 0,
                    late,
                    totals,
                }),
            );
        } else {
            // All is paid by now, and the late put is as any other that comes while a stock is narrow.
            cpu.call(waiting, Frame::SecondLook(second_look::At::Load));
        }
    }

    /// Pays what is owed with `units` that came back, and has the rest in stock.
    pub fn pay(cpu: &mut Cpu, waiting: Frame, units: u8) {
        let paid = units.min(cpu.shared.owed);
        cpu.shared.owed -= paid;
        leave_if_paid(cpu, waiting, units - paid);
    }

    pub fn step(self, cpu: &mut Cpu) {
        let word = cpu.shared.word;
        match self {
            Lock => {
                cpu.lock();
                begin(cpu);
            }
            WasWide => {
                let was_wide = word.wide;
                narrowing::At::prove(cpu, Frame::Owed(Proved { was_wide }), true);
            }
            Take {
                was_wide,
                seen: None,
            } => take_if_proving(cpu, was_wide, word),
            Take {
                was_wide,
                seen: Some(seen),
            } => take(cpu, was_wide, seen),
            Unlock { taken } => {
                cpu.unlock();
                cpu.ret(Value::Units(taken));
            }
            Leave {
                rest,
                seen: None,
                raised,
            } => {
                let seen = Some(word);
                cpu.go(Frame::Owed(Leave { rest, seen, raised }));
            }
            Leave {
                rest,
                seen: Some(seen),
                raised,
            } => match cpu.exchange(seen, Word::narrow(rest)) {
                Ok(()) if raised => cpu.ret(Value::Done),
                Ok(()) => narrowing::At::raise_and_return(cpu),
                Err(seen) => {
                    let seen = Some(seen);
                    cpu.go(Frame::Owed(Leave { rest, seen, raised }));
                }
            },
            _ => self.pay_late(cpu),
        }
    }

    fn pay_late(self, cpu: &mut Cpu) {
        match self {
            Added {
                index,
                late,
                mut totals,
            } => {
                let added = cpu.place(index).added;
                totals.added = totals.added.wrapping_add(added);
                cpu.go(Frame::Owed(Returned {
                    index,
                    late,
                    totals,
                    added,
                }));
            }
            Returned {
                index,
                late,
                mut totals,
                added,
            } => {
                let returned = cpu.place(index).returned;
                totals.returned = totals.returned.wrapping_add(returned);
                let came = added.wrapping_add(returned);
                cpu.go(Frame::Owed(Taken {
                    index,
                    late,
                    totals,
                    came,
                }));
            }
            Taken {
                index,
                late,
                totals,
                came,
            } => {
                let taken = cpu.place(index).taken.units;
                let sunk = if cpu.without(Omission::SegmentsAreSunk) {
                    0
                } else {
                    SUNK
                };
                let held = left(came.wrapping_add(sunk), taken);
                let reads = matches!(cpu.op(), Some(Op::Snapshot));
                if held > 0 && !(reads && cpu.without(Omission::SnapshotPaysWithLatePuts)) {
                    cpu.go(Frame::Owed(Close {
                        index,
                        late,
                        totals,
                        held,
                    }));
                } else {
                    next_segment(cpu, index, late, totals);
                }
            }
            Close {
                index,
                late,
                totals,
                held,
            } => {
                let taken = &mut cpu.place(index).taken;
                taken.units = taken.units.wrapping_add(held);
                next_segment(cpu, index, late + held, totals);
            }
            _ => unreachable!("{self:?} waits"),
        }
    }

    pub fn resume(self, cpu: &mut Cpu, value: Value) {
        match (self, value) {
            (Proved { was_wide }, Value::Totals(_)) => {
                cpu.go(Frame::Owed(Take {
                    was_wide,
                    seen: None,
                }));
            }
            (Proved { was_wide }, _)
            | (
                Raised {
                    was_wide,
                    left: None,
                },
                _,
            ) => {
                narrowing::At::prove(cpu, Frame::Owed(Proved { was_wide }), true);
            }
            (
                Raised {
                    was_wide,
                    left: Some(left),
                },
                _,
            ) => {
                let taken = cpu.units();
                narrowing::At::finish(cpu, Frame::Owed(Finished { taken }), was_wide, left);
            }
            (Finished { taken }, _) => withdrawn(cpu, taken),
            (Forgiven { forgiven: taken }, _) => cpu.go(Frame::Owed(Unlock { taken })),
            (Sums { late }, Value::Totals(totals)) => {
                Self::pay(cpu, Frame::Owed(Paid { totals }), late);
            }
            (Paid { totals }, _) => cpu.ret(Value::Totals(totals)),
            (RaiseFirst { rest }, _) => {
                cpu.go(Frame::Owed(Leave {
                    rest,
                    seen: None,
                    raised: true,
                }));
            }
            other => unreachable!("{other:?}"),
        }
    }

    pub fn rebase(&mut self, rebased: usize, by: u8) {
        if rebased == POCKET {
            return;
        }
        match self {
            Added { index, totals, .. }
            | Returned { index, totals, .. }
            | Close { index, totals, .. }
                if rebased < usize::from(*index) =>
            {
                totals.returned = totals.returned.wrapping_sub(by);
            }
            Close { index, totals, .. } if rebased == usize::from(*index) => {
                totals.returned = totals.returned.wrapping_sub(by);
            }
            Taken {
                index,
                totals,
                came,
                ..
            } if rebased <= usize::from(*index) => {
                totals.returned = totals.returned.wrapping_sub(by);
                if rebased == usize::from(*index) {
                    *came = came.wrapping_sub(by);
                }
            }
            Paid { totals } => totals.returned = totals.returned.wrapping_sub(by),
            _ => {}
        }
    }
}

/// Withdraws or forgives.
fn begin(cpu: &mut Cpu) {
    let owing = cpu.shared.word.owing;
    match cpu.op() {
        Some(Op::Withdraw(_)) => {
            // What is owed is counted beside the segments, which are made here if need be.
            cpu.shared.grown = true;
            if owing {
                withdrawn(cpu, 0);
            } else {
                cpu.go(Frame::Owed(WasWide));
            }
        }
        _ if !owing => cpu.go(Frame::Owed(Unlock { taken: 0 })),
        _ => {
            let forgiven = cpu.units().min(cpu.shared.owed);
            cpu.shared.owed -= forgiven;
            cpu.shared.withdrawn -= forgiven;
            leave_if_paid(cpu, Frame::Owed(Forgiven { forgiven }), 0);
        }
    }
}

fn take_if_proving(cpu: &mut Cpu, was_wide: bool, word: Word) {
    if word.proving || cpu.without(Omission::ProvingIsSet) {
        let seen = Some(word);
        cpu.go(Frame::Owed(Take { was_wide, seen }));
    } else {
        raise(cpu, was_wide, None);
    }
}

fn take(cpu: &mut Cpu, was_wide: bool, seen: Word) {
    let units = cpu.units();
    let next = if seen.units < units {
        Word::owing()
    } else {
        seen.less(units)
    };
    match cpu.exchange(seen, next) {
        Err(seen) => take_if_proving(cpu, was_wide, seen),
        Ok(()) if next.owing => {
            let shared = &mut *cpu.shared;
            shared.reserved = shared.reserved.wrapping_add(seen.reserved);
            shared.restocked = shared.restocked.wrapping_add(seen.fresh);
            withdrawn(cpu, seen.units);
        }
        Ok(()) => raise(cpu, was_wide, Some(next.units)),
    }
}

fn raise(cpu: &mut Cpu, was_wide: bool, left: Option<u8>) {
    narrowing::At::raise(cpu, Frame::Owed(Raised { was_wide, left }));
}

fn withdrawn(cpu: &mut Cpu, taken: u8) {
    let units = cpu.units();
    cpu.shared.owed += units - taken;
    cpu.shared.withdrawn += units;
    cpu.go(Frame::Owed(Unlock { taken }));
}

fn next_segment(cpu: &mut Cpu, index: u8, late: u8, totals: Totals) {
    let index = index + 1;
    if usize::from(index) < cpu.rules.segments {
        cpu.go(Frame::Owed(Added {
            index,
            late,
            totals,
        }));
    } else if let Some(Op::Snapshot) = cpu.op() {
        sums::At::read(cpu, Frame::Owed(Sums { late }), totals);
    } else {
        // Nobody else asks what was reserved and committed, but for the limit.
        cpu.go(Frame::Owed(Paid { totals }));
        Sums { late }.resume(cpu, Value::Totals(totals));
    }
}

/// Ends the owing of a stock that owes nothing any more.
fn leave_if_paid(cpu: &mut Cpu, waiting: Frame, rest: u8) {
    cpu.call(
        waiting,
        Frame::Owed(Leave {
            rest,
            seen: None,
            raised: false,
        }),
    );
    if cpu.shared.owed > 0 {
        cpu.ret(Value::Done);
    } else if cpu.without(Omission::WordLeavesOwingBeforeSegmentsAreRaised) {
        narrowing::At::raise(cpu, Frame::Owed(RaiseFirst { rest }));
    }
}
