//! [`Looks`]: how a node reads orders, one statement at a time for all calls that wait.

use super::inner::Inner;
use super::rows::{Failed, Rows};
use super::views::{views, views_of};
use segstock_orders::OrderView;
use segstock_remote::OrderId;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::oneshot;

/// The most orders of one statement.
const MOST: usize = 256;

type View = OrderView<String>;
type Asker = (OrderId, oneshot::Sender<Option<View>>);

/// Calls that wait for the next statement, and whether one is under way.
#[derive(Default)]
pub(super) struct Looks(Mutex<(Vec<Asker>, bool)>);

impl Looks {
    /// Whether this caller begins: nobody else sends statements.
    fn add(&self, id: &OrderId) -> (bool, oneshot::Receiver<Option<View>>) {
        let (answer, answered) = oneshot::channel();
        let mut looks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        looks.0.push((id.clone(), answer));
        (!std::mem::replace(&mut looks.1, true), answered)
    }

    /// Those for whom the next statement is; nobody, if no more are sent.
    fn next(&self) -> Vec<Asker> {
        let mut looks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        looks.1 = !looks.0.is_empty();
        let most = looks.0.len().min(MOST);
        looks.0.drain(..most).collect()
    }
}

impl Inner {
    /// An order that was placed. **One statement at a time, for all calls that began before it was sent**: a call never joins one
    /// that is under way, which may not see what was answered before the call.
    ///
    /// An error, if the database does not answer.
    pub(super) async fn look(
        self: &Arc<Self>,
        id: &OrderId,
    ) -> Result<Option<View>, oneshot::error::RecvError> {
        let (begins, answered) = self.looks.add(id);
        if begins {
            tokio::spawn(Arc::clone(self).look_for_all());
        }
        answered.await
    }

    async fn look_for_all(self: Arc<Self>) {
        loop {
            let askers = self.looks.next();
            if askers.is_empty() {
                return;
            }
            let ids: Vec<&str> = askers.iter().map(|(id, _)| id.as_str()).collect();
            // Without an answer, those who wait are told by its end.
            if let Ok(views) = self.rows.views(&ids).await {
                for (id, answer) in askers {
                    // It may wait no more.
                    _ = answer.send(views.get(id.as_str()).cloned());
                }
            }
        }
    }
}

impl Rows {
    async fn views(&self, ids: &[&str]) -> Result<HashMap<Box<str>, View>, Failed> {
        const VIEWS: &str = views!(
            "with page as (
              select o.*, row_number() over () as k from (select distinct i.id from unnest($1::text[]) as i (id)) as i
              join orders o on o.id = i.id where o.skus is not null
            )",
            ""
        );
        let read = |row: &tokio_postgres::Row| {
            let views = views_of(row)?.into_iter();
            Ok(views.map(|view| (view.id.clone(), view)).collect())
        };
        self.row(VIEWS, &[&ids], read).await
    }
}
