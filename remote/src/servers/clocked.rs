//! [`Clocked`]: a design with holds, whose clock the judge moves.

use crate::id::OrderId;
use crate::judged::Judged;
use crate::stock::{HoldAnswer, RemoteHolds, Resolved};
use crate::units::Units;
use segstock_conformance::{Answer, Subject};
use segstock_model::Refusal;
use std::fmt;
use std::time::Duration;
use tokio::runtime::Handle;

/// A design with holds as a subject of the suite. A tick of the suite's clock is an hour by which the stock's clock gets
/// ahead of the server's, so that no real time is waited for.
pub struct Clocked<S> {
    judged: Judged<S>,
    runtime: Handle,
    advance: Box<dyn Fn(Duration) + Send + Sync>,
}

impl<S> Clocked<S> {
    const TICK: Duration = Duration::from_secs(3_600);

    /// Judges `stock`, whose clock `advance` moves.
    pub fn new(
        stock: S,
        runtime: Handle,
        advance: impl Fn(Duration) + Send + Sync + 'static,
    ) -> Self {
        Self {
            judged: Judged::new(stock, runtime.clone(), "order:"),
            runtime,
            advance: Box::new(advance),
        }
    }
}

impl<S: fmt::Debug> fmt::Debug for Clocked<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.judged.fmt(f)
    }
}

fn id(key: u64) -> OrderId {
    OrderId::new(format!("hold:{key}")).expect("it is of the alphabet")
}

fn judgement(answer: &HoldAnswer) -> Answer {
    Answer::Refused(match answer {
        HoldAnswer::Done => return Answer::Done(()),
        HoldAnswer::Unknown(_) => return Answer::Unknown,
        HoldAnswer::Refused => return Answer::SHORT,
        HoldAnswer::NoHold => Refusal::NoHold,
        HoldAnswer::Conflict => Refusal::Conflict,
        HoldAnswer::Resolved(Resolved::Confirmed) => Refusal::Confirmed,
        HoldAnswer::Resolved(Resolved::Released) => Refusal::Released,
        HoldAnswer::Resolved(Resolved::Expired) => Refusal::Expired,
    })
}

impl<S: RemoteHolds> Subject for Clocked<S> {
    fn deduct(&self, units: u64) -> Answer {
        self.judged.deduct(units)
    }

    fn restock(&self, units: u64) -> Answer {
        self.judged.restock(units)
    }

    fn available(&self) -> Answer<u64> {
        self.judged.available()
    }

    fn place(&self, key: u64, units: u64, ttl: u64) -> Option<Answer> {
        let Ok(units) = Units::new(units) else {
            return Some((units == 0).into());
        };
        let ttl = Self::TICK * u32::try_from(ttl).unwrap_or(u32::MAX);
        let stock = self.judged.stock();
        let answer = self.runtime.block_on(stock.reserve(&id(key), units, ttl));
        Some(judgement(&answer))
    }

    fn confirm(&self, key: u64) -> Option<Answer> {
        let stock = self.judged.stock();
        let answer = self.runtime.block_on(stock.confirm(&id(key)));
        Some(judgement(&answer))
    }

    fn release_hold(&self, key: u64) -> Option<Answer> {
        let stock = self.judged.stock();
        let answer = self.runtime.block_on(stock.release(&id(key)));
        Some(judgement(&answer))
    }

    fn advance(&self, ticks: u64) -> Option<Answer> {
        (self.advance)(Self::TICK * u32::try_from(ticks).unwrap_or(u32::MAX));
        Some(Answer::Done(()))
    }
}
