//! [`Locks`]: a lock service with leases and fencing tokens.

use crate::faults::Fault;
use crate::network::{Network, Reply, TimedOut};
use crate::world::{Place, World};
use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::time::Duration;

/// A lock service on one server. It grants each lock in the order of the requests, as a lease that runs out, with a
/// fencing token greater than every token before. Clones are handles to one service.
///
/// A late copy of a request takes a lock for nobody, until its lease runs out. That costs time, no units.
///
/// # Examples
///
/// ```
/// use segstock_sim::{Faults, Locks, Network, World};
/// use std::time::Duration;
///
/// let world = World::new(1);
/// let network = Network::new(&world, Faults::none(Duration::from_millis(1)), Duration::from_millis(10));
/// let locks = Locks::new(&network);
/// let tokens = world.run(async move {
///     let first = locks.acquire(0).await?;
///     locks.release(first);
///     let second = locks.acquire(0).await?;
///     Ok::<_, segstock_sim::TimedOut>((first.token, second.token))
/// });
/// assert_eq!(tokens, Ok((1, 2)));
/// ```
#[derive(Debug, Clone)]
pub struct Locks(Service);

#[derive(Debug, Clone)]
struct Service {
    network: Network,
    server: Place,
    locks: Rc<RefCell<BTreeMap<usize, Lock>>>,
}

#[derive(Debug, Default)]
struct Lock {
    holder: Option<Grant>,
    waiting: VecDeque<(u64, Reply<Grant>)>,
    last_token: u64,
}

/// A lock that was granted, for the length of a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Grant {
    /// The fencing token.
    pub token: u64,
    /// When the lease runs out, by the clock of the service.
    pub until: Duration,
    key: usize,
    request: u64,
}

impl Locks {
    /// The length of a lease, by the clock of the service. A holder that is slower has lost the lock, and is not
    /// notified.
    pub const LEASE: Duration = Duration::from_millis(40);
    /// How long a node waits for a lock, in time-outs.
    const PATIENCE: u32 = 40;

    /// A lock service.
    #[must_use]
    pub fn new(network: &Network) -> Self {
        Self(Service {
            network: network.clone(),
            server: network.new_server(),
            locks: Rc::default(),
        })
    }

    /// Waits for the lock of `key`.
    ///
    /// # Errors
    ///
    /// If it is not granted within 40 time-outs.
    pub async fn acquire(&self, key: usize) -> Result<Grant, TimedOut> {
        let Self(service) = self.clone();
        let (network, server) = (service.network.clone(), service.server);
        let request = network.world().number();
        let serve = move |reply| service.enqueue(key, request, reply);
        let patience = network.time_out() * Self::PATIENCE;
        let granted = network.request(server, patience, serve).await;
        if granted.is_err() {
            self.withdraw(key, request);
        }
        granted
    }

    /// Sends the release and does not wait for it. If it is lost, the lease runs out.
    pub fn release(&self, grant: Grant) {
        self.withdraw(grant.key, grant.request);
    }

    fn withdraw(&self, key: usize, request: u64) {
        let Self(service) = self.clone();
        let (network, server) = (service.network.clone(), service.server);
        network.send(server, move || service.withdraw(key, request));
    }
}

impl Service {
    fn enqueue(&self, key: usize, request: u64, reply: Reply<Grant>) {
        let mut locks = self.locks.borrow_mut();
        let lock = locks.entry(key).or_default();
        lock.waiting.push_back((request, reply));
        self.grant_next(key, lock);
    }

    fn withdraw(&self, key: usize, request: u64) {
        let mut locks = self.locks.borrow_mut();
        let lock = locks.entry(key).or_default();
        lock.waiting.retain(|&(waiting, _)| waiting != request);
        lock.holder.take_if(|holder| holder.request == request);
        self.grant_next(key, lock);
    }

    fn run_out(&self, grant: Grant) {
        let holder = self.locks.borrow()[&grant.key].holder;
        if holder == Some(grant) {
            self.network.note(Fault::LeaseRanOut);
            self.withdraw(grant.key, grant.request);
        }
    }

    /// Grants the lock to the next request, if the lock is free.
    fn grant_next(&self, key: usize, lock: &mut Lock) {
        if lock.holder.is_some() {
            return;
        }
        let Some((request, reply)) = lock.waiting.pop_front() else {
            return;
        };
        let world: &World = self.network.world();
        lock.last_token += 1;
        let grant = Grant {
            token: lock.last_token,
            until: world.clock() + Locks::LEASE,
            key,
            request,
        };
        lock.holder = Some(grant);
        reply.send(grant);
        let service = self.clone();
        world.later(world.lasts(Locks::LEASE), move || service.run_out(grant));
    }
}
