//! [`Problem`]: the one shape of all errors, problem details for HTTP (RFC 9457).

use crate::book::Sku;
use crate::doors::Closed;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use segstock::inventory::{OrderRefused, ShortLine};
use serde::Serialize;
use std::error::Error;
use std::fmt;

/// Where each kind is explained, by its name.
const EXPLAINED: &str = "https://github.com/segstock/segstock/blob/main/service/README.md#";

/// A kind of problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// Its status.
    pub status: StatusCode,
    /// Its name in the documentation.
    pub name: &'static str,
    /// Its name for people.
    pub title: &'static str,
}

/// All kinds of problems.
pub mod kinds {
    use super::{Kind, StatusCode};

    macro_rules! kinds {
        ($($kind:ident: $status:ident $name:literal $title:literal;)*) => {
            $(#[doc = $title] pub const $kind: &Kind = &Kind {
                status: StatusCode::$status,
                name: $name,
                title: $title,
            };)*

            /// Each of them.
            pub const ALL: &[&Kind] = &[$($kind),*];
        };
    }

    kinds! {
        OUT_OF_STOCK: CONFLICT "out-of-stock" "Out of stock";
        UNKNOWN_SKUS: UNPROCESSABLE_ENTITY "unknown-skus" "Unknown SKUs";
        UNKNOWN_SKU: NOT_FOUND "unknown-sku" "Unknown SKU";
        UNKNOWN_ORDER: NOT_FOUND "unknown-order" "Unknown order";
        EXPIRED: GONE "expired" "The order expired";
        CANCELLED: GONE "cancelled" "The order was cancelled";
        SOLD: CONFLICT "sold" "The order is sold";
        OTHER_ORDER: UNPROCESSABLE_ENTITY "other-order" "Another order under the same key";
        OTHER_COUNT: UNPROCESSABLE_ENTITY "other-count" "Another count under the same key";
        IN_PROGRESS: CONFLICT "in-progress" "In progress";
        IDEMPOTENCY_KEY: BAD_REQUEST "idempotency-key" "No idempotency key";
        INVALID_REQUEST: UNPROCESSABLE_ENTITY "invalid-request" "Invalid request";
        MALFORMED: BAD_REQUEST "malformed" "Malformed request";
        NOT_JSON: UNSUPPORTED_MEDIA_TYPE "not-json" "Unsupported media type";
        TOO_LARGE: PAYLOAD_TOO_LARGE "too-large" "Body too large";
        TOO_SLOW: REQUEST_TIMEOUT "too-slow" "Request timed out";
        CLOSED: SERVICE_UNAVAILABLE "closed" "The service is stopping";
        UNKNOWN_ROUTE: NOT_FOUND "unknown-route" "Unknown route";
        WRONG_METHOD: METHOD_NOT_ALLOWED "wrong-method" "Wrong method";
    }
}

/// What went wrong with a request, for programs (`type`, and the numbers) and for people (`title`,
/// `detail`).
#[derive(Debug, Clone)]
#[must_use = "a problem does nothing until it is answered"]
pub struct Problem {
    kind: &'static Kind,
    detail: String,
    short_lines: Vec<ShortLine<Sku>>,
    unknown_skus: Vec<Sku>,
}

impl Problem {
    /// A problem of that kind.
    pub fn new(kind: &'static Kind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: detail.into(),
            short_lines: Vec::new(),
            unknown_skus: Vec::new(),
        }
    }

    /// Well-formed, and wrong.
    pub fn invalid(detail: impl Into<String>) -> Self {
        Self::new(kinds::INVALID_REQUEST, detail)
    }

    /// There is no such order, or none that is remembered.
    pub fn unknown_order() -> Self {
        let detail = "there is no such order, or it is forgotten";
        Self::new(kinds::UNKNOWN_ORDER, detail)
    }

    /// There is no such SKU.
    pub fn unknown_sku() -> Self {
        Self::new(kinds::UNKNOWN_SKU, "there is no such SKU")
    }

    /// Another request for the same order is being worked on.
    pub fn in_progress() -> Self {
        let detail = "another request for this order is being worked on: ask again";
        Self::new(kinds::IN_PROGRESS, detail)
    }

    /// The order's time is over.
    pub fn expired() -> Self {
        let detail = "its units were not paid for in time, and went back in stock";
        Self::new(kinds::EXPIRED, detail)
    }

    /// The order was cancelled.
    pub fn cancelled() -> Self {
        Self::new(kinds::CANCELLED, "its units are back in stock")
    }

    /// The order is paid for.
    pub fn sold() -> Self {
        let detail = "an order that is paid for cannot be cancelled";
        Self::new(kinds::SOLD, detail)
    }

    /// The same problem, and the lines that lack units.
    pub fn short_of(self, short_lines: &[ShortLine<Sku>]) -> Self {
        let short_lines = short_lines.to_vec();
        Self {
            short_lines,
            ..self
        }
    }
}

impl From<Closed> for Problem {
    fn from(closed: Closed) -> Self {
        Self::new(kinds::CLOSED, closed.to_string())
    }
}

impl From<OrderRefused<Sku>> for Problem {
    fn from(refused: OrderRefused<Sku>) -> Self {
        let detail = refused.to_string();
        match refused {
            OrderRefused::OutOfStock(lines) => {
                Self::new(kinds::OUT_OF_STOCK, detail).short_of(&lines)
            }
            OrderRefused::UnknownSkus(unknown_skus) => Self {
                unknown_skus,
                ..Self::new(kinds::UNKNOWN_SKUS, detail)
            },
            _ => Self::invalid(detail),
        }
    }
}

/// As it is answered.
#[derive(Serialize)]
struct Body<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    short_lines: Vec<Short<'a>>,
    #[serde(skip_serializing_if = "<[Sku]>::is_empty")]
    unknown_skus: &'a [Sku],
}

#[derive(Serialize)]
struct Short<'a> {
    sku: &'a str,
    requested: u64,
    available: u64,
}

impl<'a> From<&'a Problem> for Body<'a> {
    fn from(problem: &'a Problem) -> Self {
        let short = |line: &'a ShortLine<Sku>| Short {
            sku: &line.sku,
            requested: line.requested,
            available: line.available,
        };
        Self {
            r#type: format!("{EXPLAINED}{}", problem.kind.name),
            title: problem.kind.title,
            status: problem.kind.status.as_u16(),
            detail: &problem.detail,
            short_lines: problem.short_lines.iter().map(short).collect(),
            unknown_skus: &problem.unknown_skus,
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
        let body = axum::Json(Body::from(&self));
        let mut response = (self.kind.status, body).into_response();
        let headers = response.headers_mut();
        let json = HeaderValue::from_static("application/problem+json");
        headers.insert(CONTENT_TYPE, json);
        if self.kind == kinds::IN_PROGRESS || self.kind == kinds::CLOSED {
            // In seconds: no place takes one, and a service that stops is up again or another is.
            headers.insert(RETRY_AFTER, HeaderValue::from(1));
        }
        response
    }
}
