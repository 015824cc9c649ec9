//! Orders in parts, counts and what is owed: their transactions, sent twice and late; and a storm of them at three nodes.

use super::feed::follow;
use super::support::{Batch, Tests, at_sale, at_url, connect, lend, one, open, sale, text};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use segstock_postgres::nodes::{Answer, Cursor, Node, OrderState, Refusal, Returned, Sale};
use segstock_remote::servers::id;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio_postgres::Client;

pub fn add(tests: &Tests) {
    at_sale(
        tests,
        "parts::a_change_is_made_once",
        &[("a", 100), ("b", 10)],
        changes,
    );
    at_sale(
        tests,
        "parts::a_count_takes_what_nodes_have_and_owes_the_rest",
        &[("a", 20)],
        counts,
    );
    at_url(
        tests,
        "parts::a_storm_of_changes_waits_for_nobody_in_a_circle",
        storm,
    );
}

/// A change of an order: standing, state, units moved and late.
async fn change(
    client: &Client,
    order: &str,
    key: &str,
    kind: &str,
    lines: Option<(&str, i64)>,
    closes: bool,
) -> String {
    let sql = "
        select standing, state, moved, late from change_1('n', $1, $2, $3, 7, $4, $5, null, $6)";
    let skus = lines.map(|(sku, _)| vec![sku]);
    let units = lines.map(|(_, units)| vec![units]);
    let row = one(client, sql, &[&order, &key, &kind, &skus, &units, &closes]).await;
    let state: Option<String> = row.get(1);
    format!(
        "{} {} {} {}",
        row.get::<_, String>(0),
        state.unwrap_or_default(),
        row.get::<_, i64>(2),
        row.get::<_, i64>(3)
    )
}

async fn changes(client: Client, sale: Sale) {
    open(&client, "n", 0, 1).await;
    lend(&client, "n", 1, 1, &[("a", 5), ("b", 5)]).await;
    let place =
        Batch::default()
            .place("x", &[("a", 1, 5)], None)
            .place("y", &[("b", 2, 4)], Some(1));
    assert_eq!(
        place.send(&client, "n", 1, 1).await,
        "written placed,placed held,held"
    );
    let pay = Batch::default().item("x", "pay");
    pay.send(&client, "n", 1, 2).await;
    // In parts: once for each key, and after that a batch leaves it alone.
    for did in ["done", "before"] {
        assert_eq!(
            change(&client, "x", "k1", "ship", Some(("a", 2)), false).await,
            format!("{did} paid 2 0")
        );
    }
    assert_eq!(
        change(&client, "x", "k1", "cancel", Some(("a", 2)), false).await,
        "before paid 2 0"
    );
    assert_eq!(
        change(&client, "x", "k2", "ship", Some(("a", 4)), false).await,
        "lines paid 0 0"
    );
    assert_eq!(
        change(&client, "nix", "k", "ship", None, false).await,
        "missing  0 0"
    );
    let cancel = Batch::default().item("x", "cancel");
    assert_eq!(cancel.send(&client, "n", 1, 3).await, "written alone paid");
    assert_eq!(cancel.send(&client, "n", 1, 3).await, "read alone paid");
    assert_eq!(
        change(&client, "x", " cancel", "cancel", None, false).await,
        "done shipped 3 0"
    );
    assert_eq!(
        change(&client, "x", " cancel", "cancel", None, false).await,
        "before shipped 3 0"
    );
    assert_eq!(
        change(&client, "x", " return", "return", None, false).await,
        "done returned 2 0"
    );
    assert_eq!(
        text(&client, "select free, shipped from pool order by sku").await,
        "55 0; 5 0"
    );
    // A call on the whole order is made once. Its retry says so; and that it was made is not said of what came since.
    let whole = async |id: &str, kind: &str| {
        change(&client, id, &format!(" {kind}"), kind, None, false).await
    };
    let part = async |id: &str, key: &str, kind: &str, units: i64| {
        change(&client, id, key, kind, Some(("a", units)), false).await
    };
    let place = Batch::default().place("v", &[("a", 1, 3)], None);
    assert_eq!(place.send(&client, "n", 1, 4).await, "written placed held");
    assert_eq!(part("v", "k1", "pay", 1).await, "done held 1 0");
    assert_eq!(whole("v", "ship").await, "done held 1 0");
    assert_eq!(whole("v", "ship").await, "before held 1 0");
    assert_eq!(part("v", "k2", "pay", 1).await, "done held 1 0");
    assert_eq!(whole("v", "ship").await, "conflict held 1 0");
    assert_eq!(part("v", "k3", "ship", 1).await, "done held 1 0");
    assert_eq!(whole("v", "ship").await, "before held 1 0");
    // Whoever pays for the whole order has not heard that a part of it was cancelled.
    assert_eq!(part("v", "k4", "cancel", 1).await, "done shipped 1 0");
    assert_eq!(whole("v", "pay").await, "state shipped 0 0");
    assert_eq!(part("v", "k5", "return", 2).await, "done returned 2 0");
    // Late: its units are in a block, whose late batch finds it closed.
    tokio::time::sleep(Duration::from_millis(5)).await;
    let late = Batch::default().item("y", "expire");
    assert_eq!(late.send(&client, "n", 1, 5).await, "written is expired 4");
    assert_eq!(
        change(&client, "y", " pay", "pay", None, false).await,
        "done paid 4 4"
    );
    assert_eq!(
        text(&client, "select free from pool where sku = 'b'").await,
        "1"
    );
    assert_eq!(
        change(&client, "y", "k", "return", Some(("b", 1)), false).await,
        "lines paid 0 0"
    );
    let place = Batch::default().place("z", &[("b", 2, 1)], None);
    place.send(&client, "n", 1, 6).await;
    assert_eq!(
        change(&client, "z", "k", "amend", Some(("b", 6)), false).await,
        "close held 0 0"
    );
    let amended = change(&client, "z", "k", "amend", Some(("b", 6)), true).await;
    assert_eq!(amended, "done held 5 0", "the rest of the block is taken");
    let fenced = Batch::default().place("w", &[("b", 2, 1)], None);
    assert_eq!(fenced.send(&client, "n", 1, 7).await, "written fenced -");
    assert_eq!(
        change(&client, "z", "k3", "amend", Some(("b", 7)), true).await,
        "short held 0 0"
    );
    one(&client, "select leave_1('n', 1)", &[]).await;
    sale.audit().await.expect("all is accounted for");
}

