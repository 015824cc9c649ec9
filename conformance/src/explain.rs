//! [`Explanation`]: why no sequence of the calls explains a history, in words.

use crate::hold_words;
use crate::window::{Shrinker, Window, solve};
use crate::words::{answered, beside, only, time, units_were};
use segstock_model::search::bounds::{Contradiction, Sum, contradiction};
use segstock_model::search::{Effort, Found, Problem};
use segstock_model::{Call, Op, Outcome, Refusal};
use std::cell::RefCell;
use std::fmt;
use std::time::Duration;

/// What each of the three steps of an explanation may cost, all its tries together: whether it is about numbers alone, a
/// smaller window, and the words.
const MOST_STATES: u64 = 400_000;
const MOST_TIME: Duration = Duration::from_millis(300);

/// What one step of an explanation may cost, with this many states for the search itself.
pub(super) fn effort(budget: u64) -> Effort {
    Effort::states(budget.min(MOST_STATES)).within(MOST_TIME)
}

/// What is known of the numbers in refusals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Numbers {
    /// They are left out: no order explains the history without them either.
    LeftOut,
    /// An order explains the history without them.
    Wrong,
    /// Which of the two was not found out.
    MayBeWrong,
}

/// What kind of answer cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// A call was refused that must not have been.
    Refusal,
    /// A call was rightly refused, and the number in its refusal is wrong.
    Number,
    /// A call was done that must not have been.
    Done,
    /// A read said what never was.
    Read,
    /// No answer: a panic, a call that did not return, a flow that did not run.
    Other,
}

impl Fault {
    fn of(call: &Call, numbers: Numbers) -> Self {
        match call.outcome {
            Outcome::Refused(_) if numbers == Numbers::Wrong && has_number(call.outcome) => {
                Self::Number
            }
            Outcome::Refused(_) => Self::Refusal,
            Outcome::Done | Outcome::UpTo(_) => Self::Done,
            Outcome::Unknown => Self::Other,
            _ => Self::Read,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Refusal => "a wrong refusal",
            Self::Number => "a wrong number in a refusal",
            Self::Done => "a call done that must not be",
            Self::Read => "a wrong read",
            Self::Other => "no answer",
        })
    }
}

fn has_number(outcome: Outcome) -> bool {
    without_number(outcome) != outcome
}

/// A refusal without the numbers that it gives.
pub(super) fn without_number(outcome: Outcome) -> Outcome {
    match outcome {
        Outcome::Refused(Refusal::Short { .. }) => {
            Outcome::Refused(Refusal::Short { available: None })
        }
        Outcome::Refused(Refusal::Overflow { .. }) => {
            Outcome::Refused(Refusal::Overflow { on_hand: None })
        }
        outcome => outcome,
    }
}

/// Why a history has no order: the smallest window of it that could be found and that still has none.
///
/// `Display` says it in words. What is said holds for *every* order of the window's calls, whichever
/// way those that overlap are placed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Explanation {
    /// The call at whose return the history became inexplicable.
    pub offender: Call,
    /// The calls that it takes to see that, the offender among them.
    pub window: Vec<Call>,
    /// The instant at which the window begins, in nanoseconds.
    pub from: u64,
    /// What kind of answer is wrong.
    pub fault: Fault,
    /// What cannot be, and why.
    words: String,
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)
    }
}

impl Explanation {
    /// The explanation with what must be known first.
    pub(super) fn with_words_before(self, before: &str) -> Self {
        let words = format!("{before} {}", self.words);
        Self { words, ..self }
    }

    /// Of something that needs no search: `offender` stands alone against `words`, if it was a call.
    pub(super) fn plain(offender: Option<Call>, calls: &[Call], words: String) -> Self {
        // No thread has that number, so nothing is marked.
        let nobody = Call::new(usize::MAX, 0, u64::MAX, Op::Available, Outcome::Unknown);
        Self {
            offender: offender.unwrap_or(nobody),
            window: calls.to_vec(),
            from: 0,
            fault: Fault::Other,
            words,
        }
    }
}

/// Explains why `history`, made of `calls`, has no order, at the cost of `budget` states at most for each step.
pub(super) fn explain(
    history: &Problem,
    calls: &[Call],
    budget: u64,
    numbers: Numbers,
) -> Explanation {
    let mut effort = self::effort(budget);
    let window = Shrinker::new(&mut effort).shrink(history);
    // When the effort is spent, the sums are a better explanation than a window that is too large.
    if effort.spent().is_some()
        && let Some(found) = contradiction(history)
    {
        return by_sums(&found, calls, numbers);
    }
    let offender = calls[window.offender.index];
    let speaker = Speaker {
        window: &window,
        calls,
        fault: Fault::of(&offender, numbers),
        numbers,
        effort: RefCell::new(self::effort(budget)),
    };
    Explanation {
        offender,
        fault: speaker.fault,
        window: window.left.iter().map(|&index| calls[index]).collect(),
        from: window.from,
        words: speaker.words(),
    }
}

