//! A gather: units of several segments, under the cold mutex, announced in the pocket. Returns `Units`,
//! `Refused` or `Again`.

use crate::machine::{Cpu, Frame, Value};
use crate::memory::POCKET;
use crate::omissions::Omission;
use crate::steps::{collect, narrowing, proof, spread};
use segstock_model::Op;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum At {
    /// Waits for the mutex. The bound is what there was when the gather was found necessary.
    Lock(u8),
    /// Whether the units lie, or are brought, where the caller looks before it gathers.
    Elsewhere(u8),
    /// Waits for the word's units to be dealt out.
    Spread,
    /// Waits for the stock to be narrow.
    Narrow {
        bound: u8,
    },
    /// Waits for what was collected.
    Collect {
        in_hand: u8,
    },
    /// Waits for the proof.
    Proof {
        in_hand: u8,
    },
    PutBack {
        in_hand: u8,
        bound: u8,
        closed: bool,
    },
    Close {
        in_hand: u8,
        value: Value,
    },
    /// Closes before it puts back, which is wrong.
    CloseFirst {
        in_hand: u8,
        bound: u8,
    },
    Unlock {
        value: Value,
    },
}
use At::*;

impl At {
    pub fn begin(cpu: &mut Cpu, waiting: Frame, bound: u8) {
        cpu.call(waiting, Frame::Gather(Lock(bound)));
    }

    pub fn step(self, cpu: &mut Cpu) {
        match self {
            Lock(bound) => {
                cpu.lock();
                cpu.go(Frame::Gather(Elsewhere(bound)));
            }
            Elsewhere(bound) => elsewhere(cpu, bound),
            PutBack {
                in_hand,
                bound,
                closed,
            } => {
                let own = cpu.own();
                cpu.bring(own, in_hand);
                let value = Value::Refused(bound);
                if closed {
                    cpu.go(Frame::Gather(Unlock { value }));
                } else {
                    close(cpu, in_hand, value);
                }
            }
            Close { in_hand, value } => {
                close_pocket(cpu, in_hand);
                cpu.go(Frame::Gather(Unlock { value }));
            }
            CloseFirst { in_hand, bound } => {
                close_pocket(cpu, in_hand);
                cpu.go(Frame::Gather(PutBack {
                    in_hand,
                    bound,
                    closed: true,
                }));
            }
            Unlock { value } => {
                cpu.unlock();
                cpu.ret(value);
            }
            Spread | Narrow { .. } | Collect { .. } | Proof { .. } => {
                unreachable!("{self:?} waits")
            }
        }
    }

    pub fn resume(self, cpu: &mut Cpu, value: Value) {
        match (self, value) {
            (Spread, _) | (Narrow { .. }, Value::Done) => {
                cpu.go(Frame::Gather(Unlock {
                    value: Value::Again,
                }));
            }
            (Narrow { bound }, _) => go_on(cpu, 0, bound),
            (Collect { in_hand }, Value::Units(part)) => {
                let in_hand = in_hand + part;
                if in_hand == cpu.units() {
                    done(cpu, in_hand);
                } else {
                    proof::At::begin(cpu, Frame::Gather(Proof { in_hand }));
                }
            }
            (Proof { in_hand }, Value::Units(bound)) => judge(cpu, in_hand, bound),
            other => unreachable!("{other:?}"),
        }
    }
}

fn elsewhere(cpu: &mut Cpu, bound: u8) {
    let (word, tuning) = (cpu.shared.word, cpu.rules.tuning);
    if !word.wide && !cpu.without(Omission::GatherLeavesANarrowWordAlone) {
        cpu.go(Frame::Gather(Unlock {
            value: Value::Again,
        }));
    } else if tuning.is_enough(word.units) {
        spread::At::spread(cpu, Frame::Gather(Spread));
    } else if tuning.is_little(bound) {
        narrowing::At::narrow(cpu, Frame::Gather(Narrow { bound }));
    } else {
        go_on(cpu, 0, bound);
    }
}

fn go_on(cpu: &mut Cpu, in_hand: u8, bound: u8) {
    let missing = cpu.units() - in_hand;
    let bound = bound.saturating_sub(in_hand);
    collect::At::gather(cpu, Frame::Gather(Collect { in_hand }), missing, bound);
}

fn is_up_to(cpu: &Cpu) -> bool {
    matches!(cpu.op(), Some(Op::DeductUpTo(_) | Op::ReserveUpTo(_)))
}

fn announces(cpu: &Cpu) -> bool {
    !cpu.without(if is_up_to(cpu) {
        Omission::UpToAnnounces
    } else {
        Omission::GatherAnnounces
    })
}

/// Ends if the proof says so, and goes on with what is in hand if it does not.
fn judge(cpu: &mut Cpu, in_hand: u8, bound: u8) {
    // What is in hand is announced, and so in the sum; without an announcement it is not.
    let bound = if announces(cpu) {
        bound
    } else {
        bound.wrapping_add(in_hand)
    };
    if is_up_to(cpu) {
        if bound == in_hand || cpu.without(Omission::UpToProvesThatItWasAll) {
            done(cpu, in_hand);
        } else {
            go_on(cpu, in_hand, bound);
        }
        return;
    }
    let bound = if cpu.without(Omission::GatherProvesItsRefusal) {
        in_hand
    } else {
        bound
    };
    if bound >= cpu.units() {
        go_on(cpu, in_hand, bound);
    } else if in_hand == 0 {
        close(cpu, in_hand, Value::Refused(bound));
    } else if announces(cpu) && cpu.without(Omission::GatherPutsBackBeforeItCloses) {
        cpu.go(Frame::Gather(CloseFirst { in_hand, bound }));
    } else {
        cpu.go(Frame::Gather(PutBack {
            in_hand,
            bound,
            closed: false,
        }));
    }
}

fn done(cpu: &mut Cpu, in_hand: u8) {
    if cpu.reserves() && !cpu.without(Omission::GatherNotesWhatItReserves) {
        cpu.shared.reserved = cpu.shared.reserved.wrapping_add(in_hand);
    }
    close(cpu, in_hand, Value::Units(in_hand));
}

fn close(cpu: &mut Cpu, in_hand: u8, value: Value) {
    let closes = in_hand > 0 && announces(cpu) && !cpu.without(Omission::GatherCloses);
    cpu.go(Frame::Gather(if closes {
        Close { in_hand, value }
    } else {
        Unlock { value }
    }));
}

fn close_pocket(cpu: &mut Cpu, in_hand: u8) {
    let pocket = &mut cpu.shared.places[POCKET];
    pocket.taken.units = pocket.taken.units.wrapping_add(in_hand);
}
