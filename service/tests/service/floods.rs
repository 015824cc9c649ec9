//! Memory under a flood of orders that are cancelled at once: what is capped bounds the bytes of the process.

use crate::support::figures::Figures;
use crate::support::key;
use crate::support::process::{PORTS, Process, command};
use crate::support::{Client, JSON, Reply};
use serde_json::json;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

const ORDERS: usize = 8_000;
/// Lines of an order.
const LINES: usize = 100;
/// Bytes of an order's id, and of its customer's name.
const TEXT: usize = 200;
/// Bytes of a line of an order that is known and not held, and of what an order has beside its texts and lines, at most.
const OF_LINE: usize = 16;
const OF_ORDER: usize = 300;
/// Bytes that are not for what is known: what the allocator keeps, and requests under way.
const BESIDE: usize = 4_000_000;
const SENDERS: usize = 8;

/// Sends orders from `first` on, and cancels those that are held. Returns how many were, and how many were refused as full.
fn flood(client: &Client, first: usize, orders: usize) -> (usize, usize) {
    let (held, full) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let lines: Vec<_> = (0..LINES)
        .map(|sku| json!({"sku": format!("sku-{sku}"), "units": 1}))
        .collect();
    let send = |number: usize| -> Reply {
        let id = format!("{number:0TEXT$}");
        let body = json!({"lines": lines, "customer": format!("{number:a>TEXT$}")});
        let order = client.send("POST", "/v1/orders", &[JSON, key(&id)], &body.to_string());
        if order.status == 201 {
            client.deed("cancel", &id).expect(200);
        }
        order
    };
    thread::scope(|scope| {
        for sender in 0..SENDERS {
            let (send, held, full) = (&send, &held, &full);
            scope.spawn(move || {
                for number in (first + sender..first + orders).step_by(SENDERS) {
                    let order = send(number);
                    if order.status == 201 {
                        held.fetch_add(1, Ordering::Relaxed);
                    } else {
                        order.problem(503, "full");
                        full.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    (held.into_inner(), full.into_inner())
}

#[cfg(target_os = "linux")]
#[test]
fn a_flood_of_cancelled_orders_takes_no_more_bytes_than_follows_from_the_caps() {
    let directory = tempfile::tempdir().unwrap();
    let caps = [ORDERS, ORDERS * LINES, 1_000].map(|cap| cap.to_string());
    let arguments = [
        "--max-orders",
        &caps[0],
        "--max-all-lines",
        &caps[1],
        "--max-keys",
        &caps[2],
        "--events",
        "1000",
    ];
    let mut command = command(&[PORTS, &arguments].concat());
    let service = Process::spawn(command.current_dir(directory.path()));
    let stock = (0..LINES).map(|sku| format!("sku-{sku},1000\n"));
    let stock = format!("sku,units\n{}", stock.collect::<String>());
    let headers = [("content-type", "text/csv"), key("stock")];
    let path = "/v1/bulk/stock?do=restock&open=true";
    service
        .client
        .send("POST", path, &headers, &stock)
        .expect(200);
    let memory = || Figures::of(&service.client).get("process_resident_memory_bytes") as usize;

    let warm = ORDERS / 10;
    assert_eq!(flood(&service.customers, 0, warm), (warm, 0));
    let before = memory();
    let known = (ORDERS - warm) * (2 * TEXT + OF_ORDER + LINES * OF_LINE);
    let bound = before + known + BESIDE;
    let rest = ORDERS - warm;
    assert_eq!(flood(&service.customers, warm, rest), (rest, 0));
    let full = memory();
    // What goes on against the cap takes nothing more.
    let more = 2 * ORDERS;
    assert_eq!(flood(&service.customers, ORDERS, more), (0, more));
    let after = memory();
    println!("{before} bytes, then {full} and {after}: at most {bound}");
    assert!(
        full <= bound && after <= bound,
        "{before}, then {full} and {after}: at most {bound}"
    );
}