/// What sums alone say.
fn by_sums(found: &Contradiction, calls: &[Call], numbers: Numbers) -> Explanation {
    let call = calls[found.item.index];
    let why = match found.sum {
        Sum::Oversold {
            came,
            unknown,
            taken,
        } => format!(
            "when it returned, {taken} units had been taken, and no more than {came} can have been there, \
             {unknown} of them by calls of unknown outcome"
        ),
        Sum::AtLeast(least) => {
            format!("at every instant in between at least {least} units were in stock")
        }
        Sum::AtMost(most) => {
            format!("at every instant in between at most {most} units were in stock")
        }
        Sum::Restocked { least, most } if least == most => {
            format!("{least} units had been restocked, no more and no fewer")
        }
        Sum::Restocked { least, most } => {
            format!("between {least} and {most} units had been restocked")
        }
        Sum::Reserved(least) => format!("{least} units were reserved throughout"),
        Sum::ReservedAtMost(most) => {
            format!("at every instant in between at most {most} units were reserved")
        }
        Sum::Sold(most) => format!("a snapshot before it showed {most} units as sold"),
        Sum::OnHand(most) => format!("at most {most} units can have been on hand"),
        _ => "at no instant in between can that be".to_owned(),
    };
    let (called, returned) = (time(call.called), time(call.returned));
    let answered = answered(&call);
    Explanation {
        offender: call,
        window: vec![call],
        from: call.called,
        fault: Fault::of(&call, numbers),
        words: format!(
            "{answered} between {called} and {returned}; {why}, whichever calls of unknown outcome happened"
        ),
    }
}

struct Speaker<'a> {
    window: &'a Window,
    calls: &'a [Call],
    fault: Fault,
    numbers: Numbers,
    effort: RefCell<Effort>,
}

