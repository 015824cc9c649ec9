//! The feed of what happened, in the sequence of the entries.

mod counts;
mod past;

use crate::entry::{Change, Entry, Position};
use crate::lines::{Lines, SkuId};
use crate::steps::Steps;
use crate::sync::Mutex;
pub use counts::EventCounts;
use past::Past;
use smallvec::SmallVec;
use std::collections::BTreeMap;
use std::ops::Bound;

/// How many events a call returns at most.
const PAGE: usize = 1_000;

/// Something that happened.
///
/// `K` is the SKU.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event<K> {
    /// The entry by which it happened. One entry may be more than one event.
    pub position: Position,
    /// What happened.
    pub what: What<K>,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum What<K> {
    /// An order has its units.
    Placed(Box<str>),
    /// An order waits for its units.
    Waits(Box<str>),
    /// An order that waited has its units.
    Served(Box<str>),
    /// An order is for other lines.
    Amended(Box<str>),
    /// An order's deadline is later.
    Extended(Box<str>),
    /// Units of an order are paid for.
    Paid(Box<str>),
    /// Units of an order left.
    Shipped(Box<str>),
    /// Units of an order were cancelled.
    Cancelled(Box<str>),
    /// An order was not paid for in time.
    Expired(Box<str>),
    /// Units of an order came back.
    Returned(Box<str>),
    /// Fewer units of a SKU can be had than its [threshold](crate::SkuLimits::low). Said once, until enough can be had.
    Low {
        /// The SKU.
        sku: K,
        /// Units that can be had.
        left: u64,
    },
    /// As many units of a SKU can be had as its threshold, after it was low.
    Enough(K),
    /// No unit of a SKU can be had any more.
    SoldOut(K),
    /// Units of a SKU can be had again.
    BackInStock(K),
}

/// A part of the feed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Events<K> {
    /// What happened, in the sequence of the entries.
    pub events: Vec<Event<K>>,
    /// Where to go on: after this position. It is durable; all events up to it were returned, or are missed.
    pub next: Position,
    /// If the reader was too slow: the events of the entries after where it was, up to this position, are dropped. After a
    /// restart these are also events of entries whose rows the ledger has deleted, or put together, and all before the last
    /// such row.
    pub missed: Option<Position>,
}

/// The last events, and what can be had of each SKU by what the entries say.
#[derive(Debug)]
pub(crate) struct Feed<K>(Mutex<State<K>>);

#[derive(Debug)]
struct State<K> {
    capacity: usize,
    /// By position, and by a number that tells those of one entry apart. A tree, since all changes wait for it: it never
    /// moves more than a node.
    events: BTreeMap<(Position, u32), What<K>>,
    /// The position of the last event that was dropped.
    dropped: Position,
    /// The position of the last entry, as it was written.
    last: Position,
    counts: EventCounts,
    /// While a book is made again.
    past: Past<K>,
    skus: Steps<Left<K>>,
}

/// What can be had of a SKU.
#[derive(Debug)]
struct Left<K> {
    sku: K,
    /// Units that no order has; negative: that are owed.
    free: i64,
    /// Units that orders wait for. While there are any, others get none.
    waiting: i64,
    low: i64,
    is_low: bool,
    is_out: bool,
}

impl<K> Left<K> {
    /// It wraps: damaged entries are refused after the last of them, and not here.
    const fn change(&mut self, free: i64, waiting: i64) {
        self.free = self.free.wrapping_add(free);
        self.waiting = self.waiting.wrapping_add(waiting);
    }

    const fn left(&self) -> i64 {
        if self.free < 0 || self.waiting > 0 {
            0
        } else {
            self.free
        }
    }
}

impl<K: Clone> Feed<K> {
    pub(crate) fn new(capacity: usize) -> Self {
        Self(Mutex::new(State {
            capacity,
            events: BTreeMap::new(),
            dropped: Position::default(),
            last: Position::default(),
            counts: EventCounts::default(),
            past: Past::default(),
            skus: Steps::default(),
        }))
    }

    /// Has `append` append an entry, about the order with this id, and tells what happened by it. No other entry is
    /// appended meanwhile, so that the events are in the sequence of the entries.
    pub(crate) fn tell(
        &self,
        entry: &Entry<K>,
        id: Option<&str>,
        append: impl FnOnce() -> Position,
    ) -> Position {
        let mut state = self.0.lock();
        let position = append();
        state.last = position;
        if let Some(what) = id.and_then(|id| of_order(&entry.change, id)) {
            state.push(position, what);
        }
        state.follow(position, &entry.change);
        position
    }

    /// How many events are kept.
    pub(crate) fn kept(&self) -> usize {
        self.0.lock().events.len()
    }

    pub(crate) fn after(&self, after: Position, durable: Position, limit: usize) -> Events<K> {
        let state = self.0.lock();
        // Events may be dropped before they are durable, and may come to be nothing: the reader is not sent beyond.
        let dropped = state.dropped.min(durable);
        let missed = (dropped > after).then_some(dropped);
        let mut next = state.last.min(durable);
        let mut events: Vec<Event<K>> = Vec::new();
        let later = (Bound::Excluded((after, u32::MAX)), Bound::Unbounded);
        for ((position, _), what) in state.events.range(later) {
            // All events of one entry, or none.
            let is_full = events.len() >= limit.clamp(1, PAGE);
            let is_next = events.last().is_some_and(|last| last.position < *position);
            if *position > durable {
                break;
            }
            if is_full && is_next {
                next = events.last().map_or(after, |last| last.position);
                break;
            }
            let (position, what) = (*position, what.clone());
            events.push(Event { position, what });
        }
        Events {
            next: next.max(after),
            events,
            missed,
        }
    }
}

