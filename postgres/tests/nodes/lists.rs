//! Lists of orders and of SKUs: by age and in bounded pages; what changes meanwhile is in nobody's way.

use super::support::{Tests, at_url, connect, sale, scenes, text};
use segstock_postgres::nodes::{
    Filter, ListCursor, Node, OrderState, Position, Refusal, SkuLimits,
};
use segstock_remote::servers::id;
use std::time::Duration;

pub fn add(tests: &Tests) {
    scenes!(at_url(tests) {
        "lists::orders_by_age_customer_and_sku": ages,
        "lists::a_page_bears_what_changes_meanwhile": changing,
        "lists::a_call_looks_at_so_many_orders_by_an_index": bounded,
        "lists::stocks_of_all_skus": stocks,
    });
}

const HOUR: Option<Duration> = Some(Duration::from_secs(3_600));

/// The ids of all pages of `most`, and how many pages there were.
async fn all(node: &Node, filter: &Filter<String>, most: usize) -> (Vec<String>, usize) {
    let (mut ids, mut pages, mut after) = (Vec::new(), 0, ListCursor::default());
    loop {
        let page = node
            .orders(filter, &after, most)
            .await
            .expect("nothing fails");
        pages += 1;
        ids.extend(page.orders.iter().map(|order| order.id.to_string()));
        let Some(next) = page.next else {
            return (ids, pages);
        };
        after = next;
    }
}

fn of(change: impl FnOnce(&mut Filter<String>)) -> Filter<String> {
    let mut filter = Filter::default();
    change(&mut filter);
    filter
}

async fn ages(url: &str) {
    let (sale, name) = sale(url, &[("a", 100), ("b", 100)]).await;
    let mut nodes = Vec::new();
    for node in 0..3 {
        nodes.push(sale.join(&format!("n{node}")).await.expect("it joins"));
    }
    for number in 0..6_usize {
        let customer = (number % 2 == 0).then_some("ann");
        let lines = if number < 3 {
            vec![("a", 1)]
        } else {
            vec![("a", 1), ("b", 2)]
        };
        let order = id(&format!("o{number}"));
        let placed = nodes[number % 3].place_for(&order, customer, lines, HOUR);
        placed.await.expect("there are enough");
    }
    nodes[0]
        .place(&id("no"), [("a", 1_000)], None)
        .await
        .expect_err("there are too few");
    nodes[0]
        .cancel(&id("never"))
        .await
        .expect("before its order");
    let rows = connect(url, &name).await;
    let older = "update orders set placed = placed - (6 - substr(id, 2)::int) * interval '1 hour' where id like 'o%'";
    rows.batch_execute(older).await.expect("it is right");
    let everything = ["o0", "o1", "o2", "o3", "o4", "o5"];
    assert_eq!(
        all(&nodes[1], &Filter::default(), 4).await,
        (everything.map(str::to_owned).to_vec(), 2)
    );
    let now = nodes[2].time().await.expect("the server answers");
    let ago = |hours: f64| now - Duration::from_secs_f64(hours * 3_600.0);
    let found = async |filter: Filter<String>| all(&nodes[0], &filter, 10).await.0.join(" ");
    assert_eq!(found(of(|f| f.since = ago(3.5))).await, "o3 o4 o5");
    assert_eq!(found(of(|f| f.before = Some(ago(3.5)))).await, "o0 o1 o2");
    let between = of(|f| (f.since, f.before) = (ago(4.5), Some(ago(2.5))));
    assert_eq!(found(between).await, "o2 o3");
    let customers = of(|f| (f.customer, f.since) = (Some("ann".into()), ago(5.5)));
    assert_eq!(found(customers).await, "o2 o4");
    assert_eq!(found(of(|f| f.customer = Some("nobody".into()))).await, "");
    assert_eq!(
        found(of(|f| f.sku = Some("b".to_owned()))).await,
        "o3 o4 o5"
    );
    // By its number, from one order to another.
    let number = async |order: &str| nodes[1].view(&id(order)).await.expect("it is there").number;
    let (from, to) = (number("o1").await, number("o3").await);
    assert_eq!(
        found(of(|f| (f.from, f.to) = (from, Some(to)))).await,
        "o1 o2 o3"
    );
    assert_eq!(found(of(|f| f.from = Position::new(u64::MAX))).await, "");
    // Who holds a SKU; an order in parts is in each list in which some of its units are.
    nodes[0]
        .pay_part(&id("o4"), &id("k"), [("b", 1)])
        .await
        .expect("it is held");
    nodes[1].pay(&id("o5")).await.expect("it is held");
    nodes[2].ship(&id("o5")).await.expect("it is paid for");
    let holders = |state| of(|f| (f.sku, f.state) = (Some("b".to_owned()), Some(state)));
    assert_eq!(found(holders(OrderState::Held)).await, "o3 o4");
    assert_eq!(found(holders(OrderState::Paid)).await, "o4");
    assert_eq!(found(holders(OrderState::Shipped)).await, "o5");
    assert_eq!(
        found(of(|f| f.state = Some(OrderState::Held))).await,
        "o0 o1 o2 o3 o4"
    );
    let other = of(|f| f.sku = Some("nix".to_owned()));
    let refused = nodes[0].orders(&other, &ListCursor::default(), 1).await;
    assert!(matches!(refused, Err(Refusal::NoSku { sku }) if sku == "nix"));
    let view = nodes[1].view(&id("o4")).await.expect("it is there");
    assert_eq!((&*view.id, view.customer.as_deref()), ("o4", Some("ann")));
    assert!(
        view.age >= Duration::from_secs(7_199) && view.age < Duration::from_secs(7_300),
        "{:?}",
        view.age
    );
    assert!(view.remaining > Some(Duration::from_secs(3_500)) && view.remaining <= HOUR);
}

