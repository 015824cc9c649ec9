//! What is said of a hold: until when it was held, by whose clock, and which calls moved that.

use crate::words::{answered, time};
use segstock_model::{Call, Op, Outcome, Refusal};

/// More calls than this nobody reads.
const MOST: usize = 8;

pub(super) const fn is_of_hold(op: Op) -> bool {
    matches!(
        op,
        Op::Place { .. } | Op::Confirm { .. } | Op::ReleaseHold { .. } | Op::Advance { .. }
    )
}

const fn key_of(op: Op) -> Option<u64> {
    match op {
        Op::Place { key, .. } | Op::Confirm { key } | Op::ReleaseHold { key } => Some(key),
        _ => None,
    }
}

/// The first call that placed the hold, and the time that it asked for.
fn placed(key: u64, calls: &[Call]) -> Option<(&Call, u64)> {
    calls.iter().find_map(|call| match (call.op, call.outcome) {
        (Op::Place { key: own, ttl, .. }, Outcome::Done) if own == key => Some((call, ttl)),
        _ => None,
    })
}

/// Ticks that must have passed between two calls, and that can have passed.
fn ticks(from: &Call, to: &Call, calls: &[Call]) -> [u64; 2] {
    let mut ticks = [0, 0];
    for call in calls {
        let Op::Advance { by } = call.op else {
            continue;
        };
        if call.called > from.returned && call.returned < to.called && call.outcome == Outcome::Done
        {
            ticks[0] += by;
        }
        if call.returned >= from.called && call.called <= to.returned {
            ticks[1] += by;
        }
    }
    ticks
}

/// What is true of a hold's time, and contradicts the call.
pub(super) fn claim(call: &Call, calls: &[Call]) -> Option<String> {
    let key = key_of(call.op)?;
    let (place, ttl) = placed(key, calls)?;
    if (place.thread, place.called) == (call.thread, call.called) {
        return None;
    }
    let [least, most] = ticks(place, call, calls);
    match call.outcome {
        Outcome::Refused(Refusal::Expired) if most < ttl => Some(format!(
            "the hold cannot have expired: it was placed for {ttl} ticks, and by the clock that `advance` moves no \
             more than {most} had passed"
        )),
        Outcome::Done if least >= ttl => Some(format!(
            "the hold had expired: it was placed for {ttl} ticks, and by the clock that `advance` moves at least \
             {least} had passed"
        )),
        _ => None,
    }
}

/// The calls that decide over the hold that a call names.
pub(super) fn reasons(call: &Call, calls: &[Call]) -> Vec<String> {
    let Some(key) = key_of(call.op) else {
        return Vec::new();
    };
    let earlier = calls.iter().filter(|other| {
        let is_own = (other.thread, other.called) == (call.thread, call.called);
        !is_own && other.called <= call.returned
    });
    let earlier: Vec<&Call> = earlier.collect();
    let mut reasons: Vec<String> = Vec::new();
    if let Some((place, ttl)) = placed(key, calls) {
        let moved = earlier.iter().filter(|other| {
            matches!(other.op, Op::Advance { by } if by > 0) && other.returned >= place.called
        });
        let moved: Vec<String> = moved.take(MOST).map(|other| between(other)).collect();
        let by = if moved.is_empty() {
            "nothing moved the clock since".to_owned()
        } else {
            format!("the clock was moved since by {}", moved.join(", "))
        };
        reasons.push(format!(
            "the hold {key} was placed for {ttl} ticks, by the clock that `advance` moves; {by}"
        ));
    } else {
        reasons.push(format!("no call placed the hold {key} for sure"));
    }
    let same = earlier.iter().filter(|other| key_of(other.op) == Some(key));
    reasons.extend(same.take(MOST).map(|other| between(other)));
    reasons
}

fn between(call: &Call) -> String {
    let (called, answered) = (time(call.called), answered(call));
    match call.outcome {
        Outcome::Unknown => format!("{answered}, called at {called}"),
        _ => format!("{answered} between {called} and {}", time(call.returned)),
    }
}
