//! The search with the units of all calls of unknown outcome in two pools: those that they may have
//! added, and those that they may have taken.
//!
//! From a pool any number of units can be used, not only sums of whole calls. That allows more than the
//! model does, so that *no order* here is final, and it makes the choice easy: a call that needs more
//! units, or fewer, uses as few from the pools as it can. A search that used less can do all that a search can
//! which stands at that place and used more. So what is remembered of a place are the least uses, as
//! a rule one.

use super::beside;
use super::effect::{Change, Demand};
use super::effort::Effort;
use super::problem::{Found, Item, Problem};
use crate::op::Op;
use crate::outcome::{Outcome, Refusal};
use std::collections::HashMap;

/// Units used from the pools.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Used {
    pub(super) added: u64,
    pub(super) taken: u64,
}

impl Used {
    const fn is_within(self, other: Self) -> bool {
        self.added <= other.added && self.taken <= other.taken
    }
}

/// Of places, the least uses that were looked at.
type Places = HashMap<Box<[u32]>, Vec<Used>>;

/// Places and uses from which no order goes on: with these uses of the pools or higher ones.
#[derive(Default)]
pub(super) struct Dead(Places);

impl Dead {
    pub(super) fn covers(&self, placed: &[u32], used: Used) -> bool {
        let known = self.0.get(placed).into_iter().flatten();
        known.into_iter().any(|dead| dead.is_within(used))
    }
}

/// Adds a use to those of a place, unless one of them is no more than this.
fn note(places: &mut Places, placed: &[u32], used: Used) -> bool {
    let Some(known) = places.get_mut(placed) else {
        places.insert(placed.into(), vec![used]);
        return true;
    };
    if known.iter().any(|known| known.is_within(used)) {
        return false;
    }
    known.retain(|known| !used.is_within(*known));
    known.push(used);
    true
}

/// The sums of the calls that were placed, but for those of unknown outcome.
#[derive(Debug, Clone, Copy)]
struct Known {
    available: i128,
    reserved: i128,
    restocked: u64,
}

impl Known {
    fn after(self, item: &Item) -> Self {
        let change = Change::of(item.op, item.outcome);
        let mut after = self;
        after.available += i128::from(change.adds) - i128::from(change.takes);
        after.reserved += i128::from(item.op.reserved(item.outcome));
        if item.outcome == Outcome::Done {
            match item.op {
                Op::Commit(units) | Op::Release(units) => after.reserved -= i128::from(units),
                Op::Restock(units) => after.restocked = after.restocked.wrapping_add(units),
                _ => {}
            }
        }
        after
    }
}

/// Units of calls of unknown outcome, from their stamps on.
#[derive(Default)]
struct Pool {
    until: Vec<(u64, u64)>,
}

impl Pool {
    fn of(problem: &Problem, units: impl Fn(Op) -> u64) -> Self {
        let mut until: Vec<(u64, u64)> = Vec::new();
        for maybe in &problem.maybes {
            let units = units(maybe.op);
            if units > 0 {
                until.extend(maybe.called.iter().map(|&called| (called, units)));
            }
        }
        until.sort_unstable();
        let mut sum: u64 = 0;
        for (_, units) in &mut until {
            sum = sum.saturating_add(*units);
            *units = sum;
        }
        Self { until }
    }

    fn at(&self, at: u64) -> u64 {
        let calls = self.until.partition_point(|(called, _)| *called <= at);
        calls.checked_sub(1).map_or(0, |last| self.until[last].1)
    }

    fn all(&self) -> u64 {
        self.until.last().map_or(0, |(_, sum)| *sum)
    }
}

struct Pools {
    added: Pool,
    taken: Pool,
    restocked: Pool,
    released: Pool,
    reserved: Pool,
    /// Of what is reserved.
    settled: Pool,
    sold: Pool,
}

