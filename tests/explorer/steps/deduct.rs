//! A deduct. Returns `Done` or `Refused`.

use crate::machine::{Cpu, Frame, Value};
use crate::memory::Word;
use crate::omissions::Omission;
use crate::steps::{gather, lost, narrowing, proof, second_look, segment};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum At {
    Load,
    Exchange(Word),
    /// Waits for the take from the own segment.
    Own,
    // What follows if that is not enough: it goes on until it is served or refused.
    Slow,
    SlowExchange(Word),
    /// Waits for what a lost exchange leads to.
    SlowLost,
    /// Waits for the take from the own segment, which may be another one by now.
    SlowOwn,
    /// Waits for the proof.
    Proof,
    /// Waits for the narrowing after a refusal that leaves little.
    Refuse(u8),
    /// Waits for the take from the segment that the walk from `start` comes to.
    Anywhere {
        start: u8,
        index: u8,
        bound: u8,
        contended: bool,
    },
    /// Waits for the gather.
    Gather,
}
use At::*;

impl At {
    pub fn step(self, cpu: &mut Cpu) {
        match self {
            Load => {
                let (word, units) = (cpu.shared.word, cpu.units());
                if !word.covers(units) {
                    cpu.ret(Value::Refused(word.units));
                } else if !word.wide {
                    cpu.go(Frame::Deduct(Exchange(word)));
                } else if let Some(own) = cpu.me.seat {
                    cpu.call(Frame::Deduct(Own), segment::At::take(own));
                } else {
                    cpu.go(Frame::Deduct(Slow));
                }
            }
            Exchange(seen) | SlowExchange(seen) => {
                let units = cpu.units();
                match cpu.exchange(seen, seen.less(units)) {
                    Ok(()) => cpu.ret(Value::Done),
                    Err(seen) => lost::At::begin(cpu, Frame::Deduct(SlowLost), seen, units),
                }
            }
            Slow => {
                let (word, units) = (cpu.shared.word, cpu.units());
                if !word.covers(units) {
                    cpu.ret(Value::Refused(word.units));
                } else if word.wide {
                    let own = cpu.own();
                    cpu.call(Frame::Deduct(SlowOwn), segment::At::take(own));
                } else {
                    cpu.go(Frame::Deduct(SlowExchange(word)));
                }
            }
            _ => unreachable!("{self:?} waits"),
        }
    }

    pub fn resume(self, cpu: &mut Cpu, value: Value) {
        match (self, value) {
            (Own, Value::Taken) => taken(cpu, second_look::At::Quick),
            (Own, Value::Lost) => {
                cpu.me.move_on();
                cpu.go(Frame::Deduct(Slow));
            }
            (Own, Value::Short) | (SlowLost, _) | (Gather, Value::Again) => {
                cpu.go(Frame::Deduct(Slow));
            }
            (SlowOwn, Value::Taken) => taken(cpu, second_look::At::Load),
            (SlowOwn, _) => proof::At::begin(cpu, Frame::Deduct(Proof)),
            (Proof, Value::Units(bound)) if bound < cpu.units() => {
                if cpu.rules.tuning.is_little(bound) {
                    narrowing::At::try_once(cpu, Frame::Deduct(Refuse(bound)));
                } else {
                    cpu.ret(Value::Refused(bound));
                }
            }
            (Proof, Value::Units(bound)) => {
                let start = cpu.own();
                anywhere(cpu, start, 0, bound);
            }
            (Refuse(bound), _) => cpu.ret(Value::Refused(bound)),
            (
                Anywhere {
                    start,
                    index,
                    bound,
                    contended,
                },
                value,
            ) => match value {
                Value::Taken => {
                    if let (false, Some(place)) = (contended, cpu.walk(start, index)) {
                        cpu.me.stay(usize::from(place), cpu.rules);
                    }
                    taken(cpu, second_look::At::Load);
                }
                Value::Short => anywhere(cpu, start, index + 1, bound),
                _ => {
                    if !contended {
                        cpu.me.move_on();
                    }
                    take(
                        cpu,
                        Anywhere {
                            start,
                            index,
                            bound,
                            contended: true,
                        },
                    );
                }
            },
            (Gather, value) => cpu.ret(value),
            other => unreachable!("{other:?}"),
        }
    }
}

/// Goes on after a take from a segment.
fn taken(cpu: &mut Cpu, look: second_look::At) {
    if cpu.without(Omission::TakeLooksAgain) {
        cpu.ret(Value::Done);
    } else {
        cpu.go(Frame::SecondLook(look));
    }
}

fn anywhere(cpu: &mut Cpu, start: u8, index: u8, bound: u8) {
    if cpu.walk(start, index).is_some() {
        take(
            cpu,
            Anywhere {
                start,
                index,
                bound,
                contended: false,
            },
        );
    } else {
        gather::At::begin(cpu, Frame::Deduct(Gather), bound);
    }
}

fn take(cpu: &mut Cpu, at: At) {
    if let Anywhere { start, index, .. } = at
        && let Some(place) = cpu.walk(start, index)
    {
        cpu.call(Frame::Deduct(at), segment::At::take(place));
    }
}
