//! [`Background`]: what goes on while requests are answered.

use crate::shop::Shop;
use crate::shop::alone::Alone;
use crate::telemetry::Telemetry;
use crate::watch::{EVERY, Watch};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::{self, JoinHandle};
use tokio::time::{Interval, MissedTickBehavior, interval};

/// How often expired orders give their units back, and latencies are folded.
const TIDY_EVERY: Duration = Duration::from_secs(1);
/// The most orders that expire in one step of the sweep: no worker should be busy with more.
const SWEEP_LIMIT: usize = 1_000;

/// Tasks, which end with it.
#[derive(Debug)]
pub struct Background(Vec<JoinHandle<()>>);

impl Background {
    /// Begins what goes on in this shop.
    #[must_use]
    pub fn of(shop: &Shop, telemetry: Telemetry) -> Self {
        let mut tasks = vec![task::spawn(tidy(telemetry))];
        match shop {
            Shop::Alone(alone) => {
                tasks.push(task::spawn(sweep(Arc::clone(alone))));
                tasks.push(task::spawn(watch(Arc::clone(alone))));
            }
            // What else is to be done, a node does by itself.
            Shop::Node(_) => {}
        }
        Self(tasks)
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.0.iter().for_each(JoinHandle::abort);
    }
}

fn every(time: Duration) -> Interval {
    let mut ticks = interval(time);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

async fn tidy(telemetry: Telemetry) {
    let mut ticks = every(TIDY_EVERY);
    loop {
        ticks.tick().await;
        telemetry.tidy();
    }
}

/// Gives the units of expired orders back, and serves those who wait, where no request comes that would.
async fn sweep(alone: Arc<Alone>) {
    let mut ticks = every(TIDY_EVERY);
    loop {
        ticks.tick().await;
        let swept = Arc::clone(&alone);
        // Both may wait until what they did is durable.
        let swept = task::spawn_blocking(move || {
            swept.expiring.step(&swept.book);
            swept.book.sweep(SWEEP_LIMIT)
        });
        match swept.await {
            Ok(Ok(SWEEP_LIMIT..)) => ticks.reset_immediately(),
            Ok(Ok(_)) => {}
            Ok(Err(refusal)) => tracing::warn!("expired orders stay: {refusal}"),
            Err(_) => tracing::error!("the sweep panicked; it goes on"),
        }
    }
}

async fn watch(alone: Arc<Alone>) {
    let mut watch = Watch::new(&alone);
    let mut ticks = every(EVERY);
    loop {
        // Noted while it is durable: a ledger that fails leaves what it has to be shown.
        tokio::join!(ticks.tick(), alone.counted());
        watch.look(&alone);
    }
}
