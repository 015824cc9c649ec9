//! [`Node`]: a process that sells from blocks.

use super::answers::{Answer, Order, Refusal};
use super::inner::Inner;
use super::known::{Known, State};
use super::lines::Sku;
use super::looks::Looks;
use super::rows::{Failed, Life, Rows};
use super::serving::{Request, Served, Serving};
use super::{Sale, SaleError, writer};
use segstock_orders::OrderState;
use segstock_remote::OrderId;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, Semaphore, watch};
use tokio::time::timeout;

/// A node of a [`Sale`]: it sells from blocks in memory, and any node serves any order.
///
/// Clones are handles to one node. When the last one is dropped without [`leave`](Self::leave), the node ends as if its
/// process had died: its blocks come back after its lease, or when a node of its name joins.
///
/// # Consistency
///
/// Every answer comes from a committed row. An order is placed, paid, cancelled and expired once, whichever nodes are asked
/// and however often. A refusal is exact: at an instant of the call fewer units were free at all nodes together.
///
/// # Cancel safety
///
/// A call whose future is dropped may go on: the same id, asked again at any node, tells what became of it.
#[derive(Clone)]
pub struct Node {
    pub(super) inner: Arc<Inner>,
    _ends: Arc<Ends>,
}

/// Ends the node with its last handle.
struct Ends(Arc<Inner>);

impl Drop for Ends {
    fn drop(&mut self) {
        self.0.end("it was dropped");
    }
}

/// What a node has and does.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NodeStatus {
    /// The number of its session: how often a node of this name has joined.
    pub session: u64,
    /// Its blocks.
    pub blocks: Vec<BlockStatus>,
    /// Calls under way.
    pub calls: usize,
    /// Something is being written or waits for it.
    pub is_writing: bool,
    /// How long ago the heartbeat was sent that the database answered last, or its start: its lease began no earlier.
    pub beat: Duration,
    /// Why it serves no calls any more.
    pub over: Option<String>,
}

/// A block of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BlockStatus {
    /// Its number.
    pub epoch: i64,
    /// Of which SKU.
    pub sku: String,
    /// Units that the node can sell from it.
    pub free: u64,
}

impl Sale {
    /// A node of this name joins the sale, on the runtime that this is called in. An older node of the name finds its
    /// session over.
    ///
    /// # Errors
    ///
    /// If the tables are not this release's, the settings do not fit, or the server does not answer.
    pub async fn join(&self, node: &str) -> Result<Node, SaleError> {
        let name = OrderId::new(node).map_err(SaleError::Node)?;
        if self.heartbeat >= self.lease {
            return Err(SaleError::Heartbeat);
        }
        Node::start(self, name.as_str()).await
    }
}

impl Node {
    async fn start(sale: &Sale, name: &str) -> Result<Self, SaleError> {
        // Says in what way the database is no sale.
        sale.rows().await?;
        let rows = Rows::new(sale.durable(2, sale.patience)?);
        if let Some(keep) = sale.events {
            rows.keep_events(keep).await?;
        }
        let start = rand::random::<i64>();
        let began = Instant::now();
        let number = loop {
            let seen = rows.seen(name).await?;
            if let Some(number) = rows.open(name, seen, start, sale.lease).await? {
                break number;
            }
        };
        let node = name.to_owned();
        let inner = Arc::new(Inner {
            life: Life { node, number },
            sale: sale.clone(),
            writes: Rows::new(sale.durable(1, sale.timeout)?),
            proves: Rows::new(sale.durable(1, sale.timeout)?),
            rows,
            memory: Mutex::default(),
            beat: Mutex::new(began),
            serving: Serving::default(),
            looks: Looks::default(),
            calls: Arc::new(Semaphore::new(sale.calls)),
            wake: Notify::new(),
            beats: AtomicBool::new(true),
            works: AtomicBool::new(true),
            serves: AtomicBool::new(false),
            keeps_up: AtomicBool::new(false),
            leaves: AtomicBool::new(false),
            over: watch::Sender::new(None),
        });
        tokio::spawn(writer::run(Arc::clone(&inner)));
        tokio::spawn(super::listen::run(Arc::clone(&inner)));
        let _ends = Arc::new(Ends(Arc::clone(&inner)));
        Ok(Self { inner, _ends })
    }

