//! What the first of the living nodes does for all, beside all else.

use super::inner::Inner;
use super::rows::{Failed, Rows, micros};
use crate::session::{Parameters, column};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How many rows of each kind one step forgets, and how many steps there are at a heartbeat.
const STEP: i64 = 500;
const STEPS: usize = 20;

impl Inner {
    /// Looks what is left of SKUs, and drops and forgets what is old: once at a time, at each heartbeat.
    pub(super) fn upkeep_beside(self: &Arc<Self>) {
        let watches = self.sale.events.is_some_and(|keep| !keep.is_zero());
        let (retention, returns) = (self.sale.retention, self.sale.returns);
        if !watches && retention.is_none() || self.keeps_up.swap(true, Ordering::Relaxed) {
            return;
        }
        let node = Arc::clone(self);
        tokio::spawn(async move {
            let name = &node.life.node;
            // Without an answer the next heartbeat goes on.
            if watches {
                _ = node.rows.watch(name).await;
            }
            for _ in 0..retention.map_or(0, |_| STEPS) {
                let older_than = retention.unwrap_or_default();
                let went = node.rows.forget(name, older_than, returns).await;
                if node.is_over() || !went.is_ok_and(|went| went > 0) {
                    break;
                }
            }
            node.keeps_up.store(false, Ordering::Relaxed);
        });
    }
}

impl Rows {
    async fn watch(&self, node: &str) -> Result<(), Failed> {
        self.row("select watch_1($1)", &[&node], |_| Ok(())).await
    }

    /// How many rows went. None, if another node is the first.
    async fn forget(
        &self,
        node: &str,
        older_than: Duration,
        returns: Duration,
    ) -> Result<i64, Failed> {
        const FORGET: &str = "select case when is_first_1($1) then forget_1($2, $3, $4) else 0 end";
        let parameters: Parameters<'_> = &[&node, &micros(older_than), &micros(returns), &STEP];
        self.row(FORGET, parameters, |row| column(row, 0)).await
    }
}
