//! Many SKUs restocked or counted in the order book of this process.

use super::alone::Alone;
use crate::book::{Book, Sku};
use crate::bulk::{Act, Import, Imported, Stocklist};
use crate::in_time::in_time;
use crate::kinds;
use crate::problem::Problem;
use crate::telemetry;
use segstock_orders::{NoPlace, Refusal, StockAnswer};
use std::time::Duration;
use tokio::sync::MutexGuard;
use tokio::task::block_in_place;
use tokio::time::{Instant, sleep, timeout_at};

/// SKUs that are changed together: after a crash all of them are, or none. Others wait meanwhile: on two busy cores some 100 ms
/// if all SKUs are new, and 60 if none is; some 120 more if as many rows of an earlier list go along. Of the rest two thirds are
/// the calls, one third is the writing. What can be done before is: reading and checking the list. The calls cannot, nor can
/// batches go on beside them: an order that takes units of the list must not be durable before the list is.
const TOGETHER: usize = 10_000;
/// How long a list waits before it tries again, if there was no place for it.
const PAUSE: Duration = Duration::from_millis(1);
/// Entries for a SKU at most: it is opened, and its units come.
const ENTRIES: usize = 2 * Book::MOST_ENTRIES;

/// The answers to changes, and how many SKUs they opened; or why one was refused.
type Changed = Result<(Vec<StockAnswer>, usize), Problem>;

impl Alone {
    pub(super) async fn import(
        &self,
        import: Import<'_>,
        list: Stocklist,
        reading: MutexGuard<'_, ()>,
    ) -> Result<Imported, Problem> {
        let unknown = block_in_place(|| self.unopened(&list));
        if !unknown.is_empty() && !import.opens {
            return Err(list.not_open(unknown));
        }
        let mut done = Imported {
            lines: list.lines,
            skus: list.units.len(),
            opened: unknown.len(),
            dry_run: import.is_dry_run,
            ..Imported::default()
        };
        block_in_place(|| self.check_list(import, &list, &mut done))?;
        drop(reading);
        if !import.is_dry_run {
            (done.opened, done.before, done.difference) = (0, 0, 0);
            self.act(import, list, &mut done).await?;
        }
        Ok(done)
    }

    /// SKUs of the list that are not open, by their lines.
    fn unopened(&self, list: &Stocklist) -> Vec<Sku> {
        let unknown = list.units.iter();
        let unknown = unknown.filter(|(sku, _)| self.book.number_of(*sku).is_none());
        let mut unknown: Vec<_> = unknown
            .map(|(sku, (line, _))| (*line, sku.clone()))
            .collect();
        unknown.sort_unstable();
        unknown.into_iter().map(|(_, sku)| sku).collect()
    }

    /// Refuses a list of which a line would be refused: for its key, for its units, or since there is no room for its SKU. Says
    /// what it would do otherwise.
    fn check_list(
        &self,
        import: Import<'_>,
        list: &Stocklist,
        would: &mut Imported,
    ) -> Result<(), Problem> {
        let (most, unknown) = (import.most, would.opened);
        if self.book.skus().saturating_add(unknown) > most {
            let detail = format!("the list has {unknown} new SKUs: there can be {most} in all");
            return Err(Problem::new(kinds::FULL, detail));
        }
        let mut keys = 0;
        for (sku, (line, units)) in &list.units {
            let refused = |refusal| Problem::from(refusal).at(&format!("the list line {line}"));
            match check_line(&self.book, import.act, import.key, sku, *units).map_err(refused)? {
                Some(difference) => {
                    would.difference += difference;
                    keys += usize::from(has_key(import.act, *units));
                }
                None => would.before += 1,
            }
        }
        // Each line has room for a key, but all of them need it. What is kept for returns makes room by itself.
        let most = self.book.max_all_requests();
        if keys > most {
            let detail =
                format!("the list has {keys} new keys of requests: there can be {most} in all");
            return Err(Problem::new(kinds::FULL, detail));
        }
        Ok(())
    }

    /// Makes the changes, each known by the list's key: [`TOGETHER`] of them at a time, once those before are durable.
    async fn act(
        &self,
        import: Import<'_>,
        list: Stocklist,
        done: &mut Imported,
    ) -> Result<(), Problem> {
        let lines: Vec<_> = list.units.into_iter().collect();
        for (part, lines) in lines.chunks(TOGETHER).enumerate() {
            let before = part * TOGETHER;
            let changed = self.change_together(import, before, lines).await?;
            // A refusal says how many were changed: it rests on them, too.
            let written = in_time(import.patience, self.figures(|_| Ok(()))).await;
            written
                .and_then(|done| done)
                .map_err(|problem| stopped(before, lines, problem))?;
            let (answers, opened) = changed?;
            done.opened += opened;
            for answer in answers {
                done.before += usize::from(answer.before);
                done.difference += answer.difference;
                telemetry::done(import.act.deed(), answer.before);
            }
        }
        Ok(())
    }