    /// Places an order: all its lines or none. It is held for `ttl`, by the database's clock; without one, until somebody pays
    /// or cancels. Lines of one SKU are added.
    ///
    /// A retry answers what became of the order: its state may be another by then.
    ///
    /// # Errors
    ///
    /// [`Refusal::SoldOut`]; [`Refusal::Closed`]; [`Refusal::CustomerNeeded`]; [`Refusal::Unpaid`]; [`Refusal::NoSku`];
    /// [`Refusal::Invalid`]; [`Refusal::Conflict`] if the id is known for other lines, or for another customer; [`Refusal::Is`]
    /// if the order was cancelled or has expired; [`Refusal::CancelledBefore`]; and the [temporary ones](Refusal::is_temporary).
    pub async fn place<S: AsRef<str>>(
        &self,
        id: &OrderId,
        lines: impl IntoIterator<Item = (S, u64)>,
        ttl: Option<Duration>,
    ) -> Result<Answer, Refusal> {
        self.place_for(id, None, lines, ttl).await
    }

    /// Places an order of a customer: then the limits for each customer can be kept ([`SkuLimits`](segstock_orders::SkuLimits)).
    ///
    /// # Errors
    ///
    /// Those of [`place`](Self::place); and [`Refusal::PerCustomer`].
    pub async fn place_for<S: AsRef<str>>(
        &self,
        id: &OrderId,
        customer: Option<&str>,
        lines: impl IntoIterator<Item = (S, u64)>,
        ttl: Option<Duration>,
    ) -> Result<Answer, Refusal> {
        self.placed(id, customer, lines, ttl, false).await
    }

    /// Places an order. If `waits`, it waits for units that are lacking.
    pub(super) async fn placed<S: AsRef<str>>(
        &self,
        id: &OrderId,
        customer: Option<&str>,
        lines: impl IntoIterator<Item = (S, u64)>,
        ttl: Option<Duration>,
        waits: bool,
    ) -> Result<Answer, Refusal> {
        let lines = self.check(lines, ttl)?;
        let lines = lines.of(customer).map_err(Refusal::Invalid)?;
        let asked = lines.hash();
        let known = self.call(id, Request::Place { lines, ttl, waits });
        let known = known.await?;
        let known = known.ok_or(Refusal::TryAgain)?;
        if known.asked.is_some_and(|known| known != asked) {
            return Err(Refusal::Conflict);
        }
        let order = known.order()?;
        if matches!(order.state, OrderState::Cancelled | OrderState::Expired) {
            return Err(Refusal::Is(order));
        }
        known.answer()
    }

    /// What has become of an order. One that is past its deadline expires by that.
    ///
    /// # Errors
    ///
    /// [`Refusal::NoOrder`]; [`Refusal::SoldOut`] if it was refused; [`Refusal::CancelledBefore`]; and the
    /// [temporary ones](Refusal::is_temporary).
    pub async fn get(&self, id: &OrderId) -> Result<Order, Refusal> {
        let known = self.read(self.inner.rows.known(id)).await?;
        let known = known.ok_or(Refusal::NoOrder)?;
        if known.state != State::Overdue {
            return known.order();
        }
        let known = self.call(id, Request::Expire).await?;
        known.ok_or(Refusal::TryAgain)?.order()
    }

