//! The queue of those who wait: served in the sequence in which they came, before the sale, and by any node.

use super::crowd::{Mistake, put_in};
use super::support::{Batch, Tests, at_url, connect, lend, one, open, prove, sale, scenes, text};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use segstock_postgres::nodes::{Node, OrderState, Refusal, Sale, SkuLimits};
use segstock_remote::servers::{Server, id};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tokio_postgres::Client;

pub fn add(tests: &Tests) {
    scenes!(at_url(tests) {
        "queue::its_transactions_happen_once": copies,
        "queue::who_waits_is_served_first_at_any_node": serves,
    });
    tests.add("queue::the_sale_passes_nobody_who_waits", |site| {
        let found = site.runtime.block_on(crowd(site.server.url(), None));
        assert_eq!(found, Vec::<String>::new());
    });
    for (name, mistake) in MISTAKES {
        tests.add(&format!("queue::a_mistake_is_found_{name}"), move |site| {
            let mut found = Vec::new();
            for _ in 0..5 {
                let crowd = crowd(site.server.url(), Some(mistake));
                found = site.runtime.block_on(crowd);
                if !found.is_empty() {
                    break;
                }
            }
            println!("{found:?}");
            assert!(!found.is_empty(), "nobody saw it");
        });
    }
}

const MISTAKES: [(&str, Mistake); 4] = [
    (
        "the_pool_sells_past_the_queue",
        (
            "batch_1",
            &[("p.mode not in ('queued', 'ended')", "p.mode <> 'ended'")],
        ),
    ),
    (
        "blocks_stay_open",
        (
            "fate_1",
            &[(
                "exists (select from block b where b.sku = any (wanted_skus) and not b.closed)",
                "false",
            )],
        ),
    ),
    (
        "whoever_fits_is_served",
        (
            "serve_1",
            &[(
                "exit when not serves_1(first.id);",
                "continue when exists (
                   select from queue q join pool p on p.sku = q.sku where q.id = first.id and p.free - p.safety < q.units);",
            )],
        ),
    ),
    (
        "a_lend_takes_what_is_kept",
        (
            "lend_1",
            &[
                (
                    "elsif line.mode = 'narrow'",
                    "elsif line.mode in ('narrow', 'queued')",
                ),
                ("on_sale_1", "can_be_had_1"),
            ],
        ),
    ),
];

const POOL: &str = "select free, waiting, mode from pool order by sku";

async fn wait(client: &Client, order: &str, sku: &str, units: i64, closes: bool) -> String {
    let sql = "
        select concat_ws(' ', standing, state, short)
        from wait_1('n', $1, 7, null, array[$2::text], array[$3::bigint], 60000000, $4)";
    one(client, sql, &[&order, &sku, &units, &closes])
        .await
        .get(0)
}

async fn serve(client: &Client, sku: &str) -> i64 {
    one(client, "select serve_1('n', $1, 64)", &[&sku])
        .await
        .get(0)
}