impl<K: Clone> State<K> {
    fn push(&mut self, position: Position, what: What<K>) {
        let last = self.events.last_key_value();
        let number = last.map_or(
            0,
            |((last, number), _)| {
                if *last == position { number + 1 } else { 0 }
            },
        );
        self.counts.count(&what);
        self.events.insert((position, number), what);
        while self.events.len() > self.capacity
            && let Some(((position, _), _)) = self.events.pop_first()
        {
            self.dropped = position;
        }
    }

    /// Follows what can be had of each SKU.
    fn follow(&mut self, position: Position, change: &Change<K>) {
        self.begin(change);
        for (sku, free, waiting) in units_of(change) {
            self.add(position, sku, free, waiting);
        }
    }

    /// Begins to follow a SKU, or another threshold. Returns that threshold, after the one before it.
    fn begin(&mut self, change: &Change<K>) -> Option<(SkuId, i64, i64)> {
        match change {
            Change::Opened { sku, units, .. } => {
                self.skus.push(Left {
                    sku: sku.clone(),
                    free: units.cast_signed(),
                    waiting: 0,
                    low: 0,
                    is_low: false,
                    is_out: *units == 0,
                });
                None
            }
            Change::Limited { sku, limits, .. } => {
                let left = self.skus.get_mut(sku.index())?;
                let low = i64::try_from(limits.low).unwrap_or(i64::MAX);
                Some((*sku, std::mem::replace(&mut left.low, low), low))
            }
            _ => None,
        }
    }

    /// Tells each crossing once.
    fn add(&mut self, position: Position, sku: SkuId, free: i64, waiting: i64) {
        let Some(left) = self.skus.get_mut(sku.index()) else {
            return;
        };
        left.change(free, waiting);
        let (units, name) = (left.left(), left.sku.clone());
        let (was_low, was_out) = (left.is_low, left.is_out);
        (left.is_low, left.is_out) = (units < left.low, units == 0);
        let (is_low, is_out) = (left.is_low, left.is_out);
        if was_out && !is_out {
            self.push(position, What::BackInStock(name.clone()));
        }
        if was_low && !is_low {
            self.push(position, What::Enough(name.clone()));
        }
        if is_low && !was_low {
            let (sku, left) = (name.clone(), units.unsigned_abs());
            self.push(position, What::Low { sku, left });
        }
        if is_out && !was_out {
            self.push(position, What::SoldOut(name));
        }
    }
}

/// What happened to an order.
fn of_order<K>(change: &Change<K>, id: &str) -> Option<What<K>> {
    let what = match change {
        Change::Placed { .. } => What::Placed,
        Change::Waiting { .. } => What::Waits,
        Change::Served { .. } => What::Served,
        Change::Amended { .. } => What::Amended,
        Change::Extended { .. } => What::Extended,
        Change::Paid { .. } => What::Paid,
        Change::Shipped { .. } => What::Shipped,
        Change::Cancelled { .. } => What::Cancelled,
        Change::Expired { .. } => What::Expired,
        Change::Returned { .. } => What::Returned,
        _ => return None,
    };
    Some(what(id.into()))
}

/// Units of SKUs: that no order has more than before, and that orders wait for more than before.
type Units = SmallVec<[(SkuId, i64, i64); 2]>;

/// How a change changes what can be had of SKUs.
fn units_of<K>(change: &Change<K>) -> Units {
    let mut all = Units::new();
    let mut add = |lines: &Lines, free: i64, waiting: i64| {
        all.extend(lines.iter().map(|line| {
            let units = line.units.cast_signed();
            (line.sku, free * units, waiting * units)
        }));
    };
    match change {
        Change::Placed { order, .. } => add(&order.lines, -1, 0),
        Change::Waiting { order, .. } => add(&order.lines, 0, 1),
        Change::Served { lines, .. } => add(lines, -1, -1),
        Change::Amended { taken, given, .. } => {
            add(taken, -1, 0);
            add(given, 1, 0);
        }
        Change::Paid { retaken, .. } => add(retaken, -1, 0),
        Change::Cancelled {
            waiting,
            held,
            paid,
            ..
        } => {
            add(waiting, 0, -1);
            add(&held.clone().and(paid), 1, 0);
        }
        Change::Expired { lines, .. } => add(lines, 1, 0),
        Change::Returned { on_sale, .. } => add(on_sale, 1, 0),
        Change::Extended { .. } | Change::Shipped { .. } | Change::Opened { .. } => {}
        Change::Restocked { sku, units } => all.push((*sku, units.cast_signed(), 0)),
        Change::Counted {
            sku, difference, ..
        } => all.push((*sku, *difference, 0)),
        Change::WrittenOff { sku, units } => all.push((*sku, -units.cast_signed(), 0)),
        Change::Moved { from, to, units } => {
            all.push((*from, -units.cast_signed(), 0));
            all.push((*to, units.cast_signed(), 0));
        }
        Change::Sent { from, units, .. } => all.push((*from, -units.cast_signed(), 0)),
        Change::Arrived { to, units, .. } => all.push((*to, units.cast_signed(), 0)),
        Change::Limited { sku, safety, .. } => all.push((*sku, -safety, 0)),
    }
    all
}
