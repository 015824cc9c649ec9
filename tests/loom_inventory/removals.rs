//! A removal of a SKU beside every call on it.

use super::*;
use segstock::inventory::{RemoveError, SkuError, SkuSnapshot};

/// What a call on one SKU answers while another takes that SKU away, and the snapshot that is left.
fn removing(
    name: &str,
    call: fn(&Arc<Shop>) -> Result<(), SkuError>,
    change: fn(SkuSnapshot) -> u64,
) {
    race(
        name,
        &[("a", 2)],
        call,
        |shop| shop.remove("a").unwrap(),
        &[],
        move |subject, called, last| {
            assert!(subject.shop.is_empty());
            match called {
                Ok(()) => assert_eq!(change(last), 1, "it is in the final snapshot"),
                Err(error) => {
                    assert!(error.is_unknown_sku());
                    assert_eq!(change(last), 0);
                    assert_eq!(last.available, 2);
                }
            }
        },
    );
}

#[test]
fn remove_against_deduct() {
    let deduct: fn(&Arc<Shop>) -> _ = |shop| shop.deduct("a", 1);
    removing("remove_against_deduct", deduct, |last| last.sold);
}

#[test]
fn remove_against_restock() {
    let restock: fn(&Arc<Shop>) -> _ = |shop| shop.restock("a", 1);
    removing("remove_against_restock", restock, |last| last.restocked);
}

#[test]
fn remove_against_write_off() {
    let write_off: fn(&Arc<Shop>) -> _ = |shop| shop.write_off("a", 1);
    removing("remove_against_write_off", write_off, |last| {
        last.written_off
    });
}

/// It answers what the SKU is: in the inventory, or unknown, and never out of stock.
#[test]
fn remove_against_reserve() {
    race(
        "remove_against_reserve",
        &[("a", 1)],
        |shop| shop.reserve("a", 1).map(segstock::Reservation::commit),
        |shop| shop.remove("a"),
        &["Ok(()) | Err(Reserved { units: 1 })"],
        |subject, reserved, removed| match removed {
            Ok(last) if last.sold == 0 => assert_eq!(reserved, Err(SkuError::UnknownSku)),
            Ok(last) => assert_eq!((reserved, last.sold), (Ok(()), 1)),
            Err(error) => {
                assert_eq!(error, RemoveError::Reserved { units: 1 });
                assert_eq!(figures(&subject.shop, "a"), Some((0, 0, 1)));
            }
        },
    );
}

/// The snapshot of a SKU that is just taken away is the one that it had.
#[test]
fn remove_against_get() {
    race(
        "remove_against_get",
        &[("a", 2)],
        |shop| {
            shop.write_off("a", 1).unwrap();
            shop.remove("a").unwrap().written_off
        },
        |shop| {
            shop.get("a")
                .map(|snapshot| (snapshot.sold, snapshot.written_off))
        },
        &["1 | Some((0, 1))"],
        |_, last, seen| {
            assert_eq!(last, 1);
            assert!(matches!(seen, None | Some((0, 0 | 1))), "{seen:?}");
        },
    );
}

#[test]
fn remove_against_an_order() {
    race(
        "remove_against_an_order",
        &[("a", 1), ("b", 1)],
        |shop| buy(shop, &[("a", 1), ("b", 1)]),
        |shop| shop.remove("b"),
        &["Ok(()) | Err(Reserved { units: 1 })"],
        |subject, order, removed| {
            let b = match removed {
                Ok(last) => Some((last.available, last.reserved, last.sold)),
                Err(error) => {
                    assert_eq!(error, RemoveError::Reserved { units: 1 });
                    figures(&subject.shop, "b")
                }
            };
            match order {
                Ok(()) => assert_eq!(b, Some((0, 0, 1))),
                Err(refused) => {
                    assert_eq!(refused, OrderRefused::UnknownSkus(vec!["b"]));
                    assert_eq!(b, Some((1, 0, 0)));
                    assert_eq!(figures(&subject.shop, "a"), Some((1, 0, 0)));
                }
            }
        },
    );
}

#[test]
fn remove_against_giving_back() {
    race(
        "remove_against_giving_back",
        &[("a", 1)],
        |shop| drop(shop.reserve("a", 1)),
        |shop| shop.remove("a"),
        &["() | Err(Reserved { units: 1 })"],
        |subject, (), removed| match removed {
            Ok(last) => assert_eq!((last.available, last.reserved, last.sold), (1, 0, 0)),
            Err(error) => {
                assert_eq!(error, RemoveError::Reserved { units: 1 });
                assert_eq!(figures(&subject.shop, "a"), Some((1, 0, 0)));
            }
        },
    );
}

