//! [`Order`]: what is known of one order, and how an entry changes it.

use crate::answers::OrderState;
use crate::entry::{Change, Entry, NewOrder, Position, RequestKey};
use crate::lines::Lines;
use crate::parts::{Parts, Stage};
use std::time::Duration;

/// The kinds of calls on an order. They are written to ledgers, in the hashes of what is asked for.
pub(crate) const PAY: u64 = 1;
pub(crate) const SHIP: u64 = 2;
pub(crate) const CANCEL: u64 = 3;
pub(crate) const RETURN_ON_SALE: u64 = 4;
pub(crate) const RETURN_WRITTEN_OFF: u64 = 5;
pub(crate) const AMEND: u64 = 6;
pub(crate) const EXTEND: u64 = 7;

/// How many extensions of an order are known by their keys.
const MOST_EXTENSIONS: usize = 8;

/// What is known of one order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) id: Box<str>,
    pub(crate) customer: Option<Box<str>>,
    /// The position of the entry that placed it.
    pub(crate) number: Position,
    /// When it was placed, in nanoseconds.
    pub(crate) placed: u64,
    /// The position of its last entry.
    pub(crate) last: Position,
    /// The hash of what was placed.
    pub(crate) body: u64,
    /// While units are held: their deadline. While it waits: for how long its units will be held. Once it has ended:
    /// until when it is remembered, and then, until when it is kept for returns. In nanoseconds.
    pub(crate) until: u64,
    pub(crate) parts: Parts,
    /// Which calls on the whole order were made: a bit for each kind; and whether the payment was [`LATE`].
    whole: u8,
    /// What its parts say of what happens to it by itself.
    ends_by: EndsBy,
    /// The requests on it that had keys of their own. Most orders have none.
    #[expect(
        clippy::box_collection,
        reason = "8 bytes in place of 24, for what most orders do not have"
    )]
    pub(crate) requests: Option<Box<Vec<Made>>>,
}

/// A request on an order that had a key of its own, and what it moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Made {
    pub(crate) request: RequestKey,
    /// The kind of the call.
    what: u64,
    pub(crate) moved: Moved,
}

/// Units that a request moved.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Moved {
    pub(crate) units: u64,
    pub(crate) refunded: u64,
    pub(crate) late: u64,
}

impl Moved {
    fn by<K>(change: &Change<K>) -> Self {
        let units = |lines: &[&Lines]| lines.iter().map(|lines| lines.units()).sum();
        let moved = |units, refunded, late| Self {
            units,
            refunded,
            late,
        };
        match change {
            Change::Amended { taken, given, .. } => moved(units(&[taken, given]), 0, 0),
            Change::Paid { held, retaken, .. } => {
                moved(units(&[held, retaken]), 0, retaken.units())
            }
            Change::Shipped { lines, .. } => moved(lines.units(), 0, 0),
            Change::Cancelled {
                waiting,
                held,
                paid,
                ..
            } => moved(units(&[waiting, held, paid]), paid.units(), 0),
            Change::Returned {
                on_sale,
                written_off,
                ..
            } => moved(units(&[on_sale, written_off]), 0, 0),
            _ => Self::default(),
        }
    }
}

/// The bit for a kind of call on the whole order. There are fewer than eight, and none is 0.
#[inline]
const fn bit(what: u64) -> u8 {
    1 << (what & 7)
}

/// The bit for a payment of the whole order that came late. An order whose units are expired holds none: all of them expire
/// at once, and it gets no others. So all units of such a payment are late, or none.
const LATE: u8 = 1;

/// The kind of call that makes such a change; 0 for those that no call with a key makes.
#[inline]
fn kind_of<K>(change: &Change<K>) -> u64 {
    match change {
        Change::Paid { .. } => PAY,
        Change::Shipped { .. } => SHIP,
        Change::Cancelled { .. } => CANCEL,
        Change::Returned { written_off, .. } if written_off.is_empty() => RETURN_ON_SALE,
        Change::Returned { .. } => RETURN_WRITTEN_OFF,
        Change::Amended { .. } => AMEND,
        Change::Extended { .. } => EXTEND,
        _ => 0,
    }
}

/// What happens to an order by itself at its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum EndsBy {
    Nothing,
    Expiry,
    Retention,
    Returns,
}

impl EndsBy {
    #[inline]
    fn of(parts: &Parts) -> Self {
        if parts.any(&[Stage::Held]) {
            Self::Expiry
        } else if parts.any(&[Stage::Waiting, Stage::Paid]) {
            Self::Nothing
        } else {
            Self::Retention
        }
    }
}