impl Pools {
    fn of(problem: &Problem) -> Self {
        let of = |units: fn(Op) -> u64| Pool::of(problem, units);
        Self {
            added: of(|op| Change::at_most(op).adds),
            taken: of(|op| Change::at_most(op).takes),
            restocked: of(|op| match op {
                Op::Restock(units) => units,
                _ => 0,
            }),
            released: of(|op| match op {
                Op::Release(units) => units,
                _ => 0,
            }),
            reserved: of(|op| op.reserved(Outcome::Unknown)),
            settled: of(|op| match op {
                Op::Commit(units) | Op::Release(units) => units,
                _ => 0,
            }),
            sold: of(|op| op.most().sells),
        }
    }
}

/// A call that can be placed next.
#[derive(Debug, Clone, Copy)]
struct Choice {
    lane: usize,
    known: Known,
    used: Used,
}

/// A step back: what is left to try from here, and the lane that led here.
struct Frame {
    choices: usize,
    lane: Option<usize>,
    used: Used,
}

struct Search<'a> {
    problem: &'a Problem,
    pools: Pools,
    limit: i128,
    placed: Vec<u32>,
    seen: Places,
    dead: Dead,
}

/// Searches for an order in which units from the pools stand for the calls of unknown outcome.
pub(super) fn search(problem: &Problem, effort: &mut Effort) -> (Found, Dead) {
    let mut search = Search {
        problem,
        pools: Pools::of(problem),
        limit: i128::from(problem.start.limit),
        placed: vec![0; problem.threads.len()],
        seen: Places::default(),
        dead: Dead::default(),
    };
    let found = search.run(effort);
    (found, search.dead)
}

