//! What a call of the code does, in which sequence: seen from its journal, which is called in the middle of it.

use super::model::{Call, Step};
use crate::book::OrderBook;
use crate::builder::OrderBookBuilder;
use crate::entry::{Entry, Position};
use crate::journal::{Journal, Lost, NoPlace};
use parking_lot::Mutex;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

pub(super) type Book = OrderBook<&'static str>;

pub(super) const TTL: Duration = Duration::from_secs(60);

/// How the SKU is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seen {
    free: u64,
    on_hand: u64,
    is_closed: bool,
}

impl Seen {
    fn now(book: &Book) -> Self {
        let id = book.number_of("phone").expect("it is open");
        let item = book.skus.item(id);
        let stock = item.stock.snapshot();
        Self {
            free: item.available(),
            on_hand: stock.available + stock.reserved - stock.owed,
            is_closed: item.gateway.is_locked(),
        }
    }

    /// What was applied since `before`.
    fn since(self, before: Self) -> Option<Step> {
        let (free, on_hand) = (before.free, before.on_hand);
        if self.free < free || self.on_hand < on_hand {
            Some(Step::Take)
        } else if self.free > free || self.on_hand > on_hand {
            Some(Step::Give)
        } else {
            None
        }
    }
}

/// Looks at the SKU whenever the book calls it.
#[derive(Default)]
struct Watching {
    book: OnceLock<Weak<Book>>,
    seen: Mutex<Vec<(Step, Seen)>>,
    last: Mutex<u64>,
}

impl Watching {
    fn look(&self, step: Step) {
        let book = self.book.get().and_then(Weak::upgrade);
        // Not before the SKU is open.
        if let Some(book) = book.filter(|book| book.number_of("phone").is_some()) {
            self.seen.lock().push((step, Seen::now(&book)));
        }
    }
}

impl Journal<&'static str> for Watching {
    fn permit(&self) -> Result<(), NoPlace> {
        self.look(Step::Permit);
        Ok(())
    }

    fn give_back(&self) {}

    fn append(&self, _: &Entry<&'static str>) -> Position {
        self.look(Step::Append);
        let mut last = self.last.lock();
        *last += 1;
        Position::new(*last)
    }

    fn wait(&self, _: Position) -> Result<(), Lost> {
        Ok(())
    }
}

/// The steps of a call that runs alone, with two units that can be had.
pub(super) fn of(call: Call) -> Vec<Step> {
    let is_promised = matches!(call, Call::Cancel | Call::Ship);
    let units = 2 + u64::from(is_promised);
    let begin = |book: &Book| {
        if is_promised {
            hold(book, "order");
        }
        if call == Call::Ship {
            book.pay("order").expect("it is held");
        }
    };
    watched(Book::builder(), units, begin, |book| {
        match call {
            Call::Place => book.place("new", None, [("phone", 1)], TTL).map(drop),
            Call::Cancel => book.cancel("order").map(drop),
            Call::Ship => book.ship("order").map(drop),
            Call::WriteOff => book.write_off("phone", "key", 1).map(drop),
            Call::Restock => book.restock("phone", "key", 1).map(drop),
            Call::Count(counted) => {
                let counted = counted.cast_unsigned();
                book.count("phone", "key", counted).map(drop)
            }
        }
        .expect("nothing is in the way");
    })
}

/// Has an order hold a phone.
pub(super) fn hold(book: &Book, id: &str) {
    book.place(id, None, [("phone", 1)], TTL).expect("units");
}

/// The steps of a call on a book of this many phones and a case, after others began.
pub(super) fn watched(
    builder: OrderBookBuilder<&'static str>,
    phones: u64,
    begin: impl FnOnce(&Book),
    call: impl FnOnce(&Book),
) -> Vec<Step> {
    let watching = Arc::new(Watching::default());
    let journal = Arc::clone(&watching);
    let book = Arc::new(builder.journal(journal).build());
    _ = watching.book.set(Arc::downgrade(&book));
    book.open("phone", phones).expect("a new SKU");
    book.open("case", 1).expect("a new SKU");
    begin(&book);
    watching.seen.lock().clear();
    let before = Seen::now(&book);
    call(&book);
    steps(before, &watching.seen.lock(), Seen::now(&book))
}

fn steps(before: Seen, seen: &[(Step, Seen)], after: Seen) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut last = before;
    for (step, now) in seen {
        if now.is_closed && !last.is_closed {
            steps.push(Step::Close);
        }
        steps.extend(now.since(last));
        if last.is_closed && !now.is_closed {
            steps.push(Step::Open);
        }
        steps.push(*step);
        last = *now;
    }
    // That a gate is open only after the last effect is said by types: what gives to a shelf asks for the open gate's lock.
    steps.extend(after.since(last));
    if last.is_closed && !after.is_closed {
        steps.push(Step::Open);
    }
    steps
}
