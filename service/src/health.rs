//! [`Health`]: how the service is, its ledger or its node.

use segstock_orders::ledger::WriterStatus;
use serde::Serialize;
use utoipa::ToSchema;

/// How the service is.
#[derive(Debug, Serialize, ToSchema)]
pub struct Health {
    /// `ok`.
    #[schema(value_type = String)]
    status: &'static str,
    /// SKUs that are open.
    skus: usize,
    /// Orders that are known.
    orders: usize,
    /// How the ledger is.
    ledger: LedgerHealth,
}

/// How the ledger is.
#[derive(Debug, Serialize, ToSchema)]
struct LedgerHealth {
    /// The number of the last durable change.
    durable: u64,
    /// Changes that are on their way.
    on_the_way: u64,
    /// Why nothing can be written any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    failed: Option<String>,
}

impl Health {
    /// Of an order book with so many SKUs and orders, and its ledger.
    #[must_use]
    pub fn of_book(skus: usize, orders: usize, ledger: &WriterStatus) -> Self {
        let (durable, appended) = (ledger.durable.number(), ledger.appended.number());
        let failed = ledger.dead.as_ref();
        Self {
            status: "ok",
            skus,
            orders,
            ledger: LedgerHealth {
                durable,
                on_the_way: appended.saturating_sub(durable),
                failed: failed.map(ToString::to_string),
            },
        }
    }
}
