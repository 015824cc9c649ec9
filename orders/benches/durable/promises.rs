//! [`Promises`]: what is promised of the figures, and whether that is kept.

use segstock_harness::{Limit, Ratio, Results};

#[derive(Default)]
pub struct Promises(Results);

impl Promises {
    /// Prints a ratio and what is promised of it.
    pub fn say(&mut self, name: &str, ratio: f64, limit: Limit) {
        let ratio = Ratio {
            situation: "the ledger of an order book".to_owned(),
            name: name.to_owned(),
            ratio: Some(ratio),
            limit,
        };
        let kept = ["MISSED", "kept"][usize::from(ratio.is_kept())];
        println!("{name}: {:.2}, {limit}: {kept}", ratio.ratio.unwrap_or(0.0));
        self.0.ratios.push(ratio);
    }

    /// Fails if a promise is missed.
    pub fn demand(&self) -> Result<(), String> {
        match self.0.kept() {
            (kept, all) if kept < all => Err(format!("{kept} of {all} promises are kept")),
            _ => Ok(()),
        }
    }
}
