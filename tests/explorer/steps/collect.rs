//! Taking what is announced already, segment after segment, and from the wide word. Returns `Units`.

use crate::machine::{Cpu, Frame, Value};
use crate::memory;
use crate::steps::segment;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum At {
    /// Waits for what the segment gives.
    Segment {
        start: u8,
        index: u8,
        units: u8,
        in_hand: u8,
        word: bool,
    },
    Word {
        units: u8,
        in_hand: u8,
    },
    Exchange {
        units: u8,
        in_hand: u8,
        seen: memory::Word,
    },
}
use At::*;

impl At {
    /// Takes at most `units`, which are some.
    pub fn from_all(cpu: &mut Cpu, waiting: Frame, units: u8) {
        let start = cpu.own();
        begin(
            cpu,
            waiting,
            Segment {
                start,
                index: 0,
                units,
                in_hand: 0,
                word: true,
            },
        );
    }

    pub fn from_segments(cpu: &mut Cpu, waiting: Frame, units: u8) {
        let start = cpu.own();
        begin(
            cpu,
            waiting,
            Segment {
                start,
                index: 0,
                units,
                in_hand: 0,
                word: false,
            },
        );
    }

    /// Takes at most `units` from the word.
    pub fn from_word(cpu: &mut Cpu, waiting: Frame, units: u8) {
        cpu.call(waiting, Frame::Collect(Word { units, in_hand: 0 }));
    }

    pub fn step(self, cpu: &mut Cpu) {
        match self {
            Segment { .. } => unreachable!("it waits"),
            Word { units, in_hand } => from_word(cpu, units, in_hand, cpu.shared.word),
            Exchange {
                units,
                in_hand,
                seen,
            } => {
                let part = seen.units.min(units - in_hand);
                match cpu.exchange(seen, seen.less(part)) {
                    Ok(()) => cpu.ret(Value::Units(in_hand + part)),
                    Err(seen) => from_word(cpu, units, in_hand, seen),
                }
            }
        }
    }

    pub fn resume(self, cpu: &mut Cpu, value: Value) {
        let (
            Segment {
                start,
                index,
                units,
                in_hand,
                word,
            },
            Value::Units(part),
        ) = (self, value)
        else {
            unreachable!("{self:?} waits for units");
        };
        let in_hand = in_hand + part;
        // A segment that gave some is asked again.
        let index = index + u8::from(part == 0);
        go_on(
            cpu,
            Segment {
                start,
                index,
                units,
                in_hand,
                word,
            },
        );
    }
}

fn begin(cpu: &mut Cpu, waiting: Frame, at: At) {
    cpu.call(waiting, Frame::Collect(at));
    go_on(cpu, at);
}

fn go_on(cpu: &mut Cpu, at: At) {
    let Segment {
        start,
        index,
        units,
        in_hand,
        word,
    } = at
    else {
        unreachable!("{at:?} is at no segment");
    };
    if units == in_hand {
        // To ask for none is no access that anybody could tell.
        return cpu.ret(Value::Units(in_hand));
    }
    match cpu.walk(start, index) {
        Some(place) => {
            let want = segment::Want::UpTo(units - in_hand);
            cpu.call(Frame::Collect(at), segment::At::begin(place, want));
        }
        None if word => cpu.go(Frame::Collect(Word { units, in_hand })),
        None => cpu.ret(Value::Units(in_hand)),
    }
}

fn from_word(cpu: &mut Cpu, units: u8, in_hand: u8, seen: memory::Word) {
    if seen.units == 0 {
        cpu.ret(Value::Units(in_hand));
    } else {
        cpu.go(Frame::Collect(Exchange {
            units,
            in_hand,
            seen,
        }));
    }
}
