//! A sale that is made aside, and takes its place when it is whole.

use super::support::{Tests, at_url, connect, sale, scenes};
use segstock_postgres::nodes::{OrderState, Refusal, Sale, SaleError};
use segstock_remote::servers::id;

pub fn add(tests: &Tests) {
    scenes!(at_url(tests) {
        "aside::a_sale_takes_its_place_with_its_orders": renamed,
        "aside::what_is_of_something_else_stays": others,
        "aside::a_sale_that_is_removed_leaves_nothing": removed,
        "aside::a_name_is_kept_until_the_sale_has_it": claimed,
        "aside::a_claim_is_taken_over_until_its_sale_is_whole": taken_over,
    });
}

async fn renamed(url: &str) {
    let (aside, name) = sale(url, &[("phone", 10)]).await;
    let client = connect(url, &name).await;
    let node = aside.join("n").await.expect("it joins");
    node.place(&id("x"), [("phone", 2)], None)
        .await
        .expect("there are ten");
    node.leave().await.expect("it leaves");
    let place = format!("{name}_place");
    // An empty schema is in its place, and then a ledger that is closed.
    for (new, there) in [
        ("y", format!("create schema {place}")),
        (
            "z",
            format!("create table {place}.owner (); create table {place}.closed ()"),
        ),
    ] {
        client.batch_execute(&there).await.expect("it is right");
        let there = Sale::at(url, &place).expect("a name");
        aside.rename(&place).await.expect("it is free");
        aside.rename(&place).await.expect("it has that name");
        let node = there.join("n").await.expect("it joins");
        assert_eq!(node.available("phone").await, Ok(8));
        assert_eq!(
            node.pay(&id("x")).await.map(|it| it.state),
            Ok(OrderState::Paid)
        );
        node.place(&id(new), [("phone", 1)], None)
            .await
            .expect("there are eight");
        node.cancel(&id(new)).await.expect("it is held");
        let missing = Refusal::NoSku {
            sku: "nix".to_owned(),
        };
        assert_eq!(node.available("nix").await, Err(missing));
        node.leave().await.expect("it leaves");
        there.audit().await.expect("it balances");
        let gone = aside.join("n").await.expect_err("it has another name");
        assert!(matches!(gone, SaleError::NotInstalled), "{gone}");
        there.rename(&name).await.expect("it is free");
        let again = format!("create schema if not exists {place}");
        client.batch_execute(&again).await.expect("it is right");
    }
    let closed = format!("select 1 from {place}_closed.closed");
    client
        .batch_execute(&closed)
        .await
        .expect("it is beside it");
}

async fn others(url: &str) {
    let (aside, name) = sale(url, &[]).await;
    let client = connect(url, &name).await;
    let other = format!("{name}_other");
    let letters = format!("create schema {other}; create table {other}.owner (letter text)");
    client.batch_execute(&letters).await.expect("it is right");
    let refused = aside.rename(&other).await.expect_err("it is there");
    assert!(
        refused.to_string().contains("tables of something else"),
        "{refused}"
    );
    let others = Sale::at(url, &other).expect("a name");
    let refused = others.remove().await.expect_err("it is no sale");
    assert!(refused.to_string().contains("not a sale's"), "{refused}");
    let refused = others.rename("nowhere").await.expect_err("it is no sale");
    assert!(
        refused.to_string().contains("there is no sale"),
        "{refused}"
    );
    assert!(matches!(aside.rename("No").await, Err(SaleError::Name(_))));
    client
        .batch_execute(&format!("select letter from {other}.owner"))
        .await
        .expect("it stays");
    // Another sale is in its place.
    let (second, _) = sale(url, &[("phone", 1)]).await;
    second.rename(&name).await.expect_err("there is one");
    assert_eq!(
        second
            .free("phone")
            .await
            .expect("it is there")
            .map(|it| it.units),
        Some(1)
    );
    assert_eq!(aside.free("phone").await.expect("it is there"), None);
}

async fn removed(url: &str) {
    let (sale, name) = sale(url, &[("phone", 1)]).await;
    let client = connect(url, "public").await;
    for _ in 0..2 {
        sale.remove().await.expect("it is a sale");
        let there = "select 1 from pg_namespace where nspname = $1";
        let there = client.query(there, &[&name]).await.expect("it is right");
        assert!(there.is_empty());
    }
    sale.install().await.expect("it is made again");
    assert_eq!(sale.free("phone").await.expect("it is there"), None);
}

#[track_caller]
fn assert_refused<T: std::fmt::Debug>(answer: Result<T, SaleError>, what: &str) {
    let refused = answer.expect_err("it must not be").to_string();
    assert!(refused.contains(what), "{what:?} in {refused}");
}

async fn claimed(url: &str) {
    let (aside, name) = sale(url, &[("phone", 3)]).await;
    let place = format!("{name}_place");
    let there = Sale::at(url, &place).expect("a name");
    // It may be any text.
    let by = "a shop's $$ {to} \\ \u{1f4f1}";
    let kept = SaleError::Claimed { by: by.to_owned() };
    for _ in 0..2 {
        for _ in 0..2 {
            aside.claim(&place, by).await.expect("it is ours");
        }
        assert_eq!(there.install().await, Err(kept.clone()));
        assert_eq!(there.join("n").await.err(), Some(kept.clone()));
        aside.mark_whole(&place).await.expect("it is ours");
        assert_refused(aside.claim(&place, by).await, "is whole");
        aside.rename(&place).await.expect("it is kept for it");
        let free = there.free("phone").await.expect("it is there");
        assert_eq!(free.map(|it| it.units), Some(3));
        assert_refused(aside.claim(&place, by).await, "has tables already");
        there.rename(&name).await.expect("it is free");
    }
    for whole in [false, true] {
        aside.install().await.expect("it is there, or made again");
        aside.claim(&place, by).await.expect("it is free");
        if whole {
            aside.mark_whole(&place).await.expect("it is ours");
        }
        for _ in 0..2 {
            aside.give_up(&place).await.expect("it is ours");
        }
        assert_eq!(aside.free("phone").await, Err(SaleError::NotInstalled));
        assert_eq!(there.free("phone").await, Err(SaleError::NotInstalled));
    }
    assert!(matches!(
        aside.claim("No", by).await,
        Err(SaleError::Name(_))
    ));
}

async fn taken_over(url: &str) {
    let (model, name) = sale(url, &[]).await;
    let place = format!("{name}_place");
    let aside = || Sale::aside(url, &name).expect("a name");
    let (first, second, third) = (aside(), aside(), aside());
    assert!(first.name().starts_with(&format!("{name}_")));
    first.install().await.expect("it is free");
    first.claim(&place, "first").await.expect("it is free");
    let claimed = second.claim(&place, "second").await;
    claimed.expect("the first is not whole");
    // It is gone, and may be made again by who knows nothing of it.
    assert_eq!(first.free("phone").await, Err(SaleError::NotInstalled));
    first.install().await.expect("nobody else has its name");
    assert_refused(first.mark_whole(&place).await, "for another sale");
    second.install().await.expect("nobody else has its name");
    first.give_up(&place).await.expect("it is ours");
    assert_eq!(first.free("phone").await, Err(SaleError::NotInstalled));
    for _ in 0..2 {
        second.mark_whole(&place).await.expect("it is theirs");
    }
    let refused = third.claim(&place, "third").await;
    assert_refused(refused, "is whole, and was made of second");
    assert_eq!(second.free("phone").await, Ok(None));
    second.give_up(&place).await.expect("it is theirs");
    third.claim(&place, "third").await.expect("it is free");
    assert_eq!(model.free("phone").await, Ok(None));
}
