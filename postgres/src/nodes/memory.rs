//! [`Memory`]: what a node knows: the free units of its blocks, and what waits to be written.

use super::batch::{Item, Piece};
use super::known::{Did, Known, State};
use super::lines::{Lines, Sku};
use super::rows::{Beat, Proof};
use segstock_remote::OrderId;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// A block, as its node knows it.
#[derive(Debug)]
struct Held {
    sku: Sku,
    free: i64,
    /// A batch asks to close it if it has no rest.
    closing: bool,
}

/// An item that waits for its batch.
#[derive(Debug)]
pub(super) struct Waiting {
    pub item: Item,
    /// It concerns an order that may be there already.
    pub is_retry: bool,
    /// Nobody waits for a sweep.
    pub answer: Option<oneshot::Sender<Did>>,
}

/// An order to be placed.
#[derive(Debug)]
pub(super) struct Placing {
    pub id: OrderId,
    pub lines: Lines,
    pub ttl: Option<Duration>,
    pub is_retry: bool,
    pub answer: oneshot::Sender<Did>,
}

/// An order that waits for a proof.
#[derive(Debug)]
pub(super) struct Asking {
    pub id: OrderId,
    pub lines: Lines,
    pub answer: oneshot::Sender<Proof>,
}

#[derive(Debug, Default)]
pub(super) struct Memory {
    blocks: BTreeMap<i64, Held>,
    /// The blocks of each SKU.
    of_sku: HashMap<Sku, BTreeSet<i64>>,
    /// SKUs that are sold from their pools, as far as the node knows.
    narrow: HashSet<Sku>,
    /// How many of them the heartbeats of this round have asked for.
    asked: usize,
    /// Until then the node hands back what it has.
    recalled: HashMap<Sku, Instant>,
    items: VecDeque<(OrderId, Waiting)>,
    /// Orders that want units lent.
    pub lends: VecDeque<Placing>,
    /// SKUs that are to be lent ahead.
    ahead: BTreeSet<Sku>,
    /// What the last lend of a SKU granted.
    granted: HashMap<Sku, i64>,
    /// Orders of this many units and more were refused since the last heartbeat: the next ones ask for a proof first. A guess:
    /// what is true is what the proof says.
    refused: HashMap<Sku, i64>,
    /// The last batch was of retries.
    were_retries: bool,
    pub proofs: Vec<Asking>,
    pub proving: bool,
    /// Those who wait for the end of a recall of these SKUs.
    pub recalling: BTreeMap<Vec<Sku>, Vec<oneshot::Sender<()>>>,
    /// Orders past their deadline that wait to be ended, by nobody's call.
    pub sweeps: usize,
    /// There were more of them than a heartbeat brings.
    pub has_backlog: bool,
    /// It takes no calls any more.
    pub stopping: bool,
}

impl Memory {
    /// Takes the units of an order and has the next batch write it; or has them lent.
    pub(super) fn place(&mut self, placing: Placing) {
        if let Err(placing) = self.take_and_queue(placing) {
            self.lends.push_back(placing);
        }
    }

    /// All lines or none. What is taken waits in the queue from now on, so that no heartbeat misses it.
    pub(super) fn take_and_queue(&mut self, placing: Placing) -> Result<(), Placing> {
        let has = |(sku, units): (&Sku, i64)| self.narrow.contains(sku) || self.free(sku) >= units;
        if !placing.lines.iter().all(has) {
            return Err(placing);
        }
        let mut pieces = Vec::new();
        for (sku, units) in placing.lines.iter() {
            self.take(sku, units, &mut pieces);
        }
        let item = Item::Place {
            pieces,
            asked: placing.lines.hash(),
            ttl: placing.ttl,
            customer: placing.lines.customer().cloned(),
        };
        let waiting = Waiting {
            item,
            is_retry: placing.is_retry,
            answer: Some(placing.answer),
        };
        self.items.push_back((placing.id, waiting));
        for (sku, _) in placing.lines.iter() {
            self.fetch_ahead(sku);
        }
        Ok(())
    }

