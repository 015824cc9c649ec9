//! Reservations and leases, against the permits of a semaphore and an atomic of the thread's own; and orders whose
//! flow runs under a lock.

use crate::{PLENTY, striped};
use Limit::{AtLeast, AtMost, None};
use segstock::{Lease, LockedStock, Stock};
use segstock_harness::{Atomic, Limit, Run, Sale, Work, by_name};
use std::convert::Infallible;
use std::hint::black_box;
use std::sync::Arc;
use tokio::sync::Semaphore;

const FORMS: [&str; 2] = ["Stock::new", "Stock, 16 segments"];

fn permits() -> Semaphore {
    Semaphore::new(usize::try_from(PLENTY).expect("64 bits"))
}

pub(crate) fn reserve_and_drop(run: &mut Run) {
    let reserve = |stock: &Stock| {
        let reservation = stock.reserve(black_box(1)).expect("plenty");
        _ = black_box(reservation.units());
    };
    let reserve_owned = |stock: &Arc<Stock>| {
        let reservation = Arc::clone(stock).reserve_owned(black_box(1));
        _ = black_box(reservation.expect("plenty").units());
    };
    let acquire = |permits: &Semaphore| {
        let permit = permits.try_acquire_many(black_box(1)).expect("plenty");
        _ = black_box(permit.num_permits());
    };
    for (threads, limit) in [(1, AtLeast(1.0)), (2, AtLeast(5.0))] {
        let works = by_name! {
            FORMS[0] => Work::of(Stock::new(PLENTY), reserve),
            FORMS[1] => Work::of(striped(PLENTY, 16), reserve),
            "owned by an Arc" => Work::of(Arc::new(Stock::new(PLENTY)), reserve_owned),
            "tokio, permit" => Work::of(permits(), acquire),
        };
        run.measure(threads, works);
        run.compare_all(threads, &["tokio, permit"], &FORMS, limit);
        run.compare(threads, "owned by an Arc", "Stock::new", None);
    }
}

pub(crate) fn reserve_and_commit(run: &mut Run) {
    let commit = |stock: &Stock| stock.reserve(black_box(1)).expect("plenty").commit();
    let forget = |permits: &Semaphore| {
        let permit = permits.try_acquire_many(black_box(1)).expect("plenty");
        permit.forget();
    };
    for (threads, limit) in [(1, None), (2, AtLeast(2.0))] {
        let works = vec![
            (FORMS[0], Work::of(Stock::new(PLENTY), commit)),
            (FORMS[1], Work::of(striped(PLENTY, 16), commit)),
            ("tokio, forget", Work::of(permits(), forget)),
        ];
        run.measure(threads, works);
        run.compare_all(threads, &["tokio, forget"], &FORMS, limit);
    }
}

pub(crate) fn leases(run: &mut Run) {
    let forms = [
        "Stock::new, batches of 64",
        "Stock, 2 segments, batches of 64",
    ];
    // A lease for each stretch of calls, settled at its end.
    let lease = |stock: Stock| {
        Work::new(move |_, calls| {
            let mut lease = Lease::new(&stock, 64);
            (0..calls).for_each(|_| _ = black_box(lease.deduct(black_box(1)).is_ok()));
        })
    };
    let deduct = |word: &Atomic| _ = black_box(word.deduct(black_box(1)));
    for threads in [1, 2] {
        let works = by_name! {
            forms[0] => lease(Stock::new(PLENTY)),
            forms[1] => lease(striped(PLENTY, 2)),
            "private atomic" => Work::of_each_thread(threads, || Atomic::new(PLENTY), deduct),
        };
        run.measure(threads, works);
        run.compare_all(threads, &forms, &["private atomic"], AtMost(0.5));
    }
}

/// One lock sells 50 orders a second. 20 locks could sell 1,000; 950 are promised.
pub(crate) fn order_flow(run: &mut Run) {
    for (segments, aim, limit) in [(1, 50.0, None), (20, 950.0, AtLeast(1.0))] {
        let stock = LockedStock::new(1_000_000, segments).expect("some segments");
        let sold = Sale::FLASH.run(run.effort.watched, |flow| {
            let order = || {
                flow();
                Ok::<_, Infallible>(())
            };
            stock.deduct_with(1, order).is_ok()
        });
        let name = format!("64 customers, orders a second: {segments} segments / {aim}");
        run.ratio(name, [Some(sold.per_second), Some(aim)], limit);
    }
}
