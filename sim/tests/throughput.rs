//! What each design reaches, in simulated time:
//!
//! ```text
//! cargo test --release -p segstock-sim --test throughput -- --nocapture
//! ```

use comfy_table::Table;
use segstock_sim::designs::{Blocks, Conditional, Fencing, Growing, OneLock, Queue, SegmentLocks};
use segstock_sim::{Answer, Counter, Design, Faults, Network, Order, Place, Site, Store, World};
use std::cell::Cell;
use std::ops::RangeInclusive;
use std::rc::Rc;
use std::time::Duration;

/// Orders that are under way at once.
const WORKERS: usize = 1_200;
const SEGMENTS: usize = 20;
const WORK: Duration = Duration::from_millis(20);
/// Longer than any queue: nodes that give up sooner and ask again make it longer still.
const TIME_OUT: Duration = Duration::from_secs(1);
/// Until the queues have their length.
const WARMS_UP: Duration = Duration::from_millis(200);
/// Those that do one order after another are few, and are counted for longer.
const SLOW: Duration = Duration::from_secs(2);
const FAST: Duration = Duration::from_millis(210);

/// Orders a second, with so long a way there and back.
fn rate(design: &impl Design, measured: Duration, round_trip: Duration) -> u64 {
    let world = World::new(1);
    let network = Network::new(&world, Faults::none(round_trip / 2), TIME_OUT);
    let site = Site::new(network, SEGMENTS, WORK);
    let counter = Rc::new(design.open(&site, 1 << 40));
    let sold = Rc::new(Cell::new(0));
    for worker in 0..WORKERS {
        let (world, counter, sold) = (world.clone(), Rc::clone(&counter), Rc::clone(&sold));
        world
            .clone()
            .spawn_at(Place::Node(worker % SEGMENTS), async move {
                // Not all at the same instant, again and again.
                world.sleep(world.pick_time(Duration::ZERO..WORK)).await;
                loop {
                    let order = Order::new(worker % SEGMENTS, world.number(), 1);
                    if counter.deduct(order).await == Answer::Done(()) {
                        sold.set(sold.get() + 1);
                    }
                }
            });
    }
    let clock = world.clone();
    world.run(async move {
        clock.sleep(WARMS_UP).await;
        let before = sold.get();
        clock.sleep(measured).await;
        (sold.get() - before) * 1_000 / measured.as_millis() as u64
    })
}

#[test]
fn throughput() {
    let mut table = Table::new();
    table.set_header(["design", "refuses exactly", "no round trip", "1 ms"]);
    let mut row = |name: &str, exact: &str, rate: &dyn Fn(Duration) -> u64| {
        let rates = [Duration::ZERO, Duration::from_millis(1)].map(rate);
        let [free, paid] = rates.map(|rate| rate.to_string());
        table.add_row([name, exact, &free, &paid]);
        rates
    };
    let lock = OneLock(Fencing::OfReadsAndWrites);
    let one = row("one lock", "yes", &|trip| rate(&lock, SLOW, trip));
    let locks = SegmentLocks::WalksOn;
    let locks = row("20 segment locks", "no", &|trip| rate(&locks, SLOW, trip));
    let growing = Growing::Exact;
    let growing = row("20 keys, growing counters", "yes", &|trip| {
        rate(&growing, FAST, trip)
    });
    let key = Conditional::WithKeys;
    let key = row("1 key, conditional decrement", "yes", &|trip| {
        rate(&key, FAST, trip)
    });
    let works = Queue::Works;
    let works = row("queue, the consumer works", "yes", &|trip| {
        rate(&works, SLOW, trip)
    });
    let queue = Queue::Counts;
    let queue = row("queue, the consumer counts", "yes", &|trip| {
        rate(&queue, FAST, trip)
    });
    let blocks = Blocks::WithEpochs;
    let blocks = row("blocks of 20 nodes", "no", &|trip| {
        rate(&blocks, FAST, trip)
    });
    println!(
        "orders a second, at 20 ms an order, {WORKERS} at once, {} µs an operation of a key:\n{table}",
        (Store::<u64>::REQUEST + Store::<u64>::ITEM).as_micros()
    );
    let within = |rates: [u64; 2], free: RangeInclusive<u64>, paid: RangeInclusive<u64>| {
        assert!(
            free.contains(&rates[0]) && paid.contains(&rates[1]),
            "{rates:?}"
        );
    };
    // The published figures, and what a network makes of them.
    within(one, 49..=50, 40..=48);
    within(locks, 980..=1_000, 800..=960);
    within(works, 49..=50, 40..=48);
    // As many as do their work at once.
    within(growing, 58_000..=60_000, 54_000..=57_500);
    within(blocks, 58_000..=60_000, 54_000..=57_500);
    // As fast as the store serves one key.
    within(key, 47_000..=48_000, 47_000..=48_000);
    within(queue, 20_000..=50_000, 20_000..=50_000);
}
