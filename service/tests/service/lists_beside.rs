//! A large list beside small ones that come without end.

use crate::support::{Client, Over, Server, Setting, key};
use segstock_orders::ledger::WriterSettings;
use segstock_orders::sqlite::SqliteLedger;
use serde_json::json;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const SENDERS: usize = 8;

fn send(client: &Client, with_key: &str, list: &str) {
    let headers = [("content-type", "text/csv"), key(with_key)];
    let path = "/v1/bulk/stock?do=restock&open=true";
    client.send("POST", path, &headers, list).expect(200);
}

#[test]
fn a_large_list_has_its_turn_however_many_small_ones_come() {
    let directory = tempfile::tempdir().unwrap();
    let setting = Setting {
        ledger: Box::new(SqliteLedger::at(directory.path().join("shop.db"))),
        // Two small lists fit into a batch; beside the large one there is room for none.
        writer: WriterSettings::new().places(64),
        ..Setting::default()
    };
    let shop = Server::set(&[], setting);
    let (is_over, done) = (AtomicBool::new(false), AtomicUsize::new(0));
    let lines = (0..200).map(|sku| format!("large-{sku},1\n"));
    let large = format!("sku,units\n{}", lines.collect::<String>());
    let meanwhile = thread::scope(|scope| {
        for sender in 0..SENDERS {
            let (client, is_over, done) = (&shop.client, &is_over, &done);
            scope.spawn(move || {
                for number in 0.. {
                    if is_over.load(Ordering::Relaxed) {
                        return;
                    }
                    let list = format!("sku,units\nsmall-{sender},1\n");
                    send(client, &number.to_string(), &list);
                    done.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        // If it panics, the senders end.
        let _over = Over(&is_over);
        let (mut meanwhile, began) = (Vec::new(), Instant::now());
        for number in 0..5 {
            while done.load(Ordering::Relaxed) < 50 * (number + 1) {
                assert!(began.elapsed() < Duration::from_secs(120), "they are done");
                thread::sleep(Duration::from_millis(1));
            }
            let before = done.load(Ordering::Relaxed);
            send(&shop.client, &format!("large-{number}"), &large);
            meanwhile.push(done.load(Ordering::Relaxed) - before);
        }
        meanwhile
    });
    println!("{meanwhile:?} small lists went before a large one");
    // Those that were there before it, and those that were answered while it was written.
    assert!(
        meanwhile.iter().all(|lists| *lists <= 4 * SENDERS),
        "{meanwhile:?}"
    );
    let stock = shop.client.get("/v1/stock/large-7").expect(200);
    assert_eq!(stock["on_hand"], json!(5));
}
