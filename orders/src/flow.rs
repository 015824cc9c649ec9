//! In which sequence calls take, write and give: a small model whose every interleaving is tried, and the code itself,
//! whose calls are traced and must take the steps of the model.

mod model;
mod trace;

use crate::book::{OrderBook, Returned};
use crate::entry::Position;
use crate::limits::SkuLimits;
use model::{Call, Mistake, Step, World};
use segstock::ManualClock;
use std::sync::Arc;

/// Every interleaving of every two and three calls keeps what the ledger promises, whenever the process ends.
#[test]
fn no_interleaving_breaks_a_promise() {
    let (mut worlds, mut states) = (0, 0);
    for world in World::all() {
        let explored = world.explore(None);
        assert_eq!(explored.found, None, "{world:?}");
        (worlds, states) = (worlds + 1, states + explored.states);
    }
    println!("{states} states of {worlds} worlds");
    assert!(states > 10_000, "{states} states are not all");
}

/// And each mistake breaks one. Two calls show it, or three.
#[test]
fn every_mistake_is_found() {
    for mistake in Mistake::ALL {
        let found = World::all().find_map(|world| {
            let found = world.explore(Some(mistake)).found;
            found.map(|finding| (world, finding))
        });
        let (world, finding) = found.unwrap_or_else(|| panic!("{mistake:?} is not found"));
        println!("{mistake:?}: {finding:?} by {:?}", world.calls);
    }
}

/// The model is one of this code: each call takes the steps of the model, one after another.
#[test]
fn the_code_takes_the_steps_of_the_model() {
    for call in Call::ALL {
        let traced = trace::of(call);
        println!("{call:?}: {traced:?}");
        assert_eq!(traced, model::alone(call), "{call:?}");
    }
}

/// Of what is not in the model the code keeps the rule, too: what takes is applied before the entry, what gives after; and
/// what changes the units on hand does so behind the gate.
#[test]
fn every_other_call_takes_before_its_entry_and_gives_after_it() {
    use Step::{Append, Close, Give, Open, Permit, Take};
    use trace::{Book, TTL, hold};
    const TAKES: &[Step] = &[Permit, Take, Append];
    const GIVES: &[Step] = &[Permit, Append, Give];
    const TAKES_OF_A_SHELF: &[Step] = &[Close, Permit, Take, Append, Open];
    const GIVES_TO_A_SHELF: &[Step] = &[Close, Permit, Append, Give, Open];
    fn ship(book: &Book) {
        hold(book, "order");
        book.pay("order").expect("it is held");
        book.ship("order").expect("it is paid for");
    }
    fn limit(book: &Book, safety: u64) {
        let limits = SkuLimits {
            safety,
            ..SkuLimits::default()
        };
        book.limit("phone", limits).expect("it fits");
    }
    fn amend(book: &Book, phones: u64, cases: u64) {
        let lines = [("phone", phones), ("case", cases)];
        let lines = lines.into_iter().filter(|(_, units)| *units > 0);
        book.amend("order", "key", lines, TTL).expect("units");
    }
    fn back(book: &Book, to: Returned) {
        book.return_order("order", to).expect("it was shipped");
    }
    let clock = Arc::new(ManualClock::new());
    let traced = |begin: &dyn Fn(&Book), call: &dyn Fn(&Book)| {
        let builder = OrderBook::builder().clock(Arc::clone(&clock) as _);
        trace::watched(builder, 3, begin, call)
    };
    let held = |book: &Book| hold(book, "order");
    assert_eq!(traced(&held, &|book| amend(book, 2, 0)), TAKES);
    assert_eq!(traced(&held, &|book| amend(book, 0, 1)), GIVES);
    let of_a_case = |book: &Book| {
        let case = [("case", 1)];
        book.place("order", None, case, TTL).expect("units");
    };
    assert_eq!(traced(&of_a_case, &|book| amend(book, 1, 0)), TAKES);
    let expired = |book: &Book| {
        hold(book, "order");
        clock.advance(TTL);
    };
    let sweep = |book: &Book| _ = book.sweep(1).expect("it is written");
    assert_eq!(traced(&expired, &sweep), GIVES);
    let swept = |book: &Book| {
        expired(book);
        sweep(book);
    };
    let pay = |book: &Book| _ = book.pay("order").expect("units");
    assert_eq!(traced(&swept, &pay), TAKES);
    assert_eq!(traced(&held, &pay), [Permit, Append]);
    let paid = |book: &Book| {
        hold(book, "order");
        book.pay("order").expect("it is held");
    };
    let cancel = |book: &Book| _ = book.cancel("order").expect("it is paid for");
    assert_eq!(traced(&paid, &cancel), GIVES);
    let on_sale = |book: &Book| back(book, Returned::OnSale);
    assert_eq!(traced(&ship, &on_sale), GIVES_TO_A_SHELF);
    let broken = |book: &Book| back(book, Returned::WrittenOff);
    assert_eq!(traced(&ship, &broken), [Close, Permit, Append, Open]);
    // What comes is given to who waits, by an entry of its own.
    let waits = |book: &Book| {
        let lines = [("phone", 4)];
        let waits = book.place_or_wait("waits", None, lines, TTL);
        assert!(waits.is_ok());
    };
    let restock = |book: &Book| _ = book.restock("phone", "key", 1).expect("it fits");
    assert_eq!(traced(&waits, &restock), [GIVES_TO_A_SHELF, TAKES].concat());
    let nothing = |_: &Book| {};
    for moved in [Book::move_units, Book::send] {
        let leaves = |book: &Book| _ = moved(book, "phone", "case", "key", 1).expect("units");
        assert_eq!(traced(&nothing, &leaves), TAKES_OF_A_SHELF);
    }
    let comes = |book: &Book| _ = book.move_units("case", "phone", "key", 1).expect("units");
    assert_eq!(traced(&nothing, &comes), GIVES_TO_A_SHELF);
    let sent = |book: &Book| _ = book.send("case", "phone", "sent", 1).expect("units");
    let arrives = |book: &Book| {
        let sending = book.sendings(Position::default(), 1).sendings[0].number;
        let arrived = book.arrive("phone", sending, "key", 1, 0);
        assert!(arrived.is_ok());
    };
    assert_eq!(traced(&sent, &arrives), GIVES_TO_A_SHELF);
    assert_eq!(traced(&nothing, &|book| limit(book, 2)), TAKES_OF_A_SHELF);
    let limited = |book: &Book| limit(book, 2);
    assert_eq!(traced(&limited, &|book| limit(book, 1)), GIVES_TO_A_SHELF);
    let tickets = trace::watched(OrderBook::builder().ships_at_once(), 3, held, pay);
    assert_eq!(tickets, [Permit, Close, Take, Append, Open]);
}

/// What a count found is history once its entry is made. What changes a shelf is the difference.
#[test]
fn a_count_is_read_as_a_difference() {
    use crate::entry::{Change, Entry};
    use crate::lines::SkuId;
    let sku = SkuId::new(0);
    let opened = Change::Opened {
        sku: "phone",
        id: sku,
        units: 5,
    };
    let counted = Change::Counted {
        sku,
        counted: 3,
        difference: -1,
        uncovered: 0,
    };
    let entries = (1..).map(Position::new).zip([opened, counted]);
    let entries = entries.map(|(position, change)| (position, Entry::new(0, change)));
    let book = OrderBook::builder().replay(entries).expect("a book");
    let stock = book.stock("phone").expect("it is open");
    assert_eq!((stock.on_hand, stock.available), (4, 4));
}
