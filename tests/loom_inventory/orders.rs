//! Orders of several lines beside each other, and beside a deduct.

use super::*;

#[test]
fn orders_in_opposite_sequence() {
    race(
        "orders_in_opposite_sequence",
        &[("a", 1), ("b", 1)],
        |shop| buy(shop, &[("a", 1), ("b", 1)]).is_ok(),
        |shop| buy(shop, &[("b", 1), ("a", 1)]).is_ok(),
        &[],
        |subject, one, other| {
            assert!(one != other, "one of them is served, and one only");
            for sku in ["a", "b"] {
                assert_eq!(figures(&subject.shop, sku), Some((0, 0, 1)));
            }
        },
    );
}

/// The first line lies in both segments, so that who takes it has to gather.
#[test]
fn orders_of_wide_stocks() {
    race_wide(
        "orders_of_wide_stocks",
        &[("a", 2), ("b", 1)],
        |shop| buy(shop, &[("a", 2), ("b", 1)]).is_ok(),
        |shop| buy(shop, &[("b", 1), ("a", 2)]).is_ok(),
        &[],
        |subject, one, other| {
            assert!(one != other, "one of them is served, and one only");
            assert_eq!(figures(&subject.shop, "a"), Some((0, 0, 2)));
            assert_eq!(figures(&subject.shop, "b"), Some((0, 0, 1)));
        },
    );
}

#[test]
fn orders_that_are_not_paid() {
    race(
        "orders_that_are_not_paid",
        &[("a", 1), ("b", 1)],
        |shop| drop(shop.order([("a", 1), ("b", 1)])),
        |shop| drop(shop.order([("b", 1), ("a", 1)])),
        &[],
        |subject, (), ()| {
            for sku in ["a", "b"] {
                assert_eq!(figures(&subject.shop, sku), Some((1, 0, 0)));
            }
        },
    );
}

#[test]
fn order_against_a_deduct_of_its_last_line() {
    race(
        "order_against_a_deduct_of_its_last_line",
        &[("a", 1), ("b", 1)],
        |shop| buy(shop, &[("a", 1), ("b", 1)]),
        |shop| shop.deduct("b", 1).is_ok(),
        &[],
        |subject, order, deducted| match order {
            Ok(()) => assert!(!deducted),
            Err(refused) => {
                assert!(deducted);
                assert_eq!(short(&refused), [("b", 1, 0)]);
                assert_eq!(figures(&subject.shop, "a"), Some((1, 0, 0)), "it is back");
            }
        },
    );
}

/// The lines that were short; none if it is given up later.
fn short_of_an_order(shop: &Shop, lines: &[Line]) -> Vec<(&'static str, u64, u64)> {
    let order = shop.order(lines.iter().copied()).map(drop);
    order.err().as_ref().map_or_else(Vec::new, short)
}

/// Lines before the one that failed had their units; those after it are looked at as well.
#[test]
fn order_refused_in_the_middle() {
    race(
        "order_refused_in_the_middle",
        &[("a", 1), ("b", 1), ("c", 1)],
        |shop| short_of_an_order(shop, &[("c", 1), ("b", 1), ("a", 1)]),
        |shop| short_of_an_order(shop, &[("c", 1), ("b", 1)]),
        &[
            "[] | [(\"b\", 1, 0)]",
            "[] | [(\"c\", 1, 0)]",
            "[] | [(\"b\", 1, 0), (\"c\", 1, 0)]",
            "[(\"b\", 1, 0)] | []",
            "[(\"c\", 1, 0)] | []",
            "[(\"b\", 1, 0), (\"c\", 1, 0)] | []",
        ],
        |subject, one, other| {
            let mut short = one.into_iter().chain(other);
            assert!(short.all(|(sku, _, left)| sku != "a" && left == 0));
            for sku in ["a", "b", "c"] {
                assert_eq!(figures(&subject.shop, sku), Some((1, 0, 0)));
            }
        },
    );
}
