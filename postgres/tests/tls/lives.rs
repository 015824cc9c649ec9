//! What is sold over TLS, and goes on when the connection is lost. The server takes nothing else.

use super::support::{
    AUTHORITY, Tests, connections, file, inside, open_with_patience, over_tcp, own, tls_only,
    trusting,
};
use segstock_orders::{OrderBook, OrderState, Refusal};
use segstock_postgres::PostgresLedger;
use segstock_postgres::nodes::{Sale, SkuSettings};
use segstock_remote::servers::{PostgresServer, Server, id, units};
use segstock_remote::{Answer, RemoteStock};
use std::sync::Mutex;
use std::time::Duration;
use tokio::runtime::Handle;

pub fn add(tests: &Tests) {
    tests.add_with_own(
        "lives::a_design_goes_on_after_a_loss",
        tls_only,
        |server, runtime| {
            let (url, _roots) = verified(server);
            let stock = runtime.block_on(open_with_patience(&url, Duration::from_secs(30)));
            let stock = stock.expect("a new stock");
            let deduct = |order: &str| runtime.block_on(stock.deduct(&id(order), units(1)));
            assert_eq!(deduct("a"), Answer::Done(()));
            only_by_tls(server, runtime);
            lose(server, runtime);
            assert_eq!(deduct("b"), Answer::Done(()));
            own(server).kill_and_start().expect("it starts again");
            assert_eq!(deduct("c"), Answer::Done(()));
            assert_eq!(deduct("a"), Answer::Done(()), "it is known");
            only_by_tls(server, runtime);
        },
    );
    tests.add_with_own(
        "lives::a_node_joins_and_sells_and_goes_on",
        tls_only,
        |server, runtime| {
            let (url, _roots) = verified(server);
            let _node = runtime.block_on(async {
                let sale = Sale::at(&url, "shop").expect("it is a name");
                let sale = sale.patience(Duration::from_secs(20));
                sale.install().await.expect("the tables can be made");
                sale.open_sku("phone", SkuSettings::new(5))
                    .await
                    .expect("a new SKU");
                let node = sale.join("node").await.expect("it is there");
                let place = async |order| {
                    let placed = node.place(&id(order), [("phone", 1)], None).await;
                    placed.map(|answer| answer.state)
                };
                assert_eq!(place("a").await, Ok(OrderState::Held));
                own(server).kill_and_start().expect("it starts again");
                assert_eq!(place("b").await, Ok(OrderState::Held));
                assert_eq!(
                    node.pay(&id("a")).await.map(|paid| paid.state),
                    Ok(OrderState::Paid)
                );
                node
            });
            only_by_tls(server, runtime);
        },
    );
    tests.add_with_own(
        "lives::a_ledger_is_kept_and_goes_on",
        tls_only,
        |server, runtime| {
            let (url, _roots) = verified(server);
            let recover = || {
                let ledger = PostgresLedger::at(&url, "shop").expect("it is a name");
                OrderBook::builder().recover(ledger).expect("it is there")
            };
            let shop = recover();
            let hold = Duration::from_secs(900);
            let place = |order: &str| {
                let lines = [("phone".to_owned(), 1)];
                shop.book.place(order, None, lines, hold).map(drop)
            };
            shop.book.open("phone".to_owned(), 2).expect("a new SKU");
            place("a").expect("there are enough");
            only_by_tls(server, runtime);
            lose(server, runtime);
            place("b").expect("there are enough");
            only_by_tls(server, runtime);
            assert!(matches!(place("c"), Err(Refusal::Short(_))));
            drop(shop);
            assert_eq!(recover().found.orders, 2);
        },
    );
}

/// Where the server is for who verifies it, and a file for that time.
fn verified(server: &Mutex<PostgresServer>) -> (String, tempfile::NamedTempFile) {
    let roots = file(&AUTHORITY.root());
    let url = over_tcp(own(server).port(), &trusting("verify-full", &roots));
    (url, roots)
}

#[track_caller]
fn only_by_tls(server: &Mutex<PostgresServer>, runtime: &Handle) {
    let inside = inside(&own(server), runtime);
    let (by_tls, plain) = connections(&inside, runtime);
    assert!(by_tls > 0 && plain == 0, "{by_tls} by TLS, {plain} plain");
}

/// The server ends all connections over TCP.
fn lose(server: &Mutex<PostgresServer>, runtime: &Handle) {
    const END: &str =
        "select pg_terminate_backend(pid) from pg_stat_activity where client_addr is not null";
    let inside = inside(&own(server), runtime);
    runtime
        .block_on(inside.batch_execute(END))
        .expect("the server is there");
}
