//! The primitives of one segment: a take, in its kinds. (A put is one access.)

use crate::machine::{Cpu, Frame, Value};
use crate::memory::{self, MAX_LENT, lent_since};
use crate::omissions::Omission;

/// What is wanted of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Want {
    /// All units of the call, or none.
    All,
    /// All units of the call, or none, which are reserved in the exchange.
    Lent,
    /// As many as there are, at most this many.
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
    AddedFirst {
        place: u8,
    },
    TakenLast {
        place: u8,
        added: u8,
    },
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
                if want == Want::All && cpu.without(Omission::TakenBeforeAdded) {
                    return AddedFirst { place }.step(cpu);
                }
                let seen = cpu.shared.places[usize::from(place)].taken;
                cpu.go(Frame::Segment(Added { place, want, seen }));
            }
            Added { place, want, seen } => {
                let segment = cpu.shared.places[usize::from(place)];
                let added = segment.added;
                if cpu.rules.releases {
                    cpu.go(Frame::Segment(Returned {
                        place,
                        want,
                        seen,
                        added,
                    }));
                } else {
                    weigh(
                        cpu,
                        place,
                        want,
                        seen,
                        segment.added.wrapping_add(segment.returned),
                    );
                }
            }
            Returned {
                place,
                want,
                seen,
                added,
            } => {
                let returned = cpu.shared.places[usize::from(place)].returned;
                weigh(cpu, place, want, seen, added.wrapping_add(returned));
            }
            Exchange {
                place,
                want,
                seen,
                units,
            } => exchange(cpu, place, want, seen, units),
            Noted { place, seen } => {
                let noted = cpu.shared.places[usize::from(place)].noted;
                let units = cpu.units();
                let can = lent_since(noted, seen) + units <= MAX_LENT;
                if cpu.without(Omission::NotedAfterTaken) {
                    cpu.go(Frame::Segment(NotedThenTaken { place, can }));
                } else if can || cpu.without(Omission::LentIsNoted) {
                    cpu.go(Frame::Segment(Exchange {
                        place,
                        want: Want::Lent,
                        seen,
                        units,
                    }));
                } else if cpu.without(Omission::NotedBeforeTakenToNote) {
                    cpu.go(Frame::Segment(NoteTakenFirst { place }));
                } else {
                    cpu.go(Frame::Segment(NoteNoted { place }));
                }
            }
            NoteNoted { place } => {
                let noted = cpu.shared.places[usize::from(place)].noted;
                cpu.go(Frame::Segment(NoteTaken { place, noted }));
            }
            NoteTaken { place, noted } => {
                let since = lent_since(noted, cpu.shared.places[usize::from(place)].taken);
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
                let segment = &mut cpu.shared.places[usize::from(place)];
                if segment.noted == noted {
                    segment.noted = noted.wrapping_add(since);
                }
                cpu.go(Self::begin(place, Want::Lent));
            }
            AddedFirst { place } => {
                let added = cpu.shared.places[usize::from(place)].added;
                cpu.go(Frame::Segment(TakenLast { place, added }));
            }
            TakenLast { place, added } => {
                let segment = cpu.shared.places[usize::from(place)];
                let came = added.wrapping_add(segment.returned);
                weigh(cpu, place, Want::All, segment.taken, came);
            }
            NotedThenTaken { place, can } => {
                let segment = cpu.shared.places[usize::from(place)];
                let (seen, units) = (segment.taken, cpu.units());
                if can && segment.held() >= units {
                    cpu.go(Frame::Segment(Exchange {
                        place,
                        want: Want::Lent,
                        seen,
                        units,
                    }));
                } else {
                    cpu.go(Frame::Segment(NoteNoted { place }));
                }
            }
            NoteTakenFirst { place } => {
                let taken = cpu.shared.places[usize::from(place)].taken;
                cpu.go(Frame::Segment(NoteNotedLast { place, taken }));
            }
            NoteNotedLast { place, taken } => {
                let noted = cpu.shared.places[usize::from(place)].noted;
                let since = lent_since(noted, taken);
                cpu.go(Frame::Segment(NoteExchange {
                    place,
                    noted,
                    since,
                }));
            }
        }
    }

    pub fn rebase(&mut self, rebased: usize, by: u8) {
        match self {
            Added { place, seen, .. } | Exchange { place, seen, .. } | Noted { place, seen }
                if usize::from(*place) == rebased =>
            {
                seen.units = seen.units.wrapping_sub(by);
            }
            Returned {
                place, seen, added, ..
            } if usize::from(*place) == rebased => {
                seen.units = seen.units.wrapping_sub(by);
                *added = added.wrapping_sub(by);
            }
            TakenLast { place, added } if usize::from(*place) == rebased => {
                *added = added.wrapping_sub(by);
            }
            NoteNotedLast { place, taken } if usize::from(*place) == rebased => {
                taken.units = taken.units.wrapping_sub(by);
            }
            _ => {}
        }
    }
}

/// Decides by what came to a segment that had given `seen`.
fn weigh(cpu: &mut Cpu, place: u8, want: Want, seen: memory::Taken, came: u8) {
    let held = came.wrapping_sub(seen.units);
    match want {
        Want::All | Want::Lent if held < cpu.units() => cpu.ret(Value::Short),
        Want::All => {
            let units = cpu.units();
            cpu.go(Frame::Segment(Exchange {
                place,
                want,
                seen,
                units,
            }));
        }
        Want::Lent => cpu.go(Frame::Segment(Noted { place, seen })),
        Want::UpTo(most) => match held.min(most) {
            0 => cpu.ret(Value::Units(0)),
            units => cpu.go(Frame::Segment(Exchange {
                place,
                want,
                seen,
                units,
            })),
        },
        Want::Held => cpu.ret(Value::Units(held)),
    }
}

fn exchange(cpu: &mut Cpu, place: u8, want: Want, seen: memory::Taken, units: u8) {
    let taken = &mut cpu.shared.places[usize::from(place)].taken;
    if *taken != seen {
        let seen = *taken;
        return match want {
            Want::UpTo(_) => cpu.go(Frame::Segment(Added { place, want, seen })),
            _ => cpu.ret(Value::Lost),
        };
    }
    taken.units = taken.units.wrapping_add(units);
    if want == Want::Lent {
        taken.lent = taken.lent.wrapping_add(units) & MAX_LENT;
    }
    match want {
        Want::UpTo(_) => cpu.ret(Value::Units(units)),
        _ => cpu.ret(Value::Taken),
    }
}
