//! A `deduct_up_to` or a `reserve_up_to`. Returns `Units`.

use crate::machine::{Cpu, Frame, Value};
use crate::memory::Word;
use crate::steps::{gather, lost, narrowing, proof, second_look, segment, take};

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
    /// Waits for the gather.
    Gather,
}
use At::*;

impl At {
    pub fn step(self, cpu: &mut Cpu) {
        let (word, units) = (cpu.shared.word, cpu.units());
        match self {
            Load => match (word.wide, cpu.me.seat) {
                (true, Some(own)) if take::at_once(cpu) => {
                    cpu.call(Frame::UpTo(Own), segment::At::take(own));
                }
                (true, _) => proof::At::begin(cpu, Frame::UpTo(Proof)),
                (false, _) if word.units.min(units) == 0 => cpu.ret(Value::Units(0)),
                (false, _) => cpu.go(Frame::UpTo(Exchange(word))),
            },
            Exchange(seen) => {
                let part = seen.units.min(units);
                let reserves = cpu.reserves();
                match cpu.exchange(seen, seen.taken(part, reserves)) {
                    Ok(()) => cpu.ret(Value::Units(part)),
                    Err(seen) => lost::At::begin(cpu, Frame::UpTo(Lost), seen, part),
                }
            }
            _ => unreachable!("{self:?} waits"),
        }
    }

    pub fn resume(self, cpu: &mut Cpu, value: Value) {
        let units = cpu.units();
        match (self, value) {
            (Lost, _) | (Gather, Value::Again) => cpu.go(Frame::UpTo(Load)),
            (Own, Value::Taken) if take::looks_again(cpu) => {
                cpu.call(Frame::UpTo(Look), Frame::SecondLook(second_look::At::Quick));
            }
            (Own, Value::Taken) => cpu.ret(Value::Units(units)),
            (Own, _) => proof::At::begin(cpu, Frame::UpTo(Proof)),
            (Look, _) => cpu.ret(Value::Units(units)),
            (Proof, Value::Units(0)) => narrowing::At::try_once(cpu, Frame::UpTo(Nothing)),
            (Proof, Value::Units(bound)) => gather::At::begin(cpu, Frame::UpTo(Gather), bound),
            (Nothing, _) => cpu.ret(Value::Units(0)),
            (Gather, value) => cpu.ret(value),
            other => unreachable!("{other:?}"),
        }
    }
}
