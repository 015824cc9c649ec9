//! The command killed under load, stopped under load, and started again from its ledger: nothing that was answered is lost,
//! and nothing is sold twice.

use crate::support::process::{PORTS, Process, command, refusal};
use crate::support::{Client, Reply};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

const CUSTOMERS: usize = 64;
/// As many as the customers want before the service is ended: what is left is sold after that.
const UNITS: u64 = 20_000;
const ROUNDS: usize = 3;

/// What customers were answered, by order: the last state.
type Answers = Mutex<BTreeMap<String, &'static str>>;

/// The state that an answer says, which must be `expected`; nothing once the service does not answer any more.
fn answered(
    reply: Result<Reply, ureq::Error>,
    id: &str,
    expected: &'static str,
    all: &Answers,
) -> bool {
    let Ok(reply) = reply else {
        return false;
    };
    // Stopped, it says that nothing can be written any more; and an answer may be cut off.
    if reply.status == 503 {
        return false;
    }
    let Ok(order) = serde_json::from_str::<serde_json::Value>(&reply.text) else {
        return false;
    };
    if reply.status == 409 {
        assert!(
            order["type"].as_str().unwrap().ends_with("#out-of-stock"),
            "{order}"
        );
        return true;
    }
    assert_eq!(order["state"], expected, "{order}");
    all.lock().unwrap().insert(id.to_owned(), expected);
    true
}

