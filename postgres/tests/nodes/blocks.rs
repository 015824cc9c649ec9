//! When a node has blocks, and when it has none.

use super::support::{Tests, at_url, connect, fresh, sale, scenes, text};
use segstock_postgres::nodes::{Refusal, Sale, SkuSettings};
use segstock_remote::OrderId;
use segstock_remote::servers::id;
use std::time::Duration;
use tokio::time::{Instant, sleep};

pub fn add(tests: &Tests) {
    scenes!(at_url(tests) {
        "blocks::little_is_sold_from_the_pool": narrow,
        "blocks::they_come_back_when_the_pool_has_little": come_back,
        "blocks::those_that_are_used_up_are_closed": used_up,
        "blocks::what_is_sold_out_is_only_proved": only_proved,
    });
}

async fn narrow(url: &str) {
    let name = fresh();
    let sale = Sale::at(url, &name)
        .expect("it is a name")
        .patience(Duration::from_secs(20))
        .heartbeat(Duration::from_millis(50));
    sale.install().await.expect("the tables can be made");
    let settings = SkuSettings::new(40).safety(5).narrow(20);
    sale.open_sku("phone", settings).await.expect("a new SKU");
    let (one, two) = (
        sale.join("one").await.expect("it joins"),
        sale.join("two").await.expect("it joins"),
    );
    let mut sold = 0;
    for call in 0..60_u64 {
        let node = if call % 2 == 0 { &one } else { &two };
        let order: OrderId = id(&format!("o{call}"));
        sold += u64::from(node.place(&order, [("phone", 1)], None).await.is_ok());
    }
    assert_eq!(sold, 35, "safety stock is not sold");
    let client = connect(url, &name).await;
    assert_eq!(
        text(&client, "select mode, free from pool").await,
        "narrow 5"
    );
    one.restock(&id("more"), "phone", 100)
        .await
        .expect("it is new");
    one.place(&id("p"), [("phone", 90)], None)
        .await
        .expect("there are a hundred");
    one.leave().await.expect("it leaves");
    two.leave().await.expect("it leaves");
    sale.audit().await.expect("it balances");
}

/// Nodes of which nobody hears for minutes but by notifications.
async fn quiet_sale(url: &str, settings: SkuSettings) -> (Sale, String) {
    let name = fresh();
    let sale = Sale::at(url, &name)
        .expect("it is a name")
        .patience(Duration::from_secs(20))
        .lease(Duration::from_secs(600))
        .heartbeat(Duration::from_secs(300));
    sale.install().await.expect("the tables can be made");
    sale.open_sku("phone", settings).await.expect("a new SKU");
    (sale, name)
}

/// Not only when an order finds nothing there: then it would wait for a recall.
async fn come_back(url: &str) {
    const OTHERS: &str = "
        select coalesce(sum(granted - taken - handed_back), 0) from block where not closed and node = 'one'";
    let (sale, name) = quiet_sale(url, SkuSettings::new(100).narrow(20)).await;
    let one = sale.join("one").await.expect("it joins");
    let two = sale.join("two").await.expect("it joins");
    let client = connect(url, &name).await;
    let first = one.place(&id("first"), [("phone", 1)], None).await;
    first.expect("there are a hundred");
    assert_eq!(text(&client, OTHERS).await, "24");
    for call in 0.. {
        let order: OrderId = id(&format!("o{call}"));
        let placed = two.place(&order, [("phone", 1)], None).await;
        placed.expect("there are more");
        // With what came back it may be wide again by now.
        let is_narrow = text(&client, "select mode from pool").await == "narrow";
        if is_narrow || text(&client, OTHERS).await == "0" {
            break;
        }
    }
    let began = Instant::now();
    while text(&client, OTHERS).await != "0" {
        assert!(
            began.elapsed() < Duration::from_secs(20),
            "nobody notified it"
        );
        sleep(Duration::from_millis(5)).await;
    }
    let recalled = "select recall_until > clock_timestamp() - interval '1 hour' from pool";
    assert_eq!(text(&client, recalled).await, "f");
    one.leave().await.expect("it leaves");
    two.leave().await.expect("it leaves");
    sale.audit().await.expect("it balances");
}

/// After the first refusal neither a lend nor a batch is tried before the proof; and what comes back is sold at once.
async fn only_proved(url: &str) {
    const BATCHES: &str = "select last from node";
    let (sale, name) = quiet_sale(url, SkuSettings::new(5)).await;
    let node = sale.join("n").await.expect("it joins");
    let client = connect(url, &name).await;
    let place = async |order: &str, units: u64| {
        let placed = node.place(&id(order), [("phone", units)], None).await;
        placed.map(|_| ())
    };
    let sku = "phone".to_owned();
    let sold_out = Err(Refusal::SoldOut { sku });
    // Whatever it does first, its first heartbeat is before that.
    let other = sale.open_sku("other", SkuSettings::new(1)).await;
    other.expect("a new SKU");
    let first = node.place(&id("first"), [("other", 1)], None).await;
    first.expect("there is one");
    let beats = "select until from node";
    let beat = text(&client, beats).await;
    place("a", 3).await.expect("there are five");
    assert_eq!(place("b", 3).await, sold_out);
    let before = text(&client, BATCHES).await;
    for call in 0..20 {
        assert_eq!(place(&format!("c{call}"), 3 + call % 2).await, sold_out);
    }
    assert_eq!(text(&client, BATCHES).await, before);
    assert_eq!(
        text(&client, beats).await,
        beat,
        "no other node has any: none is notified that little is left"
    );
    place("d", 2).await.expect("fewer than were refused");
    assert_eq!(place("e", 1).await, sold_out);
    node.cancel(&id("a")).await.expect("it is held");
    place("f", 3).await.expect("they came back");
    let restocked = node.restock(&id("more"), "phone", 4).await;
    restocked.expect("it is new");
    place("g", 4).await.expect("they came");
    assert_eq!(place("h", 1).await, sold_out);
    node.leave().await.expect("it leaves");
    sale.audit().await.expect("it balances");
}

async fn used_up(url: &str) {
    let (sale, name) = sale(url, &[("phone", 400)]).await;
    let node = sale.join("n").await.expect("it joins");
    for call in 0..300 {
        node.place(&id(&format!("o{call}")), [("phone", 1)], None)
            .await
            .expect("there are enough");
    }
    let client = connect(url, &name).await;
    let open: i64 = text(&client, "select count(*) from block where not closed")
        .await
        .parse()
        .expect("a number");
    let all: i64 = text(&client, "select count(*) from block")
        .await
        .parse()
        .expect("a number");
    assert!(open <= 2 && all >= 6, "{open} of {all} blocks are open");
    node.leave().await.expect("it leaves");
    sale.audit().await.expect("it balances");
}
