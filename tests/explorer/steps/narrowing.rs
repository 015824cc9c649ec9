//! The proof that all units are in the word: *proving* is set, all units are moved to the word, the segments
//! are proved empty. It returns `Totals`, or `NotWhole` if somebody cancelled it. And what follows: the word
//! is closed (`Done` or `NotWhole`), or its units are dealt out.

use crate::machine::{Cpu, Frame, Totals, Value};
use crate::memory::{POCKET, SUNK, Word, left};
use crate::omissions::Omission;
use crate::steps::{collect, spread};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum At {
    // One try to narrow, unless somebody is moving units: returns `Done`.
    TryLock,
    Wide,
    Unlock,
    // Proving alone.
    LockToProve,
    Prove,
    /// Narrowing: waits for the proof.
    Narrow,
    // The proof. With `sink`, the segments are sunk first.
    Begin {
        sink: bool,
    },
    /// Waits for what was collected.
    Drained {
        sink: bool,
    },
    Put {
        sink: bool,
        got: u8,
        closed: bool,
    },
    Close {
        sink: bool,
        got: u8,
        put: bool,
    },
    SinkPocket {
        index: u8,
    },
    SinkSegment {
        index: u8,
    },
    Taken {
        sink: bool,
        index: u8,
        totals: Totals,
    },
    Added {
        sink: bool,
        index: u8,
        totals: Totals,
    },
    Returned {
        sink: bool,
        index: u8,
        totals: Totals,
    },
    /// Waits for the segments to be raised.
    Fail,
    End,
    // Ends a sinking.
    RaiseSegment {
        index: u8,
    },
    RaisePocket {
        index: u8,
    },
    // Closes the word.
    CloseLoad,
    CloseExchange {
        seen: Word,
    },
}
use At::*;

impl At {
    /// Tries once to narrow, unless somebody else is moving units.
    pub fn try_once(cpu: &mut Cpu, waiting: Frame) {
        cpu.call(waiting, Frame::Narrowing(TryLock));
    }

    /// Tries once to narrow; under the mutex, on a wide stock.
    pub fn narrow(cpu: &mut Cpu, waiting: Frame) {
        cpu.call(waiting, Frame::Narrowing(Narrow));
        Self::prove(cpu, Frame::Narrowing(Narrow), false);
    }

    pub fn prove(cpu: &mut Cpu, waiting: Frame, sink: bool) {
        cpu.call(waiting, Frame::Narrowing(Begin { sink }));
        if cpu.without(Omission::ProvingIsSet) {
            collect::At::drain(cpu, Frame::Narrowing(Drained { sink }));
        }
    }

    pub fn raise(cpu: &mut Cpu, waiting: Frame) {
        cpu.call(waiting, Frame::Narrowing(RaiseSegment { index: 0 }));
        Self::raise_and_return(cpu);
    }

    /// Raises the segments in place of the topmost frame.
    pub fn raise_and_return(cpu: &mut Cpu) {
        if cpu.without(Omission::SegmentsAreSunk) {
            cpu.ret(Value::Done);
        } else {
            cpu.go(Frame::Narrowing(RaiseSegment { index: 0 }));
        }
    }

    /// After a proof: deals the `units` in the word out again if the stock was wide and they are enough, and
    /// closes the word otherwise.
    pub fn finish(cpu: &mut Cpu, waiting: Frame, was_wide: bool, units: u8) {
        if was_wide && cpu.rules.tuning.is_enough(units) {
            spread::At::spread(cpu, waiting);
        } else {
            cpu.call(waiting, Frame::Narrowing(CloseLoad));
        }
    }

