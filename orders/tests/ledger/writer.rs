//! The writer: what waits, what is refused, and what a dead ledger answers.

use segstock_orders::ledger::faults::{Disk, FaultyLedger};
use segstock_orders::ledger::{
    Batch, Ledger, LedgerError, LedgerReason, Opened, Recovered, Standing, Step, WriteError,
    WriterSettings,
};
use segstock_orders::{Change, Entry, Journal, Lost, NoPlace, OrderBook, Position, Refusal, SkuId};
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

const TTL: Duration = Duration::from_secs(60);

/// A ledger that does with each batch what the test orders.
struct Scripted {
    inner: FaultyLedger<String>,
    orders: Receiver<Do>,
    /// The numbers of the batches, as they come.
    seen: Arc<Mutex<Vec<Batch<String>>>>,
}

/// What is done with a batch.
enum Do {
    Write,
    /// It is not written, and the writer learns that nobody knows.
    Lose,
    /// It is written, and the writer learns that nobody knows.
    LoseAnswer,
    Fail,
    Panic,
}

impl Ledger<String> for Scripted {
    fn open(&mut self) -> Result<Opened, LedgerError> {
        self.inner.open()
    }

    fn load(
        &mut self,
        after: Position,
        limit: usize,
    ) -> Result<Vec<(Position, Entry<String>)>, LedgerError> {
        self.inner.load(after, limit)
    }

    fn write(&mut self, batch: &Batch<String>) -> Result<(), WriteError> {
        self.seen.lock().expect("not poisoned").push(batch.clone());
        let error = || LedgerError::new(LedgerReason::Failed, "as the test wants");
        match self.orders.recv() {
            Ok(Do::Write) => self.inner.write(batch),
            Ok(Do::Lose) => Err(WriteError::Unknown(error())),
            Ok(Do::LoseAnswer) => {
                self.inner.write(batch)?;
                Err(WriteError::Unknown(error()))
            }
            Ok(Do::Fail) => Err(WriteError::Dead(error())),
            Ok(Do::Panic) => panic!("as the test wants"),
            // The test is over.
            Err(_) => Err(WriteError::Dead(error())),
        }
    }

    fn ask(&mut self, epoch: u64, number: u64) -> Result<Standing, LedgerError> {
        self.inner.ask(epoch, number)
    }

    fn assert_own(&mut self) -> Result<(), WriteError> {
        let error = || LedgerError::new(LedgerReason::Failed, "as the test wants");
        match self.orders.try_recv() {
            Ok(Do::Lose) => Err(WriteError::Unknown(error())),
            Ok(_) => Err(WriteError::Dead(error())),
            Err(_) => Ok(()),
        }
    }
}

struct Shop {
    /// Dropped first: then the ledger fails, and nobody waits for it.
    orders: Sender<Do>,
    recovered: Recovered<String>,
    seen: Arc<Mutex<Vec<Batch<String>>>>,
    disk: Disk<String>,
}

/// A shop with 10 phones, of which all is durable.
fn shop(places: usize) -> Shop {
    let disk = Disk::new();
    let (orders, script) = mpsc::channel();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let ledger = Scripted {
        inner: disk.ledger(),
        orders: script,
        seen: Arc::clone(&seen),
    };
    let settings = WriterSettings::new().places(places);
    let recovered = OrderBook::builder().recover_with(ledger, settings);
    let recovered = recovered.expect("an empty disk");
    orders.send(Do::Write).expect("the writer runs");
    recovered
        .book
        .open("phone".to_owned(), 10)
        .expect("a new SKU");
    Shop {
        recovered,
        orders,
        seen,
        disk,
    }
}

impl Shop {
    /// Places an order without waiting, and returns the position of its entry.
    fn place(&self, id: &str) -> Result<Position, Refusal<String>> {
        let book = &self.recovered.book;
        let lines = [("phone".to_owned(), 1)];
        let decided = self
            .recovered
            .writer
            .decide(|| book.place(id, None, lines, TTL));
        decided.answer.map(|_| decided.rests_on)
    }

    fn send(&self, what: Do) {
        self.orders.send(what).expect("the writer runs");
    }

