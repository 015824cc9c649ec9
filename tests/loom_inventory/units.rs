//! Calls on the units of one SKU: withdraw, and what is low.

use super::*;

/// What is released beside a withdraw is withdrawn too, or pays what is owed: nobody gets it.
#[test]
fn withdraw_against_release() {
    race(
        "withdraw_against_release",
        &[("a", 2)],
        |shop| drop(shop.reserve("a", 1)),
        |shop| shop.withdraw("a", 2).unwrap(),
        &["() | Withdrawn { taken: 1, owed: 1 }"],
        |subject, (), withdrawn| {
            assert_eq!(withdrawn.taken + withdrawn.owed, 2);
            let last = subject.shop.get("a").unwrap();
            assert_eq!((last.available, last.reserved, last.sold), (0, 0, 0));
            assert_eq!((last.owed, last.withdrawn), (0, 2));
        },
    );
}

/// A unit that is restocked beside a withdraw of all is sold only if that was before the withdraw.
#[test]
fn withdraw_against_restock() {
    race(
        "withdraw_against_restock",
        &[("a", 1)],
        |shop| shop.restock("a", 1).is_ok() && shop.deduct("a", 1).is_ok(),
        |shop| shop.withdraw("a", 2).unwrap(),
        &["false | Withdrawn { taken: 2, owed: 0 }"],
        |subject, sold, withdrawn| {
            let last = subject.shop.get("a").unwrap();
            assert_eq!(withdrawn.taken + withdrawn.owed, 2);
            assert_eq!((last.restocked, last.withdrawn), (1, 2));
            assert_eq!((last.available, last.owed), (0, u64::from(sold)));
            assert_eq!(last.sold, u64::from(sold));
        },
    );
}

#[test]
fn low_stock_against_deduct() {
    race(
        "low_stock_against_deduct",
        &[("a", 2)],
        |shop| shop.deduct("a", 1).unwrap(),
        |shop| {
            shop.set_low_stock("a", 2).unwrap();
            shop.low_stock().map(|(_, low)| low.available).collect()
        },
        &[],
        |subject, (), low: Vec<u64>| {
            assert!(matches!(low[..], [] | [1]), "{low:?}");
            assert_eq!(subject.shop.low_stock().count(), 1);
        },
    );
}

/// Reserves a unit from one segment and releases it to the other.
fn move_a_unit(shop: &Arc<Shop>) {
    testing::sit_at(0, 2);
    let reservation = shop.reserve("a", 1).unwrap();
    testing::sit_at(1, 2);
    drop(reservation);
}

/// How many SKUs are low, if `a` is below this number of units.
fn low_below(shop: &Shop, units: u64) -> usize {
    shop.set_low_stock("a", units).unwrap();
    shop.low_stock().count()
}

/// A unit that goes from one segment to the other is counted twice by the cheap pass. The SKU is low all the time.
#[test]
fn low_stock_beside_a_unit_that_moves() {
    race_wide(
        "low_stock_beside_a_unit_that_moves",
        &[("a", 2)],
        move_a_unit,
        |shop| low_below(shop, 3),
        &[],
        |subject, (), _| {
            assert_eq!(figures(&subject.shop, "a"), Some((2, 0, 0)));
        },
    );
}

/// A gather announces the units that it takes, and the cheap pass counts them twice.
#[test]
fn low_stock_beside_a_gather() {
    race_wide(
        "low_stock_beside_a_gather",
        &[("a", 2)],
        |shop| drop(shop.reserve("a", 2).unwrap()),
        |shop| low_below(shop, 3),
        &[],
        |subject, (), _| {
            assert_eq!(figures(&subject.shop, "a"), Some((2, 0, 0)));
        },
    );
}

/// A stock that has enough all the time is never low.
#[test]
fn enough_beside_a_unit_that_moves() {
    race_wide(
        "enough_beside_a_unit_that_moves",
        &[("a", 3)],
        move_a_unit,
        |shop| low_below(shop, 2),
        &[],
        |subject, (), _| {
            assert_eq!(figures(&subject.shop, "a"), Some((3, 0, 0)));
        },
    );
}
