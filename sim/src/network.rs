//! [`Network`]: messages between nodes and servers, delayed, lost, repeated and overtaken.

mod partition;

pub use partition::Partition;

use crate::faults::{Fault, Faults, Happened};
use crate::world::{Place, Slot, World};
use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

/// The network between nodes and servers. Clones are handles to one network.
///
/// A message goes from the [place](World::here) of the code that sends it.
///
/// # Examples
///
/// A server of one's own, which answers each request with its number:
///
/// ```
/// use segstock_sim::{Faults, Network, World};
/// use std::cell::Cell;
/// use std::rc::Rc;
/// use std::time::Duration;
///
/// let world = World::new(1);
/// let network = Network::new(&world, Faults::none(Duration::from_millis(1)), Duration::from_millis(10));
/// let server = network.new_server();
/// let count = Rc::new(Cell::new(0));
/// let answer = world.run(async move {
///     let serve = move |reply: segstock_sim::Reply<u64>| {
///         count.set(count.get() + 1);
///         reply.send(count.get());
///     };
///     network.request(server, network.time_out(), serve).await
/// });
/// assert_eq!(answer, Ok(1));
/// assert_eq!(world.now(), Duration::from_millis(2));
/// ```
#[derive(Clone)]
pub struct Network(Rc<Inner>);

struct Inner {
    world: World,
    faults: Cell<Faults>,
    partition: RefCell<Option<Partition>>,
    happened: RefCell<Happened>,
    time_out: Duration,
    nodes: Cell<usize>,
    /// What each server does when it fails over.
    servers: RefCell<Vec<Option<Failover>>>,
}

type Failover = Rc<dyn Fn() -> Happened>;

/// No answer came in time: what was asked for happened, or will happen, or never will.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimedOut;

impl fmt::Display for TimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no answer came in time")
    }
}

impl std::error::Error for TimedOut {}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut network = f.debug_struct("Network");
        network.field("world", self.world());
        network.field("faults", &self.0.faults.get());
        network.finish_non_exhaustive()
    }
}

impl Network {
    /// How often a client of a [`Store`](crate::Store) sends a request before it gives up.
    pub const ATTEMPTS: u32 = 20;

    /// A network with these faults. A client waits for an answer for `time_out`.
    #[must_use]
    pub fn new(world: &World, faults: Faults, time_out: Duration) -> Self {
        if let Some(drift) = faults.drift {
            world.drift(drift);
        }
        Self(Rc::new(Inner {
            world: world.clone(),
            faults: Cell::new(faults),
            partition: RefCell::default(),
            happened: RefCell::default(),
            time_out,
            nodes: Cell::default(),
            servers: RefCell::default(),
        }))
    }

    /// The world that the network is in.
    #[must_use]
    pub fn world(&self) -> &World {
        &self.0.world
    }

    /// How long a client waits for an answer.
    #[must_use]
    pub fn time_out(&self) -> Duration {
        self.0.time_out
    }

    /// The number of a node that was not there before.
    #[must_use]
    pub fn new_node(&self) -> usize {
        self.0.nodes.replace(self.0.nodes.get() + 1)
    }

    /// The place of a server that was not there before.
    #[must_use]
    pub fn new_server(&self) -> Place {
        let mut servers = self.0.servers.borrow_mut();
        servers.push(None);
        Place::Server(servers.len() - 1)
    }

    /// A server that does this when it fails over.
    pub(crate) fn new_replicated_server(&self, failover: impl Fn() -> Happened + 'static) -> Place {
        let mut servers = self.0.servers.borrow_mut();
        servers.push(Some(Rc::new(failover)));
        Place::Server(servers.len() - 1)
    }

    /// Has a server fail over to its replica, if it has one.
    pub fn fail_over(&self, server: Place) {
        let failover = match server {
            Place::Server(number) => self.0.servers.borrow()[number].clone(),
            _ => None,
        };
        if let Some(failover) = failover {
            for (fault, times) in failover() {
                *self.0.happened.borrow_mut().entry(fault).or_default() += times;
            }
        }
    }

