//! [`Health`]: how the service is, its ledger or its node.

use crate::counted::Counted;
use segstock_orders::ledger::WriterStatus;
use segstock_postgres::nodes::NodeStatus;
use serde::Serialize;
use utoipa::ToSchema;

/// How the service is. The shop, which has the token, sees figures; customers, and probes without the token, `status` alone.
#[derive(Debug, Serialize, ToSchema)]
pub struct Health {
    /// `ok`.
    #[schema(value_type = String)]
    status: &'static str,
    /// SKUs that are open, for the shop alone. Several nodes do not count them.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    skus: Option<usize>,
    /// Orders that are known, for the shop alone. Several nodes do not count them.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    orders: Option<usize>,
    /// How the ledger is, if one process sells; for the shop alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    ledger: Option<LedgerHealth>,
    /// How this node is, if several sell; for the shop alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    node: Option<NodeHealth>,
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
    /// Of an order book that knows what was counted, and its ledger.
    #[must_use]
    pub fn of_book(counted: Counted, ledger: &WriterStatus) -> Self {
        let (durable, appended) = (ledger.durable.number(), ledger.appended.number());
        let failed = ledger.dead.as_ref();
        Self {
            status: "ok",
            skus: Some(counted.skus),
            orders: Some(counted.orders),
            node: None,
            ledger: Some(LedgerHealth {
                durable,
                on_the_way: appended.saturating_sub(durable),
                failed: failed.map(ToString::to_string),
            }),
        }
    }

    /// What customers and probes hear: that it lives. How much it sells is the shop's.
    #[must_use]
    pub const fn brief() -> Self {
        Self {
            status: "ok",
            skus: None,
            orders: None,
            ledger: None,
            node: None,
        }
    }

    /// Of a node.
    #[must_use]
    pub const fn of_node(node: NodeHealth) -> Self {
        Self {
            status: "ok",
            skus: None,
            orders: None,
            ledger: None,
            node: Some(node),
        }
    }
}

/// How a node is.
#[derive(Debug, Serialize, ToSchema)]
pub struct NodeHealth {
    /// Its name.
    name: String,
    /// How often a node of this name has joined.
    session: u64,
    /// Its blocks: units that were lent to it.
    blocks: usize,
    /// Units in its blocks that it can sell.
    units: u64,
    /// Calls under way.
    calls: usize,
    /// Seconds since the database answered its heartbeat.
    heartbeat: f64,
    /// Why it serves no calls any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    over: Option<String>,
}

impl NodeHealth {
    /// How the node of this name is.
    #[must_use]
    pub fn new(name: &str, status: &NodeStatus) -> Self {
        Self {
            name: name.to_owned(),
            session: status.session,
            blocks: status.blocks.len(),
            units: status.blocks.iter().map(|block| block.free).sum(),
            calls: status.calls,
            heartbeat: status.beat.as_secs_f64(),
            over: status.over.clone(),
        }
    }
}
