//! The transactions of a sale, one by one, with late copies and duplicates of each.

use super::support::{
    Batch, Tests, at_sale, at_url, connect, lend, one, open, prove, scenes, text,
};
use segstock_postgres::nodes::{Sale, SaleError, SkuSettings};
use std::time::Duration;
use tokio_postgres::Client;

pub fn add(tests: &Tests) {
    scenes!(scene(tests) {
        "transactions::a_late_copy_of_a_start_ends_no_newer_one": starts,
        "transactions::a_lend_is_lent_once_even_if_its_blocks_are_closed": lends,
        "transactions::a_batch_is_written_once": batches,
        "transactions::each_order_of_a_batch_has_its_own_answer": answers,
        "transactions::a_closed_block_takes_no_late_batch": closed,
        "transactions::what_ends_serves_what_is_placed_by_its_row": ends,
        "transactions::an_order_past_its_deadline_is_not_paid": overdue,
        "transactions::a_refusal_is_a_row_and_stays": refuses,
        "transactions::the_pool_serves_as_far_as_it_has_units": pool,
        "transactions::a_restock_counts_once": restocks,
        "transactions::the_audit_names_what_is_wrong": audits,
    });
    scenes!(at_url(tests) {
        "transactions::tables_of_others_are_refused": others,
    });
}

fn scene(tests: &Tests, name: &str, test: impl AsyncFnOnce(Client, Sale) + Send + 'static) {
    at_sale(tests, name, &[("a", 100), ("b", 10)], test);
}

const BLOCKS: &str = "select epoch, granted, taken, handed_back, closed from block order by epoch";
const FREE: &str = "select free from pool order by sku";

async fn starts(client: Client, _: Sale) {
    assert_eq!(open(&client, "n", 0, 1).await, Some(1));
    assert_eq!(open(&client, "n", 0, 1).await, Some(1), "asked again");
    assert_eq!(
        open(&client, "n", 0, 2).await,
        None,
        "another start came first"
    );
    let (_, blocks) = lend(&client, "n", 1, 1, &[("a", 5)]).await;
    assert_eq!(blocks, [1]);
    assert_eq!(open(&client, "n", 1, 3).await, Some(2));
    assert_eq!(
        text(&client, BLOCKS).await,
        "1 50 0 0 t",
        "blocks of older sessions are closed"
    );
    assert_eq!(text(&client, FREE).await, "100; 10");
    for late in [(0, 1), (1, 4), (0, 5)] {
        assert_eq!(open(&client, "n", late.0, late.1).await, None, "{late:?}");
    }
    assert_eq!(lend(&client, "n", 1, 2, &[("a", 5)]).await.0, "over");
    assert_eq!(
        Batch::default()
            .item("x", "cancel")
            .send(&client, "n", 1, 1)
            .await,
        "over"
    );
    assert_eq!(
        lend(&client, "n", 2, 1, &[("a", 5)]).await.0,
        "lent",
        "the newest lives"
    );
}

async fn lends(client: Client, _: Sale) {
    open(&client, "n", 0, 1).await;
    let both = [("a", 5), ("b", 3)];
    let (standing, blocks) = lend(&client, "n", 1, 1, &both).await;
    assert_eq!((standing.as_str(), blocks.len()), ("lent", 2));
    assert_eq!(
        lend(&client, "n", 1, 1, &both).await.1,
        blocks,
        "asked again"
    );
    assert_eq!(
        lend(&client, "n", 1, 2, &[("a", 5), ("b", 99)]).await.0,
        "short"
    );
    assert_eq!(text(&client, FREE).await, "50; 5", "all or none");
    assert_eq!(lend(&client, "n", 1, 3, &[("nix", 1)]).await.0, "missing");
    let back = Batch::default().back(blocks[0], 50).back(blocks[1], 5);
    assert_eq!(back.send(&client, "n", 1, 1).await, "written");
    let (standing, again) = lend(&client, "n", 1, 1, &both).await;
    assert_eq!(
        (standing.as_str(), again),
        ("lent", vec![]),
        "its blocks are closed by now"
    );
    assert_eq!(
        text(&client, FREE).await,
        "100; 10",
        "and nothing is lent a second time"
    );
    one(&client, "select recall_1('{a}', 60000000)", &[]).await;
    lend(&client, "n", 1, 4, &[("a", 5)]).await;
    assert_eq!(
        text(&client, FREE).await,
        "95; 10",
        "exactly what is asked, while a recall is on"
    );
}

