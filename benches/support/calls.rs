//! What the threads do to a till, and the stocks that they do it to.

use super::candidates::{Atomic, Candidate, Lock, Till};
use super::cpu;
use super::windows::{Gate, Work, from_first_to_last};
use parking_lot::Mutex;
use segstock::{LockedStock, MAX_UNITS, Selection, Stock};
use std::hint::black_box;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

pub const PLENTY: u64 = MAX_UNITS / 2;

pub fn atomic(units: u64) -> Atomic {
    Atomic(AtomicU64::new(units))
}

pub fn lock(units: u64) -> Lock {
    Lock(Mutex::new(units))
}

/// Striped from the start.
pub fn striped(units: u64, segments: usize) -> Stock {
    let builder = Stock::builder(units).segments(segments);
    builder.build().expect("some segments")
}

pub fn locked(units: u64, segments: usize, selection: Selection) -> LockedStock {
    let builder = LockedStock::builder(units).segments(segments);
    builder.selection(selection).build().expect("some segments")
}

pub fn sixteen(units: u64) -> Stock {
    striped(units, 16)
}

/// What a `Stock::new` grows to on two cores.
pub fn two(units: u64) -> Stock {
    striped(units, 2)
}

/// After the first refusal, as it is in a flash sale.
pub fn narrowed(stock: Stock) -> Stock {
    stock.deduct(MAX_UNITS).expect_err("it holds less");
    stock
}

/// Calls that all do the same to a till.
pub fn work<C: Candidate>(
    candidate: C,
    call: impl Fn(&C::Till) + Copy + Send + Sync + 'static,
) -> Work {
    let run = move |thread: usize, calls| {
        let till = candidate.till(thread);
        for _ in 0..calls {
            call(till);
        }
    };
    Work::new(run).parks(C::Till::PARKS)
}

#[inline(always)]
pub fn out_and_back(till: &(impl Till + ?Sized)) {
    some_out_and_back(till, 1);
}

#[inline(always)]
pub fn some_out_and_back(till: &(impl Till + ?Sized), units: u64) {
    if black_box(till.take(units)) {
        till.give(units);
    }
}

/// A unit comes back, is sold, and nearly everybody is refused.
#[inline(always)]
pub fn restock_and_99(till: &(impl Till + ?Sized)) {
    till.give(1);
    for _ in 0..100 {
        black_box(till.take(1));
    }
}

/// Orders of these sizes in turn, until the smallest was refused so often.
#[derive(Debug, Clone, Copy)]
pub struct Orders {
    pub smallest: u64,
    pub largest: u64,
    pub refusals: u64,
}

/// What it took to sell out: orders that were served, and the time from the first to the last.
#[derive(Debug, Clone, Copy)]
pub struct SoldOut {
    pub orders: u64,
    pub time: Duration,
}

/// Sells one counter after the other, of `units` each, until each is sold out.
pub fn sell_out<C: Candidate>(
    counters: &[C],
    units: u64,
    threads: usize,
    orders: Orders,
) -> SoldOut {
    let gate = Gate::new(threads, threads > cpu::cores());
    let sell = |thread: usize| {
        cpu::pin(thread % cpu::cores());
        gate.wait(0);
        let began = Instant::now();
        let (mut sold, mut served) = (0, 0);
        for counter in counters {
            let (units, count) = sell_one_out(counter.till(thread), orders);
            sold += units;
            served += count;
        }
        (sold, served, (began, Instant::now()))
    };
    let shares = on_threads(threads, &sell);
    let sold: u64 = shares.iter().map(|share| share.0).sum();
    let all = units * counters.len() as u64;
    assert!(
        all - sold < orders.smallest * counters.len() as u64,
        "{sold} of {all} units were sold"
    );
    let spans: Vec<_> = shares.iter().map(|share| share.2).collect();
    SoldOut {
        orders: shares.iter().map(|share| share.1).sum(),
        time: from_first_to_last(&spans),
    }
}

/// Units and orders that were sold.
fn sell_one_out(till: &(impl Till + ?Sized), orders: Orders) -> (u64, u64) {
    let (mut sold, mut served, mut refused) = (0, 0, 0);
    let mut size = orders.smallest;
    while refused < orders.refusals {
        if till.take(size) {
            sold += size;
            served += 1;
        } else {
            refused += u64::from(size == orders.smallest);
        }
        size = if size == orders.largest {
            orders.smallest
        } else {
            size + 1
        };
    }
    (sold, served)
}

/// The same on so many threads, and what each returned.
///
/// None of them is the calling one: it would stay pinned, and so would all that it ever starts.
pub fn on_threads<T: Send>(threads: usize, run: &(impl Fn(usize) -> T + Sync)) -> Vec<T> {
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads)
            .map(|thread| scope.spawn(move || run(thread)))
            .collect();
        let joined = running.into_iter().map(|one| one.join());
        joined.map(|part| part.expect("no panic")).collect()
    })
}
