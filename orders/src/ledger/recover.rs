//! [`Recovered`]: a book that its ledger made again.

use super::driver::Driver;
use super::settings::WriterSettings;
use super::writer::{Past, Writer};
use super::{Ledger, LedgerError, LedgerReason, Opened};
use crate::book::OrderBook;
use crate::builder::OrderBookBuilder;
use crate::entry::{Entry, Position};
use crate::journal::Journal;
use crate::replay::{Balance, ReplayError};
use segstock::Clock;
use segstock::inventory::Sku;
use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

/// How many entries are read at a time.
const PAGE: usize = 4096;
/// How many pages are read ahead, on a thread of their own.
const PAGES_AHEAD: usize = 4;

/// A book that its ledger made again, and its writer.
#[derive(Debug)]
#[non_exhaustive]
pub struct Recovered<K: Sku> {
    /// The book. Each answer of its calls is durable.
    pub book: OrderBook<K>,
    /// The writer: for futures, durable figures, health.
    pub writer: Arc<Writer<K>>,
    /// What the ledger said.
    pub found: Found,
}

impl<K: Sku + 'static> Recovered<K> {
    /// Has the book's entries pass a journal of the caller's, which hands every call on to the writer: to look at entries
    /// as they are appended.
    #[must_use]
    pub fn through(mut self, journal: impl FnOnce(Arc<Writer<K>>) -> Arc<dyn Journal<K>>) -> Self {
        self.book.journal = journal(Arc::clone(&self.writer));
        self
    }
}

/// What was found in a ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Found {
    /// Entries that were read.
    pub entries: u64,
    /// Orders that are known.
    pub orders: usize,
    /// SKUs that are open.
    pub skus: usize,
    /// The position of the last entry.
    pub last: Position,
    /// The epoch: how often the ledger was opened.
    pub epoch: u64,
    /// How much time has passed since the last entry by the wall clock: deadlines have come nearer by it. 0 if that clock
    /// was set back.
    pub passed: Duration,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let orders = if self.orders == 1 { "order" } else { "orders" };
        let skus = if self.skus == 1 { "SKU" } else { "SKUs" };
        let entries = if self.entries == 1 {
            "entry"
        } else {
            "entries"
        };
        write!(
            f,
            "{} {orders} and {} {skus} in {} {entries}",
            self.orders, self.skus, self.entries
        )?;
        if self.last > Position::default() {
            let passed = self.passed.as_secs_f64();
            write!(f, ", the last {passed:.1} s ago")?;
        }
        Ok(())
    }
}

/// Why a book was not recovered.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecoverError {
    /// The ledger could not be opened or read.
    Ledger(LedgerError),
    /// What stands in the ledger is not the life of a book.
    Replay(ReplayError),
}

impl fmt::Display for RecoverError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ledger(error) => error.fmt(f),
            Self::Replay(error) => write!(f, "the ledger is not the record of a book: {error}"),
        }
    }
}

impl Error for RecoverError {}

/// The book's clock after a restart: it goes on where the ledger's time ended.
struct GoesOn {
    clock: Arc<dyn Clock + Send + Sync>,
    began: Duration,
    at: Duration,
}

impl Clock for GoesOn {
    fn now(&self) -> Duration {
        self.at + self.clock.now().saturating_sub(self.began)
    }
}

