//! [`Upkeep`]: which rows a ledger deletes and rewrites along with a batch.

use super::moves::{Move, Moves};
use super::shelves::Shelves;
use crate::entry::{Change, Entry, Position};
use crate::ledger::Batch;
use crate::lines::SkuId;
use crate::sums::{FewSums, Moved as _};
use std::collections::{BTreeMap, HashSet};

/// Says which rows go along with a batch, and which row stands for them.
///
/// A ledger [notes](Self::note) every entry that it loads, has each batch [planned](Self::plan) once, and carries the plan
/// out in the transaction of the batch, and only if the batch is written. A batch that is sent again has the same plan.
#[derive(Debug)]
pub struct Upkeep<K> {
    counted: Counted,
    shelves: Shelves,
    moves: Moves,
    /// The number of the batch that was planned last, and its plan.
    planned: (u64, Plan<K>),
}

/// What a ledger does to its rows along with a batch, beside adding the batch's entries.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Plan<K> {
    /// Orders whose rows go: the row at each of these positions, and the rows that change the order.
    pub orders: Vec<Position>,
    /// How many units are added to the row of each of these SKUs: they left for good, by what the rows that go say;
    /// negative: they came. Each SKU once.
    pub left: Vec<(SkuId, i64)>,
    /// Rows that go because others stand for them.
    pub gone: Vec<Position>,
    /// What stands in these rows from then on.
    pub rewritten: Vec<(Position, Entry<K>)>,
}

impl<K> Plan<K> {
    /// Whether nothing is to be done.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        // What is rewritten stands for something that goes; so do units that left.
        self.orders.is_empty() && self.gone.is_empty()
    }
}

impl<K> Plan<K> {
    /// The rows of moves go.
    fn moved(&mut self, moves: impl Iterator<Item = Move>) {
        let mut left: BTreeMap<_, _> = self.left.drain(..).collect();
        for moved in moves {
            self.gone.extend(&moved.rows);
            *left.entry(moved.from).or_default() += moved.left.cast_signed();
            *left.entry(moved.to).or_default() -= moved.came.cast_signed();
        }
        self.left.extend(left);
    }
}

impl<K> Default for Plan<K> {
    fn default() -> Self {
        Self {
            orders: Vec::new(),
            left: Vec::new(),
            gone: Vec::new(),
            rewritten: Vec::new(),
        }
    }
}

impl<K> Default for Upkeep<K> {
    fn default() -> Self {
        Self {
            counted: Counted::default(),
            shelves: Shelves::default(),
            moves: Moves::default(),
            planned: (0, Plan::default()),
        }
    }
}

impl<K: Clone> Upkeep<K> {
    /// Notes an entry that was loaded, in the sequence of positions.
    pub fn note(&mut self, position: Position, entry: &Entry<K>) {
        self.counted.note(entry);
        self.shelves.note(position, entry);
        self.moves.note(position, entry);
    }

    /// The plan for a batch. `read` gives the rows of some orders, and the rows at some positions, in any sequence; it is
    /// not called if no row is needed.
    ///
    /// # Errors
    ///
    /// Those of `read`. Then the batch can be planned again.
    pub fn plan<E>(
        &mut self,
        batch: &Batch<K>,
        read: impl FnOnce(&[Position], &[Position]) -> Result<Vec<(Position, Entry<K>)>, E>,
    ) -> Result<&Plan<K>, E> {
        if self.planned.0 == batch.number {
            return Ok(&self.planned.1);
        }
        let (before, entries) = (batch.keys_since, batch.entries.len());
        let chains = self.shelves.next(before, entries);
        let folds = chains.iter().filter(|chain| chain.rows.len() > 1);
        let positions: Vec<_> = folds.flat_map(|chain| chain.rows.iter().copied()).collect();
        let rows = if batch.forget.is_empty() && positions.is_empty() {
            Vec::new()
        } else {
            read(&batch.forget, &positions)?
        };
        // From here on nothing fails.
        batch
            .entries
            .iter()
            .for_each(|entry| self.counted.note(entry));
        let mut plan = self.forget(&batch.forget, &rows);
        let rows: BTreeMap<_, _> = rows.into_iter().collect();
        for chain in &chains {
            let folded = self.shelves.fold(chain, &rows);
            plan.gone.extend(folded.gone);
            plan.rewritten.extend(folded.rewritten);
        }
        self.shelves.pass(&chains, before, entries);
        plan.moved(self.moves.next(before, entries));
        for (position, entry) in batch.positions().zip(&batch.entries) {
            self.shelves.note(position, entry);
            self.moves.note(position, entry);
        }
        self.planned = (batch.number, plan);
        Ok(&self.planned.1)
    }

