//! Stock in bulk: lists in and out, all or nothing, safe to send again.

use crate::support::process::{PORTS, Process, command};
use crate::support::slow::Slow;
use crate::support::{Client, JSON, Reply, Server, Setting, key};
use segstock_orders::ledger::WriterSettings;
use segstock_service::book::Limits;
use serde_json::{Value, json};
use std::thread;
use std::time::{Duration, Instant};

const CSV: (&str, &str) = ("content-type", "text/csv; charset=utf-8");
const LINES: (&str, &str) = ("content-type", "application/x-ndjson");

fn send(client: &Client, query: &str, with_key: &str, kind: (&str, &str), body: &str) -> Reply {
    let path = format!("/v1/bulk/stock?{query}");
    client.send("POST", &path, &[kind, key(with_key)], body)
}

#[test]
fn a_list_of_a_spreadsheet_restocks_and_opens_and_is_safe_to_send_again() {
    let shop = Server::start(&[("phone", 1)]);
    let client = &shop.client;
    let list = "Stock of May\r\nArticle;Pieces\r\nphone;5\r\ncase;\"1.200\"\r\nphone;2,0\r\n;\r\n";
    let query = "do=restock&open=true&sku=article&units=Pieces&skip_lines=1&thousands=true";
    let tried = send(client, &format!("{query}&dry_run=true"), "may", CSV, list).expect(200);
    assert_eq!(
        tried,
        json!({"lines": 3, "skus": 2, "opened": 1, "before": 0, "difference": 1_207, "dry_run": true})
    );
    client.get("/v1/stock/case").problem(404, "unknown-sku");
    let done = send(client, query, "may", CSV, list).expect(200);
    assert_eq!((&done["opened"], &done["before"]), (&json!(1), &json!(0)));
    assert_eq!(done["difference"], 1_207);
    let again = send(client, query, "may", CSV, list).expect(200);
    assert_eq!(
        (&again["before"], &again["difference"]),
        (&json!(2), &json!(1_207))
    );
    let tried = send(client, &format!("{query}&dry_run=true"), "may", CSV, list).expect(200);
    assert_eq!(
        (&tried["before"], &tried["difference"]),
        (&json!(2), &json!(0))
    );
    let counted = "sku,units\nphone,6\n";
    let tried = send(client, "do=count&dry_run=true", "c", CSV, counted).expect(200);
    assert_eq!(tried["difference"], -2);
    assert_eq!(
        (client.stock("phone"), client.stock("case")),
        ((8, 8), (1_200, 1_200))
    );
    // The key is known for other units.
    let other = send(client, "do=restock", "may", CSV, "sku,units\nphone,1\n");
    let detail = other.problem(422, "other-request")["detail"].to_string();
    assert!(detail.contains("line 2"), "{detail}");
}

/// Lists of CSV know no blanks around a SKU: they would be of another one.
#[test]
fn each_sku_that_can_be_opened_is_the_same_in_a_list_that_is_sent_back() {
    let shop = Server::start(&[("a", 5)]);
    let client = &shop.client;
    for path in ["/v1/stock/a%20", "/v1/stock/%20a", "/v1/stock/%C2%A0a"] {
        let opened = client.send("PUT", path, &[], "");
        opened.problem(422, "invalid-request");
    }
    let wide = "/v1/stock/a%20%2Cb%22";
    client.send("PUT", wide, &[], "").expect(201);
    client
        .post(&format!("{wide}/restock"), "r", &json!({"units": 7}))
        .expect(200);
    let list = client.get("/v1/bulk/stock").text;
    let counted = send(client, "do=count", "c", CSV, &list).expect(200);
    assert_eq!(
        (&counted["skus"], &counted["difference"]),
        (&json!(2), &json!(0))
    );
}

