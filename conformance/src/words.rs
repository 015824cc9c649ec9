//! How calls, units and stamps are said in words.

use segstock_model::search::Item;
use segstock_model::{Call, Op, Outcome};

pub(super) fn beside(call: &Call, offender: &Item) -> String {
    let answered = answered(call);
    if call.returned < offender.called {
        format!("{answered} before, by {}", time(call.returned))
    } else if call.called > offender.returned {
        format!("{answered} later, after {}", time(call.called))
    } else {
        format!(
            "{answered} beside it, between {} and {}",
            time(call.called),
            time(call.returned)
        )
    }
}

/// The call, and what it answered.
pub(super) fn answered(call: &Call) -> String {
    let Call {
        thread,
        op,
        outcome,
        ..
    } = call;
    match outcome {
        Outcome::Done => format!("{op} of thread {thread} was done"),
        Outcome::UpTo(units) if matches!(op, Op::Forgive(_)) => {
            format!("{op} of thread {thread} forgave {units}")
        }
        Outcome::UpTo(units) => format!("{op} of thread {thread} took {units}"),
        Outcome::Refused(why) => format!("{op} of thread {thread} was refused ({why})"),
        said => format!("{op} of thread {thread} said \u{201c}{said}\u{201d}"),
    }
}

pub(super) fn only(most: u64) -> String {
    let most = units(most);
    format!("beside all other sales no more than {most} can have been left for it")
}

pub(super) fn units(units: u64) -> String {
    match units {
        1 => "1 unit".to_owned(),
        units => format!("{units} units"),
    }
}

pub(super) fn units_were(units: u64) -> String {
    match units {
        1 => "1 unit was".to_owned(),
        units => format!("{units} units were"),
    }
}

/// A stamp in a unit that a person can read.
pub(super) fn time(nanos: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "to be read by people")]
    let stamp = nanos as f64;
    match nanos {
        0..10_000 => format!("{nanos} ns"),
        10_000..10_000_000 => format!("{:.3} µs", stamp / 1e3),
        _ => format!("{:.6} ms", stamp / 1e6),
    }
}
