//! A ledger in memory in which things go wrong, by a seed: for tests.
//!
//! A [`Disk`] outlives the processes that write to it. Each process has a [`FaultyLedger`] on it. A write may land and its
//! answer be lost; it may be lost; it may land later: after the writer asked for it, after a later write, after a restart.
//! The disk keeps the one rule that a real ledger keeps, too: a batch lands only on top of the batch before, in the epoch
//! that was raised last.
//!
//! # Examples
//!
//! ```
//! use segstock_orders::OrderBook;
//! use segstock_orders::ledger::faults::{Disk, Faults};
//!
//! let disk = Disk::new();
//! let first = OrderBook::builder().recover(disk.faulty(17, Faults::some()))?;
//! let opened = first.book.open("phone".to_owned(), 2);
//! drop(first);
//!
//! let second = OrderBook::builder().recover(disk.ledger())?;
//! if opened.is_ok() {
//!     assert_eq!(second.found.skus, 1, "what was answered is there");
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use super::rows::{Plan, Upkeep, at_the_end};
use super::{Batch, Ledger, LedgerError, LedgerReason, Opened, Standing, WriteError};
use crate::entry::{Entry, Position};
use crate::lines::SkuId;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// What is durable, and the writes that are under way to it.
#[derive(Clone)]
pub struct Disk<K> {
    state: Arc<Mutex<State<K>>>,
}

struct State<K> {
    at: Opened,
    log: Vec<(Position, Entry<K>)>,
    /// Units that left, by rows that are gone.
    left: BTreeMap<SkuId, i64>,
    /// Sent, and neither here nor lost yet.
    late: Vec<(Batch<K>, Plan<K>)>,
}

/// How often what goes wrong, of 1,000 calls of a ledger.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Faults {
    /// A write lands, and its answer is lost.
    pub answer_lost: u32,
    /// A write is lost.
    pub lost: u32,
    /// A write lands later, or never.
    pub late: u32,
    /// A write fails for good; whether it landed is open.
    pub dead: u32,
    /// A question is not answered.
    pub unanswered: u32,
}

impl Faults {
    /// Nothing goes wrong.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Every second write has no answer, and one of 30 is the last.
    #[must_use]
    pub const fn some() -> Self {
        Self {
            answer_lost: 100,
            lost: 100,
            late: 250,
            dead: 30,
            unanswered: 200,
        }
    }
}

impl<K: Clone> Disk<K> {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        let state = State {
            at: Opened::default(),
            log: Vec::new(),
            left: BTreeMap::new(),
            late: Vec::new(),
        };
        let state = Arc::new(Mutex::new(state));
        Self { state }
    }

    /// A ledger on it in which nothing goes wrong.
    #[must_use]
    pub fn ledger(&self) -> FaultyLedger<K> {
        self.faulty(0, Faults::none())
    }

    /// A ledger on it in which things go wrong.
    #[must_use]
    pub fn faulty(&self, seed: u64, faults: Faults) -> FaultyLedger<K> {
        FaultyLedger {
            disk: self.clone(),
            faults,
            chance: fastrand::Rng::with_seed(seed),
            upkeep: Upkeep::default(),
            found: None,
            raises_late: false,
            is_dead: false,
        }
    }

    /// The entries that are durable, in the sequence in which they were written.
    #[must_use]
    pub fn entries(&self) -> Vec<(Position, Entry<K>)> {
        self.state.lock().log.clone()
    }

    /// Where it stands.
    #[must_use]
    pub fn at(&self) -> Opened {
        self.state.lock().at
    }

    /// Has late writes land, each with a chance of one half, or get lost.
    pub fn land(&self, chance: &mut fastrand::Rng) {
        self.state.lock().land(chance);
    }

    /// Changes what is durable behind the back of all ledgers. For tests of mistakes.
    pub fn edit(&self, edit: impl FnOnce(&mut Vec<(Position, Entry<K>)>)) {
        edit(&mut self.state.lock().log);
    }

    /// Writes a batch if it is on top of what is here, or, with `anyway`, whatever is here; then it may be there twice.
    /// For tests of mistakes.
    pub fn put(&self, batch: &Batch<K>, anyway: bool) {
        self.state.lock().put(batch, &Plan::default(), anyway);
    }
}

impl<K: Clone> Default for Disk<K> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: Clone> State<K> {
    fn put(&mut self, batch: &Batch<K>, plan: &Plan<K>, anyway: bool) -> bool {
        let is_next = batch.epoch == self.at.epoch && batch.number == self.at.batch + 1;
        if !is_next && !anyway {
            return false;
        }
        let entries = batch.positions().zip(batch.entries.iter().cloned());
        self.log.extend(entries);
        self.keep_up(plan);
        self.at.batch = batch.number;
        self.at.last = self.at.last.max(batch.last());
        self.at.time = batch.time;
        self.at.wall = batch.wall;
        true
    }

    fn keep_up(&mut self, plan: &Plan<K>) {
        self.log.retain(|(position, entry)| {
            let order = entry.change.order().unwrap_or(*position);
            !plan.orders.contains(&order) && !plan.gone.contains(position)
        });
        for (position, entry) in &plan.rewritten {
            let row = self.log.iter_mut().find(|(at, _)| at == position);
            if let Some(row) = row {
                row.1 = entry.clone();
            }
        }
        for (sku, units) in &plan.left {
            *self.left.entry(*sku).or_default() += units;
        }
    }

