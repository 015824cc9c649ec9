//! When a node has blocks, and when it has none.

use super::support::{Tests, at_url, connect, fresh, sale, scenes, text};
use segstock_postgres::nodes::{Sale, SkuSettings};
use segstock_remote::OrderId;
use segstock_remote::servers::id;
use std::time::Duration;

pub fn add(tests: &Tests) {
    scenes!(at_url(tests) {
        "blocks::little_is_sold_from_the_pool": narrow,
        "blocks::those_that_are_used_up_are_closed": used_up,
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
