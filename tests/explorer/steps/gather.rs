//! A gather: units of several segments, under the cold mutex, announced in the pocket. Returns `Done`,
//! `Refused` or `Again`. What a `deduct_up_to` does under the mutex begins here and goes on in
//! [`up_to`](super::up_to).

use crate::machine::{Cpu, Frame, Value};
use crate::memory::{Limit, POCKET};
use crate::omissions::Omission;
use crate::op::Op;
use crate::steps::{collect, narrowing, proof, spread, up_to};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum At {
    /// Waits for the mutex. The bound is what there was when the gather was found necessary.
    Lock(u8),
    /// Whether the units lie, or are brought, where the caller looks before it gathers.
    Elsewhere(u8),
    /// Waits for the word's units to be dealt out.
    Spread,
    /// Waits for the stock to be narrow.
    Narrow,
    Announce,
    /// Waits for what was collected.
    Collect {
        in_hand: u8,
    },
    /// Waits for the proof.
    Proof {
        in_hand: u8,
    },
    WidenRoom {
        in_hand: u8,
        bound: u8,
        closed: bool,
    },
    PutBack {
        in_hand: u8,
        bound: u8,
        closed: bool,
    },
    Close {
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
                _ = cpu.try_lock();
                cpu.go(Frame::Gather(Elsewhere(bound)));
            }
            Elsewhere(bound) => elsewhere(cpu, bound),
            Announce => {
                let units = cpu.units();
                let pocket = &mut cpu.shared.places[POCKET];
                pocket.added = pocket.added.wrapping_add(units);
                go_on(cpu, 0);
            }
            WidenRoom {
                in_hand,
                bound,
                closed,
            } => {
                let own = usize::from(cpu.own());
                cpu.shared.places[own].widen_room(in_hand);
                cpu.go(Frame::Gather(PutBack {
                    in_hand,
                    bound,
                    closed,
                }));
            }
            PutBack {
                in_hand,
                bound,
                closed,
            } => {
                narrowing::enter_moved(cpu, in_hand);
                let own = usize::from(cpu.own());
                let segment = &mut cpu.shared.places[own];
                segment.added = segment.added.wrapping_add(in_hand);
                let value = Value::Refused(bound);
                if closed {
                    cpu.go(Frame::Gather(Unlock { value }));
                } else {
                    close(cpu, value);
                }
            }
            Close { value } => {
                close_pocket(cpu);
                cpu.go(Frame::Gather(Unlock { value }));
            }
            CloseFirst { in_hand, bound } => {
                close_pocket(cpu);
                put_back(cpu, in_hand, bound, true);
            }
            Unlock { value } => {
                cpu.unlock();
                cpu.ret(value);
            }
            Spread | Narrow | Collect { .. } | Proof { .. } => unreachable!("{self:?} waits"),
        }
    }

    pub fn resume(self, cpu: &mut Cpu, value: Value) {
        match (self, value) {
            (Spread, _) | (Narrow, Value::Whole(_)) => {
                cpu.go(Frame::Gather(Unlock {
                    value: Value::Again,
                }));
            }
            (Narrow, _) => begin(cpu),
            (Collect { in_hand }, Value::Units(part)) => {
                let in_hand = in_hand + part;
                if in_hand == cpu.units() {
                    close(cpu, Value::Done);
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
        narrowing::At::begin(cpu, Frame::Gather(Narrow), false);
    } else {
        begin(cpu);
    }
}

fn begin(cpu: &mut Cpu) {
    if let Some(Op::DeductUpTo(_)) = cpu.me.op {
        up_to::go_on(cpu, 0);
    } else if cpu.without(Omission::GatherAnnounces) {
        go_on(cpu, 0);
    } else {
        cpu.go(Frame::Gather(Announce));
    }
}

fn go_on(cpu: &mut Cpu, in_hand: u8) {
    let missing = cpu.units() - in_hand;
    collect::At::from_all(cpu, Frame::Gather(Collect { in_hand }), missing);
}

/// Refuses if the proof says so, and goes on with what is in hand if it does not.
fn judge(cpu: &mut Cpu, in_hand: u8, bound: u8) {
    // What is announced and not in hand was never there; without an announcement, what is in hand is
    // in no sum.
    let missing = if cpu.without(Omission::GatherAnnounces) {
        0_u8.wrapping_sub(in_hand)
    } else {
        cpu.units() - in_hand
    };
    let bound = if cpu.without(Omission::GatherProvesWhatIsMissing) {
        in_hand
    } else {
        bound.wrapping_sub(missing)
    };
    if bound >= cpu.units() {
        return go_on(cpu, in_hand);
    }
    let closes = !cpu.without(Omission::GatherAnnounces);
    if closes && cpu.without(Omission::GatherPutsBackBeforeItCloses) {
        cpu.go(Frame::Gather(CloseFirst { in_hand, bound }));
    } else {
        put_back(cpu, in_hand, bound, false);
    }
}

fn put_back(cpu: &mut Cpu, in_hand: u8, bound: u8, closed: bool) {
    let value = Value::Refused(bound);
    if in_hand == 0 {
        if closed {
            cpu.go(Frame::Gather(Unlock { value }));
        } else {
            close(cpu, value);
        }
        return;
    }
    let own = usize::from(cpu.own());
    let moves_limit = cpu.rules.restocks && cpu.shared.places[own].limit != Limit::Far;
    cpu.go(Frame::Gather(if moves_limit {
        WidenRoom {
            in_hand,
            bound,
            closed,
        }
    } else {
        PutBack {
            in_hand,
            bound,
            closed,
        }
    }));
}

fn close(cpu: &mut Cpu, value: Value) {
    cpu.go(Frame::Gather(
        if cpu.without(Omission::GatherAnnounces) || cpu.without(Omission::GatherCloses) {
            Unlock { value }
        } else {
            Close { value }
        },
    ));
}

fn close_pocket(cpu: &mut Cpu) {
    let units = cpu.units();
    let pocket = &mut cpu.shared.places[POCKET];
    pocket.taken.units = pocket.taken.units.wrapping_add(units);
}
