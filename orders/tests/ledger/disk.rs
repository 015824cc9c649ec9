//! A ledger on a disk in memory: it is opened again, by the same process and by another one.

use segstock_orders::ledger::faults::{Disk, Faults, FaultyLedger};
use segstock_orders::ledger::{
    Batch, Ledger, LedgerError, LedgerReason, Opened, Standing, WriteError,
};
use segstock_orders::{Entry, OrderBook, Position, Refusal};
use std::sync::Arc;
use std::time::Duration;

const TTL: Duration = Duration::from_secs(60);

/// A ledger that gives two entries at a time.
struct Sparing(FaultyLedger<String>);

impl Ledger<String> for Sparing {
    fn open(&mut self) -> Result<Opened, LedgerError> {
        self.0.open()
    }

    fn load(
        &mut self,
        after: Position,
        limit: usize,
    ) -> Result<Vec<(Position, Entry<String>)>, LedgerError> {
        self.0.load(after, limit.min(2))
    }

    fn write(&mut self, batch: &Batch<String>) -> Result<(), WriteError> {
        self.0.write(batch)
    }

    fn ask(&mut self, epoch: u64, number: u64) -> Result<Standing, LedgerError> {
        self.0.ask(epoch, number)
    }
}

#[test]
fn only_an_empty_page_is_the_end_of_a_ledger() {
    let disk = Disk::<String>::new();
    let open = || OrderBook::builder().recover(Sparing(disk.ledger()));
    let shop = open().expect("an empty disk");
    shop.book.open("phone".to_owned(), 5).expect("a new SKU");
    for number in 0..5 {
        let line = [("phone".to_owned(), 1)];
        let id = format!("order-{number}");
        let placed = shop.book.place(&id, None, line, TTL);
        placed.expect("there are five");
    }
    drop(shop);
    let shop = open().expect("as it was");
    assert_eq!(
        (shop.found.orders, shop.book.available("phone")),
        (5, Some(0))
    );
}

#[test]
fn two_processes_on_one_disk_never_both_write() {
    let disk = Disk::<String>::new();
    let first = OrderBook::builder()
        .recover(disk.ledger())
        .expect("an empty disk");
    first.book.open("phone".to_owned(), 1).expect("a new SKU");
    let second = OrderBook::builder()
        .recover(disk.ledger())
        .expect("the epoch is raised");
    assert_eq!(
        first.book.open("tablet".to_owned(), 1),
        Err(Refusal::Unknown)
    );
    let dead = first.writer.status().dead;
    assert_eq!(
        dead.map(|error| error.reason()),
        Some(LedgerReason::Superseded)
    );
    second.book.open("tablet".to_owned(), 1).expect("a new SKU");
}

#[test]
fn forgotten_orders_leave_the_memory_ledger_and_what_they_took_stays() {
    let clock = Arc::new(segstock::ManualClock::new());
    let disk = Disk::<String>::new();
    let open = |faults| {
        let builder = OrderBook::builder().clock(Arc::clone(&clock) as _);
        let builder = builder.retention(TTL).max_returnable(0);
        builder
            .recover(disk.faulty(1, faults))
            .expect("the disk can be read")
    };
    let shop = open(Faults::none());
    shop.book.open("phone".to_owned(), 5).expect("a new SKU");
    let lines = || [("phone".to_owned(), 2)];
    assert!(shop.book.place("old", None, lines(), TTL).is_ok());
    assert!(shop.book.pay("old").is_ok() && shop.book.ship("old").is_ok());
    clock.advance(TTL);
    assert_eq!(shop.book.get("old"), Err(Refusal::UnknownOrder));
    // The id is free again.
    assert!(
        shop.book
            .place("old", None, lines(), TTL)
            .is_ok_and(|answer| !answer.before)
    );
    shop.writer.close();
    drop(shop);
    assert_eq!(disk.entries().len(), 2, "the SKU and the new order");
    let shop = open(Faults::none());
    let stock = shop.book.stock("phone").expect("it is open");
    assert_eq!((stock.on_hand, stock.available), (3, 1));
}
