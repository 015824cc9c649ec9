//! Purpose: so many calls of one kind, for callgrind to count the instructions of. Run it by
//! `.ci/instructions`.
//!
//! ```text
//! instructions NAME CALLS
//! ```

use segstock::Stock;
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};

fn repeat(calls: u64, call: impl Fn()) {
    for _ in 0..calls {
        call();
    }
}

/// What `AtomicU64` users write.
#[inline]
fn deduct(word: &AtomicU64, units: u64) -> Result<u64, u64> {
    word.fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| {
        left.checked_sub(units)
    })
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    // `cargo bench` itself passes no calls to count, and is told where to look.
    let (Some(name), Some(calls)) = (args.get(1), args.get(2).and_then(|n| n.parse().ok())) else {
        println!("counted by .ci/instructions, under callgrind");
        return;
    };
    let plenty = black_box(Stock::new(1 << 39));
    let few = black_box(Stock::new(3));
    let striped = Stock::builder(1 << 39).segments(16).build();
    let striped = black_box(striped.expect("16 segments"));
    let atomic_plenty = black_box(AtomicU64::new(1 << 39));
    let atomic_few = black_box(AtomicU64::new(3));
    let one = || black_box(1);
    let five = || black_box(5);
    match name.as_str() {
        "nothing" => repeat(calls, || _ = black_box(five())),
        "deduct" => repeat(calls, || assert!(plenty.deduct(one()).is_ok())),
        "deduct-striped" => repeat(calls, || assert!(striped.deduct(one()).is_ok())),
        "deduct-atomic" => repeat(calls, || assert!(deduct(&atomic_plenty, one()).is_ok())),
        "refuse" => repeat(calls, || assert!(few.deduct(five()).is_err())),
        "refuse-atomic" => repeat(calls, || assert!(deduct(&atomic_few, five()).is_err())),
        "restock" => repeat(calls, || assert!(plenty.restock(one()).is_ok())),
        "restock-striped" => repeat(calls, || assert!(striped.restock(one()).is_ok())),
        "available" => repeat(calls, || _ = black_box(plenty.available())),
        other => {
            eprintln!("unknown call {other}");
            std::process::exit(2);
        }
    }
}
