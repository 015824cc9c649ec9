//! Histories that sums alone refute, without a search.
//!
//! At any instant, each call that returned before has happened, and none that was called later. So the
//! units in stock lie between two sums:
//!
//! - **at most** the units at first, and all that can have come by then, less what must have been
//!   taken;
//! - **at least** the units at first, and all that must have come by then, less all that can have been
//!   taken.
//!
//! What a snapshot calls reserved is more than one instant's: units that were reserved before it began, and
//! that no call settled until it ended, are reserved throughout, and it may not call them sold. Nor may it show more
//! units as reserved than were reserved at any instant of the call, or fewer as sold than a snapshot before it. A refusal that
//! came before it says how many were reserved at most.
//!
//! A call of unknown outcome can have happened at any instant from its call on, and never must have.
//!
//! Where units are withdrawn, what comes back pays what is owed: then the second sum says nothing, and the others stay
//! true.

use super::effect::{Change, Demand};
use super::problem::{Item, Problem};
use crate::op::Op;
use crate::outcome::{Outcome, Refusal};
use crate::snapshot::Snapshot;
use std::collections::BTreeMap;

/// A call whose answer no order explains, and the sum that shows it.
#[derive(Debug, Clone, Copy)]
pub struct Contradiction {
    /// The call.
    pub item: Item,
    /// What contradicts it.
    pub sum: Sum,
}

/// A sum that contradicts an answer, in units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Sum {
    /// When the call returned, more units were taken than can have come.
    Oversold {
        /// At first, and by all calls that were called by then.
        came: i128,
        /// How many of those come from calls of unknown outcome.
        unknown: i128,
        /// Taken by calls that had returned, this one included.
        taken: i128,
    },
    /// At every instant of the call at least this number of units was in stock.
    AtLeast(i128),
    /// At every instant of the call at most this number of units was in stock.
    AtMost(i128),
    /// At no instant of the call were the answered units in stock: always fewer or always more.
    Never,
    /// By the end of the call fewer units can have been added than the snapshot shows, or by its begin more were.
    Restocked {
        /// Added by calls that had returned before.
        least: i128,
        /// Added by calls that were called until its end.
        most: i128,
    },
    /// This number of units was reserved throughout the snapshot, by reservations that no call touched.
    Reserved(i128),
    /// At every instant of the snapshot at most this number of units was reserved.
    ReservedAtMost(i128),
    /// A snapshot that ended before showed this number of units as sold.
    Sold(u64),
    /// At most this number of units was on hand, and a restock was refused for want of room.
    OnHand(i128),
}

/// The contradiction whose call returned first, if sums alone show one.
#[must_use]
pub fn contradiction(problem: &Problem) -> Option<Contradiction> {
    let sums = Sums::of(problem);
    let contradictions = [
        oversold(problem),
        first(problem, |item| sums.in_stock(item)),
        first(problem, |item| sums.restocked(item)),
        reserved(problem),
        reserved_at_most(problem),
        reserved_after_refusal(problem),
        sold_fell(problem),
        sums.no_room(problem),
    ];
    let contradictions = contradictions.into_iter().flatten();
    contradictions.min_by_key(|found| found.item.returned)
}

fn first(problem: &Problem, look: impl Fn(&Item) -> Option<Sum>) -> Option<Contradiction> {
    let items = problem.threads.iter().flatten();
    let found = items.filter_map(|item| {
        let sum = look(item)?;
        Some(Contradiction { item: *item, sum })
    });
    found.min_by_key(|found| found.item.returned)
}

/// A sum that changes at stamps.
#[derive(Default)]
struct Course {
    steps: Vec<(u64, i128)>,
    first: i128,
}

impl Course {
    /// The course of a sum that begins with `first`, with changes in the sequence in which they are made.
    fn new(first: u64, changes: Vec<(u64, i128)>) -> Self {
        let first = i128::from(first);
        let mut sum = first;
        let mut steps = changes;
        for (_, step) in &mut steps {
            sum += *step;
            *step = sum;
        }
        Self { steps, first }
    }

    /// The steps that are made at `at` or before.
    fn until(&self, at: u64) -> usize {
        self.steps.partition_point(|(step, _)| *step <= at)
    }

    fn at(&self, at: u64) -> i128 {
        let made = self.until(at);
        made.checked_sub(1)
            .map_or(self.first, |last| self.steps[last].1)
    }

    /// The values from the one to the other stamp, in between steps that are made at one stamp too.
    fn between(&self, from: u64, to: u64) -> impl Iterator<Item = i128> {
        let steps = self.until(from)..self.until(to).max(self.until(from));
        let steps = self.steps[steps].iter().map(|(_, sum)| *sum);
        std::iter::once(self.at(from)).chain(steps)
    }
}

