//! The situations: the units that a counter is opened with, and what every thread does to it.

use crate::calls::Calls::{self, Deduct, OutAndBack, ReserveAndRelease, RestockAnd99, SellOut};
use crate::calls::MILLION;
use crate::candidates::{ALL, Candidate, Kind};
use crate::counters::PLENTY;
use segstock_harness::{Orders, Run, Step, Whole, cpu};

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
