//! [`LentUnits`]: units that a replay lends, and units that it sets aside.
//!
//! Entries are differences, so the end is what counts, and not the way to it. A ledger that has one entry stand for many
//! has it stand later than some of those. So on the way units may be missing, and more may be there than a shelf holds.
//! What is missing is lent, what has no room is set aside, and at the end both are settled.

use super::{ReplayError, ReplayReason};
use crate::entry::Position;
use crate::gate::Gate;
use crate::lines::SkuId;
use crate::skus::Skus;
use segstock::MAX_UNITS;
use segstock::inventory::Sku;
use std::collections::BTreeMap;

/// By SKU.
#[derive(Debug, Default)]
pub(super) struct LentUnits(BTreeMap<SkuId, Lent>);

/// What is settled at the end.
#[derive(Debug, Default)]
struct Lent {
    /// On the shelf.
    on_hand: Both,
    /// Of those that can be had.
    free: Both,
    /// The entry to which the first were lent.
    first: Option<Position>,
    /// Units that may be missing at the end: no free unit covered them.
    uncovered: u64,
}

#[derive(Debug, Default)]
struct Both {
    lent: u64,
    aside: u64,
}

impl Both {
    /// Takes units of those that are set aside. Returns how many there were not.
    fn take_aside(&mut self, units: u64) -> u64 {
        let taken = units.min(self.aside);
        self.aside -= taken;
        units - taken
    }
}

/// Adds units.
fn add(sum: &mut u64, units: u64) -> Result<(), ReplayReason> {
    *sum = sum.checked_add(units).ok_or(ReplayReason::Units)?;
    Ok(())
}

impl LentUnits {
    fn at(&mut self, sku: SkuId, position: Position) -> &mut Lent {
        let lent = self.0.entry(sku).or_default();
        lent.first.get_or_insert(position);
        lent
    }

    /// So many units more may be missing at the end.
    pub(super) fn allow(
        &mut self,
        sku: SkuId,
        uncovered: u64,
        position: Position,
    ) -> Result<(), ReplayReason> {
        if uncovered > 0 {
            add(&mut self.at(sku, position).uncovered, uncovered)?;
        }
        Ok(())
    }

    /// Lends what a shelf lacks of `units`.
    pub(super) fn lend_on_hand(
        &mut self,
        (sku, units): (SkuId, u64),
        position: Position,
        gate: &mut Gate,
    ) -> Result<(), ReplayReason> {
        let lacks = units.saturating_sub(gate.on_hand);
        if lacks > 0 {
            gate.on_hand += lacks;
            add(&mut self.at(sku, position).on_hand.lent, lacks)?;
        }
        Ok(())
    }

    /// Lends what `units` lack of those that can be had.
    #[inline]
    pub(super) fn lend_free<K: Sku>(
        &mut self,
        skus: &Skus<K>,
        (sku, units): (SkuId, u64),
        position: Position,
    ) -> Result<(), ReplayReason> {
        let lacks = units.saturating_sub(skus.item(sku).available());
        if lacks > 0 {
            if !skus.lend(sku, lacks) {
                return Err(ReplayReason::Units);
            }
            add(&mut self.at(sku, position).free.lent, lacks)?;
        }
        Ok(())
    }

    /// Makes room for units that come: those that have none are set aside, before they are there.
    pub(super) fn make_room<K: Sku>(
        &mut self,
        skus: &Skus<K>,
        (sku, units): (SkuId, u64),
        position: Position,
        gate: &mut Gate,
    ) -> Result<(), ReplayReason> {
        if units > MAX_UNITS {
            return Err(ReplayReason::Units);
        }
        let beyond = |there: u64| (there + units).saturating_sub(MAX_UNITS).min(units);
        let on_hand = beyond(gate.on_hand);
        if on_hand > 0 {
            gate.on_hand -= on_hand;
            add(&mut self.at(sku, position).on_hand.aside, on_hand)?;
        }
        self.make_room_for_free(skus, (sku, units), position, gate)
    }

