//! Orders past their deadline, and orders past their retention.

use super::{Call, OrderBook};
use crate::entry::{Change, Entry, Position};
use crate::order::Due;
use crate::parts::Stage;
use crate::refusal::Refusal;
use crate::table::{Locked, SlotId};
use segstock::inventory::Sku;

/// How many orders a call expires for itself, in one round.
const FOR_ROOM: usize = 64;
/// How many orders each call expires for others, and forgets.
const FOR_OTHERS: usize = 2;

impl<K: Sku + 'static> OrderBook<K> {
    /// Gives the units of orders back whose deadline has passed, up to `limit` orders, and returns how many. Every call
    /// does that for a few; a timer may call this so that units are back soon where no call comes.
    ///
    /// # Errors
    ///
    /// [`Refusal::Busy`] and [`Refusal::Unavailable`] if not even one could be written.
    pub fn sweep(&self, limit: usize) -> Result<usize, Refusal<K>> {
        let now = self.now();
        let swept = self.expire_others(now, limit);
        if self.skus.to_serve.any() {
            self.serve(now);
        }
        self.forget_others(now);
        if swept.orders > 0 {
            let durable = self.journal.wait(swept.last);
            durable.map_err(|_| Refusal::Unknown)?;
        }
        match swept.hindered {
            Some(refusal) if swept.orders == 0 => Err(refusal),
            _ => Ok(swept.orders),
        }
    }

    /// Expires an order whose deadline has passed.
    pub(super) fn expire_if_overdue(
        &self,
        shard: &mut Locked<'_>,
        slot: SlotId,
        now: u64,
    ) -> Result<(), Refusal<K>> {
        match shard[slot].due() {
            Due::Expires(until) if until <= now => self.expire(shard, slot, now),
            _ => Ok(()),
        }
    }

    fn expire(&self, shard: &mut Locked<'_>, slot: SlotId, now: u64) -> Result<(), Refusal<K>> {
        let permit = self.permit()?;
        let order = shard[slot].number;
        let lines = shard[slot].parts.at(Stage::Held);
        let entry = Entry::new(now, Change::Expired { order, lines });
        self.record(shard, slot, permit, &entry, None);
        Ok(())
    }

    /// Whether the order's retention is over, and it is forgotten with this look.
    pub(super) fn is_forgotten(&self, shard: &mut Locked<'_>, slot: SlotId, now: u64) -> bool {
        let is_over = matches!(shard[slot].due(), Due::Forgotten(until) if until <= now);
        let forgets = is_over && self.journal.may_forget(shard[slot].number);
        if forgets {
            shard.forget(slot);
        }
        forgets
    }

    /// Does a little for others: expires and forgets a few orders of a shard.
    pub(super) fn tidy(&self, shard: &mut Locked<'_>, now: u64) {
        for _ in 0..FOR_OTHERS {
            let Some(slot) = shard.first_expired(now) else {
                break;
            };
            if self.expire(shard, slot, now).is_err() {
                break;
            }
        }
        for _ in 0..FOR_OTHERS {
            let Some(slot) = shard.first_to_forget(now) else {
                break;
            };
            if !self.is_forgotten(shard, slot, now) {
                break;
            }
        }
    }

    /// Called without a lock by a call that lacked something which orders past their deadline may have. If there is a reason to try again, reads the clock again and
    /// returns; else the call is refused: then no order was past its deadline, and none had given units back since the
    /// call read `given`.
    pub(super) fn make_room(
        &self,
        call: &mut Call,
        given: u64,
        lacks: Refusal<K>,
    ) -> Result<(), Refusal<K>> {
        call.now = self.now();
        let swept = self.expire_others(call.now, FOR_ROOM);
        if swept.orders == 0 {
            if let Some(refusal) = swept.hindered {
                return Err(refusal);
            }
            if self.table.given() == given {
                return Err(lacks);
            }
        }
        Ok(())
    }

    /// Expires orders in one shard after another.
    fn expire_others(&self, now: u64, limit: usize) -> Swept<K> {
        let mut swept = Swept {
            orders: 0,
            last: Position::default(),
            hindered: None,
        };
        for number in self.table.expiring_at(now) {
            // Not all at once: others want the shard, too.
            while swept.hindered.is_none()
                && swept.orders < limit
                && self.expire_some(number, now, limit, &mut swept)
            {}
        }
        swept
    }

    /// Expires orders of one shard, a constant number. Returns whether there may be more.
    fn expire_some(&self, number: usize, now: u64, limit: usize, swept: &mut Swept<K>) -> bool {
        let mut shard = self.table.lock(number);
        shard.visit();
        for _ in 0..FOR_ROOM.min(limit - swept.orders) {
            let Some(slot) = shard.first_expired(now) else {
                return false;
            };
            if let Err(refusal) = self.expire(&mut shard, slot, now) {
                swept.hindered = Some(refusal);
                return false;
            }
            swept.orders += 1;
            swept.last = swept.last.max(shard[slot].last);
        }
        true
    }

    /// Forgets some orders that are past their retention, a constant number in each shard.
    pub(super) fn forget_others(&self, now: u64) {
        for number in 0..self.table.shards() {
            let mut shard = self.table.lock(number);
            for _ in 0..FOR_ROOM {
                let Some(slot) = shard.first_to_forget(now) else {
                    break;
                };
                if !self.is_forgotten(&mut shard, slot, now) {
                    break;
                }
            }
        }
    }
}

/// How many orders were expired, and why no more.
struct Swept<K> {
    orders: usize,
    last: Position,
    hindered: Option<Refusal<K>>,
}
