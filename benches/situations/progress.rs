//! How far it is: a bar with the time left on a terminal, a line for each step elsewhere.

use indicatif::{ProgressBar, ProgressStyle};
use std::io::Write;
use std::time::{Duration, Instant};

pub struct Progress {
    bar: ProgressBar,
    began: Instant,
    planned: Duration,
    done: Duration,
}

impl Progress {
    /// With a tick for each second of a plan that takes minutes, in which a step may take many.
    pub fn new(planned: Duration) -> Self {
        const MINUTES: Duration = Duration::from_secs(120);
        let style = ProgressStyle::with_template("{bar:30} {percent:>3} % {elapsed} {msg}")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::new(planned.as_millis() as u64).with_style(style);
        if planned > MINUTES {
            bar.enable_steady_tick(Duration::from_secs(1));
        }
        Self {
            bar,
            began: Instant::now(),
            planned,
            done: Duration::ZERO,
        }
    }

    /// Tells what is measured now, and when all will have been.
    pub fn begin(&self, name: &str) {
        let left = time_left(self.planned, self.done, self.began.elapsed());
        let message = format!("{name}; about {} s left", left.as_secs());
        if self.bar.is_hidden() {
            let percent = 100.0 * self.done.as_secs_f64() / self.planned.as_secs_f64().max(1e-9);
            let _ = writeln!(std::io::stderr(), "{percent:>3.0} %  {message}");
        }
        self.bar.set_message(message);
    }

    pub fn end(&mut self, estimate: Duration) {
        self.done += estimate;
        self.bar.set_position(self.done.as_millis() as u64);
    }

    pub fn close(self) {
        self.bar.finish_and_clear();
    }
}

/// What is left of the plan, at the pace so far.
fn time_left(planned: Duration, done: Duration, elapsed: Duration) -> Duration {
    let pace = if done.is_zero() {
        1.0
    } else {
        elapsed.as_secs_f64() / done.as_secs_f64()
    };
    (planned - done.min(planned)).mul_f64(pace)
}
