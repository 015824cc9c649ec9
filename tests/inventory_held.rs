//! A snapshot writes what a hold has, not what was asked for; and a retry of the request is still recognized.
#![cfg(all(feature = "inventory", feature = "serde", not(loom)))]

use segstock::inventory::{InventorySnapshot, OrderHolds, OrderRefused, OrderReservation};
use segstock::{Holds, Inventory, ManualClock, Placed, Settled};
use std::sync::Arc;
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);

type Shop = Arc<Inventory<String>>;
type Lines = Vec<(String, u64)>;
type Orders<'a> = OrderHolds<String, Shop, &'a ManualClock>;
type Refused = OrderRefused<String>;

fn lines(lines: &[(&str, u64)]) -> Lines {
    lines.iter().map(|&(sku, n)| (sku.to_owned(), n)).collect()
}

fn open() -> Shop {
    let shop = Inventory::new();
    for sku in ["phone", "case", "gift"] {
        shop.insert(sku.to_owned(), 10).unwrap();
    }
    Arc::new(shop)
}

/// Places `request` by `reserve`, writes a snapshot, opens it, and checks that the hold has `held` there; that a
/// retry of the request finds it, and that a confirm sells `held`.
fn held_again(
    request: &[(&str, u64)],
    held: &[(&str, u64)],
    reserve: impl Fn(&Shop) -> Result<OrderReservation<Shop>, Refused>,
) {
    let clock = ManualClock::new();
    let shop = open();
    let holds: Orders<'_> = Holds::builder().clock(&clock).build();
    let placed = holds.place("key".to_owned(), lines(request), MINUTE, |_| reserve(&shop));
    assert!(matches!(placed, Ok(Placed::Now(_))), "{placed:?}");
    let other = Arc::clone(&shop).reserve_owned("phone", 1).unwrap();
    let text = serde_json::to_string(&shop.snapshot_with(&holds)).unwrap();
    drop(other);

    let kept: InventorySnapshot<String, String> = serde_json::from_str(&text).unwrap();
    let (again, restored) = Inventory::builder().restore(&kept).unwrap();
    assert_eq!(restored.freed, 1, "of the other reservation");
    let again: Shop = Arc::new(again);
    let held_now: Orders<'_> = Holds::builder().clock(&clock).build();
    assert_eq!(kept.place_holds(&again, &held_now), Ok(1));
    for sku in ["phone", "case", "gift"] {
        let units = held
            .iter()
            .find(|line| line.0 == sku)
            .map_or(0, |line| line.1);
        assert_eq!(again.get(sku).unwrap().reserved, units, "{sku}");
    }
    let retried = held_now.place("key".to_owned(), lines(request), MINUTE, |_| {
        reserve(&again)
    });
    assert!(matches!(retried, Ok(Placed::Before(_))), "{retried:?}");
    let was_sold: Vec<_> = shop.iter().map(|(sku, books)| (sku, books.sold)).collect();
    assert_eq!(held_now.confirm("key"), Ok(Settled::Now));
    for (sku, sold) in was_sold {
        let units = held
            .iter()
            .find(|line| line.0 == sku)
            .map_or(0, |line| line.1);
        assert_eq!(again.get(&sku).unwrap().sold, sold + units, "{sku}");
    }
}

fn order(shop: &Shop, of: &[(&str, u64)]) -> Result<OrderReservation<Shop>, Refused> {
    Arc::clone(shop).order_owned(lines(of))
}

#[test]
fn a_bundle_is_held_as_its_parts() {
    let parts = [("phone", 2), ("case", 4)];
    held_again(&[("kit", 2)], &parts, |shop| order(shop, &parts));
}

#[test]
fn fewer_units_than_were_asked_for_are_held() {
    held_again(&[("phone", 3)], &[("phone", 2)], |shop| {
        order(shop, &[("phone", 2)])
    });
}

#[test]
fn a_line_of_no_units_may_be_asked_for() {
    held_again(&[("phone", 1), ("case", 0)], &[("phone", 1)], |shop| {
        order(shop, &[("phone", 1)])
    });
}

#[test]
fn a_gift_is_held_too() {
    let with_gift = [("phone", 1), ("gift", 1)];
    held_again(&[("phone", 1)], &with_gift, |shop| order(shop, &with_gift));
}

/// One of three is sold while the order is placed, and another reservation has units of the SKU.
#[test]
fn what_is_sold_already_is_not_held() {
    held_again(&[("phone", 3)], &[("phone", 2)], |shop| {
        let mut order = order(shop, &[("phone", 3)])?;
        order.commit_part("phone", 1).unwrap();
        Ok(order)
    });
}
