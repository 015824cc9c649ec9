//! The window method: many short windows, the candidates in turn. All threads begin a window together. Only
//! undisturbed windows count, and their median is the figure.

use crate::cpu;
use crate::results::Figure;
use crossbeam_utils::CachePadded;
use std::fmt;
use std::hint::spin_loop;
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
    /// Runs of what is measured as a whole.
    pub runs: usize,
    /// How long a sale with order flows is watched.
    pub watched: Duration,
    /// Whether this only shows that the benchmark runs.
    pub quick: bool,
}

impl Effort {
    /// Figures that are worth something.
    pub const FULL: Self = Self {
        windows: 200,
        window: Duration::from_millis(2),
        runs: 41,
        watched: Duration::from_secs(4),
        quick: false,
    };
    /// Whether the benchmark runs, not what it measures.
    pub const QUICK: Self = Self {
        windows: 5,
        window: Duration::from_millis(1),
        runs: 3,
        watched: Duration::from_millis(400),
        quick: true,
    };
}

/// What the threads do with one candidate.
pub struct Work {
    /// Makes this many calls, on this thread.
    run: Box<dyn Fn(usize, u64) + Send + Sync>,
    parks: bool,
    chunk: u64,
    at: Option<f64>,
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
        Self {
            run: Box::new(run),
            parks: false,
            chunk: 512,
            at: None,
        }
    }

    /// One call again and again, to one counter that all threads share.
    #[must_use]
    pub fn of<C: Send + Sync + 'static>(
        counter: C,
        call: impl Fn(&C) + Send + Sync + 'static,
    ) -> Self {
        Self::new(move |_, calls| (0..calls).for_each(|_| call(&counter)))
    }

    /// One call again and again, to a counter of each thread's own: what is possible without sharing.
    #[must_use]
    pub fn of_each_thread<C: Send + Sync + 'static>(
        threads: usize,
        open: impl Fn() -> C,
        call: impl Fn(&C) + Send + Sync + 'static,
    ) -> Self {
        let counters: Vec<_> = (0..threads).map(|_| CachePadded::new(open())).collect();
        Self::new(move |thread, calls| {
            let counter: &C = &counters[thread];
            (0..calls).for_each(|_| call(counter));
        })
    }

    /// A thread that waits for the candidate leaves its CPU, so its CPU time does not say whether it was disturbed.
    /// Then a window counts if no thread lost its CPU against its will.
    #[must_use]
    pub fn parks(mut self) -> Self {
        self.parks = true;
        self
    }

    /// How many calls to make between two looks at the time, where 512 of them take long.
    #[must_use]
    pub fn in_chunks_of(mut self, chunk: u64) -> Self {
        self.chunk = chunk;
        self
    }

    /// The figure stands here on the axis of a plot, as a point of its candidate's line.
    #[must_use]
    pub fn at(mut self, place: f64) -> Self {
        self.at = Some(place);
        self
    }

    /// How long this many calls on each thread take, from the first beginning to the last end.
    #[must_use]
    pub fn time(&self, threads: usize, calls: u64) -> Duration {
        let gate = Gate::new(threads);
        let spans = on_threads(threads, &|thread| {
            cpu::pin(thread);
            gate.wait(0);
            let began = Instant::now();
            (self.run)(thread, calls);
            (began, Instant::now())
        });
        let began = spans.iter().map(|span| span.0).min();
        let ended = spans.iter().map(|span| span.1).max();
        (ended.zip(began)).map_or(Duration::ZERO, |(ended, began)| ended - began)
    }
}

/// Measures the candidates in turn, on `threads` threads that stay on their CPUs throughout: for each the median ns per
/// call and thread.
pub(crate) fn measure(effort: Effort, threads: usize, works: &[Work]) -> Vec<Figure> {
    let gate = Gate::new(threads);
    let (mut windows, mut length) = (effort.windows, effort.window);
    if gate.crowded {
        // Many time slices long, so that every thread gets its turns.
        (windows, length) = (windows.div_ceil(10), length * 20);
    }
    let warm_up = windows / 10 + 1;
    let rounds = windows + warm_up;
    let parts = on_threads(threads, &|thread| -> Vec<Part> {
        // Threads that are more than the cores are spread evenly. Unpinned, the scheduler may keep all on one
        // core, where none contends.
        cpu::pin(thread);
        let turns = (0..rounds).flat_map(|_| works).enumerate();
        turns
            .map(|(turn, work)| window(length, &gate, turn, thread, work))
            .collect()
    });
    let undisturbed = |turn: usize| parts.iter().all(|parts| parts[turn].undisturbed);
    let per_ns = |turn: usize| {
        parts
            .iter()
            .map(|parts| parts[turn].calls_per_ns)
            .sum::<f64>()
    };
    let figure = |candidate: usize| {
        let turns = (warm_up..rounds).map(|round| round * works.len() + candidate);
        let turns = turns.filter(|&turn| gate.crowded || undisturbed(turn));
        let samples: Vec<f64> = turns.map(|turn| threads as f64 / per_ns(turn)).collect();
        let (at, counted) = (works[candidate].at, samples.len());
        Figure {
            at,
            ..Figure::new(median(samples), counted, windows)
        }
    };
    (0..works.len()).map(figure).collect()
}

