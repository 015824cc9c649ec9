//! A commit, which moves no units. Returns `Done`.

use crate::machine::{Cpu, Frame, Value};
use crate::memory::Word;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum At {
    /// Whether there are segments.
    Grown,
    /// Whether there are segments by now.
    StillNone,
    Word,
    Exchange(Word),
    // Where units are owed, it is counted under the mutex.
    Lock,
    Balance(Option<Word>),
    Unlock,
}

impl At {
    pub fn step(self, cpu: &mut Cpu) {
        let units = cpu.units();
        match self {
            // That there are segments stays so: it is one step to see them and to write to one.
            Self::Grown | Self::StillNone if cpu.shared.grown => {
                let own = cpu.own();
                let segment = cpu.place(own);
                segment.committed = segment.committed.wrapping_add(units);
                cpu.ret(Value::Done);
            }
            Self::Grown => cpu.go(Frame::Commit(Self::StillNone)),
            Self::StillNone => cpu.go(Frame::Commit(Self::Word)),
            Self::Word => go_on(cpu, cpu.shared.word),
            Self::Exchange(seen) => {
                let Some(next) = seen.committed(units) else {
                    unreachable!("the word was seen to owe nothing");
                };
                match cpu.exchange(seen, next) {
                    Ok(()) => cpu.ret(Value::Done),
                    Err(seen) => go_on(cpu, seen),
                }
            }
            Self::Lock => {
                cpu.lock();
                cpu.go(Frame::Commit(Self::Balance(None)));
            }
            Self::Balance(None) => {
                let seen = Some(cpu.shared.word);
                cpu.go(Frame::Commit(Self::Balance(seen)));
            }
            Self::Balance(Some(seen)) => match cpu.exchange(
                seen,
                Word {
                    reserved: 0,
                    ..seen
                },
            ) {
                Ok(()) => {
                    let reserved = seen.reserved.wrapping_sub(units);
                    cpu.shared.reserved = cpu.shared.reserved.wrapping_add(reserved);
                    cpu.go(Frame::Commit(Self::Unlock));
                }
                Err(seen) => cpu.go(Frame::Commit(Self::Balance(Some(seen)))),
            },
            Self::Unlock => {
                cpu.unlock();
                cpu.ret(Value::Done);
            }
        }
    }
}

fn go_on(cpu: &mut Cpu, word: Word) {
    // A stock that owes has segments: only a call that looked for them before comes here then.
    cpu.go(Frame::Commit(if word.owing {
        At::Lock
    } else {
        At::Exchange(word)
    }));
}