/// Orders and pays, order by order, until the service is gone.
fn buy(client: &Client, name: &str, all: &Answers) {
    for number in 0.. {
        let id = format!("{name}:{number}");
        if !answered(client.try_order(&id, &[("a", 1)]), &id, "held", all) {
            return;
        }
        if !all.lock().unwrap().contains_key(&id) {
            continue;
        }
        // Some stay held, some are cancelled, the others are paid for and some of them shipped.
        let deeds: &[(&str, &'static str)] = match number % 7 {
            0 => &[],
            1 => &[("cancel", "cancelled")],
            2 | 3 => &[("pay", "paid"), ("ship", "shipped")],
            _ => &[("pay", "paid")],
        };
        for &(deed, state) in deeds {
            if !answered(client.try_deed(deed, &id), &id, state, all) {
                return;
            }
        }
    }
}

/// A service with its ledger in `directory`.
fn start(directory: &Path) -> Process {
    let ledger = format!("sqlite:{}", directory.join("shop.db").display());
    let more = ["--ledger", &ledger, "--longest-hold", "3600"];
    Process::spawn(&mut command(&[PORTS, &more].concat()))
}

/// Customers buy until `end` has ended the service, which it does once `answers` more answers were given.
fn under_load(
    service: Process,
    round: usize,
    all: &Answers,
    answers: usize,
    end: impl FnOnce(Process),
) {
    let enough = all.lock().unwrap().len() + answers;
    thread::scope(|scope| {
        for customer in 0..CUSTOMERS {
            let client = service.client.clone();
            scope.spawn(move || buy(&client, &format!("{round}:{customer}"), all));
        }
        let began = Instant::now();
        while all.lock().unwrap().len() < enough && began.elapsed() < Duration::from_secs(60) {
            thread::sleep(Duration::from_millis(1));
        }
        end(service);
    });
}

/// All orders, page by page.
fn list(client: &Client) -> BTreeMap<String, String> {
    let mut orders = BTreeMap::new();
    let mut path = "/v1/orders?limit=1000".to_owned();
    loop {
        let page = client.get(&path).expect(200);
        for order in page["orders"].as_array().unwrap() {
            let text = |name: &str| order[name].as_str().unwrap().to_owned();
            orders.insert(text("id"), text("state"));
        }
        match page.get("next") {
            Some(next) => path = format!("/v1/orders?limit=1000&cursor={next}"),
            None => return orders,
        }
    }
}

/// Holds a service that was started again to what was answered before.
fn audit(client: &Client, all: &Answers) {
    let orders = list(client);
    let steps = ["held", "paid", "shipped"];
    for (id, answered) in &*all.lock().unwrap() {
        let found = orders
            .get(id)
            .unwrap_or_else(|| panic!("{id} is lost: it was {answered}"));
        let step = |state: &str| steps.iter().position(|it| *it == state);
        let is_later = match (step(answered), step(found)) {
            (Some(answered), Some(found)) => found >= answered,
            // One whose cancelling was not answered any more.
            (Some(answered), None) => answered == 0 && found == "cancelled",
            (None, _) => found == answered,
        };
        assert!(is_later, "{id} was answered {answered}, and is {found}");
    }
    let count = |state: &str| orders.values().filter(|it| *it == state).count() as u64;
    let (promised, shipped) = (count("held") + count("paid"), count("shipped"));
    assert!(promised + shipped <= UNITS, "sold twice");
    let (available, on_hand) = client.stock("a");
    assert_eq!(
        (on_hand, available),
        (UNITS - shipped, UNITS - shipped - promised)
    );
}

#[test]
fn killed_under_load_it_loses_nothing_that_was_answered_and_sells_nothing_twice() {
    let directory = tempfile::tempdir().unwrap();
    let all = Answers::default();
    let service = start(directory.path());
    service.client.open("a", UNITS);
    let mut service = service;
    for round in 0..ROUNDS {
        under_load(service, round, &all, 400, Process::kill);
        service = start(directory.path());
        audit(&service.client, &all);
    }
    assert!(
        all.lock().unwrap().len() >= 1_000,
        "{}",
        all.lock().unwrap().len()
    );
    // A retry is answered as before, and what is left can be sold, once.
    let states: BTreeSet<_> = all.lock().unwrap().values().copied().collect();
    assert!(
        states.contains("paid") && states.contains("shipped"),
        "{states:?}"
    );
    let paid = all
        .lock()
        .unwrap()
        .iter()
        .find(|(_, state)| **state == "paid")
        .map(|(id, _)| id.clone());
    let paid = paid.unwrap();
    assert!(service.client.order(&paid, &[("a", 1)]).is_replayed());
    let (available, _) = service.client.stock("a");
    let more = [("a", available + 1)];
    service
        .client
        .order("more", &more)
        .problem(409, "out-of-stock");
    if available > 0 {
        service
            .client
            .order("rest", &[("a", available)])
            .expect(201);
    }
}

#[cfg(unix)]
#[test]
fn stopped_under_load_it_loses_nothing_that_was_answered() {
    let directory = tempfile::tempdir().unwrap();
    let all = Answers::default();
    let service = start(directory.path());
    service.client.open("a", UNITS);
    under_load(service, 0, &all, 300, |service| {
        assert_eq!(service.terminate(), Some(0));
    });
    audit(&start(directory.path()).client, &all);
}

#[test]
fn it_keeps_a_ledger_where_it_is_started_and_says_what_it_found() {
    let directory = tempfile::tempdir().unwrap();
    let start = || {
        let mut command = command(PORTS);
        Process::spawn(command.current_dir(directory.path()))
    };
    let service = start();
    assert!(
        service.found.contains("a new ledger in segstock.db"),
        "{}",
        service.found
    );
    service.customers.order("a", &[("phone", 3)]).expect(201);
    let restock = json!({"units": 5});
    service
        .client
        .post("/v1/stock/phone/restock", "k", &restock)
        .expect(200);
    service.kill();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let file = std::fs::metadata(directory.path().join("segstock.db")).unwrap();
        assert_eq!(file.permissions().mode() & 0o777, 0o600);
    }

    let service = start();
    let found = &service.found;
    assert!(
        found.contains("1 orders and 3 SKUs") && found.contains("to begin anew"),
        "{found}"
    );
    assert_eq!(service.client.stock("phone"), (1_002, 1_005));
    assert!(service.customers.order("a", &[("phone", 3)]).is_replayed());
    let again = service
        .client
        .post("/v1/stock/phone/restock", "k", &restock);
    assert!(again.is_replayed());
    let order = service.client.get("/v1/orders/a").expect(200);
    let left = order["expires_in"].as_u64().unwrap();
    assert!((1..=600).contains(&left), "{order}");
}

