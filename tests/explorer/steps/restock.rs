//! A restock. Returns `Done`: no scenario comes near the limit of a stock.

use crate::machine::{Cpu, Frame, Value};
use crate::memory::{Limit, POCKET, Word};
use crate::omissions::Omission;
use crate::steps::{lost, narrowing, second_look, spread};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum At {
    Load,
    Exchange(Word),
    Slow,
    SlowExchange(Word),
    /// Waits for what a lost exchange leads to.
    SlowLost,
    /// How much may be restocked to a segment.
    RoomLimit(Path),
    RoomAdded {
        path: Path,
        limit: u8,
    },
    Put {
        quick: bool,
    },
    // Under the mutex.
    Lock,
    WasWide,
    Announce,
    DealPut {
        index: u8,
        closed: bool,
    },
    Close {
        put: bool,
    },
    /// Makes the stock narrow, however often that is cancelled.
    Sure {
        was_wide: bool,
    },
    /// Waits for the narrowing.
    SureNarrow {
        was_wide: bool,
    },
    More {
        was_wide: bool,
        word: Word,
    },
    Unlock,
}
use At::*;

/// Who asks for the room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Path {
    Quick,
    Slow,
    /// A restock that is dealt out, of segment `index`.
    Deal {
        index: u8,
    },
}

impl At {
    pub fn step(self, cpu: &mut Cpu) {
        let units = cpu.units();
        match self {
            Load => {
                let word = cpu.shared.word;
                let few = !cpu.rules.tuning.is_enough(units);
                cpu.go(Frame::Restock(
                    match (word.is_plainly_wide(), cpu.me.seat) {
                        (true, Some(_)) if few => RoomLimit(Path::Quick),
                        (true, _) => Slow,
                        (false, _) => Exchange(word),
                    },
                ));
            }
            Exchange(seen) => match cpu.exchange(seen, seen.restocked(units)) {
                Ok(()) => cpu.ret(Value::Done),
                Err(_) => cpu.go(Frame::Restock(Slow)),
            },
            Slow => {
                let word = cpu.shared.word;
                if !word.is_plainly_wide() {
                    return cpu.go(Frame::Restock(SlowExchange(word)));
                }
                // It sits down, whether it puts there or not.
                _ = cpu.own();
                cpu.go(Frame::Restock(if cpu.rules.tuning.is_enough(units) {
                    Lock
                } else {
                    RoomLimit(Path::Slow)
                }));
            }
            SlowExchange(seen) => match cpu.exchange(seen, seen.restocked(units)) {
                Ok(()) => cpu.ret(Value::Done),
                Err(seen) => lost::At::begin(cpu, Frame::Restock(SlowLost), seen, units),
            },
            RoomLimit(path) => {
                let place = place(cpu, path);
                match cpu.shared.places[place].limit {
                    Limit::Far => has_room(cpu, path),
                    Limit::At(limit) => cpu.go(Frame::Restock(RoomAdded { path, limit })),
                }
            }
            RoomAdded { path, limit } => {
                let room = limit.wrapping_sub(cpu.shared.places[place(cpu, path)].added);
                let wanted = match path {
                    Path::Deal { index } => spread::share(cpu, units, index),
                    Path::Quick | Path::Slow => units,
                };
                // Past the limit it reads as a huge number.
                if room <= u8::MAX / 2 && wanted <= room || wanted == 0 {
                    has_room(cpu, path);
                } else {
                    cpu.go(Frame::Restock(match path {
                        Path::Quick => Slow,
                        Path::Slow => Lock,
                        Path::Deal { .. } => Sure { was_wide: true },
                    }));
                }
            }
            Put { quick } => {
                let own = usize::from(cpu.own());
                put(cpu, own, units);
                if cpu.without(Omission::PutLooksAgain) {
                    cpu.ret(Value::Done);
                } else if quick {
                    cpu.go(Frame::SecondLook(second_look::At::Quick));
                } else {
                    cpu.go(Frame::SecondLook(second_look::At::Load));
                }
            }
            _ => self.move_units(cpu, units),
        }
    }

