//! [`Problem`]: the one shape of all errors, problem details for HTTP (RFC 9457).

use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use segstock::inventory::{OrderRefused, ShortLine};
use serde::Serialize;
use std::error::Error;
use std::fmt;
use std::time::Duration;

/// Where each kind is explained, by its name.
const KINDS: &str = "https://github.com/segstock/segstock/blob/main/service/README.md#";

/// What went wrong with a request, for programs (`type`, and the numbers) and for people (`title`,
/// `detail`).
#[derive(Debug, Clone, Serialize)]
#[must_use = "a problem does nothing until it is answered"]
pub struct Problem {
    #[serde(rename = "type")]
    kind: String,
    title: &'static str,
    status: u16,
    detail: String,
    /// Every line that lacks units.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    short_lines: Vec<Short>,
    /// Every SKU of the order that is unknown.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unknown_skus: Vec<String>,
    #[serde(skip)]
    retry_after: Option<Duration>,
}

#[derive(Debug, Clone, Serialize)]
struct Short {
    sku: String,
    requested: u64,
    available: u64,
}

impl From<ShortLine<String>> for Short {
    fn from(line: ShortLine<String>) -> Self {
        Self {
            sku: line.sku,
            requested: line.requested,
            available: line.available,
        }
    }
}

impl Problem {
    /// A problem of a kind: its name in the documentation, and its title.
    pub fn new(
        status: StatusCode,
        name: &str,
        title: &'static str,
        detail: impl Into<String>,
    ) -> Self {
        Self {
            kind: format!("{KINDS}{name}"),
            title,
            status: status.as_u16(),
            detail: detail.into(),
            short_lines: Vec::new(),
            unknown_skus: Vec::new(),
            retry_after: None,
        }
    }

    /// 422: well-formed, and wrong.
    pub fn invalid(detail: impl Into<String>) -> Self {
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        Self::new(status, "invalid-request", "Invalid request", detail)
    }

    /// 404: there is no such order, or none that is remembered.
    pub fn unknown_order() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "unknown-order",
            "Unknown order",
            "there is no such order, or it is forgotten",
        )
    }

    /// 404: there is no such SKU.
    pub fn unknown_sku() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "unknown-sku",
            "Unknown SKU",
            "there is no such SKU",
        )
    }

    /// 409: another request for the same order is being worked on.
    pub fn in_progress() -> Self {
        let problem = Self::new(
            StatusCode::CONFLICT,
            "in-progress",
            "In progress",
            "another request for this order is being worked on: ask again",
        );
        Self {
            retry_after: Some(Duration::from_secs(1)),
            ..problem
        }
    }

    /// 410: the order's time is over.
    pub fn expired() -> Self {
        Self::new(
            StatusCode::GONE,
            "expired",
            "The order expired",
            "its units were not paid for in time, and are back in stock",
        )
    }

    /// 410: the order was cancelled.
    pub fn cancelled() -> Self {
        Self::new(
            StatusCode::GONE,
            "cancelled",
            "The order was cancelled",
            "its units are back in stock",
        )
    }

    /// 409: the order is paid for.
    pub fn sold() -> Self {
        Self::new(
            StatusCode::CONFLICT,
            "sold",
            "The order is sold",
            "an order that is paid for cannot be cancelled",
        )
    }

    /// The same problem, and the lines that lack units.
    pub fn short_of(mut self, lines: impl IntoIterator<Item = ShortLine<String>>) -> Self {
        self.short_lines = lines.into_iter().map(Short::from).collect();
        self
    }

    /// 409: too few units, with the lines that lack them.
    pub fn out_of_stock(detail: String, lines: Vec<ShortLine<String>>) -> Self {
        let status = StatusCode::CONFLICT;
        Self::new(status, "out-of-stock", "Out of stock", detail).short_of(lines)
    }
}

impl From<OrderRefused<String>> for Problem {
    fn from(refused: OrderRefused<String>) -> Self {
        let detail = refused.to_string();
        match refused {
            OrderRefused::OutOfStock(lines) => Self::out_of_stock(detail, lines),
            OrderRefused::UnknownSkus(skus) => {
                let status = StatusCode::UNPROCESSABLE_ENTITY;
                let problem = Self::new(status, "unknown-skus", "Unknown SKUs", detail);
                Self {
                    unknown_skus: skus,
                    ..problem
                }
            }
            _ => Self::invalid(detail),
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
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, axum::Json(&self)).into_response();
        let headers = response.headers_mut();
        let kind = HeaderValue::from_static("application/problem+json");
        headers.insert(CONTENT_TYPE, kind);
        if let Some(after) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(after.as_secs()));
        }
        response
    }
}
