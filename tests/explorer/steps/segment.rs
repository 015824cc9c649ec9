//! The primitives of one segment: a take, in its kinds. (A put is one access.) Returns `Taken`, `Short` or
//! `Lost`, or `Units`.

use crate::machine::{Cpu, Frame, Value};
use crate::memory::{self, MAX_RESERVED, left};
use crate::omissions::Omission;

/// What is wanted of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Want {
    /// All units of the call, or none. If the call reserves, they are reserved in the exchange.
    All,
    /// The units that it has, at most this many.
    UpTo(u8),
    /// To know how many there are.
    Held,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum At {
    Taken {
        place: u8,
        want: Want,
    },
    Added {
        place: u8,
        want: Want,
        seen: memory::Taken,
    },
    Returned {
        place: u8,
        want: Want,
        seen: memory::Taken,
        added: u8,
    },
    Exchange {
        place: u8,
        want: Want,
        seen: memory::Taken,
        units: u8,
    },
    /// Reads what was noted, before it reserves.
    Noted {
        place: u8,
        seen: memory::Taken,
    },
    /// Notes what was reserved.
    NoteNoted {
        place: u8,
    },
    NoteTaken {
        place: u8,
        noted: u8,
    },
    NoteExchange {
        place: u8,
        noted: u8,
        since: u8,
    },
    // With steps in the wrong order.
    NotedThenTaken {
        place: u8,
        can: bool,
    },
    NoteTakenFirst {
        place: u8,
    },
    NoteNotedLast {
        place: u8,
        taken: memory::Taken,
    },
}
use At::*;

impl At {
    /// A take of all units of the call.
    pub fn take(place: u8) -> Frame {
        Self::begin(place, Want::All)
    }

    pub fn begin(place: u8, want: Want) -> Frame {
        Frame::Segment(Taken { place, want })
    }

    pub fn step(self, cpu: &mut Cpu) {
        match self {
            Taken { place, want } => {
                let seen = cpu.place(place).taken;
                read_came(cpu, place, want, seen);
            }
            Added { place, want, seen } => {
                let added = cpu.place(place).added;
                cpu.go(Frame::Segment(Returned {
                    place,
                    want,
                    seen,
                    added,
                }));
            }
            Returned {
                place,
                want,
                seen,
                added,
            } => {
                let came = added.wrapping_add(cpu.place(place).returned);
                weigh(cpu, place, want, seen, came);
            }
            Exchange {
                place,
                want,
                seen,
                units,
            } => exchange(cpu, place, want, seen, units),
            Noted { place, seen } => {
                let noted = cpu.place(place).noted;
                let (want, units) = (Want::All, cpu.units());
                let can = seen.reserved_since(noted) + units <= MAX_RESERVED;
                cpu.go(Frame::Segment(if cpu.without(Omission::NotedAfterTaken) {
                    NotedThenTaken { place, can }
                } else if can || cpu.without(Omission::ReservedIsNoted) {
                    Exchange {
                        place,
                        want,
                        seen,
                        units,
                    }
                } else if cpu.without(Omission::NotedBeforeTakenToNote) {
                    NoteTakenFirst { place }
                } else {
                    NoteNoted { place }
                }));
            }
            NoteNoted { place } => {
                let noted = cpu.place(place).noted;
                cpu.go(Frame::Segment(NoteTaken { place, noted }));
            }
            NoteTaken { place, noted } => {
                let since = cpu.place(place).taken.reserved_since(noted);
                cpu.go(Frame::Segment(NoteExchange {
                    place,
                    noted,
                    since,
                }));
            }
            NoteExchange {
                place,
                noted,
                since,
            } => {
                let segment = cpu.place(place);
                if segment.noted == noted {
                    segment.noted = noted.wrapping_add(since);
                }
                cpu.go(Self::take(place));
            }
            _ => self.step_wrongly(cpu),
        }
    }

    fn step_wrongly(self, cpu: &mut Cpu) {
        match self {
            NotedThenTaken { place, can } => {
                let segment = *cpu.place(place);
                let (want, seen, units) = (Want::All, segment.taken, cpu.units());
                cpu.go(Frame::Segment(if can && segment.held() >= units {
                    Exchange {
                        place,
                        want,
                        seen,
                        units,
                    }
                } else {
                    NoteNoted { place }
                }));
            }
            NoteTakenFirst { place } => {
                let taken = cpu.place(place).taken;
                cpu.go(Frame::Segment(NoteNotedLast { place, taken }));
            }
            NoteNotedLast { place, taken } => {
                let noted = cpu.place(place).noted;
                let since = taken.reserved_since(noted);
                cpu.go(Frame::Segment(NoteExchange {
                    place,
                    noted,
                    since,
                }));
            }
            _ => unreachable!("a right step"),
        }
    }

    pub fn rebase(&mut self, rebased: usize, by: u8) {
        match self {
            Added { place, seen, .. }
            | Returned { place, seen, .. }
            | Exchange { place, seen, .. }
            | Noted { place, seen }
            | NoteNotedLast { place, taken: seen }
                if usize::from(*place) == rebased =>
            {
                seen.units = seen.units.wrapping_sub(by);
            }
            _ => {}
        }
    }
}

fn read_came(cpu: &mut Cpu, place: u8, want: Want, seen: memory::Taken) {
    let added = cpu.place(place).added;
    cpu.go(Frame::Segment(if cpu.rules.restocks {
        Added { place, want, seen }
    } else {
        Returned {
            place,
            want,
            seen,
            added,
        }
    }));
}

/// Decides by what came to a segment that had given `seen`.
fn weigh(cpu: &mut Cpu, place: u8, want: Want, seen: memory::Taken, came: u8) {
    let units = cpu.units();
    match want {
        Want::All
            if came
                .wrapping_sub(seen.units)
                .wrapping_sub(units)
                .cast_signed()
                < 0 =>
        {
            cpu.ret(Value::Short);
        }
        Want::All if cpu.reserves() => cpu.go(Frame::Segment(Noted { place, seen })),
        Want::All => cpu.go(Frame::Segment(Exchange {
            place,
            want,
            seen,
            units,
        })),
        Want::UpTo(most) => match left(came, seen.units).min(most) {
            0 => cpu.ret(Value::Units(0)),
            units => cpu.go(Frame::Segment(Exchange {
                place,
                want,
                seen,
                units,
            })),
        },
        Want::Held => cpu.ret(Value::Units(left(came, seen.units))),
    }
}

fn exchange(cpu: &mut Cpu, place: u8, want: Want, seen: memory::Taken, units: u8) {
    let reserves = cpu.reserves() && want == Want::All;
    let taken = &mut cpu.place(place).taken;
    if *taken != seen {
        let seen = *taken;
        return match want {
            Want::UpTo(_) => read_came(cpu, place, want, seen),
            _ => cpu.ret(Value::Lost),
        };
    }
    taken.units = taken.units.wrapping_add(units);
    if reserves {
        taken.low = taken.low.wrapping_add(units) & MAX_RESERVED;
    }
    match want {
        Want::UpTo(_) => cpu.ret(Value::Units(units)),
        _ => cpu.ret(Value::Taken),
    }
}