/// What happens to an order by itself, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    /// It stays until a call changes it.
    Never,
    /// Its units come back.
    Expires(u64),
    /// Its retention is over: it is forgotten, or kept for returns.
    Outlived(u64),
    /// It is forgotten; or earlier, where too many are kept for returns.
    Forgotten(u64),
}

impl Order {
    /// The order that an entry at `position`, of this time, places.
    #[inline]
    pub(crate) fn placed(
        (position, time): (Position, u64),
        order: NewOrder,
        (stage, until): (Stage, u64),
        counted: &Lines,
    ) -> Self {
        let parts = Parts::new(&order.lines, stage, counted);
        Self {
            ends_by: EndsBy::of(&parts),
            parts,
            id: order.id,
            customer: order.customer,
            number: position,
            placed: time,
            last: position,
            body: order.body,
            until,
            whole: 0,
            requests: None,
        }
    }

    /// Shows what the entry at `position` says of this order. Of SKUs that are new to it, those among `counted` count for
    /// what its customer can have.
    #[inline]
    pub(crate) fn apply<K>(
        &mut self,
        position: Position,
        entry: &Entry<K>,
        retention: u64,
        counted: &Lines,
    ) {
        let parts = &mut self.parts;
        match &entry.change {
            Change::Served { lines, until, .. } => {
                parts.advance(lines, Stage::Waiting, Stage::Held);
                self.until = *until;
            }
            Change::Amended {
                taken,
                given,
                until,
                ..
            } => {
                parts.remove(given, Stage::Held);
                parts.add(taken, Stage::Held, counted);
                self.until = *until;
            }
            Change::Extended { until, .. } => self.until = *until,
            Change::Paid {
                held,
                retaken,
                shipped,
                ..
            } => {
                let to = if *shipped {
                    Stage::Shipped
                } else {
                    Stage::Paid
                };
                parts.advance(held, Stage::Held, to);
                parts.advance(retaken, Stage::Expired, to);
            }
            Change::Shipped { lines, .. } => parts.advance(lines, Stage::Paid, Stage::Shipped),
            Change::Cancelled {
                waiting,
                held,
                paid,
                ..
            } => {
                parts.advance(waiting, Stage::Waiting, Stage::Cancelled);
                parts.advance(held, Stage::Held, Stage::Cancelled);
                parts.advance(paid, Stage::Paid, Stage::Refunded);
            }
            Change::Expired { lines, .. } => parts.advance(lines, Stage::Held, Stage::Expired),
            Change::Returned {
                on_sale,
                written_off,
                ..
            } => {
                parts.advance(on_sale, Stage::Shipped, Stage::Returned);
                parts.advance(written_off, Stage::Shipped, Stage::WrittenOff);
            }
            // The others change no order that is there already.
            _ => debug_assert!(entry.change.order().is_none(), "every change is applied"),
        }
        let what = kind_of(&entry.change);
        if what == AMEND {
            self.whole |= bit(AMEND);
        }
        self.last = position;
        self.ends_by = EndsBy::of(&self.parts);
        if self.has_ended() {
            self.until = entry.time.saturating_add(retention);
        }
        self.keep_request(what, entry);
    }

    /// Keeps that a request of this kind was made, and what it moved.
    #[inline]
    fn keep_request<K>(&mut self, what: u64, entry: &Entry<K>) {
        match &entry.request {
            Some(request) if !request.is_kept() => {
                self.whole |= bit(what);
                let is_late = |retaken: &Lines| !retaken.is_empty();
                if matches!(&entry.change, Change::Paid { retaken, .. } if is_late(retaken)) {
                    self.whole |= LATE;
                }
            }
            Some(request) => {
                let request = request.clone();
                let moved = Moved::by(&entry.change);
                let replaces = self.replaces_request(what);
                let requests = self.requests.get_or_insert_default();
                if replaces && let Some(oldest) = requests.iter().position(|made| made.what == what)
                {
                    requests.remove(oldest);
                }
                requests.push(Made {
                    request,
                    what,
                    moved,
                });
            }
            None => {}
        }
    }

    /// While it waits: for how long its units will be held.
    pub(crate) fn hold(&self) -> Option<Duration> {
        let waits = self.parts.any(&[Stage::Waiting]);
        waits.then(|| Duration::from_nanos(self.until))
    }

    /// Those of `lines` whose SKUs count for what the customer can have.
    #[inline]
    pub(crate) fn counted(&self, lines: &Lines) -> Lines {
        self.parts.counted(lines)
    }

