//! What a ledger costs those who change nothing, and what a book that is large costs all.

use crate::arguments::Arguments;
use crate::promises::Promises;
use crate::shops::{self, Turn, filled, median, once, open_all, ratio};
use segstock::{Clock, ManualClock};
use segstock_harness::Limit;
use segstock_orders::{OrderBook, Refusal};
use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

const RETENTION: Duration = Duration::from_secs(1_000);
/// How many refusals a window has, and how many turns there are for each turn of the other parts.
const REFUSALS: u32 = 10_000;
const TURNS: usize = 50;
/// Of the book that is empty.
const FEW: u64 = 1_000;

/// A refusal with a ledger and one without take turns, on one thread.
pub fn refusal(
    arguments: &Arguments,
    directory: &Path,
    promises: &mut Promises,
) -> Result<(), Box<dyn Error>> {
    let file = directory.join("refusal.db");
    let with = filled(OrderBook::builder(), &file, (FEW, 0), |_| ())?;
    let without = OrderBook::new();
    open_all(&without, FEW)?;
    let books = [&with.book, &without];
    for book in books {
        book.open("sold out".to_owned(), 0)?;
    }
    let refuses = |book: &OrderBook<String>| {
        once(|| {
            for _ in 0..REFUSALS {
                let lines = [("sold out".to_owned(), 1)];
                let answer = book.place("order-17", None, lines, shops::TTL);
                assert!(matches!(answer, Err(Refusal::Short(_))), "{answer:?}");
            }
            Ok(())
        })
    };
    // Windows of some milliseconds: whatever else the machine does is the same for both of a turn.
    let mut turns: [Vec<Turn>; 2] = Default::default();
    for turn in 0..arguments.turns * TURNS {
        for index in [turn % 2, 1 - turn % 2] {
            turns[index].push(refuses(books[index])?);
        }
    }
    let [with, without] = turns.each_ref().map(|turns| {
        let nanoseconds = |turn: &Turn| turn.seconds() * 1e9 / f64::from(REFUSALS);
        median(turns, nanoseconds)
    });
    println!(
        "a refusal: {with:.0} ns with a ledger, {without:.0} ns without; the median of {} turns",
        turns[0].len()
    );
    let name = "a refusal with a ledger / one without";
    promises.say(name, ratio(&turns[0], &turns[1]), Limit::AtMost(1.05));
    Ok(())
}

/// A shop with many orders and SKUs, of which orders are forgotten all the time, and one that is empty take turns.
pub fn growth(
    arguments: &Arguments,
    directory: &Path,
    promises: &mut Promises,
) -> Result<(), Box<dyn Error>> {
    let clock = Arc::new(ManualClock::new());
    let builder = || {
        let builder = OrderBook::builder()
            .retention(RETENTION)
            .max_returnable(0)
            .ships_at_once();
        builder.clock(Arc::clone(&clock) as Arc<dyn Clock + Send + Sync>)
    };
    let (skus, orders) = (arguments.skus.max(100 * FEW), arguments.orders);
    // The orders end one after another, over the time for which they are remembered.
    let step = RETENTION / u32::try_from(orders).unwrap_or(u32::MAX).max(1);
    let large = filled(
        builder(),
        &directory.join("large.db"),
        (skus, orders),
        |_| {
            clock.advance(step);
        },
    )?;
    let small = filled(builder(), &directory.join("small.db"), (FEW, 0), |_| ())?;
    let shops = [(&large, skus), (&small, FEW)];
    let mut turns: [Vec<Turn>; 2] = Default::default();
    let before = large.book.orders();
    for turn in 0..arguments.turns {
        // This many orders are past their retention from now on.
        clock.advance(RETENTION / 10);
        for ((shop, skus), turns) in shops.iter().zip(&mut turns) {
            let customers = (arguments.customers, *skus);
            let turn = shops::sells(
                &shop.book,
                Some(&shop.writer),
                &format!("turn-{turn}"),
                customers,
                arguments.window(),
            );
            turns.push(turn);
        }
    }
    let sold: f64 = turns[0]
        .iter()
        .map(|turn| turn.rate() * arguments.window().as_secs_f64() / 2.0)
        .sum();
    let forgotten = before as f64 + sold - large.book.orders() as f64;
    let [large, small] = turns.map(|turns| median(&turns, |turn| turn.slowest(999)) * 1e3);
    println!(
        "p99.9 with {orders} orders and {skus} SKUs, while some {forgotten:.0} orders are forgotten: {large:.1} ms; \
         empty: {small:.1} ms; {:.1} ms more",
        large - small
    );
    // Or 20 ms more, which is as good.
    let limit = Limit::AtMost(f64::max(2.0, 1.0 + 20.0 / small));
    promises.say("p99.9 with all of that / empty", large / small, limit);
    Ok(())
}

/// What orders cost in memory that are remembered.
pub fn memory(arguments: &Arguments, promises: &mut Promises) -> Result<(), Box<dyn Error>> {
    let orders = 2 * arguments.orders;
    let book = OrderBook::builder()
        .max_orders(usize::MAX)
        .ships_at_once()
        .build();
    open_all(&book, FEW)?;
    let before = resident()?;
    for number in 0..orders {
        let id = format!("order-{number:014}");
        let lines = [("sku-1".to_owned(), 1), ("sku-2".to_owned(), 1)];
        book.place(&id, None, lines, shops::TTL)?;
        book.pay(&id)?;
    }
    let bytes = resident()?.saturating_sub(before);
    println!(
        "{orders} orders that are remembered: {} MB",
        bytes / 1_000_000
    );
    let each = bytes as f64 / orders.max(1) as f64;
    promises.say("bytes for each", each, Limit::AtMost(250.0));
    Ok(())
}

fn resident() -> Result<u64, Box<dyn Error>> {
    let pages = std::fs::read_to_string("/proc/self/statm")?;
    let pages = pages.split(' ').nth(1).ok_or("no resident pages")?;
    Ok(pages.parse::<u64>()? * 4_096)
}
