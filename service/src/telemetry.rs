//! [`Telemetry`]: what the service counts of itself, as Prometheus reads it.

use crate::shop::Shop;
use axum::http::{Method, StatusCode};
use metrics::{SharedString, counter, gauge, histogram};
use metrics_exporter_prometheus::{BuildError, PrometheusBuilder, PrometheusHandle};
use std::fmt;
use std::time::Duration;

/// Upper bounds in seconds: most requests take well under a millisecond.
const BUCKETS: [f64; 9] = [0.000_1, 0.000_3, 0.001, 0.003, 0.01, 0.03, 0.1, 1.0, 10.0];

const ANSWERS: &str = "http_requests_total";
const SECONDS: &str = "http_request_seconds";
const ORDERS: &str = "orders_total";
const SNAPSHOTS: &str = "snapshots_total";

/// What happens to an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// Its units were set aside.
    Held,
    /// It was placed, paid for or cancelled once more.
    Repeated,
    /// It was refused.
    Refused,
    /// It was paid for.
    Sold,
    /// It was cancelled.
    Cancelled,
}

impl Event {
    const fn name(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Repeated => "repeated",
            Self::Refused => "refused",
            Self::Sold => "sold",
            Self::Cancelled => "cancelled",
        }
    }
}

/// Counts what happened to an order.
pub fn count(event: Event) {
    counter!(ORDERS, "event" => event.name()).increment(1);
}

/// Counts an answer, and the time that it took.
pub fn answered(method: &Method, path: &str, status: StatusCode, took: Duration) {
    let path = SharedString::from_owned(path.to_owned());
    // Methods are whatever a client makes up: only those of the routes get a row.
    let method = match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        _ => "other",
    };
    let status = SharedString::from_owned(status.as_str().to_owned());
    counter!(ANSWERS, "method" => method, "path" => path.clone(), "status" => status).increment(1);
    histogram!(SECONDS, "method" => method, "path" => path).record(took.as_secs_f64());
}

/// Counts a snapshot.
pub fn kept(well: bool) {
    let result = if well { "written" } else { "failed" };
    counter!(SNAPSHOTS, "result" => result).increment(1);
}

/// The metrics of the process.
#[derive(Clone)]
pub struct Telemetry {
    recorder: PrometheusHandle,
}

impl Telemetry {
    /// Begins to count; once in a process.
    ///
    /// # Errors
    ///
    /// If something else in the process counts already.
    pub fn install() -> Result<Self, BuildError> {
        let recorder = PrometheusBuilder::new()
            .set_buckets(&BUCKETS)?
            .install_recorder()?;
        metrics::describe_counter!(ANSWERS, "Requests that were answered.");
        metrics::describe_histogram!(SECONDS, "Seconds until the answer began.");
        metrics::describe_counter!(ORDERS, "What happened to orders.");
        metrics::describe_counter!(SNAPSHOTS, "Snapshots that were to be written.");
        metrics::describe_gauge!("orders_held", "Orders whose units are set aside.");
        metrics::describe_gauge!("orders_remembered", "Orders that a retry still finds.");
        metrics::describe_counter!(
            "orders_expired_total",
            "Orders that were not paid for in time."
        );
        metrics::describe_gauge!("skus", "SKUs.");
        Ok(Self { recorder })
    }

    /// All figures, those of the shop as they are now.
    #[must_use]
    pub fn render(&self, shop: &Shop) -> String {
        gauge!("orders_held").set(shop.held() as f64);
        gauge!("orders_remembered").set(shop.remembered() as f64);
        counter!("orders_expired_total").absolute(shop.expired());
        gauge!("skus").set(shop.skus() as f64);
        self.recorder.render()
    }

    /// Folds latencies into their buckets; on a timer, or they pile up until somebody asks.
    pub fn tidy(&self) {
        self.recorder.run_upkeep();
    }
}

impl fmt::Debug for Telemetry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Telemetry").finish_non_exhaustive()
    }
}
