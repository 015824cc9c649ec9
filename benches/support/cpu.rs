//! The CPU of the calling thread: pinning, and how much of it the thread had.

use std::time::Duration;

/// Keeps the calling thread on one core.
#[cfg(target_os = "linux")]
pub fn pin(core: usize) {
    use rustix::thread::{CpuSet, sched_setaffinity};
    let mut cores = CpuSet::new();
    cores.set(core);
    // Where it is not allowed, the windows that a migration disturbs are not counted.
    let _ = sched_setaffinity(None, &cores);
}

/// CPU time of the calling thread so far.
#[cfg(target_os = "linux")]
pub fn time() -> Option<Duration> {
    use rustix::time::{ClockId, clock_gettime};
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).ok()
}

/// How often the CPU was taken away from the calling thread, which did not wait for anything.
pub fn involuntary_switches() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/thread-self/status").ok()?;
    let count = status
        .lines()
        .find_map(|line| line.strip_prefix("nonvoluntary_ctxt_switches:"))?;
    count.trim().parse().ok()
}

#[cfg(not(target_os = "linux"))]
pub fn pin(_: usize) {}

#[cfg(not(target_os = "linux"))]
pub fn time() -> Option<Duration> {
    None
}

/// How many threads run at once.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// What machine this is.
pub fn name() -> String {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .and_then(|rest| rest.split(':').nth(1))
        .map_or("unknown CPU", str::trim);
    format!("{model}, {} cores, {}", cores(), std::env::consts::OS)
}
