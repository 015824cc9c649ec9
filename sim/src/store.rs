//! [`Store`]: rows under keys, behind the network; nothing is atomic across two of them.

use crate::faults::{Fault, Happened};
use crate::network::{Network, Reply, TimedOut};
use crate::world::{Place, World};
use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

/// Rows of one kind under keys, on one server or several. A script on one [`Key`] is atomic; no script touches two
/// keys.
///
/// A server serves one request after another: a request costs [`REQUEST`](Self::REQUEST), and
/// [`ITEM`](Self::ITEM) for each item of its [batch](Key::for_items). When it fails over, it is away for
/// [`AWAY`](Self::AWAY) and forgets the requests that it was serving. What it answered stays, unless the store is
/// [asynchronous](Self::asynchronous).
///
/// # Examples
///
/// ```
/// use segstock_sim::{Faults, Network, Store, World};
/// use std::time::Duration;
///
/// let world = World::new(1);
/// let network = Network::new(&world, Faults::none(Duration::from_millis(1)), Duration::from_millis(10));
/// let store = Store::new(&network).with([7]);
/// let taken = world.run(async move {
///     let row = store.key(0);
///     row.once(|units| {
///         *units -= 2;
///         *units
///     })
///     .await
/// });
/// assert_eq!(taken, Ok(5));
/// assert_eq!(world.now(), Duration::from_millis(2) + Store::<u64>::REQUEST + Store::<u64>::ITEM);
/// ```
pub struct Store<R> {
    network: Network,
    servers: Vec<Rc<Server<R>>>,
    asynchronous: bool,
}

struct Server<R> {
    place: Place,
    state: Rc<RefCell<State<R>>>,
}

struct State<R> {
    rows: BTreeMap<usize, R>,
    /// When the last request is served.
    busy_until: Duration,
    /// Until then, requests that arrive are lost.
    away_until: Duration,
    failovers: u64,
    /// Rows as they were before a change that the replica may lack, with the time of the change.
    undo: VecDeque<(Duration, usize, R)>,
}

impl<R> Default for State<R> {
    fn default() -> Self {
        Self {
            rows: BTreeMap::new(),
            busy_until: Duration::ZERO,
            away_until: Duration::ZERO,
            failovers: 0,
            undo: VecDeque::new(),
        }
    }
}

impl<R> fmt::Debug for Store<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut store = f.debug_struct("Store");
        store.field("servers", &self.servers.len());
        store.finish_non_exhaustive()
    }
}

impl<R> Store<R> {
    /// The server's time for one request.
    pub const REQUEST: Duration = Duration::from_micros(20);
    /// The server's time for one item of a request.
    pub const ITEM: Duration = Duration::from_micros(1);
    /// How long a server is away when it fails over.
    pub const AWAY: Duration = Duration::from_millis(30);
    /// How far the replica of an asynchronous store is behind at most.
    pub const LAG: Duration = Duration::from_millis(20);
}

impl<R: Default + Clone + 'static> Store<R> {
    /// A store on one server.
    #[must_use]
    pub fn new(network: &Network) -> Self {
        Self::on_servers(network, 1)
    }

    /// A store on `servers` servers: key `k` lies on server `k % servers`.
    #[must_use]
    pub fn on_servers(network: &Network, servers: usize) -> Self {
        Self {
            network: network.clone(),
            servers: (0..servers)
                .map(|_| Rc::new(Server::new(network)))
                .collect(),
            asynchronous: false,
        }
    }

    /// The servers answer before their replicas have the change: a failover undoes what they did in up to
    /// [`LAG`](Self::LAG) before it, answered or not.
    #[must_use]
    pub fn asynchronous(self) -> Self {
        Self {
            asynchronous: true,
            ..self
        }
    }

    /// Has these rows under keys 0, 1, … from the beginning.
    #[must_use]
    pub fn with(self, rows: impl IntoIterator<Item = R>) -> Self {
        for (key, row) in rows.into_iter().enumerate() {
            let server = &self.servers[key % self.servers.len()];
            server.state.borrow_mut().rows.insert(key, row);
        }
        self
    }

    /// A key, as a client sees it. A key that nothing wrote has the default row.
    #[must_use]
    pub fn key(&self, key: usize) -> Key<R> {
        Key {
            network: self.network.clone(),
            server: Rc::clone(&self.servers[key % self.servers.len()]),
            key,
            items: 1,
            asynchronous: self.asynchronous,
        }
    }
}

impl<R: Default + Clone + 'static> Server<R> {
    fn new(network: &Network) -> Self {
        let state: Rc<RefCell<State<R>>> = Rc::default();
        let place = network.new_replicated_server({
            let (state, world) = (Rc::clone(&state), network.world().clone());
            move || state.borrow_mut().fail_over(&world)
        });
        Self { place, state }
    }
}

impl<R: Default + Clone> State<R> {
    /// When a request that arrives now is served; never, if the server is away.
    fn admit(&mut self, now: Duration, items: u32) -> Option<Duration> {
        if now < self.away_until {
            return None;
        }
        let cost = Store::<R>::REQUEST + Store::<R>::ITEM * items;
        self.busy_until = self.busy_until.max(now) + cost;
        Some(self.busy_until - now)
    }

