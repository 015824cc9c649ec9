//! Threads call a book at random. At every look, while no call runs, the books of each SKU balance; and the entries,
//! and every prefix of them that is tried, make a book again.

use crate::books::{SKUS, Sku, assert_balanced, assert_promised, settle};
use crate::support::Recorded;
use segstock::ManualClock;
use segstock_orders::{Entry, Event, OrderBook, Position, Returned, SkuLimits, What};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier, Mutex, RwLock};
use std::thread;
use std::time::Duration;

/// Orders that the threads call at a time.
const IDS: u64 = 40;
const THREADS: u64 = 4;
const CALLS: u64 = 8_000;
const LOOKS: u64 = 200;

/// Numbers that look random, the same for each seed.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }

    fn sku(&mut self) -> Sku {
        SKUS[self.below(3) as usize]
    }

    fn lines(&mut self) -> Vec<(Sku, u64)> {
        let count = 1 + self.below(3);
        (0..count)
            .map(|_| (self.sku(), 1 + self.below(2)))
            .collect()
    }
}

/// Where units were sent, and what names the sending.
type Sendings = Mutex<Vec<(Sku, Position)>>;

/// Moves units to another SKU, at once or on a way; or has some arrive.
fn move_some(book: &OrderBook<Sku>, sendings: &Sendings, key: &str, chance: &mut Chance) {
    let (from, to, units) = (chance.sku(), chance.sku(), 1 + chance.below(3));
    match chance.below(3) {
        0 => drop(book.move_units(from, to, key, units)),
        1 => {
            if let Ok(sent) = book.send(from, to, key, units) {
                sendings.lock().unwrap().push((to, sent.position));
            }
        }
        _ => {
            let sendings = sendings.lock().unwrap().clone();
            let last = sendings.len().checked_sub(1 + chance.below(4) as usize);
            if let Some((to, sending)) = last.map(|last| sendings[last]) {
                _ = book.arrive(to, sending, key, chance.below(3), chance.below(2));
            }
        }
    }
}

fn call(
    book: &OrderBook<Sku>,
    clock: &ManualClock,
    sendings: &Sendings,
    number: u64,
    chance: &mut Chance,
) {
    let id = format!("order-{}", number / 8 + chance.below(IDS));
    let key = format!("key-{}", chance.below(8));
    let shelf_key = format!("key-{}", chance.below(400));
    let ttl = Duration::from_secs(1 + chance.below(20));
    // Refusals are answers as good as any: the books tell whether they were right.
    match chance.below(31) {
        0..6 => drop(book.place(&id, Some("ann"), chance.lines(), ttl)),
        6..9 => drop(book.pay(&id)),
        9 => drop(book.pay_part(&id, &key, chance.lines())),
        10..12 => drop(book.ship(&id)),
        12 => drop(book.ship_part(&id, &key, chance.lines())),
        13 => drop(book.cancel(&id)),
        14 => drop(book.cancel_part(&id, &key, chance.lines())),
        15 => drop(book.return_order(&id, Returned::OnSale)),
        16 => drop(book.return_part(&id, &key, chance.lines(), Returned::WrittenOff)),
        17 => drop(book.amend(&id, &key, chance.lines(), ttl)),
        18 => drop(book.extend(&id, &key, ttl)),
        19 => drop(book.restock(chance.sku(), &shelf_key, 1 + chance.below(30))),
        20 => drop(book.count(chance.sku(), &shelf_key, chance.below(60))),
        21 => drop(book.write_off(chance.sku(), &shelf_key, 1 + chance.below(2))),
        22 => clock.advance(Duration::from_secs(chance.below(4))),
        23..26 => drop(book.place_or_wait(&id, Some("ann"), chance.lines(), ttl)),
        26 => {
            let mut limits = SkuLimits::default();
            limits.safety = chance.below(4);
            limits.low = chance.below(8);
            limits.closed = chance.below(8) == 0;
            limits.unpaid = (chance.below(3) == 0).then(|| 40 + chance.below(60) as u8);
            limits.per_customer = (chance.below(4) == 0).then(|| 20 + chance.below(30));
            _ = book.limit(chance.sku(), limits);
        }
        27..30 => move_some(book, sendings, &shelf_key, chance),
        _ => drop(book.get(&id)),
    }
}

/// Follows the feed of a book.
#[derive(Default)]
struct Reader {
    after: Position,
    events: Vec<Event<Sku>>,
}

impl Reader {
    /// Reads all that is new.
    fn read(&mut self, book: &OrderBook<Sku>) {
        loop {
            let page = book.events(self.after, 500);
            assert_eq!(page.missed, None, "the feed has room for all");
            if page.events.is_empty() {
                return;
            }
            let mut last = self.after;
            for event in &page.events {
                let is_new = event.position > self.after;
                assert!(is_new && event.position >= last, "{event:?} after {last:?}");
                last = event.position;
            }
            self.after = page.next;
            self.events.extend(page.events);
        }
    }

    /// Each crossing is an event once, in turns, and the last is where the stock is now.
    fn assert_crossings_alternate(&self, book: &OrderBook<Sku>) {
        for sku in SKUS {
            let (mut is_low, mut is_out, mut crossings) = (false, false, 0);
            for event in &self.events {
                let (is, becomes) = match event.what {
                    What::Low { sku: of, .. } if of == sku => (&mut is_low, true),
                    What::Enough(of) if of == sku => (&mut is_low, false),
                    What::SoldOut(of) if of == sku => (&mut is_out, true),
                    What::BackInStock(of) if of == sku => (&mut is_out, false),
                    _ => continue,
                };
                assert_ne!(*is, becomes, "{sku}: {event:?} a second time");
                *is = becomes;
                crossings += 1;
            }
            let stock = book.stock(sku).unwrap();
            let left = if stock.waiting > 0 {
                0
            } else {
                stock.available
            };
            assert_eq!(is_out, left == 0, "{sku}: {stock:?}");
            assert_eq!(is_low, left < stock.limits.low, "{sku}: {stock:?}");
            assert!(crossings > 20, "{sku}: {crossings} crossings");
        }
    }
}

