//! [`Batches`]: a writer that sends many orders in one call.

use crate::answer::{Answer, Unknown};
use crate::id::OrderId;
use crate::units::Units;
use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{Semaphore, mpsc, oneshot};

/// What an order wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The order's id.
    pub order: OrderId,
    /// Units that are sold, or added.
    pub units: Units,
    /// Whether they are added.
    pub restocks: bool,
}

/// A queue with one writer: while batches are under way the next collects, so the more orders wait, the larger the batches.
///
/// An id is under way once; a second call under it goes with a later batch. When the value is dropped, the writer ends
/// with what is in the queue.
#[derive(Debug)]
pub struct Batches {
    queue: mpsc::Sender<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    wanted: Wanted,
    answer: oneshot::Sender<Answer>,
}

impl Batches {
    /// The most orders in one batch.
    pub const MOST: usize = 512;

    /// Starts the writer on the runtime that this is called in. `send` sends a batch, and answers its orders in their
    /// order. Up to `at_once` batches, at least one, are under way: with two, the server decides one while the other is
    /// on its way. Where batches wait for one another's locks, one is enough.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    pub fn start<F, A>(at_once: usize, send: F) -> Self
    where
        F: Fn(Vec<Wanted>) -> A + Send + Sync + 'static,
        A: Future<Output = Vec<Answer>> + Send + 'static,
    {
        let (queue, waiting) = mpsc::channel(4 * Self::MOST);
        tokio::spawn(write(waiting, at_once.max(1), send));
        Self { queue }
    }

    /// Has units sold to an order with the next batch, and waits for its answer.
    pub async fn deduct(&self, order: &OrderId, units: Units) -> Answer {
        self.ask(order, units, false).await
    }

    /// Has units added under an order's id with the next batch, and waits for its answer.
    pub async fn restock(&self, order: &OrderId, units: Units) -> Answer {
        self.ask(order, units, true).await
    }

    async fn ask(&self, order: &OrderId, units: Units, restocks: bool) -> Answer {
        let wanted = Wanted {
            order: order.clone(),
            units,
            restocks,
        };
        let (answer, answered) = oneshot::channel();
        if self.queue.send(Waiting { wanted, answer }).await.is_err() {
            return Answer::Unknown(Unknown::new(0, "the writer has ended"));
        }
        answered
            .await
            .unwrap_or_else(|_| Answer::Unknown(Unknown::new(1, "the writer has ended")))
    }
}

async fn write<F, A>(mut queue: mpsc::Receiver<Waiting>, at_once: usize, send: F)
where
    F: Fn(Vec<Wanted>) -> A,
    A: Future<Output = Vec<Answer>> + Send + 'static,
{
    let places = Arc::new(Semaphore::new(at_once));
    let under_way = UnderWay::default();
    let mut later: Vec<Waiting> = Vec::new();
    loop {
        let place = Arc::clone(&places).acquire_owned().await;
        let mut waiting = std::mem::take(&mut later);
        if waiting.is_empty() && queue.recv_many(&mut waiting, Batches::MOST).await == 0 {
            return;
        }
        while waiting.len() < Batches::MOST
            && let Ok(next) = queue.try_recv()
        {
            waiting.push(next);
        }
        let (batch, twice) = under_way.add(waiting);
        later = twice;
        if batch.is_empty() {
            // All that wait have their id under way: until nothing is.
            drop(place);
            _ = places.acquire_many(places_of(at_once)).await;
            continue;
        }
        let (wanted, callers): (Vec<_>, Vec<_>) = batch
            .into_iter()
            .map(|waiting| (waiting.wanted, waiting.answer))
            .unzip();
        let ids: Vec<OrderId> = wanted.iter().map(|wanted| wanted.order.clone()).collect();
        let (sent, under_way) = (send(wanted), under_way.clone());
        tokio::spawn(async move {
            let answers = sent.await;
            under_way.remove(&ids);
            drop(place);
            debug_assert_eq!(answers.len(), callers.len(), "each order has an answer");
            for (caller, answer) in callers.into_iter().zip(answers) {
                // A caller that went away asks for its outcome.
                _ = caller.send(answer);
            }
        });
    }
}

