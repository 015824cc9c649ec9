//! Taking units out of all segments, and of the wide word, and leaving them announced. A gather announces at once what
//! it may take from the segments, and closes the rest; draining announces piece by piece what each segment holds.
//! Returns `Units`.

use crate::machine::{Cpu, Frame, Value};
use crate::memory::{self, POCKET};
use crate::omissions::Omission;
use crate::steps::segment;
use segstock_model::Op;

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Way {
    start: u8,
    /// Which segment of the walk from `start`; after the last comes the word.
    index: u8,
    units: u8,
    /// What a gather announces before it asks the segments.
    most: u8,
    in_hand: u8,
    /// Of a gather. Otherwise all segments are drained, and the word is not asked.
    gathers: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum At {
    /// Waits for what the segment holds.
    Held(Way),
    InWord(Way),
    /// Announces what the segments may give.
    AnnounceAll(Way),
    /// Closes what they did not give.
    CloseAll(Way),
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
    /// Takes at most `units`, which are some, from segments and word. There are at most `bound`.
    pub fn gather(cpu: &mut Cpu, waiting: Frame, units: u8, bound: u8) {
        let start = cpu.own();
        let way = Way {
            start,
            index: 0,
            units,
            most: units.min(bound),
            in_hand: 0,
            gathers: true,
        };
        if way.most == 0 {
            cpu.call(waiting, Frame::Collect(InWord(at_word(cpu, way))));
        } else if announces(cpu, way) {
            cpu.call(waiting, Frame::Collect(AnnounceAll(way)));
        } else {
            cpu.call(waiting, Frame::Collect(Held(way)));
            ask(cpu, way);
        }
    }

    /// Takes all from the segments.
    pub fn drain(cpu: &mut Cpu, waiting: Frame) {
        let start = cpu.own();
        let way = Way {
            start,
            index: 0,
            units: u8::MAX,
            most: u8::MAX,
            in_hand: 0,
            gathers: false,
        };
        cpu.call(waiting, Frame::Collect(Held(way)));
        go_on(cpu, way);
    }

    pub fn step(self, cpu: &mut Cpu) {
        match self {
            Held(_) | Take { .. } => unreachable!("it waits"),
            InWord(way) => expect(cpu, way, cpu.shared.word.units),
            AnnounceAll(way) => {
                let pocket = &mut cpu.shared.places[POCKET];
                pocket.added = pocket.added.wrapping_add(way.most);
                ask(cpu, way);
            }
            CloseAll(way) => {
                let pocket = &mut cpu.shared.places[POCKET];
                let rest = way.most - way.in_hand;
                pocket.taken.units = pocket.taken.units.wrapping_add(rest);
                ask_word(cpu, way);
            }
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
                went(cpu, way);
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

fn announces(cpu: &Cpu, way: Way) -> bool {
    let omission = match cpu.op() {
        _ if !way.gathers => Omission::DrainingAnnounces,
        Some(Op::DeductUpTo(_) | Op::ReserveUpTo(_)) => Omission::UpToAnnounces,
        _ => Omission::GatherAnnounces,
    };
    !cpu.without(omission)
}

/// Asks the segment of the walk for all that is still wanted.
fn ask(cpu: &mut Cpu, way: Way) {
    let expected = way.most - way.in_hand;
    if expected > 0 && cpu.walk(way.start, way.index).is_some() {
        return take(cpu, way, expected);
    }
    let closes = announces(cpu, way) && !cpu.without(Omission::WhatIsNotTakenIsClosed);
    if expected > 0 && closes {
        cpu.go(Frame::Collect(CloseAll(way)));
    } else {
        ask_word(cpu, way);
    }
}

/// Goes on to the word, after the segments.
fn ask_word(cpu: &mut Cpu, way: Way) {
    if way.units == way.in_hand {
        // To ask for none is no access that anybody could tell.
        return cpu.ret(Value::Units(way.in_hand));
    }
    let way = at_word(cpu, way);
    cpu.go(Frame::Collect(InWord(way)));
}

fn at_word(cpu: &Cpu, way: Way) -> Way {
    let mut index = way.index;
    while cpu.walk(way.start, index).is_some() {
        index += 1;
    }
    Way { index, ..way }
}

/// Goes on to the segment of the walk that drains.
fn go_on(cpu: &mut Cpu, way: Way) {
    match cpu.walk(way.start, way.index) {
        Some(place) => {
            let held = segment::At::begin(place, segment::Want::Held);
            cpu.call(Frame::Collect(Held(way)), held);
        }
        None => cpu.ret(Value::Units(way.in_hand)),
    }
}

/// Announces and takes, if there is something.
fn expect(cpu: &mut Cpu, way: Way, held: u8) {
    let expected = held.min(way.units - way.in_hand);
    if expected == 0 && way.gathers {
        cpu.ret(Value::Units(way.in_hand));
    } else if expected == 0 {
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
    let in_hand = way.in_hand + part;
    let in_word = cpu.walk(way.start, way.index).is_none();
    if way.gathers && !in_word {
        // A segment is asked again, until it has no more.
        let index = way.index + u8::from(part == 0);
        return ask(
            cpu,
            Way {
                index,
                in_hand,
                ..way
            },
        );
    }
    let way = Way { in_hand, ..way };
    let rest = expected - part;
    let closes = announces(cpu, way) && !cpu.without(Omission::WhatIsNotTakenIsClosed);
    if rest > 0 && closes {
        cpu.go(Frame::Collect(Close { way, rest }));
    } else {
        went(cpu, way);
    }
}

/// After a piece: the word is asked once, a segment until it has no more.
fn went(cpu: &mut Cpu, way: Way) {
    if way.gathers {
        cpu.ret(Value::Units(way.in_hand));
    } else {
        go_on(cpu, way);
    }
}
