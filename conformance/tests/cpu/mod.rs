//! CPU time of the calling thread: on a busy machine, wall time says little.

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
