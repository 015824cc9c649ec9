//! Backups that are made while a shop sells: a ledger of its own, with all that was answered before.

use segstock_orders::ledger::faults::{Disk, Faults};
use segstock_orders::ledger::{LedgerReason, Recovered};
use segstock_orders::sqlite::SqliteLedger;
use segstock_orders::{Cursor, Filter, OrderBook, OrderState, OrderView, SkuId};
use std::error::Error;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

type Outcome = Result<(), Box<dyn Error>>;

const HOUR: Duration = Duration::from_secs(3_600);
const UNITS: u64 = 1_000_000;

/// A shop that forgets what ended a few ms ago: rows are deleted, and old restocks become one row, all the time.
fn recover(file: &Path) -> Result<Recovered<String>, Box<dyn Error>> {
    let builder = OrderBook::builder()
        .retention(Duration::from_millis(20))
        .max_returnable(0);
    Ok(builder.recover(SqliteLedger::at(file))?)
}

/// A new shop that sells phones, and has no tablets yet.
fn open(file: &Path) -> Result<Recovered<String>, Box<dyn Error>> {
    let shop = recover(file)?;
    shop.book.open(phone(), UNITS)?;
    shop.book.open(tablet(), 0)?;
    Ok(shop)
}

fn phone() -> String {
    "phone".to_owned()
}

fn tablet() -> String {
    "tablet".to_owned()
}

/// Units that were asked to leave, and that were asked to come, each before it was asked.
#[derive(Debug, Default)]
struct Asked {
    shipped: AtomicU64,
    restocked: AtomicU64,
}

impl Asked {
    fn now(&self) -> [u64; 2] {
        [&self.shipped, &self.restocked].map(|units| units.load(Ordering::SeqCst))
    }
}

/// An order that stays, if `number` is divided by four; otherwise one that is shipped, and a restock of another SKU.
fn sell(shop: &Recovered<String>, thread: u64, number: u64, asked: &Asked) -> Outcome {
    let id = format!("{thread}-{number}");
    shop.book.place(&id, None, [(phone(), 1)], HOUR)?;
    if !number.is_multiple_of(4) {
        shop.book.pay(&id)?;
        asked.shipped.fetch_add(1, Ordering::SeqCst);
        shop.book.ship(&id)?;
        asked.restocked.fetch_add(1, Ordering::SeqCst);
        shop.book.restock(tablet(), &id, 1)?;
    }
    Ok(())
}

/// Makes a call for each number, and waits for the disk now and then.
fn for_each(
    shop: &Recovered<String>,
    numbers: std::ops::Range<u64>,
    call: impl Fn(u64) -> Outcome,
) -> Outcome {
    let mut numbers = numbers.peekable();
    while numbers.peek().is_some() {
        let mut some = numbers.by_ref().take(500);
        let decided = shop.writer.decide(|| some.try_for_each(&call));
        decided.answer?;
        pollster::block_on(shop.writer.durable(decided.rests_on)).map_err(|_| "lost")?;
    }
    Ok(())
}

/// All orders that are held, without the time that passes.
fn held(shop: &Recovered<String>) -> Result<Vec<OrderView<String>>, Box<dyn Error>> {
    let mut filter = Filter::default();
    filter.state = Some(OrderState::Held);
    let (mut all, mut cursor) = (Vec::new(), Some(Cursor::default()));
    while let Some(from) = cursor {
        let page = shop.book.list(&filter, from, 1_000)?;
        all.extend(page.orders);
        cursor = page.next;
    }
    for order in &mut all {
        (order.age, order.placed) = (Duration::ZERO, Duration::ZERO);
        order.remaining = None;
    }
    all.sort_by_key(|order| order.number);
    Ok(all)
}

#[test]
fn a_backup_of_a_shop_that_sells_has_all_that_was_answered_before() -> Outcome {
    const SELLERS: u64 = 4;
    let directory = tempfile::tempdir()?;
    let [file, backup] = ["shop.db", "monday.db"].map(|name| directory.path().join(name));
    let shop = open(&file)?;
    let (asked, over) = (Asked::default(), AtomicBool::new(false));
    for_each(&shop, 0..8_000, |number| sell(&shop, 9, number, &asked))?;
    let (before, after) = thread::scope(|scope| -> Result<_, Box<dyn Error>> {
        let sellers: Vec<_> = (0..SELLERS)
            .map(|thread| {
                let (shop, asked, over) = (&shop, &asked, &over);
                scope.spawn(move || {
                    let mut numbers = (0..).take_while(|_| !over.load(Ordering::Relaxed));
                    let sold = numbers.try_for_each(|number| sell(shop, thread, number, asked));
                    sold.map_err(|error| error.to_string())
                })
            })
            .collect();
        thread::sleep(Duration::from_millis(100));
        let before = asked.now();
        shop.writer.back_up(&backup)?;
        let after = asked.now();
        over.store(true, Ordering::Relaxed);
        for seller in sellers {
            seller.join().expect("no panic")?;
        }
        Ok((before, after))
    })?;
    assert!(after > before, "it sold meanwhile");

    let kept = recover(&backup)?;
    let on_hand = |sku| kept.writer.stock(SkuId::new(sku)).on_hand.cast_unsigned();
    // Every unit that left or came before the backup is in it once, and none that did after it.
    for (figure, units) in [UNITS - on_hand(0), on_hand(1)].into_iter().enumerate() {
        let (least, most) = (before[figure] - SELLERS, after[figure]);
        assert!(
            (least..=most).contains(&units),
            "{units} of {before:?} to {after:?}"
        );
    }
    for number in (0..8_000).step_by(4) {
        let order = kept.book.get(&format!("9-{number}"))?;
        assert_eq!(order.state, OrderState::Held);
    }
    kept.book.place("the next", None, [(phone(), 1)], HOUR)?;
    Ok(())
}

