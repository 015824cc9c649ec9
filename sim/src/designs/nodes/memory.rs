//! What a node knows: the free units of its blocks, and what waits to be written.

use super::batch::{Did, Item, Targets, epoch};
use super::refusal::Proof;
use super::rows::{Mode, Piece, Sku, Source, Units};
use super::sessions::Beat;
use crate::world::Slot;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// A block, as its node knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Held {
    pub sku: Sku,
    pub free: u64,
}

/// An order that this node placed with a deadline.
#[derive(Debug, Clone)]
pub(super) struct Hold {
    /// By the node's clock: a guess.
    pub until: Duration,
    pub units: Units,
}

/// An item that waits for its batch.
pub(super) struct Waiting {
    pub item: Item,
    /// It places an order that may be there already.
    pub is_retry: bool,
    pub answer: Slot<Did>,
}

/// An order that waits for a proof, and what it wants.
pub(super) type Asking = (u64, Units, Slot<Option<Proof>>);

/// What an order wants lent, and where its units go: if they were lent, nobody else of the node takes them.
pub(super) type Lending = (Units, Slot<Pieces>);
/// The pieces of an order, if they were lent.
pub(super) type Pieces = Option<Vec<Piece>>;

#[derive(Default)]
pub(super) struct Memory {
    pub blocks: BTreeMap<u64, Held>,
    pub modes: BTreeMap<Sku, Mode>,
    /// Until then, by the node's clock, it hands back what it has.
    pub recalled: BTreeMap<Sku, Duration>,
    pub holds: BTreeMap<u64, Hold>,
    /// With the order's id.
    pub items: Vec<(u64, Waiting)>,
    /// The last batch was of retries.
    pub were_retries: bool,
    pub lends: VecDeque<Lending>,
    /// SKUs that are lent ahead now.
    pub ahead: Vec<Sku>,
    /// What the last lend granted.
    pub granted: Units,
    pub proofs: Vec<Asking>,
    pub proving: bool,
    /// By SKU, the fewest units of an order that was refused since the last heartbeat: orders of as many units or more ask for a
    /// proof first. It is a guess; the proof decides.
    pub refusals: Units,
    /// When the last proof began that refused, and what: only for a mistake.
    pub refused: Option<(Duration, Units)>,
    /// Those who wait for the end of the recall that this node began.
    pub recalling: Option<Vec<Slot<()>>>,
    /// The end of the last recall that this node began: only for a mistake.
    pub asks_until: Duration,
    pub stopping: bool,
    /// The session is over.
    pub is_over: bool,
}

impl Memory {
    /// Takes every line, or none: from blocks, or where little is left from the pool.
    pub(super) fn take(&mut self, wanted: &Units) -> Option<Vec<Piece>> {
        let has = |(&sku, &units): (&Sku, &u64)| self.is_narrow(sku) || self.free(sku) >= units;
        if !wanted.iter().all(has) {
            return None;
        }
        let lines = wanted.iter();
        Some(
            lines
                .flat_map(|(&sku, &units)| self.line(sku, units))
                .collect(),
        )
    }

    /// Takes one line that is there.
    fn line(&mut self, sku: Sku, units: u64) -> Vec<Piece> {
        if self.is_narrow(sku) {
            let from = Source::Pool;
            return vec![Piece { sku, from, units }];
        }
        let mut missing = units;
        let mut pieces = Vec::new();
        for (&epoch, block) in &mut self.blocks {
            let units = missing.min(block.free);
            if block.sku == sku && units > 0 {
                block.free -= units;
                missing -= units;
                let from = Source::Block(epoch);
                pieces.push(Piece { sku, from, units });
            }
        }
        pieces
    }

    /// An order was refused, since too few units of this SKU are free.
    pub(super) fn note_refused(&mut self, sku: Sku, wanted: &Units) {
        if let Some(&units) = wanted.get(&sku) {
            let least = self.refusals.entry(sku).or_insert(units);
            *least = units.min(*least);
        }
    }

    /// Units of these SKUs are free, or may be.
    pub(super) fn note_enough(&mut self, wanted: &Units) {
        self.refusals.retain(|sku, _| !wanted.contains_key(sku));
    }

    /// Whether an order of as many units or fewer was just refused.
    pub(super) fn expects_refusal(&self, wanted: &Units) -> bool {
        let was_refused = |(sku, units): (&Sku, &u64)| {
            let least = self.refusals.get(sku);
            least.is_some_and(|least| units >= least)
        };
        wanted.iter().any(was_refused)
    }

    pub(super) fn is_narrow(&self, sku: Sku) -> bool {
        self.modes.get(&sku).is_some_and(|mode| *mode != Mode::Wide)
    }

    pub(super) fn free(&self, sku: Sku) -> u64 {
        let blocks = self.blocks.values();
        let of_sku = blocks.filter(|block| block.sku == sku);
        of_sku.map(|block| block.free).sum()
    }

