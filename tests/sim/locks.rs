//! A lock service: locks in the sequence of the requests, as leases that run out, each with a fencing
//! token greater than all before it.

use super::faults::Fault;
use super::network::{Network, Reply, TimedOut};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
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
    /// The request that has it.
    holder: Option<u64>,
    waiting: VecDeque<(u64, Reply<Grant>)>,
    /// Requests that were seen, or given up: a late copy of one must not take the lock again.
    seen: BTreeSet<u64>,
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
        if lock.seen.insert(request) {
            lock.waiting.push_back((request, reply));
        }
        self.serve(key, lock);
    }

    fn withdraw(&self, key: usize, request: u64) {
        let mut locks = self.locks.borrow_mut();
        let lock = locks.entry(key).or_default();
        lock.seen.insert(request);
        lock.waiting.retain(|&(waiting, _)| waiting != request);
        lock.holder.take_if(|holder| *holder == request);
        self.serve(key, lock);
    }

    fn run_out(&self, key: usize, request: u64) {
        let holder = self.locks.borrow()[&key].holder;
        if holder == Some(request) {
            self.network.note(Fault::Overrun);
            self.withdraw(key, request);
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
        lock.holder = Some(request);
        reply.send(Grant {
            token: lock.last_token,
            key,
            request,
        });
        let service = self.clone();
        self.network
            .world
            .later(Locks::LEASE, move || service.run_out(key, request));
    }
}
