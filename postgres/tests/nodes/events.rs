//! Events of all nodes: each step once, those of an order in their sequence, and a slow reader learns what it missed.

use super::support::{Batch, Tests, at_url, connect, lend, open, sale, scenes, text};
use segstock_postgres::nodes::{Cursor, Filter, ListCursor, Node, Returned, SkuLimits, What};
use segstock_remote::servers::id;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

pub fn add(tests: &Tests) {
    scenes!(at_url(tests) {
        "events::each_step_is_an_event_in_its_sequence": steps,
        "events::what_commits_late_is_an_event_and_copies_are_not": late,
        "events::the_steps_of_a_crowd_are_all_events": crowd,
        "events::a_sku_has_one_event_for_each_time": skus,
        "events::a_slow_reader_learns_what_it_missed": slow,
    });
}

const DAY: Duration = Duration::from_secs(86_400);

fn said(what: &What<String>) -> String {
    match what {
        What::Placed(order) => format!("{order} placed"),
        What::Waits(order) => format!("{order} waits"),
        What::Served(order) => format!("{order} served"),
        What::Amended(order) => format!("{order} amended"),
        What::Extended(order) => format!("{order} extended"),
        What::Paid(order) => format!("{order} paid"),
        What::Shipped(order) => format!("{order} shipped"),
        What::Cancelled(order) => format!("{order} cancelled"),
        What::Expired(order) => format!("{order} expired"),
        What::Returned(order) => format!("{order} returned"),
        What::Low { sku, left } => format!("{sku} low {left}"),
        What::Enough(sku) => format!("{sku} enough"),
        What::SoldOut(sku) => format!("{sku} out"),
        What::BackInStock(sku) => format!("{sku} back"),
        other => panic!("{other:?}"),
    }
}

/// All since the cursor, which is kept as text between pages.
async fn all(node: &Node, cursor: &mut Cursor, most: usize) -> Vec<String> {
    let mut events = Vec::new();
    loop {
        let page = node.events(cursor, most).await.expect("nothing fails");
        assert!(!page.missed);
        *cursor = page.next.to_string().parse().expect("it is one");
        if page.events.is_empty() {
            return events;
        }
        events.extend(page.events.iter().map(|event| said(&event.what)));
    }
}

async fn steps(url: &str) {
    let (sale, _) = sale(url, &[("a", 100), ("b", 1)]).await;
    let silent = sale.join("silent").await.expect("it joins");
    silent
        .place(&id("before"), [("a", 1)], None)
        .await
        .expect("there are enough");
    assert_eq!(
        all(&silent, &mut Cursor::default(), 9).await,
        Vec::<String>::new(),
        "none are kept"
    );
    let sale = sale.events(DAY);
    let one = sale.join("one").await.expect("it joins");
    let two = sale.join("two").await.expect("it joins");
    let hour = Some(Duration::from_secs(3_600));
    let x = id("x");
    one.place(&x, [("a", 3)], hour)
        .await
        .expect("there are enough");
    two.place(&x, [("a", 3)], hour).await.expect("a retry");
    let now = two.events_now().await.expect("the server answers");
    two.amend(&x, &id("k1"), [("a", 4)], None)
        .await
        .expect("it is held");
    two.amend(&x, &id("k1"), [("a", 4)], None)
        .await
        .expect("a retry");
    one.extend(&x, &id("k2"), hour).await.expect("it is held");
    two.pay(&x).await.expect("it is held");
    one.pay(&x).await.expect("a retry");
    silent.ship(&x).await.expect("it is paid for");
    one.return_part(&x, &id("k3"), [("a", 1)], Returned::OnSale)
        .await
        .expect("it left");
    let y = id("y");
    two.place_or_wait(&y, None, [("b", 2)], None)
        .await
        .expect("it waits");
    one.restock(&id("r"), "b", 1).await.expect("it is open");
    while two.get(&y).await.expect("it is there").state.to_string() != "held" {
        sleep(Duration::from_millis(5)).await;
    }
    one.cancel(&y).await.expect("it is held");
    let short = id("short");
    one.place(&short, [("a", 1)], Some(Duration::from_millis(1)))
        .await
        .expect("there are enough");
    sleep(Duration::from_millis(10)).await;
    two.get(&short).await.expect("it is there");
    two.pay(&short).await.expect("late");
    one.place(&id("none"), [("b", 99)], None)
        .await
        .expect_err("there are too few");
    let of_orders = async |cursor: &mut Cursor, most| {
        let mut events = all(&one, cursor, most).await;
        events.retain(|event| !event.starts_with("a ") && !event.starts_with("b "));
        events
    };
    let expected = [
        "x placed",
        "x amended",
        "x extended",
        "x paid",
        "x shipped",
        "x returned",
        "y waits",
        "y served",
        "y cancelled",
        "short placed",
        "short expired",
        "short paid",
    ];
    for most in [1, 3, 1_000] {
        assert_eq!(of_orders(&mut Cursor::default(), most).await, expected);
    }
    let mut since = now;
    assert_eq!(of_orders(&mut since, 2).await, expected[1..]);
    assert_eq!(of_orders(&mut since, 2).await, Vec::<String>::new());
}

