//! Making a stock narrow: *proving* is set, all units are moved to the word, the segments are proved
//! empty, and the word is exchanged, to narrow or (turning over) to wide with its units dealt out.
//! Returns `Whole`, or `NotWhole` if somebody cancelled.

use crate::machine::{Cpu, Frame, Value};
use crate::memory::{Limit, POCKET, Word};
use crate::omissions::Omission;
use crate::steps::{collect, segment, spread};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum At {
    // One try, unless somebody is moving units: returns `Done`.
    TryLock,
    Wide,
    Unlock,
    // Proving alone.
    LockToProve,
    Prove,
    // Narrowing itself. `turn`: turning over.
    Begin {
        turn: bool,
    },
    /// Waits for what segment `index` holds.
    Held {
        turn: bool,
        index: u8,
        held: u8,
    },
    Announce {
        turn: bool,
        held: u8,
    },
    /// Waits for what was collected.
    Drained {
        turn: bool,
        held: u8,
    },
    /// Closes what was announced and not collected.
    GiveUp {
        turn: bool,
        got: u8,
        rest: u8,
    },
    Put {
        turn: bool,
        got: u8,
        closed: bool,
    },
    Close {
        turn: bool,
        got: u8,
        put: bool,
    },
    // The proof that the segments are empty: `left` is what came, less what was taken.
    Taken {
        turn: bool,
        index: u8,
        left: u8,
    },
    Added {
        turn: bool,
        index: u8,
        left: u8,
        added: u8,
    },
    TakesBack {
        turn: bool,
        left: u8,
        added: u8,
    },
    Returned {
        turn: bool,
        index: u8,
        left: u8,
        added: u8,
    },
    End,
    Load {
        added: u8,
    },
    Exchange {
        added: u8,
        seen: Word,
    },
    /// Nothing may be restocked to a segment until the stock is wide again.
    Room {
        index: u8,
        word: Word,
    },
    NoRoom {
        index: u8,
        word: Word,
        added: u8,
    },
}
use At::*;

impl At {
    /// Tries once, unless somebody else is moving units.
    pub fn try_once(cpu: &mut Cpu, waiting: Frame) {
        cpu.call(waiting, Frame::Narrowing(TryLock));
    }

    /// Tries once; under the mutex, on a wide stock.
    pub fn begin(cpu: &mut Cpu, waiting: Frame, turn: bool) {
        if cpu.without(Omission::ProvingIsSet) {
            hold(cpu, waiting, turn);
        } else {
            cpu.call(waiting, Frame::Narrowing(Begin { turn }));
        }
    }

    pub fn step(self, cpu: &mut Cpu) {
        match self {
            TryLock if cpu.try_lock() => cpu.go(Frame::Narrowing(Wide)),
            TryLock => cpu.ret(Value::Done),
            Wide if cpu.shared.word.wide => Self::begin(cpu, Frame::Narrowing(Unlock), false),
            Wide => cpu.go(Frame::Narrowing(Unlock)),
            Unlock => {
                cpu.unlock();
                cpu.ret(Value::Done);
            }
            LockToProve => {
                _ = cpu.try_lock();
                cpu.go(Frame::Narrowing(Prove));
            }
            Prove => {
                cpu.shared.word.proving = true;
                cpu.go(Frame::Narrowing(Unlock));
            }
            Begin { turn } => {
                cpu.shared.word.proving = true;
                next_held(cpu, turn, 0, 0);
            }
            Announce { turn, held } => {
                let pocket = &mut cpu.shared.places[POCKET];
                pocket.added = pocket.added.wrapping_add(held);
                drain(cpu, turn, held);
            }
            GiveUp { turn, got, rest } => {
                close(cpu, rest);
                drained(cpu, turn, got);
            }
            Put { turn, got, closed } => {
                cpu.shared.word = cpu.shared.word.more(got);
                if closed || cpu.without(Omission::DrainingAnnounces) {
                    prove(cpu, turn);
                } else {
                    cpu.go(Frame::Narrowing(Close {
                        turn,
                        got,
                        put: true,
                    }));
                }
            }
            Close { turn, got, put } => {
                close(cpu, got);
                if put {
                    prove(cpu, turn);
                } else {
                    cpu.go(Frame::Narrowing(Put {
                        turn,
                        got,
                        closed: true,
                    }));
                }
            }
            Taken { .. } | Added { .. } | TakesBack { .. } | Returned { .. } => self.prove(cpu),
            End => {
                cpu.shared.word.proving = false;
                cpu.ret(Value::NotWhole);
            }
            Load { added } => try_close(cpu, added, cpu.shared.word),
            Exchange { added, seen } => match cpu.exchange(seen, seen.closed()) {
                Ok(()) => {
                    enter_restocks(cpu, added);
                    rooms(cpu, 0, seen.closed());
                }
                Err(seen) => try_close(cpu, added, seen),
            },
            Room { index, word } => {
                let added = cpu.shared.places[usize::from(index)].added;
                cpu.go(Frame::Narrowing(NoRoom { index, word, added }));
            }
            NoRoom { index, word, added } => {
                cpu.shared.places[usize::from(index)].limit = Limit::At(added);
                rooms(cpu, index + 1, word);
            }
            Held { .. } | Drained { .. } => unreachable!("it waits"),
        }
    }

