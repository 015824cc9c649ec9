//! Purpose: what an order book costs beside the holds of `segstock`: an order of two lines is placed and paid for.
//!
//! ```text
//! cargo bench -p segstock-orders --bench place_and_pay [-- --quick]
//! ```
//!
//! It prints each ratio with its limit, and whether that is kept. Both sides remember an order by its id for as long, and
//! answer a retry as before.

use clap::Parser;
use segstock::inventory::OrderHolds;
use segstock::{Holds, Inventory, MAX_UNITS};
use segstock_harness::{Arguments, Limit, Run, Work};
use segstock_orders::OrderBook;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const TTL: Duration = Duration::from_secs(900);
/// Short, so that what is measured is not how memory grows.
const RETENTION: Duration = Duration::from_millis(100);
const LINES: [(&str, u64); 2] = [("phone", 1), ("case", 2)];

/// Ids of 20 bytes, each once.
fn id() -> String {
    static LAST: AtomicU64 = AtomicU64::new(0);
    thread_local! {
        static OWN: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
    }
    OWN.with(|own| {
        if own.get() % 1_000 == 0 {
            own.set(LAST.fetch_add(1_000, Ordering::Relaxed));
        }
        own.set(own.get() + 1);
        format!("order-{:014}", own.get())
    })
}

type Shop = Arc<Inventory<&'static str>>;

fn holds() -> Work {
    let shop: Shop = Arc::new(Inventory::new());
    for (sku, _) in LINES {
        shop.insert(sku, MAX_UNITS / 2).expect("it is new");
    }
    let holds: OrderHolds<String, Shop> = Holds::builder().retention(RETENTION).build();
    Work::of((shop, holds), |(shop, holds)| {
        let id = id();
        let placed = holds.place(id.clone(), LINES.to_vec(), TTL, |lines| {
            Arc::clone(shop).order_owned(lines.iter().copied())
        });
        _ = black_box(placed.is_ok());
        _ = black_box(holds.confirm(&id));
    })
}

fn book(ships_at_once: bool) -> Work {
    let builder = OrderBook::builder()
        .retention(RETENTION)
        // Its orders are forgotten after that, as holds are.
        .max_returnable(0)
        .max_orders(100_000_000);
    let book = if ships_at_once {
        builder.ships_at_once().build()
    } else {
        builder.build()
    };
    for (sku, _) in LINES {
        book.open(sku, MAX_UNITS / 2).expect("it is new");
    }
    Work::of(book, move |book| {
        let id = id();
        _ = black_box(book.place(&id, None, LINES, TTL).is_ok());
        _ = black_box(book.pay(&id).is_ok());
        if !ships_at_once {
            // It is forgotten, as the others are.
            _ = black_box(book.ship(&id).is_ok());
        }
    })
}

fn refused() -> [Work; 2] {
    let shop: Shop = Arc::new(Inventory::new());
    let book = OrderBook::new();
    for (sku, _) in LINES {
        shop.insert(sku, 1).expect("it is new");
        book.open(sku, 1).expect("it is new");
    }
    let holds: OrderHolds<String, Shop> = Holds::builder().build();
    [
        Work::of((shop, holds), |(shop, holds)| {
            let placed = holds.place(id(), LINES.to_vec(), TTL, |lines| {
                Arc::clone(shop).order_owned(lines.iter().copied())
            });
            _ = black_box(placed.is_ok());
        }),
        Work::of(book, |book| {
            _ = black_box(book.place(&id(), None, LINES, TTL).is_ok());
        }),
    ]
}

fn compare(run: &mut Run, threads: usize) {
    let limit = Limit::AtMost(1.5);
    run.compare(threads, &["order book"], &["inventory and holds"], limit);
}

fn sold(run: &mut Run, threads: usize) {
    let candidates = vec![
        ("inventory and holds", holds()),
        ("order book", book(true)),
        ("order book, and shipped by a third call", book(false)),
    ];
    run.measure(threads, candidates);
    compare(run, threads);
}

fn sold_out(run: &mut Run, threads: usize) {
    let [holds, book] = refused();
    run.measure(
        threads,
        vec![("inventory and holds", holds), ("order book", book)],
    );
    compare(run, threads);
}

fn main() -> Result<(), String> {
    let arguments = Arguments::parse();
    let results = segstock_harness::run("place_and_pay", "segstock-orders", &arguments, |run| {
        for threads in [1, 2] {
            run.step(&format!("place and pay, {threads} threads"), |run| {
                sold(run, threads);
            });
            run.step(&format!("refused, {threads} threads"), |run| {
                sold_out(run, threads);
            });
        }
    })?;
    let (kept, all) = results.kept();
    println!("{kept} of {all} limits are kept");
    Ok(())
}
