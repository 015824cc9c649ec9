//! Widening: the word's units are announced, taken out in the exchange that leaves the word wide, and
//! dealt out. Returns what the word was, if it turns over, and otherwise nothing.

use crate::machine::{Cpu, Frame, Value};
use crate::memory::{Limit, POCKET, Word};
use crate::omissions::Omission;
use crate::steps::narrowing;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum At {
    /// A thread that widens waits for the cold mutex.
    Lock,
    /// Whether the stock is narrow.
    Narrow,
    /// The segments are made.
    Grow,
    Load {
        turn: Option<u8>,
    },
    Announce {
        turn: Option<u8>,
        seen: Word,
        announced: u8,
        more: u8,
    },
    Exchange {
        turn: Option<u8>,
        seen: Word,
        announced: u8,
    },
    /// What was in the word is dealt out.
    Room {
        deal: Deal,
    },
    WidenRoom {
        deal: Deal,
    },
    Put {
        deal: Deal,
    },
    Close {
        deal: Deal,
    },
    Unlock,
}
use At::*;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Deal {
    /// What the word was; of a widening, only its units.
    word: Word,
    announced: u8,
    index: u8,
    closed: bool,
}

/// The share of segment `index`, when `units` are dealt out evenly.
pub fn share(cpu: &Cpu, units: u8, index: u8) -> u8 {
    let segments = cpu.rules.segments as u8;
    units / segments + u8::from(index < units % segments)
}

impl At {
    /// Widens, if the stock is narrow.
    pub fn widen(cpu: &mut Cpu, waiting: Frame) {
        cpu.call(waiting, Frame::Spread(Narrow));
    }

    /// Deals out the word's units.
    pub fn spread(cpu: &mut Cpu, waiting: Frame) {
        cpu.call(waiting, Frame::Spread(Load { turn: None }));
    }

    /// Deals out the word's units, and enters what was `added` to the segments, which are proved empty.
    pub fn turn(added: u8) -> Frame {
        Frame::Spread(Load { turn: Some(added) })
    }

    pub fn step(self, cpu: &mut Cpu) {
        match self {
            Lock => {
                _ = cpu.try_lock();
                Self::widen(cpu, Frame::Spread(Unlock));
            }
            Narrow if cpu.shared.word.wide => cpu.ret(Value::Done),
            Narrow if cpu.shared.grown => cpu.go(Frame::Spread(Load { turn: None })),
            // A commit alone looks for segments before the word is wide.
            Narrow if cpu.rules.commits => cpu.go(Frame::Spread(Grow)),
            Narrow | Grow => {
                cpu.shared.grown = true;
                cpu.go(Frame::Spread(Load { turn: None }));
            }
            Load { turn } => announce(cpu, turn, cpu.shared.word, 0),
            Announce {
                turn,
                seen,
                announced,
                more,
            } => {
                let pocket = &mut cpu.shared.places[POCKET];
                pocket.added = pocket.added.wrapping_add(more);
                let announced = announced + more;
                cpu.go(Frame::Spread(Exchange {
                    turn,
                    seen,
                    announced,
                }));
            }
            Exchange {
                turn,
                seen,
                announced,
            } => match cpu.exchange(seen, seen.opened()) {
                Ok(()) => opened(cpu, turn, seen, announced),
                Err(seen) => announce(cpu, turn, seen, announced),
            },
            Room { mut deal } => {
                cpu.shared.places[usize::from(deal.index)].limit = Limit::Far;
                deal.index += 1;
                rooms(cpu, deal);
            }
            WidenRoom { deal } => {
                let units = share(cpu, deal.word.units, deal.index);
                cpu.shared.places[usize::from(deal.index)].widen_room(units);
                cpu.go(Frame::Spread(Put { deal }));
            }
            Put { mut deal } => {
                let units = share(cpu, deal.word.units, deal.index);
                narrowing::enter_moved(cpu, units);
                let segment = &mut cpu.shared.places[usize::from(deal.index)];
                segment.added = segment.added.wrapping_add(units);
                deal.index += 1;
                puts(cpu, deal);
            }
            Close { mut deal } => {
                let pocket = &mut cpu.shared.places[POCKET];
                pocket.taken.units = pocket.taken.units.wrapping_add(deal.announced);
                deal.closed = true;
                if cpu.without(Omission::WideningPutsBeforeItCloses) {
                    puts(cpu, deal);
                } else {
                    cpu.ret(Value::Whole(deal.word));
                }
            }
            Unlock => {
                cpu.unlock();
                cpu.ret(Value::Done);
            }
        }
    }

    pub fn resume(self, _: &mut Cpu, _: Value) {
        // Widened; the next access is the unlock.
    }

    pub fn rebase(&mut self, rebased: usize, by: u8) {
        match self {
            Load { turn: Some(added) }
            | Announce {
                turn: Some(added), ..
            }
            | Exchange {
                turn: Some(added), ..
            } if rebased != POCKET => {
                *added = added.wrapping_sub(by);
            }
            _ => {}
        }
    }
}

/// Announces the units of a word that is to be opened, unless that many are announced.
fn announce(cpu: &mut Cpu, turn: Option<u8>, seen: Word, announced: u8) {
    let omission = match turn {
        Some(_) => Omission::TurningOverAnnounces,
        None => Omission::WideningAnnounces,
    };
    let more = if announced < seen.units && !cpu.without(omission) {
        seen.units + seen.units / 8 - announced
    } else {
        0
    };
    cpu.go(Frame::Spread(if more == 0 {
        Exchange {
            turn,
            seen,
            announced,
        }
    } else {
        Announce {
            turn,
            seen,
            announced,
            more,
        }
    }));
}

fn opened(cpu: &mut Cpu, turn: Option<u8>, was: Word, announced: u8) {
    let mut word = was;
    match turn {
        Some(added) => narrowing::enter_restocks(cpu, added),
        None => {
            word = Word {
                units: was.units,
                ..Word::default()
            };
        }
    }
    let deal = Deal {
        word,
        announced,
        index: 0,
        closed: false,
    };
    if was.is_plainly_wide() {
        deal_out(cpu, deal);
    } else {
        rooms(cpu, deal);
    }
}

/// The stores of how much may be restocked, but for those that change nothing.
fn rooms(cpu: &mut Cpu, mut deal: Deal) {
    while usize::from(deal.index) < cpu.rules.segments && cpu.rules.restocks {
        if cpu.shared.places[usize::from(deal.index)].limit != Limit::Far {
            return cpu.go(Frame::Spread(Room { deal }));
        }
        deal.index += 1;
    }
    deal.index = 0;
    deal_out(cpu, deal);
}

fn deal_out(cpu: &mut Cpu, deal: Deal) {
    if cpu.without(Omission::WideningPutsBeforeItCloses) && deal.announced > 0 {
        cpu.go(Frame::Spread(Close { deal }));
    } else {
        puts(cpu, deal);
    }
}

fn puts(cpu: &mut Cpu, mut deal: Deal) {
    while usize::from(deal.index) < cpu.rules.segments {
        if share(cpu, deal.word.units, deal.index) > 0 {
            let moves_limit = cpu.rules.restocks
                && cpu.shared.places[usize::from(deal.index)].limit != Limit::Far;
            return cpu.go(Frame::Spread(if moves_limit {
                WidenRoom { deal }
            } else {
                Put { deal }
            }));
        }
        deal.index += 1;
    }
    if deal.announced > 0 && !deal.closed {
        cpu.go(Frame::Spread(Close { deal }));
    } else {
        cpu.ret(Value::Whole(deal.word));
    }
}
