//! Trials of what a random mix does not reach: nothing, too much, and a caller that panics.

use super::play::{Failure, Played, together};
use super::{Call, Explanation, Log, Options, Subject};
use crate::model::{Books, Op, Outcome, Refusal};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc;

/// A trial: what was played, and what is wrong with it, if anything.
pub(super) struct Trial {
    pub(super) played: Played,
    pub(super) fault: Option<Explanation>,
}

impl Trial {
    /// What was played, with the fault that `look` finds in it, unless it did not come to its end.
    fn of(played: Played, look: impl FnOnce(&Played) -> Option<(Call, String)>) -> Self {
        let calls = played.history.calls();
        let fault = match &played.failure {
            // The call that never returned, if any was recorded.
            Some(failure) => {
                let call = calls.iter().find(|call| call.returned == u64::MAX);
                Some((call.or(calls.last()).copied(), failure.to_string()))
            }
            None => look(&played).map(|(call, words)| (Some(call), words)),
        };
        let fault = fault.map(|(call, words)| {
            let nothing = Call::new(0, 0, 0, Op::Available, Outcome::Unknown);
            Explanation::plain(call.unwrap_or(nothing), calls, words)
        });
        Self { fault, played }
    }
}

/// Of nothing there is always enough, also where there is nothing.
pub(super) fn zero<S: Subject + 'static>(options: &Options, open: impl Fn(u64) -> S) -> Vec<Trial> {
    let trial = |units| {
        let script = move |subject: &S, log: &mut Log| {
            for op in [
                Op::Deduct(0),
                Op::Restock(0),
                Op::DeductUpTo(0),
                Op::Reserve(0),
            ] {
                log.run(subject, op);
            }
            log.run(subject, Op::Available);
            if units == 0 {
                log.run(subject, Op::DeductUpTo(3));
            }
            log.run(subject, Op::Snapshot);
        };
        let played = together(open(units), units, 1, options.patience, script, |_, _| ());
        Trial::of(played, |played| of_nothing(played, options, units))
    };
    vec![trial(0), trial(3)]
}

/// The first call that was refused nothing, or that changed something, where nothing was asked for.
fn of_nothing(played: &Played, options: &Options, units: u64) -> Option<(Call, String)> {
    let wrong = |call: &&Call| match (call.op, call.outcome) {
        (
            Op::Deduct(0) | Op::Restock(0) | Op::DeductUpTo(0) | Op::Reserve(0),
            Outcome::Refused(_),
        ) => true,
        (_, Outcome::AtMost(left)) => options.bounds && left != units,
        (_, Outcome::Took(taken)) => taken > 0,
        (_, Outcome::Books(books)) => books.available != units || !books.balanced(),
        _ => false,
    };
    let call = played.history.calls().iter().find(wrong)?;
    let (op, outcome) = (call.op, call.outcome);
    Some((
        *call,
        format!("with {units} in stock {op} answered \u{201c}{outcome}\u{201d}"),
    ))
}

/// What cannot be counted is refused and changes nothing; what is done is counted.
pub(super) fn overflow<S: Subject + 'static>(
    options: &Options,
    open: impl Fn(u64) -> S,
) -> Vec<Trial> {
    const UNITS: u64 = 5;
    let limit = options.limit;
    let room = limit - UNITS.min(limit);
    let amounts = [
        u64::MAX,
        u64::MAX - UNITS + 1,
        room.saturating_add(1),
        room,
        1,
    ];
    let trial = |amount: u64| {
        let script = move |subject: &S, log: &mut Log| {
            log.run(subject, Op::Restock(amount));
            log.run(subject, Op::Available);
            log.run(subject, Op::Snapshot);
            log.run(subject, Op::Deduct(UNITS));
            log.run(subject, Op::Restock(UNITS));
        };
        let played = together(open(UNITS), UNITS, 1, options.patience, script, |_, _| ());
        Trial::of(played, |played| miscounted(played, options, limit))
    };
    amounts.map(trial).into()
}