    fn wait(&self, position: Position) -> Result<(), Lost> {
        pollster::block_on(self.recovered.writer.durable(position))
    }

    /// Waits until the writer has given a batch to the ledger.
    fn batches(&self, count: usize) {
        while self.seen.lock().expect("not poisoned").len() < count {
            thread::yield_now();
        }
    }
}

#[test]
fn while_a_batch_is_written_the_next_collects() {
    let shop = shop(100);
    let first = shop.place("1").expect("units");
    shop.batches(2);
    let others: Vec<_> = (2..8)
        .map(|number| shop.place(&number.to_string()))
        .collect();
    assert_eq!(shop.recovered.writer.outcome(first), None);
    shop.send(Do::Write);
    shop.send(Do::Write);
    let last = others.last().cloned().and_then(Result::ok).expect("units");
    assert_eq!(shop.wait(last), Ok(()));
    let seen = shop.seen.lock().expect("not poisoned");
    let sizes: Vec<_> = seen.iter().map(|batch| batch.entries.len()).collect();
    assert_eq!(sizes, [1, 1, 6]);
    assert_eq!(seen[2].first, Position::new(first.number() + 1));
}

#[test]
fn a_full_queue_is_busy_before_anything_is_taken() {
    let shop = shop(2);
    assert!(shop.place("1").is_ok() && shop.place("2").is_ok());
    assert_eq!(shop.place("3"), Err(Refusal::Busy));
    assert_eq!(shop.recovered.book.available("phone"), Some(8));
    // A retry and a plain refusal need no place.
    assert!(shop.place("1").is_ok());
    let book = &shop.recovered.book;
    assert_eq!(book.get("4"), Err(Refusal::UnknownOrder));
    // One batch, or two.
    shop.send(Do::Write);
    shop.send(Do::Write);
    assert_eq!(shop.wait(Position::new(3)), Ok(()));
    assert!(shop.place("3").is_ok(), "there is a place again");
}

#[test]
fn a_refused_change_gives_its_place_back() {
    let shop = shop(1);
    let book = &shop.recovered.book;
    for _ in 0..5 {
        let lines = [("phone".to_owned(), 99)];
        let short = book.place("1", None, lines, TTL);
        assert!(matches!(short, Err(Refusal::Short(_))), "{short:?}");
    }
    assert!(shop.place("2").is_ok());
}

#[test]
fn a_batch_of_unknown_result_is_sent_again_unchanged() {
    let shop = shop(100);
    let position = shop.place("1").expect("units");
    shop.batches(2);
    let later = shop.place("2").expect("units");
    shop.send(Do::Lose);
    shop.send(Do::Write);
    assert_eq!(shop.wait(position), Ok(()));
    let seen = shop.seen.lock().expect("not poisoned").clone();
    assert_eq!(seen[1], seen[2]);
    // One that is there is not sent again.
    shop.send(Do::LoseAnswer);
    assert_eq!(shop.wait(later), Ok(()));
    let numbers: Vec<_> = shop
        .disk
        .entries()
        .iter()
        .map(|(at, _)| at.number())
        .collect();
    assert_eq!(numbers, [1, 2, 3]);
}

#[test]
fn a_dead_ledger_answers_what_is_durable_and_nothing_else() {
    for ends in [Do::Fail, Do::Panic] {
        let shop = shop(100);
        let durable = shop.place("durable").expect("units");
        shop.send(Do::Write);
        assert_eq!(shop.wait(durable), Ok(()));
        let lost = shop.place("lost").expect("units");
        shop.send(ends);
        assert_eq!(shop.wait(lost), Err(Lost));
        // Nothing is taken for a call that cannot be written.
        assert_eq!(shop.place("new"), Err(Refusal::Unavailable));
        let book = &shop.recovered.book;
        assert_eq!(
            book.available("phone"),
            Some(8),
            "units of an unknown order stay taken"
        );
        assert!(book.get("durable").is_ok());
        assert_eq!(book.get("lost"), Err(Refusal::Unknown));
        let lines = || [("phone".to_owned(), 1)];
        assert!(
            book.place("durable", None, lines(), TTL)
                .is_ok_and(|answer| answer.before)
        );
        assert_eq!(
            book.place("lost", None, lines(), TTL),
            Err(Refusal::Unknown)
        );
        assert!(shop.recovered.writer.status().dead.is_some());

        let again = OrderBook::builder()
            .recover(shop.disk.ledger())
            .expect("a new process");
        assert!(again.book.get("durable").is_ok());
        assert_eq!(again.book.get("lost"), Err(Refusal::UnknownOrder));
    }
}

