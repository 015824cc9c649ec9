//! All is well again: everything is checked, what the judge sees and what it does not.

use super::log::{Call, Row, What};
use super::shop::{NODES, PATIENCE, SKUS, Shop, place};
use super::support::{connect, text};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use segstock_conformance::Options;
use segstock_postgres::nodes::Sale;
use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime};
use tokio::time::sleep;

/// What a round found.
pub struct Found {
    pub wrong: Vec<String>,
    pub calls: usize,
    pub sold: usize,
    pub faults: u64,
}

impl Found {
    pub fn assert_kept(&self) {
        let Self {
            wrong,
            calls,
            sold,
            faults,
        } = self;
        println!("{calls} calls, {sold} orders placed, {faults} faults");
        assert!(wrong.is_empty(), "{wrong:#?}");
        assert!(*sold > 100, "too few orders to say anything: {sold}");
    }
}

impl Shop {
    /// Asks one node until it answers: a slow machine may need some tries, though all is well.
    async fn ask_at_rest(&self, node: usize, id: &str, what: &What, line: &str) -> String {
        let late = Instant::now() + Duration::from_secs(30);
        loop {
            let answer = self.ask_node(node, id, what, line).await;
            if answer != "again" || Instant::now() > late {
                return answer;
            }
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Every node says the same of an order.
    async fn ask_again(&self, wrong: &mut Vec<String>) {
        let orders: Vec<(String, Vec<(String, u64)>)> = {
            let log = self.log();
            let placed = log.calls.iter().filter_map(|call| match &call.what {
                What::Place(lines) => Some((call.id.clone(), lines.clone())),
                _ => None,
            });
            placed.collect::<BTreeMap<_, _>>().into_iter().collect()
        };
        let ask = async |(id, lines): &(String, Vec<(String, u64)>), wrong: &mut Vec<String>| {
            for node in 0..NODES {
                let (what, line) = place(id, lines.clone(), None);
                let answer = self.ask_at_rest(node, id, &what, &line).await;
                if answer == "again" {
                    wrong.push(format!(
                        "node {node} answers order {id} again with try again"
                    ));
                }
            }
        };
        let part = async |number: usize| {
            let mut wrong = Vec::new();
            for order in orders.iter().skip(number).step_by(4) {
                ask(order, &mut wrong).await;
            }
            wrong
        };
        let (a, b, c, d) = tokio::join!(part(0), part(1), part(2), part(3));
        wrong.extend([a, b, c, d].concat());
    }

    /// Whether an order of these units is placed, by any node.
    async fn sell(
        &self,
        chance: &mut SmallRng,
        sku: &str,
        units: u64,
        wrong: &mut Vec<String>,
    ) -> bool {
        let (what, line) = (self.fresh(999), vec![(sku.to_owned(), units)]);
        let id = what;
        let (what, line) = place(&id, line, None);
        let node = chance.random_range(0..NODES);
        let answer = self.ask_at_rest(node, &id, &what, &line).await;
        if answer != "held" && answer != format!("refused {sku}") {
            wrong.push(format!(
                "node {node} answers {answer} of a new order, when all is well"
            ));
        }
        answer == "held"
    }

    /// At rest each node knows what its rows say: its session, and the rest of each block.
    async fn differs(&self, rows: &tokio_postgres::Client) -> Option<String> {
        let mut differs = None;
        for _ in 0..40 {
            differs = self.differs_now(rows).await;
            differs.as_ref()?;
            sleep(Duration::from_millis(100)).await;
        }
        differs
    }

    async fn differs_now(&self, rows: &tokio_postgres::Client) -> Option<String> {
        for node in 0..NODES {
            let process = self.nodes[node].read().await;
            let known = process.as_ref()?.ask("status", PATIENCE).await;
            drop(process);
            let session = text(
                rows,
                &format!("select session from node where name = 'n{node}'"),
            )
            .await;
            let open = format!(
                "select epoch, granted - taken - handed_back from block
                 where node = 'n{node}' and not closed and granted > taken + handed_back order by epoch"
            );
            let open = text(rows, &open).await;
            let blocks: BTreeMap<i64, u64> = open
                .split("; ")
                .filter_map(|row| row.split_once(' '))
                .map(|(epoch, rest)| {
                    (
                        epoch.parse().expect("a number"),
                        rest.parse().expect("a number"),
                    )
                })
                .collect();
            let rows = format!("rests {session} {blocks:?}");
            if known.as_deref().map(str::trim_end) != Some(&rows) {
                return Some(format!(
                    "node {node} knows {known:?}, and its rows say {rows}"
                ));
            }
        }
        None
    }
}

/// All is well again: everything is checked.
pub async fn rest(
    shop: &Shop,
    sale: &Sale,
    url: &str,
    name: &str,
    faults: u64,
    seed: u64,
) -> Found {
    let mut wrong = Vec::new();
    let mut chance = SmallRng::seed_from_u64(seed);
    let client = connect(url, name).await;
    shop.ask_again(&mut wrong).await;
    for (sku, _) in SKUS {
        // It is refused; orders that are past their deadline end first.
        shop.sell(&mut chance, sku, 10_000, &mut wrong).await;
    }
    wrong.extend(shop.differs(&client).await);
    let over = shop.log().now();
    for (sku, _) in SKUS {
        let late = Instant::now() + Duration::from_secs(30);
        let (called, free) = loop {
            let called = shop.log().now();
            match sale.free(sku).await {
                Ok(free) => break (called, free.expect("it was opened")),
                Err(error) => assert!(Instant::now() < late, "{error}"),
            }
        };
        let mut log = shop.log();
        let returned = log.now();
        let (id, what) = (
            format!("look-{sku}"),
            What::Look(sku.to_owned(), free.units),
        );
        log.calls.push(Call {
            id,
            what,
            called,
            returned,
            answer: "again".to_owned(),
        });
    }
    for (sku, _) in SKUS {
        let mut left = 2_000;
        while shop.sell(&mut chance, sku, 1, &mut wrong).await && left > 0 {
            left -= 1;
        }
    }
    if let Err(error) = sale.end().await {
        wrong.push(error.to_string());
    }
    wrong.extend(shop.log().changed());
    let steady = shop.log().now();
    let rows = rows(steady, &client).await;
    let deadlocks = "select deadlocks from pg_stat_database where datname = current_database()";
    let deadlocks = text(&client, deadlocks).await;
    if deadlocks != "0" {
        wrong.push(format!("{deadlocks} deadlocks: locks are not sorted"));
    }
    let log = shop.log();
    let options = Options::new();
    let mut judging = options.judging("nodes");
    for (sku, units) in SKUS {
        let (history, at_rest) = log.history(sku, units, &rows, over);
        let broken = judging.add(history, at_rest).into_iter();
        wrong.extend(broken.map(|promise| format!("SKU {sku}: {promise}")));
    }
    let report = judging.report();
    if !wrong.is_empty() || !report.undecided().is_empty() {
        println!("{report}");
    }
    wrong.extend(
        report
            .undecided()
            .into_iter()
            .map(|promise| format!("undecided: {promise}")),
    );
    let calls = log.calls.len();
    let sold = rows.values().filter(|row| row.placed).count();
    Found {
        wrong,
        calls,
        sold,
        faults,
    }
}

/// The rows of all orders, and their deadlines by this process's clock, which says `steady` now.
pub async fn rows(steady: u64, client: &tokio_postgres::Client) -> BTreeMap<String, Row> {
    let wall = SystemTime::now();
    let sql = "
        select o.id, case o.state when 'refunded' then 'cancelled' else o.state end, o.skus is not null, o.until,
          exists (select from request r where r.id = o.id and r.late > 0)
        from orders o";
    let rows = client.query(sql, &[]).await.expect("it is right");
    let row = |row: &tokio_postgres::Row| {
        let until: Option<SystemTime> = row.get(3);
        let until = until.map(|until| match wall.duration_since(until) {
            Ok(ago) => steady.saturating_sub(u64::try_from(ago.as_nanos()).unwrap_or(u64::MAX)),
            Err(ahead) => steady + u64::try_from(ahead.duration().as_nanos()).unwrap_or(0),
        });
        let (state, placed, late) = (row.get(1), row.get(2), row.get(4));
        (
            row.get(0),
            Row {
                state,
                placed,
                until,
                late,
            },
        )
    };
    rows.iter().map(row).collect()
}