    /// Which of the forgotten orders' rows go, and what those orders took for good.
    fn forget(&self, orders: &[Position], rows: &[(Position, Entry<K>)]) -> Plan<K> {
        let mut of_orders: BTreeMap<Position, Vec<&Entry<K>>> = BTreeMap::new();
        for (position, entry) in rows {
            let order = entry.change.order().unwrap_or(*position);
            of_orders.entry(order).or_default().push(entry);
        }
        let mut plan = Plan::default();
        let mut sums = FewSums::default();
        for order in orders {
            let Some(entries) = of_orders.get(order) else {
                continue;
            };
            if !self.counted.keeps(entries) {
                plan.orders.push(*order);
                entries.iter().for_each(|entry| sums.add(entry));
            }
        }
        plan.left = left(sums).collect();
        plan
    }
}

/// How many units left with orders that have ended, and did not come back. The sums are those of all their entries.
fn left(sums: FewSums) -> impl Iterator<Item = (SkuId, i64)> {
    sums.0.into_iter().filter_map(|(sku, sums)| {
        debug_assert_eq!((sums.held, sums.paid), (0, 0), "the orders have ended");
        (sums.on_hand < 0).then_some((sku, -sums.on_hand))
    })
}

/// The entry that stands for all rows of a SKU that are gone, at the end of the entries.
pub(crate) const fn stands_for<K>(time: u64, sku: SkuId, left: i64) -> Entry<K> {
    Entry::new(
        time,
        Change::Counted {
            sku,
            counted: 0,
            difference: -left,
            uncovered: 0,
        },
    )
}

/// The SKUs of which each customer can have this many units, over the whole sale. What customers had of them counts for ever,
/// so the entries of such orders stay.
#[derive(Debug, Default)]
struct Counted(HashSet<SkuId>);

impl Counted {
    /// Notes a SKU whose limit an entry sets.
    fn note<K>(&mut self, entry: &Entry<K>) {
        if let Change::Limited { sku, limits, .. } = &entry.change
            && limits.per_customer.is_some()
        {
            self.0.insert(*sku);
        }
    }

    /// Whether the entries of an order that has ended stay: those of a customer who kept units that are counted. `entries` are
    /// all of them.
    fn keeps<K>(&self, entries: &[&Entry<K>]) -> bool {
        let is_of_a_customer = entries.iter().any(|entry| match &entry.change {
            Change::Placed { order, .. } | Change::Waiting { order, .. } => {
                order.customer.is_some()
            }
            _ => false,
        });
        if !is_of_a_customer || self.0.is_empty() {
            return false;
        }
        let mut sums = FewSums::default();
        for entry in entries {
            sums.add(entry);
            // They came back to nobody's shelf, and the customer has them no more.
            if let Change::Returned { written_off, .. } = &entry.change {
                let lines = written_off.iter();
                lines.for_each(|line| sums.on_hand(line.sku, line.units.cast_signed()));
            }
        }
        let mut kept = sums.0.iter().filter(|(_, sums)| sums.on_hand < 0);
        kept.any(|(sku, _)| self.0.contains(sku))
    }
}
