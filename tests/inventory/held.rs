//! A snapshot writes what a hold has, not what was asked for; and a retry of the request is still recognized.

use segstock::inventory::{
    HoldRow, InventorySnapshot, OrderHolds, OrderRefused, OrderReservation, SkuRow, SkuSnapshot,
};
use segstock::{
    HoldError, Holds, Inventory, ManualClock, PlaceError, Placed, Resolution, Settle, Settled,
    Status,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
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

/// Places `request` by `reserve`, writes a snapshot, opens it, and checks that the hold has `held` in it; that a
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
    let was_sold: Vec<_> = shop
        .iter()
        .map(|(sku, snapshot)| (sku, snapshot.sold))
        .collect();
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

/// A type of a user's own, which counts the orders that were dropped without being sold.
struct Counted<'a> {
    order: Option<OrderReservation<Shop>>,
    dropped: &'a AtomicU64,
}

impl Settle for Counted<'_> {
    fn units(&self) -> u64 {
        self.as_ref().units()
    }

    fn commit(mut self) {
        self.order.take().unwrap().commit();
    }

    fn release(self) {}
}

impl AsRef<OrderReservation<Shop>> for Counted<'_> {
    fn as_ref(&self) -> &OrderReservation<Shop> {
        self.order.as_ref().unwrap()
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.dropped
            .fetch_add(u64::from(self.order.is_some()), Ordering::Relaxed);
    }
}

/// Whatever wraps an order is written and placed again, under a request of any type.
#[test]
fn a_hold_of_a_users_own_type_comes_back() {
    let dropped = AtomicU64::new(0);
    let shop = open();
    let holds: Holds<String, Counted<'_>, u8> = Holds::builder().build();
    let wrap = |order| Counted {
        order: Some(order),
        dropped: &dropped,
    };
    for key in ["one", "two"] {
        let placed = holds.place(key.to_owned(), 17, MINUTE, |_| {
            order(&shop, &[("phone", 2)]).map(wrap)
        });
        assert!(placed.is_ok());
    }
    let text = serde_json::to_string(&shop.snapshot_with(&holds)).unwrap();

    let kept: InventorySnapshot<String, String, u8> = serde_json::from_str(&text).unwrap();
    let (again, restored) = Inventory::builder().restore(&kept).unwrap();
    assert_eq!(restored.freed, 0);
    let again: Shop = Arc::new(again);
    let held: Holds<String, Counted<'_>, u8> = Holds::builder().build();
    let placed = kept.place_holds_with(&again, &held, |_, order| wrap(order));
    assert_eq!(placed, Ok(2));
    held.confirm("one").unwrap();
    held.release("two").unwrap();
    assert_eq!(dropped.load(Ordering::Relaxed), 1);
    let phones = again.get("phone").unwrap();
    assert_eq!((phones.available, phones.reserved, phones.sold), (8, 0, 2));
}

/// What a caller gets in a test of its own can be built by hand.
#[test]
fn a_snapshot_can_be_built_by_hand() {
    let mut snapshot = SkuSnapshot::default();
    (snapshot.initial, snapshot.available, snapshot.reserved) = (5, 3, 2);
    let lines = vec![("phone".to_owned(), 2)];
    let hold = HoldRow::new("key".to_owned(), lines.clone(), lines, MINUTE);
    let skus = vec![SkuRow::new("phone".to_owned(), snapshot)];
    let kept = InventorySnapshot::new(skus, vec![hold]);
    let (shop, restored) = Inventory::builder().restore(&kept).unwrap();
    assert_eq!((restored.skus, restored.freed), (1, 0));
    let shop: Shop = Arc::new(shop);
    let holds: OrderHolds<String, Shop> = Holds::new();
    assert_eq!(kept.place_holds(&shop, &holds), Ok(1));
    assert_eq!(shop.get("phone"), Some(snapshot));
}

