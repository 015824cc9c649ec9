//! Calls that are decided together, beside others: what they take, how long others wait for them, and other books.

use segstock_orders::ledger::faults::Disk;
use segstock_orders::ledger::{Driver, Recovered, Step, WriterSettings};
use segstock_orders::{Journal as _, NoPlace, OrderBook, Position, SkuLimits};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

type Shop = Recovered<String>;

fn by_hand(places: usize) -> (Shop, Driver<String>) {
    let settings = WriterSettings::new().places(places);
    let shop = OrderBook::builder().recover_by_hand(Disk::new().ledger(), settings);
    shop.expect("an empty disk")
}

fn with_thread(places: usize) -> Shop {
    let settings = WriterSettings::new().places(places);
    let shop = OrderBook::builder().recover_with(Disk::new().ledger(), settings);
    shop.expect("an empty disk")
}

fn open(shop: &Shop, sku: &str) -> bool {
    shop.book.open(sku.to_owned(), 1).is_ok()
}

#[test]
fn an_order_beside_lists_always_finds_its_place() {
    const LISTS: u64 = 300;
    const CALLS: usize = 2_000;
    let shop = with_thread(4);
    let skus: Vec<_> = (0..CALLS).map(|sku| sku.to_string()).collect();
    let set = |sku: &String, units| {
        let mut limits = SkuLimits::default();
        limits.safety = units;
        let is_set = shop.book.limit(sku.clone(), limits);
        is_set.is_ok()
    };
    let opened = shop
        .writer
        .together(CALLS, || skus.iter().all(|sku| open(&shop, sku)));
    wait(&shop, opened.expect("a place").rests_on);
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for list in 0..LISTS {
                // Every second one changes nothing.
                let calls = || skus.iter().all(|sku| set(sku, list / 2));
                let decided = shop.writer.together(CALLS, calls).expect("a place");
                assert!(decided.answer);
                wait(&shop, decided.rests_on);
            }
            is_over.store(true, Ordering::Relaxed);
        });
        while !is_over.load(Ordering::Relaxed) {
            // One at a time: it needs one of four places.
            assert_eq!(shop.writer.permit(), Ok(()));
            shop.writer.give_back();
        }
    });
    assert_eq!(shop.writer.status().used, 0);
}

fn wait(shop: &Shop, position: Position) {
    while shop.writer.outcome(position).is_none() {
        thread::yield_now();
    }
    assert_eq!(shop.writer.outcome(position), Some(Ok(())));
}

#[test]
fn the_lists_of_one_batch_have_a_bound() {
    let (shop, mut driver) = by_hand(10);
    let list = |name: &str, entries: usize| {
        let calls = || (0..entries).all(|sku| open(&shop, &format!("{name}-{sku}")));
        shop.writer.together(entries, calls).map(|it| it.answer)
    };
    assert_eq!(
        list("long", 50),
        Ok(true),
        "as long as it is, if there is no other"
    );
    assert_eq!(list("refused", 1), Err(NoPlace::Busy));
    assert!(open_alone(&shop, "alone"), "others have their places");
    assert_eq!(driver.step(), Step::Written);
    assert_eq!(list("a", 6), Ok(true));
    assert_eq!(list("b", 4), Ok(true), "short ones share a batch");
    assert_eq!(list("refused", 1), Err(NoPlace::Busy));
    assert_eq!(driver.step(), Step::Written);
    assert_eq!(shop.writer.status().used, 0);
    // Those that change nothing take nothing.
    (0..30).for_each(|_| assert_eq!(list("a", 0), Ok(true)));
    let known = || shop.writer.together(9, || !open(&shop, "a-0"));
    (0..30).for_each(|_| assert_eq!(known().map(|it| it.answer), Ok(true)));
    // One inside of another belongs to that.
    let outer = shop
        .writer
        .together(8, || (open(&shop, "c"), list("inner", 5)));
    assert_eq!(outer.map(|it| it.answer), Ok((true, Ok(true))));
    assert_eq!(driver.step(), Step::Written);
    assert_eq!(shop.writer.status().batches, 3);
}

fn open_alone(shop: &Shop, sku: &str) -> bool {
    shop.writer.decide(|| open(shop, sku)).answer
}

