//! What users may say wrong: each is refused by its call, for good, and the node goes on.

use super::support::{Tests, at_url, sale, scenes};
use segstock_postgres::nodes::{
    Cursor, Filter, InvalidOrder, ListCursor, Node, Position, Refusal, Returned, Sale, SaleError,
    SkuLimits, SkuSettings,
};
use segstock_remote::servers::id;
use std::fmt::Debug;
use std::time::Duration;

pub fn add(tests: &Tests) {
    scenes!(at_url(tests) {
        "hostile::what_is_no_name_is_refused": names,
        "hostile::names_of_all_letters_are_sold": letters,
        "hostile::numbers_beyond_all_measure_are_refused": numbers,
        "hostile::times_beyond_all_measure_are_as_long_as_clocks_count": times,
    });
}

/// Refused, and no time changes that.
#[track_caller]
fn assert_refused<T: Debug>(what: &str, answer: Result<T, Refusal>) {
    match answer {
        Err(refusal) if !refusal.is_temporary() => {}
        answer => panic!("{what} is answered {answer:?}"),
    }
}

/// The node has not ended: it sells.
async fn assert_sells(node: &Node, order: &str) {
    let placed = node.place(&id(order), [("shoes", 1)], None).await;
    placed.expect("it sells");
    assert_eq!(node.status().over, None);
}

async fn names(url: &str) {
    let (sale, _) = sale(url, &[("shoes", 100)]).await;
    let node = sale.join("n0").await.expect("it joins");
    let too_long = ["x".repeat(129), "é".repeat(65), "x".repeat(1 << 20)];
    let names = ["", "\0", "a\0b", "a\n", "\u{7f}", "\u{85}"].map(str::to_owned);
    let (key, order) = (id("key"), id("order"));
    node.place(&order, [("shoes", 1)], None)
        .await
        .expect("held");
    for (number, bad) in names.iter().chain(&too_long).enumerate() {
        let bad = bad.as_str();
        let what = format!("name {number}");
        let lines = [("shoes", 1), (bad, 1)];
        let fresh = id(&format!("fresh:{number}"));
        assert_refused(&what, node.place(&fresh, lines, None).await);
        let waits = node.place_or_wait(&fresh, None, lines, None).await;
        assert_refused(&what, waits);
        let shoes = [("shoes", 1)];
        let placed = node.place_for(&fresh, Some(bad), shoes, None).await;
        assert_refused(&what, placed);
        assert_refused(&what, node.amend(&order, &key, lines, None).await);
        assert_refused(&what, node.pay_part(&order, &key, lines).await);
        assert_refused(&what, node.ship_part(&order, &key, lines).await);
        assert_refused(&what, node.cancel_part(&order, &key, lines).await);
        let returned = node.return_part(&order, &key, lines, Returned::WrittenOff);
        assert_refused(&what, returned.await);
        assert_refused(&what, node.restock(&key, bad, 1).await);
        assert_refused(&what, node.count(&key, bad, 1).await);
        assert_refused(&what, node.write_off(&key, bad, 1).await);
        assert_refused(&what, node.foresee_restock(&key, bad, 1).await);
        assert_refused(&what, node.foresee_count(&key, bad, 1).await);
        assert_refused(&what, node.move_units(&key, "shoes", bad, 1).await);
        assert_refused(&what, node.move_units(&key, bad, "shoes", 1).await);
        assert_refused(&what, node.send(&key, bad, "shoes", 1).await);
        let sending = Position::default();
        assert_refused(&what, node.arrive(&key, bad, sending, 1, 0).await);
        assert_refused(&what, node.limit(bad, SkuLimits::default()).await);
        assert_refused(&what, node.available(bad).await);
        let mut of_sku = Filter::default();
        of_sku.sku = Some(bad.to_owned());
        let begin = ListCursor::default();
        assert_refused(&what, node.orders(&of_sku, &begin, 9).await);
        let mut of_customer = Filter::default();
        of_customer.customer = Some(bad.into());
        let listed = node.orders(&of_customer, &begin, 9).await;
        let page = node.stocks(bad, 9).await;
        if bad.contains('\0') {
            assert_refused(&what, listed);
            assert_refused(&what, page);
        } else {
            assert_eq!(listed.expect("of nobody").orders.len(), 0);
            page.expect("after such a text, too");
        }
        let opened = node.open_sku(bad, SkuSettings::new(1)).await;
        assert!(matches!(opened, Err(SaleError::Sku(_))), "{opened:?}");
        let free = sale.free(bad).await;
        assert!(matches!(free, Err(SaleError::Sku(_))), "{what}: {free:?}");
        let joined = sale.join(bad).await.map(drop);
        assert!(matches!(joined, Err(SaleError::Node(_))), "{joined:?}");
        let named = Sale::at(url, bad).map(drop);
        assert!(matches!(named, Err(SaleError::Name(_))), "{named:?}");
        assert!(format!("{bad}=1").parse::<Cursor>().is_err() || bad.is_empty());
        assert!(format!("1-{bad}").parse::<ListCursor>().is_err());
        assert_sells(&node, &format!("still:{number}")).await;
    }
}

