//! The CPU of the calling thread: pinning, and how much of it the thread had.

use std::num::NonZero;
#[cfg(target_os = "linux")]
use std::sync::OnceLock;
use std::time::Duration;

/// The CPUs that this process may use, as it was before any thread was pinned: no more than run at once
/// by the process's share of the machine.
#[cfg(target_os = "linux")]
fn allowed() -> &'static [usize] {
    use rustix::thread::{CpuSet, sched_getaffinity};
    static ALLOWED: OnceLock<Vec<usize>> = OnceLock::new();
    ALLOWED.get_or_init(|| {
        let at_once = std::thread::available_parallelism().map_or(1, NonZero::get);
        match sched_getaffinity(None) {
            Ok(set) => (0..CpuSet::MAX_CPU)
                .filter(|&cpu| set.is_set(cpu))
                .take(at_once)
                .collect(),
            Err(_) => (0..at_once).collect(),
        }
    })
}

/// Keeps the calling thread on one of the cores that there are for us.
///
/// Where that fails, the thread stays where the scheduler likes it: a window in which it moved may count,
/// since a thread that moves loses hardly any CPU time.
#[cfg(target_os = "linux")]
pub fn pin(core: usize) {
    use rustix::thread::{CpuSet, sched_setaffinity};
    let mut cores = CpuSet::new();
    cores.set(allowed()[core]);
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

/// How many threads run at once: the CPUs that this process may use.
#[cfg(target_os = "linux")]
pub fn cores() -> usize {
    allowed().len()
}

#[cfg(not(target_os = "linux"))]
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, NonZero::get)
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
