//! The CPU of the calling thread: where it is pinned, and how it was taken away.

use core_affinity::CoreId;
use std::num::NonZero;
use std::sync::LazyLock;

/// The CPUs that this process may use, read before any thread was pinned. They are no more than its share of the
/// machine lets run at once.
static USABLE: LazyLock<Vec<CoreId>> = LazyLock::new(|| {
    let at_once = std::thread::available_parallelism().map_or(1, NonZero::get);
    let mut usable = core_affinity::get_core_ids().unwrap_or_default();
    usable.truncate(at_once);
    usable
});

/// How many threads run at once: the CPUs that this process may use.
#[must_use]
pub fn cores() -> usize {
    USABLE.len().max(1)
}

/// Keeps the calling thread on one core; threads with numbers in sequence spread over all cores.
///
/// Where that fails the scheduler may move the thread. A window in which it moved may count, since a thread that moves
/// loses hardly any CPU time.
pub fn pin(thread: usize) {
    if let Some(&core) = USABLE.get(thread % cores()) {
        core_affinity::set_for_current(core);
    }
}

/// How often the calling thread left its CPU to wait, and how often the CPU was taken away from it, where the system
/// says it.
#[must_use]
pub fn switches() -> Option<[u64; 2]> {
    let status = std::fs::read_to_string("/proc/thread-self/status").ok()?;
    let count = |name: &str| -> Option<u64> {
        let (_, count) = status.split_once(name)?;
        count.split_whitespace().next()?.parse().ok()
    };
    let waited = count("\nvoluntary_ctxt_switches:")?;
    Some([waited, count("\nnonvoluntary_ctxt_switches:")?])
}

#[cfg(test)]
mod tests {
    #[cfg(target_os = "linux")]
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn threads_are_pinned_to_cpus_that_the_process_may_use() {
        let usable = core_affinity::get_core_ids().unwrap();
        for thread in 0..=cores() {
            let pinned = std::thread::spawn(move || {
                pin(thread);
                core_affinity::get_core_ids().unwrap()
            });
            let pinned = pinned.join().unwrap();
            assert!(
                pinned.len() == 1 && usable.contains(&pinned[0]),
                "{pinned:?}"
            );
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_thread_that_sleeps_has_left_its_cpu_to_wait() {
        let before = switches().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(1));
        assert!(switches().unwrap()[0] > before[0]);
    }
}
