//! [`Limits`]: what is limited for a SKU, as requests set it and answers show it.

use crate::numbers::{Whole, given};
use crate::problem::Problem;
use segstock::MAX_UNITS;
use segstock_orders::SkuLimits;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What is limited for a SKU. What is left out is not; `unpaid` is then that of the service.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Units that are not for sale. While fewer are on hand, units that come back fill them up first.
    #[serde(default = "Whole::none", skip_serializing_if = "Whole::is_zero")]
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
    /// Units of the orders of one customer that wait, are held, paid for or shipped at most. Then an order needs a customer. Orders
    /// that were placed before such a limit was first set do not count.
    #[serde(
        default,
        deserialize_with = "given",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = u64, required = false, minimum = 0, maximum = 1_099_511_627_776_u64)]
    per_customer: Option<Whole>,
    /// How many percent of the units on hand, rounded up, orders can hold that are not paid for. If it is left out, `--unpaid`.
    #[serde(
        default,
        deserialize_with = "given",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = u64, required = false, minimum = 1, maximum = 100)]
    unpaid: Option<Whole>,
    /// Below how many units that orders can have it is low, which is an event; 0 is never.
    #[serde(default = "Whole::none", skip_serializing_if = "Whole::is_zero")]
    #[schema(value_type = u64, required = false, minimum = 0, maximum = 1_099_511_627_776_u64)]
    low: Whole,
}

impl Limits {
    /// As the book has them.
    ///
    /// # Errors
    ///
    /// A [`Problem`] if a number is larger than a stock, or is no share.
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
        limits.unpaid = self.unpaid.map(share).transpose()?;
        limits.low = checked(self.low)?;
        Ok(limits)
    }
}

fn share(Whole(percent): Whole) -> Result<u8, Problem> {
    let is_share = |percent: &u8| (1..=100).contains(percent);
    let percent = u8::try_from(percent).ok().filter(is_share);
    percent.ok_or_else(|| Problem::invalid("unpaid: a share has 1 to 100 percent"))
}

impl From<SkuLimits> for Limits {
    fn from(limits: SkuLimits) -> Self {
        Self {
            safety: Whole(limits.safety),
            closed: limits.closed,
            waiting: (limits.waiting < u64::MAX).then_some(Whole(limits.waiting)),
            per_customer: limits.per_customer.map(Whole),
            unpaid: limits.unpaid.map(|percent| Whole(percent.into())),
            low: Whole(limits.low),
        }
    }
}
