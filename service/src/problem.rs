//! [`Problem`]: the one shape of all errors, problem details for HTTP (RFC 9457).

use crate::book::Sku;
use crate::kinds::{self, Kind};
use crate::telemetry;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use segstock::inventory::ShortLine;
use segstock_orders::{Limit, OrderState, Refusal};
use serde::Serialize;
use std::error::Error;
use std::fmt;
use utoipa::ToSchema;

/// Where each kind is explained, by its name.
const EXPLAINED: &str = "https://github.com/segstock/segstock/blob/main/service/README.md#";

/// What went wrong with a request, for programs (`type`, and the numbers) and for people (`title`, `detail`).
#[derive(Debug, Clone)]
#[must_use = "a problem does nothing until it is answered"]
pub struct Problem {
    kind: &'static Kind,
    detail: String,
    state: Option<OrderState>,
    short_lines: Vec<ShortLine<Sku>>,
    skus: Vec<Sku>,
}

impl Problem {
    /// A problem of that kind.
    pub fn new(kind: &'static Kind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: detail.into(),
            state: None,
            short_lines: Vec::new(),
            skus: Vec::new(),
        }
    }

    /// Well-formed, and wrong.
    pub fn invalid(detail: impl Into<String>) -> Self {
        Self::new(kinds::INVALID_REQUEST, detail)
    }

    /// There is no such SKU.
    pub fn unknown_sku() -> Self {
        Self::new(kinds::UNKNOWN_SKU, "there is no such SKU")
    }

    /// No such SKUs are open. In quotes: some may be empty, or blanks.
    pub fn unknown_skus(skus: Vec<Sku>) -> Self {
        let quoted: Vec<String> = skus.iter().map(|sku| format!("{sku:?}")).collect();
        let detail = format!("unknown SKUs: {}", quoted.join(", "));
        Self::new(kinds::UNKNOWN_SKUS, detail).with_skus(skus)
    }

    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> &'static Kind {
        self.kind
    }

    /// With the state of its order.
    pub const fn with_state(mut self, state: OrderState) -> Self {
        self.state = Some(state);
        self
    }

    /// With lines that lack units.
    pub fn with_short_lines(mut self, lines: Vec<ShortLine<Sku>>) -> Self {
        self.short_lines = lines;
        self
    }

    /// With SKUs that it is about.
    pub fn with_skus(mut self, skus: Vec<Sku>) -> Self {
        self.skus = skus;
        self
    }

    /// With the place at which it was met.
    pub fn at(mut self, place: &str) -> Self {
        self.detail = format!("{place}: {}", self.detail);
        self
    }

    /// This problem, of the body of a call on lines of an order.
    pub fn of_part(mut self) -> Self {
        if self.detail.starts_with("missing field `lines`") {
            self.detail
                .push_str("; without a body it is the whole order");
        }
        self
    }

    /// This problem, of a call on the whole order, which has no key.
    pub fn of_whole(mut self) -> Self {
        if self.kind == kinds::OTHER_REQUEST {
            "such a call was made on the whole order before: name units that are left for it by lines, under a key; or all of it came \
             back before, and not in this way"
                .clone_into(&mut self.detail);
        }
        self
    }

    /// This problem, of a request whose path names the SKU.
    pub fn of_sku(self, sku: &str) -> Self {
        if self.kind == kinds::UNKNOWN_SKUS && self.skus.iter().any(|it| it == sku) {
            return Self::unknown_sku();
        }
        self
    }
}

impl Problem {
    /// A limit is reached. Its setting is named, if it has one.
    fn of_limit(limit: &Limit) -> Self {
        let kind = match limit {
            Limit::Lines(_) | Limit::Units(_) => kinds::INVALID_REQUEST,
            _ => kinds::FULL,
        };
        let setting = match limit {
            Limit::Orders(_) => ", by --max-orders",
            Limit::Skus(_) => ", by --max-skus",
            Limit::Customers(_) => ", by --max-customers",
            Limit::Lines(_) => ", by --max-lines",
            Limit::Units(_) => ", by --max-units",
            Limit::AllLines(_) => ", by --max-all-lines",
            Limit::AllRequests(_) => ", by --max-keys",
            _ => "",
        };
        Self::new(kind, format!("{limit}{setting}"))
    }
}

