//! A node's one writer: one thing at a time, a heartbeat, a lend or a batch. So a heartbeat never sees the half of a
//! batch, and what the node knows of a block never stays below the block's row.

use super::Nodes;
use super::batch::{self, Batch, Did, Item, Written, epoch};
use super::lending::{self, Lent};
use super::memory::{Held, Memory, Pieces, Waiting};
use super::node::Node;
use super::rows::{self, Key, Mode, Order, Row, Rows, Sku, State, Tx, Units};
use super::sessions::{self, Session};
use crate::database::{Deadlock, Failed};
use crate::network::TimedOut;
use crate::world::Slot;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

pub(super) const HEARTBEAT: Duration = Duration::from_millis(5);

/// The session is over.
struct Over;

impl Node {
    /// Writes until the session is over.
    pub(super) async fn write(self) {
        let mut beats_at = Duration::ZERO;
        let mut lent = false;
        loop {
            self.0.writes.set(true);
            if self.clock() >= beats_at || self.0.beats.take() {
                beats_at = self.clock() + HEARTBEAT;
                self.0.beats.set(false);
                if self.beat().await.is_err() {
                    break;
                }
            }
            let has_batch = self.has_batch();
            let lend = (!lent || !has_batch).then(|| self.next_lend()).flatten();
            lent = lend.is_some();
            let went = match lend {
                Some(lend) => self.write_lend(lend).await,
                None if has_batch => self.write_batch().await,
                None => Ok(()),
            };
            if went.is_err() {
                break;
            }
            self.0.writes.set(false);
            if !self.has_work() {
                let idle = Slot::new();
                self.0.idle.replace(Some(idle.clone()));
                let _ = self.0.site.world().within(HEARTBEAT, idle.filled()).await;
            }
        }
        self.end();
    }

    /// The session is over: calls that wait are answered "try again", which another node can do.
    fn end(&self) {
        let (items, lends) = self.memory(|memory| {
            memory.is_over = true;
            memory.blocks.clear();
            let items = std::mem::take(&mut memory.items);
            (items, std::mem::take(&mut memory.lends))
        });
        for (_, waiting) in items {
            waiting.answer.fill(Did::Again);
        }
        for (_, lent) in lends {
            lent.fill(None);
        }
        self.0.writes.set(false);
    }

    fn has_work(&self) -> bool {
        let lends = self.memory(|memory| !memory.lends.is_empty() || !memory.ahead.is_empty());
        lends || self.has_batch() || self.0.beats.get()
    }

    fn has_batch(&self) -> bool {
        let waits = self.memory(|memory| !memory.items.is_empty());
        waits || !self.goes_back().is_empty()
    }

    /// SKUs whose units are handed back now.
    fn goes_back(&self) -> BTreeSet<Sku> {
        let now = self.clock();
        self.memory(|memory| {
            if self.0.kind == Nodes::AskerKeeps && memory.asks_until > now {
                return BTreeSet::new();
            }
            let blocks = memory.blocks.values().filter(|block| block.free > 0);
            let mut skus: BTreeSet<Sku> = blocks.map(|block| block.sku).collect();
            skus.retain(|&sku| {
                memory.stopping || memory.is_narrow(sku) || memory.is_recalled(sku, now)
            });
            skus
        })
    }

    fn next_batch(&self) -> (Batch, BTreeMap<u64, Waiting>) {
        let skus = self.goes_back();
        let number = self.0.batches.get() + 1;
        self.0.batches.set(number);
        self.memory(|memory| {
            let items = memory.next_items(self.0.most.get());
            let mut hand_backs = Vec::new();
            for (&epoch, block) in &mut memory.blocks {
                if skus.contains(&block.sku) && block.free > 0 {
                    hand_backs.push((epoch, std::mem::take(&mut block.free)));
                }
            }
            let batch = Batch {
                number,
                items: (items.iter().map(|(&id, it)| (id, it.item.clone()))).collect(),
                hand_backs,
            };
            (batch, items)
        })
    }

    async fn write_batch(&self) -> Result<(), Over> {
        let (batch, mut items) = self.next_batch();
        let answers = match self.send(&batch).await {
            Ok(Written::Became(answers)) => answers,
            Ok(Written::Void) => {
                self.divide(&batch, items);
                return Ok(());
            }
            Err(Over) => {
                for (_, waiting) in items {
                    waiting.answer.fill(Did::Again);
                }
                return Err(Over);
            }
        };
        self.0.most.set(usize::MAX);
        self.hand_back_in_two(&batch).await;
        for (id, did) in answers {
            if let Some(waiting) = items.remove(&id) {
                self.settle(id, &waiting.item, &did);
                waiting.answer.fill(did);
            }
        }
        Ok(())
    }