async fn letters(url: &str) {
    let (sale, _) = sale(url, &[("shoes", 100)]).await;
    let node = sale.join("n0").await.expect("it joins");
    let names = [
        "'; drop table orders; --",
        "{\"a\",NULL}",
        "\\x00 %s $1",
        "\u{feff}\u{202e}\u{fffd}\u{ffff}\u{10ffff}",
        "NULL",
        &"é".repeat(64),
        " ",
    ];
    for (number, name) in names.iter().enumerate() {
        let settings = SkuSettings::new(9);
        assert_eq!(node.open_sku(name, settings).await, Ok(true), "{name:?}");
        let order = id(&format!("order:{number}"));
        let lines = [(*name, 2), ("shoes", 1)];
        let placed = node.place_for(&order, Some(name), lines, None).await;
        placed.expect("it is placed");
        assert_eq!(node.available(name).await, Ok(7), "{name:?}");
        let view = node.view(&order).await.expect("it is known");
        assert!(view.lines.iter().any(|line| line.sku == *name), "{view:?}");
        let mut filter = Filter::default();
        filter.sku = Some((*name).to_owned());
        filter.customer = Some((*name).into());
        let found = node.orders(&filter, &ListCursor::default(), 9).await;
        assert_eq!(found.expect("they are listed").orders.len(), 1, "{name:?}");
        let page = node.stocks(name, 9).await.expect("they are listed");
        assert!(page.stocks.iter().all(|(sku, _)| sku != name), "{page:?}");
        node.pay(&order).await.expect("it is held");
    }
    assert_sells(&node, "still").await;
}

