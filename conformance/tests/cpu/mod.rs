//! CPU time of the calling thread or of the process: on a busy machine, wall time says little.
#![allow(dead_code, reason = "each test that includes it needs a part of it")]

use std::fs;
use std::time::Instant;

/// What `work` answers, and the seconds of CPU time that it took.
pub fn cpu_seconds<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let (began, cpu) = (Instant::now(), thread_nanos());
    let answer = work();
    let wall = began.elapsed().as_secs_f64();
    let seconds = match (cpu, thread_nanos()) {
        (Some(from), Some(to)) => (to - from) as f64 / 1e9,
        // Where the system does not say, wall time is an upper bound.
        _ => wall,
    };
    (answer, seconds)
}

fn thread_nanos() -> Option<u64> {
    let text = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split_whitespace().next()?.parse().ok()
}

/// Seconds of CPU time that the process has had, in steps of a hundredth; 0 where the system does not say.
pub fn process_seconds() -> f64 {
    let text = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The command's name, in parentheses, may have spaces.
    let fields = text.rsplit(')').next().unwrap_or_default();
    let times = fields.split_whitespace().skip(11).take(2);
    times
        .filter_map(|ticks| ticks.parse::<f64>().ok())
        .sum::<f64>()
        / 100.0
}
