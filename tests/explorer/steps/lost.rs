//! An exchange on the narrow word that was lost: contention over enough units widens. Returns `Done`.

use crate::machine::{Cpu, Frame, Value};
use crate::memory::Word;
use crate::steps::spread;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum At {
    TryLock,
    Unlock,
}

impl At {
    /// Notes that an exchange for `order` units was lost to `seen`.
    pub fn begin(cpu: &mut Cpu, waiting: Frame, seen: Word, order: u8) {
        cpu.call(waiting, Frame::Lost(Self::TryLock));
        if seen.wide {
            return cpu.ret(Value::Done);
        }
        let tuning = cpu.rules.tuning;
        let can_share = tuning.loses_patience && seen.units / 2 >= order.max(1);
        if !tuning.is_plenty(seen.units, order) && !can_share {
            cpu.ret(Value::Done);
        }
    }

    pub fn step(self, cpu: &mut Cpu) {
        match self {
            Self::TryLock if cpu.try_lock() => spread::At::widen(cpu, Frame::Lost(Self::Unlock)),
            Self::TryLock => cpu.ret(Value::Done),
            Self::Unlock => {
                cpu.unlock();
                cpu.ret(Value::Done);
            }
        }
    }

    pub fn resume(self, _: &mut Cpu, _: Value) {
        // Widened; the next access is the unlock.
    }
}