impl<K: Sku + 'static> OrderBookBuilder<K> {
    /// Opens a book whose entries are in `ledger`: makes it again from those, and writes all that come. An empty ledger
    /// makes an empty book. It takes the place of a [journal](Self::journal).
    ///
    /// # Errors
    ///
    /// [`RecoverError`] if the ledger cannot be opened or read, or holds something else.
    ///
    /// # Examples
    ///
    /// See [`Ledger`].
    pub fn recover(self, ledger: impl Ledger<K> + 'static) -> Result<Recovered<K>, RecoverError> {
        self.recover_with(ledger, WriterSettings::new())
    }

    /// Like [`recover`](Self::recover), with a say in the writer's settings.
    ///
    /// # Errors
    ///
    /// Those of [`recover`](Self::recover).
    pub fn recover_with(
        self,
        ledger: impl Ledger<K> + 'static,
        settings: WriterSettings,
    ) -> Result<Recovered<K>, RecoverError> {
        let opened = Loaded::open(Box::new(ledger))?;
        opened.recover(self, &settings, |ledger, opened, past| {
            let writer = Writer::start(ledger, &settings, opened, past);
            let failed = |error: std::io::Error| {
                let line = format!("no thread for the writer: {error}");
                RecoverError::Ledger(LedgerError::new(LedgerReason::Failed, line))
            };
            writer.map_err(failed)
        })
    }

    /// Like [`recover_with`](Self::recover_with), without a thread: whoever has the [`Driver`] writes the batches, step by
    /// step. For tests, and for programs that have a thread of their own for it. A call that waits while nobody steps
    /// waits for ever: calls are [decided](Writer::decide).
    ///
    /// # Errors
    ///
    /// Those of [`recover`](Self::recover).
    pub fn recover_by_hand(
        self,
        ledger: impl Ledger<K> + 'static,
        settings: WriterSettings,
    ) -> Result<(Recovered<K>, Driver<K>), RecoverError> {
        let opened = Loaded::open(Box::new(ledger))?;
        let mut driver = None;
        let recovered = opened.recover(self, &settings, |ledger, opened, past| {
            let (writer, by_hand) = Writer::by_hand(ledger, &settings, opened, past);
            driver = Some(by_hand);
            Ok(writer)
        })?;
        let unmade = || LedgerError::new(LedgerReason::Failed, "no writer was made");
        let driver = driver.ok_or_else(|| RecoverError::Ledger(unmade()))?;
        Ok((recovered, driver))
    }
}

/// A ledger that is open.
struct Loaded<K> {
    ledger: Box<dyn Ledger<K>>,
    opened: Opened,
}

impl<K: Sku + 'static> Loaded<K> {
    fn open(mut ledger: Box<dyn Ledger<K>>) -> Result<Self, RecoverError> {
        let opened = ledger.open().map_err(RecoverError::Ledger)?;
        Ok(Self { ledger, opened })
    }

    fn recover(
        self,
        builder: OrderBookBuilder<K>,
        settings: &WriterSettings,
        writer: impl FnOnce(Box<dyn Ledger<K>>, &Opened, Past) -> Result<Writer<K>, RecoverError>,
    ) -> Result<Recovered<K>, RecoverError> {
        let Self { mut ledger, opened } = self;
        let passed = match opened.wall {
            0 => Duration::ZERO,
            wall => settings
                .wall
                .now()
                .saturating_sub(Duration::from_nanos(wall)),
        };
        let began = builder.clock.now();
        let at = match opened.last.number() {
            // A new ledger: the clock as it is.
            0 => began,
            _ => Duration::from_nanos(opened.time) + passed,
        };
        let clock = Arc::clone(&builder.clock);
        let builder = builder.clock(Arc::new(GoesOn { clock, began, at }));

        let (book, pages, balance) = replay(builder, &mut *ledger, opened.last)?;
        // Entries that stand for forgotten orders have positions, too: new ones come after them.
        let last = opened.last.max(pages.after);
        if let Some(error) = pages.error {
            return Err(RecoverError::Ledger(error));
        }
        let (mut book, sums) = balance.settle(book).map_err(RecoverError::Replay)?;
        // What is damaged was found by now.
        ledger.take_over().map_err(RecoverError::Ledger)?;
        let found = Found {
            entries: pages.entries,
            orders: book.orders(),
            skus: book.skus(),
            last: opened.last,
            epoch: opened.epoch,
            passed,
        };
        let past = Past {
            sums,
            retention: book.settings.retention,
        };
        let writer = Arc::new(writer(ledger, &Opened { last, ..opened }, past)?);
        book.journal = Arc::clone(&writer) as _;
        Ok(Recovered {
            book,
            writer,
            found,
        })
    }
}

