//! What is set for SKUs, orders and customers holds at all nodes together.

use super::support::{Tests, at_url, connect, sale, scenes, text};
use segstock_postgres::nodes::{InvalidOrder, Refusal, SkuLimits};
use segstock_remote::servers::id;
use std::time::Duration;
use tokio::task::JoinSet;

pub fn add(tests: &Tests) {
    scenes!(at_url(tests) {
        "limits::a_customer_has_no_more_at_all_nodes_together": customers,
        "limits::an_order_from_before_the_limit_is_not_amended_to_more": before,
        "limits::no_more_is_unpaid_at_all_nodes_together": unpaid,
        "limits::a_sku_is_closed_at_every_node": closed,
        "limits::an_order_has_so_many_lines_and_units": sizes,
    });
}

async fn customers(url: &str) {
    let (sale, name) = sale(url, &[("phone", 200), ("case", 200)]).await;
    let mut nodes = Vec::new();
    for node in 0..3 {
        nodes.push(sale.join(&format!("n{node}")).await.expect("it joins"));
    }
    let mut limits = SkuLimits::default();
    limits.per_customer = Some(5);
    nodes[0].limit("phone", limits).await.expect("it is open");
    let mut calls = JoinSet::new();
    for call in 0..90_usize {
        let node = nodes[call % 3].clone();
        calls.spawn(async move {
            let of = ["ann", "bob", "cem"][call / 3 % 3];
            let lines = [("phone", 1), ("case", 1)];
            let hold = (call % 2 == 0).then(|| Duration::from_secs(60));
            (
                of,
                node.place_for(&id(&format!("o{call}")), Some(of), lines, hold)
                    .await,
            )
        });
    }
    let (mut placed, mut limited) = (0, 0);
    for (_, answer) in calls.join_all().await {
        match answer {
            Ok(_) => placed += 1,
            Err(Refusal::PerCustomer { sku }) if sku == "phone" => limited += 1,
            Err(refusal) => panic!("{refusal}"),
        }
    }
    assert_eq!((placed, limited), (15, 75), "each has five");
    let client = connect(url, &name).await;
    let rows = "select name, sku, units from customer order by name";
    assert_eq!(
        text(&client, rows).await,
        "ann phone 5; bob phone 5; cem phone 5"
    );
    let nameless = nodes[1].place(&id("nameless"), [("phone", 1)], None).await;
    assert!(matches!(nameless, Err(Refusal::CustomerNeeded { .. })));
    nodes[1]
        .place(&id("case"), [("case", 1)], None)
        .await
        .expect("it has no limit");
    // What expires does not count: it ends before anybody is refused for it.
    let late = "update orders set until = clock_timestamp() - interval '1 ms' where customer = 'ann' and until is not null";
    client.batch_execute(late).await.expect("it is right");
    let held =
        "select count(*) from orders where customer = 'ann' and state = 'held' and until is null";
    let held: u64 = text(&client, held).await.parse().expect("a number");
    let again = nodes[2]
        .place_for(&id("again"), Some("ann"), [("phone", 5 - held)], None)
        .await;
    again.expect("others have expired");
    let refused = nodes[2]
        .place_for(&id("more"), Some("ann"), [("phone", 1)], None)
        .await;
    assert!(matches!(refused, Err(Refusal::PerCustomer { .. })));
    nodes[0].cancel(&id("again")).await.expect("it is held");
    let refused = nodes[1]
        .place_for(&id("more"), Some("ann"), [("phone", 1)], None)
        .await;
    assert!(
        matches!(refused, Err(Refusal::PerCustomer { .. })),
        "it stays refused"
    );
    nodes[1]
        .place_for(&id("new"), Some("ann"), [("phone", 1)], None)
        .await
        .expect("a new id");
    let other = nodes[1]
        .place_for(&id("new"), Some("bob"), [("phone", 1)], None)
        .await;
    assert_eq!(other, Err(Refusal::Conflict), "it is of another customer");
    for node in &nodes {
        node.leave().await.expect("it leaves");
    }
    sale.audit().await.expect("it balances");
}