    /// Under the mutex.
    fn move_units(self, cpu: &mut Cpu, units: u8) {
        match self {
            Lock => {
                _ = cpu.try_lock();
                cpu.go(Frame::Restock(WasWide));
            }
            WasWide if cpu.shared.word.wide => {
                cpu.go(Frame::Restock(RoomLimit(Path::Deal { index: 0 })));
            }
            WasWide => cpu.go(Frame::Restock(Sure { was_wide: false })),
            Announce => {
                put(cpu, POCKET, units);
                deal(cpu, 0, false);
            }
            DealPut { index, closed } => {
                let share = spread::share(cpu, units, index);
                put(cpu, usize::from(index), share);
                deal(cpu, index + 1, closed);
            }
            Close { put } => {
                let pocket = &mut cpu.shared.places[POCKET];
                pocket.taken.units = pocket.taken.units.wrapping_add(units);
                if put {
                    cpu.go(Frame::Restock(Unlock));
                } else {
                    deal(cpu, 0, true);
                }
            }
            Sure { was_wide } if cpu.shared.word.wide => {
                narrowing::At::begin(cpu, Frame::Restock(SureNarrow { was_wide }), false);
            }
            Sure { was_wide } => {
                let word = cpu.shared.word;
                cpu.go(Frame::Restock(More { was_wide, word }));
            }
            More { was_wide, word } => {
                let next = Word {
                    fresh: 0,
                    ..word.more(units)
                };
                match cpu.exchange(word, next) {
                    Ok(()) => {
                        let restocked = word.fresh.wrapping_add(units);
                        cpu.shared.restocked = cpu.shared.restocked.wrapping_add(restocked);
                        if was_wide {
                            spread::At::widen(cpu, Frame::Restock(Unlock));
                        } else {
                            cpu.go(Frame::Restock(Unlock));
                        }
                    }
                    Err(_) => cpu.go(Frame::Restock(Sure { was_wide })),
                }
            }
            Unlock => {
                cpu.unlock();
                cpu.ret(Value::Done);
            }
            _ => unreachable!("{self:?} waits"),
        }
    }

    pub fn resume(self, cpu: &mut Cpu, value: Value) {
        match (self, value) {
            (SlowLost, _) => cpu.go(Frame::Restock(Slow)),
            (SureNarrow { was_wide }, Value::Whole(word)) => {
                cpu.go(Frame::Restock(More { was_wide, word }));
            }
            (SureNarrow { was_wide }, _) => cpu.go(Frame::Restock(Sure { was_wide })),
            // Widened; the next access is the unlock.
            (Unlock, _) => {}
            other => unreachable!("{other:?}"),
        }
    }

    pub fn rebase(&mut self, rebased: usize, by: u8, own: Option<u8>) {
        if let RoomAdded { path, limit } = self {
            let place = match *path {
                Path::Deal { index } => Some(index),
                Path::Quick | Path::Slow => own,
            };
            if place.map(usize::from) == Some(rebased) {
                *limit = limit.wrapping_sub(by);
            }
        }
    }
}

fn place(cpu: &mut Cpu, path: Path) -> usize {
    usize::from(match path {
        Path::Quick | Path::Slow => cpu.own(),
        Path::Deal { index } => index,
    })
}

fn put(cpu: &mut Cpu, place: usize, units: u8) {
    let place = &mut cpu.shared.places[place];
    place.added = place.added.wrapping_add(units);
}

fn has_room(cpu: &mut Cpu, path: Path) {
    match path {
        Path::Quick => cpu.go(Frame::Restock(Put { quick: true })),
        Path::Slow => cpu.go(Frame::Restock(Put { quick: false })),
        Path::Deal { index } if usize::from(index) + 1 < cpu.rules.segments => {
            let index = index + 1;
            cpu.go(Frame::Restock(RoomLimit(Path::Deal { index })));
        }
        Path::Deal { .. } if cpu.without(Omission::RestockAnnounces) => deal(cpu, 0, true),
        Path::Deal { .. } => cpu.go(Frame::Restock(Announce)),
    }
}

/// Puts the shares of the segments from `index` on.
fn deal(cpu: &mut Cpu, mut index: u8, closed: bool) {
    let units = cpu.units();
    if !closed && cpu.without(Omission::RestockPutsBeforeItCloses) {
        return cpu.go(Frame::Restock(Close { put: false }));
    }
    while usize::from(index) < cpu.rules.segments {
        if spread::share(cpu, units, index) > 0 {
            return cpu.go(Frame::Restock(DealPut { index, closed }));
        }
        index += 1;
    }
    cpu.go(Frame::Restock(if closed {
        Unlock
    } else {
        Close { put: true }
    }));
}
