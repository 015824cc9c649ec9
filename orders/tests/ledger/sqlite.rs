//! The embedded ledger: what outlives a restart, and files that are not what they should be.

use rusqlite::Connection;
use segstock::ManualClock;
use segstock_orders::ledger::{
    Found, Ledger, LedgerReason, RecoverError, Recovered, WriterSettings,
};
use segstock_orders::sqlite::SqliteLedger;
use segstock_orders::{OrderBook, OrderState, Refusal, Returned, SkuLimits};
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use tempfile::TempDir;

type Outcome = Result<(), Box<dyn Error>>;

const TTL: Duration = Duration::from_secs(60);

/// A directory with a file of a ledger in it.
struct Place {
    directory: TempDir,
    clock: Arc<ManualClock>,
    wall: Arc<ManualClock>,
}

impl Place {
    fn new() -> Self {
        let wall = Arc::new(ManualClock::new());
        wall.advance(Duration::from_secs(1_000_000_000));
        Self {
            directory: tempfile::tempdir().expect("a directory for temporary files"),
            clock: Arc::new(ManualClock::new()),
            wall,
        }
    }

    fn file(&self) -> PathBuf {
        self.directory.path().join("shop.db")
    }

    fn recover(&self) -> Result<Recovered<String>, RecoverError> {
        let builder = OrderBook::builder().clock(Arc::clone(&self.clock) as _);
        let builder = builder
            .retention(Duration::from_secs(600))
            .max_returnable(0);
        let settings = WriterSettings::new().wall(Arc::clone(&self.wall) as _);
        builder.recover_with(SqliteLedger::at(self.file()), settings)
    }

    fn pass(&self, time: Duration) {
        self.clock.advance(time);
        self.wall.advance(time);
    }

    /// Why the file is not opened. It is as it was before.
    fn refusal(&self) -> (LedgerReason, String) {
        let before = fs::read(self.file()).expect("the file is there");
        let refused = refusal(self.recover());
        assert_eq!(fs::read(self.file()).ok(), Some(before), "nothing changed");
        assert_eq!(refused.1.lines().count(), 1, "one line: {}", refused.1);
        refused
    }
}

fn refusal(recovered: Result<Recovered<String>, RecoverError>) -> (LedgerReason, String) {
    match recovered {
        Err(RecoverError::Ledger(error)) => (error.reason(), error.to_string()),
        other => panic!("it is not refused: {other:?}"),
    }
}

fn phone() -> String {
    "phone".to_owned()
}

#[test]
fn all_that_was_answered_is_there_after_a_restart() -> Outcome {
    let place = Place::new();
    let first = place.recover()?;
    assert_eq!(
        (first.found.entries, first.found.passed),
        (0, Duration::ZERO)
    );
    let book = &first.book;
    book.open(phone(), 10)?;
    for order in [
        "held",
        "paid",
        "shipped",
        "returned",
        "cancelled",
        "expired",
    ] {
        _ = book.place(order, Some("customer"), [(phone(), 1)], TTL)?;
    }
    for order in ["paid", "shipped", "returned"] {
        _ = book.pay(order)?;
    }
    for order in ["shipped", "returned"] {
        _ = book.ship(order)?;
    }
    _ = book.return_part("returned", "parcel-1", [(phone(), 1)], Returned::OnSale)?;
    _ = book.cancel("cancelled")?;
    place.pass(TTL / 2);
    _ = book.extend("held", "extend-1", TTL)?;
    place.pass(TTL / 2);
    assert_eq!(book.get("expired")?.state, OrderState::Expired);
    _ = book.count(phone(), "count-1", 12)?;
    let stock = book.stock(&phone());
    drop(first);

    let second = place.recover()?;
    let book = &second.book;
    assert_eq!(book.stock(&phone()), stock);
    let states = [
        ("held", OrderState::Held),
        ("paid", OrderState::Paid),
        ("shipped", OrderState::Shipped),
        ("returned", OrderState::Returned),
        ("cancelled", OrderState::Cancelled),
        ("expired", OrderState::Expired),
    ];
    for (order, state) in states {
        assert_eq!(book.get(order)?.state, state, "{order}");
    }
    assert!(
        book.return_part("returned", "parcel-1", [(phone(), 1)], Returned::OnSale)?
            .before
    );
    assert!(book.count(phone(), "count-1", 12)?.before);
    assert_eq!(book.count(phone(), "count-1", 13), Err(Refusal::Conflict));
    let Found {
        orders,
        skus,
        epoch,
        ..
    } = second.found;
    assert_eq!((orders, skus, epoch), (6, 1, 2));
    Ok(())
}