    /// Keeps the row as it is before a change.
    fn keep_undo(&mut self, now: Duration, key: usize) {
        let late = |&(at, ..): &(Duration, usize, R)| at + Store::<R>::LAG < now;
        while self.undo.front().is_some_and(late) {
            self.undo.pop_front();
        }
        let row = self.rows.get(&key).cloned().unwrap_or_default();
        self.undo.push_back((now, key, row));
    }

    fn fail_over(&mut self, world: &World) -> Happened {
        let mut happened = Happened::from([(Fault::FailedOver, 1)]);
        self.failovers += 1;
        self.away_until = world.now() + Store::<R>::AWAY;
        self.busy_until = self.away_until;
        let lag = world.pick_time(Duration::ZERO..Store::<R>::LAG);
        while let Some((at, key, row)) = self.undo.pop_back()
            && at + lag > world.now()
        {
            self.rows.insert(key, row);
            *happened.entry(Fault::Undone).or_default() += 1;
        }
        self.undo.clear();
        happened
    }
}

/// One key of a [`Store`], as a client sees it.
pub struct Key<R> {
    network: Network,
    server: Rc<Server<R>>,
    key: usize,
    items: u32,
    asynchronous: bool,
}

impl<R> Clone for Key<R> {
    fn clone(&self) -> Self {
        Self {
            network: self.network.clone(),
            server: Rc::clone(&self.server),
            ..*self
        }
    }
}

impl<R> fmt::Debug for Key<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut key = f.debug_struct("Key");
        key.field("key", &self.key)
            .field("server", &self.server.place);
        key.finish_non_exhaustive()
    }
}

impl<R: Default + Clone + 'static> Key<R> {
    /// The key for requests of `items` items each, which cost the server more time.
    #[must_use]
    pub fn for_items(&self, items: usize) -> Self {
        Self {
            items: u32::try_from(items).unwrap_or(u32::MAX),
            ..self.clone()
        }
    }

    /// Runs `script` on the row, atomically, once for each copy of the request that arrives.
    ///
    /// # Errors
    ///
    /// If no answer comes in time: the script may have run, or may run later.
    pub async fn once<T: Clone + 'static>(
        &self,
        script: impl Fn(&mut R) -> T + 'static,
    ) -> Result<T, TimedOut> {
        self.once_weighed(|_| 0, script).await
    }

    /// As [`once`](Self::once), with a weight: the number of items of an answer, which the server works on for
    /// [`Store::ITEM`] each before it sends it.
    async fn once_weighed<T: Clone + 'static>(
        &self,
        weigh: fn(&T) -> usize,
        script: impl Fn(&mut R) -> T + 'static,
    ) -> Result<T, TimedOut> {
        let served = self.clone();
        let script = Rc::new(script);
        let serve = move |reply| served.serve(weigh, Rc::clone(&script), reply);
        let (place, time_out) = (self.server.place, self.network.time_out());
        self.network.request(place, time_out, serve).await
    }

    /// What the server does with a request.
    fn serve<T: Clone + 'static>(
        &self,
        weigh: fn(&T) -> usize,
        script: Rc<impl Fn(&mut R) -> T + 'static>,
        reply: Reply<T>,
    ) {
        let world = self.network.world().clone();
        let mut state = self.server.state.borrow_mut();
        let Some(wait) = state.admit(world.now(), self.items) else {
            return;
        };
        let (failovers, key) = (state.failovers, self.clone());
        world.clone().later(wait, move || {
            let mut state = key.server.state.borrow_mut();
            if state.failovers != failovers {
                return;
            }
            if key.asynchronous {
                state.keep_undo(world.now(), key.key);
            }
            let answer = script(state.rows.entry(key.key).or_default());
            let items = u32::try_from(weigh(&answer)).unwrap_or(u32::MAX);
            let wait = Store::<R>::ITEM * items;
            state.busy_until += wait;
            world.later(wait, move || reply.send(answer.clone()));
        });
    }

    /// Runs `script` as [`once`](Self::once) does, and sends the request again until it is answered. Only for scripts
    /// that may run any number of times, now and later: they change nothing, or know an order that they have seen.
    ///
    /// # Errors
    ///
    /// If no answer came in [`Network::ATTEMPTS`] attempts.
    pub async fn retried<T: Clone + 'static>(
        &self,
        script: impl Fn(&mut R) -> T + Clone + 'static,
    ) -> Result<T, TimedOut> {
        self.retried_weighed(|_| 0, script).await
    }

    /// As [`retried`](Self::retried), for a script that reads: `weigh` says how many items its answer has. The server
    /// works on each for [`Store::ITEM`].
    ///
    /// # Errors
    ///
    /// If no answer came in [`Network::ATTEMPTS`] attempts.
    pub async fn retried_weighed<T: Clone + 'static>(
        &self,
        weigh: fn(&T) -> usize,
        script: impl Fn(&mut R) -> T + Clone + 'static,
    ) -> Result<T, TimedOut> {
        for _ in 0..Network::ATTEMPTS {
            if let Ok(answer) = self.once_weighed(weigh, script.clone()).await {
                return Ok(answer);
            }
        }
        Err(TimedOut)
    }

    /// Reads the row.
    ///
    /// # Errors
    ///
    /// If no answer came in [`Network::ATTEMPTS`] attempts.
    pub async fn get(&self) -> Result<R, TimedOut> {
        self.retried(|row| row.clone()).await
    }
}