#[test]
fn a_list_needs_room_for_all_its_keys_before_it_changes_anything() {
    let setting = Setting {
        book: |book| book.max_all_requests(5),
        ..Setting::default()
    };
    let shop = Server::set(&[("s-0", 1)], setting);
    let client = &shop.client;
    let list = |skus: usize, units: usize| {
        let lines = (0..skus).map(|number| format!("s-{number},{units}\n"));
        format!("sku,units\n{}", lines.collect::<String>())
    };
    let query = "do=restock&open=true";
    for more in ["", "&dry_run=true"] {
        let refused = send(client, &format!("{query}{more}"), "k", CSV, &list(10, 1));
        let detail = refused.problem(503, "full")["detail"].to_string();
        assert!(
            detail.contains("10 new keys") && detail.contains("5 in all"),
            "{detail}"
        );
    }
    assert_eq!((shop.alone.book.skus(), client.stock("s-0")), (1, (1, 1)));
    // What is known already needs none, and neither do SKUs that are only opened.
    for _ in 0..2 {
        send(client, query, "k", CSV, &list(5, 1)).expect(200);
    }
    for key in ["k", "another"] {
        send(client, query, key, CSV, "sku,units\nt,0\n").expect(200);
    }
    assert_eq!(shop.alone.book.skus(), 6);
    send(client, "do=count&open=true", "k", CSV, "sku,units\nu,0\n").problem(503, "full");
}

#[test]
fn a_list_with_a_fault_changes_nothing_and_names_its_line() {
    let shop = Server::start(&[("a", 1), ("b", 1)]);
    let client = &shop.client;
    let refused = |query: &str, list: &str, says: &str| {
        let problem = send(client, query, "k", CSV, list).problem(422, "invalid-request");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(says), "{detail}");
    };
    refused("do=restock", "sku,units\na,5\nb,x\n", "line 3: units \"x\"");
    refused(
        "do=count",
        "sku,units\na,5\nb,1\na,6\n",
        "line 4: a is counted already on line 2",
    );
    refused(
        "do=restock",
        "sku,units\na,5\nb,1099511627776\n",
        "line 3: ",
    );
    refused(
        "do=restock",
        "article,units\na,5\n",
        "there are: article, units",
    );
    for separator in ["ab", "a", "1", "%22", "%0A"] {
        let query = format!("do=restock&separator={separator}");
        refused(&query, "sku,units\na,5\n", "separator");
    }
    refused(
        "do=restock&skip_lines=9000000000",
        "sku,units\na,5\n",
        "at most 1000 lines",
    );
    refused(
        "do=restock&skip_lines=999",
        "sku,units\na,5\n",
        "below the 999 lines",
    );
    for query in ["", "do=sell", "do=count&more=1"] {
        send(client, query, "k", CSV, "sku,units\na,5\n").problem(422, "invalid-request");
    }
    let unknown = send(client, "do=restock", "k", CSV, "sku,units\na,5\ny,1\nx,1\n");
    let unknown = unknown.problem(422, "unknown-skus");
    assert_eq!(unknown["skus"], json!(["y", "x"]));
    assert!(
        unknown["detail"].as_str().unwrap().contains("line 3"),
        "{unknown}"
    );
    let path = "/v1/bulk/stock?do=restock";
    let body = "sku,units\na,5\n";
    client
        .send("POST", path, &[CSV], body)
        .problem(400, "idempotency-key");
    let json = [("content-type", "application/json"), key("k")];
    client
        .send("POST", path, &json, body)
        .problem(415, "not-json");
    assert_eq!((client.stock("a"), client.stock("b")), ((1, 1), (1, 1)));
}

#[test]
fn a_list_that_is_too_large_is_refused() {
    let setting = Setting {
        limits: Limits {
            list: 20,
            ..Limits::default()
        },
        ..Setting::default()
    };
    let shop = Server::set(&[("a", 1)], setting);
    let list = "sku,units\na,5\n";
    send(&shop.client, "do=restock", "k", CSV, list).expect(200);
    let large = format!("{list}a,5\na,5\na,5\n");
    send(&shop.client, "do=restock", "l", CSV, &large).problem(413, "too-large");
}

