//! What every design answers, call by call, when nothing goes wrong.

use super::store::{id, units};
use crate::answer::Answer;
use crate::stock::{HoldAnswer, RemoteHolds, RemoteStock, Resolved};
use crate::units::MAX_UNITS;
use std::time::Duration;
use tokio::time::sleep;

const HOUR: Duration = Duration::from_secs(3_600);

#[track_caller]
fn assert_refused(answer: &Answer) {
    assert!(matches!(answer, Answer::Refused(_)), "{answer:?}");
}

/// Retries take nothing, an outcome leaves a refusal, and numbers are exact. `open` opens a fresh stock with a number of units.
///
/// # Panics
///
/// If the design answers otherwise.
pub async fn of_stock<S: RemoteStock>(open: impl AsyncFn(u64) -> S) {
    retries(&open(5).await).await;
    outcomes(&open(5).await).await;
    numbers(&open(MAX_UNITS - 1).await).await;
    twice_at_once(&open(30).await).await;
}

async fn retries(stock: &impl RemoteStock) {
    for _ in 0..3 {
        assert_eq!(stock.deduct(&id("a"), units(2)).await, Answer::Done(()));
        assert_eq!(stock.restock(&id("b"), units(1)).await, Answer::Done(()));
    }
    assert_eq!(stock.available().await, Ok(4));
    assert_refused(&stock.deduct(&id("c"), units(5)).await);
    assert_eq!(stock.restock(&id("d"), units(1)).await, Answer::Done(()));
    // A first attempt's refusal is not remembered: nothing of it is under way.
    assert_eq!(stock.deduct(&id("c"), units(5)).await, Answer::Done(()));
    // An id belongs to one call.
    for answer in [
        stock.deduct(&id("a"), units(1)).await,
        stock.restock(&id("a"), units(2)).await,
    ] {
        assert!(matches!(answer, Answer::Unknown(_)), "{answer:?}");
    }
    assert_eq!(stock.available().await, Ok(0));
}

async fn outcomes(stock: &impl RemoteStock) {
    assert_eq!(stock.deduct(&id("a"), units(2)).await, Answer::Done(()));
    for _ in 0..2 {
        assert_eq!(stock.outcome(&id("a")).await, Answer::Done(()));
        assert_refused(&stock.outcome(&id("b")).await);
    }
    // A copy that arrives after that takes nothing.
    assert_refused(&stock.deduct(&id("b"), units(1)).await);
    assert_refused(&stock.restock(&id("b"), units(1)).await);
    assert_eq!(stock.available().await, Ok(3));
}

async fn numbers(stock: &impl RemoteStock) {
    assert_refused(&stock.restock(&id("a"), units(2)).await);
    assert_eq!(stock.restock(&id("b"), units(1)).await, Answer::Done(()));
    assert_eq!(stock.available().await, Ok(MAX_UNITS));
    assert_eq!(stock.deduct(&id("c"), units(1)).await, Answer::Done(()));
    assert_eq!(stock.available().await, Ok(MAX_UNITS - 1));
    assert_refused(&stock.deduct(&id("d"), units(MAX_UNITS)).await);
    let rest = units(MAX_UNITS - 1);
    assert_eq!(stock.deduct(&id("e"), rest).await, Answer::Done(()));
    assert_eq!(stock.available().await, Ok(0));
}

/// Two calls of each id, at once: they take its units once. One of them may be refused where the other is served, and the outcome
/// tells which it was.
async fn twice_at_once(stock: &impl RemoteStock) {
    let mut sold = 0;
    for order in 0..20 {
        let order = id(&format!("twice:{order}"));
        let (one, other) = tokio::join!(
            stock.deduct(&order, units(2)),
            stock.deduct(&order, units(2))
        );
        assert!(one.is_known() && other.is_known(), "{one:?}, {other:?}");
        let is_sold = [&one, &other].contains(&&Answer::Done(()));
        assert_eq!(stock.outcome(&order).await == Answer::Done(()), is_sold);
        sold += 2 * u64::from(is_sold);
    }
    assert_eq!((sold, stock.available().await), (30, Ok(0)));
}

/// A stock that is sold out refuses, and yet serves what is known and what comes back: `stock` and `other` are one stock of
/// one unit, opened twice.
///
/// # Panics
///
/// If the design answers otherwise.
pub async fn of_sold_out<S: RemoteStock>(stock: &S, other: &S) {
    assert_eq!(stock.deduct(&id("a"), units(1)).await, Answer::Done(()));
    for order in ["b", "c", "d"] {
        assert_refused(&stock.deduct(&id(order), units(1)).await);
        assert_refused(&other.deduct(&id(order), units(1)).await);
    }
    // A retry, by whatever process, is answered as the first attempt was.
    for stock in [stock, other] {
        assert_eq!(stock.deduct(&id("a"), units(1)).await, Answer::Done(()));
        let conflict = stock.deduct(&id("a"), units(2)).await;
        assert!(matches!(conflict, Answer::Unknown(_)), "{conflict:?}");
    }
    // What another process adds is sold.
    assert_eq!(other.restock(&id("r"), units(2)).await, Answer::Done(()));
    assert_eq!(stock.deduct(&id("b"), units(1)).await, Answer::Done(()));
    assert_eq!(other.deduct(&id("c"), units(1)).await, Answer::Done(()));
    assert_refused(&stock.deduct(&id("d"), units(1)).await);
    assert_eq!(stock.available().await, Ok(0));
}