    fn prove(self, cpu: &mut Cpu) {
        let last = |index| usize::from(index) + 1 == cpu.rules.segments;
        match self {
            Taken { turn, index, left } => {
                let left = left.wrapping_sub(cpu.shared.places[usize::from(index)].taken.units);
                cpu.go(Frame::Narrowing(if last(index) {
                    Added {
                        turn,
                        index: 0,
                        left,
                        added: 0,
                    }
                } else {
                    Taken {
                        turn,
                        index: index + 1,
                        left,
                    }
                }));
            }
            Added {
                turn,
                index,
                left,
                added,
            } => {
                let here = cpu.shared.places[usize::from(index)].added;
                let (left, added) = (left.wrapping_add(here), added.wrapping_add(here));
                if !last(index) {
                    let index = index + 1;
                    cpu.go(Frame::Narrowing(Added {
                        turn,
                        index,
                        left,
                        added,
                    }));
                } else if cpu.rules.releases {
                    cpu.go(Frame::Narrowing(TakesBack { turn, left, added }));
                } else {
                    let segments = &cpu.shared.places[..cpu.rules.segments];
                    let returned = segments.iter().map(|it| it.returned);
                    let left = returned.fold(left, u8::wrapping_add);
                    proved(cpu, turn, left, added);
                }
            }
            TakesBack { turn, left, added } => {
                if cpu.shared.takes_back {
                    cpu.go(Frame::Narrowing(Returned {
                        turn,
                        index: 0,
                        left,
                        added,
                    }));
                } else {
                    proved(cpu, turn, left, added);
                }
            }
            Returned {
                turn,
                index,
                left,
                added,
            } => {
                let left = left.wrapping_add(cpu.shared.places[usize::from(index)].returned);
                if last(index) {
                    proved(cpu, turn, left, added);
                } else {
                    let index = index + 1;
                    cpu.go(Frame::Narrowing(Returned {
                        turn,
                        index,
                        left,
                        added,
                    }));
                }
            }
            _ => unreachable!("another step"),
        }
    }

    pub fn resume(self, cpu: &mut Cpu, value: Value) {
        match (self, value) {
            (Held { turn, index, held }, Value::Units(here)) => {
                next_held(cpu, turn, index + 1, held.wrapping_add(here));
            }
            (Drained { turn, held }, Value::Units(got)) => {
                let closes = !cpu.without(Omission::DrainingAnnounces)
                    && !cpu.without(Omission::DrainingClosesWhatItDidNotGet);
                if got < held && closes {
                    let rest = held - got;
                    cpu.go(Frame::Narrowing(GiveUp { turn, got, rest }));
                } else {
                    drained(cpu, turn, got);
                }
            }
            // Narrow or not; the next access is the unlock.
            (Unlock, _) => {}
            other => unreachable!("{other:?}"),
        }
    }

