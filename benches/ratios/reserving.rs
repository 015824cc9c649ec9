//! Reservations and leases, against the permits of a semaphore and against an atomic of one's own.

use crate::report::{Limit, Report};
use crate::situations::show;
use crate::support::calls::{PLENTY, sixteen, two, work};
use crate::support::candidates::{Private, Till};
use crate::support::windows::{Effort, Work, measure};
use segstock::{Lease, Stock};
use std::hint::black_box;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// The same call, again and again.
fn calls<S: Send + Sync + 'static>(
    stock: S,
    call: impl Fn(&S) + Copy + Send + Sync + 'static,
) -> Work {
    Work::new(move |_, calls| {
        for _ in 0..calls {
            call(&stock);
        }
    })
}

fn semaphore() -> Semaphore {
    Semaphore::new(usize::try_from(PLENTY).expect("64 bits"))
}

pub fn reserve_and_drop(effort: Effort, report: &mut Report) {
    let ours = |stock: &Stock| {
        let reservation = stock.reserve(black_box(1)).expect("plenty");
        _ = black_box(reservation.units());
    };
    let owned = |stock: &Arc<Stock>| {
        let reservation = Arc::clone(stock).reserve_owned(black_box(1));
        _ = black_box(reservation.expect("plenty").units());
    };
    let tokio = |permits: &Semaphore| {
        let permit = permits.try_acquire_many(black_box(1)).expect("plenty");
        _ = black_box(permit.num_permits());
    };
    let names = [
        "Stock::new",
        "Stock, 16 segments",
        "Arc<Stock>, owned",
        "tokio, permit",
    ];
    for threads in [1, 2] {
        let works = [
            calls(Stock::new(PLENTY), ours),
            calls(sixteen(PLENTY), ours),
            calls(Arc::new(Stock::new(PLENTY)), owned),
            calls(semaphore(), tokio),
        ];
        let figures = measure(effort, threads, &works);
        show(report, threads, &names, &figures);
        let tokio = figures[3].ns;
        for (form, figure) in names.iter().zip(&figures).take(2) {
            let limit = if threads == 1 { 1.0 } else { 5.0 };
            let line = format!("{threads} threads: tokio, permit / {form}");
            report.ratio(&line, tokio, figure.ns, Limit::AtLeast(limit));
        }
        let line = format!("{threads} threads: owned by an Arc / borrowed");
        report.ratio(&line, figures[2].ns, figures[0].ns, Limit::None);
    }
}

pub fn reserve_and_commit(effort: Effort, report: &mut Report) {
    let ours = |stock: &Stock| stock.reserve(black_box(1)).expect("plenty").commit();
    let tokio = |permits: &Semaphore| {
        let permit = permits.try_acquire_many(black_box(1)).expect("plenty");
        permit.forget();
    };
    let names = ["Stock::new", "Stock, 16 segments", "tokio, forget"];
    for threads in [1, 2] {
        let works = [
            calls(Stock::new(PLENTY), ours),
            calls(sixteen(PLENTY), ours),
            calls(semaphore(), tokio),
        ];
        let figures = measure(effort, threads, &works);
        show(report, threads, &names, &figures);
        for (form, figure) in names.iter().zip(&figures).take(2) {
            let limit = if threads == 1 {
                Limit::None
            } else {
                Limit::AtLeast(2.0)
            };
            let line = format!("{threads} threads: tokio, forget / {form}");
            report.ratio(&line, figures[2].ns, figure.ns, limit);
        }
    }
}

pub fn leases(effort: Effort, report: &mut Report) {
    const BATCH: u64 = 64;
    // A till for each stretch of calls, settled at its end.
    let lease = |stock: Stock| -> Work {
        Work::new(move |_, calls| {
            let mut till = Lease::new(&stock, BATCH);
            for _ in 0..calls {
                _ = black_box(till.deduct(black_box(1)).is_ok());
            }
        })
    };
    let names = [
        "Stock::new, batches of 64",
        "Stock, 2 segments, batches of 64",
        "private atomic",
    ];
    for threads in [1, 2] {
        let private = Private::new(PLENTY, threads);
        let works = [
            lease(Stock::new(PLENTY)),
            lease(two(PLENTY)),
            work(private, |till| _ = black_box(till.take(black_box(1)))),
        ];
        let figures = measure(effort, threads, &works);
        show(report, threads, &names, &figures);
        for (form, figure) in names.iter().zip(&figures).take(2) {
            let line = format!("{threads} threads: {form} / private atomic");
            report.ratio(&line, figure.ns, figures[2].ns, Limit::AtMost(0.5));
        }
    }
}
