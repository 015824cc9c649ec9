//! [`Telemetry`]: what the service counts of itself, as Prometheus reads it.

use crate::book::{Book, Sku};
use crate::counted::Counted;
use crate::events;
use crate::kinds::{self, Kind};
use crate::lag::Lag;
use crate::pace;
use metrics::{Counter, counter, gauge};
use metrics_exporter_prometheus::{BuildError, PrometheusBuilder, PrometheusHandle};
use metrics_process::Collector;
use segstock_orders::ledger::{SkuSums, Writer};
use segstock_orders::{EventCounts, SkuView};
use segstock_postgres::nodes::NodeStatus;
use std::fmt;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

/// Upper bounds in seconds: most requests take well under a millisecond.
const BUCKETS: [f64; 9] = [0.000_1, 0.000_3, 0.001, 0.003, 0.01, 0.03, 0.1, 1.0, 10.0];

const CHANGES: &str = "segstock_changes_total";
const REPLAYED: &str = "segstock_replayed_total";
const REFUSED: &str = "segstock_refused_total";
const CONNECTIONS: &str = "segstock_connections";
const ACCEPT_ERRORS: &str = "segstock_accept_errors_total";
const LONG_HEADERS: &str = "segstock_connections_failed_total";
const DURABLE: &str = "segstock_ledger_durable";
const ON_THE_WAY: &str = "segstock_ledger_on_the_way";
const BATCHES: &str = "segstock_ledger_batches_total";
const FAILED: &str = "segstock_ledger_failed";
const AGE: &str = "segstock_ledger_age_seconds";
const LAG: &str = "segstock_ledger_lag_seconds";
const EVENTS: &str = "segstock_events_total";
const BACKUPS: &str = "segstock_backups_total";
const MAX_CONNECTIONS: &str = "segstock_connections_limit";
const NODE_BLOCKS: &str = "segstock_node_blocks";
const NODE_UNITS: &str = "segstock_node_units";
const NODE_CALLS: &str = "segstock_node_calls";
const NODE_LEASE: &str = "segstock_node_lease_seconds";
const LIST_BYTES: &str = "segstock_list_bytes";
const MAX_LIST_BYTES: &str = "segstock_list_bytes_limit";
const SKU_UNITS: &str = "segstock_sku_units";
const PREFIX: &str = "segstock_";

/// What a book knows, in the sequence of [`Counted::figures`]: its gauge, that of its limit, and what it is.
const OF_BOOK: [(&str, &str, &str); 8] = [
    (
        "segstock_orders",
        "segstock_orders_limit",
        "Orders that are known.",
    ),
    (
        "segstock_orders_returnable",
        "segstock_orders_returnable_limit",
        "Orders that are kept for returns alone.",
    ),
    (
        "segstock_order_lines",
        "segstock_order_lines_limit",
        "Lines of all known orders.",
    ),
    (
        "segstock_keys",
        "segstock_keys_limit",
        "Keys of requests that are known.",
    ),
    (
        "segstock_skus",
        "segstock_skus_limit",
        "SKUs that are open.",
    ),
    (
        "segstock_customers",
        "segstock_customers_limit",
        "Customers for whom units are counted, each as often as SKUs are.",
    ),
    (
        "segstock_sendings",
        "segstock_sendings_limit",
        "Sendings that are on their way.",
    ),
    (
        "segstock_events_kept",
        "segstock_events_kept_limit",
        "Events that are kept.",
    ),
];

/// The ends of a backup, by their names.
const BACKUP_ENDS: [&str; 2] = ["failed", "whole"];

/// The listeners, by their names.
pub const LISTENERS: [&str; 2] = ["customers", "shop"];