#[test]
fn a_list_that_is_shown_can_be_sent_back_as_a_count() {
    let stock: Vec<String> = (0..1_203).map(|number| format!("sku;\"{number}")).collect();
    let stock: Vec<(&str, u64)> = stock.iter().map(|sku| (sku.as_str(), 3)).collect();
    let shop = Server::start(&stock);
    let client = &shop.client;
    client.order("a", &[("sku;\"7", 2)]).expect(201);
    let list = client.get("/v1/bulk/stock");
    assert_eq!(list.kind, "text/csv; charset=utf-8");
    assert_eq!(list.text.lines().count(), 1_204);
    assert!(
        list.text.contains("\n\"sku;\"\"7\",3,1,0,0,0\n"),
        "{}",
        &list.text[..300]
    );
    let counted = send(client, "do=count", "night", CSV, &list.text).expect(200);
    assert_eq!(
        (&counted["skus"], &counted["difference"]),
        (&json!(1_203), &json!(0))
    );
    let lines = client.get("/v1/bulk/stock?format=jsonl");
    assert_eq!(lines.kind, "application/jsonl");
    let first = lines.text.lines().next().unwrap();
    let first: Value = serde_json::from_str(first).unwrap();
    assert_eq!(
        (&first["sku"], &first["units"]),
        (&json!("sku;\"0"), &json!(3))
    );
    let counted = send(client, "do=count", "midnight", LINES, &lines.text).expect(200);
    assert_eq!(
        (&counted["skus"], &counted["difference"]),
        (&json!(1_203), &json!(0))
    );
    let two = "{\"sku\":\"sku;\\\"0\",\"units\":5}\n{\"sku\":\"new\",\"units\":0}\n";
    let query = "do=count&open=true";
    let counted = send(client, query, "morning", LINES, two).expect(200);
    assert_eq!(
        (&counted["opened"], &counted["difference"]),
        (&json!(1), &json!(2))
    );
    let fault = send(
        client,
        query,
        "noon",
        LINES,
        "{\"sku\":\"a\",\"units\":1}\n{\"sku\":1}\n",
    );
    let detail = fault.problem(422, "invalid-request")["detail"].to_string();
    assert!(detail.contains("line 2"), "{detail}");
}

#[test]
fn a_long_list_goes_through_the_ledger_and_outlives_a_crash() {
    let directory = tempfile::tempdir().unwrap();
    let start = || Process::spawn(command(PORTS).current_dir(directory.path()));
    let service = start();
    // More than the writer has places for.
    let lines = (0..9_000).map(|number| format!("{number},2\n"));
    let list = format!("sku,units\n{}", lines.collect::<String>());
    let send = |service: &Process| {
        let query = "do=restock&open=true";
        // As a client does that is answered 503.
        let sent = || send(&service.client, query, "first", CSV, &list);
        let done = (0..20).map(|_| sent()).find(|answer| answer.status != 503);
        done.unwrap().expect(200)
    };
    assert_eq!(send(&service)["difference"], 18_000);
    service.kill();
    let service = start();
    assert_eq!(send(&service)["before"], 9_000);
    assert_eq!(service.client.stock("8999"), (2, 2));
}

