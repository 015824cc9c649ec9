//! Lists of orders and of SKUs.

use crate::answers::{Orders, Stock, Stocks};
use crate::app::Shared;
use crate::book::{Book, Sku};
use crate::input::Query;
use crate::problem::Problem;
use axum::extract::State;
use segstock_orders::{Cursor, Filter, OrderState, Position, SkuId};
use serde::Deserialize;
use std::time::{Duration, SystemTime};
use utoipa::{IntoParams, ToSchema};

/// The most entries of a page.
const MOST: usize = 1_000;

/// Which orders a list shows: those that fit all that is given.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Wanted {
    /// Of which this is said.
    #[param(inline)]
    state: Option<Said>,
    /// Of this customer.
    customer: Option<String>,
    /// With a line of this SKU.
    sku: Option<Sku>,
    /// With at least this number.
    from: Option<u64>,
    /// With at most this number.
    to: Option<u64>,
    /// Placed at this time (RFC 3339) or later, by the machine's clock.
    #[param(format = DateTime)]
    since: Option<String>,
    /// Placed before this time (RFC 3339), by the machine's clock.
    #[param(format = DateTime)]
    before: Option<String>,
    /// At most this many orders: 1 to 1,000; 100, if it is left out.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// Where the page begins: `next` of the page before.
    cursor: Option<u64>,
}

/// What is said of an order.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Said {
    /// Held, and not paid for.
    Held,
    /// It waits for its units.
    Waiting,
    /// Paid for, to be shipped.
    Paid,
    /// Shipped.
    Shipped,
    /// Returned.
    Returned,
    /// Not paid for in time.
    Expired,
    /// Cancelled.
    Cancelled,
}

impl From<Said> for OrderState {
    fn from(state: Said) -> Self {
        match state {
            Said::Held => Self::Held,
            Said::Waiting => Self::Waiting,
            Said::Paid => Self::Paid,
            Said::Shipped => Self::Shipped,
            Said::Returned => Self::Returned,
            Said::Expired => Self::Expired,
            Said::Cancelled => Self::Cancelled,
        }
    }
}

/// List orders, page by page
///
/// In no promised sequence. A page may have fewer orders than `limit`, or none, though more follow.
#[utoipa::path(get, path = "/v1/orders", operation_id = "list_orders", tag = "shop", params(Wanted),
    responses((status = 200, body = Orders)))]
pub async fn orders(
    State(app): State<Shared>,
    Query(wanted): Query<Wanted>,
) -> Result<axum::Json<Orders>, Problem> {
    let limit = limit_of(wanted.limit)?;
    let mut filter = Filter::default();
    filter.state = wanted.state.map(Into::into);
    filter.customer = wanted.customer.map(Into::into);
    filter.sku = wanted.sku;
    filter.from = Position::new(wanted.from.unwrap_or_default());
    filter.to = wanted.to.map(Position::new);
    let of_book = |time: Option<String>| time.map(|time| on_clock_of(&app.book, &time)).transpose();
    filter.since = of_book(wanted.since)?.unwrap_or_default();
    filter.before = of_book(wanted.before)?;
    let cursor = Cursor::from_number(wanted.cursor.unwrap_or_default());
    let page = app.call(|book| book.list(&filter, cursor, limit)).await?;
    Ok(axum::Json(Orders {
        orders: page.orders.into_iter().map(Into::into).collect(),
        next: page.next.map(Cursor::to_number),
    }))
}

/// What a time by the machine's clock is by the book's. What was before the book began is its beginning.
fn on_clock_of(book: &Book, time: &str) -> Result<Duration, Problem> {
    let wrong = |_| Problem::invalid(format!("{time:?} is no time: write 2026-11-25T22:00:00Z"));
    let time = humantime::parse_rfc3339(time).map_err(wrong)?;
    let (now, of_book) = (SystemTime::now(), book.time());
    Ok(match now.duration_since(time) {
        Ok(ago) => of_book.saturating_sub(ago),
        Err(later) => of_book.saturating_add(later.duration()),
    })
}

pub(super) fn limit_of(limit: Option<usize>) -> Result<usize, Problem> {
    let limit = limit.unwrap_or(100);
    if (1..=MOST).contains(&limit) {
        Ok(limit)
    } else {
        Err(Problem::invalid(format!("a page has 1 to {MOST} entries")))
    }
}

/// A part of the list of SKUs.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Part {
    /// At most this many SKUs: 1 to 1,000; 100, if it is left out.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// Where the page begins: `next` of the page before.
    cursor: Option<u32>,
}

/// List the SKUs, page by page
///
/// In the sequence in which they were opened. Each SKU's figures are of one instant; those of two SKUs need not be.
#[utoipa::path(get, path = "/v1/stock", operation_id = "list_stock", tag = "shop", params(Part),
    responses((status = 200, body = Stocks)))]
pub async fn skus(
    State(app): State<Shared>,
    Query(part): Query<Part>,
) -> Result<axum::Json<Stocks>, Problem> {
    let limit = limit_of(part.limit)?;
    let first = SkuId::new(part.cursor.unwrap_or_default());
    let page = app.figures(|book| Ok(book.stocks(first, limit))).await?;
    let stocks = page.stocks.into_iter();
    Ok(axum::Json(Stocks {
        stock: stocks
            .map(|(sku, view)| Stock::new(sku, view, None))
            .collect(),
        next: page.next.map(SkuId::number),
    }))
}
