//! The smallest window found that no sequence of its calls explains.
//!
//! Each step here leaves less to explain than there was, never something else: if no sequence explains the
//! window, none explains the history.

use segstock_model::search::{Effort, Found, Item, Problem};
use segstock_model::{Model, Op, Outcome};

/// A part of a history that no order explains.
#[derive(Debug)]
pub(super) struct Window {
    /// Its instant; the stock then is one of `starts`.
    pub(super) from: u64,
    /// The stock at that instant, for each subset of the calls under way then that may have happened
    /// before; and what is left to explain.
    pub(super) cases: Vec<Problem>,
    /// Whose return made it inexplicable.
    pub(super) offender: Item,
    /// Where calls that are left are in the history.
    pub(super) left: Vec<usize>,
}

/// Subsets of calls under way are tried one by one; more of them are not worth it.
const MOST_UNDER_WAY: usize = 6;

/// The most tries that a shorter explanation is worth.
const MOST_ATTEMPTS: usize = 400;

pub(super) struct Shrinker<'a> {
    effort: &'a mut Effort,
}

/// States that one try may cost. A try that spends them counts as one that found an order: then the
/// window stays larger than it had to.
const MOST_STATES: u64 = 20_000;

/// Solves a part of what is left to explain, and takes what it costs from the whole effort.
pub(super) fn solve(problem: &Problem, effort: &mut Effort) -> Found {
    if effort.spent().is_some() {
        return Found::Nothing;
    }
    let mut part = effort.part(MOST_STATES);
    let found = problem.solve_within(&mut part);
    effort.charge(&part);
    found
}

impl<'a> Shrinker<'a> {
    pub(super) const fn new(effort: &'a mut Effort) -> Self {
        Self { effort }
    }

    /// Shrinks a history that no order explains.
    pub(super) fn shrink(&mut self, history: &Problem) -> Window {
        let (until, offender) = self.first_return(history);
        let short = truncated(history, until);
        let mut window = self.latest_cut(&short, offender);
        self.drop_calls(&mut window);
        window.left = indices(&window.cases);
        window
    }

    fn is_unexplained(&mut self, problem: &Problem) -> bool {
        solve(problem, self.effort) == Found::NoOrder
    }

    fn all_unexplained(&mut self, cases: &[Problem]) -> bool {
        cases.iter().all(|case| self.is_unexplained(case))
    }

    /// The return until which, and no sooner, the history has no order; what comes later need not be
    /// looked at.
    fn first_return(&mut self, history: &Problem) -> (u64, Item) {
        let mut items: Vec<Item> = history.threads.iter().flatten().copied().collect();
        items.sort_by_key(|item| item.returned);
        let (mut explained, mut unexplained) = (0, items.len());
        // Invariant: cut off after `unexplained` returns it has no order, or these are all returns.
        while unexplained - explained > 1 && self.effort.spent().is_none() {
            let middle = usize::midpoint(explained, unexplained);
            if self.is_unexplained(&truncated(history, items[middle - 1].returned)) {
                unexplained = middle;
            } else {
                explained = middle;
            }
        }
        let until = items[unexplained - 1].returned;
        // Of those that return at once, rather one that only says something.
        let last = items.into_iter().filter(|item| item.returned == until);
        let offender = last.min_by_key(|item| effect(item).is_some());
        (until, offender.expect("there is one that returns then"))
    }

    /// The window that begins latest: at the call of some item, with all that returned before summed
    /// up in the stock.
    fn latest_cut(&mut self, history: &Problem, offender: Item) -> Window {
        let mut cuts: Vec<u64> = history
            .threads
            .iter()
            .flatten()
            .map(|item| item.called)
            .collect();
        cuts.retain(|&at| at <= offender.called);
        cuts.sort_unstable();
        cuts.dedup();
        // One by one near the offender, then further and further back.
        let mut back = 0;
        while back < cuts.len() && self.effort.spent().is_none() {
            let from = cuts[cuts.len() - 1 - back];
            if let Some(cases) = cut(history, from, offender.index)
                && !cases.is_empty()
                && self.all_unexplained(&cases)
            {
                return Window {
                    from,
                    cases,
                    offender,
                    left: Vec::new(),
                };
            }
            back += 1 + back / 8;
        }
        let cases = vec![history.clone()];
        Window {
            from: 0,
            cases,
            offender,
            left: Vec::new(),
        }
    }

    /// Lets go of calls, many at once and then one by one, as long as no order explains the rest: of a
    /// read or a refusal altogether, of any other by having it happen whenever it likes, if at all.
    fn drop_calls(&mut self, window: &mut Window) {
        let mut left = indices(&window.cases);
        left.retain(|&index| index != window.offender.index);
        let mut attempts = MOST_ATTEMPTS;
        let mut chunk = left.len().div_ceil(2);
        while chunk > 0 && self.effort.spent().is_none() {
            let mut kept = Vec::new();
            for some in left.chunks(chunk) {
                let fewer: Vec<Problem> = (window.cases.iter())
                    .map(|case| without(case, some))
                    .collect();
                attempts -= usize::from(attempts > 0);
                if attempts > 0 && self.all_unexplained(&fewer) {
                    window.cases = fewer;
                } else {
                    kept.extend_from_slice(some);
                }
            }
            left = kept;
            chunk = if chunk == 1 { 0 } else { chunk.div_ceil(2) };
        }
    }
}

