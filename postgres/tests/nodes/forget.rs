//! What has ended is forgotten, in small steps, beside the sale; and the audit balances all the same.

use super::many::run;
use super::support::{Tests, at_url, connect, sale, scenes, text};
use segstock_postgres::nodes::{Refusal, Returned, SkuLimits};
use segstock_remote::servers::id;
use std::time::Duration;

pub fn add(tests: &Tests) {
    scenes!(at_url(tests) {
        "forget::nodes_forget_by_themselves": by_themselves,
        "forget::what_can_come_back_stays_for_as_long": returns,
        "forget::what_has_ended_goes_and_the_audit_balances": forgets,
    });
}

/// Nodes forget by themselves, one at a time; if that one leaves, another does.
async fn by_themselves(url: &str) {
    let (sale, name) = sale(url, &[("a", 900)]).await;
    let sale = sale.retention(Some(Duration::from_millis(200)));
    let mut nodes = Vec::new();
    for node in 0..3 {
        nodes.push(sale.join(&format!("n{node}")).await.expect("it joins"));
    }
    let client = connect(url, &name).await;
    let mut limits = SkuLimits::default();
    limits.per_customer = Some(50);
    nodes[0].limit("a", limits).await.expect("it is open");
    for round in 0..2 {
        for number in 0..30 {
            let order = id(&format!("o{round}-{number}"));
            let node = &nodes[number % 3];
            let customer = format!("c{}", number % 5);
            let placed = node.place_for(&order, Some(&customer), [("a", 1)], None);
            if placed.await.is_err() {
                assert_eq!((round, number % 3), (1, 0), "one node has left");
            } else if number % 5 > 0 {
                node.cancel(&order).await.expect("it is held");
            }
        }
        let ended = "select count(*) from orders where state <> 'held'";
        let customers = "select count(*) from customer where units = 0";
        let until = std::time::Instant::now() + Duration::from_secs(10);
        while text(&client, ended).await != "0" || text(&client, customers).await != "0" {
            assert!(std::time::Instant::now() < until, "what has ended goes");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let of_one = text(&client, "select string_agg(name, ' ') from customer").await;
        assert_eq!(of_one, "c0", "of the others nothing counts");
        if round == 0 {
            nodes[0].leave().await.expect("it leaves");
        }
    }
    let held = text(&client, "select count(*) from orders where state = 'held'").await;
    assert_eq!(held, "10", "what has not ended stays");
    for node in &nodes[1..] {
        node.leave().await.expect("it leaves");
    }
    sale.audit().await.expect("it balances");
}

const NOW: Duration = Duration::ZERO;

/// Orders of which units can come back outlive all others; by a setting of the node, and of who forgets by hand.
async fn returns(url: &str) {
    let (sale, name) = sale(url, &[("a", 900)]).await;
    let sale = sale.retention(Some(Duration::from_millis(200)));
    let node = sale.join("n").await.expect("it joins");
    let client = connect(url, &name).await;
    let ship = async |order: &str| {
        let order = id(order);
        let placed = node.place(&order, [("a", 3)], None).await;
        placed.expect("there are enough");
        node.pay(&order).await.expect("it is held");
        node.ship(&order).await.expect("it is paid for");
    };
    let back = async |order: &str, key: &str, units: u64| {
        let lines = [("a", units)];
        let order = id(order);
        let key = id(key);
        node.return_part(&order, &key, lines, Returned::OnSale)
            .await
    };
    for order in ["whole", "part", "all"] {
        ship(order).await;
    }
    back("part", "one", 1).await.expect("it was shipped");
    back("all", "all", 3).await.expect("it was shipped");
    node.place(&id("c"), [("a", 1)], None).await.expect("there");
    node.cancel(&id("c")).await.expect("it is held");
    let known = async || {
        text(
            &client,
            "select string_agg(id, ' ' order by id) from orders",
        )
        .await
    };
    let until = std::time::Instant::now() + Duration::from_secs(10);
    while known().await != "part whole" {
        assert!(std::time::Instant::now() < until, "what has ended goes");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // By the node, and by hand, at any age.
    for _ in 0..3 {
        assert_eq!(sale.forget(NOW, 100).await, Ok(0));
    }
    back("part", "one", 1).await.expect("a retry");
    back("part", "two", 1).await.expect("one more");
    back("whole", "one", 1).await.expect("it was shipped");
    assert_eq!(known().await, "part whole");
    // Ages that no calendar has, and that of an order since its last change.
    let other = sale.clone().returns(Duration::MAX);
    assert_eq!(other.forget(NOW, 100).await, Ok(0));
    assert_eq!(sale.forget(Duration::MAX, 100).await, Ok(0));
    run(
        &client,
        "update orders set at = at - interval '31 days' where id = 'part'",
    )
    .await;
    let month = sale.clone();
    assert_eq!(
        month.forget(Duration::from_secs(3_000_000), 100).await,
        Ok(0),
        "the longer age"
    );
    sale.forget(NOW, 100).await.expect("the server answers");
    assert_eq!(known().await, "whole");
    node.leave().await.expect("it leaves");
    sale.end().await.expect("it balances");
}

async fn forgets(url: &str) {
    let (sale, name) = sale(url, &[("a", 900), ("b", 40)]).await;
    let sale = sale.returns(NOW);
    let mut nodes = Vec::new();
    for node in 0..3 {
        nodes.push(sale.join(&format!("n{node}")).await.expect("it joins"));
    }
    let node = |number: u64| &nodes[usize::try_from(number % 3).expect("it is small")];
    for number in 0..60 {
        let order = id(&format!("o{number}"));
        let lines = [("a", 5), ("b", u64::from(number % 30 == 0) + 1)];
        let placed = node(number).place(&order, lines, None).await;
        if placed.is_err() || number % 6 == 0 {
            continue;
        }
        let other = node(number + 1);
        if number % 6 == 1 {
            other.cancel(&order).await.expect("it is held");
            continue;
        }
        other.pay(&order).await.expect("it is held");
        if number % 6 > 2 {
            other.ship(&order).await.expect("it is paid for");
        }
        if number % 6 == 4 {
            let part = other
                .return_part(&order, &id("k"), [("a", 2)], Returned::OnSale)
                .await;
            part.expect("it was shipped");
        }
        if number % 6 == 5 {
            let back = other.return_order(&order, Returned::WrittenOff).await;
            back.expect("it was shipped");
        }
    }
    node(0).restock(&id("r"), "a", 7).await.expect("it is new");
    node(1).count(&id("c"), "b", 10).await.expect("it is new");
    node(2)
        .cancel(&id("never"))
        .await
        .expect("before its order");
    assert_eq!(
        sale.forget(Duration::from_secs(60), 10_000).await,
        Ok(0),
        "nothing is so old"
    );
    let client = connect(url, &name).await;
    let kept = "select count(*) from orders where state in ('held', 'paid')";
    let kept = text(&client, kept).await;
    let blocks = async || {
        text(&client, "select count(*) from block")
            .await
            .parse::<u64>()
            .expect("a number")
    };
    let before = blocks().await;
    // Beside the sale, a few at a time.
    let sells = async {
        for number in 100..130 {
            let placed = node(number)
                .place(&id(&format!("o{number}")), [("a", 3)], None)
                .await;
            placed.expect("there are enough");
        }
    };
    let goes = async {
        let mut gone = 0;
        for _ in 0..100 {
            gone += sale.forget(NOW, 4).await.expect("the server answers");
        }
        gone
    };
    let ((), gone) = tokio::join!(sells, goes);
    assert!(gone > 40, "{gone} rows went");
    let left = "select count(*) from orders where state not in ('held', 'paid')";
    assert_eq!(text(&client, left).await, "0");
    assert_eq!(text(&client, "select count(*) from request r where not exists (select from orders o where o.id = r.id)").await, "0");
    assert_eq!(
        text(
            &client,
            "select count(*) from part p where not exists (select from orders o where o.id = p.id)"
        )
        .await,
        "0"
    );
    assert_eq!(text(&client, "select count(*) from shelf").await, "0");
    let still = "select count(*) from orders where state in ('held', 'paid') and length(id) < 4";
    assert_eq!(text(&client, still).await, kept, "what has not ended stays");
    assert!(blocks().await < before + 30, "closed blocks go");
    assert_eq!(
        node(0).get(&id("o1")).await,
        Err(Refusal::NoOrder),
        "it is forgotten"
    );
    for node in &nodes {
        node.leave().await.expect("it leaves");
    }
    sale.audit().await.expect("it balances");
    sale.forget(NOW, 10_000).await.expect("the server answers");
    let of_known = "
        select count(*) from block b
        where not exists (select from orders o where b.epoch = any (o.epochs))";
    assert_eq!(
        text(&client, of_known).await,
        "0",
        "blocks without orders go"
    );
    sale.end().await.expect("it balances");
}