    /// Takes a line that is there.
    fn take(&mut self, sku: &Sku, units: i64, pieces: &mut Vec<Piece>) {
        let piece = |epoch, units| Piece {
            sku: Arc::clone(sku),
            epoch,
            units,
        };
        if self.narrow.contains(sku) {
            pieces.push(piece(0, units));
            return;
        }
        let mut missing = units;
        for epoch in self.of_sku.get(sku).into_iter().flatten() {
            let Some(block) = self.blocks.get_mut(epoch) else {
                continue;
            };
            let units = missing.min(block.free);
            if units > 0 {
                block.free -= units;
                missing -= units;
                pieces.push(piece(*epoch, units));
            }
        }
        debug_assert_eq!(missing, 0, "the line is there");
    }

    /// Has the next units lent before these are gone.
    fn fetch_ahead(&mut self, sku: &Sku) {
        let low = self.granted.get(sku).copied().unwrap_or(0) / 4;
        if !self.narrow.contains(sku) && self.free(sku) <= low && !self.is_recalled(sku) {
            self.ahead.insert(Arc::clone(sku));
        }
    }

    /// The pool has nothing left: nothing is lent ahead until it has.
    pub(super) fn no_more_ahead(&mut self, lines: &Lines) {
        for (sku, _) in lines.iter() {
            self.granted.remove(sku);
        }
    }

    /// An order was refused, since too few units of a SKU are free.
    pub(super) fn note_refused(&mut self, known: &Known, lines: &Lines) {
        let State::Refused(short) = &known.state else {
            return;
        };
        if let Some((sku, units)) = lines.iter().find(|(sku, _)| ***sku == **short) {
            let least = self.refused.entry(Arc::clone(sku)).or_insert(units);
            *least = units.min(*least);
        }
    }

    /// Units of these lines are free, or may be.
    pub(super) fn note_enough(&mut self, lines: &Lines) {
        for (sku, _) in lines.iter() {
            self.refused.remove(sku);
        }
    }

    /// Whether an order that wanted no more was just refused.
    pub(super) fn expects_refusal(&self, lines: &Lines) -> bool {
        let was_refused = |(sku, units): (&Sku, i64)| {
            let least = self.refused.get(sku);
            least.is_some_and(|least| units >= *least)
        };
        !self.refused.is_empty() && lines.iter().any(was_refused)
    }

    /// The next SKU that is lent ahead, for nobody yet.
    pub(super) fn next_ahead(&mut self) -> Option<Sku> {
        self.ahead.pop_first()
    }

    fn free(&self, sku: &Sku) -> i64 {
        let epochs = self.of_sku.get(sku).into_iter().flatten();
        epochs
            .filter_map(|epoch| self.blocks.get(epoch))
            .map(|block| block.free)
            .sum()
    }

    fn is_recalled(&self, sku: &Sku) -> bool {
        self.recalled
            .get(sku)
            .is_some_and(|until| *until > Instant::now())
    }

    pub(super) fn queue(&mut self, id: OrderId, waiting: Waiting) {
        self.items.push_back((id, waiting));
    }

    /// Whether the next batch has something to write.
    pub(super) fn has_batch(&self) -> bool {
        !self.items.is_empty() || self.blocks.values().any(|block| self.goes_back(block))
    }

    pub(super) fn has_lends(&self) -> bool {
        !self.lends.is_empty() || !self.ahead.is_empty()
    }

    fn goes_back(&self, block: &Held) -> bool {
        let returns =
            || self.stopping || self.narrow.contains(&block.sku) || self.is_recalled(&block.sku);
        block.free > 0 && returns()
    }

