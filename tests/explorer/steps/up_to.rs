//! A `deduct_up_to`. Returns `Units`.

use crate::machine::{Cpu, Frame, Value};
use crate::memory::{POCKET, Word};
use crate::omissions::Omission;
use crate::steps::{collect, gather, lost, narrowing, proof, second_look, segment};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum At {
    Load,
    Exchange(Word),
    /// Waits for what a lost exchange leads to.
    Lost,
    /// Waits for the take of all units from the own segment.
    Own,
    /// Waits for the second look after it.
    Look,
    /// Waits for the proof.
    Proof,
    /// Waits for the narrowing after the proof that nothing is left.
    Nothing,
    /// Waits for what the mutex is needed for.
    Gather,
    // Under the mutex: piece after piece, the word's units last (`index` past the segments).
    /// Waits for what the segment holds.
    Held {
        start: u8,
        index: u8,
        in_hand: u8,
    },
    InWord {
        in_hand: u8,
    },
    Announce {
        start: u8,
        index: u8,
        in_hand: u8,
        expected: u8,
    },
    /// Waits for what was collected.
    Collect {
        start: u8,
        index: u8,
        in_hand: u8,
        expected: u8,
    },
    /// Closes what was announced and not collected.
    GiveUp {
        start: u8,
        index: u8,
        in_hand: u8,
        rest: u8,
    },
    /// Waits for the proof that there is no more.
    NoMore {
        in_hand: u8,
    },
    Close {
        in_hand: u8,
    },
}
use At::*;

impl At {
    pub fn step(self, cpu: &mut Cpu) {
        match self {
            Load => {
                let (word, units) = (cpu.shared.word, cpu.units());
                match (word.wide, cpu.me.seat) {
                    (true, Some(own)) => cpu.call(Frame::UpTo(Own), segment::At::take(own)),
                    (true, None) => proof::At::begin(cpu, Frame::UpTo(Proof)),
                    (false, _) if word.units.min(units) == 0 => cpu.ret(Value::Units(0)),
                    (false, _) => cpu.go(Frame::UpTo(Exchange(word))),
                }
            }
            Exchange(seen) => {
                let part = seen.units.min(cpu.units());
                match cpu.exchange(seen, seen.less(part)) {
                    Ok(()) => cpu.ret(Value::Units(part)),
                    Err(seen) => lost::At::begin(cpu, Frame::UpTo(Lost), seen, part),
                }
            }
            InWord { in_hand } => {
                let expected = cpu.shared.word.units.min(cpu.units() - in_hand);
                let index = cpu.rules.segments as u8;
                announce(cpu, 0, index, in_hand, expected);
            }
            Announce {
                start,
                index,
                in_hand,
                expected,
            } => {
                let pocket = &mut cpu.shared.places[POCKET];
                pocket.added = pocket.added.wrapping_add(expected);
                collect_piece(cpu, start, index, in_hand, expected);
            }
            GiveUp {
                start,
                index,
                in_hand,
                rest,
            } => {
                let pocket = &mut cpu.shared.places[POCKET];
                pocket.taken.units = pocket.taken.units.wrapping_add(rest);
                piece(cpu, start, index + 1, in_hand);
            }
            Close { in_hand } => {
                let pocket = &mut cpu.shared.places[POCKET];
                pocket.taken.units = pocket.taken.units.wrapping_add(in_hand);
                let value = Value::Units(in_hand);
                cpu.go(Frame::Gather(gather::At::Unlock { value }));
            }
            _ => unreachable!("{self:?} waits"),
        }
    }