impl Search<'_> {
    fn run(&mut self, effort: &mut Effort) -> Found {
        let start = self.problem.start.snapshot();
        let start = Known {
            available: i128::from(start.available),
            reserved: i128::from(start.reserved),
            restocked: start.restocked,
        };
        let mut choices: Vec<Choice> = Vec::new();
        let mut frames = vec![Frame {
            choices: 0,
            lane: None,
            used: Used::default(),
        }];
        if !self.choices(start, Used::default(), &mut choices) {
            return Found::Order;
        }
        while let Some(frame) = frames.last() {
            if choices.len() == frame.choices {
                note(&mut self.dead.0, &self.placed, frame.used);
                if let Some(lane) = frame.lane {
                    self.placed[lane] -= 1;
                }
                frames.pop();
                continue;
            }
            let Some(Choice { lane, known, used }) = choices.pop() else {
                break;
            };
            self.placed[lane] += 1;
            if !note(&mut self.seen, &self.placed, used) {
                self.placed[lane] -= 1;
                continue;
            }
            if !effort.step() {
                return Found::Nothing;
            }
            frames.push(Frame {
                choices: choices.len(),
                lane: Some(lane),
                used,
            });
            if !self.choices(known, used, &mut choices) {
                return Found::Order;
            }
        }
        Found::NoOrder
    }

    fn next(&self, lane: usize) -> Option<&Item> {
        self.problem.threads[lane].get(self.placed[lane] as usize)
    }

    /// Adds what can be placed next, the best last; says no if nothing is left to place.
    fn choices(&self, known: Known, used: Used, choices: &mut Vec<Choice>) -> bool {
        let lanes = 0..self.placed.len();
        let first_return = lanes
            .clone()
            .filter_map(|lane| Some(self.next(lane)?.returned));
        let Some(first_return) = first_return.min() else {
            return false;
        };
        let begin = choices.len();
        for lane in lanes {
            let item = self.next(lane).filter(|item| item.called <= first_return);
            let Some(item) = item else { continue };
            let Some(needs) = self.needs(item, known, used, first_return) else {
                continue;
            };
            let change = Change::of(item.op, item.outcome);
            let choice = Choice {
                lane,
                known: known.after(item),
                used: needs,
            };
            let settles = matches!(item.op, Op::Commit(_)) && item.outcome == Outcome::Done;
            if needs == used && change.adds == 0 && change.takes == 0 && !settles {
                choices.truncate(begin);
                choices.push(choice);
                return true;
            }
            choices.push(choice);
        }
        // A call that needs nothing from the pools first; of those, the one that returned first.
        choices[begin..].sort_by_key(|choice| {
            let returned = self.next(choice.lane).map_or(0, |item| item.returned);
            std::cmp::Reverse((choice.used != used, returned))
        });
        true
    }

    /// What has to be used from the pools if `item` stands here, if it can.
    fn needs(&self, item: &Item, known: Known, used: Used, now: u64) -> Option<Used> {
        self.is_settled(item, known).then_some(())?;
        let mut needs = used;
        if let Outcome::Snapshot(said) | Outcome::ExactSnapshot(said) = item.outcome {
            // What was restocked is exact, so all that is missing must have come.
            let missing = said.restocked.wrapping_sub(known.restocked);
            if missing > self.pools.restocked.at(now)
                || needs.added > missing.saturating_add(self.pools.released.at(now))
            {
                return None;
            }
            needs.added = needs.added.max(missing);
        }
        let available = known.available + i128::from(needs.added) - i128::from(needs.taken);
        let (least, most) = match Demand::of(item.op, item.outcome) {
            Demand::Any => (0, i128::MAX),
            Demand::AtLeast(units) => (i128::from(units), i128::MAX),
            Demand::AtMost(units) => (0, i128::from(units)),
            Demand::Exactly(units) => (i128::from(units), i128::from(units)),
            Demand::Never => return None,
        };
        let more = u64::try_from((least - available).max(0)).ok()?;
        let fewer = u64::try_from((available - most).max(0)).ok()?;
        needs.added = needs.added.checked_add(more)?;
        needs.taken = needs.taken.checked_add(fewer)?;
        let is_in_pools =
            needs.added <= self.pools.added.at(now) && needs.taken <= self.pools.taken.at(now);
        is_in_pools.then_some(needs)
    }

    /// Whether what is reserved and what is on hand may allow the answer, with all the pools' help.
    fn is_settled(&self, item: &Item, known: Known) -> bool {
        let pools = &self.pools;
        let all = |pool: &Pool| i128::from(pool.all());
        let on_hand = known.available + known.reserved;
        let start = self.problem.start.snapshot();
        match (item.op, item.outcome) {
            (Op::Commit(units) | Op::Release(units), Outcome::Done) => {
                known.reserved + all(&pools.reserved) >= i128::from(units)
            }
            (Op::Commit(units) | Op::Release(units), Outcome::Refused(Refusal::NotReserved)) => {
                known.reserved - all(&pools.settled) < i128::from(units)
            }
            (Op::Restock(units), Outcome::Done) if units > 0 => {
                on_hand - all(&pools.sold) + i128::from(units) <= self.limit
            }
            (Op::Restock(units), Outcome::Refused(Refusal::Overflow { .. })) => {
                on_hand + all(&pools.restocked) + i128::from(units) > self.limit
            }
            (_, Outcome::Snapshot(said)) => {
                let commits =
                    beside::commits(self.problem, &self.placed, item, &self.problem.start);
                let beside = i128::from(beside::sum(&commits));
                let most = known.reserved + all(&pools.reserved) + beside;
                let reserved = i128::from(said.reserved);
                said.balanced()
                    && said.initial == start.initial
                    && (known.reserved - all(&pools.settled)..=most).contains(&reserved)
            }
            (_, Outcome::ExactSnapshot(said)) => {
                let reserved = i128::from(said.reserved);
                said.balanced()
                    && said.initial == start.initial
                    && known.reserved + all(&pools.reserved) >= reserved
                    && known.reserved - all(&pools.settled) <= reserved
            }
            _ => true,
        }
    }
}
