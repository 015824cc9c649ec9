//! Calls on units of an order: on all that a call of its kind can change, or on a part.

use super::{Call, OrderBook, check_key, nanos};
use crate::answers::{Answer, OrderState};
use crate::entry::{Body, RequestKey};
use crate::lines::Lines;
use crate::order::{AMEND, EXTEND, Order};
use crate::parts::{Parts, Stage};
use crate::refusal::{Limit, Refusal};
use crate::table::{Locked, SlotId};
use segstock::inventory::{ShortLine, Sku};
use std::time::Duration;

/// A kind of call.
pub(super) struct Kind<const N: usize> {
    /// Tells the requests of different calls apart, in the hashes of their bodies. It is written to ledgers.
    pub(super) what: u64,
    /// The stages at which it finds units, in the sequence in which it takes them.
    pub(super) from: [Stage; N],
    /// In these states of the order there is nothing left to do: such a call was made before.
    pub(super) done: &'static [OrderState],
    /// Where it brings units, if such units can be brought elsewhere, too. With no unit of the order there, what was done
    /// is another thing.
    pub(super) to: Option<Stage>,
    /// With units of the order there, no calls on parts did all that this one is about.
    pub(super) without: &'static [Stage],
}

/// Which units of an order a call is about.
pub(super) enum Wanted {
    /// All that the call can change: once for each kind of call.
    Whole(u64),
    /// These, once for each key. With the kind of the call.
    Part {
        what: u64,
        request: RequestKey,
        lines: Lines,
    },
}

impl Wanted {
    /// A call on these lines.
    pub(super) fn part(what: u64, key: &str, lines: Lines) -> Self {
        Self::request(what, key, None, lines)
    }

    /// A hold of these lines for so long.
    pub(super) fn amendment(key: &str, lines: Lines, ttl: Duration) -> Self {
        Self::request(AMEND, key, Some(ttl), lines)
    }

    /// A longer hold of all units that are held.
    pub(super) fn extension(key: &str, ttl: Duration) -> Self {
        Self::request(EXTEND, key, Some(ttl), Lines::new())
    }

    /// A request: its key, and the hash of what it asks for.
    fn request(what: u64, key: &str, ttl: Option<Duration>, lines: Lines) -> Self {
        let mut body = Body::new();
        body.number(what);
        ttl.into_iter().for_each(|ttl| body.number(nanos(ttl)));
        body.lines(&lines);
        let request = RequestKey::new(key.into(), body.finish());
        Self::Part {
            what,
            request,
            lines,
        }
    }

    /// The request that the entry carries. That of a call on the whole order has an empty key.
    pub(super) fn key(&self) -> Option<RequestKey> {
        Some(match self {
            Self::Whole(what) => RequestKey::new("".into(), *what),
            Self::Part { request, .. } => request.clone(),
        })
    }
}

/// The order that a call changes, under its lock.
pub(super) struct At<'a, 'b> {
    pub(super) shard: &'a mut Locked<'b>,
    pub(super) slot: SlotId,
    pub(super) now: u64,
    /// The request that the entry carries.
    pub(super) request: Option<RequestKey>,
}

impl At<'_, '_> {
    #[inline]
    pub(super) fn order(&self) -> &Order {
        &self.shard[self.slot]
    }
}