async fn counts(client: Client, sale: Sale) {
    open(&client, "n", 0, 1).await;
    lend(&client, "n", 1, 1, &[("a", 10)]).await;
    let place = Batch::default()
        .place("v", &[("a", 1, 2)], None)
        .place("x", &[("a", 1, 4)], None);
    place.send(&client, "n", 1, 1).await;
    let book = async |key: &str, kind: &str, units: i64, closes: bool| {
        let sql = "select concat_ws(' ', standing, difference, uncovered) from shelf_1('a', $1, $2, $3, $3, $4)";
        one(&client, sql, &[&key, &kind, &units, &closes])
            .await
            .get::<_, String>(0)
    };
    let sums = "select free, owed, came - went - shipped from pool";
    assert_eq!(book("c1", "count", 20, false).await, "done 0 0");
    assert_eq!(book("w1", "write_off", 15, false).await, "short -15 0");
    assert_eq!(book("w2", "write_off", 14, false).await, "close -14 0");
    assert_eq!(
        book("c2", "count", 3, false).await,
        "close -17 0",
        "nodes have some"
    );
    for (closes, did) in [(true, "done"), (true, "before"), (false, "before")] {
        let says = book("c2", "count", 3, closes).await;
        assert_eq!(says, format!("{did} -17 3"));
    }
    assert_eq!(text(&client, sums).await, "0 3 3");
    let fenced = Batch::default().place("y", &[("a", 1, 1)], None);
    assert_eq!(fenced.send(&client, "n", 1, 2).await, "written fenced -");
    assert_eq!(lend(&client, "n", 1, 2, &[("a", 1)]).await.0, "short");
    // What is promised and not there does not leave.
    let pay = Batch::default().item("x", "pay");
    pay.send(&client, "n", 1, 3).await;
    let ship = Batch::default().item("x", "ship");
    assert_eq!(ship.send(&client, "n", 1, 4).await, "written alone paid");
    assert_eq!(
        change(&client, "x", " ship", "ship", None, false).await,
        "on_hand paid 0 0"
    );
    assert_eq!(book("r1", "restock", 1, false).await, "done 1 0");
    assert_eq!(text(&client, sums).await, "0 2 4", "it pays what is owed");
    let cancel = Batch::default().item("v", "cancel");
    let did = cancel.send(&client, "n", 1, 5).await;
    assert_eq!(did, "written done cancelled");
    assert_eq!(
        text(&client, sums).await,
        "0 0 4",
        "so does what a batch brings back"
    );
    assert_eq!(
        change(&client, "x", " ship", "ship", None, false).await,
        "done shipped 4 0"
    );
    one(&client, "select leave_1('n', 1)", &[]).await;
    sale.audit().await.expect("all is accounted for");
}

const CUSTOMERS: u64 = 12;
const ORDERS: u64 = 12;

