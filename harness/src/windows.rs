//! The window method: many short windows, the candidates in turn. All threads begin a window together. Only
//! undisturbed windows count, and their median is the figure.

use crate::cpu;
use crate::results::Figure;
use cpu_time::ThreadTime;
use crossbeam_utils::CachePadded;
use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::yield_now;
use std::time::{Duration, Instant};

/// How much to measure.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    /// Windows of each candidate.
    pub windows: usize,
    /// How long a window is.
    pub window: Duration,
    /// How long a sale with order flows is watched.
    pub watched: Duration,
    /// Whether this only shows that the benchmark runs.
    pub quick: bool,
}

impl Effort {
    /// Figures that are worth something, or in the quick form only whether the benchmark runs.
    #[must_use]
    pub const fn new(quick: bool) -> Self {
        let (windows, window, watched) = if quick { (5, 1, 400) } else { (200, 2, 4_000) };
        Self {
            windows,
            window: Duration::from_millis(window),
            watched: Duration::from_millis(watched),
            quick,
        }
    }
}

/// What the threads do with one candidate.
pub struct Work {
    /// Makes this many calls, on this thread.
    run: Box<dyn Fn(usize, u64) + Send + Sync>,
}

impl fmt::Debug for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Work").finish_non_exhaustive()
    }
}

impl Work {
    /// `run` gets the number of the thread and a number of calls, and makes these calls.
    #[must_use]
    pub fn new(run: impl Fn(usize, u64) + Send + Sync + 'static) -> Self {
        Self { run: Box::new(run) }
    }

    /// One call again and again, to one counter that all threads share.
    #[must_use]
    pub fn of<C: Send + Sync + 'static>(
        counter: C,
        call: impl Fn(&C) + Send + Sync + 'static,
    ) -> Self {
        Self::of_each(vec![counter], call)
    }

    /// One call again and again, to counters that the threads share evenly.
    ///
    /// # Panics
    ///
    /// At the first call, if there is no counter.
    #[must_use]
    pub fn of_each<C: Send + Sync + 'static>(
        counters: Vec<C>,
        call: impl Fn(&C) + Send + Sync + 'static,
    ) -> Self {
        let counters: Vec<_> = counters.into_iter().map(CachePadded::new).collect();
        Self::new(move |thread, calls| {
            let counter: &C = &counters[thread % counters.len()];
            (0..calls).for_each(|_| call(counter));
        })
    }

    /// How long this many calls on each thread take, from the first beginning to the last end.
    #[must_use]
    pub fn time(&self, threads: usize, calls: u64) -> Duration {
        timed(threads, |thread| (self.run)(thread, calls)).0
    }
}

/// Measures the candidates in turn, on `threads` threads that stay on their CPUs throughout: for each the median ns per
/// call and thread.
pub(crate) fn measure(effort: Effort, threads: usize, works: &[Work]) -> Vec<Figure> {
    let gate = Gate::new(threads);
    let (mut windows, mut length) = (effort.windows, effort.window);
    if gate.is_crowded() {
        // Many time slices long, so that every thread gets its turns.
        (windows, length) = (windows.div_ceil(10), length * 20);
    }
    let warm_up = windows / 10 + 1;
    let rounds = windows + warm_up;
    let parts = on_threads(threads, |thread| -> Vec<Option<f64>> {
        // Threads that are more than the cores are spread evenly. Unpinned, the scheduler may keep all on one
        // core, where none contends.
        cpu::pin(thread);
        let turns = (0..rounds).flat_map(|_| works).enumerate();
        let window = |(turn, work): (usize, &Work)| {
            gate.window(length, turn, |calls| (work.run)(thread, calls))
        };
        turns.map(window).collect()
    });
    let calls_per_ns = |turn: usize| parts.iter().map(|part| part[turn]).sum::<Option<f64>>();
    let figure = |candidate: usize| {
        let turns = (warm_up..rounds).map(|round| round * works.len() + candidate);
        let calls_per_ns = turns.filter_map(calls_per_ns);
        let samples: Vec<f64> = calls_per_ns.map(|calls| threads as f64 / calls).collect();
        let counted = samples.len();
        Figure::new(median(samples), counted, windows)
    };
    (0..works.len()).map(figure).collect()
}

/// Has all threads begin a window together, and end it with the first.
#[derive(Default)]
struct Gate {
    threads: usize,
    arrived: AtomicUsize,
    over: AtomicUsize,
}

impl Gate {
    fn new(threads: usize) -> Self {
        Self {
            threads,
            ..Self::default()
        }
    }

    /// There are more threads than cores.
    fn is_crowded(&self) -> bool {
        self.threads > cpu::cores()
    }

    /// Waits, without going to sleep, until all threads are at this turn.
    fn wait(&self, turn: usize) {
        self.arrived.fetch_add(1, Ordering::AcqRel);
        while self.arrived.load(Ordering::Acquire) < (turn + 1) * self.threads {
            yield_now();
        }
    }