async fn copies(url: &str) {
    let (sale, name) = sale(url, &[("a", 10), ("b", 4)]).await;
    let client = connect(url, &name).await;
    open(&client, "n", 0, 1).await;
    lend(&client, "n", 1, 1, &[("a", 5)]).await;
    assert_eq!(
        wait(&client, "x", "a", 11, false).await,
        "close",
        "a node has some"
    );
    assert_eq!(
        text(&client, "select count(*) from orders").await,
        "0",
        "it left nothing"
    );
    for did in ["done", "is"] {
        assert_eq!(
            wait(&client, "x", "a", 11, true).await,
            format!("{did} waiting")
        );
    }
    assert_eq!(text(&client, POOL).await, "10 11 queued; 4 0 wide");
    // The batch that comes late finds its block closed; there is none for the next; the pool does not sell.
    let late = Batch::default().place("s", &[("a", 1, 1)], None);
    assert_eq!(late.send(&client, "n", 1, 1).await, "written fenced -");
    assert_eq!(
        lend(&client, "n", 1, 2, &[("a", 1)]).await,
        ("lent".to_owned(), vec![])
    );
    let pool = Batch::default().place("s", &[("a", 0, 1)], None);
    assert_eq!(pool.send(&client, "n", 1, 2).await, "written short -");
    assert_eq!(
        prove(&client, &[("s", "a", 1)]).await,
        "refused",
        "the ten are kept"
    );
    assert_eq!(wait(&client, "y", "a", 1, true).await, "done waiting");
    assert_eq!(serve(&client, "a").await, 0, "the first lacks one");
    // It came twice, the second time late.
    let restock = "select standing from shelf_1('a', 'r', 'restock', 7, 1, false)";
    assert_eq!(text(&client, restock).await, "done");
    assert_eq!(text(&client, restock).await, "before");
    assert_eq!(
        prove(&client, &[("t", "a", 1)]).await,
        "due",
        "not refused before they are served"
    );
    assert_eq!(
        (serve(&client, "a").await, serve(&client, "a").await),
        (1, 0),
        "once"
    );
    assert_eq!(text(&client, POOL).await, "0 1 queued; 4 0 wide");
    assert_eq!(
        wait(&client, "x", "a", 11, true).await,
        "is held",
        "a copy that comes late"
    );
    // Who waits is cancelled once; what others hold comes to who waits.
    let cancel = Batch::default().item("x", "cancel").item("y", "cancel");
    assert_eq!(
        cancel.send(&client, "n", 1, 3).await,
        "written done,alone cancelled,waiting"
    );
    let change = "select standing || ' ' || state from change_1('n', 'y', ' cancel', 'cancel', 0, null, null, null, false)";
    assert_eq!(text(&client, change).await, "done cancelled");
    assert_eq!(text(&client, change).await, "before cancelled");
    assert_eq!(
        text(&client, POOL).await,
        "11 0 narrow; 4 0 wide",
        "it is for sale again"
    );
    assert_eq!(wait(&client, "y", "a", 1, true).await, "is cancelled");
    assert_eq!(
        wait(&client, "z", "a", 1, true).await,
        "done held",
        "there is enough"
    );
    one(&client, "select leave_1('n', 1)", &[]).await;
    sale.audit().await.expect("it balances");
    // The audit looks at the queue, too.
    assert_eq!(wait(&client, "w", "b", 5, true).await, "done waiting");
    client
        .batch_execute("delete from queue")
        .await
        .expect("it is there");
    let wrong = sale.audit().await.expect_err("it is gone").to_string();
    assert!(
        wrong.contains("for SKU b 5 units wait, in the queue 0, and orders say 5"),
        "{wrong}"
    );
}

async fn until_held(node: &Node, order: &str) {
    let late = Instant::now() + Duration::from_secs(10);
    while node.get(&id(order)).await.expect("it is there").state != OrderState::Held {
        assert!(Instant::now() < late, "order {order} is served");
        sleep(Duration::from_millis(5)).await;
    }
}

