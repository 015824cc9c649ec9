//! Nodes that join and leave while customers order: nobody notices.

use super::support::{Tests, at_url, sale};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use segstock_postgres::nodes::{Node, Refusal, Sale};
use segstock_remote::servers::id;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::sleep;

pub fn add(tests: &Tests) {
    at_url(
        tests,
        "rolling::nodes_come_and_go_while_customers_order",
        rolls,
    );
}

const UNITS: u64 = 400;
const CUSTOMERS: u64 = 12;

type Nodes = Arc<Mutex<Vec<Node>>>;

/// Orders one unit after another, at any node that is there, until it is refused. Says how many it got.
async fn customer(nodes: Nodes, customer: u64) -> u64 {
    let mut chance = SmallRng::seed_from_u64(customer);
    let mut bought = 0;
    for order in 0.. {
        let order = id(&format!("o{customer}-{order}"));
        let placed = loop {
            let node = {
                let nodes = nodes.lock().expect("nobody panics with it");
                nodes[chance.random_range(0..nodes.len())].clone()
            };
            match node.place(&order, [("phone", 1)], None).await {
                Err(refusal) if refusal.is_temporary() => sleep(Duration::from_millis(5)).await,
                answer => break answer,
            }
        };
        match placed {
            Ok(_) => bought += 1,
            Err(Refusal::SoldOut { .. }) => break,
            Err(refusal) => panic!("{refusal}"),
        }
        sleep(Duration::from_millis(chance.random_range(1..30))).await;
    }
    bought
}

async fn roll(sale: &Sale, nodes: &Nodes, from: u64) {
    for number in from..from + 3 {
        let new = sale.join(&format!("n{number}")).await.expect("it joins");
        let old = {
            let mut nodes = nodes.lock().expect("nobody panics with it");
            nodes.push(new);
            nodes.remove(0)
        };
        old.leave().await.expect("it leaves");
        assert_eq!(old.status().blocks, []);
        sleep(Duration::from_millis(50)).await;
    }
}

async fn rolls(url: &str) {
    let (sale, _) = sale(url, &[("phone", UNITS)]).await;
    let nodes: Nodes = Arc::default();
    for number in 0..2 {
        let node = sale.join(&format!("n{number}")).await.expect("it joins");
        nodes.lock().expect("nobody panics with it").push(node);
    }
    let mut customers = JoinSet::new();
    for number in 0..CUSTOMERS {
        customers.spawn(customer(Arc::clone(&nodes), number));
    }
    roll(&sale, &nodes, 2).await;
    // The names come back: their sessions are raised.
    roll(&sale, &nodes, 0).await;
    let bought: u64 = customers.join_all().await.into_iter().sum();
    assert_eq!(bought, UNITS, "each unit is sold once, and none is left");
    let last = std::mem::take(&mut *nodes.lock().expect("nobody panics with it"));
    for node in last {
        node.leave().await.expect("it leaves");
    }
    sale.end().await.expect("it balances");
}
