//! What no book takes is refused by an error of its own, whichever call asks for it, and changes nothing.

use crate::support::Recorded;
use segstock::MAX_UNITS;
use segstock_orders::{Answer, Limit, OrderBook, Position, Refusal, Returned, StockAnswer};
use std::sync::Arc;
use std::time::Duration;

const QUARTER: Duration = Duration::from_secs(15 * 60);

type Book = OrderBook<&'static str>;
type Said<T> = Result<T, Refusal<&'static str>>;
type Lines = Vec<(&'static str, u64)>;

/// A book with an order of a phone that is held.
fn book() -> (Book, Arc<Recorded<&'static str>>) {
    let journal = Arc::new(Recorded::default());
    let builder = OrderBook::builder().journal(Arc::clone(&journal) as _);
    let builder = builder.max_lines(2).max_units(9);
    let book = builder.longest_hold(QUARTER).build();
    for sku in ["phone", "case", "bag"] {
        book.open(sku, 5).unwrap();
    }
    book.place("order", None, [("phone", 1)], QUARTER).unwrap();
    (book, journal)
}

/// Checks on a book on which nothing changes.
fn unchanged(check: impl FnOnce(&Book)) {
    let (book, journal) = book();
    let entries = journal.entries();
    check(&book);
    assert_eq!(journal.entries(), entries);
    assert_eq!(journal.places(), 0);
}

/// The calls that make an order of lines, or another one of it, for so long.
fn asking(book: &Book, lines: &Lines, ttl: Duration) -> [Said<Answer>; 3] {
    [
        book.place("new", None, lines.clone(), ttl),
        book.place_or_wait("new", None, lines.clone(), ttl),
        book.amend("order", "amend", lines.clone(), ttl),
    ]
}

/// The calls on a part of an order.
fn parts(book: &Book, key: &str, lines: &Lines) -> [Said<Answer>; 5] {
    let back = |to| book.return_part("order", key, lines.clone(), to);
    [
        book.pay_part("order", key, lines.clone()),
        book.ship_part("order", key, lines.clone()),
        book.cancel_part("order", key, lines.clone()),
        back(Returned::OnSale),
        back(Returned::WrittenOff),
    ]
}

/// The calls on shelves, of this many units.
fn shelves(book: &Book, key: &str, units: u64) -> [Said<StockAnswer>; 5] {
    [
        book.restock("phone", key, units),
        book.write_off("phone", key, units),
        book.move_units("phone", "case", key, units),
        book.send("phone", "case", key, units),
        book.arrive("phone", Position::new(1), key, units, 0),
    ]
}

#[test]
fn lines_of_nothing_of_too_much_and_of_what_is_not_open() {
    unchanged(|book| {
        for (lines, refusal) in [
            (vec![], Refusal::Empty),
            (vec![("case", 1), ("phone", 0)], Refusal::ZeroUnits("phone")),
            (
                vec![("phone", MAX_UNITS), ("phone", 1)],
                Refusal::TooManyUnits("phone"),
            ),
            (
                vec![("phone", u64::MAX), ("phone", u64::MAX)],
                Refusal::TooManyUnits("phone"),
            ),
            (
                vec![("hat", 1), ("phone", 1), ("cap", 1)],
                Refusal::UnknownSkus(vec!["cap", "hat"]),
            ),
        ] {
            let asked = asking(book, &lines, QUARTER);
            for (number, said) in asked
                .into_iter()
                .chain(parts(book, "key", &lines))
                .enumerate()
            {
                assert_eq!(said, Err(refusal.clone()), "call {number} on {lines:?}");
            }
        }
    });
}

#[test]
fn orders_beyond_the_limits_of_an_order_and_of_a_hold() {
    let longest = QUARTER;
    unchanged(|book| {
        for (lines, ttl, refusal) in [
            (
                vec![("phone", 1), ("case", 1), ("bag", 1)],
                QUARTER,
                Refusal::Limit(Limit::Lines(2)),
            ),
            (
                vec![("phone", 5), ("case", 5)],
                QUARTER,
                Refusal::Limit(Limit::Units(9)),
            ),
            (vec![("phone", 2)], Duration::ZERO, Refusal::Ttl { longest }),
            (
                vec![("phone", 2)],
                QUARTER + Duration::from_nanos(1),
                Refusal::Ttl { longest },
            ),
        ] {
            for (number, said) in asking(book, &lines, ttl).into_iter().enumerate() {
                assert_eq!(said, Err(refusal.clone()), "call {number} on {lines:?}");
            }
        }
        for ttl in [Duration::ZERO, 2 * QUARTER, Duration::MAX] {
            let extended = book.extend("order", "extend", ttl);
            assert_eq!(extended, Err(Refusal::Ttl { longest }));
        }
    });
}

#[test]
fn ids_and_keys_that_are_empty_or_too_long() {
    unchanged(|book| {
        let phone = vec![("phone", 1)];
        for key in [String::new(), "x".repeat(201)] {
            let lines = || phone.clone();
            let orders = [
                book.place(&key, None, lines(), QUARTER),
                book.place("new", Some(&key), lines(), QUARTER),
                book.place_or_wait(&key, None, lines(), QUARTER),
                book.amend("order", &key, lines(), QUARTER),
                book.extend("order", &key, QUARTER),
            ];
            for (number, said) in orders
                .into_iter()
                .chain(parts(book, &key, &phone))
                .enumerate()
            {
                assert_eq!(said, Err(Refusal::Key), "call {number} with {key:?}");
            }
            let counted = book.count("phone", &key, 5);
            for (number, said) in shelves(book, &key, 1)
                .into_iter()
                .chain([counted])
                .enumerate()
            {
                assert_eq!(said, Err(Refusal::Key), "call {number} with {key:?}");
            }
            let knows = [
                book.knows_restock("phone", &key, 1),
                book.knows_count("phone", &key, 1),
            ];
            assert_eq!(knows, [Err(Refusal::Key), Err(Refusal::Key)]);
        }
    });
    let (book, _) = book();
    let longest = "x".repeat(200);
    let lines = [("phone", 1)];
    book.place(&longest, Some(&longest), lines, QUARTER)
        .unwrap();
    book.pay_part(&longest, &longest, lines).unwrap();
}

#[test]
fn units_that_no_shelf_has() {
    unchanged(|book| {
        for said in shelves(book, "key", 0) {
            assert_eq!(said, Err(Refusal::ZeroUnits("phone")));
        }
        let overflow = |sku, requested, on_hand| {
            Err(Refusal::Overflow {
                sku,
                requested,
                on_hand,
            })
        };
        for units in [MAX_UNITS - 4, u64::MAX] {
            let restocked = book.restock("phone", "key", units);
            assert_eq!(restocked, overflow("phone", units, 5));
        }
        let units = MAX_UNITS + 1;
        assert_eq!(
            book.count("phone", "key", units),
            overflow("phone", units, 0)
        );
        assert_eq!(
            book.open("hat", units).map(drop),
            overflow("hat", units, 0).map(drop)
        );
        assert_eq!(book.open("phone", 1), Err(Refusal::AlreadyOpen));
        let unknown = || Refusal::UnknownSkus(vec!["hat"]);
        assert_eq!(book.restock("hat", "key", 1), Err(unknown()));
        assert_eq!(book.count("hat", "key", 1), Err(unknown()));
        assert_eq!(book.limit("hat", Default::default()), Err(unknown()));
    });
    let (book, _) = book();
    book.restock("phone", "key", MAX_UNITS - 5).unwrap();
    book.count("case", "key", MAX_UNITS).unwrap();
    book.open("hat", MAX_UNITS).unwrap();
}
