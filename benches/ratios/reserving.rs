//! Reservations and leases, against the permits of a semaphore and an atomic of the thread's own; and orders whose
//! flow runs under a lock.

use crate::common::{Ours, PLENTY, locked, wide};
use Limit::{AtLeast, AtMost};
use segstock::{Lease, Stock};
use segstock_harness::{Atomic, Calls, Candidate, Limit, Run, Work, by_name};
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
            FORMS[1] => Work::of(wide(PLENTY, 16), reserve),
            "owned by an Arc" => Work::of(Arc::new(Stock::new(PLENTY)), reserve_owned),
            "tokio, permit" => Work::of(permits(), acquire),
        };
        run.measure(threads, works);
        run.compare(threads, &["tokio, permit"], &FORMS, limit);
    }
}

pub(crate) fn reserve_and_commit(run: &mut Run) {
    let commit = |stock: &Stock| stock.reserve(black_box(1)).expect("plenty").commit();
    let forget = |permits: &Semaphore| {
        let permit = permits.try_acquire_many(black_box(1)).expect("plenty");
        permit.forget();
    };
    let works = by_name! {
        FORMS[0] => Work::of(Stock::new(PLENTY), commit),
        FORMS[1] => Work::of(wide(PLENTY, 16), commit),
        "tokio, forget" => Work::of(permits(), forget),
    };
    run.measure(2, works);
    run.compare(2, &["tokio, forget"], &FORMS, AtLeast(2.0));
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
    let private = Candidate::private("private atomic", Atomic::new);
    for threads in [1, 2] {
        let works = by_name! {
            forms[0] => lease(Stock::new(PLENTY)),
            forms[1] => lease(wide(PLENTY, 2)),
            &*private.name => (private.work)(PLENTY, threads, Calls::Deduct(1)),
        };
        run.measure(threads, works);
        run.compare(threads, &forms, &[&private.name], AtMost(0.5));
    }
}

/// One lock sells 50 orders a second. 20 locks could sell 1,000; 950 are promised.
pub(crate) fn order_flow(run: &mut Run) {
    let stock = Candidate::new("LockedStock", |units| Ours(locked(units, 20)));
    let watched = run.effort.watched;
    let sold = (stock.sell)(1_000_000, watched);
    let per_second = sold.len() as f64 / watched.as_secs_f64();
    let name = "64 customers, orders a second: 20 segments / 950".to_owned();
    run.ratio(name, [Some(per_second), Some(950.0)], AtLeast(1.0));
}