#[test]
fn an_order_that_cannot_expire_makes_others_busy_or_unavailable_and_never_short() {
    let clock = Arc::new(segstock::ManualClock::new());
    let disk = Disk::<String>::new();
    let builder = OrderBook::builder().clock(Arc::clone(&clock) as _);
    let settings = WriterSettings::new().places(2);
    let (shop, mut driver) = builder
        .recover_by_hand(disk.ledger(), settings)
        .expect("an empty disk");
    let place = |id: &str| {
        let lines = [("phone".to_owned(), 1)];
        shop.writer
            .decide(|| shop.book.place(id, None, lines, TTL))
            .answer
    };
    let open = shop.writer.decide(|| shop.book.open("phone".to_owned(), 1));
    assert!(open.answer.is_ok() && place("first").is_ok());
    clock.advance(TTL);
    // Its unit could be had, and the queue has no place to write that.
    assert_eq!(place("second"), Err(Refusal::Busy));
    assert_eq!(driver.step(), Step::Written);
    assert!(place("second").is_ok());
    assert_eq!(driver.step(), Step::Written);
    clock.advance(TTL);
    drop(driver);
    assert_eq!(place("third"), Err(Refusal::Unavailable));
}

#[test]
fn figures_are_those_of_what_is_durable() {
    let shop = shop(100);
    let phone = SkuId::new(0);
    let position = shop.place("1").expect("units");
    assert_eq!(shop.recovered.book.available("phone"), Some(9));
    assert_eq!(shop.recovered.writer.stock(phone).available(), 10);
    shop.send(Do::Write);
    assert_eq!(shop.wait(position), Ok(()));
    let stock = shop.recovered.writer.stock(phone);
    assert_eq!((stock.on_hand, stock.held, stock.available()), (10, 1, 9));
}

#[test]
fn what_is_decided_together_is_in_one_batch_and_needs_no_places_of_others() {
    let disk = Disk::<String>::new();
    let settings = WriterSettings::new().places(1);
    let (shop, mut driver) = OrderBook::builder()
        .recover_by_hand(disk.ledger(), settings)
        .expect("an empty disk");
    let open = |sku: &str| shop.book.open(sku.to_owned(), 1);
    let alone = |sku: &str| shop.writer.decide(|| open(sku)).answer;
    let together = shop.writer.together(3, || {
        assert!(open("a").is_ok());
        assert_eq!(open("a"), Err(Refusal::AlreadyOpen), "it needs no place");
        // Another call has the only place.
        thread::scope(|scope| {
            scope.spawn(|| {
                assert!(alone("b").is_ok());
                assert_eq!(alone("c"), Err(Refusal::Busy));
            });
        });
        assert_eq!(driver.step(), Step::Idle, "half of it is not written");
        assert!(open("d").is_ok());
        open("e")
    });
    let together = together.expect("a place");
    assert!(together.answer.is_ok());
    assert_eq!(
        shop.writer.together(3, || open("f")),
        Err(NoPlace::Busy),
        "no place is left"
    );
    assert_eq!(shop.writer.status().used, 4);
    assert_eq!(driver.step(), Step::Written);
    assert_eq!(shop.writer.outcome(together.rests_on), Some(Ok(())));
    let status = shop.writer.status();
    assert_eq!((status.batches, status.used), (1, 0));
    // Fewer than were said; more, which go where there is room.
    let fewer = shop.writer.together(9, || open("f"));
    assert!(fewer.expect("a place").answer.is_ok());
    assert_eq!(shop.writer.status().used, 1);
    assert_eq!(driver.step(), Step::Written);
    let more = shop
        .writer
        .together(1, || [open("g"), open("h"), open("i")].map(|it| it.is_ok()));
    assert_eq!(more.expect("a place").answer, [true, true, false]);
    assert_eq!(driver.step(), Step::Written);
    assert_eq!(shop.writer.status().used, 0);
    // What was beyond the others is gone: there is one place again.
    assert!(alone("j").is_ok());
    assert_eq!(alone("k"), Err(Refusal::Busy));
    drop(driver);
    assert_eq!(
        shop.writer.together(1, || open("j")),
        Err(NoPlace::Unavailable)
    );
}

