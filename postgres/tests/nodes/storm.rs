//! Many transactions at once, as nodes never send them: copies of batches, blocks that are closed, proofs of anything.

use super::support::{Batch, Tests, at_url, connect, lend, one, open, prove, sale, text};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use std::time::Duration;
use tokio_postgres::Client;

pub fn add(tests: &Tests) {
    at_url(tests, "storm::many_at_once_lock_in_one_order", storm);
}

/// Six connections of three nodes send random transactions on few orders, each batch twice at once now and then, while blocks
/// are closed and proofs run. All units are accounted for at the end, and no two waited for each other.
async fn storm(url: &str) {
    let (sale, name) = sale(url, &[("a", 40), ("b", 30)]).await;
    let direct = connect(url, &name).await;
    let deadlocks = "select deadlocks from pg_stat_database where datname = current_database()";
    let before = text(&direct, deadlocks).await;
    let mut nodes = Vec::new();
    for node in 0..3_u64 {
        let clients = (connect(url, &name).await, connect(url, &name).await);
        nodes.push(tokio::spawn(async move {
            storms(&clients.0, &clients.1, &format!("n{node}"), node).await;
        }));
    }
    for node in nodes {
        node.await.expect("no transaction failed");
    }
    for node in 0..3 {
        one(&direct, &format!("select leave_1('n{node}', 1)"), &[]).await;
    }
    sale.audit().await.expect("it balances");
    let count = text(
        &direct,
        "select count(*) > 100 from orders where state = 'held' or skus is not null",
    )
    .await;
    assert_eq!(count, "t", "something was sold");
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    assert_eq!(text(&direct, deadlocks).await, before, "locks are sorted");
}

async fn storms(client: &Client, copies: &Client, node: &str, seed: u64) {
    let mut chance = SmallRng::seed_from_u64(seed);
    open(client, node, 0, seed.cast_signed() + 1).await;
    let (mut batches, mut lends) = (0, 0);
    for _ in 0..300 {
        match chance.random_range(0..10) {
            0..2 => {
                lends += 1;
                let wanted = [
                    ("a", chance.random_range(1..4)),
                    ("b", chance.random_range(1..4)),
                ];
                lend(
                    client,
                    node,
                    1,
                    lends,
                    &wanted[..chance.random_range(1..=2)],
                )
                .await;
            }
            2 if chance.random_range(0..2) == 0 => moves(client, &mut chance).await,
            2 => {
                client
                    .batch_execute("select close_silent_1()")
                    .await
                    .expect("it is right");
            }
            3 => {
                let id = format!("o{:03}", chance.random_range(0..400));
                prove(client, &[(&id, "a", 30), (&format!("{id}+"), "b", 25)]).await;
            }
            _ => {
                batches += 1;
                let batch = drawn(client, node, &mut chance).await;
                if chance.random_range(0..3) == 0 {
                    let (first, copy) = tokio::join!(
                        batch.send(client, node, 1, batches),
                        batch.send(copies, node, 1, batches)
                    );
                    assert!(
                        first.starts_with("read") != copy.starts_with("read"),
                        "{first}, {copy}"
                    );
                } else {
                    batch.send(client, node, 1, batches).await;
                }
            }
        }
    }
}

/// Units go from one SKU to the other, or arrive there.
async fn moves(client: &Client, chance: &mut SmallRng) {
    let (from, to) = [("a", "b"), ("b", "a")][chance.random_range(0..2)];
    let key = format!("m{}", chance.random_range(0..400));
    let (kind, units) = (
        ["move", "send"][chance.random_range(0..2)],
        chance.random_range(1..4_i64),
    );
    let leave = "select standing from leave_for_1($1, $2, $3, $4, 7, $5, $6)";
    let closes = chance.random_range(0..2) == 0;
    one(client, leave, &[&from, &to, &key, &kind, &units, &closes]).await;
    let arrive = "
        select arrive_1(s.to_sku, $1, 7, s.no, s.units, 0) from (select s.* from sending s order by random() limit 1) as s";
    client
        .query(arrive, &[&format!("a{key}")])
        .await
        .expect("it is right");
}

/// A batch of up to eight orders, from the node's blocks or the pool.
async fn drawn(client: &Client, node: &str, chance: &mut SmallRng) -> Batch {
    let sql = "select epoch, sku, granted - taken - handed_back from block where node = $1 and not closed order by epoch";
    let blocks = client.query(sql, &[&node]).await.expect("it is right");
    let blocks: Vec<(i64, String, i64)> = blocks
        .iter()
        .map(|row| (row.get(0), row.get(1), row.get(2)))
        .collect();
    let mut ids: Vec<u32> = (0..chance.random_range(1..=8))
        .map(|_| chance.random_range(0..400))
        .collect();
    ids.sort_unstable();
    ids.dedup();
    let mut batch = Batch::default();
    for id in ids {
        let id = format!("o{id:03}");
        let sku = if chance.random_range(0..2) == 0 {
            "a"
        } else {
            "b"
        };
        let block = blocks
            .iter()
            .find(|(_, of, _)| of == sku && chance.random_range(0..2) == 0);
        let units = chance.random_range(1..4);
        batch = match chance.random_range(0..6) {
            0 => batch.item(&id, "pay"),
            1 | 2 => batch.item(&id, "cancel"),
            3 => batch.item(&id, "expire"),
            _ => {
                let ttl = (chance.random_range(0..2) == 0).then_some(5);
                let epoch = block.map_or(0, |(epoch, ..)| *epoch);
                batch.place(&id, &[(sku, epoch, units)], ttl)
            }
        };
    }
    for (epoch, _, rest) in blocks {
        if chance.random_range(0..6) == 0 {
            batch = batch.back(epoch, rest);
        }
    }
    batch
}
