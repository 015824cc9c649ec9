//! [`Serving`]: one call of an order at a time.

use super::known::Known;
use super::lines::Lines;
use segstock_remote::OrderId;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;

/// What a customer asks for.
#[derive(Debug, Clone)]
pub(super) enum Request {
    Place {
        lines: Lines,
        ttl: Option<Duration>,
        /// It waits for units that are lacking.
        waits: bool,
    },
    Pay,
    Ship,
    Cancel,
    /// It was seen past its deadline.
    Expire,
}

/// What a node answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Served {
    Is(Known),
    /// There is no such order.
    Missing,
    NoSku(String),
    /// A transaction of its own changes it.
    Alone,
    TryAgain,
    /// The node serves no calls any more.
    Over,
}

type Others = Vec<oneshot::Sender<Option<Served>>>;

/// The orders that are served now, each with the calls that wait for the first.
#[derive(Debug, Default)]
pub(super) struct Serving(Mutex<HashMap<OrderId, Others>>);

/// The first call on an order: the others are notified when it ends.
pub(super) struct First<'a> {
    serving: &'a Serving,
    id: &'a OrderId,
    pub(super) answer: Option<Served>,
}

impl Serving {
    fn orders(&self) -> MutexGuard<'_, HashMap<OrderId, Others>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// This is the first call on the order; or it waits for that one.
    pub(super) fn enter<'a>(
        &'a self,
        id: &'a OrderId,
    ) -> Result<First<'a>, oneshot::Receiver<Option<Served>>> {
        let mut orders = self.orders();
        if let Some(others) = orders.get_mut(id) {
            let (answer, answered) = oneshot::channel();
            others.push(answer);
            return Err(answered);
        }
        orders.insert(id.clone(), Vec::new());
        let answer = None;
        let serving = self;
        Ok(First {
            serving,
            id,
            answer,
        })
    }
}

impl Drop for First<'_> {
    fn drop(&mut self) {
        let others = self.serving.orders().remove(self.id);
        for other in others.into_iter().flatten() {
            // It may wait no more.
            _ = other.send(self.answer.clone());
        }
    }
}