/// All places, as a semaphore counts them.
fn places_of(at_once: usize) -> u32 {
    u32::try_from(at_once).unwrap_or(u32::MAX)
}

/// The ids of the batches that are under way.
#[derive(Debug, Clone, Default)]
struct UnderWay(Arc<Mutex<HashSet<OrderId>>>);

impl UnderWay {
    /// Adds the ids of those that can be sent now; the others come second, because their id is under way.
    fn add(&self, waiting: Vec<Waiting>) -> (Vec<Waiting>, Vec<Waiting>) {
        let mut ids = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = |waiting: &Waiting| ids.insert(waiting.wanted.order.clone());
        waiting.into_iter().partition(is_new)
    }

    fn remove(&self, orders: &[OrderId]) {
        let mut ids = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for order in orders {
            ids.remove(order);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};
    use tokio::time::{Duration, sleep};

    #[tokio::test(start_paused = true)]
    async fn orders_that_wait_go_in_one_batch_and_an_id_once() {
        let sent: Arc<Mutex<Vec<Vec<String>>>> = Arc::default();
        let batches = {
            let sent = Arc::clone(&sent);
            Arc::new(Batches::start(1, move |batch| {
                let ids = batch.iter().map(|wanted| wanted.order.to_string());
                sent.lock().unwrap().push(ids.collect());
                async move {
                    sleep(Duration::from_millis(1)).await;
                    batch
                        .iter()
                        .map(|wanted| (wanted.order.as_str() != "c").into())
                        .collect()
                }
            }))
        };
        let asks = ["a", "b", "c", "b", "d"].map(|order| {
            let batches = Arc::clone(&batches);
            let one = Units::new(1).unwrap();
            tokio::spawn(async move { batches.deduct(&order.parse().unwrap(), one).await })
        });
        for (ask, done) in asks.into_iter().zip([true, true, false, true, true]) {
            assert_eq!(ask.await.unwrap(), Answer::from(done));
        }
        let sent = sent.lock().unwrap();
        assert_eq!(sent.len(), 2, "{sent:?}");
        assert_eq!(sent[0], ["a", "b", "c", "d"]);
        assert_eq!(sent[1], ["b"]);
    }

    /// What becomes of calls for these ids, one every millisecond, when a batch takes ten, and two may be under way.
    async fn played(orders: &[&str]) -> Vec<String> {
        let log: Arc<Mutex<Vec<String>>> = Arc::default();
        let sent = Arc::clone(&log);
        let batches = Arc::new(Batches::start(2, move |batch| {
            let log = Arc::clone(&sent);
            async move {
                let ids: Vec<_> = batch.iter().map(|wanted| wanted.order.as_str()).collect();
                let ids = ids.join(" ");
                log.lock().unwrap().push(format!("{ids} sent"));
                sleep(Duration::from_millis(10)).await;
                log.lock().unwrap().push(format!("{ids} answered"));
                batch.iter().map(|_| Answer::Done(())).collect()
            }
        }));
        let mut asks = Vec::new();
        for order in orders {
            let (batches, order) = (Arc::clone(&batches), order.parse().unwrap());
            let one = Units::new(1).unwrap();
            asks.push(tokio::spawn(
                async move { batches.deduct(&order, one).await },
            ));
            sleep(Duration::from_millis(1)).await;
        }
        for ask in asks {
            assert_eq!(ask.await.unwrap(), Answer::Done(()));
        }
        let log = log.lock().unwrap();
        log.clone()
    }

    #[tokio::test(start_paused = true)]
    async fn two_batches_are_under_way_and_no_id_is_in_both() {
        let overlap = played(&["a", "b", "a", "c"]).await;
        let log = [
            "a sent",
            "b sent",
            "a answered",
            "a c sent",
            "b answered",
            "a c answered",
        ];
        assert_eq!(overlap, log);
        let alone = played(&["a", "a", "b"]).await;
        assert_eq!(alone, ["a sent", "a answered", "a b sent", "a b answered"]);
    }
}