    pub fn resume(self, cpu: &mut Cpu, value: Value) {
        match (self, value) {
            (Lost, _) | (Gather, Value::Again) => cpu.go(Frame::UpTo(Load)),
            (Own, Value::Taken) if cpu.without(Omission::TakeLooksAgain) => {
                let units = cpu.units();
                cpu.ret(Value::Units(units));
            }
            (Own, Value::Taken) => {
                cpu.call(Frame::UpTo(Look), Frame::SecondLook(second_look::At::Quick));
            }
            (Own, _) => proof::At::begin(cpu, Frame::UpTo(Proof)),
            (Look, _) => {
                let units = cpu.units();
                cpu.ret(Value::Units(units));
            }
            (Proof, Value::Units(0)) => narrowing::At::try_once(cpu, Frame::UpTo(Nothing)),
            (Proof, Value::Units(bound)) => gather::At::begin(cpu, Frame::UpTo(Gather), bound),
            (Nothing, _) => cpu.ret(Value::Units(0)),
            (Gather, value) => cpu.ret(value),
            (
                Held {
                    start,
                    index,
                    in_hand,
                },
                Value::Units(held),
            ) => {
                let expected = held.min(cpu.units() - in_hand);
                announce(cpu, start, index, in_hand, expected);
            }
            (
                Collect {
                    start,
                    index,
                    in_hand,
                    expected,
                },
                Value::Units(got),
            ) => {
                let (in_hand, rest) = (in_hand + got, expected - got);
                let closes = !cpu.without(Omission::UpToAnnounces)
                    && !cpu.without(Omission::UpToClosesWhatItDidNotGet);
                if rest > 0 && closes {
                    cpu.go(Frame::UpTo(GiveUp {
                        start,
                        index,
                        in_hand,
                        rest,
                    }));
                } else {
                    piece(cpu, start, index + 1, in_hand);
                }
            }
            (NoMore { in_hand }, Value::Units(bound)) => {
                let announced = if cpu.without(Omission::UpToAnnounces) {
                    0
                } else {
                    in_hand
                };
                if bound == announced {
                    close(cpu, in_hand);
                } else {
                    go_on(cpu, in_hand);
                }
            }
            other => unreachable!("{other:?}"),
        }
    }
}

/// Goes over all pieces, with what is in hand.
pub fn go_on(cpu: &mut Cpu, in_hand: u8) {
    let start = cpu.own();
    piece(cpu, start, 0, in_hand);
}

fn piece(cpu: &mut Cpu, start: u8, index: u8, in_hand: u8) {
    if in_hand == cpu.units() {
        return close(cpu, in_hand);
    }
    if let Some(place) = cpu.walk(start, index) {
        let waiting = Frame::UpTo(Held {
            start,
            index,
            in_hand,
        });
        cpu.call(waiting, segment::At::begin(place, segment::Want::Held));
    } else if usize::from(index) == cpu.rules.segments {
        cpu.go(Frame::UpTo(InWord { in_hand }));
    } else if cpu.without(Omission::UpToProvesThatThereIsNoMore) {
        close(cpu, in_hand);
    } else {
        proof::At::begin(cpu, Frame::UpTo(NoMore { in_hand }));
    }
}

fn announce(cpu: &mut Cpu, start: u8, index: u8, in_hand: u8, expected: u8) {
    if expected == 0 {
        piece(cpu, start, index + 1, in_hand);
    } else if cpu.without(Omission::UpToAnnounces) {
        collect_piece(cpu, start, index, in_hand, expected);
    } else {
        cpu.go(Frame::UpTo(Announce {
            start,
            index,
            in_hand,
            expected,
        }));
    }
}

fn collect_piece(cpu: &mut Cpu, start: u8, index: u8, in_hand: u8, expected: u8) {
    let waiting = Frame::UpTo(Collect {
        start,
        index,
        in_hand,
        expected,
    });
    match cpu.walk(start, index) {
        Some(place) => cpu.call(
            waiting,
            segment::At::begin(place, segment::Want::UpTo(expected)),
        ),
        None => collect::At::from_word(cpu, waiting, expected),
    }
}

fn close(cpu: &mut Cpu, in_hand: u8) {
    if in_hand == 0 || cpu.without(Omission::UpToAnnounces) {
        let value = Value::Units(in_hand);
        cpu.go(Frame::Gather(gather::At::Unlock { value }));
    } else {
        cpu.go(Frame::UpTo(Close { in_hand }));
    }
}
