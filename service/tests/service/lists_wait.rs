//! Lists that wait, for the disk and for each other: none longer than a request may, and each says what it did.

use crate::support::slow::Slow;
use crate::support::{Reply, Server, Setting, key, wait_for};
use segstock_orders::NoPlace;
use segstock_orders::ledger::WriterSettings;
use std::thread;
use std::time::{Duration, Instant};

/// SKUs that are changed together.
const PART: usize = 10_000;
const PATIENCE: Duration = Duration::from_millis(500);
const LISTS: usize = 20;

/// A list of so many SKUs, a unit of each.
fn list(skus: usize) -> String {
    let lines = (0..skus).map(|sku| format!("sku-{sku:05},1\n"));
    format!("sku,units\n{}", lines.collect::<String>())
}

fn send(shop: &Server, with_key: &str, list: &str) -> Reply {
    let headers = [("content-type", "text/csv"), key(with_key)];
    let path = "/v1/bulk/stock?do=restock&open=true";
    shop.client.send("POST", path, &headers, list)
}

fn on_hand(shop: &Server, sku: &str) -> Option<u64> {
    let stock = shop.alone.book.stock(&sku.to_owned());
    stock.map(|view| view.on_hand)
}

fn detail(reply: &Reply, kind: &str) -> String {
    reply.problem(503, kind)["detail"].to_string()
}

#[test]
fn lists_that_wait_for_each_other_on_a_disk_that_stands_still_are_answered_in_time() {
    let (disk, setting) = Slow::at(PATIENCE);
    let setting = Setting {
        // One list fits into a batch.
        writer: WriterSettings::new().places(64),
        ..setting
    };
    let shop = Server::set(&[], setting);
    let text = list(200);
    let stuck = disk.lock().unwrap();
    let began = Instant::now();
    let replies: Vec<Reply> = thread::scope(|scope| {
        let text = &text;
        let shop = &shop;
        let sent = (0..LISTS).map(|list| scope.spawn(move || send(shop, &list.to_string(), text)));
        let sent: Vec<_> = sent.collect();
        sent.into_iter().map(|sent| sent.join().unwrap()).collect()
    });
    let took = began.elapsed();
    assert!(
        took < 6 * PATIENCE,
        "{took:?}, and not {LISTS} times as long"
    );
    let is_busy = |reply: &&Reply| reply.text.contains("#busy");
    let (busy, written): (Vec<&Reply>, Vec<&Reply>) = replies.iter().partition(is_busy);
    assert!(
        busy.len() >= LISTS - 2,
        "{} wait for the others",
        busy.len()
    );
    for (replies, kind) in [(busy, "busy"), (written, "still-writing")] {
        let says = "at least 0 SKUs were changed, and the same list with the same key does what is left; the list line 2: ";
        let says = |reply: &&Reply| detail(reply, kind).contains(says);
        assert!(replies.iter().all(says), "{replies:?}");
    }

    // Sent again, each is done, and none twice.
    drop(stuck);
    for number in 0..LISTS {
        let done = send(&shop, &number.to_string(), &text).expect(200);
        assert_eq!(done["opened"], 0, "by the first of them");
    }
    assert_eq!(on_hand(&shop, "sku-00199"), Some(LISTS as u64));
}

#[test]
fn a_list_whose_ledger_ends_midway_says_what_it_did() {
    let (disk, setting) = Slow::at(Duration::from_secs(20));
    let shop = Server::set(&[], setting);
    let text = list(PART + 5);
    let stuck = disk.lock().unwrap();
    let stopped = thread::scope(|scope| {
        let sent = scope.spawn(|| send(&shop, "long", &text));
        wait_for(|| on_hand(&shop, "sku-09999") == Some(1));
        // Takes nothing any more, and has the first part to write.
        scope.spawn(|| shop.alone.writer.close());
        wait_for(|| shop.alone.writer.together(1, || ()).err() == Some(NoPlace::Unavailable));
        drop(stuck);
        sent.join().unwrap()
    });
    let detail = detail(&stopped, "unavailable");
    let says = format!(
        "at least {PART} SKUs were changed, and the same list with the same key does what is left; the list line {}: ",
        PART + 2
    );
    assert!(detail.contains(&says), "{detail}");
    assert_eq!(on_hand(&shop, "sku-10000"), None);
}