/// Whether a counter that nobody else calls counts on as it answers; more than its limit, if it can.
fn miscounted(played: &Played, options: &Options, limit: u64) -> Option<(Call, String)> {
    let mut held = u128::from(played.history.initial());
    for call in played.history.calls() {
        let wrong = match (call.op, call.outcome) {
            (Op::Restock(units), Outcome::Done) => {
                held += u128::from(units);
                held > u128::from(u64::MAX)
            }
            (Op::Restock(units), Outcome::Refused(Refusal::Overflow { .. })) => {
                held + u128::from(units) <= u128::from(limit)
            }
            (Op::Deduct(units), Outcome::Done) => {
                let enough = held >= u128::from(units);
                held = held.saturating_sub(u128::from(units));
                !enough
            }
            (Op::Available, Outcome::AtMost(left)) => options.bounds && u128::from(left) != held,
            (Op::Snapshot, Outcome::Books(books)) => u128::from(books.available) != held,
            (_, Outcome::Refused(_)) => options.exact_refusals,
            _ => false,
        };
        if wrong {
            let (op, outcome) = (call.op, call.outcome);
            let words = format!(
                "{op} answered \u{201c}{outcome}\u{201d}; by the answers before, it makes {held} in stock, and it can count to {limit}"
            );
            return Some((*call, words));
        }
    }
    None
}

/// Orders of which every second one panics in the caller's code, first alone, then beside others.
/// Nothing if the counter runs no code of callers.
pub(super) fn panics<S: Subject + 'static>(
    options: &Options,
    open: impl Fn(u64) -> S,
    rounds: usize,
) -> Vec<Trial> {
    let mut trials = Vec::new();
    for round in 0..rounds {
        let threads = if round == 0 { 1 } else { options.threads };
        let units = 2 + round as u64 % 6;
        let (sender, receiver) = mpsc::channel();
        let script = move |subject: &S, log: &mut Log| {
            for turn in 0..6_u64 {
                let ran = order(subject, log, 1 + turn % 2, turn % 2 == 0);
                if let Err(why) = ran {
                    _ = sender.send(why);
                    return;
                }
                log.run(subject, Op::Restock(1));
            }
        };
        let rest = |subject: &S, log: &mut Log| {
            log.run(subject, Op::Available);
            log.run(subject, Op::Snapshot);
            log.run(subject, Op::Restock(1));
            log.run(subject, Op::Deduct(1));
        };
        let played = together(open(units), units, threads, options.patience, script, rest);
        match receiver.try_recv() {
            Ok(NoSum::NotOffered) => return Vec::new(),
            Ok(NoSum::Unknown) => continue,
            Err(_) => {}
        }
        let is_stuck = matches!(played.failure, Some(Failure::Stuck(_)));
        trials.push(Trial::of(played, |played| lost(played, options)));
        if is_stuck {
            break;
        }
    }
    trials
}

/// The panic of a caller; it is not a panic of the counter.
struct CallersPanic;

/// Why nobody can say what must be left.
enum NoSum {
    NotOffered,
    /// An order may have happened.
    Unknown,
}

/// Runs an order, whose own panic is nothing special.
fn order<S: Subject>(subject: &S, log: &mut Log, units: u64, panics: bool) -> Result<(), NoSum> {
    let mut flow = || {
        if panics {
            // Past the hook that would print it.
            resume_unwind(Box::new(CallersPanic));
        }
    };
    let ran = catch_unwind(AssertUnwindSafe(|| log.order(subject, units, &mut flow)));
    match ran {
        Ok(None) => Err(NoSum::NotOffered),
        Ok(Some(Outcome::Unknown)) => Err(NoSum::Unknown),
        Ok(Some(_)) => Ok(()),
        Err(payload) if payload.is::<CallersPanic>() => Ok(()),
        Err(payload) => resume_unwind(payload),
    }
}

/// What is missing, or too much, when all is over. An order whose flow panicked sold nothing.
fn lost(played: &Played, options: &Options) -> Option<(Call, String)> {
    let calls = played.history.calls();
    let (before, at_rest) = calls.split_at(calls.len() - played.at_rest);
    let mut expected = i128::from(played.history.initial());
    for call in before {
        match (call.op, call.outcome) {
            (Op::Deduct(units), Outcome::Done) => expected -= i128::from(units),
            (Op::Restock(units), Outcome::Done) => expected += i128::from(units),
            _ => {}
        }
    }
    let panicked = before
        .iter()
        .filter(|call| call.outcome == Outcome::Unknown)
        .count();
    let (call, left) = at_rest.iter().find_map(|call| {
        let left = match call.outcome {
            Outcome::AtMost(left) => {
                (options.bounds && i128::from(left) != expected).then_some(left)
            }
            Outcome::Books(Books {
                available,
                reserved,
                ..
            }) => (i128::from(available) != expected || reserved > 0).then_some(available),
            // Another unit was added, so it can be had.
            Outcome::Refused(_) => options.exact_refusals.then_some(0),
            _ => None,
        };
        left.map(|left| (*call, left))
    })?;
    let words = format!(
        "after {panicked} orders whose flow panicked, in stock: {left}; by what was done it must be {expected}"
    );
    Some((call, words))
}
