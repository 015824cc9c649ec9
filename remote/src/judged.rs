//! [`Judged`]: a design as a subject of the suite.

use crate::answer::Answer;
use crate::id::OrderId;
use crate::stock::RemoteStock;
use crate::units::Units;
use segstock_conformance::{Answer as Judgement, Subject, request};
use std::fmt;
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
}

impl<S> Judged<S> {
    /// Judges `stock`, whose calls run on `runtime`.
    pub fn new(stock: S, runtime: Handle, prefix: impl Into<String>) -> Self {
        Self {
            stock,
            runtime,
            prefix: prefix.into(),
        }
    }

    /// The stock.
    pub const fn stock(&self) -> &S {
        &self.stock
    }

    /// The id of the call that this thread is in.
    fn id(&self) -> OrderId {
        OrderId::new(format!("{}{}", self.prefix, request()))
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
            Ok(units) => short(self.runtime.block_on(self.stock.deduct(&self.id(), units))),
            // Of nothing there is always enough, and of more than there can be there never is.
            Err(invalid) => (invalid.units == 0).into(),
        }
    }

    fn restock(&self, units: u64) -> Judgement {
        match Units::new(units) {
            Ok(units) => match self.runtime.block_on(self.stock.restock(&self.id(), units)) {
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