    /// Makes room for units that can be had from now on.
    pub(super) fn make_room_for_free<K: Sku>(
        &mut self,
        skus: &Skus<K>,
        (sku, units): (SkuId, u64),
        position: Position,
        gate: &Gate,
    ) -> Result<(), ReplayReason> {
        // No more units can be had or are promised than there are, and than were lent.
        let there = self.0.get(&sku).map_or(gate.on_hand, |lent| {
            let there = gate.on_hand.saturating_add(lent.on_hand.aside);
            there
                .saturating_add(lent.free.lent)
                .saturating_sub(lent.free.aside)
        });
        let free = there.saturating_add(units).saturating_sub(MAX_UNITS);
        let free = free.min(units);
        if free > 0 {
            _ = skus.withhold(sku, free);
            add(&mut self.at(sku, position).free.aside, free)?;
        }
        Ok(())
    }

    /// More units were found than fit on a shelf, since an entry stands for many: sets the rest aside. Returns how many are
    /// not.
    pub(super) fn found(
        &mut self,
        sku: SkuId,
        units: u64,
        position: Position,
    ) -> Result<u64, ReplayReason> {
        let beyond = units.saturating_sub(MAX_UNITS);
        if beyond > 0 {
            let lent = self.at(sku, position);
            add(&mut lent.on_hand.aside, beyond)?;
            add(&mut lent.free.aside, beyond)?;
        }
        Ok(units - beyond)
    }

    /// Units are missing on a shelf. `uncovered` of them no free unit covered at the instant at which the entry was made:
    /// units that another change had taken by then, and whose entry follows, are still free here. So they are taken at
    /// the end.
    pub(super) fn lose<K: Sku>(
        &mut self,
        skus: &Skus<K>,
        (sku, units, uncovered): (SkuId, u64, u64),
        position: Position,
        gate: &mut Gate,
    ) -> Result<(), ReplayReason> {
        let aside = self.0.get_mut(&sku);
        let on_shelf = aside.map_or(units, |lent| lent.on_hand.take_aside(units));
        if on_shelf > 0 {
            self.lend_on_hand((sku, on_shelf), position, gate)?;
            gate.on_hand -= on_shelf;
        }
        self.withhold(skus, (sku, units, uncovered), position)
    }

    /// Takes units off sale, at once or, as far as that cannot be, at the end.
    pub(super) fn withhold<K: Sku>(
        &mut self,
        skus: &Skus<K>,
        (sku, units, uncovered): (SkuId, u64, u64),
        position: Position,
    ) -> Result<(), ReplayReason> {
        self.allow(sku, uncovered, position)?;
        let aside = self.0.get_mut(&sku);
        let units = aside.map_or(units, |lent| lent.free.take_aside(units));
        let now = units.saturating_sub(uncovered);
        let now = now.min(skus.item(sku).available());
        if units > now {
            add(&mut self.at(sku, position).free.lent, units - now)?;
        }
        _ = skus.withhold(sku, now);
        Ok(())
    }

    /// Takes back what was lent, and puts back what was set aside. Then no more units may be missing than the entries call
    /// uncovered.
    pub(super) fn settle<K: Sku>(self, skus: &Skus<K>) -> Result<(), ReplayError> {
        for (sku, lent) in self.0 {
            let position = lent.first.unwrap_or_default();
            lent.settle(skus, sku)
                .map_err(|reason| ReplayError { position, reason })?;
        }
        Ok(())
    }
}

impl Lent {
    fn settle<K: Sku>(self, skus: &Skus<K>, sku: SkuId) -> Result<(), ReplayReason> {
        let mut gate = skus.item(sku).gateway.close();
        let there = u128::from(gate.on_hand) + u128::from(self.on_hand.aside);
        let on_hand = there.checked_sub(self.on_hand.lent.into());
        let on_hand = on_hand.and_then(|units| u64::try_from(units).ok());
        let fits = |units: &u64| *units <= MAX_UNITS;
        gate.on_hand = on_hand.filter(fits).ok_or(ReplayReason::Units)?;
        let (lent, aside) = (self.free.lent, self.free.aside);
        let missing = lent.saturating_sub(aside);
        if missing > MAX_UNITS || aside.saturating_sub(lent) > MAX_UNITS {
            return Err(ReplayReason::Units);
        }
        _ = skus.withhold(sku, missing);
        _ = skus.unwithhold(sku, aside.saturating_sub(lent));
        if skus.books(sku).owed > self.uncovered {
            return Err(ReplayReason::Units);
        }
        Ok(())
    }
}
