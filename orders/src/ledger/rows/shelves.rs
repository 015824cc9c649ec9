//! [`Shelves`]: the rows of what changed the shelves of SKUs, and which of them one row can stand for.

use crate::entry::{Change, Entry, Position};
use crate::lines::SkuId;
use std::collections::{BTreeMap, HashMap, VecDeque};

/// How many rows are looked at for one batch, or one for each of its entries if it has more: small steps, so that no batch is
/// much longer than others. Each row was an entry once, so that they do not become more and more.
const MOST: usize = 64;
/// With fewer rows that can go, none goes yet: a step reads rows, which costs a call of the ledger.
const FEWEST: usize = 16;

/// What a row changes of a shelf.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum What {
    Units,
    Limits,
}

/// The rows whose requests may be known still, and the older row of each SKU that stands for all before.
#[derive(Debug, Default)]
pub(super) struct Shelves {
    recent: VecDeque<(u64, Position, Key)>,
    bases: HashMap<Key, Position>,
    /// The first row of each SKU that limits customers: from there on they are counted, whatever comes later.
    counted: HashMap<SkuId, Position>,
}

type Key = (SkuId, What);

/// The rows of one SKU, of one kind: that which stands for older ones, if there is one, and those that came since.
#[derive(Debug)]
pub(super) struct Chain {
    key: Key,
    pub(super) rows: Vec<Position>,
}

/// What becomes of the rows of a chain.
#[derive(Debug)]
pub(super) struct Folded<K> {
    /// They go.
    pub(super) gone: Vec<Position>,
    /// They stand for those that go.
    pub(super) rewritten: Vec<(Position, Entry<K>)>,
}

impl Shelves {
    /// Notes a row, in the sequence of positions.
    pub(super) fn note<K>(&mut self, position: Position, entry: &Entry<K>) {
        let key = match entry.change {
            Change::Restocked { sku, .. }
            | Change::Counted { sku, .. }
            | Change::WrittenOff { sku, .. } => (sku, What::Units),
            Change::Limited { sku, limits, .. } => {
                if limits.per_customer.is_some() {
                    self.counted.entry(sku).or_insert(position);
                }
                (sku, What::Limits)
            }
            _ => return,
        };
        self.recent.push_back((entry.time, position, key));
    }

    /// The next rows that are older than `before`, by SKU and kind, for a batch of so many entries: a few, or none if there are
    /// very few.
    pub(super) fn next(&self, before: u64, entries: usize) -> Vec<Chain> {
        let old = self.recent.iter().take_while(|(time, ..)| *time < before);
        let old: Vec<_> = old.take(MOST.max(entries)).collect();
        if old.len() < FEWEST {
            return Vec::new();
        }
        let mut chains: BTreeMap<Key, Vec<Position>> = BTreeMap::new();
        for (_, position, key) in old {
            let base = || self.bases.get(key).copied().into_iter().collect();
            chains.entry(*key).or_insert_with(base).push(*position);
        }
        let chain = |(key, rows)| Chain { key, rows };
        chains.into_iter().map(chain).collect()
    }

    /// One row, or a few, stand for the rows of a chain from now on. `entries` has what stands in them.
    pub(super) fn fold<K: Clone>(
        &mut self,
        chain: &Chain,
        entries: &BTreeMap<Position, Entry<K>>,
    ) -> Folded<K> {
        let mut folded = Folded {
            gone: Vec::new(),
            rewritten: Vec::new(),
        };
        if let [only] = chain.rows[..] {
            // It stands for itself, and the next ones are put together with it.
            self.bases.insert(chain.key, only);
        }
        let rows = chain.rows.iter();
        let mut rows = rows.filter_map(|row| Some((*row, entries.get(row)?)));
        if let Some((first, entry)) = rows.next() {
            let (mut base, mut sum) = (first, entry.clone());
            let mut is_changed = false;
            for (position, entry) in rows {
                let first = self.counted.get(&chain.key.0);
                let is_counted = first.is_some_and(|first| *first < base);
                if let Some(both) = both(&sum.change, &entry.change, is_counted) {
                    let (stays, goes) = match chain.key.1 {
                        // Units are summed up, wherever the row stands.
                        What::Units => (position, base),
                        // From the first on customers are counted, or are not.
                        What::Limits => (base, position),
                    };
                    folded.gone.push(goes);
                    (base, sum, is_changed) = (stays, Entry::new(entry.time, both), true);
                } else {
                    let before = std::mem::replace(&mut sum, entry.clone());
                    if std::mem::take(&mut is_changed) {
                        folded.rewritten.push((base, before));
                    }
                    base = position;
                }
            }
            if is_changed {
                folded.rewritten.push((base, sum));
            }
            self.bases.insert(chain.key, base);
        }
        folded
    }

    /// The rows of `chains` are recent no more: those that are [next](Self::next) for such a batch.
    pub(super) fn pass(&mut self, chains: &[Chain], before: u64, entries: usize) {
        if !chains.is_empty() {
            let is_old = |row: &(u64, Position, Key)| row.0 < before;
            let next = self.recent.iter().take(MOST.max(entries));
            let old = next.take_while(|row| is_old(row)).count();
            self.recent.drain(..old);
        }
    }
}

/// What two changes of a shelf, one after the other, change together. `None` if the one cannot stand for the other.
/// `is_counted`: customers are counted since an earlier change.
fn both<K>(first: &Change<K>, second: &Change<K>, is_counted: bool) -> Option<Change<K>> {
    if let (
        Change::Limited {
            sku,
            safety,
            uncovered,
            limits: before,
        },
        Change::Limited {
            safety: more,
            uncovered: more_uncovered,
            limits,
            ..
        },
    ) = (first, second)
    {
        // From where on customers are counted is a matter of the place in the sequence.
        let is_same = before.per_customer.is_some() == limits.per_customer.is_some();
        return (is_same || is_counted).then_some(Change::Limited {
            sku: *sku,
            safety: safety + more,
            uncovered: uncovered + more_uncovered,
            limits: *limits,
        });
    }
    let (sku, difference, uncovered) = units(first)?;
    let (_, more, more_uncovered) = units(second)?;
    Some(Change::Counted {
        sku,
        counted: 0,
        difference: difference + more,
        uncovered: uncovered + more_uncovered,
    })
}

/// The units on hand that a change brings, and how many of those that it takes no free unit covered.
const fn units<K>(change: &Change<K>) -> Option<(SkuId, i64, u64)> {
    match change {
        Change::Restocked { sku, units } => Some((*sku, units.cast_signed(), 0)),
        Change::WrittenOff { sku, units } => Some((*sku, -units.cast_signed(), 0)),
        Change::Counted {
            sku,
            difference,
            uncovered,
            ..
        } => Some((*sku, *difference, *uncovered)),
        _ => None,
    }
}
