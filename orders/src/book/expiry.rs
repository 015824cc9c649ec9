//! Orders past their deadline, and how a refused call frees them and tries again.

use super::units::At;
use super::waiting::SERVED_AT_ONCE;
use super::{Call, OrderBook};
use crate::entry::{Change, Position};
use crate::lines::SkuId;
use crate::order::Due;
use crate::parts::Stage;
use crate::refusal::{Limit, Refusal};
use crate::table::{Locked, SlotId};
use segstock::inventory::Sku;
use smallvec::SmallVec;

/// How often a call that is short of units begins again, after it has expired other orders.
const ROUNDS: usize = 8;
/// How many orders a call expires for itself, in one round.
pub(super) const FOR_ROOM: usize = 64;
/// At how many orders past their deadline it looks, in one round.
const LOOKS: usize = 4_096;
/// How many orders each call expires for others, and forgets.
pub(super) const FOR_OTHERS: usize = 2;

impl<K: Sku + 'static> OrderBook<K> {
    /// Gives the units of orders back whose deadline has passed, up to `limit` orders, and [serves](Self::place_or_wait) up
    /// to `limit` that wait. Returns how many it changed. Every call does that for a few; a timer may call this so that it is
    /// done soon where no call comes: again at once, as long as it changes `limit` of them or more.
    ///
    /// # Errors
    ///
    /// [`Refusal::Busy`] and [`Refusal::Unavailable`] if not even one could be written.
    pub fn sweep(&self, limit: usize) -> Result<usize, Refusal<K>> {
        let now = self.now();
        let swept = self.expire_others(now, limit);
        // Each look at a SKU of which no order can be served is the last one at it until units come.
        let served = self.serve(limit, usize::MAX);
        self.forget_orders(now, usize::MAX);
        self.forget_requests(now, FOR_ROOM * self.table.shards());
        let changed = swept.orders + served.orders;
        if changed > 0 {
            let durable = self.journal.wait(swept.last.max(served.last));
            durable.map_err(|_| Refusal::Unknown)?;
        }
        match swept.hindered.or(served.hindered) {
            Some(refusal) if changed == 0 => Err(refusal),
            _ => Ok(changed),
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
        let mut at = At {
            shard,
            slot,
            now,
            request: None,
        };
        self.record(&mut at, permit, Change::Expired { order, lines }, None);
        Ok(())
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
        self.let_go(shard, now, FOR_OTHERS);
    }

    /// Called without a lock by a call that was refused. If there is a reason to try again, returns; else the call is
    /// refused.
    pub(super) fn help(
        &self,
        call: &mut Call,
        tries: &mut Tries,
        lacks: Refusal<K>,
    ) -> Result<(), Refusal<K>> {
        match lacks {
            Refusal::Limit(Limit::Orders(_) | Limit::AllLines(_) | Limit::AllRequests(_)) => {
                let orders = self.forget_orders(call.now, FOR_ROOM);
                let requests = self.forget_requests(call.now, FOR_ROOM);
                // Better without old orders than without new ones.
                if orders + requests > 0 || self.forget_returnable(call, &lacks) {
                    Ok(())
                } else {
                    Err(lacks)
                }
            }
            Refusal::Limit(Limit::Customers(_)) => {
                call.now = self.now();
                let swept = self.expire_others(call.now, FOR_ROOM);
                match swept.hindered {
                    _ if swept.orders > 0 => Ok(()),
                    Some(refusal) => Err(refusal),
                    None => Err(lacks),
                }
            }
            lacks if lacks.may_be_helped() => self.make_room(call, tries, lacks),
            refusal => Err(refusal),
        }
    }

    /// Looks for orders past their deadline that have what is lacking. The call is refused if there are none, and none had
    /// given units back since the instant at which it was short.
    fn make_room(
        &self,
        call: &mut Call,
        tries: &mut Tries,
        lacks: Refusal<K>,
    ) -> Result<(), Refusal<K>> {
        let lines = lacks.short_lines();
        let wanted: Wanted = lines
            .iter()
            .filter_map(|line| self.skus.find(&line.sku))
            .collect();
        let is_short = matches!(lacks, Refusal::Short(_));
        if is_short && !tries.waits && self.skus.to_serve.has_any(&wanted) {
            // Units came that those who wait have not got yet. What they leave is for this call.
            _ = self.serve(SERVED_AT_ONCE, SERVED_AT_ONCE);
            return Ok(());
        }
        if is_short && self.skus.are_beyond_help(lines, &wanted) {
            return Err(lacks);
        }
        let given = self.skus.given(&wanted);
        let lacked = if is_short {
            self.skus.are_short(lines, &wanted)
        } else {
            // What a customer can have, and what can be held, is asked again. It was lacking at an instant after the count
            // was this.
            let before = tries.given.replace((wanted.clone(), given));
            before.is_some_and(|before| before == (wanted.clone(), given))
        };
        if is_short && !lacked {
            return Ok(());
        }
        // All orders that were past their deadline at that instant are by this time.
        call.now = self.now();
        let search = self.search(call.now, wanted);
        if search.helped > 0 {
            return Ok(());
        }
        if let Some(refusal) = search.hindered {
            return Err(refusal);
        }
        let knows = lacked && search.looks > 0 && self.skus.given(&search.wanted) == given;
        // A little for the next call that looks.
        _ = self.expire_others(call.now, FOR_ROOM);
        if knows { Err(lacks) } else { Ok(()) }
    }

    /// Expires orders that are past their deadline and have units of these SKUs.
    fn search(&self, now: u64, wanted: Wanted) -> Search<K> {
        let mut search = Search {
            wanted,
            looks: LOOKS,
            helped: 0,
            hindered: None,
        };
        for number in self.table.expiring_at(now) {
            if search.is_on() {
                self.search_shard(number, now, &mut search);
            }
        }
        search
    }

    /// Expires the orders of a shard that are past their deadline and have what is looked for.
    fn search_shard(&self, number: usize, now: u64, search: &mut Search<K>) {
        let mut shard = self.table.lock(number);
        shard.visit();
        let mut found = SmallVec::<[SlotId; 8]>::new();
        for slot in shard.expired(now) {
            if search.looks == 0 || search.helped + found.len() >= FOR_ROOM {
                break;
            }
            search.looks -= 1;
            if shard[slot].parts.has_any(&search.wanted, Stage::Held) {
                found.push(slot);
            }
        }
        for slot in found {
            match self.expire(&mut shard, slot, now) {
                Ok(()) => search.helped += 1,
                Err(refusal) => {
                    search.hindered = Some(refusal);
                    return;
                }
            }
        }
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
}

/// How often a call has begun.
#[derive(Debug, Default)]
pub(super) struct Tries {
    begun: usize,
    /// An order that is short waits behind the others.
    waits: bool,
    /// How often units of the SKUs that it lacked had come back before it tried again.
    given: Option<(Wanted, u64)>,
}

/// The SKUs that a call lacks.
type Wanted = SmallVec<[SkuId; 2]>;

impl Tries {
    /// Those of a new order, which may wait.
    pub(super) fn of(waits: bool) -> Self {
        Self {
            waits,
            ..Self::default()
        }
    }

    /// Whether the call may begin, or begin again.
    pub(super) fn begin(&mut self) -> bool {
        self.begun += 1;
        self.begun <= ROUNDS
    }
}

/// A search for orders past their deadline that have what a call lacks.
struct Search<K> {
    /// They hold units of one of these.
    wanted: Wanted,
    /// At how many orders it may still look. At its end, if there are any: it has looked at all that are past their deadline.
    looks: usize,
    /// How many were found, and are expired.
    helped: usize,
    /// Why one that was found could not be expired.
    hindered: Option<Refusal<K>>,
}

impl<K> Search<K> {
    const fn is_on(&self) -> bool {
        self.looks > 0 && self.helped < FOR_ROOM && self.hindered.is_none()
    }
}

/// How many orders were expired, and why no more.
struct Swept<K> {
    orders: usize,
    last: Position,
    hindered: Option<Refusal<K>>,
}
