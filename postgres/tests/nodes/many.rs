//! Many SKUs and orders, as rows that no call made: for tests of what a transaction costs.

use super::support::{Tests, at_sale};
use segstock_postgres::nodes::{Answer, Node, Refusal, Sale};
use segstock_remote::servers::id;
use std::collections::BTreeSet;
use tokio::task::JoinSet;
use tokio_postgres::Client;

pub async fn run(client: &Client, sql: &str) {
    client.batch_execute(sql).await.expect("it is right");
}

/// SKUs of many units: `s1`, `s2` and so on.
pub async fn skus(client: &Client, number: usize) {
    run(
        client,
        &format!(
            "insert into pool (sku, initial, came, free, safety, narrow, most, mode)
             select 's' || i, 1000, 1000, 1000, 0, 0, 50, 'wide' from generate_series(1, {number}) as i"
        ),
    )
    .await;
}

/// Orders `o1`, `o2` and so on, of a unit of each of this many SKUs from the pools.
pub async fn orders(client: &Client, number: usize, lines: usize, until: &str) {
    run(
        client,
        &format!(
            "insert into orders (id, state, asked, skus, epochs, units, until, node, session, batch, lane)
             select 'o' || k, 'held', 7, l.skus, array_fill(0::bigint, array[{lines}]), array_fill(1::bigint, array[{lines}]),
               {until}, 'n', 1, 0, 'n'
             from generate_series(1, {number}) as k,
               (select array_agg('s' || j order by j) as skus from generate_series(1, {lines}) as j) as l;
             update pool set free = free - {number} where sku in (select 's' || j from generate_series(1, {lines}) as j)"
        ),
    )
    .await;
}

/// Each change of an order takes 50 ms, wherever this runs: a batch of many takes too long.
pub async fn slow(client: &Client) {
    const SLOW: &str = "
        create function slow() returns trigger language plpgsql as $$
        begin perform pg_sleep(0.05); return new; end $$;
        create trigger slow before update on orders for each row execute function slow()";
    run(client, SLOW).await;
}

/// What is said to those who cancel the orders `o1`, `o2` and so on, all at once.
pub async fn cancel_all(node: &Node, orders: usize) -> BTreeSet<String> {
    let mut calls = JoinSet::new();
    for order in 1..=orders {
        let node = node.clone();
        calls.spawn(async move { node.cancel(&id(&format!("o{order}"))).await });
    }
    let said = |answer: Result<Option<Answer>, Refusal>| match answer {
        Ok(answer) => answer.map_or("before".to_owned(), |answer| answer.state.to_string()),
        Err(refusal) => refusal.to_string(),
    };
    calls.join_all().await.into_iter().map(said).collect()
}

/// A test with a sale of 100 units of SKU `a`, and a connection that is set as those of nodes are; what takes longer than 4 s is
/// ended.
pub fn large(tests: &Tests, name: &str, test: impl AsyncFnOnce(Client, Sale) + Send + 'static) {
    const SETTINGS: &str = "
        set statement_timeout = '4 s'; set jit = off; set enable_seqscan = off; set enable_hashjoin = off;
        set enable_mergejoin = off; set plan_cache_mode = force_generic_plan";
    at_sale(tests, name, &[("a", 100)], async |client: Client, sale| {
        run(&client, SETTINGS).await;
        test(client, sale).await;
    });
}
