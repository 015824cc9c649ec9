//! What an active hold costs in memory. A process of its own, since it watches the memory of the whole.
#![cfg(all(target_os = "linux", not(loom)))]

#[path = "support/memory.rs"]
mod memory;

use memory::resident;
use segstock::{Holds, Reservation, Stock};
use std::time::Duration;

const HOLDS: u64 = 1_000_000;
const MEGABYTE: u64 = 1_000_000;

static SEATS: Stock = Stock::new(HOLDS);

#[test]
fn a_million_active_holds_fit_in_160_megabytes() {
    let begun_with = resident();
    let holds: Holds<u64, Reservation<&'static Stock>> = Holds::new();
    for key in 0..HOLDS {
        _ = holds
            .place(key, 1, Duration::from_secs(3_600), |&units| {
                SEATS.reserve(units)
            })
            .expect("there is a seat for each");
    }
    let took = resident() - begun_with;
    assert_eq!((holds.len(), holds.units()), (1_000_000, HOLDS));
    println!("{} bytes a hold", took / HOLDS);
    assert!(took <= 160 * MEGABYTE, "{} MB", took / MEGABYTE);
}