#[test]
fn a_ledger_in_use_and_a_file_of_something_else_are_refused_and_stay_as_they_are() {
    let directory = tempfile::tempdir().unwrap();
    let service = start(directory.path());
    let ledger = format!("sqlite:{}", directory.path().join("shop.db").display());
    let (code, line) = refusal(&[PORTS, &["--ledger", &ledger]].concat());
    assert_eq!(code, Some(2), "{line}");
    assert!(
        line.contains("cannot open the ledger") && line.contains("in use"),
        "{line}"
    );
    service.client.get("/readyz").expect(200);

    let other = directory.path().join("other.txt");
    std::fs::write(&other, "a letter").unwrap();
    let ledger = format!("sqlite:{}", other.display());
    let (code, line) = refusal(&[PORTS, &["--ledger", &ledger]].concat());
    assert_eq!(code, Some(2), "{line}");
    assert_eq!(line.trim().lines().count(), 1, "{line}");
    assert_eq!(std::fs::read_to_string(&other).unwrap(), "a letter");
}

/// As the service's first version wrote it.
const SNAPSHOT: &str = r#"{
    "inventory": {
        "version": 1,
        "skus": [
            {"sku": "phone", "low_stock": 3, "books": {"initial": 10, "restocked": 0, "available": 5, "reserved": 2,
                "on_the_way": 0, "sold": 2, "written_off": 1, "moved_out": 0}},
            {"sku": "case", "low_stock": 0, "books": {"initial": 5, "restocked": 0, "available": 0, "reserved": 4,
                "on_the_way": 0, "sold": 0, "written_off": 0, "moved_out": 0, "owed": 1, "withdrawn": 2}}
        ],
        "holds": [{"key": "held", "request": [["phone", 2], ["case", 4]], "lines": [["phone", 2], ["case", 4]],
            "remaining": {"secs": 300, "nanos": 0}}]
    },
    "sold": [{"id": "sold", "lines": [["phone", 2]]}],
    "counts": {}
}"#;

#[test]
fn a_snapshot_of_the_first_version_is_read_once_into_a_new_ledger() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("shop.json"), SNAPSHOT).unwrap();
    let with_snapshot = [PORTS, &["--snapshot", "shop.json"]].concat();
    let start =
        |arguments: &[&str]| Process::spawn(command(arguments).current_dir(directory.path()));
    let service = start(&with_snapshot);
    let found = "read snapshot shop.json: 2 SKUs, 1 held and 1 sold orders";
    assert!(service.found.contains(found), "{}", service.found);
    let client = &service.client;
    assert_eq!(client.stock("phone"), (5, 7));
    let case = client.get("/v1/stock/case").expect(200);
    assert_eq!((&case["on_hand"], &case["owed"]), (&3.into(), &1.into()));
    // Retries are known.
    client.get("/v1/stock/last-one").problem(404, "unknown-sku");
    assert!(client.order("sold", &[("phone", 2)]).is_replayed());
    let held = client.order("held", &[("phone", 2), ("case", 4)]);
    assert!(held.is_replayed());
    let seconds = held.expect(200)["expires_in"].as_u64().unwrap();
    assert!((200..=300).contains(&seconds), "{seconds}");
    assert!(client.deed("pay", "sold").is_replayed());
    assert_eq!(service.terminate(), Some(0));
    let ledger = format!("sqlite:{}", directory.path().join("segstock.db").display());
    let snapshot = directory.path().join("shop.json").display().to_string();
    let again = [PORTS, &["--snapshot", &snapshot, "--ledger", &ledger]].concat();
    let (code, complaint) = refusal(&again);
    assert_eq!(code, Some(2));
    assert!(complaint.contains("the ledger is not new"), "{complaint}");
    assert_eq!(start(PORTS).client.stock("phone"), (5, 7));
}
