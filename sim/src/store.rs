//! A remote store: rows under keys, and nothing that is atomic across two of them.

use super::network::{Network, Reply, TimedOut};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

/// What one operation on a row takes, one after another: a hot key has its limit.
pub const SERVICE: Duration = Duration::from_micros(20);

/// Rows of one kind. Each [`Key`] is atomic by itself; there is no way to touch two.
#[derive(Debug)]
pub struct Store<R> {
    network: Network,
    rows: Rc<RefCell<BTreeMap<usize, Served<R>>>>,
}

/// A row, and when the store is done with what it does to it.
#[derive(Debug, Default)]
struct Served<R> {
    row: R,
    free_at: u64,
}

impl<R: Default + 'static> Store<R> {
    pub fn new(network: &Network) -> Self {
        Self {
            network: network.clone(),
            rows: Rc::default(),
        }
    }

    /// Rows that were there before the run began.
    pub fn with(self, rows: impl IntoIterator<Item = R>) -> Self {
        for (key, row) in rows.into_iter().enumerate() {
            self.rows.borrow_mut().entry(key).or_default().row = row;
        }
        self
    }

    pub fn key(&self, key: usize) -> Key<R> {
        Key {
            network: self.network.clone(),
            rows: Rc::clone(&self.rows),
            key,
        }
    }
}

/// One key of a [`Store`], as a client sees it.
#[derive(Debug)]
pub struct Key<R> {
    network: Network,
    rows: Rc<RefCell<BTreeMap<usize, Served<R>>>>,
    key: usize,
}

impl<R: Default + 'static> Key<R> {
    /// Runs `script` on the row, atomically, once for each copy of the request that arrives.
    pub async fn once<T: Clone + 'static>(
        &self,
        script: impl Fn(&mut R) -> T + 'static,
    ) -> Result<T, TimedOut> {
        let (rows, key, world) = (Rc::clone(&self.rows), self.key, self.network.world.clone());
        let script = Rc::new(script);
        let serve = move |reply: Reply<T>| {
            let mut all = rows.borrow_mut();
            let served = all.entry(key).or_default();
            served.free_at = served.free_at.max(world.now()) + SERVICE.as_nanos() as u64;
            let wait = Duration::from_nanos(served.free_at - world.now());
            let (rows, script) = (Rc::clone(&rows), Rc::clone(&script));
            world.later(wait, move || {
                let answer = script(&mut rows.borrow_mut().entry(key).or_default().row);
                reply.send(answer);
            });
        };
        self.network.request(self.network.time_out, serve).await
    }

    /// The same, asked again until it is answered. Only for scripts that may run any number of times,
    /// now and later: that change nothing, or know an order that they have seen.
    pub async fn retried<T: Clone + 'static>(
        &self,
        script: impl Fn(&mut R) -> T + Clone + 'static,
    ) -> Result<T, TimedOut> {
        for _ in 0..Network::ATTEMPTS {
            if let Ok(answer) = self.once(script.clone()).await {
                return Ok(answer);
            }
        }
        Err(TimedOut)
    }

    pub async fn get(&self) -> Result<R, TimedOut>
    where
        R: Clone,
    {
        self.retried(|row| row.clone()).await
    }
}
