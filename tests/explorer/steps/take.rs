//! Deduct and reserve, which are one path. Returns `Done` or `Refused`.

use crate::machine::{Cpu, Frame, Value};
use crate::memory::{MAX_RESERVED, Word};
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
    /// Waits for what a lost exchange leads to.
    Lost,
    /// Waits for the take from the own segment, which may be another one by now.
    SlowOwn,
    /// Waits for the second look.
    Look,
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
        let (word, units) = (cpu.shared.word, cpu.units());
        match self {
            Load | Slow if !word.covers(units) => cpu.ret(Value::Refused(word.units)),
            Load if word.wide => match cpu.me.seat {
                Some(own) if at_once(cpu) => cpu.call(Frame::Take(Own), segment::At::take(own)),
                _ => proof::At::begin(cpu, Frame::Take(Proof)),
            },
            Slow if word.wide && at_once(cpu) => {
                let own = cpu.own();
                cpu.call(Frame::Take(SlowOwn), segment::At::take(own));
            }
            Slow if word.wide => proof::At::begin(cpu, Frame::Take(Proof)),
            Load | Slow => cpu.go(Frame::Take(Exchange(word))),
            Exchange(seen) => {
                let reserves = cpu.reserves();
                match cpu.exchange(seen, seen.taken(units, reserves)) {
                    Ok(()) => cpu.ret(Value::Done),
                    Err(seen) => lost::At::begin(cpu, Frame::Take(Lost), seen, units),
                }
            }
            _ => unreachable!("{self:?} waits"),
        }
    }

    pub fn resume(self, cpu: &mut Cpu, value: Value) {
        match (self, value) {
            (Own, Value::Taken) => taken(cpu, second_look::At::Quick),
            (Own, Value::Lost) => {
                _ = cpu.own();
                cpu.me.move_on();
                cpu.go(Frame::Take(Slow));
            }
            (Lost, _) | (Gather, Value::Again) => cpu.go(Frame::Take(Slow)),
            (Look, _) | (Gather, Value::Units(_)) => cpu.ret(Value::Done),
            (SlowOwn, Value::Taken) => taken(cpu, second_look::At::Load),
            (Own | SlowOwn, _) => proof::At::begin(cpu, Frame::Take(Proof)),
            (Proof, Value::Units(bound)) if bound < cpu.units() => {
                if cpu.rules.tuning.is_little(bound) {
                    narrowing::At::try_once(cpu, Frame::Take(Refuse(bound)));
                } else {
                    cpu.ret(Value::Refused(bound));
                }
            }
            (Proof, Value::Units(bound)) if at_once(cpu) => {
                let start = cpu.own();
                anywhere(cpu, start, 0, bound);
            }
            (Proof, Value::Units(bound)) => gather::At::begin(cpu, Frame::Take(Gather), bound),
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

/// Whether a segment gives the units in one exchange.
pub fn at_once(cpu: &Cpu) -> bool {
    !cpu.reserves() || cpu.units() <= MAX_RESERVED
}

/// Whether a call looks at the word again after a take from a segment.
pub fn looks_again(cpu: &Cpu) -> bool {
    !cpu.without(if cpu.reserves() {
        Omission::ReserveLooksAgain
    } else {
        Omission::TakeLooksAgain
    })
}

/// Goes on after a take from a segment.
fn taken(cpu: &mut Cpu, look: second_look::At) {
    if looks_again(cpu) {
        cpu.call(Frame::Take(Look), Frame::SecondLook(look));
    } else {
        cpu.ret(Value::Done);
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
        gather::At::begin(cpu, Frame::Take(Gather), bound);
    }
}

fn take(cpu: &mut Cpu, at: At) {
    if let Anywhere { start, index, .. } = at
        && let Some(place) = cpu.walk(start, index)
    {
        cpu.call(Frame::Take(at), segment::At::take(place));
    }
}
