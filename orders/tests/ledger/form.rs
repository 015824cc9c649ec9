//! The form of the entries as they are written: a ledger of an earlier release is read, and its requests are known still.

use rusqlite::{Connection, params_from_iter};
use segstock::ManualClock;
use segstock_orders::entry::ENTRY_VERSION;
use segstock_orders::ledger::{Recovered, WriterSettings};
use segstock_orders::sqlite::SqliteLedger;
use segstock_orders::{Answer, OrderBook, OrderState, Refusal, Returned, SkuLimits};
use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

type Outcome<T> = Result<T, Box<dyn Error>>;

const MINUTE: Duration = Duration::from_secs(60);
/// All kinds of entries in the first form: position, time, order, request and change of each row.
const FIRST_FORM: &str = include_str!("form/1.txt");

fn open(file: &Path, clock: &Arc<ManualClock>) -> Outcome<Recovered<String>> {
    let builder = OrderBook::builder().clock(Arc::clone(clock) as _);
    let settings = WriterSettings::new().wall(Arc::clone(clock) as _);
    Ok(builder.recover_with(SqliteLedger::at(file), settings)?)
}

fn phone() -> String {
    "phone".to_owned()
}

fn case() -> String {
    "case".to_owned()
}

/// Whether an order was placed before, whatever became of it.
fn was_placed(answer: Result<Answer, Refusal<String>>) -> Result<bool, Refusal<String>> {
    match answer {
        Err(Refusal::State(OrderState::Cancelled | OrderState::Expired)) => Ok(true),
        answer => Ok(answer?.before),
    }
}

/// Makes every change of a book that there is, and says of each whether it was made before. `pass` has deadlines pass.
fn live(book: &OrderBook<String>, pass: impl FnOnce()) -> Result<Vec<bool>, Refusal<String>> {
    let mut limits = SkuLimits::default();
    (limits.safety, limits.waiting, limits.low) = (1, 9, 2);
    (limits.per_customer, limits.unpaid) = (Some(20), Some(90));
    let phones = |units| [(phone(), units)];
    let cases = |units| [(case(), units)];
    let lines = |phones, cases| [(phone(), phones), (case(), cases)];
    let was_open = |sku, units| book.open(sku, units) == Err(Refusal::AlreadyOpen);
    let mut before = vec![
        was_open(phone(), 20),
        was_open(case(), 0),
        book.limit(phone(), limits)?.is_none(),
        was_placed(book.place_or_wait("waits", None, cases(1), MINUTE))?,
        book.restock(case(), "delivery", 7)?.before,
        book.count(phone(), "count", 22)?.before,
        book.write_off(phone(), "broken", 1)?.before,
        book.move_units(phone(), case(), "move", 2)?.before,
    ];
    let lorry = book.send(phone(), case(), "lorry", 3)?;
    let arrival = book.arrive(case(), lorry.position, "arrival", 1, 1)?;
    before.extend([lorry.before, arrival.before]);
    let ann = Some("ann");
    before.extend([
        was_placed(book.place("order", ann, lines(2, 1), MINUTE))?,
        book.amend("order", "amend", lines(3, 2), MINUTE)?.before,
        book.extend("order", "extend", 2 * MINUTE)?.before,
        book.pay_part("order", "pay", phones(2))?.before,
        book.cancel_part("order", "cancel", phones(1))?.before,
        book.pay("order")?.before,
        book.ship_part("order", "parcel", lines(1, 1))?.before,
        book.ship("order")?.before,
    ]);
    let back = |key, lines, to| book.return_part("order", key, lines, to);
    before.extend([
        back("return", phones(1), Returned::OnSale)?.before,
        back("broken", cases(1), Returned::WrittenOff)?.before,
        book.return_order("order", Returned::OnSale)?.before,
        was_placed(book.place("cancelled", None, cases(1), MINUTE))?,
        book.cancel("cancelled")?.before,
    ]);
    pass();
    let late = book.pay("waits")?;
    assert_eq!(late.late, 1);
    before.push(late.before);
    Ok(before)
}

fn rows(file: &Path) -> Outcome<String> {
    let file = Connection::open(file)?;
    let columns = "position, time, coalesce(of_order, '-'), coalesce(request, '-'), change";
    let row = format!("SELECT concat_ws(' ', {columns}) FROM entry ORDER BY position");
    let mut select = file.prepare(&row)?;
    let rows = select.query_map([], |row| Ok(row.get::<_, String>(0)? + "\n"))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Writes rows into a ledger without any.
fn write(file: &Path, rows: &str) -> Outcome<()> {
    let file = Connection::open(file)?;
    for row in rows.lines() {
        let columns: Vec<_> = row.splitn(5, ' ').collect();
        let row = "INSERT INTO entry VALUES (?1, ?2, nullif(?3, '-'), nullif(?4, '-'), ?5)";
        file.execute(row, params_from_iter(columns))?;
    }
    let last = "UPDATE owner SET (last, time, wall) = (SELECT max(position), max(time), max(time) FROM entry)";
    file.execute(last, [])?;
    Ok(())
}

fn place() -> Outcome<(TempDir, PathBuf, Arc<ManualClock>)> {
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("shop.db");
    let clock = Arc::new(ManualClock::new());
    clock.advance(MINUTE);
    Ok((directory, file, clock))
}

#[test]
fn entries_are_written_in_the_first_form() -> Outcome<()> {
    let (_directory, file, clock) = place()?;
    let shop = open(&file, &clock)?;
    let before = live(&shop.book, || clock.advance(MINUTE))?;
    assert!(!before.contains(&true), "{before:?}");
    drop(shop);
    assert_eq!(rows(&file)?, FIRST_FORM);
    assert_eq!(ENTRY_VERSION, 1, "another form has a file of its own, too");
    Ok(())
}

#[test]
fn a_ledger_in_the_first_form_is_read_and_its_requests_are_known() -> Outcome<()> {
    let (_directory, file, clock) = place()?;
    drop(open(&file, &clock)?);
    write(&file, FIRST_FORM)?;
    clock.advance(MINUTE);
    let shop = open(&file, &clock)?;
    assert_eq!(shop.found.entries, FIRST_FORM.lines().count() as u64);
    let figures = |sku: &str| {
        let stock = shop.book.stock(sku).expect("it is open");
        (
            stock.on_hand,
            stock.available,
            stock.safety,
            stock.on_the_way,
        )
    };
    assert_eq!(
        (figures("phone"), figures("case")),
        ((16, 15, 1, 1), (9, 8, 0, 0))
    );
    let before = live(&shop.book, || ())?;
    assert!(!before.contains(&false), "{before:?}");
    assert_eq!(
        (figures("phone"), figures("case")),
        ((16, 15, 1, 1), (9, 8, 0, 0))
    );
    drop(shop);
    assert_eq!(rows(&file)?, FIRST_FORM, "retries are no entries");
    Ok(())
}
