//! Stock: looked at, counted, restocked.

use super::App;
use crate::doors::ShopError;
use crate::input::{IdempotencyKey, Json, Named, check_sku};
use crate::problem::{Problem, kinds};
use crate::shop::CountError;
use axum::extract::State;
use axum::http::StatusCode;
use segstock::inventory::{SkuError, SkuSnapshot};
use serde::{Deserialize, Serialize};

/// The body of what changes stock.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Units {
    units: u64,
}

/// The books of a SKU as they are answered.
#[derive(Debug, Serialize)]
pub(super) struct Answer {
    sku: String,
    on_hand: u64,
    #[serde(flatten)]
    books: SkuSnapshot,
}

type Answered = Result<(StatusCode, axum::Json<Answer>), Problem>;

fn answer(app: &App, sku: String, status: StatusCode) -> Answered {
    let books = app.shop.stock(&sku).ok_or_else(Problem::unknown_sku)?;
    let on_hand = books.on_hand();
    Ok((
        status,
        axum::Json(Answer {
            sku,
            on_hand,
            books,
        }),
    ))
}

/// `GET /stock/{sku}`
pub(super) async fn show(State(app): State<App>, Named(sku): Named) -> Answered {
    answer(&app, sku, StatusCode::OK)
}

/// `PUT /stock/{sku}`
pub(super) async fn set(
    State(app): State<App>,
    Named(sku): Named,
    key: Option<IdempotencyKey>,
    Json(Units { units }): Json<Units>,
) -> Answered {
    check_sku(&sku)?;
    let key = key.map(|IdempotencyKey(key)| key);
    match app.shop.set_on_hand(sku.as_str().into(), units, key) {
        Ok(true) => answer(&app, sku, StatusCode::CREATED),
        Ok(false) => answer(&app, sku, StatusCode::OK),
        Err(ShopError::Closed(closed)) => Err(closed.into()),
        Err(ShopError::Refused(CountError::Sku(error))) => Err(refused(error)),
        Err(ShopError::Refused(CountError::OtherUnits)) => Err(other_count()),
    }
}

fn other_count() -> Problem {
    let detail = "the Idempotency-Key belongs to a count of other units";
    Problem::new(kinds::OTHER_COUNT, detail)
}

/// `POST /stock/{sku}/restock`
pub(super) async fn restock(
    State(app): State<App>,
    Named(sku): Named,
    Json(Units { units }): Json<Units>,
) -> Answered {
    match app.shop.restock(&sku, units) {
        Ok(()) => answer(&app, sku, StatusCode::OK),
        Err(ShopError::Closed(closed)) => Err(closed.into()),
        Err(ShopError::Refused(error)) => Err(refused(error)),
    }
}

fn refused(error: SkuError) -> Problem {
    let detail = error.to_string();
    match error {
        SkuError::UnknownSku => Problem::unknown_sku(),
        SkuError::OutOfStock(_) => Problem::new(kinds::OUT_OF_STOCK, detail),
        _ => Problem::invalid(detail),
    }
}
