//! Taking units out of all segments, and of the wide word, and leaving them announced: piece by piece, each
//! announced before it is taken. Returns `Units`.

use crate::machine::{Cpu, Frame, Value};
use crate::memory::{self, POCKET};
use crate::omissions::Omission;
use crate::op::Op;
use crate::steps::segment;

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Way {
    start: u8,
    /// Which segment of the walk from `start`; after the last comes the word.
    index: u8,
    units: u8,
    in_hand: u8,
    /// Of a gather. Otherwise all segments are drained, and the word is not asked.
    gathers: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum At {
    /// Waits for what the segment holds.
    Held(Way),
    InWord(Way),
    Announce {
        way: Way,
        expected: u8,
    },
    /// Waits for what the segment gives.
    Take {
        way: Way,
        expected: u8,
    },
    TakeLoad {
        way: Way,
        expected: u8,
    },
    TakeExchange {
        way: Way,
        expected: u8,
        seen: memory::Word,
    },
    /// Closes what was announced and not taken.
    Close {
        way: Way,
        rest: u8,
    },
}
use At::*;

impl At {
    /// Takes at most `units`, which are some, from segments and word.
    pub fn gather(cpu: &mut Cpu, waiting: Frame, units: u8) {
        begin(cpu, waiting, units, true);
    }

    /// Takes all from the segments.
    pub fn drain(cpu: &mut Cpu, waiting: Frame) {
        begin(cpu, waiting, u8::MAX, false);
    }

    pub fn step(self, cpu: &mut Cpu) {
        match self {
            Held(_) | Take { .. } => unreachable!("it waits"),
            InWord(way) => expect(cpu, way, cpu.shared.word.units),
            Announce { way, expected } => {
                let pocket = &mut cpu.shared.places[POCKET];
                pocket.added = pocket.added.wrapping_add(expected);
                take(cpu, way, expected);
            }
            TakeLoad { way, expected } => {
                let seen = cpu.shared.word;
                cpu.go(Frame::Collect(TakeExchange {
                    way,
                    expected,
                    seen,
                }));
            }
            TakeExchange {
                way,
                expected,
                seen,
            } => {
                let part = seen.units.min(expected);
                match cpu.exchange(seen, seen.less(part)) {
                    Ok(()) => taken(cpu, way, expected, part),
                    Err(seen) => cpu.go(Frame::Collect(TakeExchange {
                        way,
                        expected,
                        seen,
                    })),
                }
            }
            Close { way, rest } => {
                let pocket = &mut cpu.shared.places[POCKET];
                pocket.taken.units = pocket.taken.units.wrapping_add(rest);
                go_on(cpu, way);
            }
        }
    }

    pub fn resume(self, cpu: &mut Cpu, value: Value) {
        match (self, value) {
            (Held(way), Value::Units(held)) => expect(cpu, way, held),
            (Take { way, expected }, Value::Units(part)) => taken(cpu, way, expected, part),
            other => unreachable!("{other:?}"),
        }
    }
}

fn begin(cpu: &mut Cpu, waiting: Frame, units: u8, gathers: bool) {
    let start = cpu.own();
    let way = Way {
        start,
        index: 0,
        units,
        in_hand: 0,
        gathers,
    };
    cpu.call(waiting, Frame::Collect(Held(way)));
    go_on(cpu, way);
}

fn announces(cpu: &Cpu, way: Way) -> bool {
    let omission = match cpu.me.op {
        _ if !way.gathers => Omission::DrainingAnnounces,
        Some(Op::DeductUpTo(_)) => Omission::UpToAnnounces,
        _ => Omission::GatherAnnounces,
    };
    !cpu.without(omission)
}

/// Goes on to the segment of the walk, or to the word.
fn go_on(cpu: &mut Cpu, way: Way) {
    let last = usize::from(way.index) > cpu.rules.segments;
    if way.units == way.in_hand || last {
        // To ask for none is no access that anybody could tell.
        return cpu.ret(Value::Units(way.in_hand));
    }
    match cpu.walk(way.start, way.index) {
        Some(place) => {
            let held = segment::At::begin(place, segment::Want::Held);
            cpu.call(Frame::Collect(Held(way)), held);
        }
        None if way.gathers => cpu.go(Frame::Collect(InWord(way))),
        None => cpu.ret(Value::Units(way.in_hand)),
    }
}

/// Announces and takes, if there is something.
fn expect(cpu: &mut Cpu, way: Way, held: u8) {
    let expected = held.min(way.units - way.in_hand);
    if expected == 0 {
        let index = way.index + 1;
        go_on(cpu, Way { index, ..way });
    } else if announces(cpu, way) {
        cpu.go(Frame::Collect(Announce { way, expected }));
    } else {
        take(cpu, way, expected);
    }
}

fn take(cpu: &mut Cpu, way: Way, expected: u8) {
    match cpu.walk(way.start, way.index) {
        Some(place) => {
            let take = segment::At::begin(place, segment::Want::UpTo(expected));
            cpu.call(Frame::Collect(Take { way, expected }), take);
        }
        None => cpu.go(Frame::Collect(TakeLoad { way, expected })),
    }
}

fn taken(cpu: &mut Cpu, way: Way, expected: u8, part: u8) {
    let in_word = cpu.walk(way.start, way.index).is_none();
    // A segment is asked again, until it has no more; the word once.
    let index = way.index + u8::from(in_word);
    let in_hand = way.in_hand + part;
    let way = Way {
        index,
        in_hand,
        ..way
    };
    let rest = expected - part;
    let closes = announces(cpu, way) && !cpu.without(Omission::WhatIsNotTakenIsClosed);
    if rest > 0 && closes {
        cpu.go(Frame::Collect(Close { way, rest }));
    } else {
        go_on(cpu, way);
    }
}
