//! The situations: the units that a counter is opened with, and what every thread does to it.

use crate::counters::{ALL, Candidate, Counter, Kind, PLENTY};
use segstock_harness::{Orders, Run, Step, Whole, Work, cpu};
use std::hint::black_box;

/// What every thread does.
#[derive(Debug, Clone, Copy)]
pub enum Calls {
    Deduct(u64),
    OutAndBack(u64),
    ReserveAndRelease(u64),
    /// One unit is restocked, and a hundred orders ask for it.
    RestockAnd99,
    /// A million units are sold down to this, and then three go out and back.
    SoldDownTo(u64),
    /// A number of counters, from full to empty.
    SellOut(usize, Orders),
}
use Calls::{Deduct, OutAndBack, ReserveAndRelease, RestockAnd99, SellOut, SoldDownTo};

pub const MILLION: u64 = 1_000_000;
const OF_FIVE: Orders = Orders {
    smallest: 5,
    largest: 5,
    refusals: 1,
};
const OF_ALL_SIZES: Orders = Orders {
    smallest: 1,
    largest: 7,
    refusals: 1,
};

/// The name, the units in stock at first, the calls, and the last kind of counters that it suits.
const SITUATIONS: [(&str, u64, Calls, Kind); 11] = [
    ("plenty", PLENTY, Deduct(1), Kind::Sharded),
    ("deduct and restock", PLENTY, OutAndBack(1), Kind::Sharded),
    (
        "reserve and release",
        PLENTY,
        ReserveAndRelease(1),
        Kind::Private,
    ),
    ("sold out", 0, Deduct(1), Kind::Private),
    ("too few left", 3, Deduct(5), Kind::Private),
    (
        "more than there is",
        MILLION,
        Deduct(2 * MILLION),
        Kind::Private,
    ),
    ("edge, 1 unit", 1, OutAndBack(1), Kind::Published),
    ("edge, 4 units", 4, OutAndBack(1), Kind::Published),
    (
        "99 refusals to one restock",
        0,
        RestockAnd99,
        Kind::Published,
    ),
    ("fragmented", 32, SellOut(256, OF_FIVE), Kind::Peer),
    ("drain", MILLION, SellOut(1, OF_ALL_SIZES), Kind::Published),
];

/// Every situation with every counter that it suits, on 1, 2, 4, … threads up to the cores, and on two and four times as
/// many.
pub fn steps() -> impl Iterator<Item = Step> {
    SITUATIONS
        .into_iter()
        .map(|(name, units, calls, last)| -> Step {
            let measure = move |run: &mut Run| {
                let cores = cpu::cores();
                let doubling = std::iter::successors(Some(1), |threads| Some(threads * 2));
                let below = doubling.take_while(|&threads| threads < cores);
                for threads in below.chain([cores, 2 * cores, 4 * cores]) {
                    let suited = ALL.iter().filter(|one| one.kind <= last);
                    if let SellOut(count, orders) = calls {
                        let whole = |one: &'static Candidate| -> Whole<'_> {
                            let sell_out = move || (one.sell_out)(units, count, threads, orders);
                            (one.name, Box::new(sell_out))
                        };
                        let runs = run.effort.runs;
                        run.measure_whole(threads, "ns", runs, suited.map(whole).collect());
                    } else {
                        let work = |one: &Candidate| (one.name, (one.work)(calls, units, threads));
                        run.measure(threads, suited.map(work).collect());
                    }
                }
            };
            (name.to_owned(), Box::new(measure))
        })
}

#[inline(always)]
fn out_and_back(counter: &impl Counter, units: u64) {
    if black_box(counter.deduct(units)) {
        counter.restock(units);
    }
}

/// The calls, made again and again to a counter, or by each thread to one of its own.
pub fn work<C: Counter>(calls: Calls, each: Option<usize>, open: impl Fn() -> C) -> Work {
    macro_rules! repeat {
        (|$counter:ident| $call:expr) => {
            match each {
                Some(threads) => Work::of_each_thread(threads, open, move |$counter| $call),
                None => Work::of(open(), move |$counter| $call),
            }
        };
    }
    let work = match calls {
        Deduct(units) => repeat!(|counter| _ = black_box(counter.deduct(black_box(units)))),
        OutAndBack(units) => repeat!(|counter| out_and_back(counter, black_box(units))),
        ReserveAndRelease(units) => {
            repeat!(|counter| counter.reserve_and_release(black_box(units)))
        }
        RestockAnd99 => {
            let round = repeat!(|counter| {
                counter.restock(1);
                (0..100).for_each(|_| _ = black_box(counter.deduct(1)));
            });
            // Looks at the time must be rare beside a round, and often enough for the window to end in time:
            // counters that park take a hundred times longer.
            round.in_chunks_of(if C::PARKS { 4 } else { 64 })
        }
        SoldDownTo(left) => {
            let counter = open();
            let mut remaining = MILLION;
            while remaining > left {
                let order = (remaining - left).min(9);
                assert!(counter.deduct(order), "there is more than that");
                remaining -= order;
            }
            Work::of(counter, |counter| out_and_back(counter, black_box(3)))
        }
        SellOut(..) => unreachable!("measured as a whole"),
    };
    if C::PARKS { work.parks() } else { work }
}