    /// The rows of some orders, and those at some positions.
    fn rows(&self, orders: &[Position], positions: &[Position]) -> Vec<(Position, Entry<K>)> {
        let rows = self.log.iter().filter(|(position, entry)| {
            let order = entry.change.order().unwrap_or(*position);
            orders.contains(&order) || positions.contains(position)
        });
        rows.cloned().collect()
    }

    fn land(&mut self, chance: &mut fastrand::Rng) {
        for (batch, plan) in std::mem::take(&mut self.late) {
            match chance.u8(0..4) {
                0 => {}
                1 => {
                    self.put(&batch, &plan, false);
                }
                _ => self.late.push((batch, plan)),
            }
        }
    }
}

/// A process's way to a [`Disk`].
pub struct FaultyLedger<K> {
    disk: Disk<K>,
    faults: Faults,
    chance: fastrand::Rng,
    upkeep: Upkeep<K>,
    /// Where it stood when it was opened, if its epoch is not raised yet.
    found: Option<Opened>,
    raises_late: bool,
    is_dead: bool,
}

impl<K: Clone> FaultyLedger<K> {
    /// Has it raise its epoch in [`take_over`](Ledger::take_over), once all is loaded, unless something was written since.
    #[must_use]
    pub const fn raising_late(mut self) -> Self {
        self.raises_late = true;
        self
    }

    fn happens(&mut self, of_1000: u32) -> bool {
        of_1000 > 0 && self.chance.u32(0..1000) < of_1000
    }
}

impl<K: Clone + Send> Ledger<K> for FaultyLedger<K> {
    fn open(&mut self) -> Result<Opened, LedgerError> {
        let mut state = self.disk.state.lock();
        state.land(&mut self.chance);
        if self.raises_late {
            self.found = Some(state.at);
            let epoch = state.at.epoch + 1;
            return Ok(Opened { epoch, ..state.at });
        }
        state.at.epoch += 1;
        Ok(state.at)
    }

    fn load(
        &mut self,
        after: Position,
        limit: usize,
    ) -> Result<Vec<(Position, Entry<K>)>, LedgerError> {
        let mut state = self.disk.state.lock();
        state.land(&mut self.chance);
        let rows = state.log.iter().filter(|(position, _)| *position > after);
        let mut page: Vec<_> = rows.take(limit).cloned().collect();
        let (at, room) = (state.at, limit - page.len());
        if room > 0 {
            let left = |from, limit| {
                let left = state.left.range(from..);
                let left = left.take(limit).map(|(sku, left)| (*sku, *left));
                Ok::<Vec<_>, LedgerError>(left.collect())
            };
            page.extend(at_the_end((at.last, at.time), after, room, left)?);
        }
        drop(state);
        for (position, entry) in &page {
            self.upkeep.note(*position, entry);
        }
        Ok(page)
    }

    fn take_over(&mut self) -> Result<(), LedgerError> {
        let Some(found) = self.found.take() else {
            return Ok(());
        };
        let mut state = self.disk.state.lock();
        state.land(&mut self.chance);
        if state.at != found {
            let line = "another process wrote to the ledger meanwhile";
            return Err(LedgerError::new(LedgerReason::Superseded, line));
        }
        state.at.epoch += 1;
        Ok(())
    }

    fn write(&mut self, batch: &Batch<K>) -> Result<(), WriteError> {
        if self.is_dead {
            return Err(WriteError::Dead(fault("the disk has failed")));
        }
        let mut state = self.disk.state.lock();
        state.land(&mut self.chance);
        let read =
            |orders: &[_], positions: &[_]| Ok::<_, WriteError>(state.rows(orders, positions));
        let plan = self.upkeep.plan(batch, read)?.clone();
        drop(state);
        let faults = self.faults;
        if self.happens(faults.dead) {
            self.is_dead = true;
            if self.chance.bool() {
                self.disk.state.lock().put(batch, &plan, false);
            }
            return Err(WriteError::Dead(fault("the disk fails")));
        }
        if self.happens(faults.lost) {
            return Err(WriteError::Unknown(fault("the write is lost")));
        }
        if self.happens(faults.late) {
            self.disk.state.lock().late.push((batch.clone(), plan));
            return Err(WriteError::Unknown(fault("the write is late")));
        }
        if !self.disk.state.lock().put(batch, &plan, false) {
            let void = "the ledger is not where the batch before left it";
            return Err(WriteError::Unknown(fault(void)));
        }
        if self.happens(faults.answer_lost) {
            return Err(WriteError::Unknown(fault("the answer is lost")));
        }
        Ok(())
    }

    fn ask(&mut self, epoch: u64, number: u64) -> Result<Standing, LedgerError> {
        let mut state = self.disk.state.lock();
        state.land(&mut self.chance);
        let at = state.at;
        drop(state);
        if self.is_dead || self.happens(self.faults.unanswered) {
            return Err(fault("no answer"));
        }
        Ok(match (at.epoch == epoch, at.batch >= number) {
            (false, _) => Standing::Superseded,
            (_, true) => Standing::Written,
            (_, false) => Standing::NotWritten,
        })
    }
}

fn fault(line: &str) -> LedgerError {
    LedgerError::new(LedgerReason::Failed, line)
}

impl<K> fmt::Debug for Disk<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.state.lock().at;
        f.debug_struct("Disk")
            .field("at", &at)
            .finish_non_exhaustive()
    }
}

impl<K> fmt::Debug for FaultyLedger<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultyLedger")
            .field("faults", &self.faults)
            .finish_non_exhaustive()
    }
}
