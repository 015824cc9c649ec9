//! A backlog of holds that are past their deadline: it is in nobody's way, and goes fast.

use super::many::{large, orders, run, skus};
use super::support::{Batch, Tests, open, prove, scenes, text};
use segstock_postgres::nodes::Sale;
use std::time::{Duration, Instant};
use tokio::time::sleep;
use tokio_postgres::Client;

pub fn add(tests: &Tests) {
    scenes!(large(tests) {
        "backlog::the_unpaid_share_looks_at_it_once": unpaid,
        "backlog::proofs_look_at_it_once": proofs,
        "backlog::nobody_is_refused_behind_a_long_one": long,
        "backlog::a_node_ends_it_at_once": sweeps,
        "backlog::orders_in_parts_end_a_few_at_a_time": parts,
    });
}

const PAST: &str = "now() - interval '1 h' + k * interval '1 ms'";

async fn unpaid(client: Client, _: Sale) {
    open(&client, "n", 0, 1).await;
    skus(&client, 1).await;
    run(
        &client,
        "update pool set free = 100000, came = 100000 where sku = 's1'",
    )
    .await;
    orders(&client, 20_000, 1, PAST).await;
    run(
        &client,
        "update pool set unpaid = 50, mode = 'narrow' where sku = 'a'",
    )
    .await;
    let place = |batch: Batch, id: &str, ttl| batch.place(id, &[("a", 0, 50)], Some(ttl));
    let first = place(Batch::default(), "p", 600_000);
    assert_eq!(first.send(&client, "n", 1, 1).await, "written placed held");
    let more = |from: usize, to: usize| {
        (from..to).fold(Batch::default(), |batch, order| {
            place(batch, &format!("q{order:03}"), 600_000)
        })
    };
    let says = more(0, 64).send(&client, "n", 1, 2).await;
    let all = |did: &str, state: &str| {
        format!("written {} {}", [did; 64].join(","), [state; 64].join(","))
    };
    assert_eq!(says, all("is", "unpaid"));
    run(
        &client,
        "update orders set until = now() - interval '1 ms' where id = 'p'",
    )
    .await;
    let says = more(64, 128).send(&client, "n", 1, 3).await;
    assert_eq!(
        says,
        all("overdue", "-"),
        "a hold of it is past its deadline now"
    );
}

async fn proofs(client: Client, _: Sale) {
    skus(&client, 1_000).await;
    run(
        &client,
        "update pool set free = 100000, came = 100000 where sku = 's1'",
    )
    .await;
    orders(&client, 20_000, 1, PAST).await;
    let skus: Vec<String> = (1..=250).map(|sku| format!("s{sku}")).collect();
    let ids: Vec<String> = (1..=250).map(|order| format!("p{order}")).collect();
    let asks = ids.iter().zip(&skus);
    let asks: Vec<(&str, &str, i64)> = asks.map(|(id, sku)| (&**id, &**sku, 1 << 30)).collect();
    let says = prove(&client, &asks).await;
    assert_eq!(says, format!("overdue,{}", ["refused"; 249].join(",")));
    // Large orders.
    let says = text(
        &client,
        "select array_to_string(array(select distinct unnest(p.dids)), ',')
         from prove_1(
           array(select 'q' || k from generate_series(1, 50) as k), array_fill(7::bigint, array[50]),
           array(select k::bigint from generate_series(1, 50) as k, generate_series(1, 1000) as j),
           array(select 's' || j from generate_series(1, 50) as k, generate_series(1, 1000) as j),
           array_fill(1::bigint, array[50000])) as p",
    );
    assert_eq!(says.await, "enough");
}

async fn long(client: Client, _: Sale) {
    skus(&client, 1_000).await;
    orders(&client, 110, 1_000, PAST).await;
    const LATE: &str = "select cardinality(ids), ids[1] from late_1('{a}')";
    assert_eq!(prove(&client, &[("p", "a", 101)]).await, "overdue");
    assert_eq!(text(&client, LATE).await, "100 o1", "the oldest end first");
    run(
        &client,
        "update orders set state = 'paid' where id in ('o1', 'o2', 'o3', 'o4', 'o5', 'o6', 'o7', 'o8', 'o9', 'o10')",
    )
    .await;
    assert_eq!(prove(&client, &[("p", "a", 101)]).await, "refused");
}

async fn sweeps(client: Client, sale: Sale) {
    skus(&client, 1).await;
    run(
        &client,
        "update pool set free = 100000, initial = 100000, came = 100000 where sku = 's1'",
    )
    .await;
    orders(&client, 3_000, 1, PAST).await;
    let hold = "
        update orders set split = true where until < now() - interval '1 h' + interval '1 s';
        insert into part (id, sku, stage, units) select o.id, 's1', 'held', 1 from orders o where o.split";
    run(&client, hold).await;
    // By far more than heartbeats alone would bring in that time.
    let sale = sale
        .lease(Duration::from_secs(600))
        .heartbeat(Duration::from_secs(200));
    let node = sale.join("n").await.expect("it is there");
    let began = Instant::now();
    while text(&client, "select count(*) from orders where state = 'held'").await != "0" {
        assert!(began.elapsed() < Duration::from_secs(120), "a backlog");
        sleep(Duration::from_millis(20)).await;
    }
    node.leave().await.expect("it leaves");
    sale.audit().await.expect("every unit is back, once");
}

async fn parts(client: Client, _: Sale) {
    skus(&client, 300).await;
    orders(&client, 3, 300, PAST).await;
    run(
        &client,
        "update orders set split = true;
         insert into part (id, sku, stage, units) select o.id, s.sku, 'held', 1 from orders o, unnest(o.skus) as s (sku)",
    )
    .await;
    const EXPIRE: &str = "select expire_1('n', '{o1,nix,o2,o3}')";
    const EXPIRED: &str = "select count(*) from orders where state = 'expired'";
    assert_eq!(
        text(&client, EXPIRE).await,
        "3",
        "the last is for the next call"
    );
    assert_eq!(text(&client, EXPIRED).await, "2");
    assert_eq!(text(&client, "select expire_1('n', '{o3}')").await, "1");
    assert_eq!(text(&client, EXPIRED).await, "3");
}
