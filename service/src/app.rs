//! [`App`]: what every handler can reach.

use crate::book::{Book, Limits, Sku};
use crate::expiring::Expiring;
use crate::kinds;
use crate::lag::Lag;
use crate::problem::Problem;
use crate::telemetry::Telemetry;
use axum::http::HeaderName;
use parking_lot::Mutex;
use segstock_orders::ledger::{Decided, Writer, WriterStatus};
use segstock_orders::{Position, Refusal};
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::time::timeout;

/// An [`App`] as handlers have it: each request passes it on several times.
pub type Shared = Arc<App>;

/// What every handler can reach.
#[derive(Debug, Clone)]
pub struct App {
    /// The orders and the stock.
    pub book: Arc<Book>,
    /// What makes the book's changes durable.
    pub writer: Arc<Writer<Sku>>,
    /// What requests may ask for.
    pub limits: Arc<Limits>,
    /// The description of the interface, as JSON.
    pub description: Arc<str>,
    /// The same, for people.
    pub page: &'static str,
    /// The metrics.
    pub telemetry: Telemetry,
    /// What the shop's listener asks for, if anything: `Authorization: Bearer` and this.
    pub token: Option<Arc<str>>,
    /// The header in which the shop's proxy names the customer, if it does. The shop's listener reads none.
    pub customer_header: Option<HeaderName>,
    /// How the ledger lags, as it was last seen.
    pub lag: Arc<Mutex<Lag>>,
    /// The orders that expire next.
    pub expiring: Arc<Expiring>,
    /// Whether the service is stopping.
    pub stopping: Arc<AtomicBool>,
    /// Whether orders are answered without any work, to measure what the work costs.
    pub idle: bool,
}

tokio::task_local! {
    /// Whether the request's call was made, and only the disk is waited for.
    static IS_MADE: Cell<bool>;
}

impl App {
    /// An app over `book`, whose changes `writer` makes durable; without a description.
    #[must_use]
    pub fn new(book: Book, writer: Arc<Writer<Sku>>, limits: Limits, telemetry: Telemetry) -> Self {
        Self {
            book: Arc::new(book),
            writer,
            description: Arc::default(),
            page: "",
            limits: Arc::new(limits),
            telemetry,
            token: None,
            customer_header: None,
            lag: Arc::default(),
            expiring: Arc::default(),
            stopping: Arc::default(),
            idle: false,
        }
    }

    /// Gives a request the time that it may take.
    ///
    /// # Errors
    ///
    /// A [`Problem`] when that is over. It says whether the request's call was made.
    pub async fn in_time<T>(&self, request: impl Future<Output = T>) -> Result<T, Problem> {
        let time = self.limits.request;
        let request = async {
            // Within the scope, which is gone when the time-out is told.
            let mut request = std::pin::pin!(request);
            timeout(time, &mut request).await.map_err(|_| too_slow())
        };
        IS_MADE.scope(Cell::new(false), request).await
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
        let decided = self.decide(call);
        self.durable(decided.rests_on).await?;
        Ok(decided.answer?)
    }

    /// Makes a call of the book without waiting: its answer must not be given before what it rests on is durable.
    pub fn decide<T>(
        &self,
        call: impl FnOnce(&Book) -> Result<T, Refusal<Sku>>,
    ) -> Decided<Result<T, Refusal<Sku>>> {
        Self::is_made();
        self.writer.decide(|| call(&self.book))
    }

    fn is_made() {
        // Outside of a request nobody asks.
        _ = IS_MADE.try_with(|is_made| is_made.set(true));
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
        self.durable(self.writer.status().appended).await?;
        Ok(figures?)
    }

    async fn durable(&self, position: Position) -> Result<(), Problem> {
        Self::is_made();
        let durable = self.writer.durable(position).await;
        durable.map_err(|_| Refusal::<Sku>::Unknown)?;
        Ok(())
    }

    /// How the ledger is.
    #[must_use]
    pub fn status(&self) -> WriterStatus {
        self.writer.status()
    }

    /// Whether the service wants more requests.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        !self.stopping.load(Ordering::Relaxed)
    }
}

fn too_slow() -> Problem {
    if IS_MADE.try_with(Cell::get).unwrap_or_default() {
        let detail =
            "what the answer rests on is not durable yet: the same request tells what became of it";
        return Problem::new(kinds::STILL_WRITING, detail);
    }
    let detail = "the request did not arrive and was not answered in time: nothing was changed";
    Problem::new(kinds::TOO_SLOW, detail)
}
