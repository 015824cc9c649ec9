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
        let opened = stream::iter(skus).map(|sku| async move { self.open_with(&sku, 0).await });
        let mut opened = pin!(opened.buffered(AT_ONCE));
        while let Some(opened) = opened.next().await {
            opened?;
        }
        Ok(())
    }

    /// Makes the changes, each known by the list's key. After one that is refused it begins no other, and waits for those that it
    /// began: whoever hears of the refusal and looks finds what was done.
    async fn make(
        &self,
        key: &OrderId,
        changes: Vec<Change>,
        done: &mut Imported,
    ) -> Result<(), Problem> {
        let is_stopped = AtomicBool::new(false);
        let changes = stream::iter(changes)
            .take_while(|_| ready(!is_stopped.load(Ordering::Relaxed)))
            .map(|change| async move {
                let changed = change.make(&self.node, key).await;
                (change, changed)
            });
        let mut changes = pin!(changes.buffered(AT_ONCE).enumerate());
        let mut refused = Ok(());
        while let Some((count, (change, changed))) = changes.next().await {
            match changed {
                Ok(Some(answer)) => {
                    telemetry::done(change.act.deed(), answer.before);
                    done.before += usize::from(answer.before);
                    done.difference += answer.difference;
                }
                Ok(None) => {}
                Err(problem) => {
                    is_stopped.store(true, Ordering::Relaxed);
                    let stopped = || problem.at(&Imported::stopped(count, change.line));
                    refused = refused.and_then(|()| Err(stopped()));
                }
            }
        }
        refused
    }
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
