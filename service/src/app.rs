//! [`App`]: what every handler can reach.

use crate::book::Limits;
use crate::input::MostBytes;
use crate::list_room::ListRoom;
use crate::shop::Shop;
use crate::telemetry::Telemetry;
use axum::extract::FromRef;
use axum::http::HeaderName;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::Mutex;

/// An [`App`] as handlers have it: each request passes it on several times.
pub type Shared = Arc<App>;

/// What every handler can reach.
#[derive(Debug, Clone)]
pub struct App {
    /// The orders and the stock.
    pub shop: Shop,
    /// What requests may ask for.
    pub limits: Arc<Limits>,
    /// The description of the interface, as JSON.
    pub description: Arc<str>,
    /// The description of the interface as a page, for people.
    pub page: &'static str,
    /// The metrics.
    pub telemetry: Telemetry,
    /// What the shop's listener asks for, if anything: `Authorization: Bearer` and this.
    pub token: Option<Arc<str>>,
    /// Whether it is the shop's listener.
    pub is_shop: bool,
    /// The header in which the shop's proxy names the customer, if it does. The shop's listener reads none.
    pub customer_header: Option<HeaderName>,
    /// Whether the service is stopping.
    pub stopping: Arc<AtomicBool>,
    /// Whether orders are answered without any work, to measure what the work costs.
    pub idle: bool,
    /// Room for lists, each from before it is read until it is answered.
    pub list_room: Arc<ListRoom>,
    /// Lists are read and checked one at a time: each may keep a core for a second.
    pub reading: Arc<Mutex<()>>,
}

impl FromRef<Shared> for MostBytes {
    fn from_ref(app: &Shared) -> Self {
        Self(app.limits.body)
    }
}

impl App {
    /// An app over `shop`; without a description.
    #[must_use]
    pub fn new(shop: Shop, limits: Limits, telemetry: Telemetry) -> Self {
        Self {
            shop,
            description: Arc::default(),
            page: "",
            list_room: Arc::new(ListRoom::of(limits.list)),
            limits: Arc::new(limits),
            telemetry,
            token: None,
            is_shop: false,
            customer_header: None,
            stopping: Arc::default(),
            idle: false,
            reading: Arc::default(),
        }
    }

    /// Whether the service wants more requests.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        !self.stopping.load(Ordering::Relaxed)
    }
}
