//! [`Looks`]: the calls that wait for the next statement that reads orders.

use segstock_orders::OrderView;
use segstock_remote::OrderId;
use std::sync::{Mutex, PoisonError};
use tokio::sync::oneshot;

/// The most orders of one statement.
const MOST: usize = 256;

pub(super) type View = OrderView<String>;
pub(super) type Asker = (OrderId, oneshot::Sender<Option<View>>);

/// Calls that wait for the next statement, and whether one is under way.
#[derive(Default)]
pub(super) struct Looks(Mutex<(Vec<Asker>, bool)>);

impl Looks {
    /// Whether this caller begins: nobody else sends statements.
    pub(super) fn add(&self, id: &OrderId) -> (bool, oneshot::Receiver<Option<View>>) {
        let (answer, answered) = oneshot::channel();
        let mut looks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        looks.0.push((id.clone(), answer));
        (!std::mem::replace(&mut looks.1, true), answered)
    }

    /// Those for whom the next statement is; nobody, if no more are sent.
    pub(super) fn next(&self) -> Vec<Asker> {
        let mut looks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        looks.1 = !looks.0.is_empty();
        let most = looks.0.len().min(MOST);
        looks.0.drain(..most).collect()
    }
}