async fn serves(url: &str) {
    let (sale, _) = sale(url, &[("a", 6), ("b", 20)]).await;
    let mut nodes = Vec::new();
    for node in 0..3 {
        nodes.push(sale.join(&format!("n{node}")).await.expect("it joins"));
    }
    let hour = Some(Duration::from_secs(3_600));
    for (number, node) in nodes.iter().enumerate() {
        let placed = node
            .place(&id(&format!("o{number}")), [("a", 2)], None)
            .await;
        placed.expect("there are six");
    }
    let waits = async |node: usize, order: &str, lines: &[(&str, u64)]| {
        let answer = nodes[node]
            .place_or_wait(&id(order), Some("ann"), lines.to_vec(), hour)
            .await;
        answer.map(|answer| (answer.state, answer.before, answer.units))
    };
    let (held, waiting) = (OrderState::Held, OrderState::Waiting);
    assert_eq!(
        waits(0, "w1", &[("a", 3), ("b", 1)]).await,
        Ok((waiting, false, 4))
    );
    assert_eq!(
        waits(1, "w1", &[("a", 3), ("b", 1)]).await,
        Ok((waiting, true, 4)),
        "a retry"
    );
    assert_eq!(waits(1, "w1", &[("a", 3)]).await, Err(Refusal::Conflict));
    assert_eq!(waits(1, "w2", &[("a", 1)]).await, Ok((waiting, false, 1)));
    assert_eq!(
        waits(2, "w3", &[("b", 2)]).await,
        Ok((waiting, false, 2)),
        "it is behind the first"
    );
    for node in &nodes {
        let past = node.place(&id("past"), [("b", 1)], None).await;
        assert!(
            matches!(past, Err(Refusal::SoldOut { sku }) if sku == "b"),
            "they are kept for who waits"
        );
    }
    let stock = nodes[2].stock("a").await.expect("it is open");
    assert_eq!((stock.available, stock.waiting), (0, 4));
    let state = |order| Err(Refusal::Is(order));
    let order = nodes[2].get(&id("w1")).await.expect("it is there");
    assert_eq!(nodes[0].pay(&id("w1")).await, state(order));
    assert_eq!(nodes[1].ship(&id("w1")).await, state(order));
    assert_eq!(
        nodes[1].extend(&id("w1"), &id("k"), hour).await,
        state(order)
    );
    let part = nodes[1].pay_part(&id("w1"), &id("k"), [("a", 1)]).await;
    assert!(matches!(part, Err(Refusal::NotInOrder(_))));
    // A cancellation at one node, and a restock at another.
    nodes[1].cancel(&id("o0")).await.expect("it is held");
    sleep(Duration::from_millis(300)).await;
    assert_eq!(
        nodes[0].get(&id("w2")).await.expect("it is there").state,
        waiting,
        "not before the first"
    );
    nodes[2]
        .restock(&id("r"), "a", 2)
        .await
        .expect("it is open");
    for order in ["w1", "w2", "w3"] {
        until_held(&nodes[0], order).await;
    }
    let view = nodes[1].view(&id("w1")).await.expect("it is there");
    assert!(
        view.remaining > Some(Duration::from_secs(3_500)),
        "its time begins when it is served"
    );
    nodes[2].pay(&id("w1")).await.expect("it is held");
    assert_eq!(
        waits(1, "w4", &[("b", 17)]).await,
        Ok((held, false, 17)),
        "there are this many"
    );
    let mut limits = SkuLimits::default();
    limits.waiting = 3;
    nodes[0].limit("a", limits).await.expect("it is open");
    assert_eq!(waits(1, "w5", &[("a", 3)]).await, Ok((waiting, false, 3)));
    let full = waits(2, "w6", &[("a", 1)]).await;
    assert_eq!(
        full,
        Err(Refusal::QueueFull {
            sku: "a".to_owned()
        })
    );
    let part = nodes[0]
        .cancel_part(&id("w5"), &id("k"), [("a", 1)])
        .await
        .expect("it waits");
    assert_eq!((part.state, part.units), (waiting, 1));
    assert_eq!(
        waits(2, "w7", &[("a", 1)]).await,
        Ok((waiting, false, 1)),
        "there is a place again"
    );
    nodes[0].cancel(&id("w5")).await.expect("it waits");
    // Who held too long gives to who waits.
    nodes[1].cancel(&id("o1")).await.expect("it is held");
    until_held(&nodes[2], "w7").await;
    nodes[2]
        .place(&id("rest"), [("a", 1)], None)
        .await
        .expect("one is left");
    for node in &nodes {
        node.leave().await.expect("it leaves");
    }
    sale.audit().await.expect("it balances");
}

/// Three nodes, customers who buy, who wait and who bring back; and what was wrong in the end.
async fn crowd(url: &str, mistake: Option<Mistake>) -> Vec<String> {
    let (sale, name) = sale(url, &[("a", 12), ("b", 8)]).await;
    let client = connect(url, &name).await;
    if let Some(mistake) = mistake {
        put_in(url, &name, mistake).await;
    }
    client.batch_execute(LOG).await.expect("it is right");
    let mut nodes = Vec::new();
    for node in 0..3 {
        nodes.push(sale.join(&format!("n{node}")).await.expect("it joins"));
    }
    let nodes = Arc::new(nodes);
    let mut customers = JoinSet::new();
    for customer in 0..16 {
        let nodes = Arc::clone(&nodes);
        customers.spawn(async move { buys(&nodes, customer).await });
    }
    let supplier = Arc::clone(&nodes);
    customers.spawn(async move { supplies(&supplier).await });
    let wrong = customers.join_all().await.concat();
    if !wrong.is_empty() {
        return wrong;
    }
    // All who wait can be served now, and are.
    for sku in ["a", "b"] {
        let key = id(&format!("rest-{sku}"));
        _ = nodes[1].restock(&key, sku, 300).await;
    }
    let due = "select count(*) from pool p where due_1(p.sku)";
    let late = Instant::now() + Duration::from_secs(20);
    while text(&client, due).await != "0" && Instant::now() < late {
        sleep(Duration::from_millis(20)).await;
    }
    let mut wrong = Vec::new();
    for (number, node) in nodes.iter().enumerate() {
        // A mistake may keep a node from it; a slow machine does not for so long.
        let mut left = node.leave().await;
        while left.is_err() && late.elapsed() < Duration::from_secs(30) {
            left = node.leave().await;
        }
        if let Err(refusal) = left {
            wrong.push(format!("the node n{number} cannot leave: {refusal}"));
        }
    }
    wrong.extend(check(&sale, &client).await);
    wrong
}