    /// Cuts the network; a partition that was there before ends.
    pub fn cut(&self, partition: Partition) {
        self.0.partition.replace(Some(partition));
    }

    /// Ends the partition.
    pub fn mend(&self) {
        self.0.partition.take();
    }

    /// Ends every fault. What is under way goes on; clocks stay wrong.
    pub fn heal(&self) {
        self.mend();
        self.0.faults.set(Faults::none(self.faults().one_way));
    }

    /// The faults of this network.
    #[must_use]
    pub fn faults(&self) -> Faults {
        self.0.faults.get()
    }

    /// Counts a fault that happened.
    pub fn note(&self, fault: Fault) {
        *self.0.happened.borrow_mut().entry(fault).or_default() += 1;
    }

    /// The faults that happened.
    #[must_use]
    pub fn happened(&self) -> Happened {
        self.0.happened.borrow().clone()
    }

    /// The places that a partition can keep apart.
    pub(crate) fn places(&self) -> Vec<Place> {
        let nodes = (0..self.0.nodes.get()).map(Place::Node);
        let servers = (0..self.0.servers.borrow().len()).map(Place::Server);
        nodes.chain(servers).collect()
    }

    /// Sends a message to `to`, where `arrive` runs once for each copy that arrives.
    pub fn send(&self, to: Place, arrive: impl Fn() + 'static) {
        let arrive = Rc::new(arrive);
        for _ in 0..self.copies(to) {
            let arrive = Rc::clone(&arrive);
            self.world().later_at(to, self.passage(), move || arrive());
        }
    }

    fn copies(&self, to: Place) -> usize {
        let Faults { lost, repeated, .. } = self.faults();
        let from = self.world().here();
        let partition = self.0.partition.borrow();
        if partition.as_ref().is_some_and(|cut| cut.parts(from, to)) {
            self.note(Fault::Cut);
            0
        } else if self.world().chance(lost) {
            self.note(Fault::Lost);
            0
        } else if self.world().chance(repeated) {
            self.note(Fault::Repeated);
            2
        } else {
            1
        }
    }

    fn passage(&self) -> Duration {
        let Faults {
            one_way,
            late,
            jitter,
            ..
        } = self.faults();
        if self.world().chance(late) {
            self.note(Fault::Late);
            return self.world().pick_time(one_way..Faults::LATE);
        }
        let jitter = if jitter { one_way } else { Duration::ZERO };
        one_way + self.world().pick_time(Duration::ZERO..jitter)
    }

    /// Sends one request to `server` and waits for its answer. There, `serve` runs once for each copy of the request
    /// that arrives; it answers by the [`Reply`], at once or later.
    ///
    /// # Errors
    ///
    /// If no answer comes within `patience`.
    pub async fn request<T: Clone + 'static>(
        &self,
        server: Place,
        patience: Duration,
        serve: impl Fn(Reply<T>) + 'static,
    ) -> Result<T, TimedOut> {
        let slot = Slot::new();
        let reply = Reply {
            network: self.clone(),
            to: self.world().here(),
            slot: slot.clone(),
        };
        self.send(server, move || serve(reply.clone()));
        let answer = self.world().within(patience, slot.filled()).await;
        if self.world().chance(self.faults().stalls) {
            self.note(Fault::Stalled);
            let stall = self.world().pick_time(Duration::ZERO..Faults::STALL);
            self.world().sleep(stall).await;
        }
        answer.ok_or(TimedOut)
    }
}

/// The way back to the client of a request.
#[derive(Debug, Clone)]
pub struct Reply<T> {
    network: Network,
    to: Place,
    slot: Slot<T>,
}

impl<T> Reply<T> {
    /// The network that carries it.
    #[must_use]
    pub fn network(&self) -> &Network {
        &self.network
    }
}

impl<T: Clone + 'static> Reply<T> {
    /// Sends the answer. The client takes the first that arrives.
    pub fn send(&self, answer: T) {
        let slot = self.slot.clone();
        self.network
            .send(self.to, move || slot.fill(answer.clone()));
    }
}
