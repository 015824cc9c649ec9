//! A list that is refused midway: it was checked, and others made a line of it impossible before it came there.

use crate::support::slow::Slow;
use crate::support::{Server, key, wait_for};
use segstock::MAX_UNITS;
use serde_json::json;
use std::thread;
use std::time::Duration;

/// SKUs that are changed together.
const PART: usize = 10_000;
/// Lines of the second part before and after the one that becomes impossible.
const BESIDE: usize = 5;

#[test]
fn a_list_that_is_refused_midway_says_what_it_did_and_is_safe_to_send_again() {
    let (disk, setting) = Slow::at(Duration::from_secs(20));
    let shop = Server::set(&[("n-full", 7)], setting);
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

    let stuck = disk.lock().unwrap();
    let refused = thread::scope(|scope| {
        let sent = scope.spawn(send);
        wait_for(|| on_hand("a-09999") == Some(2));
        // The first part waits for the disk, and the list is not at this line yet.
        let more = json!({"units": MAX_UNITS - 7});
        let path = "/v1/stock/n-full/restock";
        let delivery = scope.spawn(move || client.post(path, "lorry", &more));
        wait_for(|| on_hand("n-full") == Some(MAX_UNITS));
        drop(stuck);
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