    /// The items of the next batch, one of each order. Orders that may be there already go in a batch of their own: they may
    /// wait for another node's transaction. Up to `most` lines that the node knows, and `most_items` items, so that the server
    /// can write them in time.
    pub(super) fn next_items(
        &mut self,
        most: usize,
        most_items: usize,
    ) -> BTreeMap<OrderId, Waiting> {
        let mut retries = self.items.iter().map(|(_, waiting)| waiting.is_retry);
        let first = retries.next().unwrap_or(false);
        let is_mixed = retries.any(|is_retry| is_retry != first);
        self.were_retries = if is_mixed { !self.were_retries } else { first };
        let mut next = BTreeMap::new();
        let mut lines = 0;
        let mut others = VecDeque::new();
        for (id, waiting) in std::mem::take(&mut self.items) {
            let more = lines + waiting.item.lines();
            let fits = next.is_empty() || more <= most && next.len() < most_items;
            if waiting.is_retry == self.were_retries && fits && !next.contains_key(&id) {
                lines = more;
                next.insert(id, waiting);
            } else {
                others.push_back((id, waiting));
            }
        }
        self.items = others;
        next
    }

    /// Units that are handed back now, by block; and blocks that are used up, which are closed by that. The newest block of a
    /// SKU stays. Up to `most` blocks: the rest goes with the batches after it.
    pub(super) fn next_hand_backs(&mut self, most: usize) -> Vec<(i64, i64)> {
        let is_newest = |sku: &Sku, epoch: &i64| {
            let epochs = self.of_sku.get(sku);
            epochs.and_then(BTreeSet::last) == Some(epoch)
        };
        let back = |(epoch, block): (&i64, &Held)| {
            let is_used_up = block.free == 0 && !block.closing && !is_newest(&block.sku, epoch);
            (is_used_up || self.goes_back(block)).then_some((*epoch, block.free))
        };
        let backs: Vec<(i64, i64)> = self.blocks.iter().filter_map(back).take(most).collect();
        for (epoch, _) in &backs {
            if let Some(block) = self.blocks.get_mut(epoch) {
                block.free = 0;
                block.closing = true;
            }
        }
        backs
    }

    /// A batch is not there, and never will be: all of it waits again, before what came later. The items keep their units.
    pub(super) fn again(&mut self, items: BTreeMap<OrderId, Waiting>, backs: &[(i64, i64)]) {
        for item in items.into_iter().rev() {
            self.items.push_front(item);
        }
        for (epoch, units) in backs {
            if let Some(block) = self.blocks.get_mut(epoch) {
                block.free += units;
                block.closing = false;
            }
        }
    }

    /// What the node knows after an item of a batch.
    pub(super) fn settle(&mut self, item: &Item, did: &Did, went: &[(i64, i64)]) {
        for (epoch, units) in went {
            self.give(*epoch, *units);
        }
        let Item::Place { pieces, .. } = item else {
            return;
        };
        match did {
            Did::Placed(_) => {}
            // The order was there already, or a pool was short: no row counts these units.
            Did::Done(_)
            | Did::Is(_)
            | Did::Missing
            | Did::Short
            | Did::NoSku(_)
            | Did::Alone
            | Did::Overdue => {
                for piece in pieces {
                    self.give(piece.epoch, piece.units);
                }
            }
            // The node does not know what these blocks have: the next heartbeat says.
            Did::Fenced | Did::Again => {
                for piece in pieces {
                    self.forget(piece.epoch);
                }
            }
        }
    }

    fn give(&mut self, epoch: i64, units: i64) {
        if let Some(block) = self.blocks.get_mut(&epoch) {
            block.free += units;
        }
    }

    fn forget(&mut self, epoch: i64) {
        let Some(block) = self.blocks.remove(&epoch) else {
            return;
        };
        if let Some(epochs) = self.of_sku.get_mut(&block.sku) {
            epochs.remove(&epoch);
            if epochs.is_empty() {
                self.of_sku.remove(&block.sku);
            }
        }
    }