#[test]
fn the_thread_begins_no_batch_while_calls_are_decided_together_and_goes_on_after_a_panic() {
    let disk = Disk::<String>::new();
    let shop = OrderBook::builder()
        .recover(disk.ledger())
        .expect("an empty disk");
    let open = |sku: &str| shop.book.open(sku.to_owned(), 1);
    let decided = shop.writer.together(2, || {
        assert!(open("a").is_ok());
        let other = thread::scope(|scope| {
            let other = scope.spawn(|| shop.writer.decide(|| open("b")));
            other.join().expect("no panic")
        });
        // Time enough to write what is there.
        thread::sleep(Duration::from_millis(50));
        assert_eq!(shop.writer.outcome(other.rests_on), None);
        assert!(open("c").is_ok());
    });
    let last = decided.expect("a place").rests_on;
    assert_eq!(shop.writer.wait(last), Ok(()));
    assert_eq!(shop.writer.status().batches, 1);
    let panics = || shop.writer.together(2, || panic!("of a call"));
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(panics));
    assert!(caught.is_err());
    assert!(open("d").is_ok(), "it waits until that is durable");
    assert_eq!(shop.writer.status().used, 0);
}

/// Counts how often it is woken.
#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn a_future_is_woken_once_by_the_batch_that_it_waits_for() {
    let disk = Disk::<String>::new();
    let (shop, mut driver) = OrderBook::builder()
        .recover_by_hand(disk.ledger(), WriterSettings::new())
        .expect("an empty disk");
    let open = |sku: &str| {
        let decided = shop.writer.decide(|| shop.book.open(sku.to_owned(), 1));
        assert!(decided.answer.is_ok());
        decided.rests_on
    };
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(Arc::clone(&woken));
    let mut context = Context::from_waker(&waker);
    let first = open("phone");
    let mut waits = pin!(shop.writer.durable(first));
    let later = Position::new(first.number() + 1);
    let mut waits_longer = Box::pin(shop.writer.durable(later));
    for _ in 0..3 {
        assert!(waits.as_mut().poll(&mut context).is_pending());
    }
    assert!(waits_longer.as_mut().poll(&mut context).is_pending());
    assert_eq!(driver.step(), Step::Written);
    assert_eq!(woken.0.load(Ordering::SeqCst), 1);
    assert_eq!(waits.as_mut().poll(&mut context), Poll::Ready(Ok(())));
    // Whoever stops waiting is not woken.
    drop(waits_longer);
    open("tablet");
    assert_eq!(driver.step(), Step::Written);
    assert_eq!(woken.0.load(Ordering::SeqCst), 1);
    assert_eq!(driver.step(), Step::Idle);
}

#[test]
fn what_is_queued_is_written_before_the_writer_ends() {
    let disk = Disk::<String>::new();
    let shop = OrderBook::builder()
        .recover(disk.ledger())
        .expect("an empty disk");
    for number in 0..100 {
        let decided = shop
            .writer
            .decide(|| shop.book.open(format!("sku-{number}"), 1));
        assert!(decided.answer.is_ok());
    }
    shop.writer.close();
    assert_eq!(disk.entries().len(), 100);
    let status = shop.writer.status();
    assert_eq!((status.closed, status.dead), (true, None));
    assert_eq!(
        shop.book.open("late".to_owned(), 1),
        Err(Refusal::Unavailable)
    );
}

