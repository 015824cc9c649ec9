//! Customers who buy while the service is ended, and what they were answered held against what it knows afterwards.

use super::process::{PORTS, Process, command};
use super::receipt::{HOLD, Receipt, is_later};
use super::{Client, Reply};
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, RandomState};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

pub const CUSTOMERS: usize = 64;

/// More than the customers want before the service is ended for the last time: what is left is sold after that.
pub fn units() -> u64 {
    (10 * orders() * rounds()) as u64
}

/// One unit less than an order may be for.
const MOST: u64 = 99_999;

/// How often it is ended: `SEGSTOCK_SERVICE_KILLS`, or 5.
pub fn rounds() -> usize {
    let rounds = std::env::var("SEGSTOCK_SERVICE_KILLS");
    rounds.map_or(5, |text| text.parse().expect("a number"))
}

/// How many orders are answered before it is ended, on average: `SEGSTOCK_SERVICE_ORDERS`, or 400.
fn orders() -> usize {
    let orders = std::env::var("SEGSTOCK_SERVICE_ORDERS");
    orders.map_or(400, |text| text.parse().expect("a number"))
}

/// This many by chance: from half of them to half more.
fn about(orders: usize) -> usize {
    orders / 2 + RandomState::new().hash_one(()) as usize % orders
}

/// What customers were answered last, by order.
pub type Answers = Mutex<BTreeMap<String, Receipt>>;

/// Whether an order or a deed was answered. The state that an answer says must be `expected`, and all else that it says must
/// agree with what was answered before.
pub fn answered(
    reply: Result<Reply, ureq::Error>,
    id: &str,
    expected: &str,
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
    let receipt = Receipt::of(id, &reply).unwrap_or_else(|wrong| panic!("{wrong}"));
    let before = all.lock().unwrap().insert(id.to_owned(), receipt.clone());
    if let Some(before) = before {
        assert!(before.goes_on_as(&receipt), "{before:?}, {receipt:?}");
    }
    true
}

/// What is done to an order, and its state after that: some stay held, some are cancelled, the others are paid for and some of
/// them shipped.
pub const fn deeds(number: usize) -> &'static [(&'static str, &'static str)] {
    match number % 7 {
        0 => &[],
        1 => &[("cancel", "cancelled")],
        2 | 3 => &[("pay", "paid"), ("ship", "shipped")],
        _ => &[("pay", "paid")],
    }
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
        for &(deed, state) in deeds(number) {
            if !answered(client.try_deed(deed, &id), &id, state, all) {
                return;
            }
        }
    }
}

/// A service with its ledger in this place.
pub fn start(ledger: &str) -> Process {
    start_with(ledger, &[])
}

/// One with more arguments.
pub fn start_with(ledger: &str, arguments: &[&str]) -> Process {
    let hold = HOLD.as_secs().to_string();
    let more = [
        "--ledger",
        ledger,
        "--hold",
        &hold,
        "--longest-hold",
        &hold,
        "--unpaid",
        "100",
    ];
    Process::spawn(&mut command(&[PORTS, &more, arguments].concat()))
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
    assert_eq!(wrongs(client, all), Vec::<String>::new());
}

/// What is wrong with a service that was started again, by what was answered before.
fn wrongs(client: &Client, all: &Answers) -> Vec<String> {
    let orders = list(client);
    let mut wrongs = Vec::new();
    for (
        id,
        Receipt {
            state: answered, ..
        },
    ) in &*all.lock().unwrap()
    {
        match orders.get(id) {
            None => wrongs.push(format!("{id} is lost: it was {answered}")),
            Some(found) if !is_later(answered, found) => {
                wrongs.push(format!("{id} was answered {answered}, and is {found}"));
            }
            Some(_) => {}
        }
    }
    if !wrongs.is_empty() {
        return wrongs;
    }
    let count = |state: &str| orders.values().filter(|it| *it == state).count() as u64;
    let (promised, shipped) = (count("held") + count("paid"), count("shipped"));
    if promised + shipped > units() {
        wrongs.push(format!(
            "{promised} promised and {shipped} shipped: sold twice"
        ));
        return wrongs;
    }
    let stock = client.stock("a");
    let left = units() - shipped;
    if stock != (left - promised, left) {
        wrongs.push(format!(
            "{stock:?}: {promised} are promised, {shipped} shipped"
        ));
    }
    wrongs
}

