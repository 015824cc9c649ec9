//! The network between nodes and services: what it carries is delayed, lost, repeated, overtaken.

use super::executor::{Slot, World};
use super::faults::{Fault, Faults};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

/// A handle to the network; clones are the same one.
#[derive(Debug, Clone)]
pub struct Network {
    pub world: World,
    faults: Rc<Cell<Faults>>,
    happened: Rc<RefCell<Happened>>,
    /// How long a node waits for an answer.
    pub time_out: Duration,
}

/// What went wrong, and how often.
pub type Happened = BTreeMap<Fault, u64>;

/// No answer came in time: what was asked for happened, or will happen, or never.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimedOut;

impl Network {
    /// How often it asks again.
    pub const ATTEMPTS: u32 = 20;

    pub fn new(world: &World, faults: Faults, time_out: Duration) -> Self {
        Self {
            time_out,
            happened: Rc::default(),
            world: world.clone(),
            faults: Rc::new(Cell::new(faults)),
        }
    }

    /// From now on nothing goes wrong; what is under way goes on.
    pub fn heal(&self) {
        self.faults.set(Faults::none(self.faults.get().one_way));
    }

    /// Whether nodes crash in this run.
    pub fn crashes(&self) -> bool {
        self.faults.get().crashes > 0
    }

    /// Whether a node is to crash in this call, if it does not return first.
    pub fn crash(&self) -> bool {
        self.world.happens(self.faults.get().crashes)
    }

    pub fn note(&self, fault: Fault) {
        *self.happened.borrow_mut().entry(fault).or_default() += 1;
    }

    pub fn happened(&self) -> Happened {
        self.happened.borrow().clone()
    }

    /// Carries a message; at its end `arrive` runs, as often as a copy arrives.
    pub fn send(&self, arrive: impl Fn() + 'static) {
        let Faults { lost, repeated, .. } = self.faults.get();
        let copies = if self.world.happens(lost) {
            self.note(Fault::Lost);
            0
        } else if self.world.happens(repeated) {
            self.note(Fault::Repeated);
            2
        } else {
            1
        };
        let arrive = Rc::new(arrive);
        for _ in 0..copies {
            let arrive = Rc::clone(&arrive);
            self.world.later(self.passage(), move || arrive());
        }
    }

    fn passage(&self) -> Duration {
        let Faults {
            one_way,
            late,
            jitter,
            ..
        } = self.faults.get();
        if self.world.happens(late) {
            self.note(Fault::Late);
            return self.world.some_time(one_way..Faults::LATE);
        }
        let jitter = if jitter { one_way } else { Duration::ZERO };
        one_way + self.world.some_time(Duration::ZERO..jitter)
    }

    /// One request, answered by `serve` at whatever instant a copy of it arrives. What `serve` is handed
    /// takes the answer back, at once or later.
    pub async fn request<T: Clone + 'static>(
        &self,
        patience: Duration,
        serve: impl Fn(Reply<T>) + 'static,
    ) -> Result<T, TimedOut> {
        let slot = Slot::new();
        let reply = Reply {
            network: self.clone(),
            slot: slot.clone(),
        };
        self.send(move || serve(reply.clone()));
        let answer = self.world.within(patience, slot.filled()).await;
        if self.world.happens(self.faults.get().stalls) {
            self.note(Fault::Stalled);
            let stall = self.world.some_time(Duration::ZERO..Faults::STALL);
            self.world.sleep(stall).await;
        }
        answer.ok_or(TimedOut)
    }
}

/// The way back to whoever asked.
#[derive(Debug, Clone)]
pub struct Reply<T> {
    network: Network,
    slot: Slot<T>,
}

impl<T: Clone + 'static> Reply<T> {
    pub fn send(&self, answer: T) {
        let slot = self.slot.clone();
        self.network.send(move || slot.fill(answer.clone()));
    }
}
