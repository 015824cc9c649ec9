//! The situations: the units that a counter is opened with, and what every thread does to it.

use crate::candidates::Kind::{self, Peer, Private, Published, Sharded};
use crate::candidates::{PLENTY, all};
use segstock_harness::Calls::{self, Deduct, OutAndBack, Refusals99, Reserve, SellOut};
use segstock_harness::{Orders, Run, cpu};

const MILLION: u64 = 1_000_000;
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
pub fn measure(run: &mut Run) {
    let (all, cores) = (all(), cpu::cores());
    let doubling = std::iter::successors(Some(1), |threads| Some(threads * 2));
    let below = doubling.take_while(|&threads| threads < cores);
    let threads: Vec<usize> = below.chain([cores, 2 * cores, 4 * cores]).collect();
    for (name, units, calls, last) in SITUATIONS {
        run.step(name, |run| {
            for &threads in &threads {
                let suited = all.iter().filter(|(kind, _)| *kind <= last);
                run.ask(threads, units, calls, suited.map(|one| &one.1));
            }
        });
    }
}