async fn batches(client: Client, _: Sale) {
    open(&client, "n", 0, 1).await;
    lend(&client, "n", 1, 1, &[("a", 5)]).await;
    let batch = Batch::default()
        .place("x", &[("a", 1, 5)], None)
        .item("y", "cancel")
        .back(1, 10);
    assert_eq!(
        batch.send(&client, "n", 1, 1).await,
        "written placed,is held,cancelled"
    );
    assert_eq!(
        batch.send(&client, "n", 1, 1).await,
        "read placed,is held,cancelled"
    );
    assert_eq!(text(&client, BLOCKS).await, "1 50 5 10 f");
    assert_eq!(text(&client, FREE).await, "60; 10");
    let cancel = Batch::default().item("x", "cancel").item("z", "pay");
    assert_eq!(
        cancel.send(&client, "n", 1, 2).await,
        "written done,missing cancelled,- 5"
    );
    assert_eq!(
        cancel.send(&client, "n", 1, 2).await,
        "read done,missing cancelled,- 5"
    );
    assert_eq!(
        text(&client, BLOCKS).await,
        "1 55 5 10 f",
        "its units are in the node's block, once"
    );
    // Lost: it is not there, and a read of a later batch says so.
    let lost = Batch::default().place("lost", &[("a", 1, 1)], None);
    assert_eq!(lost.send(&client, "n", 1, 2).await, "read again -");
    let gap = lost.try_send(&client, "n", 1, 4).await;
    assert!(gap.is_err(), "a batch follows the one before");
    assert_eq!(lost.send(&client, "n", 1, 3).await, "written placed held");
    // What was placed by another batch is no loss.
    let copy =
        Batch::default()
            .place("lost", &[("a", 1, 1)], None)
            .place("y", &[("a", 1, 1)], None);
    assert_eq!(
        copy.send(&client, "n", 1, 4).await,
        "written is,is held,cancelled"
    );
    assert_eq!(text(&client, BLOCKS).await, "1 55 6 10 f");
    let much = Batch::default().place("much", &[("a", 1, 40)], None);
    assert_eq!(
        much.send(&client, "n", 1, 5).await,
        "written again -",
        "the block is too short"
    );
    assert_eq!(
        text(&client, "select count(*) from orders where id = 'much'").await,
        "0"
    );
}

async fn answers(client: Client, _: Sale) {
    const ANSWERS: &str = "array_to_string(dids, ','), array_to_string(sums, ','),
        array_to_string(array(select extract(hour from u - now() + '1 minute')::bigint from unnest(untils) as u), ',', '-')";
    open(&client, "n", 0, 1).await;
    lend(&client, "n", 1, 1, &[("a", 5), ("b", 5)]).await;
    let hours = |hours: i64| Some(hours * 3_600_000);
    let place = || {
        Batch::default()
            .place("x", &[("a", 1, 5)], hours(3))
            .place("y", &[("a", 1, 2), ("b", 2, 1)], hours(1))
            .place("z", &[("b", 2, 1)], hours(2))
    };
    let ask = async |batch: Batch, number: i64| {
        let row = batch.ask(&client, ("n", 1, number), ANSWERS).await;
        let row = row.expect("it is right");
        [0, 1, 2]
            .map(|column| row.get::<_, String>(column))
            .join(" ")
    };
    let answer = ask(place(), 1).await;
    assert_eq!(answer, "placed,placed,placed 5,3,1 3,1,2");
    // The same of a batch that has to look at its orders one by one.
    let answer = ask(place().item("zz", "pay"), 2).await;
    assert_eq!(answer, "is,is,is,missing 5,3,1 3,1,2,-");
}

async fn closed(client: Client, _: Sale) {
    open(&client, "slow", 0, 1).await;
    lend(&client, "slow", 1, 1, &[("a", 5)]).await;
    let close = "select close_silent_1()";
    assert_eq!(text(&client, close).await, "0", "its lease is not over");
    client
        .batch_execute("update node set until = now() - interval '1 s'")
        .await
        .expect("it is there");
    assert_eq!(text(&client, close).await, "1");
    assert_eq!(text(&client, close).await, "0", "asked again");
    assert_eq!(text(&client, FREE).await, "100; 10");
    let late = Batch::default()
        .place("late", &[("a", 1, 5)], None)
        .back(1, 40);
    assert_eq!(late.send(&client, "slow", 1, 1).await, "written fenced -");
    assert_eq!(text(&client, BLOCKS).await, "1 50 0 0 t");
    assert_eq!(text(&client, FREE).await, "100; 10");
    // Of others, too.
    open(&client, "other", 0, 2).await;
    lend(&client, "other", 1, 1, &[("a", 5)]).await;
    let of_others = Batch::default().place("thief", &[("a", 2, 5)], None);
    assert_eq!(
        of_others.send(&client, "slow", 1, 2).await,
        "written fenced -"
    );
    one(&client, "select leave_1('other', 1)", &[]).await;
    one(&client, "select leave_1('other', 1)", &[]).await;
    assert_eq!(
        text(&client, FREE).await,
        "100; 10",
        "who leaves gives all back, once"
    );
}