#[test]
fn deadlines_come_nearer_while_no_process_runs() -> Outcome {
    let place = Place::new();
    let first = place.recover()?;
    first.book.open(phone(), 1)?;
    _ = first.book.place("order", None, [(phone(), 1)], TTL)?;
    drop(first);

    // A new process reads another steady clock: only the wall clock goes on.
    place.wall.advance(TTL / 2);
    let second = place.recover()?;
    assert_eq!(second.found.passed, TTL / 2);
    assert_eq!(second.book.get("order")?.remaining, Some(TTL / 2));
    drop(second);
    place.wall.advance(TTL / 2);
    let third = place.recover()?;
    assert_eq!(third.book.get("order")?.state, OrderState::Expired);
    _ = third.book.place("next", None, [(phone(), 1)], TTL)?;
    Ok(())
}

#[test]
fn many_threads_are_answered_by_few_batches() -> Outcome {
    let place = Place::new();
    let recovered = place.recover()?;
    let book = &recovered.book;
    book.open(phone(), 1000)?;
    thread::scope(|scope| {
        for thread in 0..16 {
            scope.spawn(move || {
                for number in 0..50 {
                    let order = format!("order-{thread}-{number}");
                    let placed = book.place(&order, None, [(phone(), 1)], TTL);
                    assert!(placed.is_ok_and(|placed| !placed.before));
                    assert!(book.pay(&order).is_ok());
                }
            });
        }
    });
    let status = recovered.writer.status();
    assert_eq!((status.durable, status.used), (status.appended, 0));
    assert!(status.batches < status.durable.number() / 2, "{status:?}");
    drop(recovered);
    let again = place.recover()?;
    assert_eq!((again.found.orders, again.found.entries), (800, 1601));
    assert_eq!(again.book.available(&phone()), Some(200));
    Ok(())
}

#[test]
fn rows_of_forgotten_orders_go_and_what_they_took_stays() -> Outcome {
    let place = Place::new();
    let first = place.recover()?;
    first.book.open(phone(), 100)?;
    for number in 0..20 {
        let order = format!("old-{number}");
        _ = first.book.place(&order, None, [(phone(), 3)], TTL)?;
        _ = first.book.pay(&order)?;
        _ = first.book.ship(&order)?;
        _ = first
            .book
            .return_part(&order, "parcel", [(phone(), 1)], Returned::OnSale)?;
        _ = first.book.return_order(&order, Returned::WrittenOff)?;
    }
    place.pass(Duration::from_secs(601));
    // Every call forgets a few.
    for number in 0..100 {
        _ = first
            .book
            .place(&format!("new-{number}"), None, [(phone(), 1)], TTL);
        _ = first.book.cancel(&format!("new-{number}"));
    }
    first.writer.close();
    let stock = first.book.stock(&phone());
    assert_eq!(stock.map(|stock| stock.on_hand), Some(60));
    let known = first.book.orders();
    drop(first);

    let rows = "SELECT count(*) FROM entries WHERE kind = 'shipped'";
    let rows: u64 = Connection::open(place.file())?.query_row(rows, [], |row| row.get(0))?;
    assert_eq!(
        rows,
        known as u64 - 100,
        "the rows of forgotten orders are gone"
    );
    let second = place.recover()?;
    assert_eq!(second.book.stock(&phone()), stock);
    assert_eq!(second.book.get("old-0"), Err(Refusal::UnknownOrder));
    // Positions are not used again.
    let position = second.book.open("tablet".to_owned(), 1)?;
    assert!(position > second.found.last);
    Ok(())
}