/// What an order had before the limit counts for nobody, and nobody gets more of it past the limit.
async fn before(url: &str) {
    let (sale, _) = sale(url, &[("phone", 100), ("case", 100)]).await;
    let node = sale.join("n").await.expect("it joins");
    let customers = [("anns", Some("ann")), ("nobodys", None)];
    for (order, customer) in customers {
        let lines = [("phone", 2), ("case", 1)];
        let placed = node.place_for(&id(order), customer, lines, None).await;
        placed.expect("it is in stock");
    }
    let mut limits = SkuLimits::default();
    limits.per_customer = Some(3);
    node.limit("phone", limits).await.expect("it is open");
    let amend = async |order: &str, key: &str, lines: &[(&'static str, u64)]| {
        let lines = lines.iter().copied();
        node.amend(&id(order), &id(key), lines, None).await
    };
    let more = [("phone", 9), ("case", 1)];
    let refused = amend("anns", "more", &more).await;
    assert!(matches!(refused, Err(Refusal::PerCustomer { .. })));
    let refused = amend("nobodys", "more", &more).await;
    assert!(matches!(refused, Err(Refusal::CustomerNeeded { .. })));
    for (order, _) in customers {
        let fewer = amend(order, "fewer", &[("phone", 1), ("case", 9)]).await;
        fewer.expect("fewer phones");
    }
    // Once it has none any more, the SKU is new to it.
    amend("anns", "none", &[("case", 1)]).await.expect("fewer");
    let refused = amend("anns", "four", &[("phone", 4), ("case", 1)]).await;
    assert!(matches!(refused, Err(Refusal::PerCustomer { .. })));
    let three = amend("anns", "three", &[("phone", 3), ("case", 1)]).await;
    three.expect("as many as it can have");
    node.leave().await.expect("it leaves");
    sale.audit().await.expect("it balances");
}

async fn unpaid(url: &str) {
    let (sale, name) = sale(url, &[("phone", 100), ("case", 200)]).await;
    let mut nodes = Vec::new();
    for node in 0..3 {
        nodes.push(sale.join(&format!("n{node}")).await.expect("it joins"));
    }
    let order = |number: usize| id(&format!("o{number}"));
    let places = |first: usize| {
        let mut calls = JoinSet::new();
        for number in first..first + 60 {
            let node = nodes[number % 3].clone();
            let hold = (number % 2 == 0).then(|| Duration::from_secs(60));
            let lines = [("phone", 1), ("case", 1)];
            calls.spawn(async move {
                (
                    number,
                    node.place(&id(&format!("o{number}")), lines, hold).await,
                )
            });
        }
        calls
    };
    let mut limits = SkuLimits::default();
    limits.unpaid = Some(20);
    // The limit comes in the middle of it: what is held by then counts, wherever it was sold.
    let (first, set) = tokio::join!(places(0).join_all(), nodes[1].limit("phone", limits));
    assert_eq!(set, Ok(true));
    let held = "select held from pool where sku = 'phone'";
    let client = connect(url, &name).await;
    let of_orders = "select sum(1) from orders where state = 'held'";
    assert_eq!(text(&client, held).await, text(&client, of_orders).await);
    let placed: Vec<usize> = first
        .iter()
        .filter(|(_, answer)| answer.is_ok())
        .map(|(number, _)| *number)
        .collect();
    // All but five are paid for, at any node; then fifteen more can be held.
    for number in &placed[5..] {
        nodes[(number + 1) % 3]
            .pay(&order(*number))
            .await
            .expect("it is held");
    }
    assert_eq!(text(&client, held).await, "5");
    let mut placed = 0;
    for (_, answer) in places(100).join_all().await {
        match answer {
            Ok(_) => placed += 1,
            Err(Refusal::Unpaid { sku }) if sku == "phone" => {}
            Err(Refusal::SoldOut { sku }) if sku == "phone" => {}
            Err(refusal) => panic!("{refusal}"),
        }
    }
    assert_eq!(placed, 15);
    let refused = nodes[0].place(&id("more"), [("phone", 1)], None).await;
    assert!(matches!(refused, Err(Refusal::Unpaid { .. })));
    // Those that are past their deadline end before anybody is refused for them.
    let late = "update orders set until = clock_timestamp() - interval '1 ms' where state = 'held' and until is not null";
    let late = client.execute(late, &[]).await.expect("it is right");
    assert!(late > 0, "some have a deadline");
    let again = nodes[2].place(&id("again"), [("phone", 1)], None).await;
    again.expect("others have expired");
    let (again, key) = (id("again"), id("k"));
    let amended = nodes[1].amend(&again, &key, [("phone", 21)], None).await;
    assert!(matches!(amended, Err(Refusal::Unpaid { .. })));
    for node in &nodes {
        assert!(
            node.status()
                .blocks
                .iter()
                .all(|block| block.sku != "phone" || block.free == 0)
        );
        node.leave().await.expect("it leaves");
    }
    sale.audit().await.expect("it balances, what is held too");
}

async fn closed(url: &str) {
    let (sale, _) = sale(url, &[("phone", 20), ("case", 0)]).await;
    let one = sale.join("one").await.expect("it joins");
    let two = sale.join("two").await.expect("it joins");
    for (node, order) in [(&one, "x"), (&two, "y")] {
        node.place(&id(order), [("phone", 1)], None)
            .await
            .expect("there are twenty");
    }
    let mut limits = SkuLimits::default();
    limits.closed = true;
    two.limit("phone", limits).await.expect("it is open");
    one.limit("case", limits).await.expect("it is open");
    for (number, node) in [&one, &two].into_iter().enumerate() {
        for sku in ["phone", "case"] {
            let order = id(&format!("{sku}{number}"));
            let refused = node.place(&order, [(sku, 1)], None).await;
            let sku = sku.to_owned();
            assert_eq!(
                refused,
                Err(Refusal::Closed { sku }),
                "though nodes have units, and if none has"
            );
        }
        let more = node
            .amend(&id("x"), &id(&format!("k{number}")), [("phone", 2)], None)
            .await;
        assert!(matches!(more, Err(Refusal::Closed { .. })));
    }
    two.pay(&id("x")).await.expect("it was placed before");
    one.ship(&id("x")).await.expect("it is paid for");
    one.limit("phone", SkuLimits::default())
        .await
        .expect("it is there");
    two.place(&id("z"), [("phone", 1)], None)
        .await
        .expect("it is open again");
    // A safety stock is taken of what nodes have, too.
    let mut limits = SkuLimits::default();
    limits.safety = 15;
    one.limit("phone", limits).await.expect("it is there");
    assert_eq!(two.available("phone").await, Ok(2));
    for node in [&one, &two] {
        node.leave().await.expect("it leaves");
    }
    sale.audit().await.expect("it balances");
}

async fn sizes(url: &str) {
    let (sale, _) = sale(url, &[("a", 20), ("b", 20)]).await;
    let hold = Duration::from_secs(60);
    let sale = sale.max_lines(1).max_units(3).longest_hold(hold);
    let node = sale.join("n").await.expect("it joins");
    let place = async |lines: &[(&str, u64)], hold| {
        let placed = node.place(&id("x"), lines.to_vec(), Some(hold)).await;
        placed.expect_err("it is too much")
    };
    let invalid = Refusal::Invalid;
    assert_eq!(
        place(&[("a", 1), ("b", 1)], hold).await,
        invalid(InvalidOrder::TooMany)
    );
    assert_eq!(
        place(&[("a", 4)], hold).await,
        invalid(InvalidOrder::TooManyUnits)
    );
    assert_eq!(
        place(&[("a", 3)], hold * 2).await,
        invalid(InvalidOrder::Hold)
    );
    node.place(&id("x"), [("a", 3)], Some(hold))
        .await
        .expect("as much as can be");
    let more = node.amend(&id("x"), &id("k"), [("a", 4)], None).await;
    assert_eq!(more, Err(invalid(InvalidOrder::TooManyUnits)));
    let longer = node.extend(&id("x"), &id("k"), Some(hold * 2)).await;
    assert_eq!(longer, Err(invalid(InvalidOrder::Hold)));
    node.leave().await.expect("it leaves");
}
