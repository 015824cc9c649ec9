//! [`Overview`]: what the page shows of a sale, by what is durable.

use crate::book::{Book, Sku};
use crate::counted::Counted;
use crate::expiring::Soon;
use crate::pace::{self, Pace};
use crate::problem::Problem;
use segstock_orders::ledger::Writer;
use segstock_orders::{SkuId, SkuView};
use segstock_postgres::nodes::NodeStatus;
use serde::Serialize;
use std::time::Duration;
use utoipa::ToSchema;

/// SKUs that one search looks at.
const LOOKS: u32 = 20_000;

/// A sale as it runs.
#[derive(Debug, Serialize, ToSchema)]
pub struct Overview {
    /// The stock of SKUs, in the sequence in which they were opened; with several nodes, by their names.
    stock: Vec<Bar>,
    /// Where the next SKUs begin, if there are more: the `first` of the next request.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    next: Option<String>,
    /// How many SKUs are open. Several nodes do not count them.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    skus: Option<usize>,
    /// How many orders are known. Several nodes do not count them.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    orders: Option<usize>,
    /// What was asked for since the start.
    pace: Pace,
    /// The held orders that expire next. Several nodes show none.
    expiring: Vec<Soon>,
    /// How the ledger is.
    ledger: Ledger,
}

/// The stock of a SKU, by where its units are.
#[derive(Debug, Serialize, ToSchema)]
struct Bar {
    sku: Sku,
    /// Units that orders can have.
    available: u64,
    /// Units that are held and not paid for.
    held: u64,
    /// Units that are paid for and have not left.
    paid: u64,
    /// Units that left and did not come back, as far as orders are known.
    shipped: u64,
    /// Units that are promised and not there.
    owed: u64,
    /// Units of safety stock.
    safety: u64,
    /// With several nodes: units that are held or paid for.
    promised: u64,
}

/// How the ledger is.
#[derive(Debug, Serialize, ToSchema)]
struct Ledger {
    /// Changes that are on their way. Of a node: calls.
    on_the_way: u64,
    /// Seconds for which a change waits to be durable. Of a node: since the database answered its heartbeat.
    lag: f64,
    /// Why nothing can be written any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    failed: Option<String>,
}

impl Overview {
    /// SKUs on the page at a time.
    pub const SKUS: usize = 50;

    /// Of a node, with these SKUs; more begin at `next`.
    #[must_use]
    pub fn of_node(stock: Vec<(Sku, SkuView)>, next: Option<String>, node: &NodeStatus) -> Self {
        let bar = |(sku, view): (Sku, SkuView)| Bar {
            sku,
            available: view.available,
            held: 0,
            paid: 0,
            shipped: 0,
            owed: view.owed,
            safety: view.safety,
            promised: (view.on_hand + view.owed).saturating_sub(view.available + view.safety),
        };
        Self {
            stock: stock.into_iter().map(bar).collect(),
            next,
            skus: None,
            orders: None,
            pace: pace::now(),
            expiring: Vec::new(),
            ledger: Ledger {
                on_the_way: node.calls as u64,
                lag: node.beat.as_secs_f64(),
                failed: node.over.clone(),
            },
        }
    }

    /// Of an order book that knows what was `counted`, and whose changes `writer` makes durable, with SKUs from number `first`
    /// on that have `search` in their name. A change has waited for `behind` to be durable.
    ///
    /// # Errors
    ///
    /// A [`Problem`] if `first` is no number.
    pub fn of_book(
        book: &Book,
        writer: &Writer<Sku>,
        counted: Counted,
        expiring: Vec<Soon>,
        behind: Duration,
        first: &str,
        search: &str,
    ) -> Result<Self, Problem> {
        let first = match first {
            "" => 0,
            first => {
                let wrong = |_| Problem::invalid("first: there is no such SKU");
                first.parse().map_err(wrong)?
            }
        };
        let (stock, next) = bars(book, writer, first, search);
        let status = writer.status();
        let (durable, appended) = (status.durable.number(), status.appended.number());
        Ok(Self {
            stock,
            next: next.map(|next| next.to_string()),
            skus: Some(counted.skus),
            orders: Some(counted.orders),
            pace: pace::now(),
            expiring,
            ledger: Ledger {
                on_the_way: appended.saturating_sub(durable),
                lag: behind.as_secs_f64(),
                failed: status.dead.map(|error| error.to_string()),
            },
        })
    }
}

fn bars(book: &Book, writer: &Writer<Sku>, first: u32, search: &str) -> (Vec<Bar>, Option<u32>) {
    let search = search.to_lowercase();
    let mut bars = Vec::new();
    let end = first.saturating_add(LOOKS);
    for number in first..end {
        let id = SkuId::new(number);
        let Some(sku) = book.sku(id) else {
            return (bars, None);
        };
        if !search.is_empty() && !sku.to_lowercase().contains(&search) {
            continue;
        }
        if bars.len() == Overview::SKUS {
            return (bars, Some(number));
        }
        let sums = writer.stock(id);
        let units = |units: i64| u64::try_from(units).unwrap_or_default();
        bars.push(Bar {
            sku: sku.clone(),
            available: sums.available(),
            held: units(sums.held),
            paid: units(sums.paid),
            shipped: units(sums.shipped),
            owed: sums.owed(),
            safety: units(sums.safety),
            promised: 0,
        });
    }
    (bars, (end > first).then_some(end))
}
