//! Restock and release, which are one path. Returns `Done`: no scenario comes near the limit of a stock.

use crate::machine::{Cpu, Frame, Value};
use crate::memory::{BLOCK, Word};
use crate::omissions::Omission;
use crate::steps::{lost, owed, second_look, spread};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum At {
    Load,
    /// The first exchange; after it the slow path.
    Exchange(Word),
    Slow,
    SlowExchange(Word),
    /// Waits for what a lost exchange leads to.
    Lost,
    /// The put to the own segment.
    Put,
    /// Waits for the second look. `full`: the limit is to be checked.
    Look {
        full: bool,
    },
    /// The stock owes: the late put pays.
    LockToPay {
        full: bool,
    },
    /// Waits for the payment.
    Paid {
        full: bool,
    },
    UnlockPaid {
        full: bool,
    },
    /// The check of the limit reads, and finds the stock far from it.
    LockToCheck,
    UnlockChecked,
    // Under the mutex.
    Lock,
    /// A restock waits for the payments of late puts.
    Late,
    Add(Option<Word>),
    Unlock,
}
use At::*;

impl At {
    pub fn step(self, cpu: &mut Cpu) {
        let (word, units, restocks) = (cpu.shared.word, cpu.units(), cpu.restocks());
        match self {
            Load if word.is_plainly_wide() => {
                let quick = cpu.me.seat.is_some() && at_once(cpu);
                cpu.go(Frame::Put(if quick { Put } else { Slow }));
            }
            Load if word.owing => cpu.go(Frame::Put(Slow)),
            Load => cpu.go(Frame::Put(Exchange(word))),
            Slow if word.is_plainly_wide() => {
                cpu.go(Frame::Put(if at_once(cpu) { Put } else { Lock }));
            }
            Slow if word.owing => cpu.go(Frame::Put(Lock)),
            Slow => cpu.go(Frame::Put(SlowExchange(word))),
            Exchange(seen) | SlowExchange(seen) => {
                let Some(next) = seen.put(units, restocks) else {
                    unreachable!("the word was seen to owe nothing");
                };
                match (cpu.exchange(seen, next), self) {
                    (Ok(()), _) => cpu.ret(Value::Done),
                    (Err(_), Exchange(_)) => cpu.go(Frame::Put(Slow)),
                    (Err(seen), _) => lost::At::begin(cpu, Frame::Put(Lost), seen, units),
                }
            }
            Put => put(cpu, units, restocks),
            LockToPay { full } => {
                cpu.lock();
                owed::At::pay_late_puts(cpu, Frame::Put(Paid { full }));
            }
            UnlockPaid { full } => {
                cpu.unlock();
                check(cpu, full);
            }
            LockToCheck => {
                cpu.lock();
                cpu.go(Frame::Put(UnlockChecked));
            }
            UnlockChecked | Unlock => {
                cpu.unlock();
                cpu.ret(Value::Done);
            }
            Lock => {
                cpu.lock();
                if word.owing && restocks {
                    owed::At::pay_late_puts(cpu, Frame::Put(Late));
                } else if word.owing && !cpu.without(Omission::ReleasePays) {
                    cpu.shared.reserved = cpu.shared.reserved.wrapping_sub(units);
                    owed::At::pay(cpu, Frame::Put(Unlock), units);
                } else {
                    cpu.go(Frame::Put(Add(None)));
                }
            }
            Add(None) => cpu.go(Frame::Put(Add(Some(word)))),
            Add(Some(seen)) => add(cpu, seen, units, restocks),
            _ => unreachable!("{self:?} waits"),
        }
    }

    pub fn resume(self, cpu: &mut Cpu, value: Value) {
        match (self, value) {
            (Lost, _) => cpu.go(Frame::Put(Slow)),
            (Look { full }, Value::Owing) if !cpu.without(Omission::LatePutPays) => {
                cpu.go(Frame::Put(LockToPay { full }));
            }
            (Look { full }, _) => check(cpu, full),
            (Paid { full }, _) => cpu.go(Frame::Put(UnlockPaid { full })),
            (Late, _)
                if !cpu.shared.word.owing
                    && !cpu.without(Omission::RestockLooksAgainAfterLatePuts) =>
            {
                cpu.go(Frame::Put(Add(None)));
            }
            (Late, _) => {
                let units = cpu.units();
                cpu.shared.restocked = cpu.shared.restocked.wrapping_add(units);
                owed::At::pay(cpu, Frame::Put(Unlock), units);
            }
            // Paid or dealt out; the next access is the unlock.
            (Unlock, _) => {}
            other => unreachable!("{other:?}"),
        }
    }
}

/// Whether a segment takes the units in one put.
fn at_once(cpu: &Cpu) -> bool {
    !cpu.restocks() || !cpu.rules.tuning.is_enough(cpu.units())
}

fn put(cpu: &mut Cpu, units: u8, restocks: bool) {
    let own = cpu.own();
    let is_restock = restocks || cpu.without(Omission::WhatIsReleasedIsNoRestock);
    let segment = cpu.place(own);
    let full = restocks && segment.added % BLOCK + units >= BLOCK;
    let counter = if is_restock {
        &mut segment.added
    } else {
        &mut segment.returned
    };
    *counter = counter.wrapping_add(units);
    let omission = if restocks {
        Omission::PutLooksAgain
    } else {
        Omission::ReleaseLooksAgain
    };
    if cpu.without(omission) {
        return check(cpu, full);
    }
    let look = if full {
        second_look::At::Load
    } else {
        second_look::At::Quick
    };
    cpu.call(Frame::Put(Look { full }), Frame::SecondLook(look));
}

fn check(cpu: &mut Cpu, full: bool) {
    if full {
        cpu.go(Frame::Put(LockToCheck));
    } else {
        cpu.ret(Value::Done);
    }
}

/// Adds the units to the word, and deals them out if the stock is wide.
fn add(cpu: &mut Cpu, seen: Word, units: u8, restocks: bool) {
    let next = seen.more(units);
    let next = if restocks {
        Word { fresh: 0, ..next }
    } else {
        Word {
            reserved: 0,
            ..next
        }
    };
    if let Err(seen) = cpu.exchange(seen, next) {
        return cpu.go(Frame::Put(Add(Some(seen))));
    }
    let shared = &mut *cpu.shared;
    if restocks {
        let restocked = seen.fresh.wrapping_add(units);
        shared.restocked = shared.restocked.wrapping_add(restocked);
    } else {
        let reserved = seen.reserved.wrapping_sub(units);
        shared.reserved = shared.reserved.wrapping_add(reserved);
    }
    if seen.wide {
        spread::At::spread(cpu, Frame::Put(Unlock));
    } else {
        cpu.go(Frame::Put(Unlock));
    }
}
