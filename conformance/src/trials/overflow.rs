//! More units than a counter can count: ordered, restocked, reserved, and restocked by several threads at once.

use super::Trial;
use super::held::{Held, contradiction};
use crate::crew::Crew;
use crate::options::Options;
use crate::play::{Played, together};
use crate::recorder::Log;
use crate::reduced::{NotOpened, Open, Reduced};
use crate::request::named;
use crate::subject::{Answer, Subject};
use segstock_model::{Call, Op, Outcome, Refusal};
use std::sync::{Arc, OnceLock};

/// What each counter is opened with.
const UNITS: u64 = 5;

/// One thread orders and restocks more than can be counted. A refused call must change nothing, and an accepted one
/// must be counted.
pub(in super::super) fn overflow(
    options: &Options,
    crew: &mut Crew,
    open: Open<'_>,
) -> Result<Vec<Trial>, NotOpened> {
    let mut trials = Vec::new();
    for script in scripts(options) {
        let script = move |subject: &Reduced, log: &mut Log| run(subject, log, &script);
        let subject = open(UNITS)?;
        let played = together(crew, subject, UNITS, 1, options.patience, script, |_, _| ());
        let is_stuck = played.is_stuck();
        trials.push(Trial::of(played, about, |played| {
            miscounted(played, options)
        }));
        if is_stuck {
            break;
        }
    }
    Ok(trials)
}

/// Several threads restock more together than can be counted, in some rounds.
pub(in super::super) fn overflow_races(
    options: &Options,
    crew: &mut Crew,
    open: Open<'_>,
    rounds: usize,
    is_over: impl Fn() -> bool,
) -> Result<Vec<Trial>, NotOpened> {
    let mut trials = Vec::new();
    for _ in 0..rounds {
        if is_over() {
            break;
        }
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
    use Op::{Available, Deduct, Release, Reserve, Restock, Snapshot};
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
    // Numbers that a narrower type, or one with a sign, takes for small or negative ones.
    let asked_for = [u64::MAX, 1 << 63, 1 << 32, limit.saturating_add(1)];
    let asked_for = asked_for.map(|units| {
        let orders = || Op::each(units).filter(|op| op.sells_or_reserves());
        let asks = orders().filter(|op| !op.is_up_to());
        let takes = orders().filter(|op| op.is_up_to()).flat_map(|op| {
            let back = if op.reserves_units() {
                Release
            } else {
                Restock
            };
            [op, Available, back(UNITS), Available]
        });
        asks.chain([Available, Snapshot]).chain(takes).collect()
    });
    // Reserved units may come back, so there must be room for them.
    let beside = [room, room.saturating_add(UNITS)].map(|units| {
        let (reserve, release) = (Reserve(UNITS), Release(UNITS));
        vec![reserve, Restock(units), release, Available, Snapshot]
    });
    brought.into_iter().chain(asked_for).chain(beside).collect()
}

/// Makes the calls one after another, but releases nothing that was not reserved.
fn run(subject: &Reduced, log: &mut Log, script: &[Op]) {
    let mut has_reserved = false;
    for &op in script {
        if matches!(op, Op::Release(_)) && !has_reserved {
            continue;
        }
        let outcome = log.run(subject, op);
        if op.reserves_units() {
            has_reserved = matches!(outcome, Some(Outcome::Done | Outcome::UpTo(UNITS)));
        }
    }
}

/// The first answer that contradicts those before it; one thread calls.
fn miscounted(played: &Played, options: &Options) -> Option<(Call, String)> {
    let history = &played.history;
    contradiction(Held::new(history.initial()), history.calls(), options)
}

/// Several threads restock a counter that is almost full. `None` if it cannot be filled.
fn race(options: &Options, crew: &mut Crew, subject: Reduced) -> Option<Trial> {
    if options.draw.single {
        subject.close();
        return None;
    }
    let few = options.limit.saturating_sub(UNITS).min(3);
    let fill = options.limit.saturating_sub(UNITS + few);
    // Filled by the first thread, since a call may never return.
    let filled: Arc<OnceLock<bool>> = Arc::default();
    let fill_once = {
        let filled = Arc::clone(&filled);
        move |subject: &Reduced| {
            let fill = || named(|| subject.restock(fill)) == Answer::Done(());
            *filled.get_or_init(fill)
        }
    };
    let script = move |subject: &Reduced, log: &mut Log| {
        if !fill_once(subject) {
            return;
        }
        let steps = [2, 1, 3].map(Op::Restock);
        for op in steps.into_iter().chain([Op::Deduct(1)]).chain(steps) {
            std::thread::yield_now();
            log.run(subject, op);
        }
    };
    let is_full = Arc::clone(&filled);
    let rest = move |subject: &Reduced, log: &mut Log| {
        if is_full.get() == Some(&true) {
            for op in [Op::Available, Op::Deduct(1), Op::Available] {
                log.run(subject, op);
            }
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
    if filled.get() == Some(&false) {
        return None;
    }
    Some(Trial::of(played, about, |played| raced(played, options)))
}

/// What is wrong after a race for the last room. Restocks that race may together exceed the limit; then all of their
/// units must be in stock. A restock that is refused must have had no room.
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