#[test]
fn behind_a_batch_that_is_not_settled_calls_wait_and_after_a_while_new_ones_are_busy() {
    let disk = Disk::<String>::new();
    let settings = WriterSettings::new().lag(Duration::ZERO);
    let (orders, script) = mpsc::channel();
    let ledger = Scripted {
        inner: disk.ledger(),
        orders: script,
        seen: Arc::default(),
    };
    let (shop, mut driver) = OrderBook::builder()
        .recover_by_hand(ledger, settings)
        .expect("an empty disk");
    let open = |sku: &str| shop.writer.decide(|| shop.book.open(sku.to_owned(), 1));
    let first = open("phone");
    assert!(first.answer.is_ok());
    orders.send(Do::Lose).expect("the driver has the other end");
    assert_eq!(driver.step(), Step::Unsettled);
    assert_eq!(shop.writer.outcome(first.rests_on), None);
    assert_eq!(open("tablet").answer, Err(Refusal::Busy));
    assert!(shop.writer.status().unsettled.is_some());
    // It is not there, and is sent again.
    assert_eq!(driver.step(), Step::Unsettled);
    orders
        .send(Do::Write)
        .expect("the driver has the other end");
    assert_eq!(driver.step(), Step::Written);
    assert_eq!(shop.writer.outcome(first.rests_on), Some(Ok(())));
    assert!(open("tablet").answer.is_ok());
    assert_eq!(shop.writer.status().unsettled, None);
}

/// A call has its place before it changes anything, and appends afterwards.
#[test]
fn whoever_closes_the_writer_waits_for_calls_that_are_under_way() {
    let shop = OrderBook::<String>::builder().recover(Disk::new().ledger());
    let shop = shop.expect("an empty disk");
    shop.book.open("phone".to_owned(), 1).expect("a new SKU");
    let writer = &*shop.writer;
    writer.permit().expect("it is open");
    thread::scope(|scope| {
        let closing = scope.spawn(|| writer.close());
        while writer.permit() != Err(NoPlace::Unavailable) {
            writer.give_back();
        }
        thread::sleep(Duration::from_millis(20));
        assert!(!closing.is_finished(), "a call is under way");
        let sku = SkuId::new(0);
        let position = writer.append(&Entry::new(0, Change::Restocked { sku, units: 1 }));
        assert_eq!(writer.wait(position), Ok(()));
    });
    assert!(writer.status().closed);
}

/// The queue's lock is everybody's: no call moves what waits in it.
#[test]
fn no_call_asks_for_more_memory_the_more_entries_wait_for_the_disk() {
    const ENTRIES: usize = 16_000;
    let disk = Disk::<String>::new();
    let (shop, _driver) = OrderBook::builder()
        .recover_by_hand(disk.ledger(), WriterSettings::new())
        .expect("an empty disk");
    let phone = || "phone".to_owned();
    let open = shop.writer.decide(|| shop.book.open(phone(), 1 << 20));
    assert!(open.answer.is_ok());
    let mut most = 0;
    for number in 1..ENTRIES {
        let (id, lines) = (format!("order-{number}"), [(phone(), 1)]);
        let place = || {
            shop.writer
                .decide(|| shop.book.place(&id, None, lines, TTL))
        };
        let asked = allocation_counter::measure(|| assert!(place().answer.is_ok()));
        most = most.max(asked.bytes_total);
    }
    assert_eq!(shop.writer.status().used, ENTRIES);
    assert!(most < 400_000, "a call asked for {most} bytes");
}

/// Nothing is written meanwhile, so no batch tells it.
#[test]
fn a_ledger_that_is_looked_at_while_nothing_is_written_may_be_found_dead() {
    let shop = shop(8);
    let dead = || shop.recovered.writer.status().dead;
    // What cannot be found out now is looked at again.
    shop.orders.send(Do::Lose).expect("the writer runs");
    thread::sleep(Duration::from_millis(2_500));
    assert!(dead().is_none(), "{:?}", dead());
    shop.orders.send(Do::Fail).expect("the writer runs");
    let began = Instant::now();
    while dead().is_none() {
        assert!(began.elapsed() < Duration::from_secs(60), "nobody looked");
        thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(dead().map(|dead| dead.reason()), Some(LedgerReason::Failed));
    let late = shop.recovered.book.open("late".to_owned(), 1);
    assert_eq!(late, Err(Refusal::Unavailable));
}
