//! The database's server: what is committed, what is locked, and what it is busy with.

use super::locks::RowLocks;
use super::times::{AWAY, SYNC};
use crate::faults::{Fault, Happened};
use crate::network::Network;
use crate::world::Place;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

/// What a transaction wrote; nothing, where it deleted.
pub(super) type Writes<K, R> = BTreeMap<K, Option<R>>;

pub(super) struct Server<K, R> {
    pub(super) network: Network,
    place: Place,
    /// What is committed.
    pub(super) rows: RefCell<BTreeMap<K, R>>,
    pub(super) locks: RefCell<RowLocks<K>>,
    /// When the last statement is served.
    busy_until: Cell<Duration>,
    /// Until then, requests that arrive are lost.
    away_until: Cell<Duration>,
    /// Beginning and end of the last sync that is planned.
    sync: Cell<(Duration, Duration)>,
    /// The last number of its sequence. A rollback does not give numbers back.
    last_serial: Cell<u64>,
}

impl<K, R> Server<K, R> {
    pub(super) fn place(&self) -> Place {
        self.place
    }

    pub(super) fn is_away(&self) -> bool {
        self.network.world().now() < self.away_until.get()
    }

    pub(super) fn next_serial(&self) -> u64 {
        self.last_serial.set(self.last_serial.get() + 1);
        self.last_serial.get()
    }

    /// Waits until the server has spent `cost` on this statement.
    pub(super) async fn works(&self, cost: Duration) {
        let world = self.network.world();
        let over = self.busy_until.get().max(world.now()) + cost;
        self.busy_until.set(over);
        world.sleep_until(over).await;
    }

    /// Waits for the end of a sync that begins from now on. All that wait for one share it.
    async fn syncs(&self) {
        let world = self.network.world();
        let (mut begins, mut ends) = self.sync.get();
        if begins < world.now() {
            begins = ends.max(world.now());
            ends = begins + SYNC;
            self.sync.set((begins, ends));
        }
        world.sleep_until(ends).await;
    }
}

impl<K: Ord + Clone + 'static, R: Clone + 'static> Server<K, R> {
    pub(super) fn new(network: &Network) -> Rc<Self> {
        Rc::new_cyclic(|server: &std::rc::Weak<Self>| {
            let server = server.clone();
            let place = network.new_replicated_server(move || match server.upgrade() {
                Some(server) => server.fail_over(),
                None => Happened::new(),
            });
            Self {
                network: network.clone(),
                place,
                rows: RefCell::default(),
                locks: RefCell::default(),
                busy_until: Cell::default(),
                away_until: Cell::default(),
                sync: Cell::default(),
                last_serial: Cell::default(),
            }
        })
    }

    pub(super) fn insert(&self, rows: impl IntoIterator<Item = (K, R)>) {
        self.rows.borrow_mut().extend(rows);
    }

    /// Every open transaction ends, and its locks with it.
    fn fail_over(&self) -> Happened {
        let world = self.network.world();
        world.crash(self.place);
        self.locks.take();
        self.away_until.set(world.now() + AWAY);
        self.busy_until.set(Duration::ZERO);
        self.sync.take();
        Happened::from([(Fault::FailedOver, 1)])
    }

    /// Makes what a transaction wrote visible, once it is synced.
    pub(super) async fn commit(&self, writes: Writes<K, R>) {
        if writes.is_empty() {
            return;
        }
        self.syncs().await;
        let mut rows = self.rows.borrow_mut();
        for (key, row) in writes {
            match row {
                Some(row) => rows.insert(key, row),
                None => rows.remove(&key),
            };
        }
    }
}
