//! Lists of orders and of SKUs.

use crate::answers::{Orders, Stocks};
use crate::app::Shared;
use crate::book::Sku;
use crate::calls;
use crate::input::Query;
use crate::problem::Problem;
use axum::extract::State;
use segstock_orders::OrderState;
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
    cursor: Option<String>,
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
    let filter = calls::Wanted {
        state: wanted.state.map(Into::into),
        customer: wanted.customer,
        sku: wanted.sku,
        from: wanted.from,
        to: wanted.to,
        since: wanted.since.as_deref().map(time_of).transpose()?,
        before: wanted.before.as_deref().map(time_of).transpose()?,
    };
    let page = app.shop.orders(filter, wanted.cursor, limit).await?;
    Ok(axum::Json(page))
}

/// A time; one before 1970 is the beginning of 1970, when no order was placed yet.
fn time_of(text: &str) -> Result<SystemTime, Problem> {
    let wrong = || Problem::invalid(format!("{text:?} is no time: write 2026-11-25T22:00:00Z"));
    let (year, rest) = text.split_at_checked(4).ok_or_else(wrong)?;
    let is_early = year.bytes().all(|digit| digit.is_ascii_digit()) && year < "1970";
    // A leap year, which has every day.
    let known = if is_early { "1972" } else { year };
    let (local, ahead) = zone_of(rest).ok_or_else(wrong)?;
    let time = humantime::parse_rfc3339(&format!("{known}{local}Z")).map_err(|_| wrong())?;
    let since_1970 = time
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let seconds = since_1970.as_secs().saturating_add_signed(-ahead);
    let time = Duration::new(seconds, since_1970.subsec_nanos());
    Ok(SystemTime::UNIX_EPOCH + if is_early { Duration::ZERO } else { time })
}

/// A time without its zone, and by how many seconds that is ahead of UTC.
fn zone_of(text: &str) -> Option<(&str, i64)> {
    if let Some(utc) = text.strip_suffix(['Z', 'z']) {
        return Some((utc, 0));
    }
    let (local, zone) = text.split_at_checked(text.len().checked_sub(6)?)?;
    let (hours, minutes) = zone.get(1..)?.split_once(':')?;
    let number = |text: &str, below: i64| -> Option<i64> {
        let is_number = text.len() == 2 && text.bytes().all(|digit| digit.is_ascii_digit());
        let number = text.parse().ok().filter(|_| is_number)?;
        (number < below).then_some(number)
    };
    let ahead = number(hours, 24)? * 3_600 + number(minutes, 60)? * 60;
    match zone.as_bytes()[0] {
        b'+' => Some((local, ahead)),
        b'-' => Some((local, -ahead)),
        _ => None,
    }
}

#[test]
fn times_are_read_in_any_zone_and_those_before_1970_are_its_beginning() {
    let read = |text| time_of(text).ok();
    let at = |seconds| Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
    assert_eq!(read("1970-01-02T00:00:00Z"), at(86_400));
    assert_eq!(read("1970-01-02T01:30:00+01:30"), at(86_400));
    assert_eq!(read("1970-01-01T16:00:00-08:00"), at(86_400));
    assert_eq!(read("1970-01-01T00:00:00+01:00"), at(0));
    for early in ["1945-06-01T14:13:44.973Z", "0000-02-29T00:00:00-08:05"] {
        assert_eq!(read(early), at(0), "{early}");
    }
    let wrong = [
        "",
        "1945",
        "1945-13-01T00:00:00Z",
        "+945-01-01T00:00:00Z",
        "äöüß",
        "äöüßäöüß",
    ];
    for wrong in wrong
        .into_iter()
        .chain(["1970-01-02T00:00:00+24:00", "1970-01-02T00:00:00*01:00"])
    {
        assert_eq!(read(wrong), None, "{wrong}");
    }
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
    cursor: Option<String>,
}

/// List the SKUs, page by page
///
/// In the sequence in which they were opened; with several nodes, by their names. Each SKU's figures are of one instant; those of
/// two SKUs need not be.
#[utoipa::path(get, path = "/v1/stock", operation_id = "list_stock", tag = "shop", params(Part),
    responses((status = 200, body = Stocks)))]
pub async fn skus(
    State(app): State<Shared>,
    Query(part): Query<Part>,
) -> Result<axum::Json<Stocks>, Problem> {
    let limit = limit_of(part.limit)?;
    Ok(axum::Json(app.shop.stocks(part.cursor, limit).await?))
}
