//! Payments at several nodes: none waits for another's, and each is counted where a share may be unpaid.

use super::many::run;
use super::support::{Batch, Tests, at_url, connect, lend, open, sale, scenes, text};
use segstock_postgres::nodes::Sale;
use std::time::Duration;
use tokio::time::timeout;
use tokio_postgres::Client;

pub fn add(tests: &Tests) {
    scenes!(at_url(tests) {
        "payments::of_two_nodes_do_not_wait_for_each_other": beside,
        "payments::no_share_is_set_while_one_is_under_way": shares,
    });
}

/// Nodes `m` and `n`, each of which holds an order of this many units of the same SKU from a block of its own: `m3`, `n5`.
async fn two_nodes(url: &str) -> (Client, Client, Sale) {
    let (sale, name) = sale(url, &[("a", 100)]).await;
    let (m, n) = (connect(url, &name).await, connect(url, &name).await);
    for (client, node, block, order, units) in [(&m, "m", 1, "m3", 3), (&n, "n", 2, "n5", 5)] {
        open(client, node, 0, block).await;
        assert_eq!(lend(client, node, 1, 1, &[("a", 10)]).await.1, [block]);
        let place = Batch::default().place(order, &[("a", block, units)], Some(60_000));
        assert_eq!(place.send(client, node, 1, 1).await, "written placed held");
    }
    (m, n, sale)
}

async fn pay(client: &Client, node: &str, order: &str) -> String {
    let pay = Batch::default().item(order, "pay");
    pay.send(client, node, 1, 2).await
}

async fn beside(url: &str) {
    let (m, n, sale) = two_nodes(url).await;
    run(&m, "begin").await;
    assert_eq!(pay(&m, "m", "m3").await, "written done paid");
    let other = timeout(Duration::from_secs(60), pay(&n, "n", "n5")).await;
    assert_eq!(other.expect("it does not wait"), "written done paid");
    run(&m, "commit").await;
    run(&m, "select leave_1('m', 1); select leave_1('n', 1)").await;
    sale.audit().await.expect("it balances");
}

async fn shares(url: &str) {
    const LIMIT: &str = "select limit_1(1000, 'a', 0, false, null, null, 50::smallint, 0, true)";
    let (m, n, sale) = two_nodes(url).await;
    run(&m, "begin").await;
    assert_eq!(pay(&m, "m", "m3").await, "written done paid");
    let mut limit = Box::pin(text(&n, LIMIT));
    let early = timeout(Duration::from_millis(300), &mut limit).await;
    assert!(early.is_err(), "it waits for the payment");
    run(&m, "commit").await;
    assert_eq!(limit.await, "done");
    let held = "select held from pool";
    assert_eq!(text(&n, held).await, "5", "what is paid for is not held");
    sale.audit().await.expect("what is held is counted");
    assert_eq!(pay(&n, "n", "n5").await, "written done paid");
    assert_eq!(text(&n, held).await, "0");
    sale.audit().await.expect("what is held is counted");
}
