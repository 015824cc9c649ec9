//! [`Batches`]: a writer that sends many orders in one call.

use crate::{Answer, OrderId, Units, Unknown};
use std::collections::HashSet;
use tokio::sync::{mpsc, oneshot};

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

/// A queue with one writer: while one batch is under way the next collects, so the more orders wait, the larger the
/// batches.
///
/// An id is in a batch once; a second call under it goes with the next batch. When the value is dropped, the writer ends
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
    /// order.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    pub fn start<F, A>(send: F) -> Self
    where
        F: Fn(Vec<Wanted>) -> A + Send + Sync + 'static,
        A: Future<Output = Vec<Answer>> + Send + 'static,
    {
        let (queue, waiting) = mpsc::channel(4 * Self::MOST);
        tokio::spawn(write(waiting, send));
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

async fn write<F, A>(mut queue: mpsc::Receiver<Waiting>, send: F)
where
    F: Fn(Vec<Wanted>) -> A,
    A: Future<Output = Vec<Answer>>,
{
    let mut later: Vec<Waiting> = Vec::new();
    loop {
        let mut waiting = std::mem::take(&mut later);
        if waiting.is_empty() && queue.recv_many(&mut waiting, Batches::MOST).await == 0 {
            return;
        }
        while waiting.len() < Batches::MOST
            && let Ok(next) = queue.try_recv()
        {
            waiting.push(next);
        }
        let mut known = HashSet::with_capacity(waiting.len());
        let (batch, twice): (Vec<_>, Vec<_>) = waiting
            .into_iter()
            .partition(|waiting| known.insert(waiting.wanted.order.clone()));
        later = twice;
        let (wanted, callers): (Vec<_>, Vec<_>) = batch
            .into_iter()
            .map(|waiting| (waiting.wanted, waiting.answer))
            .unzip();
        let answers = send(wanted).await;
        debug_assert_eq!(answers.len(), callers.len(), "each order has an answer");
        for (caller, answer) in callers.into_iter().zip(answers) {
            // A caller that went away asks for its outcome.
            _ = caller.send(answer);
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
            Arc::new(Batches::start(move |batch| {
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
}