/// What a request does to orders or to stock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// Places an order.
    Place,
    /// Changes what an order is for.
    Amend,
    /// Holds an order for longer.
    Extend,
    /// Pays for an order.
    Pay,
    /// Cancels an order.
    Cancel,
    /// Ships an order.
    Ship,
    /// Takes units back from a customer.
    Return,
    /// Opens a SKU.
    Open,
    /// Adds units.
    Restock,
    /// Books a count.
    Count,
    /// Writes units off.
    WriteOff,
    /// Sets the limits of a SKU.
    Limit,
    /// Moves units to another SKU.
    Move,
    /// Sends units to another SKU.
    Send,
    /// Notes that units arrived.
    Arrive,
}

impl Deed {
    const ALL: [Self; 15] = [
        Self::Place,
        Self::Amend,
        Self::Extend,
        Self::Pay,
        Self::Cancel,
        Self::Ship,
        Self::Return,
        Self::Open,
        Self::Restock,
        Self::Count,
        Self::WriteOff,
        Self::Limit,
        Self::Move,
        Self::Send,
        Self::Arrive,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Place => "place",
            Self::Amend => "amend",
            Self::Extend => "extend",
            Self::Pay => "pay",
            Self::Cancel => "cancel",
            Self::Ship => "ship",
            Self::Return => "return",
            Self::Open => "open",
            Self::Restock => "restock",
            Self::Count => "count",
            Self::WriteOff => "write_off",
            Self::Limit => "limit",
            Self::Move => "move",
            Self::Send => "send",
            Self::Arrive => "arrive",
        }
    }
}

/// Counts a request that did something, or a retry of it.
pub fn done(deed: Deed, replayed: bool) {
    if deed == Deed::Place && !replayed {
        pace::placed();
    }
    OF_DEEDS[deed as usize][usize::from(replayed)].increment(1);
}

/// Counts a request that was refused.
pub fn refused(kind: &'static Kind) {
    pace::refused();
    counter!(REFUSED, "kind" => kind.name).increment(1);
}

/// Says how many events there were.
pub fn happened(counts: &EventCounts) {
    for (event, count) in events::counted(counts) {
        counter!(EVENTS, "event" => event).absolute(count);
    }
}

/// Counts a backup that was asked for: whether it became whole.
pub fn backed_up(is_whole: bool) {
    counter!(BACKUPS, "end" => BACKUP_ENDS[usize::from(is_whole)]).increment(1);
}

/// Says how the ledger lags.
pub fn lags(lag: Lag) {
    gauge!(LAG).set(lag.behind.as_secs_f64());
    gauge!(AGE).set(lag.age.as_secs_f64());
}

/// Gauges a node as it is now. Units of `lease` are its own for so long after the database answered its heartbeat.
pub fn gauge_node(status: &NodeStatus, lease: Duration) {
    let units: u64 = status.blocks.iter().map(|block| block.free).sum();
    gauge!(NODE_BLOCKS).set(status.blocks.len() as f64);
    gauge!(NODE_UNITS).set(units as f64);
    gauge!(NODE_CALLS).set(status.calls as f64);
    gauge!(NODE_LEASE).set(lease.saturating_sub(status.beat).as_secs_f64());
    gauge!(FAILED).set(f64::from(u8::from(status.over.is_some())));
}

/// Makes the series of a node.
pub fn begin_node() {
    metrics::describe_gauge!(NODE_BLOCKS, "Blocks of units that were lent to this node.");
    metrics::describe_gauge!(NODE_UNITS, "Units in its blocks that it can sell.");
    metrics::describe_gauge!(NODE_CALLS, "Calls of this node under way.");
    metrics::describe_gauge!(
        NODE_LEASE,
        "Seconds until other nodes may have its units, if the database hears no more of it."
    );
    for name in [NODE_BLOCKS, NODE_UNITS, NODE_CALLS, NODE_LEASE] {
        gauge!(name).set(0.0);
    }
}

/// Gauges the bytes of lists under way, and those that there is room for.
pub fn gauge_lists(bytes: usize, most: usize) {
    gauge!(LIST_BYTES).set(bytes as f64);
    gauge!(MAX_LIST_BYTES).set(most as f64);
}