    /// A batch is not there, and never will be: all of it waits again, before what came later, and goes in smaller ones.
    fn divide(&self, batch: &Batch, items: BTreeMap<u64, Waiting>) {
        self.0.most.set((items.len() / 2).max(1));
        self.memory(|memory| {
            let later = std::mem::take(&mut memory.items);
            memory.items = items.into_iter().chain(later).collect();
            keep_hand_backs(memory, batch);
        });
    }

    /// Sends a batch, unchanged, until it is answered. Neither a time-out nor a read says that it will never commit. After
    /// a time-out its number is taken away, so that it can be divided: here whatever its size, so that chance meets it often.
    async fn send(&self, batch: &Batch) -> Result<Written, Over> {
        let (of, kind, rows) = (self.0.session, self.0.kind, &self.0.rows);
        loop {
            let (sent, world) = (batch.clone(), self.0.site.world().clone());
            let write = async move |tx| batch::write(tx, of, &sent, kind, &world).await;
            match rows.once(write).await {
                Ok(answers) => return answers.ok_or(Over),
                Err(Failed::TimedOut) if kind == Nodes::BatchTakenForFailed => {
                    if !is_there(rows, of, batch.number).await {
                        return Ok(Written::Became(self.gives_up_batch(batch)));
                    }
                }
                Err(Failed::TimedOut) => {
                    let number = batch.number;
                    let void = async move |tx| batch::void(tx, of, number, kind).await;
                    match rows.once(void).await {
                        Ok(Some(true)) => return Ok(Written::Void),
                        Ok(None) => return Err(Over),
                        // The batch came first; or what became of it is not known: it is asked.
                        Ok(Some(false)) | Err(_) => {}
                    }
                }
                Err(_) => {}
            }
        }
    }

    /// A mistake: its orders are said not to be placed.
    fn gives_up_batch(&self, batch: &Batch) -> BTreeMap<u64, Did> {
        self.memory(|memory| keep_hand_backs(memory, batch));
        let given_up = Order::without_units(State::Cancelled).known();
        let did = |item: &Item| match item {
            Item::Place { .. } => Did::Is(given_up, vec![]),
            _ => Did::Again,
        };
        let items = batch.items.iter();
        items.map(|(&id, item)| (id, did(item))).collect()
    }

    /// A mistake: between the two, the units are in no sum.
    async fn hand_back_in_two(&self, batch: &Batch) {
        if self.0.kind != Nodes::HandBackInTwo {
            return;
        }
        let skus = self.memory(|memory| {
            let sku = |epoch| memory.blocks.get(epoch).map(|block| block.sku);
            let backs = batch.hand_backs.iter();
            let backs = backs.filter_map(|(epoch, units)| Some((sku(epoch)?, *units)));
            backs.collect::<Vec<_>>()
        });
        for (sku, units) in skus {
            let id = self.0.site.world().number();
            let give = async move |tx| give_once(&tx, id, sku, units).await;
            while self.0.rows.retried(give).await.is_err() {}
        }
    }

    /// What the node knows after an item of a batch.
    fn settle(&self, id: u64, item: &Item, did: &Did) {
        let kind = self.0.kind;
        self.memory(|memory| match (item, did) {
            (Item::Place { .. }, Did::Placed(_)) => {}
            (Item::Place { .. }, Did::Is(..)) if kind == Nodes::LoserKeeps => {}
            // The order was there already: no row counts these units.
            (Item::Place { pieces, .. }, Did::Is(..) | Did::Missing | Did::Short) => {
                memory.release(pieces);
            }
            (Item::Place { pieces, .. }, Did::Fenced | Did::Again) => {
                memory.forget(pieces.iter().filter_map(epoch));
            }
            (Item::Expire { to }, did) => {
                memory.holds.remove(&id);
                let went = went(did);
                let guessed = to.values().filter(|guess| !went.contains(guess));
                memory.forget(guessed.map(|(epoch, _)| *epoch));
            }
            (Item::Pay | Item::Cancel { .. }, did) => {
                memory.holds.remove(&id);
                for (epoch, units) in went(did) {
                    let block = memory.blocks.get_mut(epoch);
                    block.into_iter().for_each(|block| block.free += units);
                }
            }
        });
    }

