//! A list of stock, imported at a node.

use super::super::refusals::refused;
use super::{Node, call, id_of};
use crate::book::Sku;
use crate::bulk::{Act, Import, Imported, Stocklist};
use crate::kinds;
use crate::problem::Problem;
use crate::telemetry;
use futures_util::future::ready;
use futures_util::{StreamExt, stream};
use segstock_postgres::nodes::{self, Foreseen, Refusal, StockAnswer};
use segstock_remote::OrderId;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};

/// SKUs that are asked for, opened or changed at once.
const AT_ONCE: usize = 16;
/// How often a SKU is tried for which the database does not answer in time.
const TRIES: usize = 3;

impl Node {
    pub(in crate::shop) async fn import(
        &self,
        import: Import<'_>,
        list: Stocklist,
    ) -> Result<Imported, Problem> {
        let mut done = Imported {
            lines: list.lines,
            skus: list.units.len(),
            dry_run: import.is_dry_run,
            ..Imported::default()
        };
        let (act, key) = (import.act, &id_of(import.key)?);
        let mut changes = Vec::with_capacity(list.units.len());
        for (sku, (line, units)) in &list.units {
            let (sku, line, units) = (sku.clone(), *line, *units);
            changes.push(Change {
                act,
                sku,
                line,
                units,
            });
        }
        let (changes, new) = self.check_list(key, changes, &mut done).await?;
        if !new.is_empty() && !import.opens {
            return Err(list.not_open(new));
        }
        if !import.is_dry_run {
            (done.before, done.difference) = (0, 0);
            self.open_all(new).await?;
            self.make(key, changes, &mut done).await?;
        }
        Ok(done)
    }

    /// Refuses a list of which a line would be refused. Says what it would do otherwise, and which SKUs are not open, by their
    /// lines.
    async fn check_list(
        &self,
        key: &OrderId,
        changes: Vec<Change>,
        would: &mut Imported,
    ) -> Result<(Vec<Change>, Vec<Sku>), Problem> {
        let (mut checked, mut unknown) = (Vec::with_capacity(changes.len()), Vec::new());
        let foreseen = stream::iter(changes).map(|change| async move {
            let foreseen = change.foresee(&self.node, key).await;
            (change, foreseen)
        });
        let mut foreseen = pin!(foreseen.buffered(AT_ONCE));
        while let Some((change, foreseen)) = foreseen.next().await {
            match foreseen {
                Ok(Foreseen { before: true, .. }) => would.before += 1,
                Ok(foreseen) => would.difference += foreseen.difference,
                Err(Refusal::NoSku { .. }) => {
                    would.difference += change.units.cast_signed();
                    unknown.push((change.line, change.sku.clone()));
                }
                Err(refusal) => {
                    let at = format!("the list line {}", change.line);
                    return Err(refused(refusal).at(&at));
                }
            }
            checked.push(change);
        }
        unknown.sort_unstable();
        would.opened = unknown.len();
        let unknown = unknown.into_iter().map(|(_, sku)| sku).collect();
        Ok((checked, unknown))
    }

    async fn open_all(&self, skus: Vec<Sku>) -> Result<(), Problem> {
        let open = |sku: Sku| async move {
            let opened = self.open_with(&sku, 0).await;
            opened.map_err(|problem| problem.at(&format!("SKU {sku}")))
        };
        each(skus, open, |count, opened| {
            opened.map(drop).map_err(|problem| {
                let opened = format!("at least {count} SKUs were opened; the same list with the same key does what is left");
                problem.at(&opened)
            })
        })
        .await
    }

    /// Makes the changes, each known by the list's key.
    async fn make(
        &self,
        key: &OrderId,
        changes: Vec<Change>,
        done: &mut Imported,
    ) -> Result<(), Problem> {
        let make = |change: Change| async move {
            let changed = change.make(&self.node, key).await;
            (change, changed)
        };
        each(changes, make, |count, (change, changed)| {
            let stopped = |problem: Problem| problem.at(&Imported::stopped(count, change.line));
            if let Some(answer) = changed.map_err(stopped)? {
                telemetry::done(change.act.deed(), answer.before);
                done.before += usize::from(answer.before);
                done.difference += answer.difference;
            }
            Ok(())
        })
        .await
    }
}

/// Does something with each, with some at once, and notes what came of it and of how many before. After one whose failure was
/// noted it begins no other, and waits for those that it began: whoever hears of the failure and looks finds what was done.
async fn each<T, D: Future>(
    all: Vec<T>,
    act: impl Fn(T) -> D,
    mut note: impl FnMut(usize, D::Output) -> Result<(), Problem>,
) -> Result<(), Problem> {
    let is_stopped = AtomicBool::new(false);
    let done = stream::iter(all)
        .take_while(|_| ready(!is_stopped.load(Ordering::Relaxed)))
        .map(act);
    let mut done = pin!(done.buffered(AT_ONCE).enumerate());
    let mut first = Ok(());
    while let Some((count, done)) = done.next().await {
        let noted = note(count, done);
        is_stopped.fetch_or(noted.is_err(), Ordering::Relaxed);
        first = first.and(noted);
    }
    first
}

/// What a line of a list does to its SKU.
struct Change {
    act: Act,
    sku: Sku,
    line: usize,
    units: u64,
}

impl Change {
    async fn foresee(&self, node: &nodes::Node, key: &OrderId) -> Result<Foreseen, Refusal> {
        let ask = || async {
            match self.act {
                Act::Restock => node.foresee_restock(key, &self.sku, self.units).await,
                Act::Count => node.foresee_count(key, &self.sku, self.units).await,
            }
        };
        let is_temporary = |it: &Refusal| matches!(it, Refusal::TryAgain | Refusal::Busy);
        patiently(ask, is_temporary).await
    }

    /// Changes the SKU. None: none of it came, so it is opened, and that is all.
    async fn make(
        &self,
        node: &nodes::Node,
        key: &OrderId,
    ) -> Result<Option<StockAnswer>, Problem> {
        let ask = || async {
            match self.act {
                Act::Restock if self.units == 0 => Ok(None),
                Act::Restock => {
                    let restocked = node.restock(key, &self.sku, self.units);
                    call(restocked).await.map(Some)
                }
                Act::Count => call(node.count(key, &self.sku, self.units)).await.map(Some),
            }
        };
        let is_temporary = |it: &Problem| [kinds::TRY_AGAIN, kinds::BUSY].contains(&it.kind());
        patiently(ask, is_temporary).await
    }
}

/// Asks again, if the answer is temporary: a change is known by its key.
async fn patiently<T, E, F>(ask: impl Fn() -> F, is_temporary: impl Fn(&E) -> bool) -> Result<T, E>
where
    F: Future<Output = Result<T, E>>,
{
    let mut answer = ask().await;
    for _ in 1..TRIES {
        match &answer {
            Err(error) if is_temporary(error) => answer = ask().await,
            _ => break,
        }
    }
    answer
}
