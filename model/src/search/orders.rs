//! The search with each call for itself: a sequence of the calls that the model allows, step by step.

use super::beside;
use super::effect::{Change, Demand};
use super::effort::Effort;
use super::pooled::{Dead, Used};
use super::problem::{Found, Item, Maybe, Problem};
use crate::model::Model;
use crate::op::Op;
use crate::outcome::Outcome;
use std::collections::HashSet;

/// Where the search is: how many calls of each lane, then of each kind of maybe, are placed; and the
/// stock, where that does not follow.
type Place = (Box<[u32]>, Option<Model>);

/// A call that can be placed next: its lane, or beyond the lanes its kind; and the stock then.
type Choice = (usize, Model);

struct Search<'a> {
    problem: &'a Problem,
    dead: &'a Dead,
    placed: Vec<u32>,
    seen: HashSet<Place>,
    is_ordered: bool,
    /// Whether calls of unknown outcome are tried everywhere, not only where another needs them.
    is_eager: bool,
}

/// Searches for an order of all calls, and of those of unknown outcome that it takes.
///
/// Calls of unknown outcome are tried first only where another call needs them. Where that may miss an
/// order, they are tried everywhere after that.
pub(super) fn search(problem: &Problem, dead: &Dead, effort: &mut Effort) -> Found {
    let run = |is_eager: bool, effort: &mut Effort| {
        let mut search = Search {
            problem,
            dead,
            placed: vec![0; problem.threads.len() + problem.maybes.len()],
            seen: HashSet::new(),
            is_ordered: problem.is_ordered(),
            is_eager,
        };
        search.run(effort)
    };
    if problem.maybes.is_empty() || !needs_all(problem) {
        return run(false, effort);
    }
    let mut part = effort.part(effort.left() / 2);
    let found = run(false, &mut part);
    effort.charge(&part);
    if found == Found::Order {
        return found;
    }
    run(true, effort)
}

/// Whether an unknown call can do more than add units or take them: then it may be needed before a call
/// that would not fail without it.
///
/// - What happens to a hold depends on the order.
/// - A call that takes up to a number takes fewer units where fewer are in stock.
/// - A release or a commit can be possible only after an unknown reserve.
/// - Near the limit, a restock is possible only after a sale.
/// - Units that come back pay what is owed, and how much of it depends on the order.
fn needs_all(problem: &Problem) -> bool {
    let maybes = || problem.maybes.iter().map(|maybe| maybe.op);
    let known = problem.threads.iter().flatten();
    let known = known.map(|item| u128::from(Change::of(item.op, item.outcome).adds));
    let unknown = problem.maybes.iter().map(|maybe| {
        let adds = Change::at_most(maybe.op).adds;
        maybe.called.len() as u128 * u128::from(adds)
    });
    let on_hand = problem.start.snapshot().on_hand();
    let most = u128::from(on_hand) + known.sum::<u128>() + unknown.sum::<u128>();
    let reserves = maybes().any(Op::reserves_units);
    let settles = maybes().any(|op| matches!(op, Op::Commit(_) | Op::Release(_)));
    problem.is_ordered()
        || problem.owes()
        || (reserves && settles)
        || most > u128::from(problem.start.limit)
}

/// What a call that cannot stand here would need of calls of unknown outcome.
#[derive(Clone, Copy, Default)]
struct Missing {
    /// The fewest units more that a call needs.
    more: Option<u64>,
    /// The fewest units less that a call needs.
    fewer: Option<u64>,
    /// The fewest units restocked that a snapshot needs.
    restocked: Option<u64>,
    /// Something else.
    other: bool,
    /// What no call can bring: more was restocked than a snapshot says that is yet to come.
    hopeless: bool,
}