    fn adopt(&mut self, epoch: i64, sku: &Sku, free: i64) {
        let block = Held {
            sku: Arc::clone(sku),
            free,
            closing: false,
        };
        self.blocks.insert(epoch, block);
        self.of_sku
            .entry(Arc::clone(sku))
            .or_default()
            .insert(epoch);
    }

    /// Adopts what was lent. SKUs without a block are sold from the pool.
    pub(super) fn lent(&mut self, lines: &Lines, blocks: Vec<(i64, Sku, i64)>) {
        for (sku, _) in lines.iter() {
            if blocks.iter().any(|(_, lent, _)| lent == sku) {
                self.narrow.remove(sku);
            } else {
                self.narrow.insert(Arc::clone(sku));
            }
        }
        for (epoch, sku, units) in blocks {
            self.granted.insert(Arc::clone(&sku), units);
            self.adopt(epoch, &sku, units);
        }
    }

    /// SKUs that a heartbeat asks for: of those that are sold from their pools, up to `most`, by turns.
    pub(super) fn next_known(&mut self, most: usize) -> Vec<Sku> {
        if self.asked >= self.narrow.len() {
            self.asked = 0;
        }
        let known: Vec<Sku> = self
            .narrow
            .iter()
            .skip(self.asked)
            .take(most)
            .cloned()
            .collect();
        self.asked += known.len();
        known
    }

    /// Learns from a heartbeat that asked for these SKUs: adopts blocks that it does not know, if what waits for them fits; drops
    /// those that are closed. Nothing of this node is under way now.
    pub(super) fn learn(&mut self, beat: Beat, asked: &[Sku]) {
        let open: HashMap<i64, (&Sku, i64)> = beat
            .open
            .iter()
            .map(|(epoch, sku, rest)| (*epoch, (sku, *rest)))
            .collect();
        let closed: Vec<i64> = self
            .blocks
            .keys()
            .copied()
            .filter(|epoch| !open.contains_key(epoch))
            .collect();
        for epoch in closed {
            self.forget(epoch);
        }
        let unknown = open
            .iter()
            .filter(|(epoch, _)| !self.blocks.contains_key(epoch));
        let unknown: HashSet<i64> = unknown.map(|(epoch, _)| *epoch).collect();
        let waits = self.waits(&unknown);
        for (epoch, (sku, rest)) in open {
            if let Some(block) = self.blocks.get_mut(&epoch) {
                block.closing = false;
                continue;
            }
            let free = rest - waits.get(&epoch).copied().unwrap_or(0);
            if free >= 0 {
                self.adopt(epoch, sku, free);
            }
        }
        let now = Instant::now();
        self.recalled = beat
            .recalls
            .into_iter()
            .map(|(sku, lasts)| (sku, now + lasts))
            .collect();
        let open = beat.open.iter().map(|(_, sku, _)| sku);
        for sku in asked.iter().chain(open) {
            self.narrow.remove(sku);
        }
        self.narrow.extend(beat.narrow);
        self.granted.retain(|sku, _| self.of_sku.contains_key(sku));
        self.refused.clear();
    }

    /// What waiting items take from these blocks.
    fn waits(&self, of: &HashSet<i64>) -> HashMap<i64, i64> {
        let mut waits = HashMap::new();
        if of.is_empty() {
            return waits;
        }
        for (_, waiting) in &self.items {
            if let Item::Place { pieces, .. } = &waiting.item {
                for piece in pieces.iter().filter(|piece| of.contains(&piece.epoch)) {
                    *waits.entry(piece.epoch).or_default() += piece.units;
                }
            }
        }
        waits
    }

    /// The blocks that it knows, with their free units.
    pub(super) fn blocks(&self) -> impl Iterator<Item = (i64, &Sku, i64)> {
        self.blocks
            .iter()
            .map(|(epoch, block)| (*epoch, &block.sku, block.free))
    }

    /// The session is over: calls that wait are notified.
    pub(super) fn end(&mut self) {
        *self = Self {
            stopping: true,
            ..Self::default()
        };
    }
}

#[cfg(test)]
mod tests;