async fn numbers(url: &str) {
    let (sale, _) = sale(url, &[("shoes", 100), ("boots", 1)]).await;
    let node = sale.join("n0").await.expect("it joins");
    let (key, order) = (id("key"), id("order"));
    node.place(&order, [("shoes", 1)], None)
        .await
        .expect("held");
    let begin = ListCursor::default();
    for (at, units) in [1 << 41, 1 << 53, i64::MAX as u64, 1 << 63, u64::MAX]
        .into_iter()
        .enumerate()
    {
        let what = format!("{units}");
        let lines = [("shoes", units)];
        let fresh = id(&format!("fresh:{at}"));
        assert_refused(&what, node.place(&fresh, lines, None).await);
        let twice = [("shoes", units), ("shoes", units)];
        let waits = node.place_or_wait(&fresh, None, twice, None).await;
        assert_refused(&what, waits);
        assert_refused(&what, node.amend(&order, &key, lines, None).await);
        assert_refused(&what, node.pay_part(&order, &key, lines).await);
        assert_refused(&what, node.restock(&key, "shoes", units).await);
        assert_refused(&what, node.count(&key, "shoes", units).await);
        assert_refused(&what, node.write_off(&key, "shoes", units).await);
        assert_refused(&what, node.foresee_restock(&key, "shoes", units).await);
        assert_refused(&what, node.foresee_count(&key, "shoes", units).await);
        assert_refused(&what, node.move_units(&key, "shoes", "boots", units).await);
        assert_refused(&what, node.send(&key, "shoes", "boots", units).await);
        let sending = Position::new(units);
        assert_refused(&what, node.arrive(&key, "shoes", sending, 1, 0).await);
        let first = Position::new(1);
        let arrived = node.arrive(&key, "shoes", first, units, units).await;
        assert_refused(&what, arrived);
        let mut limits = SkuLimits::default();
        limits.safety = units;
        assert_refused(&what, node.limit("shoes", limits).await);
        let opened = node.open_sku("new", SkuSettings::new(units)).await;
        assert!(matches!(opened, Err(SaleError::Units)), "{opened:?}");
        // More than there can be is as good as all.
        let settings = SkuSettings::new(1).narrow(units).most_lent(units);
        let opened = node.open_sku(&format!("new:{at}"), settings).await;
        assert_eq!(opened, Ok(true), "{units}");
        let mut limits = SkuLimits::default();
        (limits.waiting, limits.low) = (units, units);
        (limits.per_customer, limits.unpaid) = (Some(units), Some(u8::MAX));
        let limited = node.limit("boots", limits).await;
        assert!(
            limited
                .as_ref()
                .map_or_else(|refusal| !refusal.is_temporary(), |_| true),
            "{units}: {limited:?}"
        );
        let mut filter = Filter::default();
        (filter.from, filter.to) = (Position::new(units), Some(Position::new(units)));
        let page = node.orders(&filter, &begin, usize::MAX).await;
        assert_eq!(page.expect("an empty page").orders.len(), 0);
        let page = node.sendings(Position::new(units), usize::MAX).await;
        page.expect("an empty page");
        let cursor: ListCursor = format!("{units}-x").parse().expect("it is one");
        let page = node.orders(&Filter::default(), &cursor, 9).await;
        page.expect("an empty page");
        let cursor: Cursor = format!("n0={}", units.cast_signed()).parse().expect("one");
        node.changes(&cursor, usize::MAX).await.expect("a page");
        node.events(&cursor, usize::MAX).await.expect("a page");
        assert_sells(&node, &format!("still:{at}")).await;
    }
}

async fn times(url: &str) {
    let (sale, _) = sale(url, &[("shoes", 100)]).await;
    let node = sale.join("n0").await.expect("it joins");
    let (key, order) = (id("key"), id("order"));
    let longest = Some(Duration::MAX);
    let hold = Refusal::Invalid(InvalidOrder::Hold);
    let placed = node.place(&order, [("shoes", 1)], longest).await;
    assert_eq!(placed, Err(hold.clone()));
    node.place(&order, [("shoes", 1)], Some(Duration::from_secs(60)))
        .await
        .expect("held");
    assert_eq!(node.extend(&order, &key, longest).await, Err(hold));
    let mut filter = Filter::default();
    filter.since = Duration::MAX;
    let page = node.orders(&filter, &ListCursor::default(), 9).await;
    assert_eq!(page.expect("an empty page").orders.len(), 0);
    filter.since = Duration::ZERO;
    filter.before = Some(Duration::MAX);
    let page = node.orders(&filter, &ListCursor::default(), 9).await;
    assert_eq!(page.expect("it is listed").orders.len(), 1);
    assert_eq!(sale.forget(Duration::MAX, u64::MAX).await, Ok(0));
    // A node that waits for ever, and keeps all.
    let patient = sale
        .clone()
        .timeout(Duration::MAX)
        .patience(Duration::MAX)
        .lease(Duration::MAX)
        .heartbeat(Duration::from_millis(50))
        .recall(Duration::MAX)
        .longest_hold(Duration::MAX)
        .events(Duration::MAX)
        .retention(Some(Duration::MAX));
    let other = patient.join("n1").await.expect("it joins");
    assert_sells(&other, "patient").await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_sells(&other, "later").await;
    let cursor = Cursor::default();
    let page = other.events(&cursor, 9).await.expect("they are kept");
    assert!(!page.events.is_empty(), "{page:?}");
    other.leave().await.expect("it leaves");
    patient
        .audit()
        .await
        .expect_err("the other node has a block");
    assert_sells(&node, "still").await;
}