async fn ends(client: Client, _: Sale) {
    open(&client, "n", 0, 1).await;
    lend(&client, "n", 1, 1, &[("b", 5)]).await;
    let whole = Batch::default().place("x", &[("b", 1, 5)], Some(1));
    assert_eq!(whole.send(&client, "n", 1, 1).await, "written placed held");
    tokio::time::sleep(Duration::from_millis(5)).await;
    let serves = Batch::default()
        .place("new", &[("b", 1, 4)], None)
        .item("x", "expire");
    assert_eq!(
        serves.send(&client, "n", 1, 2).await,
        "written placed,is held,expired 5"
    );
    // What did not end serves nobody.
    let not = Batch::default()
        .item("new", "expire")
        .place("newer", &[("b", 1, 4)], None);
    assert_eq!(
        not.send(&client, "n", 1, 3).await,
        "written is,again held,-"
    );
    // An order ends once, whoever asks; its units never go to the block that they came from if that is closed.
    one(&client, "select leave_1('n', 1)", &[]).await;
    open(&client, "m", 0, 2).await;
    let cancel = Batch::default().item("new", "cancel").item("x", "cancel");
    assert_eq!(
        cancel.send(&client, "m", 1, 1).await,
        "written done,is cancelled,expired"
    );
    assert_eq!(
        cancel.send(&client, "m", 1, 2).await,
        "written is,is cancelled,expired"
    );
    assert_eq!(text(&client, FREE).await, "100; 10");
    // A cancellation before the order.
    let before = Batch::default().item("early", "cancel");
    assert_eq!(
        before.send(&client, "m", 1, 3).await,
        "written is cancelled"
    );
    let late = Batch::default().place("early", &[("b", 0, 1)], None);
    assert_eq!(late.send(&client, "m", 1, 4).await, "written is cancelled");
    let ship = Batch::default().place("s", &[("b", 0, 1)], None);
    ship.send(&client, "m", 1, 5).await;
    for (number, kind, state, did) in [
        (6, "ship", "held", "is"),
        (7, "pay", "paid", "done"),
        (8, "pay", "paid", "is"),
        (9, "ship", "shipped", "done"),
        (10, "cancel", "shipped", "is"),
        (11, "pay", "shipped", "is"),
    ] {
        let says = Batch::default()
            .item("s", kind)
            .send(&client, "m", 1, number)
            .await;
        assert_eq!(says, format!("written {did} {state}"));
    }
}

async fn overdue(client: Client, _: Sale) {
    open(&client, "n", 0, 1).await;
    lend(&client, "n", 1, 1, &[("a", 5)]).await;
    let held = Batch::default().place("x", &[("a", 1, 5)], Some(1)).place(
        "y",
        &[("a", 1, 5)],
        Some(60_000),
    );
    held.send(&client, "n", 1, 1).await;
    tokio::time::sleep(Duration::from_millis(5)).await;
    let pay = Batch::default().item("x", "pay").item("y", "pay");
    assert_eq!(
        pay.send(&client, "n", 1, 2).await,
        "written alone,done expired,paid"
    );
    assert_eq!(
        pay.send(&client, "n", 1, 2).await,
        "read alone,is expired,paid"
    );
    assert_eq!(
        text(&client, FREE).await,
        "55; 10",
        "a late payment takes its units from the pool"
    );
}

async fn refuses(client: Client, _: Sale) {
    open(&client, "n", 0, 1).await;
    lend(&client, "n", 1, 1, &[("b", 5)]).await;
    assert_eq!(
        prove(&client, &[("x", "b", 10), ("y", "b", 11)]).await,
        "enough,refused"
    );
    assert_eq!(
        prove(&client, &[("y", "b", 1)]).await,
        "is",
        "it stays refused"
    );
    let late = Batch::default().place("y", &[("b", 1, 1)], None);
    assert_eq!(
        late.send(&client, "n", 1, 1).await,
        "written is refused",
        "a late copy, too"
    );
    let cancel = Batch::default().item("y", "cancel").item("z", "cancel");
    assert_eq!(
        cancel.send(&client, "n", 1, 2).await,
        "written is,is refused,cancelled"
    );
    // Orders past their deadline end first.
    Batch::default()
        .place("held", &[("b", 1, 5)], Some(1))
        .send(&client, "n", 1, 3)
        .await;
    tokio::time::sleep(Duration::from_millis(5)).await;
    assert_eq!(prove(&client, &[("w", "b", 6)]).await, "overdue");
    Batch::default()
        .item("held", "expire")
        .send(&client, "n", 1, 4)
        .await;
    assert_eq!(prove(&client, &[("w", "b", 6)]).await, "enough");
    // Units on the way back are in the sum.
    Batch::default().back(1, 5).send(&client, "n", 1, 5).await;
    assert_eq!(
        prove(&client, &[("w", "b", 10), ("v", "b", 11)]).await,
        "enough,refused"
    );
}