/// The first return at which more was taken than can have come.
fn oversold(problem: &Problem) -> Option<Contradiction> {
    // At one stamp, what is called may come before what returns.
    let mut steps: Vec<(u64, bool, i128, Option<Item>)> = Vec::new();
    for item in problem.threads.iter().flatten() {
        let change = Change::of(item.op, item.outcome);
        if change.adds > 0 {
            steps.push((item.called, false, i128::from(change.adds), None));
        }
        if change.takes > 0 && change.is_certain {
            steps.push((item.returned, true, i128::from(change.takes), Some(*item)));
        }
    }
    let mut unknown = Vec::new();
    for maybe in &problem.maybes {
        let adds = i128::from(Change::at_most(maybe.op).adds);
        if adds > 0 {
            steps.extend(maybe.called.iter().map(|&at| (at, false, adds, None)));
            unknown.extend(maybe.called.iter().map(|&at| (at, adds)));
        }
    }
    steps.sort_unstable_by_key(|(at, takes, ..)| (*at, *takes));
    let mut came = i128::from(problem.start.snapshot().available);
    let mut taken = 0;
    for (at, _, units, item) in steps {
        let Some(item) = item else {
            came += units;
            continue;
        };
        taken += units;
        if taken > came {
            let unknown = unknown.iter().filter(|(called, _)| *called <= at);
            let unknown = unknown.map(|(_, adds)| adds).sum();
            let sum = Sum::Oversold {
                came,
                unknown,
                taken,
            };
            return Some(Contradiction { item, sum });
        }
    }
    None
}

/// A snapshot that calls units sold, or has lost them, that were reserved throughout it.
fn reserved(problem: &Problem) -> Option<Contradiction> {
    let items = || problem.threads.iter().flatten();
    if !items().any(|item| said(item).is_some()) {
        return None;
    }
    let threads = Reserved::of_threads(problem);
    let mut unknown = Vec::new();
    for maybe in &problem.maybes {
        if let Op::Commit(units) | Op::Release(units) = maybe.op {
            unknown.extend(maybe.called.iter().map(|&at| (at, i128::from(units))));
        }
    }
    unknown.sort_unstable();
    let unknown = Course::new(0, unknown);
    first(problem, |item| {
        let untouched = threads.iter().map(|reserved| reserved.throughout(item));
        let least = untouched.sum::<i128>() - unknown.at(item.returned);
        (i128::from(said(item)?.reserved) < least).then_some(Sum::Reserved(least))
    })
}

/// A snapshot that shows more units as reserved than were at any of its instants. Keys may hold for ever.
fn reserved_at_most(problem: &Problem) -> Option<Contradiction> {
    let mut changes = Vec::new();
    for item in problem.threads.iter().flatten() {
        changes.push((item.called, may_reserve(item.op, item.outcome)));
        if let (Op::Commit(units) | Op::Release(units), Outcome::Done) = (item.op, item.outcome) {
            changes.push((after(item.returned), -i128::from(units)));
        }
    }
    for maybe in &problem.maybes {
        let units = may_reserve(maybe.op, Outcome::Unknown);
        changes.extend(maybe.called.iter().map(|&at| (at, units)));
    }
    changes.sort_unstable();
    let most = Course::new(problem.start.snapshot().reserved, changes);
    first(problem, |item| {
        let said = said(item)?;
        let most = most.between(item.called, item.returned).max()?;
        (i128::from(said.reserved) > most).then_some(Sum::ReservedAtMost(most))
    })
}