impl Missing {
    fn note(&mut self, item: &Item, stock: &Model) {
        let sums = stock.snapshot();
        let least = |known: Option<u64>, new: u64| Some(known.map_or(new, |known| known.min(new)));
        if let Outcome::Snapshot(said) | Outcome::ExactSnapshot(said) = item.outcome {
            let missing = said.restocked.wrapping_sub(sums.restocked);
            if missing > u64::MAX / 2 {
                self.hopeless = true;
                return;
            }
            if missing > 0 {
                self.restocked = least(self.restocked, missing);
                return;
            }
        }
        let (more, fewer) = match Demand::of(item.op, item.outcome) {
            Demand::AtLeast(units) => (units.saturating_sub(sums.available), 0),
            Demand::AtMost(units) => (0, sums.available.saturating_sub(units)),
            Demand::Exactly(units) => (
                units.saturating_sub(sums.available),
                sums.available.saturating_sub(units),
            ),
            Demand::Any | Demand::Never => (0, 0),
        };
        if more > 0 {
            self.more = least(self.more, more);
        }
        if fewer > 0 {
            self.fewer = least(self.fewer, fewer);
        }
        self.other |= more == 0 && fewer == 0;
    }

    /// How well an unknown call meets the need, more is better; not at all if there is no answer.
    fn is_met_by(&self, op: Op) -> Option<u64> {
        let Change { adds, takes, .. } = Change::at_most(op);
        // The largest that is not too large first, then the smallest that is.
        let suits = |need: Option<u64>, units: u64| {
            let need = need.filter(|_| units > 0)?;
            Some(if units <= need {
                u64::MAX / 2 + units.min(u64::MAX / 2)
            } else {
                u64::MAX / 2 - (units - need).min(u64::MAX / 2)
            })
        };
        let restocks = match op {
            // What a snapshot says was restocked is exact.
            Op::Restock(units) if self.restocked.is_some_and(|need| units <= need) => units,
            _ => 0,
        };
        let suits = [
            suits(self.more, adds),
            suits(self.fewer, takes),
            suits(self.restocked, restocks),
        ];
        let best = suits.into_iter().max().flatten();
        best.or(self.other.then_some(0))
    }
}