/// Three holds that ended, each in its way, and one that is active; then 5 minutes of 15 pass.
fn ended(clock: &ManualClock) -> String {
    let shop = open();
    let holds: Orders<'_> = Holds::builder().clock(clock).build();
    for key in ["paid", "left", "late", "active"] {
        let minutes = if key == "active" { 20 } else { 1 };
        let request = lines(&[("phone", 1)]);
        let placed = holds.place(key.to_owned(), request, MINUTE * minutes, |_| {
            order(&shop, &[("phone", 1)])
        });
        assert!(placed.is_ok());
    }
    holds.confirm("paid").unwrap();
    holds.release("left").unwrap();
    clock.advance(MINUTE);
    holds.sweep(9);
    clock.advance(5 * MINUTE);
    serde_json::to_string(&shop.snapshot_with(&holds)).unwrap()
}

fn opened<'a>(
    kept: &InventorySnapshot<String, String>,
    clock: &'a ManualClock,
) -> (Shop, Orders<'a>) {
    let (shop, _) = Inventory::builder().restore(kept).unwrap();
    let shop: Shop = Arc::new(shop);
    let holds: Orders<'_> = Holds::builder().clock(clock).build();
    kept.place_holds(&shop, &holds).unwrap();
    (shop, holds)
}

#[test]
fn resolved_keys_outlive_a_restart() {
    let clock = ManualClock::new();
    let kept: InventorySnapshot<String, String> = serde_json::from_str(&ended(&clock)).unwrap();
    let (shop, holds) = opened(&kept, &clock);
    assert_eq!(kept.note_resolved(&holds), 3);
    assert_eq!(kept.note_resolved(&holds), 0, "they are known");
    let retry = |key: &str, units| {
        let request = lines(&[("phone", units)]);
        holds.place(key.to_owned(), request, MINUTE, |_| {
            order(&shop, &[("phone", 1)])
        })
    };
    for (key, resolution) in [
        ("paid", Resolution::Confirmed),
        ("left", Resolution::Released),
        ("late", Resolution::Expired),
    ] {
        assert_eq!(retry(key, 1), Err(PlaceError::Resolved(resolution)));
        assert_eq!(retry(key, 2), Err(PlaceError::Conflict));
    }
    assert_eq!(holds.confirm("paid"), Ok(Settled::Before));
    assert_eq!(holds.confirm("late"), Err(HoldError::Expired));
    let phones = shop.get("phone").unwrap();
    assert_eq!((phones.reserved, phones.sold), (1, 1), "nothing more");

    // What was left of the retention: 9 minutes for the first two, 10 for the last.
    clock.advance(9 * MINUTE);
    assert!(matches!(retry("paid", 1), Ok(Placed::Now(_))));
    assert_eq!(
        retry("late", 1),
        Err(PlaceError::Resolved(Resolution::Expired))
    );
}

#[test]
fn time_that_passed_while_nothing_ran_counts_if_the_caller_says_so() {
    let clock = ManualClock::new();
    let kept: InventorySnapshot<String, String> = serde_json::from_str(&ended(&clock)).unwrap();
    let kept = kept.after(9 * MINUTE);
    let (shop, holds) = opened(&kept, &clock);
    assert_eq!(kept.note_resolved(&holds), 1, "the others are forgotten");
    assert_eq!(holds.confirm("paid"), Err(HoldError::Unknown));
    assert_eq!(holds.confirm("late"), Err(HoldError::Expired));
    let active = 20 * MINUTE - 6 * MINUTE - 9 * MINUTE;
    assert!(matches!(
        holds.get("active"),
        Some(Status::Held { held, .. }) if held.remaining == active
    ));

    let kept = kept.after(active);
    let (again, holds) = opened(&kept, &clock);
    assert_eq!(kept.note_resolved(&holds), 1, "the one that was active");
    assert_eq!(holds.confirm("active"), Err(HoldError::Expired));
    assert_eq!(again.get("phone").unwrap().reserved, 0);
    assert_eq!(shop.get("phone").unwrap().reserved, 1);
}

