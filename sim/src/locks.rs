//! A lock service: locks in the sequence of the requests, as leases that run out, each with a fencing
//! token greater than all before it. A late copy of a request takes a lock for nobody, until its lease
//! runs out: that costs time, no units.

use super::faults::Fault;
use super::network::{Network, Reply, TimedOut};
use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::time::Duration;

/// The service, as a node sees it.
#[derive(Debug, Clone)]
pub struct Locks(Service);

#[derive(Debug, Clone)]
struct Service {
    network: Network,
    locks: Rc<RefCell<BTreeMap<usize, Lock>>>,
}

#[derive(Debug, Default)]
struct Lock {
    holder: Option<Grant>,
    waiting: VecDeque<(u64, Reply<Grant>)>,
    last_token: u64,
}

/// A lock, for the length of a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant {
    pub token: u64,
    key: usize,
    request: u64,
}

impl Locks {
    /// Whoever holds a lock for longer has lost it, and is not told.
    pub const LEASE: Duration = Duration::from_millis(40);
    /// How long a node waits for its turn, in time-outs.
    const PATIENCE: u32 = 40;

    pub fn new(network: &Network) -> Self {
        Self(Service {
            network: network.clone(),
            locks: Rc::default(),
        })
    }

    /// The lock of `key`, when its turn comes.
    pub async fn acquire(&self, key: usize) -> Result<Grant, TimedOut> {
        let Self(service) = self.clone();
        let network = service.network.clone();
        let request = network.world.number();
        let serve = move |reply| service.enqueue(key, request, reply);
        let patience = network.time_out * Self::PATIENCE;
        let granted = network.request(patience, serve).await;
        if granted.is_err() {
            self.withdraw(key, request);
        }
        granted
    }

    /// Nobody waits for that to arrive: if it does not, the lease runs out.
    pub fn release(&self, grant: Grant) {
        self.withdraw(grant.key, grant.request);
    }

    fn withdraw(&self, key: usize, request: u64) {
        let Self(service) = self.clone();
        let network = service.network.clone();
        network.send(move || service.withdraw(key, request));
    }
}

impl Service {
    fn enqueue(&self, key: usize, request: u64, reply: Reply<Grant>) {
        let mut locks = self.locks.borrow_mut();
        let lock = locks.entry(key).or_default();
        lock.waiting.push_back((request, reply));
        self.serve(key, lock);
    }

    fn withdraw(&self, key: usize, request: u64) {
        let mut locks = self.locks.borrow_mut();
        let lock = locks.entry(key).or_default();
        lock.waiting.retain(|&(waiting, _)| waiting != request);
        lock.holder.take_if(|holder| holder.request == request);
        self.serve(key, lock);
    }

    fn run_out(&self, grant: Grant) {
        let holder = self.locks.borrow()[&grant.key].holder;
        if holder == Some(grant) {
            self.network.note(Fault::Overrun);
            self.withdraw(grant.key, grant.request);
        }
    }

    /// Gives the lock to the next one, if it is free.
    fn serve(&self, key: usize, lock: &mut Lock) {
        if lock.holder.is_some() {
            return;
        }
        let Some((request, reply)) = lock.waiting.pop_front() else {
            return;
        };
        lock.last_token += 1;
        let grant = Grant {
            token: lock.last_token,
            key,
            request,
        };
        lock.holder = Some(grant);
        reply.send(grant);
        let service = self.clone();
        self.network
            .world
            .later(Locks::LEASE, move || service.run_out(grant));
    }
}