/// Ends services on one ledger under load, again and again, as `end` does. Returns what is wrong after the first of them after
/// which anything is.
pub fn ended_under_load(start: impl Fn() -> Process, mut end: impl FnMut(Process)) -> Vec<String> {
    let all = Answers::default();
    let service = start();
    service.client.open("a", units());
    let mut service = service;
    for round in 0..rounds() {
        under_load(service, round, &all, about(orders()), &mut end);
        if round + 1 == rounds() {
            // A time that began again with the service would be another one.
            thread::sleep(Duration::from_secs(3));
        }
        service = start();
        let wrongs = wrongs(&service.client, &all);
        if !wrongs.is_empty() {
            return wrongs;
        }
    }
    let answered = all.lock().unwrap().len();
    assert!(answered >= orders() / 2 * rounds(), "{answered}");
    assert_goes_on(&service.client, &all);
    Vec::new()
}

/// Kills the service under load, again and again, as `end` does: nothing that was answered is lost, and nothing is sold
/// twice.
pub fn killed_under_load(ledger: &str, end: impl FnMut(Process)) {
    let wrongs = ended_under_load(|| start(ledger), end);
    assert_eq!(wrongs, Vec::<String>::new());
}

/// What a retry says, which must be replayed and agree with what was answered before.
#[track_caller]
fn assert_as_before(id: &str, again: &Reply, before: Option<&Receipt>) -> Receipt {
    assert!(
        again.is_replayed() && again.status == 200,
        "{id}: {again:?}"
    );
    let receipt = Receipt::of(id, again).unwrap_or_else(|wrong| panic!("{wrong}"));
    if let Some(before) = before {
        assert!(before.goes_on_as(&receipt), "{id}: {before:?}, {receipt:?}");
    }
    receipt
}

/// A retry is answered as before, in all that its body says, and what is left can be sold, once.
pub fn assert_goes_on(client: &Client, all: &Answers) {
    let all = all.lock().unwrap();
    // Each step of an order's life is one.
    let steps = |it: &Receipt| match &*it.state {
        "held" => 1,
        "shipped" => 3,
        _ => 2,
    };
    let answers: usize = all.values().map(steps).sum();
    println!("{} orders, answers: {answers}", all.len());
    assert!(all.len() >= 200 * rounds(), "{}", all.len());
    let states: BTreeSet<_> = all.values().map(|it| &*it.state).collect();
    assert!(
        states.contains("paid") && states.contains("shipped"),
        "{states:?}"
    );
    // Some were cancelled whose cancelling was not answered any more.
    for (id, state) in list(client)
        .iter()
        .filter(|(_, state)| *state != "cancelled")
    {
        let again = client.order(id, &[("a", 1)]);
        let placed = assert_as_before(id, &again, all.get(id));
        assert_eq!(placed.state, *state, "{id}: as it is listed");
    }
    for (id, before) in &*all {
        let deed = match &*before.state {
            "held" => continue,
            "cancelled" => "cancel",
            "paid" => "pay",
            "shipped" => "ship",
            other => panic!("{id} is {other}"),
        };
        assert_as_before(id, &client.deed(deed, id), Some(before));
    }
    let (mut available, _) = client.stock("a");
    while available > MOST {
        let order = format!("rest-{available}");
        client.order(&order, &[("a", MOST)]).expect(201);
        available -= MOST;
    }
    let more = [("a", available + 1)];
    client.order("more", &more).problem(409, "out-of-stock");
    if available > 0 {
        client.order("rest", &[("a", available)]).expect(201);
    }
}
