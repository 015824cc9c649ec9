//! Stock: looked at, counted, restocked.

use super::App;
use crate::doors::ShopError;
use crate::input::{Json, Named, check_sku};
use crate::problem::{Problem, kinds};
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
    Json(Units { units }): Json<Units>,
) -> Answered {
    check_sku(&sku)?;
    match app.shop.set_on_hand(sku.as_str().into(), units) {
        Ok(true) => answer(&app, sku, StatusCode::CREATED),
        Ok(false) => answer(&app, sku, StatusCode::OK),
        Err(error) => Err(refused(error)),
    }
}

/// `POST /stock/{sku}/restock`
pub(super) async fn restock(
    State(app): State<App>,
    Named(sku): Named,
    Json(Units { units }): Json<Units>,
) -> Answered {
    app.shop.restock(&sku, units).map_err(refused)?;
    answer(&app, sku, StatusCode::OK)
}

fn refused(error: ShopError<SkuError>) -> Problem {
    let error = match error {
        ShopError::Closed(closed) => return closed.into(),
        ShopError::Refused(error) => error,
    };
    let detail = error.to_string();
    match error {
        SkuError::UnknownSku => Problem::unknown_sku(),
        SkuError::OutOfStock(_) => Problem::new(kinds::OUT_OF_STOCK, detail),
        _ => Problem::invalid(detail),
    }
}