#[test]
fn remove_against_remove() {
    race(
        "remove_against_remove",
        &[("a", 1)],
        |shop| shop.remove("a").is_ok(),
        |shop| shop.remove("a").is_ok(),
        &[],
        |_, one, other| assert!(one != other),
    );
}

/// A removal that finds units reserved leaves the SKU as it was, whoever waits for its decision.
#[test]
fn remove_against_a_reservation_and_a_deduct() {
    race(
        "remove_against_a_reservation_and_a_deduct",
        &[("a", 2)],
        |shop| {
            let reservation = shop.reserve("a", 1);
            let deducted = shop.deduct("a", 1);
            drop(reservation);
            deducted
        },
        |shop| shop.remove("a"),
        &["Ok(()) | Err(Reserved { units: 1 })"],
        |subject, deducted, removed| match removed {
            Ok(last) if deducted.is_ok() => assert_eq!((last.available, last.sold), (1, 1)),
            Ok(last) => assert_eq!((last.available, last.sold), (2, 0)),
            Err(error) => {
                assert_eq!(error, RemoveError::Reserved { units: 1 });
                assert_eq!(deducted, Ok(()));
                assert_eq!(figures(&subject.shop, "a"), Some((1, 0, 1)));
            }
        },
    );
}

/// The inventory has a SKU until its removal is decided: so it is opened again after it, or not at all.
#[test]
fn remove_against_insert() {
    race(
        "remove_against_insert",
        &[("a", 2)],
        |shop| shop.remove("a").unwrap(),
        |shop| shop.insert("a", 5).map(|()| shop.deduct("a", 1).is_ok()),
        &[],
        |subject, last, inserted| {
            assert_eq!((last.available, last.sold), (2, 0));
            let new = inserted.is_ok().then_some((4, 0, 1));
            assert_eq!(figures(&subject.shop, "a"), new);
        },
    );
}

#[test]
fn remove_against_available() {
    race(
        "remove_against_available",
        &[("a", 2)],
        |shop| shop.remove("a").unwrap().sold,
        |shop| (shop.available("a"), shop.deduct_up_to("a", 9)),
        &["0 | (Some(2), None)"],
        |_, last_sold, (seen, sold)| {
            assert!(matches!(seen, None | Some(2)), "{seen:?}");
            assert_eq!(last_sold, sold.unwrap_or(0));
        },
    );
}

#[test]
fn remove_against_snapshot() {
    race(
        "remove_against_snapshot",
        &[("a", 2), ("b", 1)],
        |shop| shop.remove("a").unwrap(),
        |shop| shop.snapshot(),
        &[],
        |_, last, kept| {
            assert_eq!(last.available, 2);
            assert!(matches!(on_hand(&kept), 1 | 3), "{kept:?}");
        },
    );
}

/// The stock is wide: the last units that come and go do so in segments.
#[test]
fn remove_of_a_wide_stock() {
    type Call = fn(&Arc<Shop>) -> Result<(), SkuError>;
    let calls: [(&str, Call, &[&str]); 3] = [
        ("deduct", |shop| shop.deduct("a", 1), &[]),
        ("restock", |shop| shop.restock("a", 1), &[]),
        (
            "release",
            |shop| shop.reserve("a", 1).map(drop),
            &["Ok(()) | Err(Reserved { units: 1 })"],
        ),
    ];
    for (name, call, between) in calls {
        race_wide(
            &format!("remove_of_a_wide_stock, {name}"),
            &[("a", 4)],
            call,
            |shop| shop.remove("a"),
            between,
            |subject, called, removed| match (called, removed) {
                (Ok(()), Ok(last)) => {
                    let left = last.initial + last.restocked - last.sold;
                    assert_eq!((last.available, last.reserved), (left, 0));
                    assert!(last.restocked + last.sold < 2);
                }
                (Err(error), Ok(last)) => {
                    assert!(error.is_unknown_sku());
                    assert_eq!((last.available, last.restocked), (4, 0));
                }
                (called, Err(error)) => {
                    assert_eq!(called, Ok(()));
                    assert_eq!(error, RemoveError::Reserved { units: 1 });
                    assert_eq!(figures(&subject.shop, "a"), Some((4, 0, 0)));
                }
            },
        );
    }
}