    /// The calls per ns that one thread makes in one window, if the window counts. In a crowd all windows do.
    fn window(&self, length: Duration, turn: usize, call: impl Fn(u64)) -> Option<f64> {
        let switches = cpu::switches();
        call(1);
        self.wait(turn);
        let (began, cpu) = (Instant::now(), ThreadTime::now());
        let (mut calls, mut chunk) = (0, 1);
        // Everybody stops with the first, so that nobody is measured alone.
        while self.over.load(Ordering::Relaxed) <= turn {
            call(chunk);
            calls += chunk;
            let elapsed = began.elapsed();
            if elapsed >= length {
                self.over.fetch_max(turn + 1, Ordering::Relaxed);
            } else if elapsed < length / 64 {
                // Looks at the time are rare beside short calls, and long ones end in time.
                chunk = (chunk * 2).min(512);
            }
        }
        let (wall, cpu) = (began.elapsed(), cpu.elapsed());
        // A thread that waited for the candidate left its CPU itself; if that is all, it was not disturbed.
        let has_only_waited = || {
            let both = switches.zip(cpu::switches());
            both.is_some_and(|(before, after)| before[0] < after[0] && before[1] == after[1])
        };
        let kept_cpu = cpu >= wall.mul_f64(0.98) || has_only_waited();
        // A window that began late or ran on does not compare with the others.
        let in_time = (0.95..1.2).contains(&wall.div_duration_f64(length));
        (self.is_crowded() || kept_cpu && in_time).then(|| calls as f64 / wall.as_nanos() as f64)
    }
}

/// Runs `run` on `threads` threads that begin together: the time to the last end, and what each of them returned.
pub(crate) fn timed<T: Send>(
    threads: usize,
    run: impl Fn(usize) -> T + Sync,
) -> (Duration, Vec<T>) {
    let gate = Gate::new(threads);
    let began = OnceLock::new();
    let runs = on_threads(threads, |thread| {
        cpu::pin(thread);
        gate.wait(0);
        let began: Instant = *began.get_or_init(Instant::now);
        (run(thread), began.elapsed())
    });
    let time = runs.iter().map(|run| run.1).max();
    let returned = runs.into_iter().map(|run| run.0).collect();
    (time.unwrap_or_default(), returned)
}

/// Calls `run` on `threads` threads, and returns what each of them returned.
///
/// None of them is the calling thread: it would stay pinned, and so would every thread that it starts later.
pub(crate) fn on_threads<T: Send>(threads: usize, run: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let run = &run;
    std::thread::scope(|scope| {
        let start = |thread| scope.spawn(move || run(thread));
        let running: Vec<_> = (0..threads).map(start).collect();
        running
            .into_iter()
            .map(|one| one.join().expect("no panic"))
            .collect()
    })
}

/// The middle sample; `None` of no samples.
#[must_use]
pub fn median(samples: Vec<f64>) -> Option<f64> {
    percentile(samples, 0.5)
}

/// The smallest sample that at least this part of all samples does not exceed; `None` of no samples.
#[must_use]
pub fn percentile(mut samples: Vec<f64>, part: f64) -> Option<f64> {
    samples.sort_by(f64::total_cmp);
    let rank = (samples.len() as f64 * part).ceil() as usize;
    samples.get(rank.max(1) - 1).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::AtomicU64;

    #[test]
    fn a_percentile_is_a_sample_and_none_of_nothing() {
        let of_200 = |part| percentile((1..=200).rev().map(f64::from).collect(), part);
        assert_eq!(
            [0.0, 0.5, 0.99, 1.0].map(of_200),
            [1.0, 100.0, 198.0, 200.0].map(Some)
        );
        assert_eq!(median(Vec::new()), None);
    }

    #[test]
    fn the_slower_call_has_the_larger_figure() {
        let nap = |ms| Work::of(Duration::from_millis(ms), |&ms| std::thread::sleep(ms));
        let timings = measure(Effort::new(true), 2 * cpu::cores(), &[nap(1), nap(10)]);
        let [short, long] = [0, 1].map(|at: usize| timings[at].value.unwrap());
        assert!(short >= 1e6 && long > 3.0 * short, "{timings:?}");
    }

    #[test]
    fn a_window_counts_if_its_threads_wait_and_are_not_interrupted() {
        let waits = |_| std::thread::sleep(Duration::from_micros(10));
        let counts = |_| {
            let gate = Gate::new(1);
            gate.window(Duration::from_millis(1), 0, waits).is_some()
        };
        assert!((0..100).any(counts), "not one of a hundred");
    }

    #[test]
    fn threads_share_a_counter_or_have_one_each() {
        for (counters, most) in [(1, 2_000), (2, 1_000)] {
            let words = Arc::new([AtomicU64::new(0), AtomicU64::new(0)]);
            let of = |at| (Arc::clone(&words), at);
            let work = Work::of_each((0..counters).map(of).collect(), |(words, at)| {
                words[*at].fetch_add(1, Ordering::Relaxed);
            });
            assert!(work.time(2, 1_000) > Duration::ZERO);
            assert_eq!(words[0].load(Ordering::Relaxed), most);
        }
    }
}