    /// Those of `lines` whose SKUs it has, and the others.
    pub(crate) fn split(&self, lines: &Lines) -> (Lines, Lines) {
        let mut both = (Lines::new(), Lines::new());
        for line in lines.iter() {
            let lines = if self.parts.has(line.sku) {
                &mut both.0
            } else {
                &mut both.1
            };
            _ = lines.add(line.sku, line.units);
        }
        both
    }

    /// Whether it changes by itself no more: nothing of it waits, is held, or is to be shipped.
    #[inline]
    pub(crate) fn has_ended(&self) -> bool {
        matches!(self.ends_by, EndsBy::Retention | EndsBy::Returns)
    }

    /// Whether units of it were shipped, and did not come back.
    pub(crate) fn can_come_back(&self) -> bool {
        self.parts.any(&[Stage::Shipped])
    }

    /// Of an order that has ended: from now on it is kept for returns alone, until this time.
    pub(crate) fn keep_for_returns(&mut self, until: u64) {
        debug_assert!(self.has_ended(), "it is not needed for anything else");
        self.ends_by = EndsBy::Returns;
        self.until = until;
    }

    #[inline]
    pub(crate) fn due(&self) -> Due {
        match self.ends_by {
            EndsBy::Nothing => Due::Never,
            EndsBy::Expiry => Due::Expires(self.until),
            EndsBy::Retention => Due::Outlived(self.until),
            EndsBy::Returns => Due::Forgotten(self.until),
        }
    }

    /// What is said of the order as a whole.
    #[inline]
    pub(crate) fn state(&self) -> OrderState {
        let states = self.parts.iter().map(|(_, stage, _)| stage.state());
        states.min().unwrap_or(OrderState::Cancelled)
    }

    /// Whether a call of this kind on the whole order was made.
    #[inline]
    pub(crate) const fn was_made(&self, what: u64) -> bool {
        self.whole & bit(what) != 0
    }

    /// What the call of this kind on the whole order moved: all units that calls of its kind moved, less those of calls on
    /// parts. Nothing, if no such call was made.
    pub(crate) fn moved_as_a_whole(&self, what: u64) -> Moved {
        let mut moved = Moved::default();
        if !self.was_made(what) {
            return moved;
        }
        // Where the units are now that a call of this kind ever moved.
        let stages: &[Stage] = match what {
            PAY => &[
                Stage::Paid,
                Stage::Shipped,
                Stage::Returned,
                Stage::WrittenOff,
                Stage::Refunded,
            ],
            SHIP => &[Stage::Shipped, Stage::Returned, Stage::WrittenOff],
            CANCEL => &[Stage::Cancelled, Stage::Refunded],
            RETURN_ON_SALE => &[Stage::Returned],
            RETURN_WRITTEN_OFF => &[Stage::WrittenOff],
            _ => &[],
        };
        moved.units = stages.iter().map(|at| self.parts.units_at(*at)).sum();
        if what == CANCEL {
            moved.refunded = self.parts.units_at(Stage::Refunded);
        }
        for part in self.made().filter(|made| made.what == what) {
            moved.units = moved.units.saturating_sub(part.moved.units);
            moved.refunded = moved.refunded.saturating_sub(part.moved.refunded);
        }
        if what == PAY && self.whole & LATE != 0 {
            moved.late = moved.units;
        }
        moved
    }

    /// Whether the order can be one that was placed for `lines`: it is, unless it was amended.
    pub(crate) fn may_be_of(&self, lines: &Lines) -> bool {
        const AMENDED: u8 = bit(AMEND);
        self.whole & AMENDED != 0 || {
            let mut sums = Lines::new();
            for (sku, _, units) in self.parts.iter() {
                _ = sums.add(sku, units);
            }
            sums == *lines
        }
    }

    /// The order without the requests on it, to be shown.
    pub(crate) fn shown(&self) -> Self {
        Self {
            id: self.id.clone(),
            customer: self.customer.clone(),
            parts: self.parts.clone(),
            requests: None,
            ..*self
        }
    }

    /// The request on it with this key.
    pub(crate) fn request(&self, key: &str) -> Option<&Made> {
        self.made().find(|made| &*made.request.key == key)
    }

    fn made(&self) -> impl Iterator<Item = &Made> {
        self.requests.iter().flat_map(|requests| requests.iter())
    }

    #[inline]
    /// Whether a new request of this kind takes the place of an older one. A customer may extend an order again and again.
    pub(crate) fn replaces_request(&self, what: u64) -> bool {
        what == EXTEND && self.made().filter(|made| made.what == what).count() >= MOST_EXTENSIONS
    }

    /// How many requests on it with keys are known.
    pub(crate) fn requests(&self) -> usize {
        self.requests.as_ref().map_or(0, |requests| requests.len())
    }
}