async fn storm(url: &str) {
    let (sale, name) = sale(url, &[("a", 30), ("b", 20), ("c", 10)]).await;
    let mut nodes = Vec::new();
    for node in 0..3 {
        nodes.push(sale.join(&format!("n{node}")).await.expect("it joins"));
    }
    let nodes = Arc::new(nodes);
    let mut customers = JoinSet::new();
    for customer in 0..CUSTOMERS {
        let nodes = Arc::clone(&nodes);
        customers.spawn(async move { lives(&nodes, customer).await });
    }
    let client = connect(url, &name).await;
    let over = Arc::new(AtomicBool::new(false));
    let reader = tokio::spawn(read(nodes[0].clone(), Arc::clone(&over)));
    let answers: Vec<Made> = customers.join_all().await.into_iter().flatten().collect();
    // What is held is swept.
    tokio::time::sleep(Duration::from_secs(1)).await;
    over.store(true, Ordering::Release);
    let states = reader.await.expect("it reads");
    for (order, state) in &states {
        let view = nodes[1].view(&id(order)).await.expect("it was placed");
        assert_eq!(
            view.state, *state,
            "order {order}, as the feed showed it last"
        );
    }
    let placed = "select count(*) from orders where skus is not null";
    assert_eq!(
        text(&client, placed).await,
        states.len().to_string(),
        "all are in the feed"
    );
    for (order, key, lines, answer) in &answers {
        for node in nodes.iter() {
            let again = node.ship_part(&id(order), &id(key), lines.clone()).await;
            let again = again.map(|again| again.units);
            assert_eq!(
                again,
                Ok(answer.units),
                "order {order}, key {key}, asked again"
            );
        }
    }
    for node in nodes.iter() {
        node.leave().await.expect("it leaves");
    }
    println!(
        "{} shipments; {}",
        answers.len(),
        text(
            &client,
            "select sku, came, went, shipped, owed, free from pool order by sku"
        )
        .await
    );
    sale.audit().await.expect("it balances");
    let deadlocks = "select deadlocks from pg_stat_database where datname = current_database()";
    assert_eq!(text(&client, deadlocks).await, "0", "locks are sorted");
}

/// Follows the feed to its end; what it showed last of each order. Nothing of an order comes before what was earlier.
async fn read(node: Node, over: Arc<AtomicBool>) -> BTreeMap<String, OrderState> {
    let mut states: BTreeMap<String, OrderState> = BTreeMap::new();
    let mut cursor = Cursor::default();
    loop {
        let is_over = over.load(Ordering::Acquire);
        for (order, state) in follow(&node, &mut cursor, 7).await {
            let before = states.insert(order.clone(), state);
            let went_back = before.is_some_and(|before| rank(state) < rank(before));
            assert!(!went_back, "order {order} was {before:?}, and then {state}");
        }
        if is_over {
            return states;
        }
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
}

/// What is expired can be paid for late; nothing else goes back.
fn rank(state: OrderState) -> usize {
    let states = [
        OrderState::Held,
        OrderState::Expired,
        OrderState::Paid,
        OrderState::Shipped,
        OrderState::Returned,
        OrderState::Cancelled,
    ];
    let found = states.iter().position(|other| *other == state);
    found.expect("there are no others")
}

/// A shipment of a part, and what was answered.
type Made = (String, String, Vec<(String, u64)>, Answer);

/// Orders, amends, pays, ships and returns in parts; and counts, at any nodes.
async fn lives(nodes: &[Node], customer: u64) -> Vec<Made> {
    let mut chance = SmallRng::seed_from_u64(customer);
    let mut made = Vec::new();
    let skus = ["a", "b", "c"];
    for order in 0..ORDERS {
        let name = format!("o{customer}-{order}");
        let order = id(&name);
        let mut any = || &nodes[chance.random_range(0..nodes.len())];
        let (one, two, three) = (any(), any(), any());
        let first = skus[chance.random_range(0..3)].to_owned();
        let second = skus[chance.random_range(0..3)].to_owned();
        let ttl = (chance.random_range(0..3) == 0)
            .then(|| Duration::from_millis(chance.random_range(1..50)));
        if one.place(&order, [(first.clone(), 2)], ttl).await.is_err() {
            let sku = skus[chance.random_range(0..3)];
            let counted = two.count(&id(&name), sku, chance.random_range(5..25)).await;
            settled(counted.map(|_| ()));
            settled(
                two.restock(&id(&format!("r{name}")), sku, 3)
                    .await
                    .map(|_| ()),
            );
            continue;
        }
        let lines = [(first.clone(), 2), (second.clone(), 1)];
        let amended = two.amend(&order, &id("amend"), lines, ttl).await;
        let beside = async { settled(three.extend(&order, &id("extend"), ttl).await.map(|_| ())) };
        let (paid, ()) = tokio::join!(one.pay(&order), beside);
        settled(amended.map(|_| ()));
        settled(paid.map(|_| ()));
        let part = vec![(first.clone(), 1)];
        match two.ship_part(&order, &id("parcel"), part.clone()).await {
            Ok(answer) => made.push((name.clone(), "parcel".to_owned(), part.clone(), answer)),
            Err(refusal) => settled(Err(refusal)),
        }
        let to = if chance.random_range(0..2) == 0 {
            Returned::OnSale
        } else {
            Returned::WrittenOff
        };
        let key = id("return");
        let returned = three.return_part(&order, &key, part, to);
        let (returned, cancelled) = tokio::join!(returned, one.cancel(&order));
        settled(returned.map(|_| ()));
        settled(cancelled.map(|_| ()));
    }
    made
}

/// Nothing fails: what is refused is refused for good.
fn settled(answer: Result<(), Refusal>) {
    if let Err(refusal) = answer {
        assert!(
            !refusal.is_temporary(),
            "nothing fails, and the answer is: {refusal}"
        );
    }
}
