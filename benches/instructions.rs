//! Purpose: this many calls of one kind, for callgrind to count the instructions of. Run it by
//! `.ci/instructions`.
//!
//! ```text
//! instructions NAME CALLS
//! instructions names
//! ```

use segstock::{MAX_UNITS, Stock};
use segstock_harness::{Atomic, Counter};
use std::hint::black_box;

const PLENTY: u64 = MAX_UNITS / 2;

/// One call again and again, in a function of its own: what is inlined, and kept in registers, is
/// then decided by this call and by no other.
#[inline(never)]
fn make(calls: u64, call: impl Fn()) {
    (0..calls).for_each(|_| call());
}

/// The names of all calls, and a function that makes the one of a name.
macro_rules! calls {
    ($($name:literal => $call:expr,)+) => {
        const NAMES: &[&str] = &[$($name),+];

        /// Whether there is such a call.
        fn repeat(name: &str, calls: u64) -> bool {
            match name {
                "nothing" => make(calls, || _ = black_box(one())),
                $($name => make(calls, $call),)+
                _ => return false,
            }
            true
        }
    };
}

/// A unit, of which the compiler does not know.
fn one() -> u64 {
    black_box(1)
}

/// As the compiler sees what others share with it.
fn shared<T>(what: T) -> &'static T {
    black_box(Box::leak(Box::new(what)))
}

fn plenty() -> &'static Stock {
    shared(Stock::new(PLENTY))
}

fn many() -> &'static Stock {
    let builder = Stock::builder(PLENTY).segments(16);
    shared(builder.build().expect("16 segments"))
}

calls! {
    "deduct" => { let stock = plenty(); move || assert!(stock.deduct(one()).is_ok()) },
    "deduct-wide" => { let stock = many(); move || assert!(stock.deduct(one()).is_ok()) },
    "deduct-atomic" => { let stock = shared(Atomic::new(PLENTY)); move || assert!(stock.deduct(one())) },
    "deduct-up-to" => { let stock = plenty(); move || assert!(stock.deduct_up_to(one()) == 1) },
    "deduct-up-to-wide" => { let stock = many(); move || assert!(stock.deduct_up_to(one()) == 1) },
    "refuse" => { let stock = shared(Stock::new(3)); move || assert!(stock.deduct(black_box(5)).is_err()) },
    "refuse-wide" => { let stock = many(); move || assert!(stock.deduct(black_box(2 * PLENTY)).is_err()) },
    "refuse-atomic" => { let stock = shared(Atomic::new(3)); move || assert!(!stock.deduct(black_box(5))) },
    "restock" => { let stock = plenty(); move || assert!(stock.restock(one()).is_ok()) },
    "restock-wide" => { let stock = many(); move || assert!(stock.restock(one()).is_ok()) },
    "reserve-drop" => { let stock = plenty(); move || drop(black_box(stock.reserve(one()))) },
    "reserve-drop-wide" => { let stock = many(); move || drop(black_box(stock.reserve(one()))) },
    "available" => { let stock = plenty(); move || _ = black_box(stock.available()) },
    "available-wide" => { let stock = many(); move || _ = black_box(stock.available()) },
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match &args[..] {
        [names] if names == "names" => NAMES.iter().for_each(|name| println!("{name}")),
        // `cargo bench` itself names no call, but may pass on what other benchmarks are asked for.
        [name, calls] if !name.starts_with("--") => {
            let known = calls.parse().is_ok_and(|calls| repeat(name, calls));
            assert!(known, "unknown call {name}; `names` lists the names");
        }
        _ => println!("counted by .ci/instructions, under callgrind"),
    }
}