/// A snapshot that shows more units as reserved than can have been since a commit or a release before it was refused, because
/// fewer were reserved. Without this, it could show a commit that it overlaps as not made, though the refusal proves that it was.
/// Holds are settled by their keys alone, so a refusal says nothing of them.
fn reserved_after_refusal(problem: &Problem) -> Option<Contradiction> {
    let items = || problem.threads.iter().flatten();
    let mut refused: Vec<(u64, u64, i128)> = items()
        .filter_map(|item| match (item.op, item.outcome) {
            (Op::Commit(units) | Op::Release(units), Outcome::Refused(Refusal::NotReserved)) => {
                Some((item.returned, item.called, i128::from(units) - 1))
            }
            _ => None,
        })
        .collect();
    if refused.is_empty() {
        return None;
    }
    let (mut may, mut must) = (Vec::new(), Vec::new());
    for item in items() {
        may.push((item.called, may_reserve(item.op, item.outcome)));
        let units = item.op.reserved(item.outcome);
        must.push((after(item.returned), i128::from(units)));
    }
    for maybe in &problem.maybes {
        let units = may_reserve(maybe.op, Outcome::Unknown);
        may.extend(maybe.called.iter().map(|&at| (at, units)));
    }
    may.sort_unstable();
    must.sort_unstable();
    let (may, must) = (Course::new(problem.start.held(), may), Course::new(0, must));
    refused.sort_unstable();
    // What was reserved before a refusal was in its figure. The least that those say which came first.
    let mut least = i128::MAX;
    for (_, called, most) in &mut refused {
        least = least.min(*most - must.at(*called));
        *most = least;
    }
    first(problem, |item| {
        let said = said(item)?;
        let before = refused.partition_point(|(returned, ..)| *returned < item.called);
        let (.., most) = refused[..before].last()?;
        let most = most + may.at(item.returned);
        (i128::from(said.reserved) > most).then_some(Sum::ReservedAtMost(most))
    })
}

/// The most units that a call has reserved, those of a key included.
fn may_reserve(op: Op, outcome: Outcome) -> i128 {
    i128::from(match (op, outcome) {
        (Op::Place { units, .. }, Outcome::Done | Outcome::Unknown) => units,
        (op, outcome) => op.reserved(outcome),
    })
}

/// A snapshot that shows fewer units as sold than one that ended before it began. The sum wraps.
fn sold_fell(problem: &Problem) -> Option<Contradiction> {
    let items = problem.threads.iter().flatten();
    let mut snapshots: Vec<_> = items
        .filter_map(|item| Some((*item, said(item)?.sold)))
        .collect();
    snapshots.sort_unstable_by_key(|(item, _)| item.returned);
    // The most that was shown until each of them ended.
    let mut shown: Vec<(u64, u64)> = Vec::new();
    for &(item, sold) in &snapshots {
        let before = shown.partition_point(|(returned, _)| *returned < item.called);
        let most = before.checked_sub(1).map(|last| shown[last].1);
        if let Some(most) =
            most.filter(|&most| most.wrapping_sub(sold).wrapping_sub(1) < u64::MAX / 2)
        {
            let sum = Sum::Sold(most);
            return Some(Contradiction { item, sum });
        }
        let until = shown.last().map_or(sold, |(_, most)| sold.max(*most));
        shown.push((item.returned, until));
    }
    None
}

/// What a snapshot said.
const fn said(item: &Item) -> Option<Snapshot> {
    match item.outcome {
        Outcome::Snapshot(said) | Outcome::ExactSnapshot(said) => Some(said),
        _ => None,
    }
}

/// What a thread reserved and settled, or all threads together.
struct Reserved {
    /// Reserved for sure, from the return of the call on.
    made: Course,
    /// Settled perhaps, from the call on.
    settled: Course,
}

impl Reserved {
    /// Each thread's own, if no thread settles what another reserved; else the sums of all.
    fn of_threads(problem: &Problem) -> Vec<Self> {
        type Calls = [Vec<(u64, i128)>; 2];
        let mut threads: BTreeMap<usize, Calls> = BTreeMap::new();
        let mut all = Calls::default();
        let items = problem.threads.iter().flatten();
        for item in items {
            let (kind, change) = match (item.op, item.outcome) {
                (op, outcome) if op.reserves_units() => {
                    let units = op.reserved(outcome);
                    (0, (after(item.returned), i128::from(units)))
                }
                (Op::Commit(units) | Op::Release(units), Outcome::Done) => {
                    (1, (item.called, i128::from(units)))
                }
                _ => continue,
            };
            threads.entry(item.thread).or_default()[kind].push(change);
            all[kind].push(change);
        }
        let first = problem.start.snapshot().reserved;
        let course = |first: u64, [mut made, mut settled]: Calls| {
            made.sort_unstable();
            settled.sort_unstable();
            let (made, settled) = (Course::new(first, made), Course::new(0, settled));
            Self { made, settled }
        };
        let own: Vec<Self> = threads
            .into_values()
            .map(|calls| course(0, calls))
            .collect();
        let settles_own = |reserved: &Self| {
            let mut steps = reserved.settled.steps.iter();
            // A reserve that returned at the stamp of the call counts as made.
            steps.all(|(at, settled)| *settled <= reserved.made.at(after(*at)))
        };
        if first == 0 && own.iter().all(settles_own) {
            own
        } else {
            vec![course(first, all)]
        }
    }

