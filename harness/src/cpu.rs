//! The CPU of the calling thread: where it is pinned, and how much CPU time it had.

use std::num::NonZero;
use std::sync::LazyLock;
use std::time::Duration;

/// The CPUs that this process may use, read before any thread was pinned. They are no more than its share of the
/// machine lets run at once.
static USABLE: LazyLock<Vec<usize>> = LazyLock::new(|| {
    let at_once = std::thread::available_parallelism().map_or(1, NonZero::get);
    #[cfg(target_os = "linux")]
    if let Ok(set) = rustix::thread::sched_getaffinity(None) {
        let cpus = 0..rustix::thread::CpuSet::MAX_CPU;
        return cpus.filter(|&cpu| set.is_set(cpu)).take(at_once).collect();
    }
    (0..at_once).collect()
});

/// How many threads run at once: the CPUs that this process may use.
#[must_use]
pub fn cores() -> usize {
    USABLE.len()
}

/// Keeps the calling thread on one core; threads with numbers in sequence spread over all cores.
///
/// Where that fails, and on systems other than Linux, the scheduler may move the thread. A window in which it moved
/// may count, since a thread that moves loses hardly any CPU time.
pub fn pin(thread: usize) {
    let cpu = USABLE[thread % cores()];
    #[cfg(target_os = "linux")]
    {
        let mut cpus = rustix::thread::CpuSet::new();
        cpus.set(cpu);
        _ = rustix::thread::sched_setaffinity(None, &cpus);
    }
    _ = cpu;
}

/// CPU time of the calling thread so far, where the system says it.
#[must_use]
pub fn time() -> Option<Duration> {
    #[cfg(target_os = "linux")]
    return Duration::try_from(rustix::time::clock_gettime(
        rustix::time::ClockId::ThreadCPUTime,
    ))
    .ok();
    #[cfg(not(target_os = "linux"))]
    return None;
}

/// How often the CPU was taken away from the calling thread although it did not wait.
#[must_use]
pub fn involuntary_switches() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/thread-self/status").ok()?;
    let (_, count) = status.split_once("nonvoluntary_ctxt_switches:")?;
    count.lines().next()?.trim().parse().ok()
}

#[test]
#[cfg(target_os = "linux")]
fn threads_are_pinned_to_cpus_that_the_process_may_use() {
    use rustix::thread::{CpuSet, sched_getaffinity};
    let usable = sched_getaffinity(None).unwrap();
    for thread in 0..=cores() {
        let pinned = std::thread::spawn(move || {
            pin(thread);
            sched_getaffinity(None).unwrap()
        });
        let pinned = pinned.join().unwrap();
        let cpu = (0..CpuSet::MAX_CPU).find(|&cpu| pinned.is_set(cpu));
        assert!(
            pinned.count() == 1 && usable.is_set(cpu.unwrap()),
            "{cpu:?}"
        );
    }
}
