//! The window method: many short windows, the candidates in turn, started together by a spinning
//! gate; only undisturbed windows count, and the median of those is the figure.

use super::calls::on_threads;
use super::cpu;
use std::hint::spin_loop;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// How much to measure.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    pub windows: usize,
    pub window: Duration,
    /// Runs of what is measured as a whole.
    pub runs: usize,
    /// How long an order flow is watched.
    pub flow: Duration,
}

impl Effort {
    pub const FULL: Self = Self {
        windows: 300,
        window: Duration::from_millis(2),
        runs: 41,
        flow: Duration::from_secs(4),
    };
    /// Of so many situations and counters, in some ten minutes.
    pub const SITUATIONS: Self = Self {
        windows: 200,
        ..Self::FULL
    };
    pub const QUICK: Self = Self {
        windows: 5,
        window: Duration::from_millis(1),
        runs: 3,
        flow: Duration::from_millis(400),
    };
}

impl Effort {
    /// How long it takes to measure so many candidates on a machine of so many cores, with what comes
    /// before each window.
    pub fn estimate(self, cores: usize, threads: usize, candidates: usize) -> Duration {
        let effort = self.on(cores, threads);
        let windows = (effort.windows + effort.warm_up()) * candidates;
        (effort.window + before_a_window(cores, threads)) * windows as u32
    }

    fn warm_up(self) -> usize {
        self.windows / 10 + 1
    }

    /// As it is for so many threads: long enough for every one of them to get its turns.
    fn on(self, cores: usize, threads: usize) -> Self {
        if threads > cores {
            self.crowded()
        } else {
            self
        }
    }

    /// The same with more threads than cores, where a window is many time slices.
    fn crowded(self) -> Self {
        Self {
            windows: self.windows.div_ceil(10),
            window: self.window * 20,
            ..self
        }
    }
}

/// A first chunk of calls, and the wait at the gate until the last thread is there: with more threads than
/// cores, a time slice of each thread that shares its core.
fn before_a_window(cores: usize, threads: usize) -> Duration {
    const SLICE: Duration = Duration::from_millis(3);
    let calls = Duration::from_micros(100 + 10 * threads.min(cores) as u64);
    let slices = if threads > cores {
        threads.div_ceil(cores)
    } else {
        0
    };
    calls + SLICE * slices as u32
}

/// A thread's work on one candidate.
pub struct Work {
    /// So many calls by thread so and so.
    run: Box<dyn Fn(usize, u64) + Send + Sync>,
    /// Waiting for it gives up the CPU, so that CPU time does not tell whether it was disturbed.
    parks: bool,
    chunk: u64,
}

impl Work {
    pub fn new(run: impl Fn(usize, u64) + Send + Sync + 'static) -> Self {
        Self {
            run: Box::new(run),
            parks: false,
            chunk: CHUNK,
        }
    }

    /// How long so many calls on each of the threads take, from the first to the last; for harnesses
    /// that say how many.
    pub fn time(&self, threads: usize, calls: u64) -> Duration {
        let gate = Gate::new(threads, threads > cpu::cores());
        let run = |thread: usize| {
            cpu::pin(thread % cpu::cores());
            gate.wait(0);
            let began = Instant::now();
            (self.run)(thread, calls);
            (began, Instant::now())
        };
        from_first_to_last(&on_threads(threads, &run))
    }

    pub fn parks(self, parks: bool) -> Self {
        Self { parks, ..self }
    }

    /// Calls between two looks at the time, where [`CHUNK`] of them take long.
    pub fn in_chunks_of(self, chunk: u64) -> Self {
        Self { chunk, ..self }
    }
}

/// From the first beginning to the last end.
pub fn from_first_to_last(spans: &[(Instant, Instant)]) -> Duration {
    let began = spans.iter().map(|span| span.0).min();
    let ended = spans.iter().map(|span| span.1).max();
    ended
        .zip(began)
        .map_or(Duration::ZERO, |(end, began)| end - began)
}

/// A candidate's figure.
#[derive(Debug, Clone, Copy)]
pub struct Figure {
    /// Median ns per call and thread.
    pub ns: f64,
    /// Windows that count, of how many.
    pub counted: usize,
    pub windows: usize,
}

impl Figure {
    /// ns, if enough windows count: a twentieth of them, which is 10 of 200. Fewer are what a disturbed
    /// machine left over.
    pub fn told(self) -> Option<f64> {
        let enough = self.counted > 0 && self.counted * 20 >= self.windows;
        Some(self.ns).filter(|ns| enough && ns.is_finite())
    }
}

/// Calls between two looks at the time.
const CHUNK: u64 = 512;

/// Measures the candidates in turn, on `threads` threads that stay on their CPUs throughout.
pub fn measure(effort: Effort, threads: usize, candidates: &[Work]) -> Vec<Figure> {
    let crowded = threads > cpu::cores();
    let effort = effort.on(cpu::cores(), threads);
    let warm_up = effort.warm_up();
    let rounds = effort.windows + warm_up;
    let gate = Gate::new(threads, crowded);
    let play = |thread: usize| -> Vec<Part> {
        // With more threads than cores as many on each: left alone, all may be kept on one, and
        // then nobody is in anybody's way.
        cpu::pin(thread % cpu::cores());
        let turns = (0..rounds).flat_map(|_| candidates).enumerate();
        turns
            .map(|(turn, work)| window(effort.window, &gate, turn, thread, work))
            .collect()
    };
    let parts = on_threads(threads, &play);
    let figure = |candidate: usize| {
        let mut samples: Vec<f64> = (warm_up..rounds)
            .map(|round| round * candidates.len() + candidate)
            .filter(|&turn| crowded || parts.iter().all(|parts| parts[turn].undisturbed))
            .map(|turn| {
                let per_ns: f64 = parts.iter().map(|parts| parts[turn].calls_per_ns).sum();
                threads as f64 / per_ns
            })
            .collect();
        Figure {
            ns: median(&mut samples),
            counted: samples.len(),
            windows: effort.windows,
        }
    };
    (0..candidates.len()).map(figure).collect()
}

/// Has all threads begin a window together, and end it with the first.
pub struct Gate {
    threads: usize,
    crowded: bool,
    arrived: AtomicUsize,
    over: AtomicUsize,
}

impl Gate {
    pub fn new(threads: usize, crowded: bool) -> Self {
        Self {
            threads,
            crowded,
            arrived: AtomicUsize::new(0),
            over: AtomicUsize::new(0),
        }
    }

    /// Waits, without giving up the CPU, until all are at this turn.
    pub fn wait(&self, turn: usize) {
        self.arrived.fetch_add(1, Ordering::AcqRel);
        while self.arrived.load(Ordering::Acquire) < (turn + 1) * self.threads {
            if self.crowded {
                std::thread::yield_now();
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
    // A window that began late or ran on was not the same window.
    let in_time = (0.95..1.2).contains(&(wall.as_secs_f64() / length.as_secs_f64()));
    Part {
        calls_per_ns: calls as f64 / wall.as_nanos() as f64,
        undisturbed: kept_cpu && in_time,
    }
}

/// The middle one; NaN of none.
pub fn median(samples: &mut [f64]) -> f64 {
    percentile(samples, 0.5)
}

/// The smallest sample that so much of all are not above; NaN of none.
pub fn percentile(samples: &mut [f64], part: f64) -> f64 {
    samples.sort_by(f64::total_cmp);
    let rank = (samples.len() as f64 * part).ceil() as usize;
    samples.get(rank.max(1) - 1).copied().unwrap_or(f64::NAN)
}