    /// Leaves the sale: takes no calls any more, ends those that are under way, and hands back all blocks. It may be called
    /// again.
    ///
    /// # Errors
    ///
    /// [`Refusal::TryAgain`] if calls or the database do not end within the [patience](Sale::patience): the blocks come back
    /// after the lease.
    pub async fn leave(&self) -> Result<(), Refusal> {
        let inner = &self.inner;
        inner.memory().stopping = true;
        inner.wake.notify_one();
        let all = u32::try_from(inner.sale.calls).unwrap_or(u32::MAX);
        let mut ended = inner.ended();
        let left = async {
            let _all = inner.calls.acquire_many(all).await;
            inner.leaves.store(true, Ordering::Relaxed);
            inner.wake.notify_one();
            _ = ended.wait_for(Option::is_some).await;
        };
        let left = timeout(inner.sale.patience, left).await;
        left.map_err(|_| Refusal::TryAgain)
    }

    /// Waits until the node serves no calls any more, and says why: it left, a node of its name has joined, or the database
    /// refuses what it writes.
    pub async fn over(&self) -> String {
        let mut ended = self.inner.ended();
        let over = ended.wait_for(Option::is_some).await;
        over.ok().and_then(|over| over.clone()).unwrap_or_default()
    }

    /// What it has and does.
    #[must_use]
    pub fn status(&self) -> NodeStatus {
        let inner = &self.inner;
        let memory = inner.memory();
        let block = |(epoch, sku, free): (i64, &Sku, i64)| BlockStatus {
            epoch,
            sku: sku.to_string(),
            free: free.unsigned_abs(),
        };
        NodeStatus {
            session: inner.life.number.unsigned_abs(),
            blocks: memory.blocks().map(block).collect(),
            calls: inner.sale.calls - inner.calls.available_permits(),
            is_writing: inner.works.load(Ordering::Relaxed)
                || memory.has_batch()
                || memory.has_lends(),
            beat: inner.beat().elapsed(),
            over: inner.over.borrow().clone(),
        }
    }

    pub(super) fn permit(&self) -> Result<tokio::sync::OwnedSemaphorePermit, Refusal> {
        let inner = &self.inner;
        if inner.is_over() || inner.memory().stopping {
            return Err(Refusal::Over);
        }
        let permit = Arc::clone(&inner.calls).try_acquire_owned();
        permit.map_err(|_| Refusal::Busy)
    }

    /// Reads from the database, as long as a call waits.
    pub(super) async fn read<T, E>(
        &self,
        read: impl Future<Output = Result<T, E>>,
    ) -> Result<T, Refusal> {
        let _permit = self.permit()?;
        let read = timeout(self.inner.sale.patience, read).await;
        read.ok().and_then(Result::ok).ok_or(Refusal::TryAgain)
    }

    /// Serves a call in a task of its own, which goes on if the caller does not wait. Nothing, if it is for a transaction of
    /// its own.
    pub(super) async fn call(
        &self,
        id: &OrderId,
        request: Request,
    ) -> Result<Option<Known>, Refusal> {
        let permit = self.permit()?;
        let (inner, id) = (Arc::clone(&self.inner), id.clone());
        let served = tokio::spawn(async move {
            let served = inner.serve(&id, request).await;
            drop(permit);
            served
        });
        match timeout(self.inner.sale.patience, served).await {
            Ok(Ok(Served::Is(known))) => Ok(Some(known)),
            Ok(Ok(Served::Alone)) => Ok(None),
            Ok(Ok(Served::Missing)) => Err(Refusal::NoOrder),
            Ok(Ok(Served::NoSku(sku))) => Err(Refusal::NoSku { sku }),
            Ok(Ok(Served::Over)) => Err(Refusal::Over),
            Ok(Ok(Served::TryAgain) | Err(_)) | Err(_) => Err(Refusal::TryAgain),
        }
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node")
            .field("name", &self.inner.life.node)
            .field("session", &self.inner.life.number)
            .finish_non_exhaustive()
    }
}

impl From<Failed> for Refusal {
    fn from(_: Failed) -> Self {
        Self::TryAgain
    }
}