/// Has all threads begin a window together, and end it with the first.
struct Gate {
    threads: usize,
    /// There are more threads than cores.
    crowded: bool,
    arrived: AtomicUsize,
    over: AtomicUsize,
}

impl Gate {
    fn new(threads: usize) -> Self {
        let (arrived, over) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Self {
            threads,
            crowded: threads > cpu::cores(),
            arrived,
            over,
        }
    }

    /// Waits, without giving up the CPU, until all threads are at this turn.
    fn wait(&self, turn: usize) {
        self.arrived.fetch_add(1, Ordering::AcqRel);
        while self.arrived.load(Ordering::Acquire) < (turn + 1) * self.threads {
            if self.crowded {
                yield_now();
            } else {
                spin_loop();
            }
        }
    }
}

/// What one thread saw of one window.
struct Part {
    calls_per_ns: f64,
    undisturbed: bool,
}

fn window(length: Duration, gate: &Gate, turn: usize, thread: usize, work: &Work) -> Part {
    let call = || (work.run)(thread, work.chunk);
    call();
    let switches = work.parks.then(cpu::involuntary_switches);
    gate.wait(turn);
    let (began, cpu_began) = (Instant::now(), cpu::time());
    let mut calls = 0;
    // Everybody stops with the first, so that nobody is measured alone.
    while gate.over.load(Ordering::Relaxed) <= turn {
        call();
        calls += work.chunk;
        if began.elapsed() >= length {
            gate.over.fetch_max(turn + 1, Ordering::Relaxed);
        }
    }
    let wall = began.elapsed();
    let cpu = cpu::time().zip(cpu_began).map(|(end, began)| end - began);
    let kept_cpu = match switches {
        None => cpu.is_none_or(|cpu| cpu.as_secs_f64() >= wall.as_secs_f64() * 0.98),
        Some(before) => before == cpu::involuntary_switches(),
    };
    // A window that began late or ran on does not compare with the others.
    let in_time = (0.95..1.2).contains(&(wall.as_secs_f64() / length.as_secs_f64()));
    Part {
        calls_per_ns: calls as f64 / wall.as_nanos() as f64,
        undisturbed: kept_cpu && in_time,
    }
}

/// Calls `run` on `threads` threads, and returns what each of them returned.
///
/// None of them is the calling thread: it would stay pinned, and so would every thread that it starts later.
pub(crate) fn on_threads<T: Send>(threads: usize, run: &(impl Fn(usize) -> T + Sync)) -> Vec<T> {
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
        let nap =
            |ms| Work::of(Duration::from_millis(ms), |&ms| std::thread::sleep(ms)).in_chunks_of(1);
        let timings = measure(Effort::QUICK, 2 * cpu::cores(), &[nap(1), nap(10)]);
        let [short, long] = [0, 1].map(|at: usize| timings[at].value.unwrap());
        assert!(short >= 1e6 && long > 3.0 * short, "{timings:?}");
    }

    #[test]
    fn threads_share_a_counter_or_have_one_each() {
        let most = |work: fn(&'static AtomicUsize) -> Work| {
            let most: &'static AtomicUsize = Box::leak(Box::new(AtomicUsize::new(0)));
            _ = work(most).time(2, 1_000);
            most.load(Ordering::Relaxed)
        };
        fn add(word: &AtomicUsize, most: &AtomicUsize) {
            most.fetch_max(word.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
        }
        assert_eq!(
            most(|most| Work::of(AtomicUsize::new(0), move |word| add(word, most))),
            2_000
        );
        assert_eq!(
            most(|most| Work::of_each_thread(
                2,
                || AtomicUsize::new(0),
                move |word| add(word, most)
            )),
            1_000
        );
    }
}
