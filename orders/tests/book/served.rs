//! Orders that wait are served, however many there are; and nobody else hears meanwhile that there is nothing.

use segstock_orders::{OrderBook, OrderState, Refusal, SkuLimits};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

const QUARTER: Duration = Duration::from_secs(15 * 60);
/// More than a few calls serve.
const MANY: usize = 1_000;

type Book = OrderBook<&'static str>;

/// A book in which many orders wait for a phone, and one for a case.
fn book() -> Book {
    let book = OrderBook::builder().unpaid(100).build();
    let mut limits = SkuLimits::default();
    limits.waiting = u64::MAX >> 2;
    limits.unpaid = Some(101);
    for sku in ["phone", "case"] {
        book.open(sku, 0).unwrap();
        book.limit(sku, limits).unwrap();
    }
    for order in 0..MANY {
        wait(&book, &format!("phone-{order}"), "phone");
    }
    wait(&book, "case", "case");
    book
}

fn wait(book: &Book, id: &str, sku: &'static str) {
    let answer = book.place_or_wait(id, None, [(sku, 1)], QUARTER).unwrap();
    assert_eq!(answer.state, OrderState::Waiting);
}

fn is_held(book: &Book, id: &str) -> bool {
    book.get(id).unwrap().state == OrderState::Held
}

#[test]
fn a_sweep_serves_as_many_as_it_expires() {
    let book = book();
    book.restock("phone", "delivery", 2 * MANY as u64).unwrap();
    let waiting = book.stock("phone").unwrap().waiting;
    assert!(waiting > MANY as u64 / 2, "a call serves a few");
    assert_eq!(book.sweep(100), Ok(100));
    assert_eq!(book.stock("phone").unwrap().waiting, waiting - 100);
    let left = usize::try_from(waiting).unwrap() - 100;
    assert_eq!(book.sweep(MANY), Ok(left));
    assert_eq!(book.sweep(MANY), Ok(0));
    let stock = book.stock("phone").unwrap();
    assert_eq!((stock.waiting, stock.available), (0, MANY as u64));
}

#[test]
fn a_long_queue_keeps_no_other_one_waiting() {
    let book = book();
    book.restock("phone", "delivery", 2 * MANY as u64).unwrap();
    book.restock("case", "delivery", 2).unwrap();
    // Any call serves some.
    for _ in 0..4 {
        _ = book.get("case");
    }
    assert!(is_held(&book, "case"));
    assert!(book.stock("phone").unwrap().waiting > 0);
}

/// Far more units came than all that wait are for.
#[test]
fn an_order_is_not_short_of_units_that_nobody_waits_for() {
    let book = book();
    book.restock("phone", "delivery", 2 * MANY as u64).unwrap();
    let mut busy = 0;
    loop {
        match book.place("new", None, [("phone", 1)], QUARTER) {
            Ok(_) => break,
            Err(Refusal::Busy) => busy += 1,
            Err(refusal) => panic!("{refusal}"),
        }
        assert!(busy < MANY, "each call serves some");
    }
    assert!(busy > 0, "the queue was long");
    assert!(is_held(&book, &format!("phone-{}", MANY - 1)));
}

/// Also while another thread serves those who wait.
#[test]
fn an_order_is_not_short_of_them_beside_a_sweep_either() {
    for round in 0..20 {
        let book = book();
        let is_swept = AtomicBool::new(false);
        book.restock("phone", "delivery", 2 * MANY as u64).unwrap();
        thread::scope(|scope| {
            scope.spawn(|| {
                while book.sweep(MANY).unwrap() > 0 {}
                is_swept.store(true, Ordering::Release);
            });
            let mut orders = 0;
            while !is_swept.load(Ordering::Acquire) && orders < MANY / 2 {
                let id = format!("{round}-{orders}");
                match book.place(&id, None, [("phone", 1)], QUARTER) {
                    Ok(_) => orders += 1,
                    Err(Refusal::Busy) => {}
                    Err(refusal) => panic!("{refusal}"),
                }
            }
        });
    }
}

#[test]
fn an_order_that_may_wait_has_its_place_behind_the_others_at_once() {
    let book = book();
    book.restock("phone", "delivery", 2 * MANY as u64).unwrap();
    let answer = book.place_or_wait("new", None, [("phone", 1)], QUARTER);
    assert_eq!(answer.unwrap().state, OrderState::Waiting);
    book.sweep(MANY).unwrap();
    assert!(is_held(&book, "new"));
}

/// Units of many SKUs come at once, and those who wait for most of them need more.
#[test]
fn a_sweep_goes_on_past_skus_of_which_nobody_can_be_served() {
    let skus: Vec<&'static str> = "a b c d e f g h i j k l m n o p q r s t"
        .split(' ')
        .collect();
    let book = OrderBook::builder().build();
    let mut limits = SkuLimits::default();
    (limits.waiting, limits.unpaid) = (9, Some(101));
    for sku in &skus {
        book.open(*sku, 1).unwrap();
        book.limit(*sku, limits).unwrap();
    }
    let one_of_each = skus.iter().map(|sku| (*sku, 1));
    book.place("all", None, one_of_each, QUARTER).unwrap();
    for sku in &skus {
        let units = if *sku == "t" { 1 } else { 2 };
        book.place_or_wait(sku, None, [(*sku, units)], QUARTER)
            .unwrap();
    }
    book.cancel("all").unwrap();
    assert_eq!(book.sweep(1), Ok(1));
    assert!(is_held(&book, "t"));
}
