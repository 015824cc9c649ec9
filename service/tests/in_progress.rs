//! What other requests are answered while an order is being placed or paid for.

mod support;

use segstock_service::doors::ShopError;
use segstock_service::shop::Standing;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use support::{Reply, Server};

const MINUTE: Duration = Duration::from_secs(60);

#[track_caller]
fn assert_in_progress(answer: &Reply) {
    answer.problem(409, "in-progress");
    assert_eq!(answer.headers["retry-after"], "1");
}

/// Whatever is asked for `k`.
fn assert_all_in_progress(shop: &Server) {
    let client = &shop.client;
    assert_in_progress(&client.pay("k"));
    assert_in_progress(&client.delete("/orders/k"));
    assert_in_progress(&client.order("k", &[("phone", 1)]));
}

#[test]
fn an_order_that_is_being_placed_is_in_progress() {
    let shop = Server::start(&[("phone", 1)]);
    let times = AtomicU64::new(0);
    let place = |units| {
        let lines = vec![("phone".into(), units)];
        shop.shop.place_while("k".to_owned(), lines, MINUTE, || {
            assert_in_progress(&shop.client.get("/orders/k"));
            assert_all_in_progress(&shop);
            times.fetch_add(1, Ordering::Relaxed);
        })
    };
    // Refused, it leaves no trace.
    assert!(matches!(place(2), Err(ShopError::Refused(_))));
    shop.client.get("/orders/k").problem(404, "unknown-order");
    assert_eq!(shop.shop.remembered(), 0);

    assert_eq!(place(1).unwrap(), (true, Standing::Held(MINUTE)));
    assert_eq!(times.into_inner(), 2);
    assert_eq!(shop.client.get("/orders/k").expect(200)["status"], "held");
    shop.client.pay("k").expect(200);
}

#[test]
fn an_expired_order_that_is_being_paid_for_is_in_progress() {
    let shop = Server::start(&[("phone", 1)]);
    shop.client.order("k", &[("phone", 1)]).expect(201);
    shop.clock.advance(10 * MINUTE);
    assert_eq!(shop.shop.sweep(10), 1);
    shop.client.order("other", &[("phone", 1)]).expect(201);
    let times = AtomicU64::new(0);
    let pay = || {
        shop.shop.pay_while(&"k".to_owned(), || {
            assert_in_progress(&shop.client.get("/orders/k"));
            assert_all_in_progress(&shop);
            times.fetch_add(1, Ordering::Relaxed);
        })
    };
    pay().unwrap_err();
    let expired = shop.client.get("/orders/k").expect(200);
    assert_eq!(expired["status"], "expired");
    shop.client.delete("/orders/other");
    pay().unwrap();
    assert_eq!(times.into_inner(), 2);
    assert_eq!(shop.client.get("/orders/k").expect(200)["status"], "sold");
}

#[test]
fn a_panic_while_an_order_is_being_placed_leaves_no_trace() {
    let shop = Server::start(&[("phone", 1)]);
    let lines = vec![("phone".into(), 1)];
    let panics = || -> () { panic!("on purpose") };
    let placed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        shop.shop.place_while("k".to_owned(), lines, MINUTE, panics)
    }));
    assert!(placed.is_err());
    shop.client.get("/orders/k").problem(404, "unknown-order");
    shop.client.order("k", &[("phone", 1)]).expect(201);
}
