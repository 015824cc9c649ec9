//! Orders that wait for units, and how a node serves them.

use super::answers::{Answer, Refusal};
use super::inner::Inner;
use super::known::Known;
use super::lines::Lines;
use super::node::Node;
use super::prover::Closes;
use super::rows::{Failed, Rows, ids, known, micros};
use crate::session::{Parameters, column};
use segstock_remote::{Fault, OrderId};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::Instant;
use tokio_postgres::Row;

/// How many orders one transaction serves.
const AT_ONCE: i64 = 64;

/// What became of an order that may wait.
enum Waited {
    /// What its row says.
    Is(Known),
    NoSku(String),
    /// These end first.
    Overdue(Vec<OrderId>),
    /// Others are served first.
    Due,
    /// Blocks are to be closed.
    Close,
    /// Its row went beside this.
    Again,
}

/// What the queue says of an order.
pub(super) enum Queued {
    Is(Known),
    NoSku(String),
    /// Nobody knows in time.
    Unknown,
}

impl Node {
    /// Places an order; and if too few units are free anywhere, has it wait for them: a preorder, a waiting list. The answer's
    /// [`state`](Answer::state) says which. An order that waits is cancelled like any other, and nothing else can be done with
    /// it.
    ///
    /// Units that come back, at whichever node, serve first what is owed, then the orders that wait, in the sequence in which
    /// they came, and then the sale. An order is served as a whole, once it is the first in the queue of each of its SKUs; its
    /// units are held for `ttl` from then on. Until then nobody else gets units of those SKUs.
    ///
    /// # Errors
    ///
    /// Those of [`place_for`](Self::place_for), but [`Refusal::SoldOut`] only when the sale has ended; and
    /// [`Refusal::QueueFull`] if more units would wait for a SKU than
    /// [its limit](segstock_orders::SkuLimits::waiting) lets: the id stays refused.
    pub async fn place_or_wait<S: AsRef<str>>(
        &self,
        id: &OrderId,
        customer: Option<&str>,
        lines: impl IntoIterator<Item = (S, u64)>,
        ttl: Option<Duration>,
    ) -> Result<Answer, Refusal> {
        self.placed(id, customer, lines, ttl, true).await
    }
}

impl Inner {
    /// Places an order for which its node has too few units, or has it wait.
    pub(super) async fn wait(
        self: &Arc<Self>,
        id: &OrderId,
        lines: &Lines,
        ttl: Option<Duration>,
        until: Instant,
    ) -> Queued {
        let mut closes = Closes::default();
        while Instant::now() < until && !self.is_over() {
            match self
                .rows
                .wait(&self.life.node, id, lines, ttl, closes.0)
                .await
            {
                Ok(Waited::Is(known)) => return Queued::Is(known),
                Ok(Waited::NoSku(sku)) => return Queued::NoSku(sku),
                Ok(Waited::Overdue(ids)) => self.expire(ids).await,
                Ok(Waited::Due) => self.serve_queues(&lines.skus()).await,
                Ok(Waited::Close) => closes.next().await,
                Ok(Waited::Again) => {}
                Err(_) => break,
            }
        }
        Queued::Unknown
    }

    /// Serves those who wait for these SKUs, as far as there are units.
    pub(super) async fn serve_queues(&self, skus: &[&str]) {
        for sku in skus {
            // Without an answer they are found again.
            while let Ok(AT_ONCE) = self.rows.serve(&self.life.node, sku).await {}
        }
    }

    /// Serves those that a heartbeat found, beside all else, once at a time.
    pub(super) fn serve_beside(self: &Arc<Self>, due: Vec<String>) {
        if due.is_empty() || self.serves.swap(true, Ordering::Relaxed) {
            return;
        }
        let node = Arc::clone(self);
        tokio::spawn(async move {
            let skus: Vec<&str> = due.iter().map(String::as_str).collect();
            node.serve_queues(&skus).await;
            node.serves.store(false, Ordering::Relaxed);
            // Others may have become due meanwhile.
            node.notified();
        });
    }
}

impl Rows {
    async fn wait(
        &self,
        node: &str,
        id: &OrderId,
        lines: &Lines,
        ttl: Option<Duration>,
        closes: bool,
    ) -> Result<Waited, Failed> {
        const WAIT: &str = "
            select w.standing, array[w.state], array[w.hash], array[w.short], array[w.sum], array[w.until], w.short, w.overdue
            from wait_1($1, $2, $3, $4, $5, $6, $7, $8) as w";
        let (id, asked, customer) = (id.as_str(), lines.hash(), lines.customer().map(|of| &**of));
        let (skus, units, ttl) = (lines.skus(), lines.units(), ttl.map(micros));
        let parameters: Parameters<'_> =
            &[&node, &id, &asked, &customer, &skus, &units, &ttl, &closes];
        self.row(WAIT, parameters, waited).await
    }

    /// How many were served.
    async fn serve(&self, node: &str, sku: &str) -> Result<i64, Failed> {
        const SERVE: &str = "select serve_1($1, $2, $3)";
        let parameters: Parameters<'_> = &[&node, &sku, &AT_ONCE];
        self.row(SERVE, parameters, |row| column(row, 0)).await
    }
}

fn waited(row: &Row) -> Result<Waited, Fault> {
    let order = || {
        let known = known(row, 1, 1)?.pop().flatten();
        known.ok_or_else(|| Fault::Final("a function of another release".to_owned()))
    };
    Ok(match column::<String>(row, 0)?.as_str() {
        "done" => Waited::Is(order()?.changed()),
        "is" => Waited::Is(order()?),
        "missing" => Waited::NoSku(column::<Option<String>>(row, 6)?.unwrap_or_default()),
        "overdue" => Waited::Overdue(ids(row, 7)?),
        "due" => Waited::Due,
        "close" => Waited::Close,
        _ => Waited::Again,
    })
}
