//! [`Moves`]: the rows of units that went from one SKU to another, and which of them can go.

use crate::entry::{Change, Entry, Position};
use crate::lines::SkuId;
use smallvec::{SmallVec, smallvec};
use std::collections::{BTreeMap, VecDeque};

/// How many moves go along with one batch, or one for each of its entries if it has more: small steps, so that no batch is much
/// longer than others, and enough, so that moves do not become more and more.
const MOST: usize = 16;

/// Units that went from one SKU to another, and all rows that say so. A row of a sending is needed until all its units have
/// arrived.
#[derive(Debug, Default)]
pub(super) struct Moves {
    /// Those that have ended, by the time of their last row.
    ended: VecDeque<(u64, Move)>,
    on_the_way: BTreeMap<Position, Move>,
}

/// One move.
#[derive(Debug)]
pub(super) struct Move {
    pub(super) rows: SmallVec<[Position; 2]>,
    pub(super) from: SkuId,
    pub(super) to: SkuId,
    /// Units that left.
    pub(super) left: u64,
    /// Units that came. Others were lost on the way.
    pub(super) came: u64,
    on_the_way: u64,
}

impl Moves {
    /// Notes a row, in the sequence of positions.
    pub(super) fn note<K>(&mut self, position: Position, entry: &Entry<K>) {
        match entry.change {
            Change::Moved { from, to, units } => {
                let moved = Move {
                    came: units,
                    on_the_way: 0,
                    ..Move::new(position, from, to, units)
                };
                self.ended.push_back((entry.time, moved));
            }
            Change::Sent { from, to, units } => {
                let sent = Move::new(position, from, to, units);
                self.on_the_way.insert(position, sent);
            }
            Change::Arrived {
                sending,
                units,
                lost,
                ..
            } => {
                let Some(sent) = self.on_the_way.get_mut(&sending) else {
                    return;
                };
                sent.rows.push(position);
                sent.came = sent.came.saturating_add(units);
                sent.on_the_way = sent.on_the_way.saturating_sub(units.saturating_add(lost));
                if sent.on_the_way == 0
                    && let Some(sent) = self.on_the_way.remove(&sending)
                {
                    self.ended.push_back((entry.time, sent));
                }
            }
            _ => {}
        }
    }

    /// The next moves whose rows are all older than `before`, for a batch of so many entries: a few. They are known no more.
    pub(super) fn next(&mut self, before: u64, entries: usize) -> impl Iterator<Item = Move> {
        let old = self.ended.iter().take_while(|(time, _)| *time < before);
        let old = old.take(MOST.max(entries)).count();
        self.ended.drain(..old).map(|(_, ended)| ended)
    }
}

impl Move {
    fn new(position: Position, from: SkuId, to: SkuId, left: u64) -> Self {
        Self {
            rows: smallvec![position],
            from,
            to,
            left,
            came: 0,
            on_the_way: left,
        }
    }
}
