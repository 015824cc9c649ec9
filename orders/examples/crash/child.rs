//! The child: a shop that sells until it is killed, and tells every answer.

use crate::arguments::Arguments;
use segstock_orders::ledger::Writer;
use segstock_orders::sqlite::SqliteLedger;
use segstock_orders::{Entry, Journal, Lost, NoPlace, OrderBook, Position, Refusal};
use std::error::Error;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

pub type Book = OrderBook<String>;

pub const SKUS: u32 = 20;
/// Units of a SKU that come whenever it is sold out.
pub const UNITS: u64 = 20;
pub const TTL: Duration = Duration::from_secs(3600);

/// Sells. Each answer is a line: `placed`, `paid` or `cancelled`, and the order's id; or `restocked`, the SKU and the key.
pub fn sell(file: &Path, arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let mut recovered = Book::builder().recover(SqliteLedger::at(file))?;
    if arguments.answer_before_durable {
        recovered = recovered.through(|writer| Arc::new(Hasty(writer)));
    }
    let book = &recovered.book;
    for sku in 0..SKUS {
        match book.open(format!("sku-{sku}"), 0) {
            Ok(_) | Err(Refusal::AlreadyOpen) => {}
            Err(refusal) => return Err(refusal.into()),
        }
    }
    thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0_u32.. {
                restock(book, arguments.round, number);
            }
        });
        for thread in 0..arguments.threads {
            let round = arguments.round;
            scope.spawn(move || {
                for number in 0_u32.. {
                    order(book, &format!("{round}-{thread}-{number}"));
                }
            });
        }
    });
    Ok(())
}

/// Brings units of what is sold out.
fn restock(book: &Book, round: u32, number: u32) {
    for sku in (0..SKUS).map(|sku| format!("sku-{sku}")) {
        let key = format!("{round}-{number}");
        let is_sold_out = book.available(&sku) == Some(0);
        if is_sold_out && book.restock(sku.clone(), &key, UNITS).is_ok() {
            tell("restocked", &format!("{sku} {key}"));
        }
    }
    thread::sleep(Duration::from_millis(5));
}

/// The lines of an order follow from its id, so that everybody can ask again.
pub fn lines(id: &str) -> Vec<(String, u64)> {
    let seed = id.bytes().fold(17, |seed: u64, byte| {
        seed.wrapping_mul(31).wrapping_add(u64::from(byte))
    });
    let mut chance = fastrand::Rng::with_seed(seed);
    let first = chance.u32(0..SKUS);
    let second = (first + chance.u32(1..SKUS)) % SKUS;
    let line = |sku| (format!("sku-{sku}"), 1);
    match chance.bool() {
        true => vec![line(first), line(second)],
        false => vec![line(first)],
    }
}

/// A customer: places, and then pays or thinks better of it.
fn order(book: &Book, id: &str) {
    match book.place(id, None, lines(id), TTL) {
        Ok(_) => tell("placed", id),
        Err(Refusal::Short(_)) => return thread::sleep(Duration::from_millis(1)),
        Err(_) => return,
    }
    let cancels = id.ends_with('7');
    let (answer, what) = match cancels {
        true => (book.cancel(id), "cancelled"),
        false => (book.pay(id), "paid"),
    };
    if answer.is_ok() {
        tell(what, id);
    }
}

/// One line in one write: a line is written as a whole or not at all.
fn tell(what: &str, id: &str) {
    let line = format!("{what} {id}\n");
    // Nobody listens any more: the next signal ends this process.
    _ = io::stdout().write_all(line.as_bytes());
}

/// Does not wait for the disk.
struct Hasty(Arc<Writer<String>>);

impl Journal<String> for Hasty {
    fn permit(&self) -> Result<(), NoPlace> {
        self.0.permit()
    }

    fn give_back(&self) {
        self.0.give_back();
    }

    fn append(&self, entry: &Entry<String>) -> Position {
        self.0.append(entry)
    }

    fn wait(&self, _: Position) -> Result<(), Lost> {
        Ok(())
    }

    fn may_forget(&self, order: Position) -> bool {
        self.0.may_forget(order)
    }
}
