//! How a node asks for units that others have: proofs, one statement at a time, and recalls.

use super::inner::Inner;
use super::lines::{Lines, Sku};
use super::memory::Asking;
use super::rows::{Failed, Proof};
use segstock_remote::OrderId;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::sleep;

/// The most orders of one proof: the statement compares them with each other's lines.
const MOST: usize = 256;
/// How long a recall takes at least: a notification, a heartbeat, and a batch that hands back.
const COMES_BACK: Duration = Duration::from_millis(5);
/// After a proof without an answer.
const PAUSE: Duration = Duration::from_millis(20);
const LONGEST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_RECALL: Duration = Duration::from_secs(1);

/// Whether a transaction closes the blocks of its SKUs first.
#[derive(Debug, Default)]
pub(super) struct Closes(pub bool);

impl Closes {
    /// Blocks have what it wants: from the next try on it closes them. Each further try waits until more comes back.
    pub(super) async fn next(&mut self) {
        if std::mem::replace(&mut self.0, true) {
            sleep(COMES_BACK).await;
        }
    }
}

impl Inner {
    /// Has an order refused if it is short. **One statement at a time, for all calls that began before it was sent**: a call
    /// never joins one that is under way, whose sum may be older than the call.
    pub(super) async fn prove(self: &Arc<Self>, id: &OrderId, lines: &Lines) -> Option<Proof> {
        let (answer, answered) = oneshot::channel();
        let (id, lines) = (id.clone(), lines.clone());
        let begins = {
            let mut memory = self.memory();
            memory.proofs.push(Asking { id, lines, answer });
            !std::mem::replace(&mut memory.proving, true)
        };
        if begins {
            tokio::spawn(Arc::clone(self).send_proofs());
        }
        answered.await.ok()
    }

    async fn send_proofs(self: Arc<Self>) {
        loop {
            let asking: Vec<Asking> = {
                let mut memory = self.memory();
                memory.proving = !memory.proofs.is_empty();
                let most = memory.proofs.len().min(MOST);
                memory.proofs.drain(..most).collect()
            };
            if asking.is_empty() {
                return;
            }
            let asks: Vec<(OrderId, Lines)> = asking
                .iter()
                .map(|asks| (asks.id.clone(), asks.lines.clone()))
                .collect();
            match self.proves.prove(&asks).await {
                Ok(proofs) => {
                    for (asks, proof) in asking.into_iter().zip(proofs) {
                        // It may wait no more.
                        _ = asks.answer.send(proof);
                    }
                }
                // Their answers are dropped: they ask again.
                Err(Failed::Silent(_) | Failed::Over) => sleep(PAUSE).await,
                Err(Failed::Broken(words)) => self.end(&words),
            }
        }
    }

    /// Has every node hand back what it has, this one too, and waits for that. Calls of one node share a recall of their SKUs.
    /// It takes longer with each round of a call: commits may be slow.
    pub(super) async fn recall(self: &Arc<Self>, lines: &Lines, round: u32) {
        let skus: Vec<Sku> = lines.iter().map(|(sku, _)| Arc::clone(sku)).collect();
        let joins = {
            let mut memory = self.memory();
            match memory.recalling.get_mut(&skus) {
                Some(others) => {
                    let (over, is_over) = oneshot::channel();
                    others.push(over);
                    Some(is_over)
                }
                None => {
                    memory.recalling.insert(skus.clone(), Vec::new());
                    None
                }
            }
        };
        if let Some(is_over) = joins {
            _ = is_over.await;
            return;
        }
        let doubled = 1 << round.min(10);
        // Without an answer the call asks again.
        _ = self.rows.close_silent().await;
        _ = self
            .rows
            .recall(
                lines,
                self.sale.recall.saturating_mul(doubled).min(LONGEST_RECALL),
            )
            .await;
        self.notified();
        sleep((COMES_BACK * doubled).min(LONGEST_WAIT)).await;
        let others = self.memory().recalling.remove(&skus);
        for other in others.into_iter().flatten() {
            _ = other.send(());
        }
    }
}
