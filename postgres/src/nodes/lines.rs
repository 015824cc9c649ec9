//! [`Lines`]: what an order asks for, in one form.

use super::answers::InvalidOrder;
use segstock_remote::MAX_UNITS;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A SKU's name.
pub(super) type Sku = Arc<str>;

/// The most lines of an order.
pub(super) const MAX_LINES: usize = 1_000;

/// Units of each SKU: sorted by SKU, each once. And who asks, if that was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Lines {
    lines: Vec<(Sku, i64)>,
    customer: Option<Arc<str>>,
}

impl Lines {
    pub(super) fn new<S: AsRef<str>>(
        lines: impl IntoIterator<Item = (S, u64)>,
    ) -> Result<Self, InvalidOrder> {
        let mut sums: BTreeMap<Sku, u64> = BTreeMap::new();
        for (sku, units) in lines {
            let sku = sku.as_ref();
            if !is_sku(sku) {
                return Err(InvalidOrder::Sku(sku.to_owned()));
            }
            let sum = sums.entry(sku.into()).or_default();
            *sum = sum.saturating_add(units);
            if units == 0 || *sum > MAX_UNITS {
                return Err(InvalidOrder::Units { units: *sum });
            }
            if sums.len() > MAX_LINES {
                return Err(InvalidOrder::TooMany);
            }
        }
        if sums.is_empty() {
            return Err(InvalidOrder::None);
        }
        let lines = sums.into_iter();
        let lines = lines.map(|(sku, units)| (sku, units.cast_signed()));
        Ok(Self {
            lines: lines.collect(),
            customer: None,
        })
    }

    /// These lines, asked for by a customer.
    pub(super) fn of(self, customer: Option<&str>) -> Result<Self, InvalidOrder> {
        // A name has the form of a SKU's.
        if customer.is_some_and(|customer| !is_sku(customer)) {
            return Err(InvalidOrder::Customer);
        }
        let customer = customer.map(Into::into);
        Ok(Self { customer, ..self })
    }

    pub(super) fn customer(&self) -> Option<&Arc<str>> {
        self.customer.as_ref()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Sku, i64)> {
        self.lines.iter().map(|(sku, units)| (sku, *units))
    }

    pub(super) fn skus(&self) -> Vec<&str> {
        self.lines.iter().map(|(sku, _)| &**sku).collect()
    }

    pub(super) fn units(&self) -> Vec<i64> {
        self.lines.iter().map(|(_, units)| *units).collect()
    }

    /// What tells it from other lines.
    pub(super) fn hash(&self) -> i64 {
        let body = Body::default().lines(self);
        let customer = self.customer.as_ref();
        customer.map_or(body, |of| body.text(of)).finish()
    }
}

/// What tells a request from others, as a number: FNV-1a, which no release changes, since rows keep it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Body(u64);

impl Default for Body {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Body {
    pub(super) fn bytes(mut self, bytes: &[u8]) -> Self {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
        self
    }

    pub(super) fn text(self, text: &str) -> Self {
        self.bytes(text.as_bytes()).bytes(&[0])
    }

    pub(super) fn number(self, number: i64) -> Self {
        self.bytes(&number.to_le_bytes())
    }

    pub(super) fn lines(self, lines: &Lines) -> Self {
        let lines = lines.iter();
        lines.fold(self, |body, (sku, units)| body.text(sku).number(units))
    }

    pub(super) const fn finish(self) -> i64 {
        self.0.cast_signed()
    }
}

pub(super) fn is_sku(text: &str) -> bool {
    (1..=128).contains(&text.len()) && !text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_sorted_summed_and_bounded() {
        let lines = Lines::new([("b", 1), ("a", 2), ("b", 3)]).expect("it is valid");
        assert_eq!((lines.skus(), lines.units()), (vec!["a", "b"], vec![2, 4]));
        let none: [(&str, u64); 0] = [];
        assert_eq!(Lines::new(none), Err(InvalidOrder::None));
        assert_eq!(
            Lines::new([("a", 0)]),
            Err(InvalidOrder::Units { units: 0 })
        );
        let most = [("a", MAX_UNITS), ("a", 1)];
        assert_eq!(
            Lines::new(most),
            Err(InvalidOrder::Units {
                units: MAX_UNITS + 1
            })
        );
        assert!(Lines::new([("a", u64::MAX), ("a", 1)]).is_err());
        for sku in ["", "a\n", &"a".repeat(129)] {
            assert_eq!(
                Lines::new([(sku, 1)]),
                Err(InvalidOrder::Sku(sku.to_owned()))
            );
        }
        let many = (0..=MAX_LINES).map(|sku| (sku.to_string(), 1));
        assert_eq!(Lines::new(many), Err(InvalidOrder::TooMany));
    }

    #[test]
    fn the_hash_of_lines_is_the_same_in_every_release() {
        let lines = Lines::new([("phone", 2), ("cable", 1)]).expect("it is valid");
        assert_eq!(lines.hash(), HASH);
        let turned = Lines::new([("cable", 1), ("phone", 2)]).expect("it is valid");
        assert_eq!(turned.hash(), HASH);
        let others = Lines::new([("cable", 2), ("phone", 1)]).expect("it is valid");
        assert_ne!(others.hash(), HASH);
    }

    const HASH: i64 = -1_055_858_339_445_854_063;
}