async fn supplies(nodes: &[Node]) -> Vec<String> {
    let mut chance = SmallRng::seed_from_u64(99);
    for number in 0..40 {
        let sku = ["a", "b"][chance.random_range(0..2)];
        let node = &nodes[chance.random_range(0..3)];
        let key = id(&format!("r{number}"));
        let units = chance.random_range(1..4);
        let restocked = loop {
            match node.restock(&key, sku, units).await {
                Err(Refusal::TryAgain) => {}
                restocked => break restocked,
            }
        };
        if let Err(refusal) = restocked {
            return vec![format!("no restock: {refusal}")];
        }
        sleep(Duration::from_millis(chance.random_range(5..25))).await;
    }
    vec![]
}

async fn buys(nodes: &[Node], customer: u64) -> Vec<String> {
    let mut chance = SmallRng::seed_from_u64(customer);
    for number in 0..20 {
        let order = id(&format!("o{customer}-{number}"));
        let sku = ["a", "b"][chance.random_range(0..2)];
        let mut lines = vec![(sku, chance.random_range(1..4))];
        if chance.random_range(0..4) == 0 {
            lines.push((if sku == "a" { "b" } else { "a" }, 1));
        }
        let node = &nodes[chance.random_range(0..3)];
        let placed = if chance.random_range(0..3) == 0 {
            node.place_or_wait(&order, None, lines, None).await
        } else {
            node.place(&order, lines, None).await
        };
        sleep(Duration::from_millis(chance.random_range(0..8))).await;
        let ends = match placed.map(|answer| answer.state) {
            Ok(OrderState::Waiting) => 2,
            Ok(_) => 8,
            Err(_) => 0,
        };
        if chance.random_range(0..10) < ends {
            let node = &nodes[chance.random_range(0..3)];
            let cancelled = loop {
                match node.cancel(&order).await {
                    Err(Refusal::TryAgain) => {}
                    cancelled => break cancelled,
                }
            };
            if let Err(refusal) = cancelled {
                return vec![format!("order {order} cannot be cancelled: {refusal}")];
            }
        }
    }
    vec![]
}

/// When orders got their units and when they waited, by numbers that are drawn as transactions commit: with all their locks.
/// Whoever sells from a block or a pool has it locked; so it commits before somebody begins to wait for its units, or after that
/// has ended.
const LOG: &str = "
    create table waited (sku text, no bigint, id text, gone bigint, served boolean);
    create table sold (id text, skus text[], no bigint);
    create function note_queue() returns trigger language plpgsql as $$
    begin
      if tg_op = 'INSERT' then
        insert into waited values (new.sku, new.no, new.id, null, null);
      else
        update waited w
        set gone = nextval('changes'), served = (select o.state = 'held' from orders o where o.id = old.id)
        where w.sku = old.sku and w.no = old.no;
      end if;
      return null;
    end $$;
    create function note_order() returns trigger language plpgsql as $$
    begin
      insert into sold
      select o.id, o.skus, nextval('changes') from orders o
      where o.id = new.id and o.state = 'held' and o.skus is not null and not exists (select from waited w where w.id = o.id);
      return null;
    end $$;
    create constraint trigger waited after insert or delete on queue deferrable initially deferred
      for each row execute function note_queue();
    create constraint trigger sold after insert on orders deferrable initially deferred
      for each row execute function note_order();
";

/// Nobody was passed: neither by the sale nor by who came later.
async fn check(sale: &Sale, client: &Client) -> Vec<String> {
    let mut wrong = Vec::new();
    if let Err(error) = sale.audit().await {
        wrong.push(error.to_string());
    }
    let passed = "
        select s.id, w.id, w.sku from waited w join sold s on w.sku = any (s.skus)
        where s.no > w.no and (w.gone is null or s.no < w.gone) limit 3";
    let later = "
        select l.id, w.id, w.sku from waited w join waited l on l.sku = w.sku and l.no > w.no
        where l.served and (w.gone is null or l.gone < w.gone) limit 3";
    let due = "select sku from pool p where due_1(p.sku)";
    let checks = [
        ("the sale passed who waits", passed),
        ("who came later passed who waits", later),
        ("nobody serves", due),
    ];
    for (what, sql) in checks {
        let found = text(client, sql).await;
        if !found.is_empty() {
            wrong.push(format!("{what}: {found}"));
        }
    }
    let served = text(client, "select count(*) filter (where served) from waited").await;
    println!("{served} orders were served that waited");
    if served == "0" {
        wrong.push("nobody who waited was served".to_owned());
    }
    wrong
}