#[test]
fn lists_one_after_another_do_not_keep_the_batch_from_others() {
    let shop = with_thread(100);
    let waits_no_more = AtomicBool::new(false);
    thread::scope(|scope| {
        for client in 0..3 {
            let (shop, waits_no_more) = (&shop, &waits_no_more);
            scope.spawn(move || {
                let mut lists = 0;
                while !waits_no_more.load(Ordering::Relaxed) && lists < 200 {
                    let calls = || {
                        // So that another one begins meanwhile.
                        thread::sleep(Duration::from_millis(10 + 3 * client));
                        open(shop, &format!("{client}-{lists}"))
                    };
                    match shop.writer.together(40, calls) {
                        Ok(decided) => assert!(decided.answer),
                        Err(refusal) => {
                            assert_eq!(refusal, NoPlace::Busy);
                            thread::sleep(Duration::from_millis(1));
                        }
                    }
                    lists += 1;
                }
            });
        }
        thread::sleep(Duration::from_millis(20));
        let order = shop.writer.decide(|| open(&shop, "order")).rests_on;
        (0..300).for_each(|_| {
            if shop.writer.outcome(order).is_none() {
                thread::sleep(Duration::from_millis(1));
            }
        });
        let outcome = shop.writer.outcome(order);
        waits_no_more.store(true, Ordering::Relaxed);
        assert_eq!(outcome, Some(Ok(())));
    });
}

#[test]
fn however_many_entries_are_said_others_find_their_places() {
    for places in [3, usize::MAX] {
        let (shop, mut driver) = by_hand(places);
        let both = || {
            open(&shop, "a")
                & thread::scope(|scope| scope.spawn(|| open_alone(&shop, "b")).join().unwrap())
        };
        let decided = shop.writer.together(usize::MAX, both);
        assert!(decided.is_ok_and(|it| it.answer));
        assert_eq!(driver.step(), Step::Written);
        assert!(open_alone(&shop, "c"));
        assert_eq!(shop.writer.status().used, 1);
    }
}

#[test]
fn what_is_decided_together_while_the_writer_is_closed_is_written() {
    let shop = with_thread(10);
    let decided = thread::scope(|scope| {
        let calls = || {
            scope.spawn(|| shop.writer.close());
            // Longer than what was permitted is waited for.
            thread::sleep(Duration::from_millis(1_500));
            open(&shop, "phone")
        };
        shop.writer.together(1, calls).expect("a place")
    });
    assert!(decided.answer);
    assert_eq!(shop.writer.outcome(decided.rests_on), Some(Ok(())));
}

#[test]
fn a_call_of_another_book_is_durable_when_it_is_answered() {
    let ((shop, _driver), other) = (by_hand(10), with_thread(10));
    assert!(open(&other, "before"));
    let decided = shop.writer.decide(|| open(&other, "phone"));
    assert!(decided.answer);
    assert_eq!(
        decided.rests_on,
        Position::default(),
        "on nothing of this book"
    );
    assert_eq!(other.writer.status().durable, Position::new(2));
    let together = shop.writer.together(1, || open(&other, "case"));
    assert_eq!(together.map(|it| it.rests_on), Ok(Position::default()));
    assert_eq!(other.writer.status().durable, Position::new(3));
}

#[test]
fn what_is_decided_inside_counts_for_what_is_around_it() {
    let ((shop, mut driver), (other, _others)) = (by_hand(1), by_hand(1));
    let decided = shop.writer.together(3, || {
        let inner = other.writer.decide(|| {
            // Neither waits for its book.
            (
                open(&other, "phone"),
                open(&shop, "phone"),
                open(&shop, "case"),
            )
        });
        assert_eq!(inner.answer, (true, true, true), "and takes its places");
        assert_eq!(inner.rests_on, Position::new(1), "of its own book");
        shop.writer.decide(|| open(&shop, "cable")).rests_on
    });
    let decided = decided.expect("a place");
    assert_eq!(
        (decided.answer, decided.rests_on),
        (Position::new(3), Position::new(3))
    );
    assert_eq!(driver.step(), Step::Written);
}
