//! Orders as customers place, retry, pay for and lose them.

mod support;

use segstock_service::keeping::SnapshotFile;
use segstock_service::routes::Limits;
use segstock_service::shop::Shop;
use serde_json::json;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;
use support::{Server, opening};

const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn a_retry_is_the_same_order() {
    let shop = Server::start(&[("phone", 10), ("case", 10)]);
    let client = &shop.client;
    let lines = [("phone", 2), ("case", 1)];
    let first = client.order("a", &lines).expect(201);
    let again = client.order("a", &lines).expect(200);
    assert_eq!(first, again, "the clock stands still");
    assert_eq!(first["status"], "held");
    assert_eq!(first["expires_in"], 600.0);
    assert_eq!(client.stock("phone"), (8, 2, 0));

    let paid = client.pay("a").expect(200);
    assert_eq!(paid["status"], "sold");
    assert_eq!(client.pay("a").expect(200), paid);
    assert_eq!(client.order("a", &lines).expect(200), paid);
    assert_eq!(client.get("/orders/a").expect(200), paid);
    client.delete("/orders/a").problem(409, "sold");
    assert_eq!(client.stock("phone"), (8, 0, 2));
    assert_eq!(client.stock("case"), (9, 0, 1));

    let other = client.order("a", &[("phone", 3), ("case", 1)]);
    other.problem(422, "other-order");
}

#[test]
fn retries_at_once_with_one_key_sell_once() {
    let shop = Server::start(&[("phone", 100)]);
    let (placed, start) = (AtomicU64::new(0), Barrier::new(8));
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                start.wait();
                for round in 0..20 {
                    let key = format!("order-{round}");
                    let status = loop {
                        let answer = shop.client.order(&key, &[("phone", 1)]);
                        if answer.status != 409 {
                            break answer.status;
                        }
                        answer.problem(409, "in-progress");
                        assert_eq!(answer.headers["retry-after"], "1");
                    };
                    placed.fetch_add(u64::from(status == 201), Ordering::Relaxed);
                    shop.client.pay(&key).expect(200);
                }
            });
        }
    });
    assert_eq!(placed.into_inner(), 20);
    assert_eq!(shop.client.stock("phone"), (80, 0, 20));
}

#[test]
fn a_refusal_names_every_line_and_takes_none() {
    let shop = Server::start(&[("phone", 1), ("case", 2), ("cable", 9)]);
    let client = &shop.client;
    let lines = [("phone", 1), ("phone", 1), ("case", 3), ("cable", 9)];
    let refused = client.order("a", &lines).problem(409, "out-of-stock");
    let short = json!([
        {"sku": "case", "requested": 3, "available": 2},
        {"sku": "phone", "requested": 2, "available": 1},
    ]);
    assert_eq!(refused["short_lines"], short);
    assert_eq!(client.stock("cable"), (9, 0, 0));

    let lines = [("x", 1), ("phone", 1), ("y", 1)];
    let unknown = client.order("a", &lines).problem(422, "unknown-skus");
    assert_eq!(unknown["unknown_skus"], json!(["x", "y"]));
    // A key that was refused is free.
    client.order("a", &[("phone", 1)]).expect(201);
}

#[test]
fn what_expires_is_sold_again() {
    let shop = Server::start(&[("phone", 1)]);
    let client = &shop.client;
    let phone = [("phone", 1)];
    client.order("late", &phone).expect(201);
    client.order("other", &phone).problem(409, "out-of-stock");
    shop.clock.advance(10 * MINUTE);
    assert_eq!(client.get("/orders/late").expect(200)["status"], "expired");
    client.order("late", &phone).problem(410, "expired");
    client.delete("/orders/late").problem(410, "expired");
    client.order("other", &phone).expect(201);

    let gone = client.pay("late").problem(410, "expired");
    let short = json!([{"sku": "phone", "requested": 1, "available": 0}]);
    assert_eq!(gone["short_lines"], short);
    assert_eq!(client.delete("/orders/other").status, 204);
    assert_eq!(client.delete("/orders/other").status, 204);
    client.pay("other").problem(410, "cancelled");
    client.order("other", &phone).problem(410, "cancelled");

    // The unit is back: who paid too late has it after all.
    assert_eq!(client.pay("late").expect(200)["status"], "sold");
    assert_eq!(client.pay("late").expect(200)["status"], "sold");
    assert_eq!(client.stock("phone"), (0, 0, 1));
}

#[test]
fn expired_orders_are_swept_and_forgotten_when_their_time_is_over() {
    let shop = Server::start(&[("phone", 3)]);
    let client = &shop.client;
    for key in ["paid", "cancelled", "expired"] {
        client.order(key, &[("phone", 1)]).expect(201);
    }
    client.pay("paid").expect(200);
    assert_eq!(client.delete("/orders/cancelled").status, 204);
    shop.clock.advance(10 * MINUTE);
    assert_eq!(shop.shop.sweep(100), 1);
    assert_eq!(client.stock("phone"), (2, 0, 1));

    shop.shop.forget();
    assert_eq!(shop.shop.remembered(), 3, "within the retention");
    shop.clock.advance(61 * MINUTE);
    shop.shop.sweep(100);
    shop.shop.forget();
    assert_eq!(shop.shop.remembered(), 0);
    for key in ["paid", "cancelled", "expired"] {
        client.pay(key).problem(404, "unknown-order");
        client
            .delete(&format!("/orders/{key}"))
            .problem(404, "unknown-order");
    }
}

#[test]
fn a_restart_remembers_what_is_held_and_what_is_sold() {
    let shop = Server::start(&[("phone", 10)]);
    shop.client.order("held", &[("phone", 2)]).expect(201);
    shop.client.order("paid", &[("phone", 3)]).expect(201);
    shop.client.order("cancelled", &[("phone", 4)]).expect(201);
    let paid = shop.client.pay("paid").expect(200);
    shop.client.delete("/orders/cancelled");
    shop.clock.advance(4 * MINUTE);

    let directory = tempfile::tempdir().unwrap();
    let file = SnapshotFile::new(directory.path().join("shop.json"));
    assert!(file.read().unwrap().is_none());
    file.write(&shop.shop.keep()).unwrap();
    file.write(&shop.shop.keep()).unwrap();
    let kept = file.read().unwrap().unwrap();
    let later = Arc::default();
    let (again, freed) = Shop::restore(kept, opening(&later)).unwrap();
    assert_eq!(freed, 0);
    let again = Server::serve(again, later, Limits::default());
    let client = &again.client;

    assert_eq!(client.stock("phone"), (5, 2, 3));
    assert_eq!(client.pay("paid").expect(200), paid);
    assert_eq!(client.order("paid", &[("phone", 3)]).expect(200), paid);
    client
        .order("paid", &[("phone", 4)])
        .problem(422, "other-order");
    client.delete("/orders/paid").problem(409, "sold");
    let held = client.order("held", &[("phone", 2)]).expect(200);
    assert_eq!(held["expires_in"], 360.0);
    // Expired in its second life, and had after all.
    again.clock.advance(6 * MINUTE);
    client.pay("held").expect(200);
    assert_eq!(client.stock("phone"), (5, 0, 5));
    again.clock.advance(61 * MINUTE);
    again.shop.forget();
    client.pay("paid").problem(404, "unknown-order");
}
