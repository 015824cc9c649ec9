//! [`Judged`]: a design as a subject of the suite.

use crate::{Answer, OrderId, RemoteStock, Units};
use segstock_conformance::{Answer as Judgement, Subject};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::runtime::Handle;

/// A [`RemoteStock`] as a [`Subject`]: each call blocks its thread until the answer is known, or unknown.
///
/// Each call gets an order's id of its own, which begins with the prefix that you give: two counters on one server must
/// not share ids.
///
/// Call it from threads that are not the runtime's, as the suite does.
pub struct Judged<S> {
    stock: S,
    runtime: Handle,
    prefix: String,
    orders: AtomicU64,
}

impl<S> Judged<S> {
    /// Judges `stock`, whose calls run on `runtime`.
    pub fn new(stock: S, runtime: Handle, prefix: impl Into<String>) -> Self {
        Self {
            stock,
            runtime,
            prefix: prefix.into(),
            orders: AtomicU64::new(0),
        }
    }

    /// The stock.
    pub const fn stock(&self) -> &S {
        &self.stock
    }

    fn next(&self) -> OrderId {
        let number = self.orders.fetch_add(1, Ordering::Relaxed);
        OrderId::new(format!("{}{number}", self.prefix))
            .expect("the prefix is short and of the alphabet")
    }
}

impl<S: fmt::Debug> fmt::Debug for Judged<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Judged")
            .field("stock", &self.stock)
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

impl<S: RemoteStock> Subject for Judged<S> {
    fn deduct(&self, units: u64) -> Judgement {
        match Units::new(units) {
            Ok(units) => short(
                self.runtime
                    .block_on(self.stock.deduct(&self.next(), units)),
            ),
            // Of nothing there is always enough, and of more than there can be there never is.
            Err(invalid) => (invalid.units == 0).into(),
        }
    }

    fn restock(&self, units: u64) -> Judgement {
        match Units::new(units) {
            Ok(units) => match self
                .runtime
                .block_on(self.stock.restock(&self.next(), units))
            {
                Answer::Refused(_) => Judgement::OVERFLOW,
                answer => short(answer),
            },
            Err(invalid) if invalid.units == 0 => Judgement::Done(()),
            Err(_) => Judgement::OVERFLOW,
        }
    }

    fn available(&self) -> Judgement<u64> {
        match self.runtime.block_on(self.stock.available()) {
            Ok(units) => Judgement::Done(units),
            Err(_) => Judgement::Unknown,
        }
    }
}

fn short(answer: Answer) -> Judgement {
    match answer {
        Answer::Done(()) => Judgement::Done(()),
        Answer::Refused(_) => Judgement::SHORT,
        Answer::Unknown(_) => Judgement::Unknown,
    }
}