/// Where the calls of some problems are in the history.
fn indices(cases: &[Problem]) -> Vec<usize> {
    let items = cases.iter().flat_map(|case| case.threads.iter().flatten());
    let mut indices: Vec<usize> = items.map(|item| item.index).collect();
    indices.sort_unstable();
    indices.dedup();
    indices
}

/// What is known once all has returned that returns until `until`: calls under way then may have
/// happened.
fn truncated(history: &Problem, until: u64) -> Problem {
    let mut short = history.clone();
    for thread in &mut short.threads {
        thread.retain(|item| item.returned <= until);
    }
    for maybe in &mut short.maybes {
        maybe.called.retain(|&called| called <= until);
    }
    for item in history.threads.iter().flatten() {
        if item.called <= until
            && until < item.returned
            && let Some(op) = effect(item)
        {
            short.add_maybe(op, item.called);
        }
    }
    short
}

/// What an item does, for a stock that does not mind when; nothing if it changes nothing.
fn effect(item: &Item) -> Option<Op> {
    match item.outcome {
        Outcome::Done => Some(item.op),
        Outcome::UpTo(units) => Some(item.op.of_taken(units)),
        _ => None,
    }
}

/// The history from the instant `from` on: what returned before is summed up, and of what was under
/// way any part may have happened. No cut is possible where that is too much to try.
fn cut(history: &Problem, from: u64, offender: usize) -> Option<Vec<Problem>> {
    if history.is_ordered() {
        return None;
    }
    let mut rest = history.clone();
    let mut before = Vec::new();
    let mut under_way = Vec::new();
    for thread in &mut rest.threads {
        thread.retain(|item| {
            if item.returned < from {
                before.extend(effect(item));
                return false;
            }
            let is_under_way = item.called < from && item.index != offender;
            if is_under_way && let Some(op) = effect(item) {
                under_way.push((op, Some(item.index)));
            }
            // What changes nothing may have stood before.
            !(is_under_way && effect(item).is_none())
        });
    }
    // An unknown sale or restock can as well have happened at the instant itself.
    let mut may_come = false;
    for maybe in &history.maybes {
        let called = maybe.called.iter().filter(|&&called| called < from);
        match maybe.op {
            Op::Deduct(_) | Op::Restock(_) => may_come |= called.count() > 0,
            _ => under_way.extend(called.map(|_| (maybe.op, None))),
        }
    }
    // Sums that include calls under way do not say what is reserved throughout a snapshot.
    let settles = |(op, _): &(Op, Option<usize>)| op.reserves_units() || op.settles_units();
    let is_snapshot = |item: &Item| matches!(item.op, Op::Snapshot);
    if under_way.len() > MOST_UNDER_WAY
        || (under_way.iter().any(settles) && rest.threads.iter().flatten().any(is_snapshot))
    {
        return None;
    }
    let mut is_possible = true;
    let cases = (0..1_u32 << under_way.len()).filter_map(|chosen| {
        let chosen = under_way
            .iter()
            .enumerate()
            .filter(|(bit, _)| chosen >> bit & 1 == 1);
        let chosen: Vec<(Op, Option<usize>)> = chosen.map(|(_, call)| *call).collect();
        let happened = before
            .iter()
            .copied()
            .chain(chosen.iter().map(|(op, _)| *op));
        let mut case = rest.clone();
        let Some(start) = summed_up(&history.start, happened) else {
            // An unknown restock may have made it possible.
            is_possible &= !may_come;
            return None;
        };
        case.start = start;
        for (op, index) in chosen {
            match index {
                Some(index) => case
                    .threads
                    .iter_mut()
                    .for_each(|t| t.retain(|item| item.index != index)),
                None => {
                    let maybe = case.maybes.iter_mut().find(|maybe| maybe.op == op)?;
                    maybe.called.remove(0);
                }
            }
        }
        Some(case)
    });
    let cases = cases.collect();
    is_possible.then_some(cases)
}

/// The stock after all of `happened`, in whatever order; none if there is no such stock.
fn summed_up(start: &Model, happened: impl Iterator<Item = Op>) -> Option<Model> {
    let mut sums = start.snapshot();
    let (mut available, mut reserved) = (i128::from(sums.available), i128::from(sums.reserved));
    for op in happened {
        let (units, shelf, more_reserved) = match op {
            Op::Deduct(units) => (units, -1, 0),
            Op::Restock(units) => (units, 1, 0),
            Op::Reserve(units) => (units, -1, 1),
            Op::Commit(units) => (units, 0, -1),
            Op::Release(units) => (units, 1, -1),
            _ => return None,
        };
        if matches!(op, Op::Restock(_)) {
            sums.restocked = sums.restocked.wrapping_add(units);
        }
        available += shelf * i128::from(units);
        reserved += more_reserved * i128::from(units);
    }
    sums.available = u64::try_from(available).ok()?;
    sums.reserved = u64::try_from(reserved).ok()?;
    let came = sums.initial.wrapping_add(sums.restocked);
    sums.sold = came.wrapping_sub(sums.on_hand());
    Some(start.clone().at(sums))
}

/// `problem`, less what the calls at `indices` demand.
fn without(problem: &Problem, indices: &[usize]) -> Problem {
    let mut fewer = problem.clone();
    let mut free = Vec::new();
    for thread in &mut fewer.threads {
        thread.retain(|item| {
            let stays = indices.binary_search(&item.index).is_err();
            if !stays {
                free.extend(effect(item));
            }
            stays
        });
    }
    for op in free {
        fewer.add_maybe(op, 0);
    }
    fewer
}