type Page<K> = Vec<(Position, Entry<K>)>;
type Replayed<K> = Result<OrderBook<K>, ReplayError>;

/// Makes a book again from the entries of a ledger. Of a ledger that is not small, one thread reads, decodes and sums up,
/// and this one applies.
fn replay<K: Sku + 'static>(
    builder: OrderBookBuilder<K>,
    ledger: &mut dyn Ledger<K>,
    written: Position,
) -> Result<(Replayed<K>, Pages<K>, Balance), RecoverError> {
    let (ahead, pages) = sync_channel(PAGES_AHEAD);
    let mut pages = Pages::of(pages);
    let mut reader = Reader {
        ledger,
        ahead,
        balance: Balance::default(),
    };
    // An empty page is the end, and nothing else.
    let first = reader.read(Position::default());
    let Some(second) = first.and_then(|after| reader.read(after)) else {
        let balance = reader.end();
        let book = builder.replay_unsettled(&mut pages, written);
        return Ok((book, pages, balance));
    };
    let read = thread::scope(|scope| {
        let thread = thread::Builder::new().name("segstock-reader".to_owned());
        let started = thread.spawn_scoped(scope, move || {
            let mut next = Some(second);
            while let Some(after) = next {
                next = reader.read(after);
            }
            reader.end()
        });
        let started = started.map_err(|error| format!("no thread to read the ledger: {error}"))?;
        let book = builder.replay_unsettled(&mut pages, written);
        // It reads no more once nobody takes its pages.
        pages.close();
        let balance = started.join();
        let balance = balance.map_err(|_| "the thread that read the ledger panicked".to_owned())?;
        Ok((book, balance))
    });
    let (book, balance) = read.map_err(|line: String| {
        RecoverError::Ledger(LedgerError::new(LedgerReason::Failed, line))
    })?;
    Ok((book, pages, balance))
}

/// Reads pages ahead.
struct Reader<'a, K> {
    ledger: &'a mut dyn Ledger<K>,
    ahead: SyncSender<Result<Page<K>, LedgerError>>,
    balance: Balance,
}

impl<K> Reader<'_, K> {
    /// Reads a page and sends it ahead. Returns the position of its last entry; `None` at the end, at an error, or if nobody
    /// wants more.
    fn read(&mut self, after: Position) -> Option<Position> {
        let page = self.ledger.load(after, PAGE);
        let read = page.as_ref().map(Vec::as_slice).unwrap_or_default();
        read.iter()
            .for_each(|(position, entry)| self.balance.follow(*position, entry));
        let last = read.last().map(|(position, _)| *position);
        let sent = self.ahead.send(page);
        last.filter(|_| sent.is_ok())
    }

    fn end(self) -> Balance {
        self.balance
    }
}

/// The entries of a ledger, as they are read. They end early at an error, which is kept.
struct Pages<K> {
    /// None once no more are taken.
    pages: Option<Receiver<Result<Page<K>, LedgerError>>>,
    page: std::vec::IntoIter<(Position, Entry<K>)>,
    after: Position,
    entries: u64,
    error: Option<LedgerError>,
}

impl<K> Pages<K> {
    fn of(pages: Receiver<Result<Page<K>, LedgerError>>) -> Self {
        Self {
            pages: Some(pages),
            page: Vec::new().into_iter(),
            after: Position::default(),
            entries: 0,
            error: None,
        }
    }

    fn close(&mut self) {
        self.pages = None;
    }

    fn turn(&mut self) -> Option<(Position, Entry<K>)> {
        match self.pages.as_ref()?.recv().ok()? {
            Ok(page) => self.page = page.into_iter(),
            Err(error) => self.error = Some(error),
        }
        self.page.next()
    }
}

impl<K> Iterator for &mut Pages<K> {
    type Item = (Position, Entry<K>);

    fn next(&mut self) -> Option<Self::Item> {
        let (position, entry) = match self.page.next() {
            Some(next) => next,
            None => self.turn()?,
        };
        self.after = position;
        self.entries += 1;
        Some((position, entry))
    }
}
