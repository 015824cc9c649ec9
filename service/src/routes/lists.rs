//! Lists of orders and of SKUs.

use super::stock::stock_of;
use crate::answers::{Orders, Stocks};
use crate::app::{Shared, Sku};
use crate::input::Query;
use crate::problem::Problem;
use axum::extract::State;
use segstock_orders::{Cursor, Filter, OrderState, Position, Refusal, SkuId};
use serde::Deserialize;
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
    let cursor = Cursor::from_number(wanted.cursor.unwrap_or_default());
    let page = app.call(|book| book.list(&filter, cursor, limit)).await?;
    Ok(axum::Json(Orders {
        orders: page.orders.into_iter().map(Into::into).collect(),
        next: page.next.map(Cursor::to_number),
    }))
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
    let first = part.cursor.unwrap_or_default();
    let page = app.figures(|book| {
        let numbers = (first..u32::MAX).take(limit);
        let names = numbers.map_while(|number| book.sku(SkuId::new(number)).cloned());
        let stock = names.map(|sku| stock_of(book, sku, None));
        let stock: Vec<_> = stock.collect::<Result<_, Refusal<Sku>>>()?;
        let next = u32::try_from(stock.len())
            .ok()
            .and_then(|len| first.checked_add(len));
        let next = next.filter(|next| book.sku(SkuId::new(*next)).is_some());
        Ok(Stocks { stock, next })
    });
    page.await.map(axum::Json)
}