impl Speaker<'_> {
    fn words(&self) -> String {
        let call = self.calls[self.window.offender.index];
        let (called, returned) = (time(call.called), time(call.returned));
        let answered = answered(&call);
        let claim = self.claim(&call);
        let claim = match (self.numbers, self.fault) {
            (_, Fault::Number) => {
                format!("the refusal is right, but its number is wrong: {claim}")
            }
            (Numbers::MayBeWrong, Fault::Refusal) if has_number(call.outcome) => {
                format!("the refusal or its number is wrong: {claim}")
            }
            _ => claim,
        };
        let mut words = format!("{answered} between {called} and {returned}; {claim}, because");
        for reason in self.reasons() {
            words.push_str("\n  - ");
            words.push_str(&reason);
        }
        words
    }

    /// What is true of every order, and so contradicts the call.
    fn claim(&self, call: &Call) -> String {
        if let Some(claim) = hold_words::claim(call, self.calls) {
            return claim;
        }
        let claim = match (call.op, call.outcome) {
            (_, Outcome::Refused(Refusal::Short { .. }) | Outcome::AtMost(_)) => self.at_least(),
            (op, Outcome::UpTo(units)) if op.sells_or_reserves() => match self.left_for_it(units) {
                Some(most) if most < units => Some(only(most)),
                _ => self.at_least(),
            },
            (op, Outcome::Done) if op.sells_or_reserves() => self.left_for_it(op.units()).map(only),
            (_, Outcome::Exactly(units)) => match self.least() {
                Some(least) if least > units => self.at_least(),
                _ => Some(format!("at no instant in between could there be {units}")),
            },
            (_, Outcome::Snapshot(sums) | Outcome::ExactSnapshot(sums)) => {
                Some(if let Some(least) = self.reserved_throughout() {
                    format!(
                        "{least} units were reserved throughout, by reservations that no call touched"
                    )
                } else if sums.balanced() {
                    "at no instant in between were these the figures".to_owned()
                } else {
                    "they do not add up".to_owned()
                })
            }
            (op, Outcome::Done) if op.settles_units() => {
                Some("at no instant in between were that many units reserved".to_owned())
            }
            _ => None,
        };
        claim.unwrap_or_else(|| "no order of these calls allows that".to_owned())
    }

    /// Units that were reserved as long as the offender ran, if it says that they were fewer.
    fn reserved_throughout(&self) -> Option<i128> {
        let least = self.window.cases.iter().map(|case| {
            let found = contradiction(case)?;
            let is_offender = found.item.index == self.window.offender.index;
            match found.sum {
                Sum::Reserved(least) if is_offender => Some(least),
                _ => None,
            }
        });
        least.min()?
    }

    fn at_least(&self) -> Option<String> {
        let least = self.least()?;
        Some(format!(
            "at every instant in between at least {} in stock",
            units_were(least)
        ))
    }

    /// Units that were in stock at every instant of the offender, if that can be said for sure.
    fn least(&self) -> Option<u64> {
        let is_bound = |units| self.could_be(Op::Available, Outcome::AtMost(units));
        let (mut least, mut most) = (0, 1);
        while !is_bound(most)? {
            most = most.checked_mul(2)?;
        }
        while least < most {
            let middle = u64::midpoint(least, most);
            if is_bound(middle)? {
                most = middle;
            } else {
                least = middle + 1;
            }
        }
        Some(least)
    }

    /// The most that the offender could have taken, given all the others, if that can be said for
    /// sure.
    fn left_for_it(&self, units: u64) -> Option<u64> {
        /// Enough for words; larger orders are spoken of in general.
        const MOST: u64 = 1_000;
        for units in (0..units.min(MOST)).rev() {
            if self.could_be(Op::Deduct(units), Outcome::Done)? {
                return Some(units);
            }
        }
        None
    }

    /// Whether an order explains the window if the offender is another call; no answer if the budget
    /// does not suffice to know.
    fn could_be(&self, op: Op, outcome: Outcome) -> Option<bool> {
        let offender = self.window.offender.index;
        let found = self.window.cases.iter().map(|case| {
            let mut other = case.clone();
            for item in other.threads.iter_mut().flatten() {
                if item.index == offender {
                    (item.op, item.outcome) = (op, outcome);
                }
            }
            solve(&other, &mut self.effort.borrow_mut())
        });
        let mut is_known = true;
        for found in found {
            match found {
                Found::Order => return Some(true),
                Found::Nothing => is_known = false,
                Found::NoOrder => {}
            }
        }
        is_known.then_some(false)
    }

    fn reasons(&self) -> Vec<String> {
        let mut reasons = vec![self.at_first()];
        let offender = self.window.offender;
        for &index in self
            .window
            .left
            .iter()
            .filter(|&&index| index != offender.index)
        {
            reasons.push(beside(&self.calls[index], &offender));
        }
        let call = self.calls[offender.index];
        let of_hold = hold_words::reasons(&call, self.calls);
        let is_of_hold = !of_hold.is_empty();
        reasons.extend(of_hold);
        let case = self
            .window
            .cases
            .iter()
            .max_by_key(|case| case.maybes.len());
        let maybes = case.into_iter().flat_map(|case| &case.maybes);
        // Of a hold's clock it was said above what difference it makes.
        let maybes = maybes.filter(|maybe| !(is_of_hold && hold_words::is_of_hold(maybe.op)));
        let maybes: Vec<String> = maybes
            .filter(|maybe| !maybe.called.is_empty())
            .map(|maybe| match maybe.called.len() {
                1 => maybe.op.to_string(),
                times => format!("{} ({times} times)", maybe.op),
            })
            .collect();
        if !maybes.is_empty() {
            let maybes = maybes.join(", ");
            reasons.push(format!(
                "when these happened, if they did, makes no difference: {maybes}"
            ));
        }
        reasons.push("no other call changed the stock in that time".to_owned());
        reasons
    }

    fn at_first(&self) -> String {
        let starts = self
            .window
            .cases
            .iter()
            .map(|case| case.start.snapshot().available);
        let (least, most) = (starts.clone().min().unwrap_or(0), starts.max().unwrap_or(0));
        let many = if least == most {
            units_were(least)
        } else {
            format!("{least} to {most} units were")
        };
        match self.window.from {
            0 => format!("at first {many} in stock"),
            from => format!(
                "at {} {many} in stock, all calls added up that had returned",
                time(from)
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::Checker;
    use segstock_model::search::Item;

    /// What is said of a call beside others, if `budget` states may be looked at for it.
    fn words(offender: Call, budget: u64) -> String {
        let done = |thread, returned, op| Call::new(thread, 0, returned, op, Outcome::Done);
        let calls = [
            done(0, 20, Op::Restock(5)),
            done(1, 30, Op::Deduct(4)),
            done(2, 40, Op::Deduct(5)),
            offender,
        ];
        let offender_call = offender;
        let problem = Checker::new().problem(10, &calls);
        let item = |item: &&Item| item.index == 3;
        let offender = *problem.threads.iter().flatten().find(item).unwrap();
        // All of it: a smaller one would leave nothing to search for.
        let window = Window {
            from: 0,
            offender,
            left: (0..calls.len()).collect(),
            cases: vec![problem],
        };
        let speaker = Speaker {
            window: &window,
            calls: &calls,
            fault: Fault::of(&offender_call, Numbers::LeftOut),
            numbers: Numbers::LeftOut,
            effort: RefCell::new(Effort::states(budget)),
        };
        speaker.words()
    }

    /// The least that was in stock takes some search: the restock is tried first of all.
    #[test]
    fn a_spent_budget_is_no_proof() {
        let short = Outcome::Refused(Refusal::Short { available: None });
        let refused = Call::new(3, 10, 50, Op::Deduct(1), short);
        let sold = Call::new(3, 10, 50, Op::Deduct(20), Outcome::Done);
        for (call, kind) in [(refused, "at least"), (sold, "no more than")] {
            let said = |budget| words(call, budget).lines().next().map(str::to_owned);
            let claim = said(1_000).expect("it says something");
            assert!(claim.contains(kind), "{claim}");
            for budget in 0..40 {
                let said = said(budget).expect("it says something");
                let careful = said.contains("no order of these calls");
                assert!(careful || said == claim, "{budget}: {said}, not {claim}");
            }
            // The sums of an oversell need no search.
            assert!(kind == "no more than" || said(0) != Some(claim));
        }
    }
}