async fn late(url: &str) {
    let (sale, name) = sale(url, &[("a", 100)]).await;
    let reader = sale.events(DAY).join("reader").await.expect("it joins");
    let (slow, quick) = (connect(url, &name).await, connect(url, &name).await);
    for (client, node) in [(&slow, "slow"), (&quick, "quick")] {
        open(client, node, 0, 1).await;
        lend(client, node, 1, 1, &[("a", 5)]).await;
    }
    slow.batch_execute("begin").await.expect("it is there");
    Batch::default()
        .place("x", &[("a", 1, 1)], None)
        .send(&slow, "slow", 1, 1)
        .await;
    let y = Batch::default().place("y", &[("a", 2, 1)], None);
    y.send(&quick, "quick", 1, 1).await;
    let mut cursor = Cursor::default();
    assert_eq!(all(&reader, &mut cursor, 10).await, ["y placed"]);
    slow.batch_execute("commit").await.expect("it is there");
    // Sent again it happens no more.
    y.send(&quick, "quick", 1, 1).await;
    Batch::default()
        .item("x", "pay")
        .item("y", "pay")
        .send(&quick, "quick", 1, 2)
        .await;
    Batch::default()
        .item("x", "pay")
        .item("y", "pay")
        .send(&quick, "quick", 1, 3)
        .await;
    let events = all(&reader, &mut cursor, 10).await;
    assert_eq!(
        events,
        ["x placed", "x paid", "y paid"],
        "also that of a smaller number"
    );
}

async fn crowd(url: &str) {
    let (sale, _) = sale(url, &[("a", 400), ("b", 60)]).await;
    let sale = sale.events(DAY);
    let mut nodes = Vec::new();
    for node in 0..3 {
        nodes.push(sale.join(&format!("n{node}")).await.expect("it joins"));
    }
    let nodes = Arc::new(nodes);
    let mut customers = JoinSet::new();
    for customer in 0..12_usize {
        let nodes = Arc::clone(&nodes);
        customers.spawn(async move {
            for number in 0..8 {
                let order = id(&format!("o{customer}-{number}"));
                let node = |step: usize| &nodes[(customer + number + step) % 3];
                let lines = [("a", 2), ("b", 1)];
                if node(0).place(&order, lines, None).await.is_err() {
                    continue;
                }
                node(1).pay(&order).await.expect("it is held");
                if number % 2 == 0 {
                    node(2).ship(&order).await.expect("it is paid for");
                } else {
                    node(2).cancel(&order).await.expect("it is paid for");
                }
            }
        });
    }
    let (reader, is_over) = (Arc::clone(&nodes), Arc::new(AtomicBool::new(false)));
    let over = Arc::clone(&is_over);
    let reads = tokio::spawn(async move {
        let (mut cursor, mut events) = (Cursor::default(), Vec::new());
        loop {
            // Read before the pages: what happened until then is in them.
            let is_last = over.load(Ordering::SeqCst);
            events.extend(all(&reader[events.len() % 3], &mut cursor, 5).await);
            if is_last {
                return events;
            }
            sleep(Duration::from_millis(3)).await;
        }
    });
    customers.join_all().await;
    is_over.store(true, Ordering::SeqCst);
    let events = reads.await.expect("nothing fails");
    let mut of_order: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (order, what) in events.iter().filter_map(|event| event.split_once(' ')) {
        if order.starts_with('o') {
            of_order.entry(order).or_default().push(what);
        }
    }
    for (order, steps) in &of_order {
        let last = if order.ends_with(['0', '2', '4', '6']) {
            "shipped"
        } else {
            "cancelled"
        };
        assert_eq!(steps, &["placed", "paid", last], "order {order}");
    }
    let (filter, begin) = (Filter::default(), ListCursor::default());
    let listed = nodes[0].orders(&filter, &begin, 1_000).await;
    let listed = listed.expect("nothing fails").orders;
    assert_eq!(listed.len(), of_order.len(), "no order is missing");
}