impl From<Refusal<Sku>> for Problem {
    fn from(refusal: Refusal<Sku>) -> Self {
        let detail = refusal.to_string();
        let kind = match &refusal {
            Refusal::UnknownOrder => {
                let detail = "there is no such order, or it is forgotten";
                return Self::new(kinds::UNKNOWN_ORDER, detail);
            }
            Refusal::UnknownSkus(skus) => return Self::unknown_skus(skus.clone()),
            Refusal::Ttl { longest } => {
                let minutes = longest.as_secs() / 60;
                let detail = format!("hold_minutes: at most {minutes} minutes, by --longest-hold");
                return Self::invalid(detail);
            }
            Refusal::Short(_) => kinds::OUT_OF_STOCK,
            Refusal::PerCustomer(_) => kinds::PER_CUSTOMER,
            Refusal::Unpaid(_) => kinds::UNPAID,
            Refusal::QueueFull(_) => kinds::QUEUE_FULL,
            Refusal::CustomerNeeded(_) => kinds::CUSTOMER_NEEDED,
            Refusal::NotOnHand(_) => kinds::NOT_ON_HAND,
            Refusal::NotInOrder(_) => kinds::NOT_IN_ORDER,
            Refusal::Closed(_) => kinds::CLOSED_SKUS,
            Refusal::UnknownSending => kinds::UNKNOWN_SENDING,
            Refusal::NotOnTheWay { .. } => kinds::NOT_ON_THE_WAY,
            Refusal::State(_) => kinds::WRONG_STATE,
            Refusal::Conflict => kinds::OTHER_REQUEST,
            Refusal::Limit(limit) => return Self::of_limit(limit),
            Refusal::Busy => kinds::BUSY,
            Refusal::Unavailable => kinds::UNAVAILABLE,
            Refusal::Unknown => kinds::OUTCOME_UNKNOWN,
            _ => kinds::INVALID_REQUEST,
        };
        let mut problem = Self::new(kind, detail);
        match refusal {
            Refusal::State(state) => problem.state = Some(state),
            Refusal::Closed(skus) | Refusal::CustomerNeeded(skus) => problem.skus = skus,
            refusal => problem.short_lines = refusal.short_lines().to_vec(),
        }
        problem
    }
}

/// Problem details (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct Body {
    /// Where the kind of problem is explained.
    r#type: String,
    /// The kind of problem, for people.
    #[schema(value_type = String)]
    title: &'static str,
    /// The status of the answer.
    status: u16,
    /// This problem, for people.
    detail: String,
    /// Of `wrong-state`: the state of the order.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    state: Option<String>,
    /// Lines that lack units, each SKU's lines summed: all of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    short_lines: Vec<Short>,
    /// SKUs that are unknown, closed, or need a customer: all of them. With several nodes, the one that is in the way.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    skus: Vec<Sku>,
}

/// A line that lacks units.
#[derive(Debug, Serialize, ToSchema)]
struct Short {
    sku: Sku,
    /// Units that are asked for.
    requested: u64,
    /// Units that are available.
    available: u64,
}

impl From<Problem> for Body {
    fn from(problem: Problem) -> Self {
        let short = |line: ShortLine<Sku>| Short {
            sku: line.sku,
            requested: line.requested,
            available: line.available,
        };
        Self {
            r#type: format!("{EXPLAINED}{}", problem.kind.name),
            title: problem.kind.title,
            status: problem.kind.status.as_u16(),
            detail: problem.detail,
            state: problem.state.map(|state| state.to_string()),
            short_lines: problem.short_lines.into_iter().map(short).collect(),
            skus: problem.skus,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl Error for Problem {}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let kind = self.kind;
        telemetry::refused(kind);
        let mut response = (kind.status, axum::Json(Body::from(self))).into_response();
        let headers = response.headers_mut();
        let json = HeaderValue::from_static("application/problem+json");
        headers.insert(CONTENT_TYPE, json);
        if kind.status == StatusCode::SERVICE_UNAVAILABLE {
            // In seconds.
            headers.insert(RETRY_AFTER, HeaderValue::from(1));
        }
        if kind == kinds::NO_TOKEN {
            let bearer = HeaderValue::from_static("Bearer");
            headers.insert(axum::http::header::WWW_AUTHENTICATE, bearer);
        }
        response
    }
}
