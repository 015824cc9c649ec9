//! The inventory: what each call promises, alone and beside others.

use crate::shop::{figures, open};
use segstock::inventory::{
    InsertError, Inventory, InventoryBuilder, OnTheWay, OrderHolds, OrderRefused, OrderReservation,
    RemoveError, Shelf, SkuError,
};
use segstock::{HoldError, Holds, MAX_UNITS, ManualClock, Placed, Reservation, Settled, Stock};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn auto_traits_are_meant() {
    fn check<T: Send + Sync + Unpin + UnwindSafe + RefUnwindSafe>() {}
    check::<Inventory<String>>();
    check::<InventoryBuilder<String>>();
    check::<OrderReservation<Arc<Inventory<String>>>>();
    check::<OrderReservation<&Inventory<String>>>();
    check::<Reservation<Shelf<&Inventory<String>>>>();
    check::<OnTheWay<&Inventory<String>>>();
}

/// SKUs that are `String`s are asked for by `&str` in every call.
#[test]
fn every_call_takes_a_borrowed_sku() {
    let shop = Arc::new(Inventory::<String>::new());
    for sku in ["a", "b"] {
        shop.insert(sku.to_owned(), 20).unwrap();
    }
    shop.set_low_stock("a", 1).unwrap();
    shop.deduct("a", 1).unwrap();
    assert_eq!(shop.deduct_up_to("a", 1), Some(1));
    shop.restock("a", 2).unwrap();
    drop(shop.reserve("a", 1).unwrap());
    drop(Arc::clone(&shop).reserve_owned("a", 1).unwrap());
    drop(shop.reserve_up_to("a", 1).unwrap());
    shop.write_off("a", 1).unwrap();
    shop.stocktake("a", 19, 20).unwrap();
    shop.move_units("a", "b", 1).unwrap();
    shop.send("a", "b", 1).unwrap().arrive().unwrap();
    drop(OnTheWay::new(&*shop, "a", "b", 1).unwrap());
    let lines = ["a", "b"].map(|sku| (sku.to_owned(), 5));
    let mut order = shop.order(lines).unwrap();
    order.commit_part("a", 1).unwrap();
    order.release_part("a", 1).unwrap();
    order.commit_line("a").unwrap();
    order.release_line("b").unwrap();
    assert!(shop.contains("a"));
    assert_eq!(shop.available("a"), Some(14));
    assert_eq!(shop.get("a").unwrap().on_hand(), 14);
    _ = shop.remove("a").unwrap();
}

#[test]
fn counts_each_sku_for_itself() {
    let shop = open([("phone", 10), ("case", 5)]);
    shop.deduct("phone", 4).unwrap();
    shop.restock("case", 2).unwrap();
    assert_eq!(shop.available("phone"), Some(6));
    assert_eq!(shop.available("case"), Some(7));
    assert_eq!(shop.deduct_up_to("case", 100), Some(7));
    assert!(shop.contains("case") && !shop.is_empty() && Inventory::<u8>::new().is_empty());
    assert_eq!(shop.len(), 2);
    let refusal = shop.deduct("phone", 7).unwrap_err();
    assert!(refusal.is_out_of_stock());
    assert_eq!(
        refusal.to_string(),
        "out of stock: 7 units requested, 6 available"
    );
    let mut all: Vec<_> = shop.iter().map(|(sku, b)| (sku, b.sold)).collect();
    all.sort_unstable();
    assert_eq!(all, [("case", 7), ("phone", 4)]);
}

#[test]
fn says_what_is_wrong() {
    let shop = open([("phone", MAX_UNITS)]);
    assert_eq!(shop.insert("phone", 1), Err(InsertError::AlreadyThere));
    let requested = MAX_UNITS + 1;
    assert_eq!(
        shop.insert("more", requested),
        Err(InsertError::TooManyUnits { requested })
    );
    assert!(!shop.contains("more"));
    assert!(matches!(
        shop.restock("phone", 1),
        Err(SkuError::Overflow(_))
    ));
    for refused in [
        shop.deduct("none", 1),
        shop.restock("none", 1),
        shop.write_off("none", 1),
        shop.stocktake("none", 1, 2),
        shop.set_low_stock("none", 1),
        shop.move_units("none", "phone", 1),
        shop.move_units("phone", "none", 1),
        shop.reserve("none", 1).map(drop),
    ] {
        assert!(refused.unwrap_err().is_unknown_sku());
    }
    assert_eq!(shop.deduct_up_to("none", 1), None);
    assert_eq!(shop.remove("none"), Err(RemoveError::UnknownSku));
    assert_eq!(figures(&shop, "phone"), (MAX_UNITS, 0, 0));
}