async fn skus(url: &str) {
    let (sale, _) = sale(url, &[("a", 10)]).await;
    let sale = sale.events(DAY);
    let mut nodes = Vec::new();
    for node in 0..3 {
        nodes.push(sale.join(&format!("n{node}")).await.expect("it joins"));
    }
    let mut limits = SkuLimits::default();
    limits.low = 5;
    nodes[0].limit("a", limits).await.expect("it is open");
    let mut cursor = Cursor::default();
    let mut next = async |expected: &[&str]| {
        let (mut events, until) = (Vec::new(), Instant::now() + Duration::from_secs(60));
        loop {
            events.extend(all(&nodes[1], &mut cursor, 10).await);
            events.retain(|event: &String| event.starts_with("a "));
            if events.len() >= expected.len() || Instant::now() > until {
                break;
            }
            sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(events, expected);
    };
    nodes[0]
        .place(&id("x"), [("a", 6)], None)
        .await
        .expect("there are ten");
    next(&["a low 4"]).await;
    nodes[1]
        .place(&id("y"), [("a", 4)], None)
        .await
        .expect("there are four");
    next(&["a out"]).await;
    nodes[2].cancel(&id("y")).await.expect("it is held");
    next(&["a back"]).await;
    nodes[2]
        .restock(&id("r"), "a", 6)
        .await
        .expect("it is open");
    next(&["a enough"]).await;
    sleep(Duration::from_millis(400)).await;
    next(&[]).await;
    // The one that tells is gone: another does.
    nodes[0].leave().await.expect("it leaves");
    nodes[2]
        .place(&id("z"), [("a", 10)], None)
        .await
        .expect("there are ten");
    next(&["a low 0", "a out"]).await;
}

async fn slow(url: &str) {
    let (sale, name) = sale(url, &[("a", 100)]).await;
    let node = sale.events(DAY).join("n").await.expect("it joins");
    node.place(&id("x"), [("a", 1)], None)
        .await
        .expect("there are enough");
    let mut cursor = Cursor::default();
    assert_eq!(all(&node, &mut cursor, 10).await, ["x placed"]);
    let behind = cursor.clone();
    node.pay(&id("x")).await.expect("it is held");
    assert_eq!(all(&node, &mut cursor, 10).await, ["x paid"]);
    let rows = connect(url, &name).await;
    rows.batch_execute("update event set at = at - interval '2 days'")
        .await
        .expect("it is there");
    let until = Instant::now() + Duration::from_secs(60);
    while text(&rows, "select count(*) from event").await != "0" {
        assert!(Instant::now() < until, "what is old goes");
        sleep(Duration::from_millis(20)).await;
    }
    assert!(
        !node
            .events(&cursor, 10)
            .await
            .expect("nothing fails")
            .missed,
        "it had read all"
    );
    for late in [behind, Cursor::default()] {
        let page = node.events(&late, 10).await.expect("nothing fails");
        assert!(page.missed && page.events.is_empty());
        let next = node.events(&page.next, 10).await.expect("nothing fails");
        assert!(!next.missed, "once");
    }
    node.ship(&id("x")).await.expect("it is paid for");
    assert_eq!(all(&node, &mut cursor, 10).await, ["x shipped"]);
}
