//! [`Pace`]: how many requests there were and how long orders took, counted so that the page can tell the last seconds.

use serde::Serialize;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use utoipa::ToSchema;

/// Steps of the latencies: each is half as long again as the one before, from 50 microseconds to half a minute.
const STEPS: usize = 34;

static ORDERS: AtomicU64 = AtomicU64::new(0);
static REFUSED: AtomicU64 = AtomicU64::new(0);
static REQUESTS: AtomicU64 = AtomicU64::new(0);
static TOOK: [AtomicU64; STEPS] = [const { AtomicU64::new(0) }; STEPS];

/// Counts since the start. The difference of two is what happened between.
#[derive(Debug, Serialize, ToSchema)]
pub struct Pace {
    /// Requests that were answered.
    requests: u64,
    /// Orders that were placed.
    orders: u64,
    /// Requests that were refused, for whatever reason.
    refused: u64,
    /// Of requests that place an order: how many took at most so long, longer than the step before.
    took: Vec<Step>,
}

/// How many took so long.
#[derive(Debug, Serialize, ToSchema)]
struct Step {
    /// At most this many seconds.
    seconds: f64,
    /// How many.
    count: u64,
}

/// Counts an order.
pub fn placed() {
    ORDERS.fetch_add(1, Ordering::Relaxed);
}

/// Counts a refusal.
pub fn refused() {
    REFUSED.fetch_add(1, Ordering::Relaxed);
}

/// Counts a request; `took` is how long it took, if it was one to place an order.
pub fn answered(took: Option<Duration>) {
    REQUESTS.fetch_add(1, Ordering::Relaxed);
    if let Some(took) = took {
        TOOK[step_of(took)].fetch_add(1, Ordering::Relaxed);
    }
}

/// The counts as they are.
#[must_use]
pub fn now() -> Pace {
    let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
    let step = |(step, count)| Step {
        seconds: seconds_of(step),
        count: of(count),
    };
    Pace {
        requests: of(&REQUESTS),
        orders: of(&ORDERS),
        refused: of(&REFUSED),
        took: TOOK.iter().enumerate().map(step).collect(),
    }
}

fn seconds_of(step: usize) -> f64 {
    // A few dozen steps fit any integer.
    50e-6 * 1.5_f64.powi(step as i32)
}

fn step_of(took: Duration) -> usize {
    static SECONDS: LazyLock<[f64; STEPS]> = LazyLock::new(|| std::array::from_fn(seconds_of));
    let seconds = took.as_secs_f64();
    let step = SECONDS.iter().position(|step| seconds <= *step);
    step.unwrap_or(STEPS - 1)
}

#[cfg(test)]
mod tests {
    use super::{STEPS, seconds_of, step_of};
    use std::time::Duration;

    #[test]
    fn a_latency_is_in_the_first_step_that_is_not_shorter() {
        assert_eq!(step_of(Duration::ZERO), 0);
        assert_eq!(step_of(Duration::from_micros(50)), 0);
        assert_eq!(step_of(Duration::from_micros(51)), 1);
        assert_eq!(step_of(Duration::from_secs(1_000)), STEPS - 1);
        for step in 1..STEPS {
            let at = seconds_of(step);
            assert_eq!(step_of(Duration::from_secs_f64(at * 0.99)), step);
        }
    }
}