#[test]
#[cfg(unix)]
fn the_file_is_for_its_owner_only() -> Outcome {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    let recovered = place.recover()?;
    recovered.book.open(phone(), 1)?;
    for entry in fs::read_dir(place.directory.path())? {
        let entry = entry?;
        let mode = entry.metadata()?.permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{:?}", entry.file_name());
    }
    Ok(())
}

#[test]
fn a_file_of_something_else_is_not_touched() -> Outcome {
    let place = Place::new();
    for text in ["x", &"a letter to somebody\n".repeat(100)] {
        fs::write(place.file(), text)?;
        assert_eq!(place.refusal().0, LedgerReason::NotALedger);
    }
    fs::remove_file(place.file())?;
    let other = Connection::open(place.file())?;
    other.execute_batch("CREATE TABLE letter (text); PRAGMA user_version = 1")?;
    drop(other);
    let (reason, line) = place.refusal();
    assert_eq!(reason, LedgerReason::NotALedger);
    assert!(line.ends_with("is not a ledger of segstock"), "{line}");
    Ok(())
}

#[test]
fn a_file_of_a_later_release_is_not_touched() -> Outcome {
    let place = Place::new();
    place.recover()?.book.open(phone(), 1)?;
    Connection::open(place.file())?
        .execute_batch("PRAGMA user_version = 9; PRAGMA wal_checkpoint(TRUNCATE)")?;
    let (reason, line) = place.refusal();
    assert_eq!(reason, LedgerReason::Later);
    assert!(
        line.contains("its schema is 9, this release knows 1"),
        "{line}"
    );
    Ok(())
}

#[test]
fn a_file_that_was_closed_for_good_is_not_opened_any_more() -> Outcome {
    let place = Place::new();
    place.recover()?.book.open(phone(), 1)?;
    let mut ledger = SqliteLedger::<String>::at(place.file());
    let why = || SqliteLedger::<String>::at(place.file()).why_closed();
    assert_eq!(why()?, None);
    ledger.open()?;
    assert_eq!(why()?, None, "while it is open");
    ledger.close_for_good("it went to sea")?;
    assert_eq!(why()?.as_deref(), Some("it went to sea"));
    // No log has to be read beside it: an earlier release finds in its head that a later one wrote it.
    assert_eq!(fs::read_dir(place.directory.path())?.count(), 1);
    let head = fs::read(place.file())?;
    assert_eq!(head[60..64], 1_000_000_u32.to_be_bytes());
    for _ in 0..2 {
        let (reason, line) = place.refusal();
        assert_eq!(reason, LedgerReason::ClosedForGood);
        let says_why = line.ends_with("shop.db is closed for good: it went to sea");
        assert!(says_why, "{line}");
    }
    let entries = "SELECT count(*) FROM entries";
    let entries = Connection::open(place.file())?.query_row(entries, [], |row| row.get(0));
    assert_eq!(entries, Ok(1), "what was written stays");
    // One that is not open cannot be closed.
    assert!(
        SqliteLedger::<String>::at(place.file())
            .close_for_good("")
            .is_err()
    );
    Ok(())
}

#[test]
fn a_ledger_that_is_not_there_can_be_left_so() -> Outcome {
    let place = Place::new();
    let open = || {
        let ledger = SqliteLedger::<String>::at(place.file()).existing();
        OrderBook::builder().recover(ledger)
    };
    refusal(open());
    assert_eq!(fs::read_dir(place.directory.path())?.count(), 0);
    fs::write(place.file(), "")?;
    assert_eq!(refusal(open()).0, LedgerReason::NotALedger);
    assert_eq!(fs::metadata(place.file())?.len(), 0);
    place.recover()?.book.open(phone(), 1)?;
    let found = open()?.found.to_string();
    assert!(
        found.starts_with("0 orders and 1 SKU in 1 entry"),
        "{found}"
    );
    Ok(())
}