#[test]
fn a_list_of_which_one_line_would_be_refused_changes_nothing() {
    let setting = Setting {
        limits: Limits {
            skus: 3,
            ..Limits::default()
        },
        ..Setting::default()
    };
    let shop = Server::set(&[("a", 1), ("b", 1)], setting);
    let client = &shop.client;
    let first = "sku,units\nb,5\n";
    send(client, "do=restock", "may", CSV, first).expect(200);
    // The key belongs to other units of b.
    let other = "sku,units\na,5\nb,6\n";
    for query in ["do=restock", "do=restock&dry_run=true", "do=count"] {
        let refused = send(client, query, "may", CSV, other).problem(422, "other-request");
        let detail = refused["detail"].as_str().unwrap();
        assert!(detail.starts_with("the list line 3: "), "{detail}");
    }
    // There is room for one SKU more.
    let new = "sku,units\na,5\nc,1\nd,1\n";
    send(client, "do=restock&open=true", "new", CSV, new).problem(503, "full");
    assert_eq!((client.stock("a"), client.stock("b")), ((1, 1), (6, 6)));
    client.get("/v1/stock/c").problem(404, "unknown-sku");
    // What was done stays done, though there would be no room for it a second time.
    let most = format!("sku,units\na,{}\n", segstock::MAX_UNITS - 1);
    send(client, "do=restock", "most", CSV, &most).expect(200);
    assert_eq!(
        send(client, "do=restock", "most", CSV, &most).expect(200)["before"],
        1
    );
}

/// Killed at any time, a list of up to 10,000 SKUs is done or not done.
#[test]
fn of_a_list_that_is_killed_all_is_done_or_nothing() {
    const SKUS: usize = 10_000;
    let lines = (0..SKUS).map(|number| format!("{number},2\n"));
    let list = format!("sku,units\n{}", lines.collect::<String>());
    let path = "/v1/bulk/stock?do=restock&open=true";
    let headers = [CSV, key("k")];
    // How many SKUs there are if it is killed after so long, or when it is done; and how long that took.
    let killed = |after: Option<Duration>| {
        let directory = tempfile::tempdir().unwrap();
        let mut command = command(PORTS);
        command
            .args(["--demo", "false"])
            .current_dir(directory.path());
        let service = Process::spawn(&mut command);
        let client = service.client.clone();
        let began = Instant::now();
        thread::scope(|scope| {
            let sent = scope.spawn(|| client.try_send("POST", path, &headers, &list));
            match after {
                Some(time) => thread::sleep(time),
                None => _ = sent.join().unwrap().unwrap().expect(200),
            }
            service.kill();
        });
        let took = began.elapsed();
        let service = Process::spawn(&mut command);
        let list = service.client.get("/v1/bulk/stock").text;
        let done = list.lines().filter(|line| line.contains(",2,2,")).count();
        assert_eq!(list.lines().count(), 1 + done, "a SKU without its units");
        (done, took)
    };
    let (done, took) = killed(None);
    assert_eq!(done, SKUS);
    let done = (1..12).map(|twelfth| killed(Some(took * twelfth / 12)).0);
    let done: Vec<usize> = done.collect();
    let is_whole = |done: &usize| [0, SKUS].contains(done);
    assert!(done.iter().all(is_whole), "{done:?}");
    assert!(done.contains(&0), "{done:?}");
}

#[test]
fn a_list_that_is_killed_in_the_middle_is_finished_by_sending_it_again() {
    const SKUS: usize = 60_000;
    let directory = tempfile::tempdir().unwrap();
    let start = || Process::spawn(command(PORTS).current_dir(directory.path()));
    let lines = (0..SKUS).map(|number| format!("{number},2\n"));
    let list = format!("sku,units\n{}", lines.collect::<String>());
    let query = "do=restock&open=true";
    let path = format!("/v1/bulk/stock?{query}");
    let service = start();
    let client = service.client.clone();
    let durable =
        |service: &Process| service.client.get("/livez").json()["ledger"]["durable"].as_u64();
    thread::scope(|scope| {
        let sent = scope.spawn(|| client.try_send("POST", &path, &[CSV, key("k")], &list));
        while durable(&service) < Some(10_000) {
            thread::sleep(Duration::from_millis(1));
        }
        service.kill();
        assert!(
            sent.join().unwrap().is_err(),
            "it was killed before it had answered"
        );
    });
    let service = start();
    let sent = || send(&service.client, query, "k", CSV, &list);
    // As a client does that is answered 503.
    let done = (0..20).map(|_| sent()).find(|answer| answer.status != 503);
    let done = done.unwrap().expect(200);
    let before = done["before"].as_u64().unwrap();
    assert!(
        (1..SKUS as u64).contains(&before),
        "{before} were done before"
    );
    assert_eq!(before % 10_000, 0, "and all that are changed together");
    assert_eq!(done["difference"], 2 * SKUS);
    let list = service.client.get("/v1/bulk/stock").text;
    let units = list
        .lines()
        .skip(1)
        .map(|line| line.split(',').nth(1).unwrap());
    let units: Vec<&str> = units.collect();
    assert_eq!(units.iter().filter(|units| **units == "2").count(), SKUS);
}

