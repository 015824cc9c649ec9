//! [`Parts`]: the units of an order, by SKU and by how far they are.

use crate::answers::OrderState;
use crate::lines::{LineUnits, Lines, SkuId};
use smallvec::SmallVec;

/// How far units of an order are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Stage {
    Waiting,
    Held,
    Paid,
    Shipped,
    /// Came back, and are on sale.
    Returned,
    /// Came back, and were written off.
    WrittenOff,
    Cancelled,
    /// Cancelled after they were paid for.
    Refunded,
    /// Came back to the stock at the deadline.
    Expired,
}

impl Stage {
    /// What is said of units at this stage.
    #[inline]
    pub(crate) const fn state(self) -> OrderState {
        match self {
            Self::Waiting => OrderState::Waiting,
            Self::Held => OrderState::Held,
            Self::Paid => OrderState::Paid,
            Self::Shipped => OrderState::Shipped,
            Self::Returned | Self::WrittenOff => OrderState::Returned,
            Self::Cancelled | Self::Refunded => OrderState::Cancelled,
            Self::Expired => OrderState::Expired,
        }
    }
}

/// Units of one SKU at one stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Part {
    units: u64,
    sku: SkuId,
    stage: Stage,
    /// Whether they count for what their customer can have. All parts of a SKU in an order do, or none.
    counted: bool,
}

/// The units of an order. An order of two lines, each at one stage, takes no memory of its own.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Parts(SmallVec<[Part; 2]>);

/// As bytes: a clone one by one takes several times as long.
impl Clone for Parts {
    #[inline]
    fn clone(&self) -> Self {
        Self(SmallVec::from_slice(&self.0))
    }
}

impl Parts {
    pub(crate) fn new(lines: &Lines, stage: Stage, counted: &Lines) -> Self {
        let part = |line: &LineUnits| Part {
            units: line.units,
            sku: line.sku,
            stage,
            counted: counted.of(line.sku) > 0,
        };
        // Collected, they would have room for a power of two of them, as long as the order is known.
        let mut parts = SmallVec::with_capacity(lines.len());
        parts.extend(lines.iter().map(part));
        Self(parts)
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether any unit is at one of `stages`.
    #[inline]
    pub(crate) fn any(&self, stages: &[Stage]) -> bool {
        self.0.iter().any(|part| stages.contains(&part.stage))
    }

    /// Whether any unit of these SKUs is at `stage`.
    pub(crate) fn has_any(&self, skus: &[SkuId], stage: Stage) -> bool {
        let mut parts = self.0.iter();
        parts.any(|part| part.stage == stage && skus.contains(&part.sku))
    }

    /// The units at `stage`.
    #[inline]
    pub(crate) fn at(&self, stage: Stage) -> Lines {
        let parts = self.0.iter().filter(|part| part.stage == stage);
        parts.map(|part| line(part.sku, part.units)).collect()
    }

    /// Units of all SKUs at `stage`.
    pub(crate) fn units_at(&self, stage: Stage) -> u64 {
        let parts = self.0.iter().filter(|part| part.stage == stage);
        parts.map(|part| part.units).fold(0, u64::saturating_add)
    }

    /// Units of one SKU at `stage`.
    pub(crate) fn of(&self, sku: SkuId, stage: Stage) -> u64 {
        self.find(sku, stage).map_or(0, |index| self.0[index].units)
    }

    /// SKU, stage and units of all parts, in the sequence of SKUs and stages.
    #[inline]
    pub(crate) fn iter(&self) -> impl Iterator<Item = (SkuId, Stage, u64)> {
        self.0.iter().map(|part| (part.sku, part.stage, part.units))
    }

    /// Moves units from one stage to another.
    #[inline]
    pub(crate) fn advance(&mut self, lines: &Lines, from: Stage, to: Stage) {
        if self.advance_whole(lines, from, to) {
            return;
        }
        let counted = self.counted(lines);
        self.remove(lines, from);
        self.add(lines, to, &counted);
    }

    /// Moves them where these are all units of the order, all of them at `from`: each part stays where it is.
    #[inline]
    fn advance_whole(&mut self, lines: &Lines, from: Stage, to: Stage) -> bool {
        let is_whole = lines.len() == self.0.len()
            && lines.iter().zip(&self.0).all(|(line, part)| {
                part.stage == from && part.sku == line.sku && part.units == line.units
            });
        if is_whole {
            self.0.iter_mut().for_each(|part| part.stage = to);
        }
        is_whole
    }

    /// Takes units out of the order. They are in it: the entry that says so was made under the order's lock.
    pub(crate) fn remove(&mut self, lines: &Lines, from: Stage) {
        for line in lines.iter() {
            let found = self.find(line.sku, from);
            debug_assert!(found.is_ok(), "an entry takes units that the order has");
            let Ok(index) = found else { continue };
            let part = &mut self.0[index];
            debug_assert!(part.units >= line.units, "and no more than it has");
            part.units = part.units.saturating_sub(line.units);
            if part.units == 0 {
                self.0.remove(index);
            }
        }
        if self.0.spilled() && self.0.len() <= self.0.inline_size() {
            self.0.shrink_to_fit();
        }
    }

    /// Whether the order has units of a SKU.
    pub(crate) fn has(&self, sku: SkuId) -> bool {
        self.0.iter().any(|part| part.sku == sku)
    }

    /// Those of `lines` whose SKUs count for what the customer can have.
    pub(crate) fn counted(&self, lines: &Lines) -> Lines {
        let is_counted = |line: &&LineUnits| {
            let part = self.0.iter().find(|part| part.sku == line.sku);
            part.is_some_and(|part| part.counted)
        };
        lines.iter().filter(is_counted).copied().collect()
    }

    /// Adds units to the order. Those of a SKU that it has not yet are counted if the SKU is among `counted`.
    pub(crate) fn add(&mut self, lines: &Lines, stage: Stage, counted: &Lines) {
        for &LineUnits { sku, units } in lines.iter() {
            let of_sku = self.0.iter().find(|part| part.sku == sku);
            let counted = of_sku.map_or(counted.of(sku) > 0, |part| part.counted);
            match self.find(sku, stage) {
                Ok(index) => self.0[index].units += units,
                Err(index) => self.0.insert(
                    index,
                    Part {
                        units,
                        sku,
                        stage,
                        counted,
                    },
                ),
            }
        }
    }

    fn find(&self, sku: SkuId, stage: Stage) -> Result<usize, usize> {
        let place = (sku, stage);
        self.0
            .binary_search_by_key(&place, |part| (part.sku, part.stage))
    }
}

#[inline]
const fn line(sku: SkuId, units: u64) -> LineUnits {
    LineUnits { sku, units }
}

// Two lines in 32 bytes.
const _: () = assert!(size_of::<Part>() == 16);
