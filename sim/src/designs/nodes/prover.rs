//! How a node asks for units that others have: proofs, one statement at a time, and recalls.

use super::Nodes;
use super::lending;
use super::node::Node;
use super::refusal::{self, Asks, Proof};
use super::rows::{Sku, Units};
use super::sessions::close_silent;
use super::writer::HEARTBEAT;
use crate::world::Slot;
use std::collections::BTreeMap;
use std::time::Duration;

/// How long a recall takes: a notification, a heartbeat, and a batch that hands back.
const COMES_BACK: Duration = HEARTBEAT;

impl Node {
    /// Has an order refused if it is short. **One statement at a time, for all calls that began before it was sent**: a
    /// call never joins one that is under way, whose sum may be older than the call.
    pub(super) async fn prove(&self, id: u64, wanted: &Units) -> Option<Proof> {
        if self.0.kind == Nodes::ProofForEachCall {
            return self
                .send_proof(Asks::from([(id, wanted.clone())]))
                .await?
                .remove(&id);
        }
        if let Some(refused) = self.joins_proof(wanted) {
            return Some(refused);
        }
        let answer = Slot::new();
        let begins = self.memory(|memory| {
            (memory.proofs).push((id, wanted.clone(), answer.clone()));
            !std::mem::replace(&mut memory.proving, true)
        });
        if begins {
            self.0.site.world().spawn(self.clone().send_proofs());
        }
        answer.filled().await
    }

    /// A mistake: it rests on a sum from before the call.
    fn joins_proof(&self, wanted: &Units) -> Option<Proof> {
        if self.0.kind != Nodes::ProofBeforeCall {
            return None;
        }
        let now = self.clock();
        let (at, known) = self.memory(|memory| memory.refused.clone())?;
        let is_short = |(sku, units): (&Sku, &u64)| known.get(sku).is_some_and(|had| units >= had);
        let recent = at + HEARTBEAT > now && wanted.iter().any(is_short);
        let sku = *wanted.keys().next()?;
        recent.then_some(Proof::Refused(sku))
    }

    async fn send_proofs(self) {
        loop {
            let asking = self.memory(|memory| {
                memory.proving = !memory.proofs.is_empty();
                std::mem::take(&mut memory.proofs)
            });
            if asking.is_empty() {
                return;
            }
            let began = self.clock();
            let wanted = asking.iter().map(|(id, wanted, _)| (*id, wanted.clone()));
            let mut proofs = self.send_proof(wanted.collect()).await;
            for (id, wanted, answer) in asking {
                let proof = proofs.as_mut().and_then(|proofs| proofs.remove(&id));
                if matches!(proof, Some(Proof::Refused(_))) {
                    self.memory(|memory| memory.refused = Some((began, wanted)));
                }
                answer.fill(proof);
            }
        }
    }

    async fn send_proof(&self, asks: Asks) -> Option<BTreeMap<u64, Proof>> {
        let (kind, node) = (self.0.kind, self.0.session.node);
        let (under_way, most) = self.0.proofs.get();
        self.0.proofs.set((under_way + 1, most.max(under_way + 1)));
        let prove = async move |tx| refusal::prove(tx, asks.clone(), kind, node).await;
        let proofs = self.0.rows.retried(prove).await;
        let (under_way, most) = self.0.proofs.get();
        self.0.proofs.set((under_way - 1, most));
        proofs.ok()
    }

    /// Has every node hand back what it has, this one too, and waits for that. Calls of one node share a recall.
    pub(super) async fn recall(&self, wanted: &Units) {
        let joins = self.memory(|memory| match &mut memory.recalling {
            Some(others) => {
                let slot = Slot::new();
                others.push(slot.clone());
                Some(slot)
            }
            None => {
                memory.recalling = Some(Vec::new());
                memory.asks_until = self.clock() + lending::RECALL;
                None
            }
        });
        if let Some(over) = joins {
            return over.filled().await;
        }
        let _ = self.0.rows.retried(async |tx| close_silent(tx).await).await;
        let (skus, notify) = (
            wanted.keys().copied().collect::<Vec<_>>(),
            self.0.notify.clone(),
        );
        let recall = async move |tx| {
            let notify = notify.clone();
            lending::recall(tx, skus.clone(), move || notify()).await
        };
        let _ = self.0.rows.retried(recall).await;
        self.notified();
        self.0.site.world().sleep(COMES_BACK).await;
        let others = self.memory(|memory| memory.recalling.take());
        for other in others.unwrap_or_default() {
            other.fill(());
        }
    }
}
