//! What is refused, as it is answered: by a node, by a sale, and for a waiting list that is not there.

use crate::book::Sku;
use crate::kinds;
use crate::problem::Problem;
use segstock::inventory::ShortLine;
use segstock_orders::OrderState;
use segstock_postgres::nodes::{InvalidOrder, Refusal, SaleError};

pub(super) fn refused(refusal: Refusal) -> Problem {
    let detail = refusal.to_string();
    let of = |kind| Problem::new(kind, detail.clone());
    match refusal {
        Refusal::SoldOut { sku } => of(kinds::OUT_OF_STOCK).with_skus(vec![sku]),
        Refusal::Short(lines) => of(kinds::OUT_OF_STOCK).with_short_lines(lines),
        Refusal::Closed { sku } => of(kinds::CLOSED_SKUS).with_skus(vec![sku]),
        Refusal::PerCustomer { sku } => of(kinds::PER_CUSTOMER).with_skus(vec![sku]),
        Refusal::Unpaid { sku } => of(kinds::UNPAID).with_skus(vec![sku]),
        Refusal::QueueFull { sku } => of(kinds::QUEUE_FULL).with_skus(vec![sku]),
        Refusal::CustomerNeeded { sku } => of(kinds::CUSTOMER_NEEDED).with_skus(vec![sku]),
        Refusal::NotOnHand(lines) => of(kinds::NOT_ON_HAND).with_short_lines(lines),
        Refusal::NotInOrder(lines) => of(kinds::NOT_IN_ORDER).with_short_lines(lines),
        Refusal::Is(order) => of(kinds::WRONG_STATE).with_state(order.state),
        Refusal::CancelledBefore => of(kinds::WRONG_STATE).with_state(OrderState::Cancelled),
        Refusal::NoOrder => Problem::new(
            kinds::UNKNOWN_ORDER,
            "there is no such order, or it is forgotten",
        ),
        Refusal::NoSku { sku } => Problem::unknown_skus(vec![sku]),
        Refusal::Conflict => of(kinds::OTHER_REQUEST),
        Refusal::UnknownSending => of(kinds::UNKNOWN_SENDING),
        Refusal::NotOnTheWay { .. } => of(kinds::NOT_ON_THE_WAY),
        Refusal::TooManyKeys => of(kinds::FULL),
        Refusal::TryAgain => of(kinds::TRY_AGAIN),
        Refusal::Busy => of(kinds::BUSY),
        Refusal::Over => of(kinds::UNAVAILABLE),
        Refusal::Invalid(InvalidOrder::Hold) => {
            Problem::invalid("hold_minutes: longer than --longest-hold")
        }
        _ => of(kinds::INVALID_REQUEST),
    }
}

/// What a call on the whole sale failed for.
pub(super) fn of_sale(error: &SaleError) -> Problem {
    let kind = match error {
        SaleError::Sku(_) => kinds::INVALID_REQUEST,
        SaleError::Unknown(_) => kinds::TRY_AGAIN,
        _ => kinds::UNAVAILABLE,
    };
    Problem::new(kind, error.to_string())
}

/// Refuses an order that would wait for SKUs without a waiting list.
pub(super) fn no_waiting_list(without: Vec<ShortLine<Sku>>) -> Result<(), Problem> {
    if without.is_empty() {
        return Ok(());
    }
    let detail = segstock_orders::Refusal::QueueFull(without.clone()).to_string();
    Err(Problem::new(kinds::QUEUE_FULL, detail).with_short_lines(without))
}
