//! Trials of what random calls do not reach: orders of nothing, orders of too much, and callers that panic.

mod held;
mod orders;
mod overflow;
mod panics;

pub(super) use overflow::{overflow, overflow_races};
pub(super) use panics::panics;

use crate::crew::Crew;
use crate::explain::Explanation;
use crate::judge::{Ruling, is_known};
use crate::options::Options;
use crate::play::{Played, together};
use crate::recorder::Log;
use crate::reduced::{NotOpened, Open, Reduced};
use crate::report::Unjudged;
use segstock_model::{Call, Op, Outcome};

/// A trial: what was played, and what is wrong with it, if anything.
pub(super) struct Trial {
    pub(super) played: Played,
    pub(super) ruling: Ruling,
    pub(super) fault: Option<Explanation>,
    /// Whether the history breaks another promise than the trial's.
    pub(super) is_wrong_otherwise: bool,
    /// Calls that panicked in the caller's code, and so did not happen.
    pub(super) panicked: usize,
}

impl Trial {
    /// The trial of what was played: broken by a failure, or by the fault that `look` finds. It is judged only if a call
    /// that it is `about` has a known answer.
    fn of(
        played: Played,
        about: impl Fn(&Call) -> bool,
        look: impl FnOnce(&Played) -> Option<(Call, String)>,
    ) -> Self {
        let calls = played.history.calls();
        let fault = match &played.failure {
            Some(failure) => Some(failure.explain(&played.history)),
            None => look(&played).map(|(call, words)| Explanation::plain(Some(call), calls, words)),
        };
        let ruling = if fault.is_some() {
            Ruling::Broken
        } else if calls.iter().any(|call| about(call) && is_known(call)) {
            Ruling::Kept
        } else {
            Ruling::Unjudged(Unjudged::NoAnswer)
        };
        Self {
            played,
            ruling,
            fault,
            is_wrong_otherwise: false,
            panicked: 0,
        }
    }
}

/// Calls of 0 units, which are always done: also on a counter that is empty.
pub(super) fn zero(
    options: &Options,
    crew: &mut Crew,
    open: Open<'_>,
) -> Result<Vec<Trial>, NotOpened> {
    let mut trial = |units| {
        let script = move |subject: &Reduced, log: &mut Log| {
            let changes = |op: &Op| !op.is_read() && !op.settles_units();
            for op in Op::each(0).filter(changes) {
                log.run(subject, op);
            }
            log.run(subject, Op::Available);
            if units == 0 {
                log.run(subject, Op::DeductUpTo(3));
            }
            log.run(subject, Op::Snapshot);
        };
        let subject = open(units)?;
        let played = together(crew, subject, units, 1, options.patience, script, |_, _| ());
        let about = |call: &Call| !call.op.is_read();
        Ok(Trial::of(played, about, |played| {
            of_nothing(played, options, units)
        }))
    };
    let few = options.draw.most.map_or(3, |most| most.min(3));
    let first = trial(0)?;
    if first.played.is_stuck() {
        return Ok(vec![first]);
    }
    Ok(vec![first, trial(few)?])
}

/// A commit and a release of units that were never reserved, for a counter that promises to refuse them. `None` if the
/// counter does not reserve.
pub(super) fn unreserved(
    options: &Options,
    crew: &mut Crew,
    open: Open<'_>,
) -> Result<Option<Trial>, NotOpened> {
    let script = |subject: &Reduced, log: &mut Log| {
        for op in [
            Op::Release(1),
            Op::Commit(1),
            Op::Reserve(1),
            Op::Release(2),
            Op::Commit(2),
            Op::Release(1),
            Op::Release(1),
        ] {
            log.run(subject, op);
        }
        log.run(subject, Op::Available);
    };
    let units = options.draw.most.map_or(3, |most| most.min(3));
    let played = together(
        crew,
        open(units)?,
        units,
        1,
        options.patience,
        script,
        |_, _| (),
    );
    let settles = |call: &Call| call.op.settles_units();
    if played.failure.is_none() && !played.history.calls().iter().any(settles) {
        return Ok(None);
    }
    Ok(Some(Trial::of(played, settles, settled_unreserved)))
}

/// The first commit or release that was done of more than was reserved, or that was refused though it was
/// reserved.
fn settled_unreserved(played: &Played) -> Option<(Call, String)> {
    let mut reserved = 0;
    for call in played.history.calls() {
        match (call.op, call.outcome) {
            (Op::Reserve(units), Outcome::Done) => reserved += units,
            (op, Outcome::Done) if op.settles_units() && op.units() > reserved => {
                return Some((*call, format!("{op} was done with {reserved} reserved")));
            }
            (op, Outcome::Done) if op.settles_units() => reserved -= op.units(),
            (op, Outcome::Refused(_)) if op.settles_units() && op.units() <= reserved => {
                return Some((*call, format!("{op} was refused with {reserved} reserved")));
            }
            _ => {}
        }
    }
    None
}

/// The first call of 0 units that was refused, or the first read that shows a change.
fn of_nothing(played: &Played, options: &Options, units: u64) -> Option<(Call, String)> {
    let wrong = |call: &&Call| match (call.op, call.outcome) {
        (op, Outcome::Refused(_)) => op.units() == 0 && !op.is_read(),
        (_, Outcome::AtMost(left)) => options.bounds && left != units,
        (_, Outcome::UpTo(taken)) => taken > 0,
        (_, Outcome::Snapshot(sums)) => sums.available != units || !sums.balanced(),
        _ => false,
    };
    let call = played.history.calls().iter().find(wrong)?;
    let (op, outcome) = (call.op, call.outcome);
    Some((
        *call,
        format!("with {units} in stock {op} answered \u{201c}{outcome}\u{201d}"),
    ))
}
