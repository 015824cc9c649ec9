//! [`Lines`]: units of SKUs, each SKU once.

use smallvec::SmallVec;
use std::fmt;
use std::ops::Deref;

/// The number of a SKU in its book: 0 for the SKU that was opened first. It stays what it is for the book's life, across
/// restarts too, since it stands in every [`Entry`](crate::Entry).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Deserialize, serde::Serialize),
    serde(transparent)
)]
pub struct SkuId(u32);

impl SkuId {
    /// The SKU with this number.
    #[must_use]
    #[inline]
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    #[inline]
    pub const fn number(self) -> u32 {
        self.0
    }

    #[inline]
    pub(crate) const fn index(self) -> usize {
        self.0 as usize
    }
}

/// Units of one SKU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LineUnits {
    /// The SKU.
    pub sku: SkuId,
    /// How many units, at least 1.
    pub units: u64,
}

/// Units of SKUs: each SKU once, in the sequence of their numbers, none with 0 units. One or two lines take no memory
/// of their own.
#[derive(Default, PartialEq, Eq, Hash)]
pub struct Lines(SmallVec<[LineUnits; 2]>);

/// As bytes: a clone one by one takes several times as long.
impl Clone for Lines {
    #[inline]
    fn clone(&self) -> Self {
        Self(SmallVec::from_slice(&self.0))
    }
}

impl Lines {
    /// No lines.
    #[must_use]
    #[inline]
    pub fn new() -> Self {
        Self(SmallVec::new())
    }

    /// Adds `units` of `sku`. Returns whether the sum fits 64 bits; nothing is added otherwise.
    #[inline]
    pub fn add(&mut self, sku: SkuId, units: u64) -> bool {
        if units == 0 {
            return true;
        }
        // Most come in the sequence of their numbers.
        if self.0.last().is_none_or(|last| last.sku < sku) {
            self.0.push(LineUnits { sku, units });
            return true;
        }
        match self.0.binary_search_by_key(&sku, |line| line.sku) {
            Ok(index) => {
                let sum = self.0[index].units.checked_add(units);
                sum.is_some_and(|sum| {
                    self.0[index].units = sum;
                    true
                })
            }
            Err(index) => {
                self.0.insert(index, LineUnits { sku, units });
                true
            }
        }
    }

    /// Units of `sku`.
    #[must_use]
    pub fn of(&self, sku: SkuId) -> u64 {
        let found = self.0.binary_search_by_key(&sku, |line| line.sku);
        found.map_or(0, |index| self.0[index].units)
    }

    /// Units of all SKUs. No order has more than 64 bits hold.
    #[must_use]
    #[inline]
    pub fn units(&self) -> u64 {
        let units = self.0.iter().map(|line| line.units);
        units.fold(0, u64::saturating_add)
    }

    /// What these have and `others` have not.
    pub(crate) fn beyond(&self, others: &Self) -> Self {
        let more = self.0.iter().map(|line| LineUnits {
            sku: line.sku,
            units: line.units.saturating_sub(others.of(line.sku)),
        });
        Self(more.filter(|line| line.units > 0).collect())
    }

    /// The units of these and of `others`.
    #[inline]
    pub(crate) fn and(mut self, others: &Self) -> Self {
        for line in others.iter() {
            // Both are units that a stock has, at most 2^40 each.
            _ = self.add(line.sku, line.units);
        }
        self
    }
}

impl Deref for Lines {
    type Target = [LineUnits];

    #[inline]
    fn deref(&self) -> &[LineUnits] {
        &self.0
    }
}

/// Adds units of a SKU that stands twice.
impl FromIterator<LineUnits> for Lines {
    #[inline]
    fn from_iter<I: IntoIterator<Item = LineUnits>>(lines: I) -> Self {
        let mut all = Self::new();
        for line in lines {
            _ = all.add(line.sku, line.units);
        }
        all
    }
}

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = self.0.iter().map(|line| (line.sku.0, line.units));
        f.debug_map().entries(lines).finish()
    }
}

/// From the number of each SKU to its units.
#[cfg(feature = "serde")]
impl serde::Serialize for Lines {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter().map(|line| (line.sku.0, line.units)))
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for Lines {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Lines;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("units by the numbers of SKUs")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<Lines, A::Error> {
                let mut lines = Lines::new();
                while let Some((sku, units)) = map.next_entry::<u32, u64>()? {
                    if !lines.add(SkuId(sku), units) {
                        return Err(serde::de::Error::custom("a line has too many units"));
                    }
                }
                Ok(lines)
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}
