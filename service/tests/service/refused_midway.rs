//! A list that is refused midway: it was checked, and others made a line of it impossible before it came there.

use crate::support::{Server, Setting, key, wait_for};
use segstock::MAX_UNITS;
use segstock_orders::ledger::{Batch, Ledger, LedgerError, Opened, Standing, WriteError};
use segstock_orders::{Entry, Position};
use segstock_service::book::{Limits, Sku};
use segstock_service::ledger::Nowhere;
use serde_json::json;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

/// SKUs that are changed together.
const PART: usize = 10_000;
/// Lines of the second part before and after the one that becomes impossible.
const BESIDE: usize = 5;

/// A ledger that writes what comes up to a position, and the rest later: once that is a later one, or nobody holds it.
struct UpTo(Weak<AtomicU64>);

impl Ledger<Sku> for UpTo {
    fn open(&mut self) -> Result<Opened, LedgerError> {
        Ledger::<Sku>::open(&mut Nowhere)
    }

    fn load(&mut self, _: Position, _: usize) -> Result<Vec<(Position, Entry<Sku>)>, LedgerError> {
        Ok(Vec::new())
    }

    fn write(&mut self, batch: &Batch<Sku>) -> Result<(), WriteError> {
        let is_held = |up_to: Arc<AtomicU64>| batch.last().number() > up_to.load(Ordering::SeqCst);
        while self.0.upgrade().is_some_and(is_held) {
            thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    fn ask(&mut self, _: u64, _: u64) -> Result<Standing, LedgerError> {
        Ok(Standing::Written)
    }
}

#[test]
fn a_list_that_is_refused_midway_says_what_it_did_and_is_safe_to_send_again() {
    let held = Arc::new(AtomicU64::new(u64::MAX));
    let limits = Limits {
        request: Duration::from_secs(20),
        ..Limits::default()
    };
    let setting = Setting {
        ledger: Box::new(UpTo(Arc::downgrade(&held))),
        limits,
        ..Setting::default()
    };
    let shop = Server::set(&[("n-full", 7)], setting);
    let appended = || shop.alone.status().appended.number();
    // Let go before the shop, which waits for what it has.
    let disk = held;
    let client = &shop.client;
    let first = (0..PART).map(|number| format!("a-{number:05}"));
    let before = (0..BESIDE).map(|number| format!("m-{number}"));
    let after = (0..BESIDE).map(|number| format!("o-{number}"));
    let skus: Vec<String> = first
        .chain(before)
        .chain(["n-full".to_owned()])
        .chain(after)
        .collect();
    let lines = skus.iter().map(|sku| format!("{sku},2\n"));
    let list = format!("sku,units\n{}", lines.collect::<String>());
    let send = || {
        let headers = [("content-type", "text/csv"), key("list")];
        let path = "/v1/bulk/stock?do=restock&open=true";
        client.send("POST", path, &headers, &list)
    };
    let on_hand = |sku: &str| {
        shop.alone
            .book
            .stock(&sku.to_owned())
            .map(|view| view.on_hand)
    };
    let units = || -> Vec<Option<u64>> { skus.iter().map(|sku| on_hand(sku)).collect() };

    disk.store(appended(), Ordering::SeqCst);
    let refused = thread::scope(|scope| {
        let sent = scope.spawn(send);
        wait_for(|| on_hand("a-09999") == Some(2));
        // The first part waits for the disk, and the list is not at this line yet.
        let more = json!({"units": MAX_UNITS - 7});
        let path = "/v1/stock/n-full/restock";
        let delivery = scope.spawn(move || client.post(path, "lorry", &more));
        wait_for(|| on_hand("n-full") == Some(MAX_UNITS));
        disk.store(appended(), Ordering::SeqCst);
        // The second part is refused at this line, and what it did before is not written.
        wait_for(|| on_hand("m-4") == Some(2));
        thread::sleep(Duration::from_millis(300));
        assert!(!sent.is_finished(), "it says what is not durable");
        disk.store(u64::MAX, Ordering::SeqCst);
        delivery.join().unwrap().expect(200);
        sent.join().unwrap()
    });
    let done = PART + BESIDE;
    let detail = refused.problem(422, "invalid-request")["detail"].to_string();
    let says = format!(
        "at least {done} SKUs were changed, and the same list with the same key does what is left; the list line {}: ",
        done + 2
    );
    assert!(detail.contains(&says), "{detail}");
    let mut stands = vec![Some(2); done];
    stands.push(Some(MAX_UNITS));
    stands.extend([None; BESIDE]);
    assert!(
        units() == stands,
        "those before the line are changed, those after it are not even open"
    );

    // While the line is impossible, the list is refused before it does anything.
    let detail = send().problem(422, "invalid-request")["detail"].to_string();
    assert!(
        detail.starts_with(&format!("\"the list line {}: ", done + 2)),
        "{detail}"
    );
    assert!(units() == stands);

    // With room again, it does what is left, and nothing twice.
    client
        .post("/v1/stock/n-full/write-off", "lost", &json!({"units": 100}))
        .expect(200);
    let sent = send().expect(200);
    assert_eq!(
        sent,
        json!({
            "lines": skus.len(),
            "skus": skus.len(),
            "opened": BESIDE,
            "before": done,
            "difference": 2 * skus.len(),
            "dry_run": false,
        })
    );
    let mut all = vec![Some(2); skus.len()];
    all[done] = Some(MAX_UNITS - 98);
    assert!(units() == all);
    assert_eq!(send().expect(200)["before"], skus.len());
    assert!(units() == all);
}
