//! An order book under the model checker: two threads and what they may be answered. Run it with `.ci/loom orders`.
//!
//! The map from SKUs to numbers is the real one, which loom does not see: SKUs are opened before the threads begin.
#![cfg(loom)]

use loom::thread;
use segstock::{MAX_UNITS, ManualClock};
use segstock_orders::{Answer, OrderBook, OrderState, Refusal, SkuLimits};
use std::sync::Arc;
use std::time::{Duration, Instant};

const MINUTE: Duration = Duration::from_secs(60);

type Said = Result<Answer, Refusal<&'static str>>;

/// What the threads share.
struct Shop {
    book: OrderBook<&'static str>,
    clock: Arc<ManualClock>,
}

impl Shop {
    /// A shop with `units` of a phone. The orders of ann and of bob are in different shards.
    fn new(units: u64) -> Self {
        let clock = Arc::new(ManualClock::new());
        let builder = OrderBook::builder().clock(Arc::clone(&clock) as _);
        let book = builder.shards(2).build();
        book.open("phone", units).unwrap();
        Self { book, clock }
    }

    /// A shop with one phone, whose order is past its deadline.
    fn overdue() -> Self {
        let shop = Self::new(1);
        shop.place("ann", 1).unwrap();
        shop.clock.advance(MINUTE);
        shop
    }

    fn place(&self, id: &str, units: u64) -> Said {
        self.book.place(id, None, [("phone", units)], MINUTE)
    }

    fn place_or_wait(&self, id: &str, units: u64) -> Said {
        let lines = [("phone", units)];
        self.book.place_or_wait(id, None, lines, MINUTE)
    }

    fn state(&self, id: &str) -> OrderState {
        self.book.get(id).unwrap().state
    }

    /// One of two calls had what both wanted.
    fn assert_one_of(&self, one: &Said, other: &Said) {
        assert!(one.is_ok() != other.is_ok(), "{one:?}, {other:?}");
        self.assert_balanced(&["ann", "bob"]);
    }

    /// No unit is promised twice, none is lost: what is on hand is available, held or paid for, or else owed.
    fn assert_balanced(&self, ids: &[&str]) {
        let orders = ids.iter().filter_map(|id| self.book.get(id).ok());
        let lines = orders.flat_map(|order| order.lines);
        let promised: u64 = lines.map(|line| line.held + line.paid).sum();
        let stock = self.book.stock("phone").unwrap();
        // In a release sums wrap: fewer units than none are very many.
        assert!(stock.on_hand <= MAX_UNITS, "no more leaves than is on hand");
        assert_eq!(stock.on_hand + stock.owed, stock.available + promised);
        assert!(stock.owed == 0 || stock.available == 0);
    }
}

/// Explores two threads, and gives their answers to `check`.
fn race<A: Send + 'static, B: 'static>(
    name: &str,
    open: fn() -> Shop,
    one: fn(&Shop) -> A,
    other: fn(&Shop) -> B,
    check: fn(&Shop, A, B),
) {
    let began = Instant::now();
    let executions = Arc::new(std::sync::atomic::AtomicU64::new(0));
    let count = Arc::clone(&executions);
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = builder.preemption_bound.or(Some(2));
    builder.max_branches = 20_000;
    builder.check(move || {
        count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let shop = Arc::new(open());
        let theirs = Arc::clone(&shop);
        let one = thread::spawn(move || one(&theirs));
        let other = other(&shop);
        check(&shop, one.join().unwrap(), other);
    });
    let executions = executions.load(std::sync::atomic::Ordering::Relaxed);
    let took = began.elapsed().as_secs_f64();
    println!("{name:<44} {executions:>9} executions {took:>7.1} s");
    assert!(executions > 1, "{name}: without a choice nothing is found");
}

#[test]
fn a_payment_and_an_expiry() {
    race(
        "pay || place, the first overdue",
        Shop::overdue,
        |shop| shop.book.pay("ann"),
        |shop| shop.place("bob", 1),
        |shop, paid, placed| {
            shop.assert_one_of(&paid, &placed);
        },
    );
    race(
        "pay || sweep",
        Shop::overdue,
        |shop| shop.book.pay("ann"),
        |shop| shop.book.sweep(8),
        |shop, paid, _| {
            assert_eq!(paid.unwrap().late, 1);
            shop.assert_balanced(&["ann"]);
        },
    );
}

#[test]
fn an_amendment_and_a_payment() {
    race(
        "amend || pay",
        || {
            let shop = Shop::new(2);
            shop.place("ann", 1).unwrap();
            shop
        },
        |shop| shop.book.amend("ann", "more", [("phone", 2)], MINUTE),
        |shop| shop.book.pay("ann"),
        |shop, amended, paid| {
            let units = paid.unwrap().units;
            match amended {
                Ok(_) => assert_eq!(units, 2),
                Err(refusal) => assert_eq!((refusal, units), (Refusal::State(OrderState::Paid), 1)),
            }
            shop.assert_balanced(&["ann"]);
        },
    );
}

