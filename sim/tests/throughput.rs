//! What each design reaches, in simulated time:
//!
//! ```text
//! cargo test --release -p segstock-sim --test throughput -- --nocapture
//! ```

use comfy_table::Table;
use segstock_sim::designs::{
    Blocks, Conditional, Fencing, Growing, OneLock, Queue, Rows, SegmentLocks,
};
use segstock_sim::{Answer, Counter, Design, Faults, Network, Order, Place, Site, World};
use std::cell::Cell;
use std::ops::RangeInclusive;
use std::rc::Rc;
use std::time::Duration;

/// Orders that are under way at once.
const WORKERS: usize = 6_000;
const SEGMENTS: usize = 20;
const WORK: Duration = Duration::from_millis(20);
/// Longer than any queue: nodes that give up sooner and ask again make it longer still.
const TIME_OUT: Duration = Duration::from_secs(10);
/// How long a design is measured, and for how long before it fills its queues. Longer where orders are few.
const LONG: Duration = Duration::from_secs(2);
const SHORT: Duration = Duration::from_millis(210);

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
        clock.sleep(measured).await;
        let before = sold.get();
        clock.sleep(measured).await;
        (sold.get() - before) * 1_000 / measured.as_millis() as u64
    })
}

/// Orders a second of one design, without round trips and with round trips of 1 ms.
struct Row {
    name: &'static str,
    exact: bool,
    /// Servers that the stock is spread over.
    servers: u64,
    rates: [u64; 2],
}

fn row(
    name: &'static str,
    design: &impl Design,
    exact: bool,
    servers: usize,
    measured: Duration,
) -> Row {
    let trips = [Duration::ZERO, Duration::from_millis(1)];
    Row {
        name,
        exact,
        servers: servers as u64,
        rates: trips.map(|trip| rate(design, measured, trip)),
    }
}

fn rows() -> Vec<Row> {
    let lock = OneLock(Fencing::OfReadsAndWrites);
    let batches = Queue::CountsInBatches;
    vec![
        row(
            "queue, the consumer counts, in batches",
            &batches,
            true,
            1,
            SHORT,
        ),
        row(
            "one key, conditional decrement",
            &Conditional::WithKeys,
            true,
            1,
            SHORT,
        ),
        row(
            "20 keys, growing counters",
            &Growing::OneServer,
            true,
            1,
            SHORT,
        ),
        row("queue, the consumer counts", &Queue::Counts, true, 1, SHORT),
        row("20 rows of a database", &Rows::Many, true, 1, LONG),
        row("one row of a database", &Rows::One, true, 1, LONG),
        row("one lock", &lock, true, 1, LONG),
        row("queue, the consumer works", &Queue::Works, true, 1, LONG),
        row(
            "20 keys, growing counters",
            &Growing::Exact,
            true,
            SEGMENTS,
            SHORT,
        ),
        row(
            "blocks of 20 nodes",
            &Blocks::WithEpochs,
            false,
            SEGMENTS,
            SHORT,
        ),
        row(
            "20 segment locks",
            &SegmentLocks::WalksOn,
            false,
            SEGMENTS,
            LONG,
        ),
    ]
}

#[test]
fn throughput() {
    let rows = rows();
    let mut table = Table::new();
    table.set_header([
        "design",
        "refuses exactly",
        "servers",
        "no round trip",
        "1 ms",
    ]);
    for row in &rows {
        let [free, paid] = row.rates.map(|rate| rate.to_string());
        let exact = if row.exact { "yes" } else { "no" };
        table.add_row([row.name, exact, &row.servers.to_string(), &free, &paid]);
    }
    println!("orders a second, at 20 ms an order, {WORKERS} at once:\n{table}");
    let one_server = rows.iter().filter(|row| row.servers == 1);
    let paid: Vec<u64> = one_server.map(|row| row.rates[1]).collect();
    assert!(paid[0] > 3 * paid[1], "batches save requests: {paid:?}");
    let rate = |name: &str| rows.iter().find(|row| row.name == name).expect(name).rates;
    let within = |name, free: RangeInclusive<u64>, paid: RangeInclusive<u64>| {
        let rates = rate(name);
        assert!(free.contains(&rates[0]), "{name}: {rates:?}");
        assert!(paid.contains(&rates[1]), "{name}: {rates:?}");
    };
    // The published figures, and what a network makes of them.
    within("one lock", 49..=50, 40..=48);
    within("20 segment locks", 980..=1_000, 800..=960);
    // What a database was measured to do: 3,145 and 12,900.
    within("one row of a database", 2_500..=3_800, 2_500..=3_800);
    within("20 rows of a database", 10_000..=16_000, 10_000..=16_000);
    // One server's time for a request.
    within(
        "one key, conditional decrement",
        47_000..=48_000,
        47_000..=48_000,
    );
    // The orders under way.
    within("blocks of 20 nodes", 290_000..=300_000, 270_000..=290_000);
}
