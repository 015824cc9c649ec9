//! Lists of orders.

use crate::answers::Orders;
use crate::app::{App, Sku};
use crate::input::Query;
use crate::problem::Problem;
use axum::extract::State;
use segstock_orders::{Cursor, Filter, OrderState, Position};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

/// The most orders of a page.
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
#[utoipa::path(get, path = "/v1/orders", tag = "shop", params(Wanted),
    responses((status = 200, body = Orders)))]
pub async fn orders(
    State(app): State<App>,
    Query(wanted): Query<Wanted>,
) -> Result<axum::Json<Orders>, Problem> {
    let limit = wanted.limit.unwrap_or(100);
    if !(1..=MOST).contains(&limit) {
        return Err(Problem::invalid(format!("a page has 1 to {MOST} orders")));
    }
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