async fn changing(url: &str) {
    let (sale, name) = sale(url, &[("a", 100)]).await;
    let node = sale.join("n").await.expect("it joins");
    for number in 0..9 {
        node.place(&id(&format!("o{number}")), [("a", 1)], None)
            .await
            .expect("there are enough");
    }
    // All at one instant: the ids tell them apart.
    let rows = connect(url, &name).await;
    rows.batch_execute("update orders set placed = now()")
        .await
        .expect("it is right");
    let (mut ids, mut after) = (Vec::new(), ListCursor::default());
    for round in 0_usize.. {
        let page = node
            .orders(&Filter::default(), &after, 2)
            .await
            .expect("nothing fails");
        ids.extend(page.orders.iter().map(|order| order.id.to_string()));
        let Some(next) = page.next else { break };
        after = next;
        // Those that were shown change, and those that come next.
        for order in [2 * round, 2 * round + 2] {
            _ = node.cancel(&id(&format!("o{order}"))).await;
        }
        node.place(&id(&format!("p{round}")), [("a", 1)], None)
            .await
            .expect("there are enough");
    }
    let first: Vec<_> = ids.iter().filter(|id| id.starts_with('o')).collect();
    assert_eq!(first.len(), 9, "each once: {ids:?}");
    let mut sorted = ids.clone();
    sorted.sort();
    sorted.dedup();
    assert_eq!(sorted.len(), ids.len());
}

async fn bounded(url: &str) {
    let (sale, name) = sale(url, &[("a", 100)]).await;
    let node = sale.join("n").await.expect("it joins");
    let rows = connect(url, &name).await;
    let many = "
        insert into orders (id, state, skus, epochs, units, customer, placed)
        select 'o' || lpad(i::text, 5, '0'), case when i <= 4500 then 'held' else 'shipped' end, '{a}', '{0}', '{1}',
          case when i % 1000 = 0 then 'ann' end, '2026-01-01'::timestamptz + i * interval '1 s'
        from generate_series(1, 6000) as i";
    rows.batch_execute(many).await.expect("it is right");
    // 2,000 are looked at in each call: the last page of open orders is their 500 last, and none is shown.
    let paid = of(|f| f.state = Some(OrderState::Paid));
    assert_eq!(all(&node, &paid, 10).await, (vec![], 3));
    let of_customer = of(|f| f.customer = Some("ann".into()));
    let (ids, pages) = all(&node, &of_customer, 10).await;
    assert_eq!(
        (ids.join(" "), pages),
        ("o01000 o02000 o03000 o04000 o05000 o06000".to_owned(), 1),
        "by an index"
    );
    let (ids, pages) = all(&node, &Filter::default(), 1_000).await;
    assert_eq!((ids.len(), pages), (6_000, 7), "an order is shown once");
    // A page in the middle takes as long as the first: no row before it is read.
    rows.batch_execute(
        "set enable_seqscan = off; set enable_hashjoin = off; set enable_mergejoin = off; set plan_cache_mode = force_generic_plan;
         prepare look (timestamptz, text, int) as select * from orders o
         where strpos('held waiting paid', o.state) > 0 and o.placed >= $1 and (o.placed, o.id) > ($1, $2) order by o.placed, o.id limit $3",
    )
    .await
    .expect("it is right");
    let plan = "explain (analyze, costs off, timing off, summary off) execute look ('2026-01-01 00:50:00Z', 'o03000', 5)";
    let plan = text(&rows, plan).await;
    assert!(plan.contains("orders_open"), "{plan}");
    assert!(!plan.contains("rows=1500"), "{plan}");
}

async fn stocks(url: &str) {
    let (sale, _) = sale(url, &[("a", 10), ("b", 20), ("c", 30)]).await;
    let node = sale.join("n").await.expect("it joins");
    let other = sale.join("m").await.expect("it joins");
    node.place(&id("x"), [("b", 3)], None)
        .await
        .expect("there are enough");
    other
        .place(&id("y"), [("b", 4)], None)
        .await
        .expect("there are enough");
    other.pay(&id("y")).await.expect("it is held");
    node.ship(&id("y")).await.expect("it is paid for");
    let mut limits = SkuLimits::default();
    (limits.safety, limits.low, limits.unpaid, limits.waiting) = (2, 5, Some(70), 9);
    limits.per_customer = Some(6);
    assert_eq!(node.limit("b", limits).await, Ok(true));
    assert_eq!(
        other.limit("b", limits).await,
        Ok(false),
        "they are so already"
    );
    let stock = other.stock("b").await.expect("it is open");
    assert_eq!(stock.limits, limits);
    let figures = (stock.available, stock.on_hand, stock.owed, stock.safety);
    assert_eq!(figures, (11, 16, 0, 2));
    node.count(&id("c"), "b", 1).await.expect("it is open");
    let stock = other.stock("b").await.expect("it is open");
    let figures = (stock.available, stock.on_hand, stock.owed, stock.safety);
    assert_eq!(figures, (0, 1, 2, 0), "three are promised");
    let page = node.stocks("", 2).await.expect("nothing fails");
    let names: Vec<&str> = page.stocks.iter().map(|(sku, _)| &**sku).collect();
    assert_eq!((names, page.next.as_deref()), (vec!["a", "b"], Some("b")));
    let page = node.stocks("b", 2).await.expect("nothing fails");
    assert_eq!(
        (page.stocks.len(), page.stocks[0].1.available, page.next),
        (1, 30, None)
    );
    assert_eq!(
        node.stock("nix").await,
        Err(Refusal::NoSku {
            sku: "nix".to_owned()
        })
    );
}
