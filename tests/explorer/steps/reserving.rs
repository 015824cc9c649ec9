//! Reserve, commit and release. A reserve returns `Done` or `Refused`, the others `Done`.

use crate::machine::{Cpu, Frame, Value};
use crate::memory::{MAX_LENT, Word};
use crate::omissions::Omission;
use crate::steps::{deduct, lost, second_look, segment};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum At {
    Load,
    Exchange(Word),
    Slow,
    SlowExchange(Word),
    /// Waits for what a lost exchange leads to.
    SlowLost,
    /// Waits for the take from the own segment.
    Own,
    /// Waits for a deduct from wherever the units are.
    Beyond,
    /// Counts as reserved what was taken.
    Late,
    // Commit.
    Commit,
    Grown,
    CommitWord,
    CommitExchange(Word),
    // Release.
    Release,
    ReleaseExchange(Word),
    ReleaseSlow,
    ReleaseSlowExchange(Word),
    ReleaseLost,
    /// Whether the own segment takes units back.
    TakesBack {
        quick: bool,
    },
    /// Makes known that some segment does.
    MakeKnown,
    MakeOwnKnown {
        last: bool,
    },
    Return {
        quick: bool,
    },
}
use At::*;

impl At {
    pub fn step(self, cpu: &mut Cpu) {
        let (word, units) = (cpu.shared.word, cpu.units());
        match self {
            Load | Slow if !word.covers(units) => cpu.ret(Value::Refused(word.units)),
            Load | Slow if word.wide => striped(cpu, units),
            Load => cpu.go(Frame::Reserving(Exchange(word))),
            Slow => cpu.go(Frame::Reserving(SlowExchange(word))),
            Exchange(seen) => match cpu.exchange(seen, seen.reserved(units)) {
                Ok(()) => cpu.ret(Value::Done),
                Err(_) => cpu.go(Frame::Reserving(Slow)),
            },
            SlowExchange(seen) => match cpu.exchange(seen, seen.reserved(units)) {
                Ok(()) => cpu.ret(Value::Done),
                Err(seen) => lost::At::begin(cpu, Frame::Reserving(SlowLost), seen, units),
            },
            Late => {
                let own = usize::from(cpu.own());
                let segment = &mut cpu.shared.places[own];
                segment.lent_late = segment.lent_late.wrapping_add(units);
                cpu.ret(Value::Done);
            }
            Commit | Grown | CommitWord | CommitExchange(_) => self.commit(cpu, units),
            _ => self.release(cpu, units),
        }
    }

    fn commit(self, cpu: &mut Cpu, units: u8) {
        match self {
            // That there are segments stays so: it is one step to see them and to write to one.
            Commit | Grown if cpu.shared.grown => {
                let own = usize::from(cpu.own());
                let segment = &mut cpu.shared.places[own];
                segment.sold = segment.sold.wrapping_add(units);
                cpu.ret(Value::Done);
            }
            Commit => cpu.go(Frame::Reserving(Grown)),
            Grown => cpu.go(Frame::Reserving(CommitWord)),
            CommitWord => {
                let word = cpu.shared.word;
                cpu.go(Frame::Reserving(CommitExchange(word)));
            }
            CommitExchange(seen) => match cpu.exchange(seen, seen.committed(units)) {
                Ok(()) => cpu.ret(Value::Done),
                Err(seen) => cpu.go(Frame::Reserving(CommitExchange(seen))),
            },
            _ => unreachable!("another step"),
        }
    }