/// Two of them do not fit into a batch.
#[test]
fn lists_at_once_are_all_done_one_after_another() {
    const SKUS: usize = 9_000;
    let directory = tempfile::tempdir().unwrap();
    let mut command = command(PORTS);
    // They wait for each other.
    let command = command.args(["--request-timeout", "120"]);
    let service = Process::spawn(command.current_dir(directory.path()));
    let client = service.client.waiting(Duration::from_secs(120));
    let client = &client;
    let done = |number: usize| {
        let lines = (0..SKUS).map(|sku| format!("{number}-{sku},2\n"));
        let list = format!("sku,units\n{}", lines.collect::<String>());
        let sent = send(client, "do=restock&open=true", "k", CSV, &list);
        assert_eq!(sent.expect(200)["opened"], SKUS);
    };
    thread::scope(|scope| {
        (0..5).for_each(|number| drop(scope.spawn(move || done(number))));
    });
    let list = client.get("/v1/bulk/stock").text;
    assert_eq!(
        list.lines().filter(|line| line.contains(",2")).count(),
        5 * SKUS
    );
}

#[test]
fn a_list_that_waits_too_long_for_the_disk_is_refused_and_a_retry_finds_it_done() {
    let (disk, setting) = Slow::at(Duration::from_secs(1));
    let shop = Server::set(&[], setting);
    let list = "sku,units\na,2\nb,3\n";
    let sent = || send(&shop.client, "do=restock&open=true", "first", CSV, list);
    let stuck = disk.lock().unwrap();
    sent().problem(503, "still-writing");
    drop(stuck);
    assert_eq!(sent().expect(200)["before"], 2);
    assert_eq!(shop.client.stock("b"), (3, 3));
}

#[test]
fn the_kind_of_a_list_is_named_in_any_case() {
    let shop = Server::start(&[]);
    let kind = ("content-type", "Text/CSV; Charset=utf-8");
    let list = send(
        &shop.client,
        "do=restock&open=true",
        "a",
        kind,
        "sku,units\nA,1\n",
    );
    list.expect(200);
}

#[test]
fn a_list_has_places_for_the_orders_that_waited_for_its_units() {
    const SKUS: [&str; 3] = ["a", "b", "c"];
    let setting = Setting {
        writer: WriterSettings::new().places(8),
        ..Setting::default()
    };
    let shop = Server::set(&SKUS.map(|sku| (sku, 0)), setting);
    let client = &shop.client;
    for sku in SKUS {
        let path = format!("/v1/stock/{sku}/limits");
        let body = json!({"waiting": 8}).to_string();
        client.send("PUT", &path, &[JSON], &body).expect(200);
        for number in 0..8 {
            let body = json!({"lines": [{"sku": sku, "units": 1}], "wait": true});
            let id = format!("{sku}-{number}");
            client.post("/v1/orders", &id, &body).expect(201);
        }
    }
    let list = "sku,units\na,9\nb,9\nc,9\n";
    let done = send(client, "do=restock", "k", CSV, list).expect(200);
    assert_eq!(done["difference"], 27);
    assert_eq!(SKUS.map(|sku| client.stock(sku)), [(1, 9); 3]);
}
