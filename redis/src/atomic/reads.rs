//! [`Reads`]: one read for all orders that wait to be refused.

use crate::server::{Asked, Connection};
use redis::cmd;
use segstock_remote::{Fault, Units};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::timeout;

/// Reads that are under way at once: the server answers one while the next is on its way.
const AT_ONCE: usize = 2;
/// The most orders of one read.
const MOST: usize = 512;

/// Reads what refuses orders when a stock is sold out: the units that are left, those that are held, and the record of each
/// order that waits, all at the instant of one `MGET`. A read changes nothing, so it can be shared.
#[derive(Debug)]
pub(super) struct Reads(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// The keys of the units that are left, and of those that are held.
    units: [String; 2],
    /// A read has so much time.
    attempt: Duration,
    queue: Mutex<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: Vec<Waiting>,
    under_way: usize,
}

#[derive(Debug)]
struct Waiting {
    record: String,
    wanted: Units,
    answer: oneshot::Sender<Asked<Option<u64>>>,
}

impl Reads {
    pub(super) fn new(units: [String; 2], attempt: Duration) -> Self {
        Self(Arc::new(Shared {
            units,
            attempt,
            queue: Mutex::default(),
        }))
    }

    /// The units that are left, if that is the refusal of an order: they are too few, none is held, and nothing is known of its
    /// id, at one instant of this call.
    pub(super) async fn refusal(
        &self,
        link: &Connection,
        record: &str,
        wanted: Units,
    ) -> Asked<Option<u64>> {
        let (answer, answered) = oneshot::channel();
        let waiting = Waiting {
            record: record.to_owned(),
            wanted,
            answer,
        };
        if self.0.begins(waiting) {
            // A task of its own: others wait for it, whatever becomes of this call.
            tokio::spawn(Arc::clone(&self.0).read(link.clone()));
        }
        let gone = |_| Err(Fault::NotDone("the read has ended".to_owned()));
        answered.await.unwrap_or_else(gone)
    }
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a read begins with one more who waits.
    fn begins(&self, waiting: Waiting) -> bool {
        let mut queue = self.queue();
        queue.waiting.push(waiting);
        let begins = queue.under_way < AT_ONCE;
        queue.under_way += usize::from(begins);
        begins
    }

    /// Those who wait, up to [`MOST`]; none if nobody does, and then this read is over.
    fn next(&self) -> Vec<Waiting> {
        let mut queue = self.queue();
        let most = queue.waiting.len().min(MOST);
        queue.under_way -= usize::from(most == 0);
        queue.waiting.drain(..most).collect()
    }

    async fn read(self: Arc<Self>, link: Connection) {
        loop {
            let batch = self.next();
            if batch.is_empty() {
                return;
            }
            let mut read = cmd("MGET");
            read.arg(&self.units);
            for waiting in &batch {
                read.arg(&waiting.record);
            }
            // Nobody else ends a read on a connection that went silent.
            let seen = timeout(self.attempt, link.ask::<Vec<Option<String>>>(&read)).await;
            let seen = seen.unwrap_or_else(|_| Err(Fault::NotDone("no answer in time".to_owned())));
            for (at, waiting) in batch.into_iter().enumerate() {
                let refusal = seen.as_ref().map(|seen| refusal(seen, at, waiting.wanted));
                // It may wait no more.
                _ = waiting.answer.send(refusal.map_err(Fault::clone));
            }
        }
    }
}

/// The units that are left, if the order with this number is refused by what was read.
fn refusal(seen: &[Option<String>], order: usize, wanted: Units) -> Option<u64> {
    let [left, held, records @ ..] = seen else {
        return None;
    };
    let is_known = records.get(order).is_none_or(Option::is_some);
    let is_held = held.as_ref().is_some_and(|held| held != "0");
    let left: u64 = left.as_ref()?.parse().ok()?;
    (!is_known && !is_held && left < wanted.get()).then_some(left)
}