    pub fn step(self, cpu: &mut Cpu) {
        match self {
            TryLock if cpu.try_lock() => cpu.go(Frame::Narrowing(Wide)),
            TryLock => cpu.ret(Value::Done),
            Wide if cpu.shared.word.wide => Self::narrow(cpu, Frame::Narrowing(Unlock)),
            Wide => cpu.go(Frame::Narrowing(Unlock)),
            Unlock => {
                cpu.unlock();
                cpu.ret(Value::Done);
            }
            LockToProve => {
                cpu.lock();
                cpu.go(Frame::Narrowing(Prove));
            }
            Prove => {
                begin_proving(cpu);
                cpu.go(Frame::Narrowing(Unlock));
            }
            RaiseSegment { index } => {
                cpu.bring(index, SUNK);
                cpu.go(Frame::Narrowing(RaisePocket { index }));
            }
            RaisePocket { index } => {
                let pocket = &mut cpu.shared.places[POCKET];
                pocket.taken.units = pocket.taken.units.wrapping_add(SUNK);
                if is_last(cpu, index) {
                    cpu.ret(Value::Done);
                } else {
                    cpu.go(Frame::Narrowing(RaiseSegment { index: index + 1 }));
                }
            }
            CloseLoad => close(cpu, cpu.shared.word),
            CloseExchange { seen } => match cpu.exchange(seen, seen.closed()) {
                Ok(()) => cpu.ret(Value::Done),
                Err(seen) => close(cpu, seen),
            },
            _ => self.step_of_proof(cpu),
        }
    }

    fn step_of_proof(self, cpu: &mut Cpu) {
        match self {
            Begin { sink } => {
                begin_proving(cpu);
                collect::At::drain(cpu, Frame::Narrowing(Drained { sink }));
            }
            Put { sink, got, closed } => {
                cpu.shared.word = cpu.shared.word.more(got);
                if closed || cpu.without(Omission::DrainingAnnounces) {
                    settle(cpu, sink);
                } else {
                    cpu.go(Frame::Narrowing(Close {
                        sink,
                        got,
                        put: true,
                    }));
                }
            }
            Close { sink, got, put } => {
                let pocket = &mut cpu.shared.places[POCKET];
                pocket.taken.units = pocket.taken.units.wrapping_add(got);
                if put {
                    settle(cpu, sink);
                } else {
                    cpu.go(Frame::Narrowing(Put {
                        sink,
                        got,
                        closed: true,
                    }));
                }
            }
            SinkPocket { index } => {
                let pocket = &mut cpu.shared.places[POCKET];
                pocket.returned = pocket.returned.wrapping_add(SUNK);
                cpu.go(Frame::Narrowing(SinkSegment { index }));
            }
            SinkSegment { index } => {
                let taken = &mut cpu.place(index).taken;
                taken.units = taken.units.wrapping_add(SUNK);
                if is_last(cpu, index) {
                    read(cpu, true);
                } else {
                    cpu.go(Frame::Narrowing(SinkPocket { index: index + 1 }));
                }
            }
            Taken {
                sink,
                index,
                mut totals,
            } => {
                totals.taken = totals.taken.wrapping_add(cpu.place(index).taken.units);
                cpu.go(Frame::Narrowing(if !is_last(cpu, index) {
                    Taken {
                        sink,
                        index: index + 1,
                        totals,
                    }
                } else if cpu.rules.restocks {
                    Added {
                        sink,
                        index: 0,
                        totals,
                    }
                } else {
                    let segments = &cpu.shared.places[..cpu.rules.segments];
                    let added = segments.iter().map(|it| it.added);
                    totals.added = added.fold(0, u8::wrapping_add);
                    Returned {
                        sink,
                        index: 0,
                        totals,
                    }
                }));
            }
            Added {
                sink,
                index,
                mut totals,
            } => {
                totals.added = totals.added.wrapping_add(cpu.place(index).added);
                cpu.go(Frame::Narrowing(if is_last(cpu, index) {
                    Returned {
                        sink,
                        index: 0,
                        totals,
                    }
                } else {
                    Added {
                        sink,
                        index: index + 1,
                        totals,
                    }
                }));
            }
            Returned {
                sink,
                index,
                mut totals,
            } => {
                totals.returned = totals.returned.wrapping_add(cpu.place(index).returned);
                if is_last(cpu, index) {
                    judge(cpu, sink, totals);
                } else {
                    let index = index + 1;
                    cpu.go(Frame::Narrowing(Returned {
                        sink,
                        index,
                        totals,
                    }));
                }
            }
            End => {
                cpu.shared.word.proving = false;
                cpu.ret(Value::NotWhole);
            }
            _ => unreachable!("{self:?} waits"),
        }
    }

