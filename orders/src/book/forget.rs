//! Orders past their retention: they are kept for returns for some time, or forgotten.

use super::expiry::FOR_ROOM;
use super::{Call, OrderBook};
use crate::order::{Due, Order};
use crate::refusal::{Limit, Refusal};
use crate::table::{Locked, SlotId};
use segstock::inventory::Sku;

impl<K: Sku + 'static> OrderBook<K> {
    /// Whether the order is over, and is forgotten with this look. One that is past its retention, and of which units can
    /// come back, is kept for that.
    pub(super) fn is_forgotten(&self, shard: &mut Locked<'_>, slot: SlotId, now: u64) -> bool {
        match shard[slot].due() {
            Due::Outlived(until) if until <= now => {
                !self.is_kept(shard, slot, now) && self.forget(shard, slot)
            }
            Due::Forgotten(until) if until <= now => self.forget(shard, slot),
            _ => false,
        }
    }

    /// Whether an order whose retention is over is kept for returns from now on.
    fn is_kept(&self, shard: &mut Locked<'_>, slot: SlotId, now: u64) -> bool {
        let order = &shard[slot];
        let longer = self
            .settings
            .returns
            .saturating_sub(self.settings.retention);
        let until = order.until.saturating_add(longer);
        let is_kept = until > now && shard.keeps_for_returns() && order.can_come_back();
        if is_kept {
            shard.keep_for_returns(slot, until);
        }
        is_kept
    }

    /// Forgets an order, if the journal lets it.
    fn forget(&self, shard: &mut Locked<'_>, slot: SlotId) -> bool {
        let forgets = self.journal.may_forget(shard[slot].number);
        if forgets {
            let order = shard.forget(slot);
            self.requests.remove(order.requests());
        }
        forgets
    }

    /// Forgets up to `most` orders of a shard whose retention is over, or keeps them for returns; and forgets as many that
    /// were kept. Returns how many are forgotten.
    pub(super) fn let_go(&self, shard: &mut Locked<'_>, now: u64, most: usize) -> usize {
        let mut forgotten = 0;
        for _ in 0..most {
            let Some(slot) = shard.first_outlived(now) else {
                break;
            };
            if self.is_kept(shard, slot, now) {
                continue;
            }
            if !self.forget(shard, slot) {
                break;
            }
            forgotten += 1;
        }
        for _ in 0..most {
            let first = shard.first_beyond_returns(now);
            if !first.is_some_and(|slot| self.forget(shard, slot)) {
                break;
            }
            forgotten += 1;
        }
        forgotten
    }

    /// Forgets orders that are over: until `limit` are, and a constant number in each shard. Returns how many.
    pub(super) fn forget_orders(&self, now: u64, limit: usize) -> usize {
        let mut forgotten = 0;
        for number in 0..self.table.shards() {
            if forgotten >= limit {
                break;
            }
            let mut shard = self.table.lock(number);
            forgotten += self.let_go(&mut shard, now, FOR_ROOM);
        }
        forgotten
    }

    /// Forgets orders that are kept for returns alone, since the call lacks what they have: the oldest of some shards, one of
    /// each. Returns whether there was one.
    pub(super) fn forget_returnable(&self, call: &Call, lacks: &Refusal<K>) -> bool {
        if self.table.returnable() == 0 {
            return false;
        }
        let mut oldest: Vec<(u64, usize)> = (0..self.table.shards())
            .filter_map(|number| {
                let first = self.table.lock(number).first_returnable();
                first.map(|(time, _)| (time, number))
            })
            .collect();
        oldest.sort_unstable();
        let mut forgotten = 0;
        for (_, number) in oldest {
            let mut shard = self.table.lock(number);
            let slot = returnable(&shard, call, lacks);
            forgotten += usize::from(slot.is_some_and(|slot| self.forget(&mut shard, slot)));
            if forgotten == FOR_ROOM {
                break;
            }
        }
        forgotten > 0
    }

    /// Whether [`forget_returnable`](Self::forget_returnable) would forget one.
    pub(super) fn could_forget_returnable(&self, call: &Call, lacks: &Refusal<K>) -> bool {
        let has_one = |number| returnable(&self.table.lock(number), call, lacks).is_some();
        self.table.returnable() > 0 && (0..self.table.shards()).any(has_one)
    }
}

/// An order of a shard that is kept for returns alone and has what the call lacks.
fn returnable<K>(shard: &Locked<'_>, call: &Call, lacks: &Refusal<K>) -> Option<SlotId> {
    let wants_keys = matches!(lacks, Refusal::Limit(Limit::AllRequests(_)));
    let has_it =
        |order: &Order| call.order != Some(order.number) && (!wants_keys || order.requests() > 0);
    let mut slots = shard.returnable().take(FOR_ROOM);
    slots.find(|slot| has_it(&shard[*slot]))
}
