//! Large orders and many SKUs: what a transaction costs, and what a node does with one that takes too long.

use super::many::{cancel_all, large, orders, run, skus, slow};
use super::support::{Batch, Tests, lend, open, scenes, text};
use segstock_postgres::nodes::Sale;
use std::time::Duration;
use tokio_postgres::Client;

pub fn add(tests: &Tests) {
    scenes!(large(tests) {
        "large::the_work_of_a_batch_grows_with_its_lines": lines,
        "large::a_batch_whose_number_is_taken_never_comes": void,
        "large::a_batch_that_takes_too_long_is_divided": divided,
        "large::a_heartbeat_reads_what_concerns_its_node": beats,
        "large::what_comes_back_fills_up_safety_stock_first": safety,
    });
}

fn of_all(number: usize, kind: &'static str) -> Batch {
    let mut ids: Vec<String> = (1..=number).map(|order| format!("o{order}")).collect();
    ids.sort_unstable();
    ids.iter()
        .fold(Batch::default(), |batch, id| batch.item(id, kind))
}

async fn lines(client: Client, sale: Sale) {
    open(&client, "n", 0, 1).await;
    skus(&client, 1_000).await;
    orders(&client, 40, 1_000, "null").await;
    for (number, kind) in [(1, "pay"), (2, "ship")] {
        let says = of_all(40, kind).send(&client, "n", 1, number).await;
        assert!(says.starts_with("written done,done,"), "{says}");
    }
    run(
        &client,
        "delete from orders; update pool set free = 1000, shipped = 0 where sku <> 'a'",
    )
    .await;
    orders(&client, 40, 1_000, "null").await;
    let says = of_all(40, "cancel").send(&client, "n", 1, 3).await;
    assert!(says.starts_with("written done,done,"), "{says}");
    assert_eq!(
        text(&client, "select distinct free from pool where sku <> 'a'").await,
        "1000"
    );
    // To blocks of the node, of which the server has counted nothing yet.
    run(&client, "delete from orders").await;
    orders(&client, 20, 1_000, "null").await;
    run(
        &client,
        "select lend_1('n', 1, 1, array_agg(p.sku), array_agg(1)) from pool p where p.sku <> 'a'",
    )
    .await;
    let says = of_all(20, "cancel").send(&client, "n", 1, 4).await;
    assert!(says.starts_with("written done,done,"), "{says}");
    let rests = "select distinct granted from block";
    assert_eq!(text(&client, rests).await, "70");
    run(&client, "select leave_1('n', 1)").await;
    sale.audit().await.expect("all is back");
}

async fn void(client: Client, _: Sale) {
    const VOID: &str = "select void_1('n', 1, 1), void_1('n', 1, 2), void_1('n', 9, 1)";
    open(&client, "n", 0, 1).await;
    let late = Batch::default().place("x", &[("a", 0, 5)], None);
    assert_eq!(text(&client, "select void_1('n', 1, 1)").await, "void");
    assert_eq!(text(&client, "select void_1('n', 1, 1)").await, "void");
    assert_eq!(late.send(&client, "n", 1, 1).await, "void");
    assert_eq!(text(&client, "select count(*) from orders").await, "0");
    assert_eq!(late.send(&client, "n", 1, 2).await, "written placed held");
    assert_eq!(text(&client, VOID).await, "void written over");
    // A number of an older session says nothing.
    open(&client, "n", 1, 2).await;
    let next = Batch::default().item("x", "pay");
    assert_eq!(next.send(&client, "n", 2, 1).await, "written done paid");
    assert_eq!(text(&client, "select void_1('n', 2, 1)").await, "written");
}

async fn divided(client: Client, sale: Sale) {
    const ORDERS: usize = 40;
    const LINES: usize = 1_000;
    skus(&client, LINES).await;
    orders(&client, ORDERS, LINES, "null").await;
    slow(&client).await;
    let sale = sale.timeout(Duration::from_millis(700));
    let node = sale.join("n").await.expect("it is there");
    let said = cancel_all(&node, ORDERS).await;
    assert_eq!(said, ["cancelled".to_owned()].into());
    let states = "select state, count(*) from orders group by state";
    assert_eq!(text(&client, states).await, format!("cancelled {ORDERS}"));
    node.leave().await.expect("it leaves");
    sale.audit().await.expect("every unit is back, once");
}

async fn safety(client: Client, _: Sale) {
    open(&client, "n", 0, 1).await;
    let blocks = lend(&client, "n", 1, 1, &[("a", 100)]).await.1;
    let all = Batch::default()
        .place("x", &[("a", blocks[0], 60)], None)
        .place("y", &[("a", blocks[0], 40)], None);
    all.send(&client, "n", 1, 1).await;
    run(&client, "update pool set safety = 30 where sku = 'a'").await;
    // The first brings what is short, and more: none of it is sold. The second goes to the block.
    for (number, order, free) in [(2, "y", "40 0"), (3, "x", "40 60")] {
        let cancel = Batch::default().item(order, "cancel");
        cancel.send(&client, "n", 1, number).await;
        let found = "select p.free, b.granted - b.taken from pool p, block b where p.sku = 'a'";
        assert_eq!(text(&client, found).await, free);
    }
}

async fn beats(client: Client, _: Sale) {
    // Rows that this connection has read of the pools.
    const READ: &str = "
        select coalesce(sum(seq_tup_read + idx_tup_fetch), 0) from pg_stat_xact_user_tables
        where relname = 'pool' and schemaname = current_schema()";
    const BEAT: &str = "
        select array_to_string(array(select unnest(b.pool_skus) order by 1), ','), array_to_string(b.modes, ','), array_to_string(b.due, ',')
        from beat_1('n', 1, 2000000, 10, '{s1,s2}') as b";
    open(&client, "n", 0, 1).await;
    lend(&client, "n", 1, 1, &[("a", 5)]).await;
    skus(&client, 5_000).await;
    run(
        &client,
        "update pool set mode = 'narrow' where sku in ('a', 's1', 's3'); update pool set unpaid = 50 where sku = 's2';
         update pool set mode = 'queued', waiting = 3 where sku = 's9'; insert into queue values ('s9', 1, 'w', 3);
         begin",
    )
    .await;
    let before: i64 = text(&client, READ).await.parse().expect("a number");
    assert_eq!(
        text(&client, BEAT).await,
        "a,s1,s2 narrow,narrow,narrow s9",
        "of its blocks, of those it asks for, and whoever waits"
    );
    let after: i64 = text(&client, READ).await.parse().expect("a number");
    assert!(after - before < 20, "{}", after - before);
    run(&client, "rollback").await;
}
