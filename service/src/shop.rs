//! [`Shop`]: what handlers call. They do not know where orders are decided.

pub mod alone;
mod import;
pub mod node;
mod refusals;

use crate::answers::{Answered, Order, Orders, Sendings, Stock, Stocks};
use crate::bulk::{Import, Imported, Stocklist};
use crate::calls::{OrderCall, Placing, StockCall, Wanted};
use crate::events::{Missed, News};
use crate::health::Health;
use crate::overview::Overview;
use crate::problem::Problem;
use crate::telemetry::Telemetry;
use alone::Alone;
use node::Node;
use segstock_orders::SkuLimits;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::MutexGuard;
use tokio::time::Instant;

/// Where orders are decided: no answer of it is given before what it rests on is durable.
#[derive(Debug, Clone)]
pub enum Shop {
    /// In the order book of this process.
    Alone(Arc<Alone>),
    /// At one of several nodes.
    Node(Arc<Node>),
}

/// Each call refuses with a [`Problem`], as it is answered. If its future is dropped, the change may be made all the same:
/// the same call tells.
#[expect(
    clippy::missing_errors_doc,
    reason = "it is said above, for all of them"
)]
impl Shop {
    /// Places an order: all lines, or none.
    pub async fn place(&self, order: Placing<'_>) -> Result<Answered<Order>, Problem> {
        match self {
            Self::Alone(alone) => alone.place(order).await,
            Self::Node(node) => Box::pin(node.place(order)).await,
        }
    }

    /// The order with this id. If it has to be of a customer, that of another is as unknown as one that is not there.
    pub async fn order(&self, of: Option<&str>, id: &str) -> Result<Order, Problem> {
        match self {
            Self::Alone(alone) => alone.order(of, id).await,
            Self::Node(node) => Box::pin(node.order(of, id)).await,
        }
    }

    /// Changes the order with this id, if it is of this customer.
    pub async fn change(
        &self,
        of: Option<&str>,
        id: &str,
        call: OrderCall,
    ) -> Result<Answered<Order>, Problem> {
        match self {
            Self::Alone(alone) => alone.change(of, id, call).await,
            Self::Node(node) => Box::pin(node.change(of, id, call)).await,
        }
    }

    /// A page of the orders that are wanted.
    pub async fn orders(
        &self,
        wanted: Wanted,
        cursor: Option<String>,
        limit: usize,
    ) -> Result<Orders, Problem> {
        match self {
            Self::Alone(alone) => alone.orders(wanted, cursor, limit).await,
            Self::Node(node) => Box::pin(node.orders(wanted, cursor, limit)).await,
        }
    }

    /// Opens a SKU, without units.
    pub async fn open(&self, sku: &str) -> Result<Answered<Stock>, Problem> {
        match self {
            Self::Alone(alone) => alone.open(sku).await,
            Self::Node(node) => Box::pin(node.open(sku)).await,
        }
    }

    /// The stock of a SKU.
    pub async fn stock(&self, sku: &str) -> Result<Stock, Problem> {
        let stock = match self {
            Self::Alone(alone) => alone.stock(sku).await,
            Self::Node(node) => Box::pin(node.stock(sku)).await,
        };
        stock.map_err(|problem| problem.of_sku(sku))
    }

    /// A page of the stock of all SKUs.
    pub async fn stocks(&self, cursor: Option<String>, limit: usize) -> Result<Stocks, Problem> {
        match self {
            Self::Alone(alone) => alone.stocks(cursor, limit).await,
            Self::Node(node) => Box::pin(node.stocks(cursor, limit)).await,
        }
    }

    /// Changes the units on hand of a SKU, once for each key.
    pub async fn on_shelf(
        &self,
        sku: &str,
        key: &str,
        call: StockCall,
    ) -> Result<Answered<Stock>, Problem> {
        let changed = match self {
            Self::Alone(alone) => alone.on_shelf(sku, key, call).await,
            Self::Node(node) => Box::pin(node.on_shelf(sku, key, call)).await,
        };
        changed.map_err(|problem| problem.of_sku(sku))
    }