#[test]
fn a_directory_that_is_not_there_is_said() {
    let ledger = SqliteLedger::at(Path::new("no/such/directory/shop.db"));
    let (_, line) = refusal(OrderBook::builder().recover(ledger));
    assert!(
        line.starts_with("no/such/directory/shop.db cannot be opened"),
        "{line}"
    );
}

#[test]
fn people_can_read_it() -> Outcome {
    let place = Place::new();
    let recovered = place.recover()?;
    recovered.book.open(phone(), 5)?;
    _ = recovered
        .book
        .place("order-17", None, [(phone(), 2)], TTL)?;
    _ = recovered.book.pay("order-17")?;
    drop(recovered);
    let file = Connection::open(place.file())?;
    let mut select = file.prepare("SELECT position || ' ' || kind || ' ' || data FROM entries")?;
    let lines: Vec<String> = select
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    assert_eq!(lines[0], r#"1 opened {"sku":"phone","id":0,"units":5}"#);
    assert!(
        lines[1]
            .starts_with(r#"2 placed {"order":{"id":"order-17","customer":null,"lines":{"0":2}"#)
    );
    assert_eq!(
        lines[2],
        r#"3 paid {"order":2,"held":{"0":2},"retaken":{},"shipped":false}"#
    );
    Ok(())
}

#[test]
fn what_a_customer_had_counts_after_it_was_forgotten_and_after_a_restart() -> Outcome {
    let place = Place::new();
    let first = place.recover()?;
    let book = &first.book;
    book.open(phone(), 100)?;
    let mut limits = SkuLimits::default();
    limits.per_customer = Some(3);
    _ = book.limit(phone(), limits)?;
    _ = book.place("old", Some("ann"), [(phone(), 2)], TTL)?;
    _ = book.pay("old")?;
    _ = book.ship("old")?;
    place.pass(Duration::from_secs(601));
    assert_eq!(book.get("old"), Err(Refusal::UnknownOrder));
    let refused = |recovered: &Recovered<String>| {
        let book = &recovered.book;
        let placed = book.place("new", Some("ann"), [(phone(), 2)], TTL);
        assert!(matches!(placed, Err(Refusal::PerCustomer(_))), "{placed:?}");
    };
    refused(&first);
    drop(first);
    refused(&place.recover()?);
    Ok(())
}

/// A process that closes any handle of a file loses its locks on it: a second look at an open ledger must not open it.
#[test]
fn a_second_opening_in_the_process_leaves_the_lock_to_the_first() -> Outcome {
    const FILE: &str = "SEGSTOCK_TEST_FILE";
    const NAME: &str = "sqlite::a_second_opening_in_the_process_leaves_the_lock_to_the_first";
    let open = |file: &Path| OrderBook::<String>::builder().recover(SqliteLedger::at(file));
    if let Some(file) = std::env::var_os(FILE) {
        // The other process.
        let (reason, line) = refusal(open(Path::new(&file)));
        assert_eq!(reason, LedgerReason::InUse);
        assert!(line.ends_with("is in use by another process"), "{line}");
        return Ok(());
    }
    let place = Place::new();
    let is_locked = || {
        let mut other = std::process::Command::new(std::env::current_exe()?);
        let other = other.args([NAME, "--exact"]).env(FILE, place.file());
        Ok::<_, std::io::Error>(other.output()?.status.success())
    };
    let shop = place.recover()?;
    assert!(is_locked()?);
    for _ in 0..2 {
        let (reason, line) = refusal(open(&place.file()));
        assert_eq!(reason, LedgerReason::InUse);
        assert!(line.ends_with("is in use by this process"), "{line}");
        assert!(is_locked()?, "still");
    }
    let why = || SqliteLedger::<String>::at(place.file()).why_closed();
    assert_eq!(why(), Ok(None), "it is asked whether it is closed");
    assert!(is_locked()?, "still");
    shop.book.open(phone(), 1)?;
    drop(shop);
    assert!(!is_locked()?, "the other process has it now");
    open(&place.file())?;
    Ok(())
}
