//! [`Limits`]: what is limited for a SKU, as requests set it and answers show it.

use crate::numbers::{Whole, given};
use crate::problem::Problem;
use segstock::MAX_UNITS;
use segstock_orders::SkuLimits;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What is limited for a SKU. What is left out is not.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Units that are not for sale. While fewer are on hand, units that come back fill them up first.
    #[serde(default = "none", skip_serializing_if = "Whole::is_zero")]
    #[schema(value_type = u64, required = false, minimum = 0, maximum = 1_099_511_627_776_u64)]
    safety: Whole,
    /// Whether no new order can have it. Orders that have it are paid for, shipped and returned as before.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    closed: bool,
    /// Units for which orders may wait at most. Without it there is no waiting list: no order waits.
    #[serde(
        default,
        deserialize_with = "given",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = u64, required = false, minimum = 0, maximum = 1_099_511_627_776_u64)]
    waiting: Option<Whole>,
    /// Units of the orders of one customer that wait, are held, paid for or shipped at most. Then an order needs a customer.
    #[serde(
        default,
        deserialize_with = "given",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = u64, required = false, minimum = 0, maximum = 1_099_511_627_776_u64)]
    per_customer: Option<Whole>,
    /// Below how many units that orders can have it is low, which is an event; 0 is never.
    #[serde(default = "none", skip_serializing_if = "Whole::is_zero")]
    #[schema(value_type = u64, required = false, minimum = 0, maximum = 1_099_511_627_776_u64)]
    low: Whole,
}

const fn none() -> Whole {
    Whole(0)
}

impl Limits {
    /// As the book has them.
    ///
    /// # Errors
    ///
    /// A [`Problem`] if a number is larger than a stock.
    pub fn checked(self) -> Result<SkuLimits, Problem> {
        let checked = |units: Whole| match units.0 {
            units if units <= MAX_UNITS => Ok(units),
            _ => Err(Problem::invalid(format!(
                "a limit has at most {MAX_UNITS} units"
            ))),
        };
        let mut limits = SkuLimits::default();
        limits.safety = checked(self.safety)?;
        limits.closed = self.closed;
        limits.waiting = self.waiting.map_or(Ok(u64::MAX), checked)?;
        limits.per_customer = self.per_customer.map(checked).transpose()?;
        limits.low = checked(self.low)?;
        Ok(limits)
    }
}

impl From<SkuLimits> for Limits {
    fn from(limits: SkuLimits) -> Self {
        Self {
            safety: Whole(limits.safety),
            closed: limits.closed,
            waiting: (limits.waiting < u64::MAX).then_some(Whole(limits.waiting)),
            per_customer: limits.per_customer.map(Whole),
            low: Whole(limits.low),
        }
    }
}