    pub(super) fn release(&mut self, pieces: &[Piece]) {
        for piece in pieces {
            let block = epoch(piece).and_then(|epoch| self.blocks.get_mut(&epoch));
            if let Some(block) = block {
                block.free += piece.units;
            }
        }
    }

    /// The node does not know what the blocks of these pieces have: the next heartbeat says.
    pub(super) fn forget(&mut self, epochs: impl IntoIterator<Item = u64>) {
        for epoch in epochs {
            self.blocks.remove(&epoch);
        }
    }

    pub(super) fn is_recalled(&self, sku: Sku, now: Duration) -> bool {
        self.recalled.get(&sku).is_some_and(|until| *until > now)
    }

    /// A block for units that come back: an open one of a SKU that is sold from blocks.
    pub(super) fn block_for(&self, sku: Sku, now: Duration) -> Option<u64> {
        if self.is_narrow(sku) || self.is_recalled(sku, now) || self.stopping {
            return None;
        }
        let mut blocks = self.blocks.iter();
        let block = blocks.find(|(_, block)| block.sku == sku);
        block.map(|(epoch, _)| *epoch)
    }

    /// An order of a SKU that is past its deadline, by the node's clock, and the blocks that its units may go to. They
    /// are free from now on: a guess, on which the database decides.
    pub(super) fn guess_expired(&mut self, sku: Sku, now: Duration) -> Option<(u64, Targets)> {
        let mut holds = self.holds.iter();
        let (&id, hold) = holds.find(|(id, hold)| {
            hold.until < now && hold.units.contains_key(&sku) && !self.waits_for(**id)
        })?;
        let units = hold.units.clone();
        let mut to = Targets::new();
        for (sku, units) in units {
            if let Some(epoch) = self.block_for(sku, now) {
                to.insert(sku, (epoch, units));
            }
        }
        if !to.contains_key(&sku) {
            return None;
        }
        self.holds.remove(&id);
        for (epoch, units) in to.values() {
            if let Some(block) = self.blocks.get_mut(epoch) {
                block.free += units;
            }
        }
        Some((id, to))
    }

    /// Units of an order that is cancelled may go to the node's blocks.
    pub(super) fn blocks_for_all(&self, now: Duration) -> Targets {
        let skus = self.blocks.values().map(|block| block.sku);
        let to = skus.filter_map(|sku| Some((sku, (self.block_for(sku, now)?, 0))));
        to.collect()
    }

    /// Whether something of the order waits for a batch.
    pub(super) fn waits_for(&self, id: u64) -> bool {
        self.items.iter().any(|(waits, _)| *waits == id)
    }

    /// The items of the next batch, one of each order. Orders that may be there already go in a batch of their own: they
    /// may wait for another node's transaction. This many, at most.
    pub(super) fn next_items(&mut self, most: usize) -> BTreeMap<u64, Waiting> {
        let is_retry = |waiting: &Waiting| waiting.is_retry;
        let all = |retries| self.items.iter().all(|(_, it)| is_retry(it) == retries);
        self.were_retries = all(true) || !(all(false) || self.were_retries);
        let mut next = BTreeMap::new();
        let mut others = Vec::new();
        for (id, waiting) in std::mem::take(&mut self.items) {
            let fits = next.len() < most && !next.contains_key(&id);
            if waiting.is_retry != self.were_retries || !fits {
                others.push((id, waiting));
            } else {
                next.insert(id, waiting);
            }
        }
        self.items = others;
        next
    }

    /// Units of a block that waiting items take, less those that they bring.
    fn waits(&self, of: u64) -> i128 {
        let items = self.items.iter().map(|(_, waiting)| match &waiting.item {
            Item::Place { pieces, .. } => {
                let pieces = pieces.iter().filter(|piece| epoch(piece) == Some(of));
                pieces.map(|piece| i128::from(piece.units)).sum()
            }
            Item::Expire { to } => {
                let to = to.values().filter(|(epoch, _)| *epoch == of);
                -to.map(|(_, units)| i128::from(*units)).sum::<i128>()
            }
            Item::Pay | Item::Cancel { .. } => 0,
        });
        items.sum()
    }

    /// Learns from a heartbeat: adopts blocks that it does not know, drops those that are closed.
    pub(super) fn learn(&mut self, beat: Beat, now: Duration, adopts: bool) {
        self.blocks.retain(|epoch, _| beat.open.contains_key(epoch));
        for (epoch, (sku, rest)) in beat.open {
            let is_known = self.blocks.contains_key(&epoch);
            let free = i128::from(rest) - self.waits(epoch);
            // Items that wait on a guess may want more than the block has: the block is adopted when they are answered.
            if let Ok(free) = u64::try_from(free)
                && adopts
                && !is_known
            {
                self.blocks.insert(epoch, Held { sku, free });
            }
        }
        let recalls = beat.recalls.into_iter();
        let recalls = recalls.filter(|(_, time)| !time.is_zero());
        self.recalled = recalls.map(|(sku, time)| (sku, now + time)).collect();
        self.modes = beat.modes;
        self.refusals.clear();
    }
}