impl Search<'_> {
    fn run(&mut self, effort: &mut Effort) -> Found {
        let mut choices: Vec<Choice> = Vec::new();
        // Of each call that was placed: who it was, and where the choices after it begin.
        let mut path: Vec<(usize, usize)> = Vec::new();
        if !self.choices(&self.problem.start, &mut choices) {
            return Found::Order;
        }
        loop {
            let begin = path.last().map_or(0, |(_, begin)| *begin);
            if choices.len() == begin {
                let Some((who, _)) = path.pop() else {
                    return Found::NoOrder;
                };
                self.placed[who] -= 1;
                continue;
            }
            let Some((who, stock)) = choices.pop() else {
                return Found::NoOrder;
            };
            self.placed[who] += 1;
            if !self.is_new(&stock) {
                self.placed[who] -= 1;
                continue;
            }
            if !effort.step() {
                return Found::Nothing;
            }
            path.push((who, choices.len()));
            if !self.choices(&stock, &mut choices) {
                return Found::Order;
            }
        }
    }

    fn is_new(&mut self, stock: &Model) -> bool {
        let lanes = self.problem.threads.len();
        if !self.problem.maybes.is_empty() && self.dead.covers(&self.placed[..lanes], self.used()) {
            return false;
        }
        let stock = self.is_ordered.then(|| stock.clone());
        self.seen.insert((self.placed.clone().into(), stock))
    }

    /// Units of the maybes that are placed.
    fn used(&self) -> Used {
        let lanes = self.problem.threads.len();
        let mut used = Used::default();
        for (maybe, &placed) in self.problem.maybes.iter().zip(&self.placed[lanes..]) {
            let change = Change::at_most(maybe.op);
            let times = |units: u64| units.saturating_mul(u64::from(placed));
            used.added = used.added.saturating_add(times(change.adds));
            // Of one that takes what there is, nobody knows how much it was.
            if !maybe.op.is_up_to() {
                used.taken = used.taken.saturating_add(times(change.takes));
            }
        }
        used
    }

    fn next(&self, lane: usize) -> Option<&Item> {
        self.problem.threads[lane].get(self.placed[lane] as usize)
    }

    /// Adds what can be placed next, the best last; says no if nothing is left to place.
    fn choices(&self, stock: &Model, choices: &mut Vec<Choice>) -> bool {
        let lanes = 0..self.problem.threads.len();
        let first_return = lanes
            .clone()
            .filter_map(|lane| Some(self.next(lane)?.returned));
        let Some(first_return) = first_return.min() else {
            return false;
        };
        let begin = choices.len();
        let mut missing = Missing::default();
        for lane in lanes {
            let item = self.next(lane).filter(|item| item.called <= first_return);
            let Some(item) = item else { continue };
            let commits = beside::commits(self.problem, &self.placed, item, stock);
            let after = stock.step_beside(item.op, item.outcome, beside::sum(&commits));
            let after = after.filter(|_| beside::is_shown_whole(item, stock, &commits));
            let Some(after) = after else {
                missing.note(item, stock);
                continue;
            };
            if changes_nothing(item) {
                choices.truncate(begin);
                choices.push((lane, after));
                return true;
            }
            choices.push((lane, after));
        }
        if missing.hopeless {
            choices.truncate(begin);
            return true;
        }
        // The call that returned first was probably first.
        choices[begin..].sort_by_key(|(lane, _)| {
            std::cmp::Reverse(self.next(*lane).map_or(0, |item| item.returned))
        });
        let known = choices.split_off(begin);
        self.maybes(stock, first_return, &missing, choices);
        choices.extend(known);
        true
    }

    fn maybes(&self, stock: &Model, now: u64, missing: &Missing, choices: &mut Vec<Choice>) {
        let begin = choices.len();
        let lanes = self.problem.threads.len();
        let maybes = self.problem.maybes.iter().enumerate();
        let possible = maybes
            .filter(|(kind, maybe)| self.may_have_happened(maybe, self.placed[lanes + kind], now));
        let possible: Vec<(usize, &Maybe)> = possible.collect();
        // A sale of more units than are in stock can be what is needed, once more are in stock.
        let available = stock.snapshot().available;
        let too_large = |maybe: &Maybe| Change::at_most(maybe.op).takes > available;
        let adds_help =
            missing.fewer.is_some() && possible.iter().any(|(_, maybe)| too_large(maybe));
        for (kind, maybe) in possible {
            let who = lanes + kind;
            let helps = adds_help && Change::at_most(maybe.op).adds > 0;
            let is_tried = self.is_eager || helps || missing.is_met_by(maybe.op).is_some();
            if !is_tried {
                continue;
            }
            if let Some(after) = stock.step(maybe.op, Outcome::Unknown)
                && after != *stock
            {
                choices.push((who, after));
            }
        }
        choices[begin..]
            .sort_by_key(|(who, _)| missing.is_met_by(self.problem.maybes[who - lanes].op));
    }

    /// Whether another call of the kind may have happened by `now`.
    fn may_have_happened(&self, maybe: &Maybe, placed: u32, now: u64) -> bool {
        let next = maybe.called.get(placed as usize);
        next.is_some_and(|&called| called <= now)
    }
}

/// Whether a call changes nothing wherever it stands, by its answer. Of others it is not enough that
/// nothing changes here: elsewhere an `advance` may find an expired hold.
const fn changes_nothing(item: &Item) -> bool {
    match item.outcome {
        Outcome::Refused(_)
        | Outcome::AtMost(_)
        | Outcome::Exactly(_)
        | Outcome::Snapshot(_)
        | Outcome::ExactSnapshot(_) => true,
        // A withdraw that took nothing owes all of it.
        Outcome::UpTo(0) => !matches!(item.op, Op::Withdraw(_)),
        Outcome::Done => matches!(
            item.op,
            Op::Deduct(0) | Op::Restock(0) | Op::Reserve(0) | Op::Commit(0) | Op::Release(0)
        ),
        Outcome::UpTo(_) | Outcome::Unknown => false,
    }
}
