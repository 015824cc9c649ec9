//! More than can be counted: asked for, brought, set aside, and brought by several at once.

use super::Trial;
use super::held::{Held, contradiction};
use crate::crew::Crew;
use crate::play::{Played, together};
use crate::{Answer, Call, Log, Options, Subject};
use segstock_model::{Op, Outcome, Refusal};

/// What each counter is opened with.
const UNITS: u64 = 5;

/// What cannot be counted is refused and changes nothing; what is done is counted.
pub(in super::super) fn overflow<S: Subject + 'static, E>(
    options: &Options,
    crew: &mut Crew,
    open: impl Fn(u64) -> Result<S, E>,
    races: usize,
) -> Result<Vec<Trial>, E> {
    let mut trials = Vec::new();
    for script in scripts(options) {
        let script = move |subject: &S, log: &mut Log| run(subject, log, &script);
        let subject = open(UNITS)?;
        let played = together(crew, subject, UNITS, 1, options.patience, script, |_, _| ());
        trials.push(Trial::of(played, about, |played| {
            miscounted(played, options)
        }));
    }
    for _ in 0..races {
        let Some(trial) = race(options, crew, open(UNITS)?) else {
            break;
        };
        let is_over = trial.played.failure.is_some();
        trials.push(trial);
        if is_over {
            break;
        }
    }
    Ok(trials)
}

fn about(call: &Call) -> bool {
    !call.op.is_read()
}

/// What one thread calls of a counter with few units.
fn scripts(options: &Options) -> Vec<Vec<Op>> {
    use Op::{Available, Deduct, DeductUpTo, Release, Reserve, Restock, Snapshot};
    let limit = options.limit;
    if options.draw.single {
        return vec![vec![Restock(1), Available, Snapshot, Deduct(1)]];
    }
    let room = limit - UNITS.min(limit);
    let brought = [
        u64::MAX,
        u64::MAX - UNITS + 1,
        room.saturating_add(1),
        room,
        1,
    ];
    let brought = brought.map(|units| {
        let restock = Restock(units);
        vec![restock, Available, Snapshot, Deduct(UNITS), Restock(UNITS)]
    });
    // What a number of another width, or with a sign, takes for few or for less than none.
    let asked_for = [u64::MAX, 1 << 63, 1 << 32, limit.saturating_add(1)];
    let asked_for = asked_for.map(|units| {
        let asks = [Deduct(units), Reserve(units), Available, Snapshot];
        let takes = [DeductUpTo(units), Available, Restock(UNITS)];
        asks.into_iter().chain(takes).collect()
    });
    // What is set aside may come back, and needs its room.
    let beside = [room, room.saturating_add(UNITS)].map(|units| {
        let (aside, back) = (Reserve(UNITS), Release(UNITS));
        vec![aside, Restock(units), back, Available, Snapshot]
    });
    brought.into_iter().chain(asked_for).chain(beside).collect()
}

/// Calls one after another; what was not set aside is not put back.
fn run<S: Subject>(subject: &S, log: &mut Log, script: &[Op]) {
    let mut has_aside = false;
    for &op in script {
        if matches!(op, Op::Release(_)) && !has_aside {
            continue;
        }
        let outcome = log.run(subject, op);
        if matches!(op, Op::Reserve(_)) {
            has_aside = outcome == Some(Outcome::Done);
        }
    }
}

/// Whether a counter that nobody else calls counts on as it answers.
fn miscounted(played: &Played, options: &Options) -> Option<(Call, String)> {
    let history = &played.history;
    contradiction(Held::new(history.initial()), history.calls(), options)
}

/// Several threads bring units to a counter that is all but full. Nothing if it cannot be filled.
fn race<S: Subject + 'static>(options: &Options, crew: &mut Crew, subject: S) -> Option<Trial> {
    if options.draw.single {
        return None;
    }
    let few = options.limit.saturating_sub(UNITS).min(3);
    let fill = options.limit.saturating_sub(UNITS + few);
    if subject.restock(fill) != Answer::Done(()) {
        return None;
    }
    let script = |subject: &S, log: &mut Log| {
        let steps = [2, 1, 3].map(Op::Restock);
        for op in steps.into_iter().chain([Op::Deduct(1)]).chain(steps) {
            std::thread::yield_now();
            log.run(subject, op);
        }
    };
    let rest = |subject: &S, log: &mut Log| {
        for op in [Op::Available, Op::Deduct(1), Op::Available] {
            log.run(subject, op);
        }
    };
    let (threads, units) = (options.threads, UNITS + fill);
    let played = together(
        crew,
        subject,
        units,
        threads,
        options.patience,
        script,
        rest,
    );
    Some(Trial::of(played, about, |played| raced(played, options)))
}

/// What is wrong after a race for the last room. Restocks may each be accepted by what they saw: more
/// than the limit may be counted; but it must be there, and who is refused had no room.
fn raced(played: &Played, options: &Options) -> Option<(Call, String)> {
    let calls = played.history.calls();
    let (before, at_rest) = calls.split_at(calls.len() - played.at_rest);
    let initial = u128::from(played.history.initial());
    let brought = before.iter().map(|call| match (call.op, call.outcome) {
        (Op::Restock(units), Outcome::Done | Outcome::Unknown) => u128::from(units),
        _ => 0,
    });
    let most = initial + brought.sum::<u128>();
    let refused = before.iter().find(|call| match (call.op, call.outcome) {
        (Op::Restock(units), Outcome::Refused(Refusal::Overflow { .. })) => {
            most + u128::from(units) <= u128::from(options.limit)
        }
        _ => false,
    });
    if let Some(call) = refused {
        let (op, limit) = (call.op, options.limit);
        let words = format!(
            "{op} was refused; never were there more than {most} on hand, and it can count to {limit}"
        );
        return Some((*call, words));
    }
    let mut held = Held::new(played.history.initial());
    before.iter().for_each(|call| held.count(call));
    contradiction(held, at_rest, options)
}