    /// Units that were reserved before a call and that nobody settled until its return.
    fn throughout(&self, item: &Item) -> i128 {
        let untouched = self.made.at(item.called) - self.settled.at(item.returned);
        // Of what was settled meanwhile, some may have been reserved meanwhile.
        let before = self.made.at(item.called) - self.settled.at(item.called);
        untouched.clamp(0, before.max(0))
    }
}

struct Sums {
    /// In stock at least and at most, between the stamps. With withdrawals nobody knows the least.
    least: Option<Course>,
    most: Course,
    /// Restocked at least and at most.
    restocked: [Course; 2],
}

/// The stamp from which on a call that returned at `returned` precedes others.
const fn after(returned: u64) -> u64 {
    returned.saturating_add(1)
}

impl Sums {
    fn of(problem: &Problem) -> Self {
        let (mut least, mut most) = (Vec::new(), Vec::new());
        let (mut came, mut may_come) = (Vec::new(), Vec::new());
        for item in problem.threads.iter().flatten() {
            let change = Change::of(item.op, item.outcome);
            let (adds, takes) = (i128::from(change.adds), i128::from(change.takes));
            if takes > 0 {
                least.push((item.called, -takes));
                if change.is_certain {
                    most.push((after(item.returned), -takes));
                }
            }
            if adds > 0 {
                least.push((after(item.returned), adds));
                most.push((item.called, adds));
            }
            if let (Op::Restock(_), true) = (item.op, adds > 0) {
                came.push((after(item.returned), adds));
                may_come.push((item.called, adds));
            }
        }
        for maybe in &problem.maybes {
            let change = Change::at_most(maybe.op);
            for &called in &maybe.called {
                if change.takes > 0 {
                    least.push((called, -i128::from(change.takes)));
                }
                if change.adds > 0 {
                    most.push((called, i128::from(change.adds)));
                }
                if let Op::Restock(units) = maybe.op {
                    may_come.push((called, i128::from(units)));
                }
            }
        }
        // At one stamp, what ends before: then no sum in between is beyond both its neighbours.
        least.sort_unstable_by_key(|(at, change)| (*at, *change < 0));
        most.sort_unstable_by_key(|(at, change)| (*at, *change > 0));
        let start = problem.start.snapshot();
        let restocked = [came, may_come].map(|mut changes| {
            changes.sort_unstable();
            Course::new(start.restocked, changes)
        });
        Self {
            least: (!problem.owes()).then(|| Course::new(start.available, least)),
            most: Course::new(start.available, most),
            restocked,
        }
    }

    /// What contradicts what a call says about the units in stock.
    fn in_stock(&self, item: &Item) -> Option<Sum> {
        let (from, to) = (item.called, item.returned);
        // The call's own units are not gone when it looks.
        let own = i128::from(Change::of(item.op, item.outcome).takes);
        let least = |units| {
            let course = self.least.as_ref()?;
            let least = course.between(from, to).map(|least| least + own).min()?;
            (least > units).then_some(Sum::AtLeast(least))
        };
        match Demand::of(item.op, item.outcome) {
            Demand::Any | Demand::AtLeast(_) => None,
            Demand::Never => Some(Sum::Never),
            Demand::AtMost(units) => least(i128::from(units)),
            Demand::Exactly(units) => {
                let units = i128::from(units);
                let fewer = least(units);
                if fewer.is_some() {
                    return fewer;
                }
                let most = || self.most.between(from, to);
                let is_true = most().any(|most| units <= most);
                (!is_true).then(|| Sum::AtMost(most().max().unwrap_or(0)))
            }
        }
    }

    fn restocked(&self, item: &Item) -> Option<Sum> {
        let said = said(item)?;
        let least = self.restocked[0].at(item.called);
        let most = self.restocked[1].at(item.returned);
        // The sum is modulo 2^64.
        if most > i128::from(u64::MAX) {
            return None;
        }
        let is_true = (least..=most).contains(&i128::from(said.restocked));
        (!is_true).then_some(Sum::Restocked { least, most })
    }

    /// A restock that was refused where there was room, whatever had come until its end.
    fn no_room(&self, problem: &Problem) -> Option<Contradiction> {
        let start = problem.start.snapshot();
        let limit = i128::from(problem.start.limit);
        first(problem, |item| {
            let (Op::Restock(units), Outcome::Refused(Refusal::Overflow { .. })) =
                (item.op, item.outcome)
            else {
                return None;
            };
            let came = self.restocked[1].at(item.returned) - i128::from(start.restocked);
            let most = i128::from(start.on_hand()) + came;
            (most + i128::from(units) <= limit).then_some(Sum::OnHand(most))
        })
    }
}