fn hammer(seed: u64, ships_at_once: bool) {
    let clock = Arc::new(ManualClock::new());
    let journal = Arc::new(Recorded::default());
    let builder = || {
        let builder = OrderBook::builder()
            .clock(Arc::clone(&clock) as _)
            .events(usize::MAX)
            .shards(4);
        if ships_at_once {
            builder.ships_at_once()
        } else {
            builder
        }
    };
    // Nothing is forgotten: the orders are all there to be counted.
    let forever = Duration::from_secs(1 << 30);
    let book = builder()
        .retention(forever)
        .journal(Arc::clone(&journal) as _)
        .build();
    for sku in SKUS {
        book.open(sku, 20).unwrap();
    }
    let (still, done) = (RwLock::new(()), AtomicBool::new(false));
    let sendings = Sendings::default();
    let mut reader = Reader::default();
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (book, clock, still, sendings) = (&book, &clock, &still, &sendings);
            scope.spawn(move || {
                let mut chance = Chance(seed * 1_000 + thread + 1);
                for number in 0..CALLS {
                    let _calling = still.read().unwrap();
                    call(book, clock, sendings, number, &mut chance);
                }
            });
        }
        scope.spawn(|| {
            for _ in 0..LOOKS {
                reader.read(&book);
                let _still = still.write().unwrap();
                assert_eq!(journal.places(), 0, "no call runs: no place is set aside");
                settle(&book);
                let entries = journal.entries();
                assert_balanced(&book, &entries);
                assert_promised(&book, &entries);
            }
            done.store(true, Ordering::Release);
        });
    });
    assert!(done.load(Ordering::Acquire));
    // After the last call.
    settle(&book);
    let entries = journal.entries();
    assert_balanced(&book, &entries);
    assert_promised(&book, &entries);
    reader.read(&book);
    reader.assert_crossings_alternate(&book);
    assert!(
        entries.len() > 2_000,
        "{} entries: the calls did something",
        entries.len()
    );
    for prefix in (0..entries.len())
        .step_by(entries.len() / 20)
        .chain([entries.len()])
    {
        let again = builder()
            .retention(forever)
            .replay(entries[..prefix].to_vec());
        let again = again.unwrap();
        let mut reader = Reader::default();
        reader.read(&again);
        let mut before = reader.events.iter();
        let before = before
            .by_ref()
            .take_while(|event| event.position.number() <= prefix as u64);
        assert!(
            reader.events.iter().eq(before),
            "the feed shows again what it showed"
        );
        assert_balanced_if_whole(again, &entries[..prefix]);
    }
}

fn assert_balanced_if_whole(book: OrderBook<Sku>, entries: &[(Position, Entry<Sku>)]) {
    if book.skus() == SKUS.len() {
        settle(&book);
        assert_balanced(&book, entries);
    }
}

#[test]
fn the_books_balance_at_every_look() {
    hammer(1, false);
    hammer(2, false);
}

#[test]
fn the_books_of_a_shop_that_ships_at_once_balance_at_every_look() {
    hammer(3, true);
}

/// One order takes both SKUs, and the other has the second before it gets there.
#[test]
fn units_that_an_order_took_before_it_failed_come_back() {
    let book = OrderBook::new();
    book.open("a", 1).unwrap();
    book.open("b", 1).unwrap();
    let ttl = Duration::from_secs(900);
    thread::scope(|scope| {
        for (thread, lines) in [vec![("a", 1), ("b", 1)], vec![("b", 1)]]
            .into_iter()
            .enumerate()
        {
            let book = &book;
            scope.spawn(move || {
                for number in 0..100_000 {
                    let id = format!("order-{thread}-{number}");
                    if book.place(&id, None, lines.clone(), ttl).is_ok() {
                        book.cancel(&id).unwrap();
                    }
                }
            });
        }
    });
    let stock = |sku| book.stock(sku).unwrap().available;
    assert_eq!((stock("a"), stock("b")), (1, 1));
}

/// Threads that ship one SKU at a time meet at its gate: the gate gets lanes. A count afterwards finds nothing and misses
/// nothing.
#[test]
fn what_many_threads_ship_of_one_sku_is_off_the_shelf() {
    const UNITS: u64 = 100_000;
    const ORDERS: u64 = 20_000;
    let book = OrderBook::new();
    book.open("hot", UNITS).unwrap();
    let all_are_paid = Barrier::new(THREADS as usize);
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (book, all_are_paid) = (&book, &all_are_paid);
            scope.spawn(move || {
                let ids: Vec<_> = (0..ORDERS)
                    .map(|order| format!("{thread}-{order}"))
                    .collect();
                for id in &ids {
                    let minute = Duration::from_secs(60);
                    book.place(id, None, [("hot", 1)], minute).unwrap();
                    book.pay(id).unwrap();
                }
                all_are_paid.wait();
                for id in &ids {
                    book.ship(id).unwrap();
                }
            });
        }
    });
    let left = UNITS - THREADS * ORDERS;
    assert_eq!(book.stock("hot").unwrap().on_hand, left);
    assert_eq!(book.count("hot", "count", left).unwrap().difference, 0);
}