    pub fn rebase(&mut self, rebased: usize, by: u8) {
        if rebased == POCKET {
            return;
        }
        let before = |index: &u8| rebased < usize::from(*index);
        match self {
            Taken { index, left, .. } if before(index) => *left = left.wrapping_add(by),
            Added { index, added, .. } if before(index) => *added = added.wrapping_sub(by),
            Added { left, .. } => *left = left.wrapping_add(by),
            TakesBack { added, .. }
            | Returned { added, .. }
            | Load { added }
            | Exchange { added, .. } => *added = added.wrapping_sub(by),
            NoRoom { index, added, .. } if rebased == usize::from(*index) => {
                *added = added.wrapping_sub(by);
            }
            _ => {}
        }
    }
}

/// Begins without setting *proving*.
fn hold(cpu: &mut Cpu, waiting: Frame, turn: bool) {
    cpu.call(waiting, Frame::Narrowing(Begin { turn }));
    next_held(cpu, turn, 0, 0);
}

fn next_held(cpu: &mut Cpu, turn: bool, index: u8, held: u8) {
    if usize::from(index) < cpu.rules.segments {
        let waiting = Frame::Narrowing(Held { turn, index, held });
        cpu.call(waiting, segment::At::begin(index, segment::Want::Held));
    } else if held == 0 {
        prove(cpu, turn);
    } else if cpu.without(Omission::DrainingAnnounces) {
        drain(cpu, turn, held);
    } else {
        cpu.go(Frame::Narrowing(Announce { turn, held }));
    }
}

fn drain(cpu: &mut Cpu, turn: bool, held: u8) {
    collect::At::from_segments(cpu, Frame::Narrowing(Drained { turn, held }), held);
}

fn drained(cpu: &mut Cpu, turn: bool, got: u8) {
    if got == 0 {
        prove(cpu, turn);
    } else if cpu.without(Omission::DrainingPutsBeforeItCloses) {
        cpu.go(Frame::Narrowing(Close {
            turn,
            got,
            put: false,
        }));
    } else {
        cpu.go(Frame::Narrowing(Put {
            turn,
            got,
            closed: false,
        }));
    }
}

fn close(cpu: &mut Cpu, units: u8) {
    let pocket = &mut cpu.shared.places[POCKET];
    pocket.taken.units = pocket.taken.units.wrapping_add(units);
}

fn prove(cpu: &mut Cpu, turn: bool) {
    cpu.go(Frame::Narrowing(Taken {
        turn,
        index: 0,
        left: 0,
    }));
}

fn proved(cpu: &mut Cpu, turn: bool, left: u8, added: u8) {
    if left != 0 && !cpu.without(Omission::SegmentsAreProvedEmpty) {
        cpu.go(Frame::Narrowing(End));
    } else if turn {
        cpu.go(spread::At::turn(added));
    } else {
        cpu.go(Frame::Narrowing(Load { added }));
    }
}

fn try_close(cpu: &mut Cpu, added: u8, word: Word) {
    let unasked = cpu.without(Omission::NarrowingAsksWhetherItWasCancelled)
        || cpu.without(Omission::ProvingIsSet);
    if word.proving || unasked && word.wide {
        cpu.go(Frame::Narrowing(Exchange { added, seen: word }));
    } else {
        cpu.ret(Value::NotWhole);
    }
}

fn rooms(cpu: &mut Cpu, index: u8, word: Word) {
    if usize::from(index) < cpu.rules.segments && cpu.rules.restocks {
        cpu.go(Frame::Narrowing(Room { index, word }));
    } else {
        cpu.ret(Value::Whole(word));
    }
}

/// Enters in the books what was restocked to segments until they were proved empty. Under the mutex,
/// which makes it no access.
pub fn enter_restocks(cpu: &mut Cpu, added: u8) {
    if cpu.rules.tuning.loses_patience {
        cpu.shared.narrowings = (cpu.shared.narrowings + 1).min(8);
    }
    if cpu.without(Omission::RestocksAreEntered) {
        return;
    }
    let fresh = added.wrapping_sub(cpu.shared.entered);
    cpu.shared.entered = added;
    cpu.shared.restocked = cpu.shared.restocked.wrapping_add(fresh);
}

/// Notes that `units` of the segments' `added` were moved there, and not restocked.
pub fn enter_moved(cpu: &mut Cpu, units: u8) {
    if !cpu.without(Omission::WhatIsMovedIsNoRestock) {
        cpu.shared.entered = cpu.shared.entered.wrapping_add(units);
    }
}