/// Gauges the units of a chosen SKU of several nodes.
pub fn gauge_sku(sku: &Sku, view: SkuView) {
    for (state, units) in [
        ("available", view.available),
        ("on_hand", view.on_hand),
        ("owed", view.owed),
    ] {
        gauge!(SKU_UNITS, "sku" => sku.clone(), "state" => state).set(units as f64);
    }
}

/// Says how many connections a listener may have.
pub fn limit_connections(listener: &'static str, connections: usize) {
    gauge!(MAX_CONNECTIONS, "listener" => listener).set(connections as f64);
}

/// The series of each deed: changes, and retries. They are found once: by name they are found by hashes of all their labels.
static OF_DEEDS: LazyLock<[[Counter; 2]; Deed::ALL.len()]> = LazyLock::new(|| {
    Deed::ALL.map(|deed| [CHANGES, REPLAYED].map(|name| counter!(name, "deed" => deed.name())))
});

/// A connection that is open.
#[derive(Debug)]
#[must_use = "it counts as closed when this is dropped"]
pub struct Connected(&'static str);

impl Connected {
    /// Counts a connection of the listener with this name.
    pub fn to(listener: &'static str) -> Self {
        gauge!(CONNECTIONS, "listener" => listener).increment(1);
        Self(listener)
    }

    /// It ended because its client did not keep to HTTP, or sent its headers too slowly.
    pub fn failed(&self) {
        counter!(LONG_HEADERS, "listener" => self.0).increment(1);
    }
}

impl Drop for Connected {
    fn drop(&mut self) {
        gauge!(CONNECTIONS, "listener" => self.0).decrement(1);
    }
}

/// Counts a connection that the system could not open.
pub fn accept_failed(listener: &'static str) {
    counter!(ACCEPT_ERRORS, "listener" => listener).increment(1);
}

/// The metrics of the process.
#[derive(Clone)]
pub struct Telemetry {
    recorder: PrometheusHandle,
    /// Memory, files, CPU time.
    process: Collector,
    /// The SKUs that have figures of their own.
    skus: Arc<[Sku]>,
}

impl Telemetry {
    /// Begins to count; once in a process. All series are there from now on.
    ///
    /// # Errors
    ///
    /// If something else in the process counts already.
    pub fn install() -> Result<Self, BuildError> {
        let recorder = PrometheusBuilder::new()
            .set_buckets(&BUCKETS)?
            .install_recorder()?;
        metrics::describe_counter!(CHANGES, "Requests that changed orders or stock.");
        metrics::describe_counter!(REPLAYED, "Retries, which changed nothing again.");
        metrics::describe_counter!(
            REFUSED,
            "Requests that were refused, by the kind of problem."
        );
        metrics::describe_gauge!(CONNECTIONS, "Connections that are open.");
        metrics::describe_counter!(ACCEPT_ERRORS, "Connections that could not be opened.");
        metrics::describe_counter!(
            LONG_HEADERS,
            "Connections that broke off, did not keep to HTTP, or were too slow."
        );
        for (name, limit, about) in OF_BOOK {
            metrics::describe_gauge!(name, about);
            metrics::describe_gauge!(limit, format!("The most of {name}."));
        }
        metrics::describe_gauge!(DURABLE, "The number of the last durable change.");
        metrics::describe_gauge!(ON_THE_WAY, "Changes on their way to the ledger.");
        metrics::describe_counter!(BATCHES, "Batches that were written.");
        metrics::describe_gauge!(FAILED, "1 once nothing can be written any more.");
        metrics::describe_gauge!(
            AGE,
            "Seconds since a change became durable, or since the start."
        );
        metrics::describe_gauge!(
            LAG,
            "Seconds for which a change waits to be durable; 0 if none does."
        );
        metrics::describe_counter!(
            EVENTS,
            "What happened to orders and SKUs, once it was durable."
        );
        metrics::describe_counter!(
            BACKUPS,
            "Backups that were asked for, by whether they became whole."
        );
        metrics::describe_gauge!(MAX_CONNECTIONS, "Connections that may be open.");
        metrics::describe_gauge!(LIST_BYTES, "Bytes of lists of stock under way.");
        metrics::describe_gauge!(
            MAX_LIST_BYTES,
            "Bytes of lists of stock that there is room for."
        );
        metrics::describe_gauge!(SKU_UNITS, "Units of the chosen SKUs, by what is durable.");
        let process = Collector::new(PREFIX);
        process.describe();
        begin();
        Ok(Self {
            recorder,
            process,
            skus: Arc::default(),
        })
    }

    /// With figures of these SKUs.
    #[must_use]
    pub fn with_skus(self, skus: &[Sku]) -> Self {
        let skus = skus.into();
        Self { skus, ..self }
    }

    /// Gauges a book that knows what was `counted`, and its ledger.
    pub fn gauge(&self, counted: Counted, book: &Book, writer: &Writer<Sku>) {
        for ((name, _, _), number) in OF_BOOK.into_iter().zip(counted.figures()) {
            gauge!(name).set(number as f64);
        }
        let status = writer.status();
        let (durable, appended) = (status.durable.number(), status.appended.number());
        gauge!(DURABLE).set(durable as f64);
        gauge!(ON_THE_WAY).set(appended.saturating_sub(durable) as f64);
        counter!(BATCHES).absolute(status.batches);
        gauge!(FAILED).set(f64::from(u8::from(status.dead.is_some())));
        for sku in &*self.skus {
            if let Some(number) = book.number_of(sku) {
                show(sku, writer.stock(number));
            }
        }
    }

    /// The SKUs that have figures of their own.
    #[must_use]
    pub fn skus(&self) -> &[Sku] {
        &self.skus
    }

    /// All figures.
    #[must_use]
    pub fn render(&self) -> String {
        self.process.collect();
        self.recorder.render()
    }

    /// Says how much a book may know.
    pub fn limit(&self, most: Counted) {
        for ((_, limit, _), number) in OF_BOOK.into_iter().zip(most.figures()) {
            gauge!(limit).set(number as f64);
        }
    }

    /// Folds latencies into their buckets; on a timer, or they pile up until somebody asks.
    pub fn tidy(&self) {
        self.recorder.run_upkeep();
    }
}

fn show(sku: &Sku, sums: SkuSums) {
    for (state, units) in [
        ("available", sums.available() as f64),
        ("on_hand", sums.on_hand as f64),
        ("held", sums.held as f64),
        ("paid", sums.paid as f64),
        ("owed", sums.owed() as f64),
    ] {
        gauge!(SKU_UNITS, "sku" => sku.clone(), "state" => state).set(units);
    }
}

/// Makes all series, with nothing in them.
fn begin() {
    for event in events::NAMES {
        counter!(EVENTS, "event" => event).absolute(0);
    }
    OF_DEEDS
        .as_flattened()
        .iter()
        .for_each(|deed| deed.absolute(0));
    for kind in kinds::ALL {
        counter!(REFUSED, "kind" => kind.name).absolute(0);
    }
    for end in BACKUP_ENDS {
        counter!(BACKUPS, "end" => end).absolute(0);
    }
    for name in [DURABLE, ON_THE_WAY, FAILED, AGE, LAG] {
        gauge!(name).set(0.0);
    }
    counter!(BATCHES).absolute(0);
    for listener in LISTENERS {
        gauge!(CONNECTIONS, "listener" => listener).set(0.0);
        counter!(ACCEPT_ERRORS, "listener" => listener).absolute(0);
        counter!(LONG_HEADERS, "listener" => listener).absolute(0);
    }
}

impl fmt::Debug for Telemetry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Telemetry").finish_non_exhaustive()
    }
}