    /// Sets the limits of a SKU.
    pub async fn limit(&self, sku: &str, limits: SkuLimits) -> Result<Answered<Stock>, Problem> {
        let limited = match self {
            Self::Alone(alone) => alone.limit(sku, limits).await,
            Self::Node(node) => Box::pin(node.limit(sku, limits)).await,
        };
        limited.map_err(|problem| problem.of_sku(sku))
    }

    /// A page of what is on its way from one SKU to another.
    pub async fn sendings(
        &self,
        cursor: Option<String>,
        limit: usize,
    ) -> Result<Sendings, Problem> {
        match self {
            Self::Alone(alone) => alone.sendings(cursor, limit).await,
            Self::Node(node) => Box::pin(node.sendings(cursor, limit)).await,
        }
    }

    /// How many SKUs there can be, of these: several nodes leave that to their database.
    #[must_use]
    pub const fn most_skus(&self, most: usize) -> usize {
        match self {
            Self::Alone(_) => most,
            Self::Node(_) => usize::MAX,
        }
    }

    /// Restocks or counts the SKUs of a list. While it keeps a core, no other list is read.
    pub async fn import(
        &self,
        import: Import<'_>,
        list: Stocklist,
        reading: MutexGuard<'_, ()>,
    ) -> Result<Imported, Problem> {
        match self {
            Self::Alone(alone) => alone.import(import, list, reading).await,
            Self::Node(node) => {
                drop(reading);
                Box::pin(node.import(import, list)).await
            }
        }
    }

    /// Where a stream of events begins that goes on after this id, or now; and what it missed.
    pub async fn begin(&self, after: Option<String>) -> Result<(String, Option<Missed>), Problem> {
        match self {
            Self::Alone(alone) => alone.begin(after),
            Self::Node(node) => Ok((Box::pin(node.begin(after)).await?, None)),
        }
    }

    /// The next events.
    pub async fn news(&self, after: &str) -> Result<News, Problem> {
        match self {
            Self::Alone(alone) => Ok(alone.news(after)),
            Self::Node(node) => Box::pin(node.news(after)).await,
        }
    }

    /// How often a stream looks for events.
    #[must_use]
    pub const fn look_every(&self) -> Duration {
        match self {
            Self::Alone(_) => Duration::from_millis(100),
            // Each look is a statement of the database.
            Self::Node(_) => Duration::from_millis(500),
        }
    }

    /// What the page shows, with SKUs from `first` on that have `search` in their name.
    pub async fn overview(&self, first: &str, search: &str) -> Result<Overview, Problem> {
        match self {
            Self::Alone(alone) => alone.overview(first, search).await,
            Self::Node(node) => Box::pin(node.overview(first, search)).await,
        }
    }

    /// How it is.
    pub async fn health(&self) -> Health {
        match self {
            Self::Alone(alone) => alone.health().await,
            Self::Node(node) => node.health(),
        }
    }

    /// Refuses if requests should go elsewhere.
    pub fn check(&self) -> Result<(), Problem> {
        match self {
            Self::Alone(alone) => alone.check(),
            Self::Node(node) => node.check(),
        }
    }

    /// Gauges it.
    pub async fn gauge(&self, telemetry: &Telemetry) {
        match self {
            Self::Alone(alone) => {
                let counted = alone.counted().await;
                telemetry.gauge(counted, &alone.book, &alone.writer);
            }
            Self::Node(node) => Box::pin(node.gauge(telemetry)).await,
        }
    }

    /// Waits until it serves no calls any more, though nobody ended it; and says why.
    pub async fn over(&self) -> String {
        match self {
            Self::Alone(_) => std::future::pending().await,
            Self::Node(node) => node.over().await,
        }
    }

    /// Ends it: takes no more calls, and waits until all that was asked for is safe. A ledger is waited for until `end`, a sale
    /// of several nodes for some seconds.
    pub async fn close(&self, end: Instant) -> Result<(), Box<dyn Error>> {
        match self {
            Self::Alone(alone) => alone.close(end).await,
            Self::Node(node) => node.close().await,
        }
    }
}