/// The unit of a hold that expires is sold, though the stock refused because of it: `stock` and `other` are one stock of one
/// unit, opened twice.
///
/// # Panics
///
/// If the design answers otherwise.
pub async fn of_sold_out_by_holds<S: RemoteHolds>(stock: &S, other: &S) {
    let soon = Duration::from_millis(1_500);
    assert_eq!(stock.deduct(&id("a"), units(1)).await, Answer::Done(()));
    assert_refused(&stock.deduct(&id("b"), units(1)).await);
    assert_eq!(other.restock(&id("r"), units(1)).await, Answer::Done(()));
    let held = other.reserve(&id("h"), units(1), soon).await;
    assert_eq!(held, HoldAnswer::Done);
    assert_refused(&stock.deduct(&id("c"), units(1)).await);
    let refused = stock.reserve(&id("e"), units(1), HOUR).await;
    assert_eq!(refused, HoldAnswer::Refused);
    sleep(2 * soon).await;
    assert_eq!(stock.deduct(&id("c"), units(1)).await, Answer::Done(()));
}

/// Holds end once, and expired ones are sold to others. `open` opens a fresh stock with a number of units.
///
/// # Panics
///
/// If the design answers otherwise.
pub async fn of_holds<S: RemoteHolds>(open: impl AsyncFn(u64) -> S) {
    holds(&open(5).await).await;
    expiry(&open(3).await).await;
    numbers_held(&open(3).await).await;
}

async fn holds(stock: &impl RemoteHolds) {
    use HoldAnswer::{Conflict, Done, NoHold, Refused};
    for _ in 0..2 {
        assert_eq!(stock.reserve(&id("a"), units(2), HOUR).await, Done);
        assert_eq!(stock.reserve(&id("b"), units(2), HOUR).await, Done);
    }
    assert_eq!(stock.available().await, Ok(1));
    assert_eq!(stock.reserve(&id("a"), units(1), HOUR).await, Conflict);
    assert_eq!(stock.reserve(&id("c"), units(2), HOUR).await, Refused);
    assert_eq!(stock.confirm(&id("d")).await, NoHold);
    assert_eq!(stock.extend(&id("a"), HOUR).await, Done);
    for _ in 0..2 {
        assert_eq!(stock.confirm(&id("a")).await, Done);
        assert_eq!(stock.release(&id("b")).await, Done);
    }
    assert_eq!(stock.available().await, Ok(3));
    let confirmed = HoldAnswer::Resolved(Resolved::Confirmed);
    let released = HoldAnswer::Resolved(Resolved::Released);
    assert_eq!(stock.release(&id("a")).await, confirmed);
    assert_eq!(stock.confirm(&id("b")).await, released);
    assert_eq!(stock.extend(&id("b"), HOUR).await, released);
    assert_eq!(stock.reserve(&id("b"), units(2), HOUR).await, released);
    assert_eq!(stock.available().await, Ok(3));
    assert_refused(&stock.outcome(&id("e")).await);
    assert_eq!(stock.reserve(&id("e"), units(1), HOUR).await, Refused);
}

async fn expiry(stock: &impl RemoteHolds) {
    let soon = Duration::from_millis(1_000);
    for order in ["a", "b", "c"] {
        let held = stock.reserve(&id(order), units(1), soon).await;
        assert_eq!(held, HoldAnswer::Done);
    }
    assert_eq!(stock.extend(&id("c"), HOUR).await, HoldAnswer::Done);
    sleep(2 * soon).await;
    let expired = HoldAnswer::Resolved(Resolved::Expired);
    assert_eq!(stock.confirm(&id("a")).await, expired);
    assert_eq!(stock.reserve(&id("a"), units(1), HOUR).await, expired);
    // The units of `a` and `b` are sold to another, and `c` is held longer.
    assert_eq!(stock.deduct(&id("d"), units(2)).await, Answer::Done(()));
    assert_refused(&stock.deduct(&id("e"), units(1)).await);
    assert_eq!(stock.release(&id("b")).await, expired);
    assert_eq!(stock.confirm(&id("c")).await, HoldAnswer::Done);
    assert_eq!(stock.available().await, Ok(0));
}

/// What is held counts: it may come back.
async fn numbers_held(stock: &impl RemoteHolds) {
    let held = stock.reserve(&id("a"), units(2), HOUR).await;
    assert_eq!(held, HoldAnswer::Done);
    assert_refused(&stock.restock(&id("b"), units(MAX_UNITS - 2)).await);
    let rest = units(MAX_UNITS - 3);
    assert_eq!(stock.restock(&id("c"), rest).await, Answer::Done(()));
    assert_eq!(stock.release(&id("a")).await, HoldAnswer::Done);
    assert_eq!(stock.available().await, Ok(MAX_UNITS));
}
