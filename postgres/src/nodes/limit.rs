//! What is set for a SKU.

use super::answers::Refusal;
use super::inner::Inner;
use super::node::Node;
use super::prover::Closes;
use super::rows::{Failed, Rows};
use super::stock::{check_sku, no_sku};
use crate::session::{Parameters, column};
use segstock_orders::SkuLimits;
use segstock_remote::MAX_UNITS;
use tokio::time::{Instant, timeout};

impl Node {
    /// Sets the limits of a SKU, all of them, and says whether that changed something. They do not touch orders that have the
    /// SKU already, and hold at every node for all that begins once this is answered. A larger safety stock takes units off
    /// sale at once; where there are too few, units that come back fill it up.
    ///
    /// # Errors
    ///
    /// [`Refusal::NoSku`]; [`Refusal::TooMany`] if the safety stock is more than a SKU can have; and the
    /// [temporary ones](Refusal::is_temporary).
    pub async fn limit(&self, sku: &str, limits: SkuLimits) -> Result<bool, Refusal> {
        check_sku(sku)?;
        if limits.safety > MAX_UNITS {
            return Err(Refusal::TooMany);
        }
        let _permit = self.permit()?;
        let set = timeout(self.inner.sale.patience, self.inner.limit(sku, limits));
        let set = set.await.ok().flatten().ok_or(Refusal::TryAgain)?;
        match set.as_str() {
            "missing" => Err(no_sku(sku)),
            set => Ok(set == "done"),
        }
    }
}

impl Inner {
    /// What became of it. Nothing, if nobody knows in time.
    async fn limit(&self, sku: &str, limits: SkuLimits) -> Option<String> {
        let until = Instant::now() + self.sale.patience;
        // It is the same in each try: a late copy undoes no later call.
        let number = self.rows.number().await.ok()?;
        let mut closes = Closes::default();
        while Instant::now() < until {
            let set = self.rows.limit(number, sku, limits, closes.0).await.ok()?;
            if set != "close" {
                return Some(set);
            }
            closes.next().await;
        }
        None
    }
}

impl Rows {
    /// A number that is larger than those of all calls that have ended.
    async fn number(&self) -> Result<i64, Failed> {
        const NUMBER: &str = "select nextval('changes')";
        self.row(NUMBER, &[], |row| column(row, 0)).await
    }

    async fn limit(
        &self,
        of: i64,
        sku: &str,
        limits: SkuLimits,
        closes: bool,
    ) -> Result<String, Failed> {
        const LIMIT: &str = "select limit_1($1, $2, $3, $4, $5, $6, $7, $8, $9)";
        let number = |units: u64| units.min(MAX_UNITS).cast_signed();
        let (safety, most) = (number(limits.safety), limits.per_customer.map(number));
        // More than can be is no limit.
        let waiting = i64::try_from(limits.waiting).ok();
        let (unpaid, low) = (limits.unpaid.map(i16::from), number(limits.low));
        let parameters: Parameters<'_> = &[
            &of,
            &sku,
            &safety,
            &limits.closed,
            &most,
            &waiting,
            &unpaid,
            &low,
            &closes,
        ];
        self.row(LIMIT, parameters, |row| column(row, 0)).await
    }
}