impl<K: Sku + 'static> OrderBook<K> {
    /// A call on the whole order: `change` makes it, of the units that were found.
    pub(super) fn on_whole<const N: usize>(
        &self,
        id: &str,
        kind: &Kind<N>,
        change: impl FnMut(At<'_, '_>, [Lines; N]) -> Result<Answer, Refusal<K>>,
    ) -> Result<Answer, Refusal<K>> {
        let wanted = Wanted::Whole(kind.what);
        self.answered_on_order(|call| self.on_units(call, id, kind, &wanted, change))
    }

    /// A call on a part of the order.
    pub(super) fn on_part<const N: usize>(
        &self,
        id: &str,
        (key, lines): (&str, impl IntoIterator<Item = (K, u64)>),
        kind: &Kind<N>,
        change: impl FnMut(At<'_, '_>, [Lines; N]) -> Result<Answer, Refusal<K>>,
    ) -> Result<Answer, Refusal<K>> {
        self.answered_on_order(|call| {
            check_key(key)?;
            let wanted = Wanted::part(kind.what, key, self.lines_of(lines)?);
            self.on_units(call, id, kind, &wanted, change)
        })
    }

    fn on_units<const N: usize>(
        &self,
        call: &mut Call,
        id: &str,
        kind: &Kind<N>,
        wanted: &Wanted,
        mut change: impl FnMut(At<'_, '_>, [Lines; N]) -> Result<Answer, Refusal<K>>,
    ) -> Result<Answer, Refusal<K>> {
        self.on_order(call, id, |shard, slot, call| {
            let order = &shard[slot];
            if let Some(before) = self.made_before(order, wanted, call.now)? {
                let is_whole = matches!(wanted, Wanted::Whole(_));
                // Whether it is a late copy, or asks for what came since, nobody knows.
                return if is_whole && order.parts.any(&kind.from) {
                    Err(Refusal::Conflict)
                } else {
                    Ok(before)
                };
            }
            let found = self.select(&order.parts, wanted, kind.from)?;
            if found.iter().all(|lines| lines.is_empty()) {
                let state = order.state();
                let is_there = |stage| order.parts.any(&[stage]);
                return if !kind.done.contains(&state) || order.parts.any(kind.without) {
                    Err(Refusal::State(state))
                } else if kind.to.is_none_or(is_there) {
                    // It moved nothing: calls on parts did.
                    Ok(Self::before(order, call.now))
                } else {
                    Err(Refusal::Conflict)
                };
            }
            let (now, request) = (call.now, wanted.key());
            let at = At {
                shard,
                slot,
                now,
                request,
            };
            change(at, found)
        })
    }

    /// The answer to a request that was made on the order before. One with the key of another is a conflict; a new one must
    /// have room.
    pub(super) fn made_before(
        &self,
        order: &Order,
        wanted: &Wanted,
        now: u64,
    ) -> Result<Option<Answer>, Refusal<K>> {
        let (kind, request) = match wanted {
            Wanted::Whole(what) => {
                let repeated = || Self::repeated(order, now, order.moved_as_a_whole(*what));
                return Ok(order.was_made(*what).then(repeated));
            }
            Wanted::Part { what, request, .. } => (*what, request),
        };
        match order.request(&request.key) {
            Some(made) if made.request.body == request.body => {
                Ok(Some(Self::repeated(order, now, made.moved)))
            }
            Some(_) => Err(Refusal::Conflict),
            None if order.replaces_request(kind) => Ok(None),
            None => {
                let limit = self.settings.max_requests_of_order;
                self.has_room_for_request(order.requests(), limit)?;
                Ok(None)
            }
        }
    }

    /// Whether a key more can be known, beside `known` ones of its order or SKU.
    pub(super) fn has_room_for_request(
        &self,
        known: usize,
        limit: usize,
    ) -> Result<(), Refusal<K>> {
        if known >= limit {
            return Err(Refusal::Limit(Limit::Requests(limit)));
        }
        let limit = self.requests.limit().map(Limit::AllRequests);
        limit.map_or(Ok(()), |limit| Err(Refusal::Limit(limit)))
    }

    /// The units that a call is about, by the stages at which it finds them. All units of a part are there.
    fn select<const N: usize>(
        &self,
        parts: &Parts,
        wanted: &Wanted,
        stages: [Stage; N],
    ) -> Result<[Lines; N], Refusal<K>> {
        let Wanted::Part { lines, .. } = wanted else {
            return Ok(stages.map(|stage| parts.at(stage)));
        };
        let mut selected = stages.map(|_| Lines::new());
        let mut missing = Vec::new();
        for line in lines.iter() {
            let mut rest = line.units;
            for (lines, stage) in selected.iter_mut().zip(stages) {
                let units = rest.min(parts.of(line.sku, stage));
                _ = lines.add(line.sku, units);
                rest -= units;
            }
            if rest > 0 {
                let sku = self.skus.item(line.sku).sku().clone();
                missing.push(ShortLine::new(sku, line.units, line.units - rest));
            }
        }
        if missing.is_empty() {
            Ok(selected)
        } else {
            Err(Refusal::NotInOrder(missing))
        }
    }
}
