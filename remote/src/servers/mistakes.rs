//! Mistakes that people make with a stock behind a network, to see that a judge finds them.

use super::store::id;
use crate::answer::{Answer, Unknown};
use crate::id::OrderId;
use crate::stock::RemoteStock;
use crate::units::Units;
use std::fmt;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};

/// A stock that makes a mistake when no answer comes. Its patience must be that of one attempt.
#[derive(Debug)]
pub struct Mistaken<S> {
    stock: S,
    mistake: Mistake,
    requests: AtomicU64,
}

/// What is done when no answer came.
#[non_exhaustive]
pub enum Mistake {
    /// It asks again under another id: the units are taken twice.
    RetriesWithoutKey,
    /// It tells the customer no: the units of what was sold are lost.
    LostIsRefused,
    /// It asks again under the same id, which the server has forgotten: this forgets it.
    Forgets(Forget),
}

/// Has a server forget an id.
pub type Forget = Box<dyn Fn(OrderId) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

impl fmt::Debug for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RetriesWithoutKey => "RetriesWithoutKey",
            Self::LostIsRefused => "LostIsRefused",
            Self::Forgets(_) => "Forgets",
        })
    }
}

impl<S> Mistaken<S> {
    /// Makes the mistake with `stock`.
    pub const fn new(stock: S, mistake: Mistake) -> Self {
        let requests = AtomicU64::new(0);
        Self {
            stock,
            mistake,
            requests,
        }
    }
}

impl<S: RemoteStock> RemoteStock for Mistaken<S> {
    async fn deduct(&self, order: &OrderId, units: Units) -> Answer {
        let mut answer = Answer::REFUSED;
        for _ in 0..5 {
            let request = match self.mistake {
                Mistake::RetriesWithoutKey => {
                    let number = self.requests.fetch_add(1, Ordering::Relaxed);
                    id(&format!("request:{number}"))
                }
                _ => order.clone(),
            };
            answer = self.stock.deduct(&request, units).await;
            if answer.is_known() {
                break;
            }
            match &self.mistake {
                Mistake::LostIsRefused => return Answer::REFUSED,
                Mistake::Forgets(forget) => forget(request).await,
                Mistake::RetriesWithoutKey => {}
            }
        }
        answer
    }

    async fn restock(&self, order: &OrderId, units: Units) -> Answer {
        self.stock.restock(order, units).await
    }

    async fn available(&self) -> Result<u64, Unknown> {
        self.stock.available().await
    }

    async fn outcome(&self, order: &OrderId) -> Answer {
        self.stock.outcome(order).await
    }
}

/// Reads what is left, and writes what is left after that: two customers read the same number.
#[cfg(feature = "judge")]
#[derive(Debug)]
pub struct ReadThenWrite<R, W> {
    /// Says how many units are left.
    pub read: R,
    /// Writes how many are left.
    pub write: W,
}

#[cfg(feature = "judge")]
impl<R, W> segstock_conformance::Subject for ReadThenWrite<R, W>
where
    R: Fn() -> u64 + Send + Sync,
    W: Fn(u64) + Send + Sync,
{
    fn deduct(&self, units: u64) -> segstock_conformance::Answer {
        let left = (self.read)().checked_sub(units);
        left.inspect(|left| (self.write)(*left)).is_some().into()
    }

    fn restock(&self, units: u64) -> segstock_conformance::Answer {
        (self.write)((self.read)() + units);
        segstock_conformance::Answer::Done(())
    }

    fn available(&self) -> segstock_conformance::Answer<u64> {
        segstock_conformance::Answer::Done((self.read)())
    }
}