async fn pool(client: Client, sale: Sale) {
    let settings = SkuSettings::new(10).safety(4).narrow(20);
    sale.open_sku("few", settings).await.expect("a new SKU");
    sale.open_sku("few", settings).await.expect("a retry");
    let other = sale.open_sku("few", settings.safety(3)).await;
    assert_eq!(other, Err(SaleError::Exists));
    open(&client, "n", 0, 1).await;
    let (standing, blocks) = lend(&client, "n", 1, 1, &[("few", 3)]).await;
    assert_eq!(
        (standing.as_str(), blocks),
        ("lent", vec![]),
        "little is left: no block"
    );
    let all = Batch::default()
        .place("p", &[("few", 0, 3)], None)
        .place("q", &[("few", 0, 4)], None)
        .place("r", &[("few", 0, 3)], None);
    let did = "written placed,short,placed held,-,held";
    assert_eq!(
        all.send(&client, "n", 1, 1).await,
        did,
        "safety stock is not sold"
    );
    assert_eq!(prove(&client, &[("s", "few", 1)]).await, "refused");
    one(
        &client,
        "select * from shelf_1('few', 'more', 'restock', 7, 99, false)",
        &[],
    )
    .await;
    assert_eq!(
        text(&client, "select mode from pool where sku = 'few'").await,
        "wide"
    );
}

async fn restocks(client: Client, _: Sale) {
    let restock = async |key: &str, sku: &str, units: i64| {
        let sql = "select standing from shelf_1($1, $2, 'restock', $3, $3, false)";
        one(&client, sql, &[&sku, &key, &units])
            .await
            .get::<_, String>(0)
    };
    assert_eq!(restock("x", "a", 5).await, "done");
    assert_eq!(restock("x", "a", 5).await, "before", "once");
    assert_eq!(restock("x", "a", 6).await, "conflict");
    assert_eq!(restock("y", "nix", 5).await, "missing");
    assert_eq!(restock("y", "a", 1 << 40).await, "much");
    assert_eq!(
        restock("y", "a", 1).await,
        "done",
        "what was refused left no row"
    );
    assert_eq!(text(&client, FREE).await, "106; 10");
}

async fn audits(client: Client, sale: Sale) {
    open(&client, "n", 0, 1).await;
    lend(&client, "n", 1, 1, &[("a", 5)]).await;
    let wrong = async || match sale.audit().await {
        Err(SaleError::Audit(words)) => words,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        wrong().await,
        "block 1 of node n has 50 units of SKU a; of SKU a 100 units came, and 50 are accounted for"
    );
    Batch::default()
        .place("x", &[("a", 1, 5)], None)
        .send(&client, "n", 1, 1)
        .await;
    one(&client, "select leave_1('n', 1)", &[]).await;
    sale.audit().await.expect("all is back");
    client
        .batch_execute("update block set taken = 4")
        .await
        .expect("it is there");
    assert_eq!(
        wrong().await,
        "block 1 of node n gave 4 units, and orders took 5"
    );
    client
        .batch_execute(
            "update block set taken = 5; update pool set free = free - 1 where sku = 'b'",
        )
        .await
        .expect("it is there");
    assert_eq!(
        wrong().await,
        "of SKU b 10 units came, and 9 are accounted for"
    );
}

async fn others(url: &str) {
    let name = super::support::fresh();
    let sale = Sale::at(url, &name).expect("it is a name");
    assert!(matches!(sale.audit().await, Err(SaleError::NotInstalled)));
    let client = connect(url, &name).await;
    let own = format!("create schema {name}; create table mine (x integer)");
    client.batch_execute(&own).await.expect("it is new");
    assert_eq!(sale.install().await, Err(SaleError::NotASale));
    client
        .batch_execute("drop table mine")
        .await
        .expect("it is there");
    sale.install().await.expect("an empty schema is filled");
    sale.install().await.expect("a second time changes nothing");
    client
        .batch_execute("update segstock_nodes set version = 9")
        .await
        .expect("it is there");
    let later = Err(SaleError::Version { found: 9 });
    assert_eq!(sale.install().await, later);
    assert_eq!(sale.join("n").await.map(drop), later.clone());
    for name in ["", "1a", "A", "pg_x", "a\"b"] {
        assert!(
            matches!(Sale::at(url, name), Err(SaleError::Name(_))),
            "{name:?}"
        );
    }
    assert!(matches!(Sale::at("host=", "a"), Err(SaleError::Url(_))));
}