    fn release(self, cpu: &mut Cpu, units: u8) {
        let word = cpu.shared.word;
        match self {
            Release if word.is_plainly_wide() && cpu.me.seat.is_some() => {
                cpu.go(Frame::Reserving(TakesBack { quick: true }));
            }
            Release if word.is_plainly_wide() => cpu.go(Frame::Reserving(ReleaseSlow)),
            Release => cpu.go(Frame::Reserving(ReleaseExchange(word))),
            ReleaseSlow if word.is_plainly_wide() => {
                cpu.go(Frame::Reserving(TakesBack { quick: false }));
            }
            ReleaseSlow => cpu.go(Frame::Reserving(ReleaseSlowExchange(word))),
            ReleaseExchange(seen) => match cpu.exchange(seen, seen.released(units)) {
                Ok(()) => cpu.ret(Value::Done),
                Err(_) => cpu.go(Frame::Reserving(ReleaseSlow)),
            },
            ReleaseSlowExchange(seen) => match cpu.exchange(seen, seen.released(units)) {
                Ok(()) => cpu.ret(Value::Done),
                Err(seen) => lost::At::begin(cpu, Frame::Reserving(ReleaseLost), seen, units),
            },
            TakesBack { quick } => {
                let own = usize::from(cpu.own());
                let known = cpu.shared.places[own].takes_back;
                cpu.go(Frame::Reserving(if known {
                    Return { quick }
                } else if quick {
                    ReleaseSlow
                } else if cpu.without(Omission::FirstReleaseMakesItselfKnown)
                    || cpu.without(Omission::FirstReleaseIsKnownBeforeItsSegment)
                {
                    MakeOwnKnown { last: false }
                } else {
                    MakeKnown
                }));
            }
            MakeKnown => {
                cpu.shared.takes_back = true;
                let last = !cpu.without(Omission::FirstReleaseIsKnownBeforeItsSegment);
                cpu.go(Frame::Reserving(if last {
                    MakeOwnKnown { last }
                } else {
                    Return { quick: false }
                }));
            }
            MakeOwnKnown { last } => {
                let own = usize::from(cpu.own());
                cpu.shared.places[own].takes_back = true;
                let all = !last && !cpu.without(Omission::FirstReleaseMakesItselfKnown);
                cpu.go(Frame::Reserving(if all {
                    MakeKnown
                } else {
                    Return { quick: false }
                }));
            }
            Return { quick } => {
                let own = usize::from(cpu.own());
                let segment = &mut cpu.shared.places[own];
                if cpu.rules.without(Omission::WhatIsReleasedIsNoRestock) {
                    segment.added = segment.added.wrapping_add(units);
                } else {
                    segment.returned = segment.returned.wrapping_add(units);
                }
                if cpu.without(Omission::ReleaseLooksAgain) {
                    cpu.ret(Value::Done);
                } else if quick {
                    cpu.go(Frame::SecondLook(second_look::At::Quick));
                } else {
                    cpu.go(Frame::SecondLook(second_look::At::Load));
                }
            }
            _ => unreachable!("{self:?} waits"),
        }
    }

    pub fn resume(self, cpu: &mut Cpu, value: Value) {
        match (self, value) {
            (SlowLost, _) => cpu.go(Frame::Reserving(Slow)),
            (ReleaseLost, _) => cpu.go(Frame::Reserving(ReleaseSlow)),
            (Own, Value::Taken) if cpu.without(Omission::ReserveLooksAgain) => {
                cpu.ret(Value::Done);
            }
            (Own, Value::Taken) => cpu.go(Frame::SecondLook(second_look::At::Quick)),
            (Own, value) => {
                if value == Value::Lost {
                    cpu.me.move_on();
                }
                beyond(cpu);
            }
            (Beyond, Value::Done) => cpu.go(Frame::Reserving(Late)),
            (Beyond, value) => cpu.ret(value),
            other => unreachable!("{other:?}"),
        }
    }
}

/// Reserves from a stock that was just seen to be wide.
fn striped(cpu: &mut Cpu, units: u8) {
    match cpu.me.seat {
        Some(own) if units <= MAX_LENT => cpu.call(
            Frame::Reserving(Own),
            segment::At::begin(own, segment::Want::Lent),
        ),
        _ => beyond(cpu),
    }
}

fn beyond(cpu: &mut Cpu) {
    cpu.call(Frame::Reserving(Beyond), Frame::Deduct(deduct::At::Load));
}