#[test]
fn a_backup_at_rest_is_the_same_shop() -> Outcome {
    const SKUS: u64 = 1_200;
    let directory = tempfile::tempdir()?;
    let [file, backup] = ["shop.db", "monday.db"].map(|name| directory.path().join(name));
    let shop = open(&file)?;
    for_each(&shop, 0..SKUS, |sku| {
        shop.book.open(format!("sku-{sku}"), 10)?;
        Ok(())
    })?;
    for_each(&shop, 0..2 * SKUS, |number| {
        sell(&shop, 0, number, &Asked::default())?;
        let id = format!("other-{number}");
        let line = (format!("sku-{}", number % SKUS), 1);
        shop.book.place(&id, None, [line], HOUR)?;
        shop.book.pay(&id)?;
        shop.book.ship(&id)?;
        Ok(())
    })?;
    thread::sleep(Duration::from_millis(30));
    while shop.book.sweep(1_000)? > 0 {}
    shop.writer.back_up(&backup)?;
    drop(shop);
    let (shop, kept) = (recover(&file)?, recover(&backup)?);
    assert!(held(&shop)? == held(&kept)?, "the orders are the same");
    for sku in (0..).take(1_202) {
        // What was shipped is known of those orders alone whose rows are there, and the closing deleted some more.
        let of = |shop: &Recovered<String>| {
            let sums = shop.writer.stock(SkuId::new(sku));
            (sums.on_hand, sums.held, sums.paid)
        };
        assert_eq!(of(&shop), of(&kept), "SKU {sku}");
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::metadata(&backup)?.permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "readable for its owner only");
    }
    Ok(())
}

#[test]
fn a_backup_that_cannot_be_made_changes_nothing() -> Outcome {
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("shop.db");
    let shop = recover(&file)?;
    shop.book.open(phone(), UNITS)?;
    let there = directory.path().join("there.db");
    fs::write(&there, "something")?;
    let error = shop.writer.back_up(&there).expect_err("it is there");
    assert!(
        error.to_string().ends_with("there.db is there already"),
        "{error}"
    );
    assert_eq!(fs::read_to_string(&there)?, "something");
    let nowhere = directory.path().join("nowhere").join("monday.db");
    let error = shop
        .writer
        .back_up(&nowhere)
        .expect_err("no such directory");
    assert_eq!(error.to_string().lines().count(), 1, "{error}");
    // What an attempt that was killed left is named by the error, and not touched; nothing is left by those that failed.
    let half = directory.path().join("monday.db.part");
    fs::write(&half, "half of it")?;
    let error = shop.writer.back_up(directory.path().join("monday.db"));
    let error = error.expect_err("half of it is there").to_string();
    assert!(
        error.ends_with("of a backup that was not ended: remove it"),
        "{error}"
    );
    assert_eq!(fs::read_to_string(&half)?, "half of it");
    fs::remove_file(half)?;
    shop.writer.back_up(directory.path().join("monday.db"))?;
    shop.book.restock(phone(), "more", 1)?;
    let names = fs::read_dir(directory.path())?;
    let names: Result<Vec<_>, _> = names.map(|entry| entry.map(|it| it.file_name())).collect();
    let mut names = names?;
    names.sort();
    assert_eq!(names, ["monday.db", "shop.db", "shop.db-wal", "there.db"]);

    shop.writer.close();
    let error = shop.writer.back_up(directory.path().join("late.db"));
    let error = error.expect_err("it is closed");
    assert_eq!(error.reason(), LedgerReason::Closed);
    Ok(())
}

#[test]
fn a_ledger_with_other_means_says_so() -> Outcome {
    let disk = Disk::<String>::new();
    let shop = OrderBook::builder().recover(disk.faulty(1, Faults::none()))?;
    let error = shop
        .writer
        .back_up("monday.db")
        .expect_err("it has no files");
    assert!(error.to_string().contains("means of its own"), "{error}");
    shop.book.open(phone(), 1)?;
    Ok(())
}
