//! The situations: the units that a counter is opened with, and what every thread does to it.

use crate::calls::Calls::{self, Deduct, OutAndBack, Refusals99, Reserve, SellOut};
use crate::calls::MILLION;
use crate::candidates::Kind::{self, Peer, Private, Published, Sharded};
use crate::candidates::{ALL, Candidate};
use crate::counters::PLENTY;
use segstock_harness::{Orders, Run, Step, Whole, cpu};

const OF_FIVE: Orders = Orders::of(5..=5, 1);
const OF_ALL_SIZES: Orders = Orders::of(1..=7, 1);

/// The name, the units in stock at first, the calls, and the last kind of counters that it suits.
const SITUATIONS: [(&str, u64, Calls, Kind); 11] = [
    ("plenty", PLENTY, Deduct(1), Sharded),
    ("deduct and restock", PLENTY, OutAndBack(1), Sharded),
    ("reserve and release", PLENTY, Reserve(1), Private),
    ("sold out", 0, Deduct(1), Private),
    ("too few left", 3, Deduct(5), Private),
    ("more than there is", MILLION, Deduct(2 * MILLION), Private),
    ("edge, 1 unit", 1, OutAndBack(1), Published),
    ("edge, 4 units", 4, OutAndBack(1), Published),
    ("99 refusals to one restock", 0, Refusals99, Published),
    ("fragmented", 32, SellOut(256, OF_FIVE), Peer),
    ("drain", MILLION, SellOut(1, OF_ALL_SIZES), Published),
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