#[test]
fn errors_say_what_is_wrong() {
    fn answered(error: impl std::error::Error) -> (String, bool) {
        (error.to_string(), error.source().is_some())
    }
    let said = |text: &str, source| (text.to_owned(), source);
    let shop = open([("a", 1), ("b", 0)]);
    let reserved = shop.reserve("a", 1).unwrap();
    assert_eq!(
        answered(shop.remove("a").unwrap_err()),
        said("1 unit of the SKU is reserved", false)
    );
    drop(reserved);
    assert_eq!(
        answered(shop.remove("c").unwrap_err()),
        said("unknown SKU", false)
    );
    assert_eq!(
        answered(shop.insert("a", 1).unwrap_err()),
        said("the SKU is there already", false)
    );
    assert_eq!(
        answered(shop.insert("c", u64::MAX).unwrap_err()),
        said(
            "18446744073709551615 units exceed the limit of 1099511627776",
            false
        )
    );
    let short = shop.deduct("a", 2).unwrap_err();
    assert!(short.is_out_of_stock() && !short.is_unknown_sku());
    assert_eq!(
        answered(short),
        said("out of stock: 2 units requested, 1 available", true)
    );
    let unknown = shop.deduct("c", 2).unwrap_err();
    assert!(unknown.is_unknown_sku() && !unknown.is_out_of_stock());
    assert_eq!(answered(unknown), said("unknown SKU", false));
    assert!(answered(shop.restock("a", MAX_UNITS).unwrap_err()).1);

    let refused = |lines: &[(&'static str, u64)]| shop.order(lines.iter().copied()).unwrap_err();
    let short = "out of stock: a (2 requested, 1 available), b (1 requested, 0 available)";
    for (lines, text) in [
        (&[][..], "the order has no lines"),
        (&[("a", 0)], "a line asks for no units of a"),
        (
            &[("a", u64::MAX)],
            "more than 1099511627776 units of a are asked for",
        ),
        (&[("d", 1), ("c", 1)], "unknown SKUs: c d"),
        (&[("b", 1), ("a", 2)], short),
    ] {
        let refused = refused(lines);
        assert_eq!(refused.is_out_of_stock(), text == short);
        assert_eq!(answered(refused), said(text, false));
    }
}

#[test]
fn debug_shows_what_matters() {
    let shop = open([("a", 9)]);
    let lorry = shop.send("a", "a", 2).unwrap();
    let order = shop.order([("a", 3)]).unwrap();
    let reserved = shop.reserve("a", 1).unwrap();
    let builder = Inventory::<u8>::builder().capacity(7);
    for (shown, what) in [
        (format!("{shop:?}"), "skus: 1"),
        (format!("{lorry:?}"), "units: 2"),
        (format!("{order:?}"), r#"{"a": 3}"#),
        (format!("{:?}", reserved.stock()), r#"Shelf("a")"#),
        (format!("{builder:?}"), "capacity: 7"),
    ] {
        assert!(shown.contains(what), "{shown}");
    }
}

#[test]
fn an_order_takes_all_lines_or_none() {
    let shop = open([("a", 5), ("b", 5), ("c", 1)]);
    let order = shop.order([("b", 2), ("a", 3), ("b", 1)]).unwrap();
    assert_eq!(order.lines().collect::<Vec<_>>(), [(&"a", 3), (&"b", 3)]);
    assert_eq!(order.units(), 6);
    assert_eq!(figures(&shop, "b"), (2, 3, 0));
    order.commit();
    assert_eq!(figures(&shop, "b"), (2, 0, 3));

    let refused = shop.order([("a", 3), ("b", 1), ("c", 2), ("c", 2)]);
    let refused = refused.unwrap_err();
    let short: Vec<_> = refused
        .short_lines()
        .iter()
        .map(|line| (line.sku, line.requested, line.available))
        .collect();
    assert_eq!(short, [("a", 3, 2), ("c", 4, 1)], "every line that lacks");
    assert!(refused.is_out_of_stock());
    assert_eq!(figures(&shop, "b"), (2, 0, 3), "and nothing is reserved");
}

#[test]
fn an_invalid_order_is_refused_with_its_reason() {
    let shop = open([("a", MAX_UNITS)]);
    let refused = |lines: &[(&'static str, u64)]| shop.order(lines.iter().copied()).unwrap_err();
    assert_eq!(refused(&[]), OrderRefused::Empty);
    assert_eq!(
        refused(&[("a", 1), ("a", 0)]),
        OrderRefused::ZeroUnits { sku: "a" }
    );
    for second in [MAX_UNITS, u64::MAX] {
        assert_eq!(
            refused(&[("a", 1), ("a", second)]),
            OrderRefused::TooManyUnits { sku: "a" }
        );
    }
    assert_eq!(
        refused(&[("x", 1), ("a", 1), ("b", 1)]),
        OrderRefused::UnknownSkus(vec!["b", "x"])
    );
    assert_eq!(figures(&shop, "a"), (MAX_UNITS, 0, 0));
}

#[test]
fn an_order_is_settled_by_line() {
    let shop = open([("a", 5), ("b", 5), ("c", 5)]);
    let mut order = shop.order([("a", 4), ("b", 2), ("c", 1)]).unwrap();
    order.commit_part("a", 3).unwrap();
    order.commit_line("b").unwrap();
    order.release_line("c").unwrap();
    assert_eq!(order.lines().collect::<Vec<_>>(), [(&"a", 1)]);
    for gone in ["b", "c", "none"] {
        assert!(order.commit_line(gone).is_err());
        assert!(order.release_line(gone).is_err());
    }
    assert!(order.commit_part("a", 2).is_err());
    order.commit_part("a", 1).unwrap();
    assert_eq!(order.lines().count(), 0);
    drop(order);
    assert_eq!(figures(&shop, "a"), (1, 0, 4));
    assert_eq!(figures(&shop, "b"), (3, 0, 2));
    assert_eq!(figures(&shop, "c"), (5, 0, 0));
}

#[test]
fn an_order_is_split_merged_and_released_by_part() {
    let shop = open([("a", 10), ("b", 10)]);
    let mut order = shop.order([("a", 6), ("b", 3)]).unwrap();
    let mut parcel = order
        .split([("a", 1), ("b", 2), ("a", 1), ("b", 0)])
        .unwrap();
    assert_eq!(order.lines().collect::<Vec<_>>(), [(&"a", 4), (&"b", 1)]);
    assert_eq!(parcel.lines().collect::<Vec<_>>(), [(&"a", 2), (&"b", 2)]);
    for lines in [[("a", 3), ("a", 2)], [("a", 1), ("none", 1)]] {
        order.split(lines).unwrap_err();
        assert_eq!(order.units(), 5, "it is as it was");
    }
    let refused = order.split([("a", 3), ("a", u64::MAX)]).unwrap_err();
    assert_eq!((refused.requested, refused.reserved), (u64::MAX, 4));
    parcel.release_part("a", 1).unwrap();
    let refused = parcel.release_part("b", 3).unwrap_err();
    assert_eq!((refused.requested, refused.reserved), (3, 2));
    parcel.release_part("b", 2).unwrap();
    assert_eq!(figures(&shop, "a"), (5, 5, 0));
    assert_eq!(figures(&shop, "b"), (9, 1, 0));
    let order = order.merge(parcel).unwrap();
    assert_eq!(order.lines().collect::<Vec<_>>(), [(&"a", 5), (&"b", 1)]);

    let other = open([("a", 1)]);
    let error = order.merge(other.order([("a", 1)]).unwrap()).unwrap_err();
    assert_eq!(error.to_string(), "the orders are of two inventories");
    drop(error.right);
    error.left.commit();
    assert_eq!(figures(&other, "a"), (1, 0, 0));
    assert_eq!(figures(&shop, "a"), (5, 0, 5));
    assert_eq!(figures(&shop, "b"), (9, 0, 1));
}

#[test]
fn reserve_up_to_reserves_what_is_in_stock() {
    let shop = open([("a", 700)]);
    let wide = Stock::builder(5_000).segments(4).build().unwrap();
    shop.insert_stock("wide", wide).unwrap();
    for (sku, has) in [("a", 700), ("wide", 5_000)] {
        let some = shop.reserve_up_to(sku, 3).unwrap();
        assert_eq!((some.units(), figures(&shop, sku)), (3, (has - 3, 3, 0)));
        let rest = shop.reserve_up_to(sku, 6_000).unwrap();
        assert_eq!((rest.units(), figures(&shop, sku)), (has - 3, (0, has, 0)));
        assert_eq!(shop.reserve_up_to(sku, 1).unwrap().units(), 0);
        drop(some);
        rest.commit();
        assert_eq!(figures(&shop, sku), (3, 0, has - 3));
    }
    let unknown = shop.reserve_up_to("none", 1).map(drop);
    assert_eq!(unknown, Err(SkuError::UnknownSku));
}

#[test]
fn a_panic_gives_an_order_back() {
    let shop = open([("a", 5)]);
    let failed = std::panic::catch_unwind(|| {
        let _order = shop.order([("a", 4)]).unwrap();
        std::panic::resume_unwind(Box::new("the payment"));
    });
    assert!(failed.is_err());
    assert_eq!(figures(&shop, "a"), (5, 0, 0));
}

#[test]
fn reservations_are_of_one_sku() {
    let shop = Arc::new(open([("a", 5), ("b", 5)]));
    let a = shop.reserve("a", 2).unwrap();
    let b = shop.reserve("b", 2).unwrap();
    assert_eq!(*a.stock().sku(), "a");
    let both = a.merge(b).unwrap_err();
    drop(both.right);
    both.left
        .merge(shop.reserve("a", 1).unwrap())
        .unwrap()
        .commit();
    assert_eq!(figures(&shop, "a"), (2, 0, 3));
    assert_eq!(figures(&shop, "b"), (5, 0, 0));
    let owned = Arc::clone(&shop).reserve_owned("b", 5).unwrap();
    thread::spawn(move || owned.commit()).join().unwrap();
    assert_eq!(figures(&shop, "b"), (0, 0, 5));
}

#[test]
fn orders_in_opposite_sequence_do_not_starve() {
    let shop = open([("a", 10), ("b", 10)]);
    let sold = AtomicU64::new(0);
    thread::scope(|scope| {
        for lines in [[("a", 1), ("b", 1)], [("b", 1), ("a", 1)]] {
            let (shop, sold) = (&shop, &sold);
            scope.spawn(move || {
                for turn in 0..20_000 {
                    match shop.order(lines) {
                        Ok(order) if turn % 1_000 == 0 => {
                            order.commit();
                            sold.fetch_add(1, Ordering::Relaxed);
                        }
                        Ok(order) => drop(order),
                        Err(refused) => assert!(refused.is_out_of_stock()),
                    }
                }
            });
        }
    });
    let sold = sold.into_inner();
    assert!(sold > 0);
    for sku in ["a", "b"] {
        assert_eq!(figures(&shop, sku), (10 - sold, 0, sold));
    }
}

type Orders<'a> = OrderHolds<u64, &'a Inventory<&'static str>, &'a ManualClock>;

#[test]
fn holds_take_whole_orders() {
    let shop = open([("a", 5), ("b", 5)]);
    let clock = ManualClock::new();
    let holds: Orders<'_> = Holds::builder().clock(&clock).build();
    let place = |key, lines: &[(&'static str, u64)]| {
        holds.place(key, lines.to_vec(), MINUTE, |lines| {
            shop.order(lines.iter().copied())
        })
    };
    assert!(matches!(
        place(1, &[("a", 3), ("b", 4)]),
        Ok(Placed::Now(hold)) if hold.units == 7
    ));
    assert!(matches!(
        place(1, &[("a", 3), ("b", 4)]),
        Ok(Placed::Before(_))
    ));
    assert!(place(2, &[("b", 2)]).unwrap_err().is_refused());
    clock.advance(MINUTE);
    assert!(place(2, &[("b", 2)]).is_ok(), "the first one has expired");
    assert_eq!(figures(&shop, "a"), (5, 0, 0), "with all its lines");
    assert_eq!(holds.confirm(&1), Err(HoldError::Expired));
    assert_eq!(holds.confirm(&2), Ok(Settled::Now));
    assert_eq!(figures(&shop, "b"), (3, 0, 2));
}