/// Three holds of one phone each, whose times are these, of a shop with no phone more; and its snapshot.
fn three_held(clock: &ManualClock, minutes: [u32; 3]) -> InventorySnapshot<String, String> {
    let shop: Shop = Arc::new(Inventory::new());
    shop.insert("phone".to_owned(), 3).unwrap();
    let holds: Orders<'_> = Holds::builder().clock(clock).build();
    for key in 0..3 {
        let placed = holds.place(key.to_string(), lines(&[("phone", 1)]), MINUTE, |_| {
            order(&shop, &[("phone", 1)])
        });
        assert!(placed.is_ok());
    }
    let mut kept = shop.snapshot_with(&holds);
    for (hold, minutes) in kept.holds.iter_mut().zip(minutes) {
        hold.remaining = MINUTE * minutes;
    }
    kept
}

#[test]
fn holds_that_end_do_not_keep_the_others_from_being_placed() {
    let clock = ManualClock::new();
    let kept = three_held(&clock, [1, 9, 9]);
    let (shop, _) = Inventory::builder().restore(&kept).unwrap();
    let shop: Shop = Arc::new(shop);
    let holds: Orders<'_> = Holds::builder().clock(&clock).build();
    shop.deduct("phone", 1).unwrap();
    assert!(kept.place_holds(&shop, &holds).is_err(), "one was sold");
    shop.restock("phone", 1).unwrap();
    clock.advance(MINUTE);
    assert_eq!(kept.place_holds(&shop, &holds), Ok(1));
    let phones = shop.get("phone").unwrap();
    assert_eq!((phones.available, phones.reserved), (1, 2));
}

#[test]
fn a_hold_that_nobody_has_freed_yet_is_known_as_expired() {
    let clock = ManualClock::new();
    let shop = open();
    let holds: Orders<'_> = Holds::builder().clock(&clock).build();
    let request = lines(&[("phone", 1)]);
    let placed = holds.place("late".to_owned(), request, MINUTE, |_| {
        order(&shop, &[("phone", 1)])
    });
    assert!(placed.is_ok());
    clock.advance(MINUTE);
    let kept = shop.snapshot_with(&holds);
    assert_eq!((kept.holds.len(), kept.resolved.len()), (0, 1));
    let (shop, holds) = opened(&kept, &clock);
    assert_eq!(kept.note_resolved(&holds), 1);
    assert_eq!(holds.confirm("late"), Err(HoldError::Expired));
    let again = holds.confirm_or_retake("late", |of, _| Arc::clone(&shop).order_owned(of.clone()));
    assert_eq!(again, Ok(Settled::Now));
    assert_eq!(shop.get("phone").unwrap().sold, 1);
}

#[test]
fn the_units_of_a_hold_that_is_not_placed_may_be_any() {
    let clock = ManualClock::new();
    let mut kept = three_held(&clock, [0, 9, 9]);
    kept.holds[0].lines = lines(&[("phone", u64::MAX), ("case", 2)]);
    let (_, holds) = opened(&kept, &clock);
    assert_eq!(kept.note_resolved(&holds), 1);
}

/// Holds that are amended and settled by part, as an order is.
#[test]
fn a_part_of_a_held_order_is_settled() {
    let clock = ManualClock::new();
    let shop = open();
    let holds: Orders<'_> = Holds::builder().clock(&clock).build();
    let request = lines(&[("phone", 2), ("case", 2)]);
    let placed = holds.place("key".to_owned(), request, MINUTE, |of| {
        Arc::clone(&shop).order_owned(of.iter().cloned())
    });
    assert!(placed.is_ok());
    holds.confirm_part("key", &lines(&[("phone", 1)])).unwrap();
    holds.release_part("key", &lines(&[("case", 2)])).unwrap();
    assert!(holds.release_part("key", &lines(&[("case", 1)])).is_err());
    let (phones, cases) = (shop.get("phone").unwrap(), shop.get("case").unwrap());
    assert_eq!((phones.available, phones.reserved, phones.sold), (8, 1, 1));
    assert_eq!((cases.available, cases.reserved, cases.sold), (10, 0, 0));
    holds.confirm("key").unwrap();
    assert_eq!(shop.get("phone").unwrap().sold, 2);
}