    pub fn resume(self, cpu: &mut Cpu, value: Value) {
        match (self, value) {
            (Narrow, Value::Totals(_)) => cpu.go(Frame::Narrowing(CloseLoad)),
            (Narrow, value) => cpu.ret(value),
            (Drained { sink }, Value::Units(0)) => settle(cpu, sink),
            (Drained { sink }, Value::Units(got)) => {
                cpu.go(Frame::Narrowing(
                    if cpu.without(Omission::DrainingPutsBeforeItCloses) {
                        Close {
                            sink,
                            got,
                            put: false,
                        }
                    } else {
                        Put {
                            sink,
                            got,
                            closed: false,
                        }
                    },
                ));
            }
            (Fail, _) => cpu.go(Frame::Narrowing(End)),
            // Narrow or not; the next access is the unlock.
            (Unlock, _) => {}
            other => unreachable!("{other:?}"),
        }
    }

    pub fn rebase(&mut self, rebased: usize, by: u8) {
        if rebased == POCKET {
            return;
        }
        match self {
            Taken { index, totals, .. } if rebased < usize::from(*index) => {
                totals.taken = totals.taken.wrapping_sub(by);
            }
            Added { totals, .. } => totals.taken = totals.taken.wrapping_sub(by),
            Returned { index, totals, .. } => {
                totals.taken = totals.taken.wrapping_sub(by);
                if rebased < usize::from(*index) {
                    totals.returned = totals.returned.wrapping_sub(by);
                }
            }
            _ => {}
        }
    }
}

fn is_last(cpu: &Cpu, index: u8) -> bool {
    usize::from(index) + 1 == cpu.rules.segments
}

fn begin_proving(cpu: &mut Cpu) {
    cpu.shared.word.wide = true;
    cpu.shared.word.proving = true;
}

/// All that was in the segments is in the word.
fn settle(cpu: &mut Cpu, sink: bool) {
    if sink && !cpu.without(Omission::SegmentsAreSunk) {
        cpu.go(Frame::Narrowing(SinkPocket { index: 0 }));
    } else {
        read(cpu, sink);
    }
}

fn read(cpu: &mut Cpu, sink: bool) {
    let totals = Totals::default();
    cpu.go(Frame::Narrowing(Taken {
        sink,
        index: 0,
        totals,
    }));
}

fn judge(cpu: &mut Cpu, sink: bool, totals: Totals) {
    let sunk = if sink && !cpu.without(Omission::SegmentsAreSunk) {
        SUNK * cpu.rules.segments as u8
    } else {
        0
    };
    let came = totals.added.wrapping_add(totals.returned);
    if left(came.wrapping_add(sunk), totals.taken) == 0
        || cpu.without(Omission::SegmentsAreProvedEmpty)
    {
        cpu.ret(Value::Totals(totals));
    } else if sink {
        At::raise(cpu, Frame::Narrowing(Fail));
    } else {
        cpu.go(Frame::Narrowing(End));
    }
}

fn close(cpu: &mut Cpu, word: Word) {
    let unasked = cpu.without(Omission::NarrowingAsksWhetherItWasCancelled)
        || cpu.without(Omission::ProvingIsSet);
    if word.proving || unasked && word.wide {
        cpu.go(Frame::Narrowing(CloseExchange { seen: word }));
    } else {
        cpu.ret(Value::NotWhole);
    }
}