#[test]
fn a_cancellation_and_a_shipment() {
    race(
        "cancel || ship",
        || {
            let shop = Shop::new(1);
            shop.place("ann", 1).unwrap();
            shop.book.pay("ann").unwrap();
            shop
        },
        |shop| shop.book.cancel("ann"),
        |shop| shop.book.ship("ann"),
        |shop, cancelled, shipped| {
            match (cancelled, shipped) {
                (Ok(cancelled), Err(Refusal::State(OrderState::Cancelled))) => {
                    assert_eq!(cancelled.refunded, 1);
                }
                (Err(Refusal::State(OrderState::Shipped)), Ok(_)) => {}
                other => panic!("{other:?}"),
            }
            shop.assert_balanced(&["ann"]);
        },
    );
}

#[test]
fn what_is_owed_beside_a_release_and_a_place() {
    race(
        "count fewer || cancel",
        || {
            let shop = Shop::new(2);
            shop.place("ann", 2).unwrap();
            shop
        },
        |shop| shop.book.count("phone", "count", 1),
        |shop| shop.book.cancel("ann"),
        |shop, counted, cancelled| {
            cancelled.unwrap();
            counted.unwrap();
            let stock = shop.book.stock("phone").unwrap();
            assert_eq!(
                (stock.available, stock.owed),
                (1, 0),
                "it is paid by what came back"
            );
        },
    );
    race(
        "count fewer || place",
        || Shop::new(2),
        |shop| shop.book.count("phone", "count", 1),
        |shop| shop.place("bob", 2),
        |shop, counted, placed| {
            // One is missing. If both were promised by then, it is owed.
            let uncovered = counted.unwrap().uncovered;
            assert_eq!(uncovered, u64::from(placed.is_ok()), "{placed:?}");
            shop.assert_balanced(&["bob"]);
        },
    );
}

#[test]
fn the_last_unit_beside_a_late_payment() {
    race(
        "pay late || place the last",
        || {
            let shop = Shop::overdue();
            shop.book.sweep(1).unwrap();
            shop
        },
        |shop| shop.book.pay("ann"),
        |shop| shop.place("bob", 1),
        |shop, paid, placed| {
            shop.assert_one_of(&paid, &placed);
        },
    );
}

#[test]
fn the_queue_beside_a_place() {
    race(
        "restock || place, one waits",
        || {
            let shop = Shop::new(0);
            shop.place_or_wait("ann", 1).unwrap();
            shop
        },
        |shop| shop.book.restock("phone", "delivery", 1),
        |shop| shop.place("bob", 1),
        |shop, restocked, placed| {
            restocked.unwrap();
            assert!(placed.is_err(), "ann was first");
            assert_eq!(shop.state("ann"), OrderState::Held);
            shop.assert_balanced(&["ann", "bob"]);
        },
    );
    race(
        "restock || wait",
        || Shop::new(0),
        |shop| shop.book.restock("phone", "delivery", 1),
        |shop| shop.place_or_wait("ann", 1),
        |shop, _, placed| {
            placed.unwrap();
            assert_eq!(shop.state("ann"), OrderState::Held, "nobody forgot her");
            shop.assert_balanced(&["ann"]);
        },
    );
}

/// A place has looked, and nobody waited. The unit that it then finds is one that came back to who waits by now.
#[test]
fn a_place_that_looked_before_somebody_waited() {
    race(
        "place, wait, cancel || place",
        || Shop::new(1),
        |shop| {
            let placed = shop.place("cid", 1);
            shop.place_or_wait("ann", 1).unwrap();
            if placed.is_ok() {
                shop.book.cancel("cid").unwrap();
            }
            placed
        },
        |shop| shop.place("bob", 1),
        |shop, cid, bob| {
            assert!(bob.is_ok() != cid.is_ok(), "{bob:?}, {cid:?}");
            let waits = bob.is_ok();
            let (held, waiting) = (OrderState::Held, OrderState::Waiting);
            assert_eq!(shop.state("ann"), if waits { waiting } else { held });
            shop.assert_balanced(&["ann", "bob", "cid"]);
        },
    );
}

