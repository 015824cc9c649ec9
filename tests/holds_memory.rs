//! Ten million holds come and go, and the memory of their keys goes with them. A process of its own,
//! since it watches the memory of the whole.
#![cfg(all(target_os = "linux", not(loom)))]

#[path = "support/memory.rs"]
mod memory;

use memory::resident;
use segstock::{Holds, ManualClock, Stock};
use std::time::Duration;

const HOLDS: u64 = 10_000_000;
const SECOND: Duration = Duration::from_secs(1);
const MIB: u64 = 1 << 20;

#[test]
fn nothing_of_ten_million_holds_leaks() {
    let (stock, clock) = (Stock::new(20_000), ManualClock::new());
    let holds = Holds::builder()
        .clock(&clock)
        .retention(SECOND * 60)
        .build();
    let (mut most_known, mut most_resident) = (0, 0);
    let begun_with = resident();
    for key in 0..HOLDS {
        // Two thirds expire, one is sold and restocked. At a thousand a second, ten thousand are active.
        _ = holds
            .place(key, 1, SECOND * 10, |&units| stock.reserve(units))
            .expect("expired holds are freed");
        if key % 3 == 0 {
            holds.confirm(&key).expect("it is active");
            stock.restock(1).expect("room");
        }
        clock.advance(SECOND / 1_000);
        if key % 100_000 == 0 {
            most_known = most_known.max(holds.known());
            most_resident = most_resident.max(resident() - begun_with);
        }
    }
    // 70 seconds' worth of keys, each some tens of bytes, some of it twice while a map grows.
    assert!(most_known <= 75_000, "{most_known} keys are known at once");
    assert!(
        most_resident <= 64 * MIB,
        "{} MiB for {most_known} keys",
        most_resident / MIB
    );

    clock.advance(SECOND * 1_000);
    holds.sweep(usize::MAX);
    clock.advance(SECOND * 1_000);
    holds.sweep(usize::MAX);
    assert_eq!((holds.known(), holds.len()), (0, 0));
    let snapshot = stock.snapshot();
    assert_eq!((snapshot.available, snapshot.reserved), (20_000, 0));
    assert_eq!(snapshot.sold, HOLDS.div_ceil(3));
    println!("{most_known} keys at once, {} MiB", most_resident / MIB);
}
