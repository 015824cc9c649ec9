//! The second look of a put or a take that changed a segment. Unless the word is plainly wide, the change
//! came too late for the thread that makes the stock narrow, and cancels that. Returns `Done`, or `Owing` if
//! the stock owes.

use crate::machine::{Cpu, Frame, Value};
use crate::memory::Word;
use crate::omissions::Omission;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum At {
    /// The look of the paths that most calls take.
    Quick,
    Load,
    Exchange(Word),
}

impl At {
    pub fn step(self, cpu: &mut Cpu) {
        let word = cpu.shared.word;
        match self {
            Self::Quick if !word.is_plainly_wide() => cpu.go(Frame::SecondLook(Self::Load)),
            Self::Quick => cpu.ret(Value::Done),
            Self::Load => go_on(cpu, word),
            Self::Exchange(seen) => match cpu.exchange(seen, seen.reopened()) {
                Ok(()) => cpu.ret(Value::Done),
                Err(seen) => go_on(cpu, seen),
            },
        }
    }
}

fn go_on(cpu: &mut Cpu, word: Word) {
    if word.is_plainly_wide() {
        cpu.ret(Value::Done);
    } else if word.owing && !cpu.without(Omission::LatePutLeavesAWordThatOwes) {
        cpu.ret(Value::Owing);
    } else {
        cpu.go(Frame::SecondLook(At::Exchange(word)));
    }
}