    /// Changes SKUs, after this many others, and says how many it opened. They are refused only by what others did since the
    /// list was checked. The inner answer must not be given before what was done so far is durable.
    async fn change_together(
        &self,
        import: Import<'_>,
        before: usize,
        lines: &[(Sku, (usize, u64))],
    ) -> Result<Changed, Problem> {
        let change_all = |book: &Book| {
            let (mut answers, mut opened) = (Vec::with_capacity(lines.len()), 0);
            for (count, (sku, (_, units))) in lines.iter().enumerate() {
                let refused = |refusal: Refusal<Sku>| {
                    stopped(before + count, &lines[count..], refusal.into())
                };
                opened += usize::from(open(book, sku).map_err(refused)?);
                answers.extend(change_line(book, import, sku, *units).map_err(refused)?);
            }
            Ok((answers, opened))
        };
        let end = Instant::now() + import.patience;
        // Whose turn it is waits for what was decided before, one batch, and no list comes in between.
        let _turn = timeout_at(end, self.lists.lock()).await.map_err(|_| {
            let detail = "lists that came before take their time";
            stopped(before, lines, Problem::new(kinds::BUSY, detail.to_owned()))
        })?;
        loop {
            let most = ENTRIES * lines.len();
            let together = || self.writer.together(most, || change_all(&self.book));
            let refusal = match block_in_place(together) {
                Ok(decided) => return Ok(decided.answer),
                Err(refusal) => refusal,
            };
            // Orders may have all places, until a batch is written.
            if refusal != NoPlace::Busy || timeout_at(end, self.a_batch()).await.is_err() {
                let problem = Refusal::<Sku>::from(refusal).into();
                return Err(stopped(before, lines, problem));
            }
        }
    }

    /// Waits until what was done so far is durable, or lost.
    async fn a_batch(&self) {
        _ = self.writer.durable(self.writer.status().appended).await;
        sleep(PAUSE).await;
    }
}

/// A problem that a list has after `before` SKUs, at the first of `lines`.
fn stopped(before: usize, lines: &[(Sku, (usize, u64))], problem: Problem) -> Problem {
    let line = lines.first().map_or(0, |(_, (line, _))| *line);
    problem.at(&Imported::stopped(before, line))
}

/// Opens a SKU. Returns whether it was not.
fn open(book: &Book, sku: &Sku) -> Result<bool, Refusal<Sku>> {
    match book.open(sku.clone(), 0) {
        Ok(_) => Ok(true),
        Err(Refusal::AlreadyOpen) => Ok(false),
        Err(refusal) => Err(refusal),
    }
}

/// Whether a line of so many units needs a key.
const fn has_key(act: Act, units: u64) -> bool {
    matches!(act, Act::Count) || units > 0
}

/// Changes one SKU, which is open.
fn change_line(
    book: &Book,
    import: Import<'_>,
    sku: &Sku,
    units: u64,
) -> Result<Option<StockAnswer>, Refusal<Sku>> {
    match import.act {
        // None of it came: it is opened, and that is all.
        _ if !has_key(import.act, units) => Ok(None),
        Act::Restock => book.restock(sku.clone(), import.key, units).map(Some),
        Act::Count => book.count(sku.clone(), import.key, units).map(Some),
    }
}

/// The units that would come to a SKU; none, if an earlier sending changed it.
fn check_line(
    book: &Book,
    act: Act,
    key: &str,
    sku: &Sku,
    requested: u64,
) -> Result<Option<i64>, Refusal<Sku>> {
    let Some(view) = book.stock(sku) else {
        return Ok(Some(requested.cast_signed()));
    };
    if !has_key(act, requested) {
        return Ok(Some(0));
    }
    let is_known = match act {
        Act::Restock => book.knows_restock(sku.clone(), key, requested)?,
        Act::Count => book.knows_count(sku.clone(), key, requested)?,
    };
    let on_hand = view.on_hand;
    if act == Act::Restock && !is_known && on_hand.saturating_add(requested) > segstock::MAX_UNITS {
        let sku = sku.clone();
        return Err(Refusal::Overflow {
            sku,
            requested,
            on_hand,
        });
    }
    let come = act.difference(requested, on_hand);
    Ok((!is_known).then_some(come))
}