/// The first begins before the deadline that its order gets has passed, and the second after that.
#[test]
fn an_order_that_is_past_its_deadline_when_it_is_entered_refuses_nobody() {
    race(
        "place || the time passes, place",
        || Shop::new(1),
        |shop| shop.place("ann", 1),
        |shop| {
            shop.clock.advance(MINUTE);
            shop.place("bob", 1)
        },
        |shop, placed, second| {
            let ann = placed.is_ok().then(|| shop.state("ann"));
            match second {
                Ok(_) => assert_ne!(ann, Some(OrderState::Held)),
                Err(refusal) => assert_eq!(ann, Some(OrderState::Held), "{refusal}"),
            }
            shop.assert_balanced(&["ann", "bob"]);
        },
    );
    race(
        "cancel || the time passes, place",
        || {
            let shop = Shop::new(1);
            shop.place("ann", 1).unwrap();
            shop
        },
        |shop| shop.book.cancel("ann"),
        |shop| {
            shop.clock.advance(MINUTE);
            shop.place("bob", 1)
        },
        |shop, _, placed| {
            placed.expect("the unit is nobody's, or that of an order past its deadline");
            shop.assert_balanced(&["ann", "bob"]);
        },
    );
}

#[test]
fn a_request_and_its_copy() {
    race(
        "restock || restock, with one key",
        || Shop::new(0),
        |shop| shop.book.restock("phone", "delivery", 1).unwrap().before,
        |shop| shop.book.restock("phone", "delivery", 1).unwrap().before,
        |shop, one, other| {
            assert!(one != other);
            assert_eq!(shop.book.available("phone"), Some(1));
        },
    );
}

/// Of what may be held unpaid no more is held, whoever comes first.
#[test]
fn a_share_that_two_want() {
    race(
        "place || place, one of two can be held",
        || {
            let shop = Shop::new(2);
            let mut limits = SkuLimits::default();
            limits.unpaid = Some(50);
            shop.book.limit("phone", limits).unwrap();
            shop
        },
        |shop| shop.place("ann", 1),
        |shop| shop.place("bob", 1),
        |shop, one, other| {
            shop.assert_one_of(&one, &other);
        },
    );
}

/// Orders that meet at the gate get lanes; a count closes them, too.
#[test]
fn shipments_that_meet_and_a_count() {
    ships_beside_a_count::<2>("ship, ship || ship, count");
}

/// Units are owed by then, and what is not on hand does not leave.
#[test]
fn shipments_that_meet_and_a_count_of_none() {
    ships_beside_a_count::<0>("ship, ship || ship, count none");
}

fn ships_beside_a_count<const COUNTED: u64>(name: &str) {
    race(
        name,
        || {
            let shop = Shop::new(4);
            for id in ["ann", "bob", "cid"] {
                shop.place(id, 1).unwrap();
                shop.book.pay(id).unwrap();
            }
            shop
        },
        // The orders of ann and cid are in one shard: bob's meets cid's at the gate, and ann's leaves after the count.
        |shop| ["bob", "ann"].map(|id| shop.book.ship(id).is_ok()),
        |shop| {
            let shipped = shop.book.ship("cid").is_ok();
            (shipped, shop.book.count("phone", "count", COUNTED).unwrap())
        },
        |shop, [bob, ann], (cid, count)| {
            let shipped = i64::from(ann) + i64::from(bob) + i64::from(cid);
            let on_hand = shop.book.stock("phone").unwrap().on_hand;
            assert_eq!(on_hand.cast_signed(), 4 - shipped + count.difference);
            assert!(shipped == 3 || on_hand == 0, "what is on hand leaves");
            shop.assert_balanced(&["ann", "bob", "cid"]);
        },
    );
}

/// An order counts for what its customer can have, or it does not: when it is cancelled as when it was placed.
#[test]
fn a_first_limit_for_customers_and_an_order() {
    fn place(shop: &Shop, id: &str, units: u64) -> Said {
        let lines = [("phone", units)];
        shop.book.place(id, Some("ann"), lines, MINUTE)
    }
    fn limit(shop: &Shop) {
        let mut limits = SkuLimits::default();
        limits.per_customer = Some(2);
        shop.book.limit("phone", limits).unwrap();
    }
    fn check(shop: &Shop) {
        place(shop, "counted", 1).unwrap();
        shop.book.cancel("raced").unwrap();
        let refused = place(shop, "too many", 2).unwrap_err();
        assert!(matches!(refused, Refusal::PerCustomer(_)), "{refused:?}");
        place(shop, "the last", 1).unwrap();
    }
    race(
        "limit || place, of a customer",
        || Shop::new(9),
        limit,
        |shop| _ = place(shop, "raced", 1).unwrap(),
        |shop, (), ()| check(shop),
    );
    race(
        "limit || amend, of a customer",
        || {
            let shop = Shop::new(9);
            shop.book.open("case", 9).unwrap();
            let lines = [("case", 1)];
            _ = shop.book.place("raced", Some("ann"), lines, MINUTE);
            shop
        },
        limit,
        |shop| {
            _ = shop
                .book
                .amend("raced", "key", [("phone", 1)], MINUTE)
                .unwrap();
        },
        |shop, (), ()| check(shop),
    );
}
