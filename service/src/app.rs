//! [`App`]: what every handler can reach.

use crate::problem::Problem;
use crate::telemetry::Telemetry;
use segstock_orders::ledger::{Writer, WriterStatus};
use segstock_orders::{OrderBook, Position, Refusal};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// A SKU.
pub type Sku = String;
/// The order book.
pub type Book = OrderBook<Sku>;

/// What requests may ask for, and how long they may take.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Bytes of a body.
    pub body: usize,
    /// How long an order is held that does not say.
    pub hold: Duration,
    /// The longest time for which an order is held.
    pub longest_hold: Duration,
    /// How long a request may take, its body included.
    pub request: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body: 128 * 1024,
            hold: Duration::from_secs(10 * 60),
            longest_hold: Duration::from_secs(60 * 60),
            request: Duration::from_secs(10),
        }
    }
}

/// What every handler can reach.
#[derive(Debug, Clone)]
pub struct App {
    /// The orders and the stock.
    pub book: Arc<Book>,
    /// What makes the book's changes durable, if it has a ledger.
    pub writer: Option<Arc<Writer<Sku>>>,
    /// What requests may ask for.
    pub limits: Arc<Limits>,
    /// The metrics.
    pub telemetry: Telemetry,
    /// What the shop's listener asks for, if anything: `Authorization: Bearer` and this.
    pub token: Option<Arc<str>>,
    /// Whether the service is stopping.
    pub stopping: Arc<AtomicBool>,
    /// Whether orders are answered without any work, to measure what the work costs.
    pub idle: bool,
}

impl App {
    /// An app over `book`.
    #[must_use]
    pub fn new(book: Book, limits: Limits, telemetry: Telemetry) -> Self {
        Self {
            book: Arc::new(book),
            writer: None,
            limits: Arc::new(limits),
            telemetry,
            token: None,
            stopping: Arc::default(),
            idle: false,
        }
    }

    /// Makes a call of the book, and waits until what its answer rests on is durable. If the waiting is given up, the
    /// change is made all the same.
    ///
    /// # Errors
    ///
    /// The book's refusal, as it is answered.
    pub async fn call<T>(
        &self,
        call: impl FnOnce(&Book) -> Result<T, Refusal<Sku>>,
    ) -> Result<T, Problem> {
        let Some(writer) = &self.writer else {
            return Ok(call(&self.book)?);
        };
        let decided = writer.decide(|| call(&self.book));
        self.durable(decided.rests_on).await?;
        Ok(decided.answer?)
    }

    /// Makes a call that shows figures of stock, and waits until all that was written before is durable.
    ///
    /// # Errors
    ///
    /// Those of [`call`](Self::call).
    pub async fn figures<T>(
        &self,
        call: impl FnOnce(&Book) -> Result<T, Refusal<Sku>>,
    ) -> Result<T, Problem> {
        let figures = call(&self.book);
        if let Some(status) = self.status() {
            self.durable(status.appended).await?;
        }
        Ok(figures?)
    }

    async fn durable(&self, position: Position) -> Result<(), Problem> {
        if let Some(writer) = &self.writer {
            let durable = writer.durable(position).await;
            durable.map_err(|_| Refusal::<Sku>::Unknown)?;
        }
        Ok(())
    }

    /// How the ledger is, if there is one.
    #[must_use]
    pub fn status(&self) -> Option<WriterStatus> {
        self.writer.as_ref().map(|writer| writer.status())
    }

    /// Whether the service wants more requests.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        !self.stopping.load(Ordering::Relaxed)
    }
}
