//! What customers have of a limited SKU, and how limits are set: locks, late copies, and the audit.

use super::many::{large, run};
use super::support::{Tests, at_url, connect, open, scenes, text};
use segstock_postgres::nodes::{Sale, SaleError};
use std::time::Duration;
use tokio::time::sleep;
use tokio_postgres::Client;

pub fn add(tests: &Tests) {
    scenes!(large(tests) {
        "customers::a_late_copy_of_a_limit_undoes_no_later_one": copies,
        "customers::the_audit_counts_what_customers_have": audits,
    });
    scenes!(at_url(tests) {
        "customers::a_late_payment_locks_in_one_sequence": locks,
        "customers::a_database_without_utf8_is_refused": latin,
    });
}

async fn copies(client: Client, _: Sale) {
    let limit = async |number: i64, closed: bool, safety: i64| {
        let sql = format!(
            "select limit_1({number}, 'a', {safety}, {closed}, null, null, null, 0, false)"
        );
        text(&client, &sql).await
    };
    assert_eq!(limit(10, true, 0).await, "done");
    assert_eq!(limit(12, false, 0).await, "done");
    assert_eq!(limit(13, false, 0).await, "same");
    assert_eq!(limit(10, true, 0).await, "done", "a late copy");
    assert_eq!(text(&client, "select closed from pool").await, "f");
    assert_eq!(limit(13, false, 5).await, "done", "known by its number");
    assert_eq!(limit(14, false, 5).await, "done");
    assert_eq!(text(&client, "select safety from pool").await, "5");
}

/// Order `o` of customer `c`: 2 units of each SKU, which count; held for this many milliseconds.
async fn place(client: &Client, number: i64, ttl: i64) {
    open(client, "n", 0, 1).await;
    run(
        client,
        &format!(
            "update pool set counted = true, per_customer = 50, mode = 'narrow';
             select batch_1('n', 1, {number}, true, '{{}}', array_agg(1::bigint), array_agg('o'::text), array_agg('place'::text),
               array_agg(7::bigint), array_agg({ttl}000::bigint), array_agg(p.sku), array_agg(0::bigint), array_agg(2::bigint),
               '{{}}', '{{}}', array_agg('c'::text))
             from pool p"
        ),
    )
    .await;
}

async fn audits(client: Client, sale: Sale) {
    place(&client, 1, 60_000).await;
    sale.audit().await.expect("it is counted");
    run(&client, "update customer set units = 1").await;
    let wrong = SaleError::Audit("customer c has 1 units of SKU a, and orders say 2".to_owned());
    assert_eq!(sale.audit().await, Err(wrong));
    run(&client, "delete from customer").await;
    assert!(matches!(sale.audit().await, Err(SaleError::Audit(_))));
    run(
        &client,
        "insert into customer values ('c', 'a', 2);
         select change_1('n', 'o', 'k1', 'pay', 1, null, null, null, false);
         select change_1('n', 'o', 'k2', 'ship', 1, null, null, null, false);
         select change_1('n', 'o', 'k3', 'return', 1, '{a}', '{1}', null, false)",
    )
    .await;
    sale.audit().await.expect("one is left");
    run(&client, "select forget_1(0, 0, 100)").await;
    assert_eq!(text(&client, "select count(*) from orders").await, "0");
    sale.audit()
        .await
        .expect("and of orders that are forgotten");
    assert_eq!(
        text(&client, "select units, forgotten from customer").await,
        "1 1"
    );
}

async fn locks(url: &str) {
    let (_sale, name) = super::support::sale(url, &[("a", 100), ("b", 100)]).await;
    let (client, other) = (connect(url, &name).await, connect(url, &name).await);
    place(&client, 1, 400).await;
    run(
        &client,
        "select change_1('n', 'o', 'k1', 'pay', 1, '{a}', '{2}', null, false)",
    )
    .await;
    sleep(Duration::from_millis(500)).await;
    run(
        &other,
        "begin; select * from customer where sku = 'a' for update",
    )
    .await;
    // What is held of SKU b expires, and is paid for late.
    let pays = tokio::spawn(async move {
        let late = "select standing, late from change_1('n', 'o', 'k2', 'pay', 1, '{b}', '{2}', null, false)";
        text(&client, late).await
    });
    while text(&other, "select count(*) from pg_locks where not granted").await == "0" {
        sleep(Duration::from_millis(5)).await;
    }
    let free = "select sku from customer where sku = 'b' for update skip locked";
    assert_eq!(text(&other, free).await, "b", "SKU b is locked after SKU a");
    run(&other, "rollback").await;
    assert_eq!(pays.await.expect("no panic"), "done 2");
}

async fn latin(url: &str) {
    let name = super::support::fresh();
    let make = connect(url, &name).await;
    let sql = format!(
        "create database {name} encoding 'LATIN1' template template0 lc_collate 'C' lc_ctype 'C'"
    );
    run(&make, &sql).await;
    let latin = match url.rsplit_once('/') {
        Some((server, _)) if url.starts_with("postgres") => format!("{server}/{name}"),
        _ => format!("{url} dbname={name}"),
    };
    let sale = Sale::at(&latin, &name).expect("it is a name");
    let refused = sale.install().await.expect_err("it cannot keep each SKU");
    let found = "LATIN1".to_owned();
    assert_eq!(refused, SaleError::Encoding { found });
    run(&make, &format!("drop database {name} with (force)")).await;
}
