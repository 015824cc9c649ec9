//! [`Receipt`]: what an answer says of an order of one unit of the SKU `a`, and whether a later answer agrees with it.

use super::Reply;
use serde_json::{Map, Value, json};
use std::time::{Duration, SystemTime};

/// How long an order of a crowd is held: to the end of half an hour of kills on a slow machine, too.
pub const HOLD: Duration = Duration::from_secs(7_200);

/// What an answer says of an order. All else of its body follows from the order's id and state.
#[derive(Debug, Clone)]
pub struct Receipt {
    pub state: String,
    number: u64,
    placed_at: SystemTime,
    /// Of a held order.
    expires_at: Option<SystemTime>,
}

impl Receipt {
    /// Reads each field of an answer's body.
    ///
    /// # Errors
    ///
    /// What no answer on this order may say.
    pub fn of(id: &str, reply: &Reply) -> Result<Self, String> {
        let wrong = |what: &str| format!("{id}: {what}: {reply:?}");
        let Ok(Value::Object(mut body)) = serde_json::from_str(&reply.text) else {
            return Err(wrong("no order"));
        };
        let number = body.remove("number").and_then(|it| it.as_u64());
        let state = body["state"].as_str().map(str::to_owned);
        let receipt = Self {
            state: state.ok_or_else(|| wrong("no state"))?,
            number: number.ok_or_else(|| wrong("no number"))?,
            placed_at: time(&mut body, "placed_at").ok_or_else(|| wrong("no time"))?,
            expires_at: time(&mut body, "expires_at"),
        };
        let left = body.remove("expires_in").and_then(|it| it.as_u64());
        if !receipt.expires_after(left.map(Duration::from_secs)) {
            return Err(wrong("its deadline"));
        }
        // A replayed answer changed nothing.
        let did = json!({"units": 1, "refunded": 0, "late": 0});
        if body.remove("changed") != (!reply.is_replayed()).then_some(did) {
            return Err(wrong("what it changed"));
        }
        let state = &*receipt.state;
        let line = json!({"sku": "a", "units": 1, state: 1});
        if Value::Object(body) != json!({"id": id, "state": state, "lines": [line]}) {
            return Err(wrong("its id, state and line"));
        }
        Ok(receipt)
    }

    /// Whether a held order, and no other, expires after the hold, with so much time left when it was answered.
    fn expires_after(&self, left: Option<Duration>) -> bool {
        let (Some(at), Some(left)) = (self.expires_at, left) else {
            return self.expires_at.is_none() && left.is_none() && self.state != "held";
        };
        let left_now = at.duration_since(SystemTime::now()).unwrap_or_default();
        self.state == "held"
            && is_near(at, self.placed_at + HOLD)
            && left <= HOLD
            && left + tolerance() >= left_now
    }

    /// Whether a later answer on the order may say `later`.
    pub fn goes_on_as(&self, later: &Self) -> bool {
        let is_kept = match (self.expires_at, later.expires_at) {
            (Some(at), Some(later)) => is_near(at, later),
            (None, Some(_)) => false,
            (_, None) => true,
        };
        is_kept
            && self.number == later.number
            && is_near(self.placed_at, later.placed_at)
            && is_later(&self.state, &later.state)
    }
}

/// Whether an order can be in the second state after it was in the first: its next step may have had no answer.
pub fn is_later(answered: &str, found: &str) -> bool {
    let steps = ["held", "paid", "shipped"];
    let step = |state: &str| steps.iter().position(|it| *it == state);
    match (step(answered), step(found)) {
        (Some(answered), Some(found)) => found >= answered,
        (Some(answered), None) => answered == 0 && found == "cancelled",
        (None, _) => found == answered,
    }
}

fn time(body: &mut Map<String, Value>, name: &str) -> Option<SystemTime> {
    let text = body.remove(name)?;
    humantime::parse_rfc3339(text.as_str()?).ok()
}

fn is_near(one: SystemTime, other: SystemTime) -> bool {
    let apart = one.duration_since(other);
    apart.unwrap_or_else(|later| later.duration()) <= tolerance()
}

/// How far apart two texts of one time may be: they have whole seconds, and a service that stands still for a second does so
/// between its looks at two clocks, too; for longer, if a test wants that.
fn tolerance() -> Duration {
    let stop = std::env::var("SEGSTOCK_SERVICE_STOP");
    let stop = stop.map_or(0, |text| text.parse().expect("a number"));
    Duration::from_secs(2 + stop)
}
