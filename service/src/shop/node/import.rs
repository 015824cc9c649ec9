//! A list of stock, imported at a node.

use super::super::refusals::refused;
use super::{Node, call, id_of};
use crate::book::Sku;
use crate::bulk::{Act, Import, Imported, Stocklist};
use crate::kinds;
use crate::problem::Problem;
use crate::telemetry;
use futures_util::{StreamExt, stream};
use segstock_postgres::nodes::{Refusal, StockAnswer};
use segstock_remote::OrderId;
use std::pin::pin;

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
        let key = id_of(import.key)?;
        let mut unknown = Vec::new();
        let mut asked = Vec::with_capacity(list.units.len());
        for (sku, (line, units)) in &list.units {
            asked.push((sku.clone(), *line, *units));
        }
        let views = stream::iter(asked).map(|(sku, line, units)| async move {
            let mut view = self.node.stock(&sku).await;
            for _ in 1..TRIES {
                if matches!(view, Err(Refusal::TryAgain | Refusal::Busy)) {
                    view = self.node.stock(&sku).await;
                }
            }
            (sku, line, units, view)
        });
        let mut views = pin!(views.buffered(AT_ONCE));
        while let Some((sku, line, units, view)) = views.next().await {
            match view {
                Ok(view) => done.difference += import.act.difference(units, view.on_hand),
                Err(Refusal::NoSku { .. }) => {
                    done.difference += units.cast_signed();
                    unknown.push((line, sku));
                }
                Err(refusal) => return Err(refused(refusal).at(&format!("the list line {line}"))),
            }
        }
        unknown.sort_unstable();
        done.opened = unknown.len();
        let new: Vec<Sku> = unknown.into_iter().map(|(_, sku)| sku).collect();
        if !new.is_empty() && !import.opens {
            return Err(list.not_open(new));
        }
        if !import.is_dry_run {
            done.difference = 0;
            let opened = stream::iter(new);
            let opened = opened.map(|sku| async move { self.open_with(&sku, 0).await });
            let mut opened = pin!(opened.buffered(AT_ONCE));
            while let Some(opened) = opened.next().await {
                opened?;
            }
            let (act, key) = (import.act, &key);
            let changes = stream::iter(list.units);
            let changes = changes.map(|(sku, (line, units))| async move {
                (line, self.change_line(act, key, &sku, units).await)
            });
            let mut changes = pin!(changes.buffered(AT_ONCE).enumerate());
            while let Some((count, (line, changed))) = changes.next().await {
                let answer =
                    changed.map_err(|problem| problem.at(&Imported::stopped(count, line)))?;
                if let Some(answer) = answer {
                    telemetry::done(import.act.deed(), answer.before);
                    done.before += usize::from(answer.before);
                    done.difference += answer.difference;
                }
            }
        }
        Ok(done)
    }

    /// Changes a SKU. If it is told to try again it does: the change is known by its key.
    async fn change_line(
        &self,
        act: Act,
        key: &OrderId,
        sku: &Sku,
        units: u64,
    ) -> Result<Option<StockAnswer>, Problem> {
        let mut changed = self.change_once(act, key, sku, units).await;
        for _ in 1..TRIES {
            match &changed {
                Err(problem) if [kinds::TRY_AGAIN, kinds::BUSY].contains(&problem.kind()) => {
                    changed = self.change_once(act, key, sku, units).await;
                }
                _ => break,
            }
        }
        changed
    }

    async fn change_once(
        &self,
        act: Act,
        key: &OrderId,
        sku: &Sku,
        units: u64,
    ) -> Result<Option<StockAnswer>, Problem> {
        match act {
            // None of it came: it is opened, and that is all.
            Act::Restock if units == 0 => Ok(None),
            Act::Restock => call(self.node.restock(key, sku, units)).await.map(Some),
            Act::Count => call(self.node.count(key, sku, units)).await.map(Some),
        }
    }
}
