//! The rows: the situations, and how each is measured.

use crate::counters::{Counter, Visit};
use crate::results::Cell;
use crate::support::calls::{
    Orders, PLENTY, SoldOut, restock_and_99, sell_out, some_out_and_back, work,
};
use crate::support::candidates::{Candidate, Till};
use crate::support::windows::{Effort, Figure, Work, measure, median};
use std::hint::black_box;
use std::time::Duration;

/// What every thread does.
#[derive(Debug, Clone, Copy)]
pub enum Calls {
    Take(u64),
    OutAndBack(u64),
    /// As out and back, by a guard where there is one.
    Lend(u64),
    RestockAnd99,
    /// From full to empty, so many counters.
    SellOut(usize, Orders),
}

pub struct Situation {
    pub name: &'static str,
    pub about: &'static str,
    /// In stock at first.
    pub units: u64,
    pub calls: Calls,
    /// Whom it suits.
    suits: fn(Counter) -> bool,
}

const fn all(_: Counter) -> bool {
    true
}

const fn who_refuses(counter: Counter) -> bool {
    !matches!(counter, Counter::FastSharded | Counter::Contatori)
}

/// Those with one stock for all threads.
const fn who_shares(counter: Counter) -> bool {
    !counter.is_reference()
}

const fn who_gathers(counter: Counter) -> bool {
    who_shares(counter) && !matches!(counter, Counter::SegmentLocks)
}

const A_MILLION: u64 = 1_000_000;

pub const ALL: &[Situation] = &[
    Situation {
        name: "plenty",
        about: "deduct one unit of very many",
        units: PLENTY,
        calls: Calls::Take(1),
        suits: all,
    },
    Situation {
        name: "take and give back",
        about: "deduct one unit of very many, and restock it",
        units: PLENTY,
        calls: Calls::OutAndBack(1),
        suits: all,
    },
    Situation {
        name: "reserve and release",
        about: "the same by a guard that gives back when it is dropped, where the counter has one",
        units: PLENTY,
        calls: Calls::Lend(1),
        suits: who_refuses,
    },
    Situation {
        name: "sold out",
        about: "deduct one unit of none",
        units: 0,
        calls: Calls::Take(1),
        suits: who_refuses,
    },
    Situation {
        name: "too few left",
        about: "deduct five units of three",
        units: 3,
        calls: Calls::Take(5),
        suits: who_refuses,
    },
    Situation {
        name: "more than there is",
        about: "deduct two million units of one million: a refusal that no word can give alone",
        units: A_MILLION,
        calls: Calls::Take(2 * A_MILLION),
        suits: who_refuses,
    },
    Situation {
        name: "edge, 1 unit",
        about: "one unit in all, going out and back",
        units: 1,
        calls: Calls::OutAndBack(1),
        suits: who_shares,
    },
    Situation {
        name: "edge, 4 units",
        about: "four units in all, going out and back one by one",
        units: 4,
        calls: Calls::OutAndBack(1),
        suits: who_shares,
    },
    Situation {
        name: "99 refusals to one restock",
        about: "one unit restocked, and a hundred orders for it; ns for the round of 101 calls",
        units: 0,
        calls: Calls::RestockAnd99,
        suits: who_shares,
    },
    Situation {
        name: "fragmented",
        about: "orders of five units against 32 units, two in each of 16 segments; ns per order",
        units: 32,
        calls: Calls::SellOut(
            256,
            Orders {
                smallest: 5,
                largest: 5,
                refusals: 1,
            },
        ),
        suits: who_gathers,
    },
    Situation {
        name: "drain",
        about: "a million units sold out by orders of one to seven; ns per order and thread",
        units: A_MILLION,
        calls: Calls::SellOut(
            1,
            Orders {
                smallest: 1,
                largest: 7,
                refusals: 1,
            },
        ),
        suits: who_shares,
    },
];

impl Situation {
    pub fn columns(&self) -> impl Iterator<Item = Counter> + Clone {
        Counter::ALL.into_iter().filter(|&one| (self.suits)(one))
    }

    pub fn estimate(&self, effort: Effort, cores: usize, threads: usize) -> Duration {
        let columns = self.columns().count();
        match self.calls {
            // Some ten milliseconds a run, by the slower ones.
            Calls::SellOut(..) => Duration::from_millis(10) * (effort.runs * columns) as u32,
            _ => effort.estimate(cores, threads, columns),
        }
    }

    pub fn measure(&self, effort: Effort, threads: usize) -> Vec<Cell> {
        let columns: Vec<Counter> = self.columns().collect();
        let figures = match self.calls {
            Calls::SellOut(counters, orders) => runs(effort, &columns, |counter| {
                let sold = self.sell_out(counter, threads, counters, orders);
                sold.time.as_nanos() as f64 * threads as f64 / sold.orders as f64
            }),
            calls => {
                let open = |counter: &Counter| counter.open(self.units, threads, calls);
                let works: Vec<Work> = columns.iter().map(open).collect();
                measure(effort, threads, &works)
            }
        };
        let cell = |(counter, figure): (Counter, Figure)| Cell {
            situation: self.name,
            counter,
            threads,
            figure,
        };
        columns.into_iter().zip(figures).map(cell).collect()
    }
}

impl Situation {
    /// Sells out once.
    pub fn sell_out(
        &self,
        counter: Counter,
        threads: usize,
        counters: usize,
        orders: Orders,
    ) -> SoldOut {
        let sale = SellOut {
            counters,
            units: self.units,
            threads,
            orders,
        };
        counter.open(self.units, threads, sale)
    }
}

/// What is measured as a whole: the counters in turn, and medians.
fn runs(effort: Effort, columns: &[Counter], run: impl Fn(Counter) -> f64) -> Vec<Figure> {
    let mut samples = vec![Vec::new(); columns.len()];
    for _ in 0..effort.runs {
        for (samples, &counter) in samples.iter_mut().zip(columns) {
            samples.push(run(counter));
        }
    }
    let figure = |mut samples: Vec<f64>| Figure {
        ns: median(&mut samples),
        counted: samples.len(),
        windows: samples.len(),
    };
    samples.into_iter().map(figure).collect()
}

/// The calls, made to a counter again and again.
impl Visit for Calls {
    type Answer = Work;
    fn visit<C: Candidate>(self, open: impl Fn() -> C) -> Work {
        let counter = open();
        match self {
            Self::Take(units) => work(counter, move |till| {
                _ = black_box(till.take(black_box(units)));
            }),
            Self::OutAndBack(units) => work(counter, move |till| {
                some_out_and_back(till, black_box(units));
            }),
            Self::Lend(units) => work(counter, move |till| till.lend(black_box(units))),
            Self::RestockAnd99 => {
                // A round is a hundred calls. Looks at the time must be rare beside it, and often
                // enough for the window to end in time: those that park take a hundred times longer.
                let rounds = if C::Till::PARKS { 4 } else { 64 };
                work(counter, restock_and_99).in_chunks_of(rounds)
            }
            Self::SellOut(..) => unreachable!("measured as a whole"),
        }
    }
}

struct SellOut {
    counters: usize,
    units: u64,
    threads: usize,
    orders: Orders,
}

impl Visit for SellOut {
    type Answer = SoldOut;
    fn visit<C: Candidate>(self, open: impl Fn() -> C) -> SoldOut {
        let counters: Vec<C> = (0..self.counters).map(|_| open()).collect();
        sell_out(&counters, self.units, self.threads, self.orders)
    }
}
