//! A SKU's place in the shop: how much it opened with, and what counts it.

use crate::log::Log;
use crate::naive::Naive;
use clap::ValueEnum;
use segstock::{BuildError, LockedStock, MAX_UNITS, Stock, StockCounter};
use serde::Serialize;
use std::str::FromStr;

/// What counts the units of a SKU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// `Stock`
    Stock,
    /// `LockedStock` with segments
    Locked,
    /// `LockedStock` with one lock
    Single,
    /// Read, check, write without a lock: it shows what goes wrong
    Naive,
}

impl Kind {
    fn open(self, units: u64, segments: usize) -> Result<Box<dyn StockCounter>, BuildError> {
        Ok(match self {
            Self::Stock => Box::new(Stock::builder(units).build()?),
            Self::Locked => Box::new(LockedStock::new(units, segments)?),
            Self::Single => Box::new(LockedStock::single(units)?),
            Self::Naive => Box::new(Naive::new(units)),
        })
    }
}

/// The part of the demand that is in stock at first, in millionths: so that 0.29 of 100 units are
/// 29, which they are not in binary fractions.
#[derive(Debug, Clone, Copy)]
pub struct Cover(u64);

impl Cover {
    const ONE: u64 = 1_000_000;

    /// Rounded down.
    fn of(self, demand: u64) -> u128 {
        u128::from(demand) * u128::from(self.0) / u128::from(Self::ONE)
    }
}

impl FromStr for Cover {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse::<f64>() {
            Ok(cover) if (0.0..=1_000.0).contains(&cover) => {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "the range was checked"
                )]
                let millionths = (cover * Self::ONE as f64).round() as u64;
                Ok(Self(millionths))
            }
            _ => Err("a number from 0 to 1000 is needed"),
        }
    }
}

/// One SKU.
pub struct Shelf {
    pub opened: u64,
    pub counter: Box<dyn StockCounter>,
}

impl Shelf {
    /// A shelf for each SKU of the log.
    pub fn open_all(
        log: &Log,
        cover: Cover,
        kind: Kind,
        segments: usize,
    ) -> Result<Vec<Self>, String> {
        let mut demand = vec![0; log.skus.len()];
        let mut returns = vec![0; log.skus.len()];
        for line in log.orders.iter().flatten() {
            let sums = if line.quantity > 0 {
                &mut demand
            } else {
                &mut returns
            };
            sums[line.sku] += line.quantity.unsigned_abs();
        }
        let shelf = |sku: usize| {
            let units = cover.of(demand[sku]);
            // All that may ever lie there: so that no return can be refused.
            let most = units + u128::from(returns[sku]);
            let opened = u64::try_from(units)
                .ok()
                .filter(|_| most <= u128::from(MAX_UNITS));
            let too_many = || {
                let name = &log.skus[sku];
                format!("SKU {name} needs room for {most} units; a stock holds {MAX_UNITS}")
            };
            let opened = opened.ok_or_else(too_many)?;
            let counter = kind
                .open(opened, segments)
                .map_err(|error| error.to_string())?;
            Ok(Self { opened, counter })
        };
        (0..log.skus.len()).map(shelf).collect()
    }
}
