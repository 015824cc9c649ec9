//! Mistakes that people make with a stock behind a network, to see that a judge finds them.

use crate::{Answer, OrderId, RemoteStock, Units, Unknown};
use std::sync::atomic::{AtomicU64, Ordering};

/// Asks again under another id when no answer came: the units are taken twice.
#[derive(Debug)]
pub struct RetriesWithoutKey<S> {
    stock: S,
    numbers: AtomicU64,
}

impl<S> RetriesWithoutKey<S> {
    /// Makes the mistake with `stock`, whose patience is one attempt.
    pub const fn new(stock: S) -> Self {
        Self {
            stock,
            numbers: AtomicU64::new(0),
        }
    }
}

impl<S: RemoteStock> RemoteStock for RetriesWithoutKey<S> {
    async fn deduct(&self, _: &OrderId, units: Units) -> Answer {
        let mut answer = Answer::REFUSED;
        for _ in 0..5 {
            let id = request(self.numbers.fetch_add(1, Ordering::Relaxed));
            answer = self.stock.deduct(&id, units).await;
            if answer.is_known() {
                break;
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

fn request(number: u64) -> OrderId {
    OrderId::new(format!("request:{number}")).expect("it is of the alphabet")
}

/// Tells the customer no when no answer came: the units of what was sold are lost.
#[derive(Debug)]
pub struct LostIsRefused<S>(pub S);

impl<S: RemoteStock> RemoteStock for LostIsRefused<S> {
    async fn deduct(&self, order: &OrderId, units: Units) -> Answer {
        match self.0.deduct(order, units).await {
            Answer::Unknown(_) => Answer::REFUSED,
            answer => answer,
        }
    }

    async fn restock(&self, order: &OrderId, units: Units) -> Answer {
        self.0.restock(order, units).await
    }

    async fn available(&self) -> Result<u64, Unknown> {
        self.0.available().await
    }

    async fn outcome(&self, order: &OrderId) -> Answer {
        self.0.outcome(order).await
    }
}
