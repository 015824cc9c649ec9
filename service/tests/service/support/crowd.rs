//! Customers who buy while the service is ended, and what they were answered held against what it knows afterwards.

use super::process::{PORTS, Process, command};
use super::{Client, Reply};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

const CUSTOMERS: usize = 64;
/// As many as the customers want before the service is ended: what is left is sold after that.
pub const UNITS: u64 = 20_000;

/// How often it is ended: `SEGSTOCK_SERVICE_KILLS`, or 5.
fn rounds() -> usize {
    let rounds = std::env::var("SEGSTOCK_SERVICE_KILLS");
    rounds.map_or(5, |text| text.parse().expect("a number"))
}

/// What customers were answered, by order: the last state.
pub type Answers = Mutex<BTreeMap<String, &'static str>>;

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

/// A service with its ledger in this place.
pub fn start(ledger: &str) -> Process {
    let more = [
        "--ledger",
        ledger,
        "--longest-hold",
        "3600",
        "--unpaid",
        "100",
    ];
    Process::spawn(&mut command(&[PORTS, &more].concat()))
}

/// Customers buy until `end` has ended the service, which it does once `answers` more answers were given.
pub fn under_load(
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
        match page["next"].as_str() {
            Some(next) => path = format!("/v1/orders?limit=1000&cursor={next}"),
            None => return orders,
        }
    }
}

/// Holds a service that was started again to what was answered before.
pub fn audit(client: &Client, all: &Answers) {
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

/// Ends the service under load, again and again, as `end` does: nothing that was answered is lost, and nothing is sold
/// twice.
pub fn killed_under_load(ledger: &str, mut end: impl FnMut(Process)) {
    let all = Answers::default();
    let service = start(ledger);
    service.client.open("a", UNITS);
    let mut service = service;
    for round in 0..rounds() {
        under_load(service, round, &all, 400, &mut end);
        service = start(ledger);
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
    // Some were cancelled whose cancelling was not answered any more.
    for (id, _) in list(&service.client)
        .iter()
        .filter(|(_, state)| *state != "cancelled")
    {
        let again = service.client.order(id, &[("a", 1)]);
        assert!(again.is_replayed(), "{id}: {again:?}");
    }
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
