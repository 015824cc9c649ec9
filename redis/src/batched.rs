//! A queue with one writer: it sends all orders that wait at it in one call of the function of [`Atomic`].
//!
//! **It promises what [`Atomic`] promises**, under the same conditions: the function decides the orders of a batch one
//! after another, and remembers each id. So two writers may work on one stock, and a batch whose answer was lost is sent
//! again as it was.
//!
//! What limits it: the time that the server takes to write an order's record, without that of a request. Two batches are
//! under way at most, and an order waits for one of them.
//! Twin: `designs/queue/batches.rs` of `segstock-sim`; its log is here the server's own.

use crate::atomic::Atomic;
use crate::error::OpenError;
use crate::server::Redis;
use segstock_remote::{Answer, Batches, OrderId, RemoteStock, Units, Unknown};
use std::sync::Arc;

/// Batches that are under way at once: the server decides one while the other is on its way.
const AT_ONCE: usize = 2;

/// A queue with one writer. See the [table of the designs](crate).
///
/// # Consistency
///
/// As of [`Atomic`]: linearizable.
#[derive(Debug)]
pub struct Batched {
    atomic: Arc<Atomic>,
    batches: Batches,
}

impl Batched {
    /// Creates a stock that holds `units`, and starts its writer on the runtime that this is called in.
    ///
    /// # Errors
    ///
    /// As [`Atomic::create`].
    pub async fn create(redis: &Redis, name: &str, units: u64) -> Result<Self, OpenError> {
        Ok(Self::over(Atomic::create(redis, name, units).await?))
    }

    /// Opens a stock that was created before, here or by another process, and starts a writer.
    ///
    /// # Errors
    ///
    /// As [`Atomic::open`].
    pub async fn open(redis: &Redis, name: &str) -> Result<Self, OpenError> {
        Ok(Self::over(Atomic::open(redis, name).await?))
    }

    fn over(atomic: Atomic) -> Self {
        let atomic = Arc::new(atomic);
        let writes = Arc::clone(&atomic);
        let batches = Batches::start(AT_ONCE, move |batch| {
            let atomic = Arc::clone(&writes);
            async move { atomic.batch(&batch).await }
        });
        Self { atomic, batches }
    }
}

impl RemoteStock for Batched {
    async fn deduct(&self, order: &OrderId, units: Units) -> Answer {
        self.batches.deduct(order, units).await
    }

    async fn restock(&self, order: &OrderId, units: Units) -> Answer {
        self.batches.restock(order, units).await
    }

    async fn available(&self) -> Result<u64, Unknown> {
        self.atomic.available().await
    }

    async fn outcome(&self, order: &OrderId) -> Answer {
        self.atomic.outcome(order).await
    }

    fn unanswered(&self) -> u64 {
        self.atomic.unanswered()
    }
}
