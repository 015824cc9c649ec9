//! How much is in stock when the shop opens.

use std::str::FromStr;

/// The part of the demand that is in stock at first, in millionths: so that 0.29 of 100 units are
/// 29, which they are not in binary fractions.
#[derive(Debug, Clone, Copy)]
pub struct Cover(u64);

impl Cover {
    const ONE: u64 = 1_000_000;

    /// Rounded down.
    pub fn of(self, demand: u64) -> u128 {
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