    /// What orders want lent; else what is fetched ahead, for nobody yet.
    fn next_lend(&self) -> Option<(Units, Option<Slot<Pieces>>)> {
        self.memory(|memory| match memory.lends.pop_front() {
            Some((wanted, answer)) => Some((wanted, Some(answer))),
            None => Some((Units::from([(memory.ahead.pop()?, 1)]), None)),
        })
    }

    async fn write_lend(
        &self,
        (wanted, answer): (Units, Option<Slot<Pieces>>),
    ) -> Result<(), Over> {
        let (of, kind) = (self.0.session, self.0.kind);
        let lend_no = self.0.lends.get() + 1;
        self.0.lends.set(lend_no);
        let asked = wanted.clone();
        let lend = async move |tx| lending::lend(tx, of, lend_no, asked.clone(), kind).await;
        // A lend that is not answered is adopted by a heartbeat.
        let lent = match kind {
            Nodes::LendNotAdopted => self.0.rows.once(lend).await.map_err(|_| TimedOut),
            _ => self.0.rows.retried(lend).await,
        };
        let (went, pieces) = match lent {
            Ok(Some(Lent::Blocks(blocks))) => {
                self.lent(&wanted, blocks);
                (Ok(()), answer.is_some())
            }
            Ok(Some(Lent::Short)) | Err(TimedOut) => (Ok(()), false),
            Ok(None) => (Err(Over), false),
        };
        // At once: a recall would have it handed back.
        let pieces = pieces.then(|| self.memory(|memory| memory.take(&wanted)));
        if let Some(answer) = answer {
            answer.fill(pieces.flatten());
        }
        went
    }

    /// Adds what was lent. SKUs without a block are sold from the pool.
    fn lent(&self, wanted: &Units, blocks: Vec<(u64, Sku, u64)>) {
        self.memory(|memory| {
            for &sku in wanted.keys() {
                let is_wide = blocks.iter().any(|(_, lent, _)| *lent == sku);
                let mode = if is_wide { Mode::Wide } else { Mode::Narrow };
                memory.modes.insert(sku, mode);
            }
            for (epoch, sku, units) in blocks {
                memory.granted.insert(sku, units);
                let there = memory.blocks.get(&epoch).map_or(0, |block| block.free);
                let free = match self.0.kind {
                    Nodes::BlocksWithoutEpochs => units + there,
                    _ => units,
                };
                memory.blocks.insert(epoch, Held { sku, free });
            }
        });
    }

    /// Renews the lease, adopts blocks that the node does not know, and drops those that are closed.
    async fn beat(&self) -> Result<(), Over> {
        let of = self.0.session;
        let beat = async move |tx| sessions::beat(tx, of).await;
        match self.0.rows.retried(beat).await {
            Ok(Some(beat)) => {
                let (now, adopts) = (self.clock(), self.0.kind != Nodes::LendNotAdopted);
                self.memory(|memory| memory.learn(beat, now, adopts));
                Ok(())
            }
            Ok(None) => Err(Over),
            Err(_) => Ok(()),
        }
    }
}

/// What a batch was to hand back stays with its blocks.
fn keep_hand_backs(memory: &mut Memory, batch: &Batch) {
    for &(epoch, units) in &batch.hand_backs {
        let block = memory.blocks.get_mut(&epoch);
        block.into_iter().for_each(|block| block.free += units);
    }
}

/// Units that an item brought to blocks.
fn went(did: &Did) -> &[(u64, u64)] {
    match did {
        Did::Is(_, went) => went,
        _ => &[],
    }
}

/// For a mistake: gives units to a pool, once for each id.
async fn give_once(tx: &Tx, id: u64, sku: Sku, units: u64) -> Result<(), Deadlock> {
    let marks = |row: &mut Option<Row>| {
        let mark = Row::Order(Order::without_units(State::Cancelled));
        row.replace(mark).is_none()
    };
    if tx.update(Key::Order(id), marks).await? {
        rows::give(tx, &Units::from([(sku, units)])).await?;
    }
    Ok(())
}

/// A mistake: a batch that is not there now may come later.
async fn is_there(rows: &Rows, of: Session, number: u64) -> bool {
    let there = rows.read(move |rows| {
        let node = rows.get(&Key::Node(of.node));
        let node = node.and_then(Row::node);
        node.is_some_and(|node| node.session != of.number || node.last >= number)
    });
    there.await.unwrap_or(true)
}
