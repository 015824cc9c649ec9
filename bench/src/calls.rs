//! What every thread does to a counter, again and again.

use crate::counters::Counter;
use segstock_harness::{Orders, Work};
use std::hint::black_box;

/// What every thread does.
#[derive(Debug, Clone, Copy)]
pub enum Calls {
    Deduct(u64),
    OutAndBack(u64),
    /// Units are reserved and released.
    Reserve(u64),
    /// One unit is restocked, and a hundred orders ask for it.
    Refusals99,
    /// A million units are sold down to this, and then three go out and back.
    SoldDownTo(u64),
    /// A number of counters, from full to empty.
    SellOut(usize, Orders),
}
use Calls::{Deduct, OutAndBack, Refusals99, Reserve, SellOut, SoldDownTo};

pub const MILLION: u64 = 1_000_000;

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
        Reserve(units) => {
            repeat!(|counter| counter.reserve_and_release(black_box(units)))
        }
        Refusals99 => {
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
