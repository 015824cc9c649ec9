//! The feed of all nodes: no change is missed, whoever commits late, and each order's changes come in their sequence.

use super::support::{Batch, Tests, at_url, connect, lend, open, sale, scenes};
use segstock_postgres::nodes::{Cursor, Node, OrderState, Page};
use segstock_remote::servers::id;
use std::collections::BTreeMap;
use std::time::Duration;

pub fn add(tests: &Tests) {
    scenes!(at_url(tests) {
        "feed::what_commits_late_is_not_missed": late,
        "feed::pages_are_bounded_and_say_how_orders_are": pages,
    });
}

/// Ids and states, in the sequence of a page.
fn said(page: &Page) -> String {
    let orders = page.orders.iter();
    let orders = orders.map(|order| format!("{} {}", order.view.id, order.view.state));
    orders.collect::<Vec<_>>().join(", ")
}

/// Everything since the cursor, which is kept as text between pages, in pages of `most`.
pub async fn follow(node: &Node, cursor: &mut Cursor, most: usize) -> Vec<(String, OrderState)> {
    let mut all = Vec::new();
    loop {
        let page = node.changes(cursor, most).await.expect("nothing fails");
        assert!(page.orders.len() <= most);
        *cursor = page.cursor.to_string().parse().expect("it is one");
        if page.orders.is_empty() {
            return all;
        }
        let orders = page.orders.iter();
        all.extend(orders.map(|order| (order.view.id.to_string(), order.view.state)));
    }
}

async fn late(url: &str) {
    let (sale, name) = sale(url, &[("a", 100)]).await;
    let (slow, quick) = (connect(url, &name).await, connect(url, &name).await);
    for (client, node) in [(&slow, "slow"), (&quick, "quick")] {
        open(client, node, 0, 1).await;
        lend(client, node, 1, 1, &[("a", 5)]).await;
    }
    let reader = sale.join("reader").await.expect("it joins");
    // The batch of a node that is slow: it has its numbers, and has not committed.
    slow.batch_execute("begin").await.expect("it is there");
    let first = Batch::default().place("x", &[("a", 1, 1)], None);
    first.send(&slow, "slow", 1, 1).await;
    let second = Batch::default().place("y", &[("a", 2, 1)], None);
    second.send(&quick, "quick", 1, 1).await;
    let mut cursor = Cursor::default();
    let all = follow(&reader, &mut cursor, 10).await;
    assert_eq!(all, [("y".to_owned(), OrderState::Held)]);
    slow.batch_execute("commit").await.expect("it is there");
    let pay = Batch::default().item("y", "pay");
    pay.send(&quick, "quick", 1, 2).await;
    let all = follow(&reader, &mut cursor, 10).await;
    let late = [
        ("x".to_owned(), OrderState::Held),
        ("y".to_owned(), OrderState::Paid),
    ];
    assert_eq!(all, late, "its numbers are smaller than one that was read");
    assert_eq!(follow(&reader, &mut cursor, 10).await, []);
}

async fn pages(url: &str) {
    let (sale, _) = sale(url, &[("a", 100), ("b", 10)]).await;
    let one = sale.join("one").await.expect("it joins");
    let two = sale.join("two").await.expect("it joins");
    let hour = Some(Duration::from_secs(3_600));
    for number in 0..7 {
        let node = if number % 2 == 0 { &one } else { &two };
        let lines = [("a", number + 1), ("b", 1)];
        let placed = node
            .place_for(&id(&format!("o{number}")), Some("ann"), lines, hour)
            .await;
        placed.expect("there are enough");
    }
    two.place(&id("refused"), [("b", 50)], None)
        .await
        .expect_err("there are ten");
    one.cancel(&id("never")).await.expect("before its order");
    let mut cursor = Cursor::default();
    let all = follow(&two, &mut cursor, 2).await;
    let ids: Vec<&str> = all.iter().map(|(order, _)| &**order).collect();
    assert_eq!(
        ids,
        ["o0", "o1", "o2", "o3", "o4", "o5", "o6"],
        "not what was refused"
    );
    two.pay(&id("o1")).await.expect("it is held");
    one.pay(&id("o2")).await.expect("it is held");
    one.ship_part(&id("o1"), &id("k"), [("a", 1)])
        .await
        .expect("it is paid for");
    one.cancel(&id("o3")).await.expect("it is held");
    let page = two.changes(&cursor, 100).await.expect("nothing fails");
    assert_eq!(
        said(&page),
        "o2 paid, o1 paid, o3 cancelled",
        "each once, as it is"
    );
    let parted = &page.orders[1];
    let mut view = one.view(&id("o1")).await.expect("it was placed");
    (view.age, view.remaining) = (parted.view.age, parted.view.remaining);
    assert_eq!(parted.view, view);
    assert_eq!(
        (parted.view.lines[0].paid, parted.view.lines[0].shipped),
        (1, 1)
    );
    assert_eq!(parted.view.customer.as_deref(), Some("ann"));
    let all = follow(&one, &mut Cursor::default(), 3).await;
    let last: BTreeMap<String, OrderState> = all.iter().cloned().collect();
    assert_eq!(
        (all.len(), last.len()),
        (7, 7),
        "from the beginning: all orders, each once"
    );
    for node in [&one, &two] {
        node.leave().await.expect("it leaves");
    }
    sale.audit().await.expect("it balances");
}
