//! [`Writer`]: the queue before a ledger, and the thread that empties it.

use super::backups::Backups;
use super::deciding::{self, Deciding};
use super::driver::Driver;
use super::queue::{MOST_TOGETHER, Queue};
use super::settings::WriterSettings;
use super::shared::Shared;
use super::waiters::{Durable, Waiters};
use super::{Ledger, LedgerError, LedgerReason, Opened};
use crate::entry::{Entry, Position};
use crate::journal::{Journal, Lost, NoPlace};
use crate::lines::SkuId;
use crate::sums::{SkuSums, Sums};
use parking_lot::{Mutex, RwLock};
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};

/// The queue before a ledger, and the thread that empties it; made by
/// [`OrderBookBuilder::recover`](crate::OrderBookBuilder::recover).
///
/// Its book holds it, too. Whoever drops it last waits until what is queued is written.
///
/// # Waiting
///
/// The book's calls wait on their thread until their answers are durable. Where a thread must not wait, a call is
/// [decided](Self::decide) first, and then a future waits:
///
/// ```
/// # use segstock_orders::{OrderBook, Position, Refusal, ledger::Writer};
/// async fn open(book: &OrderBook<String>, writer: &Writer<String>) -> Result<Position, Refusal<String>> {
///     let decided = writer.decide(|| book.open("phone".to_owned(), 2));
///     let durable = writer.durable(decided.rests_on).await;
///     durable.map_err(|_| Refusal::Unknown)?;
///     decided.answer
/// }
/// ```
pub struct Writer<K> {
    shared: Arc<Shared<K>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What a call decided, and the position that its answer rests on: the answer must not be given before that is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct Decided<T> {
    /// The answer.
    pub answer: T,
    /// What it rests on; position 0 if on nothing.
    pub rests_on: Position,
}

/// How a writer is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct WriterStatus {
    /// The last durable position.
    pub durable: Position,
    /// The last position that was given to an entry.
    pub appended: Position,
    /// Places in use: entries on their way, and those that calls have set aside.
    pub used: usize,
    /// Batches that were written since the ledger was opened.
    pub batches: u64,
    /// Why a batch is not settled yet that was sent or asked for, in one line.
    pub unsettled: Option<LedgerError>,
    /// Whether it was [closed](Writer::close), and all that it had is written.
    pub closed: bool,
    /// Why nothing can be written any more though it was not closed, in one line.
    pub dead: Option<LedgerError>,
}

/// What a writer knows of the book that was recovered.
pub(super) struct Past {
    pub(super) sums: Sums,
    /// How long the book knows keys of requests, in nanoseconds.
    pub(super) retention: u64,
}

impl<K: Send + Sync + 'static> Writer<K> {
    /// A writer, and what writes its batches.
    pub(super) fn by_hand(
        ledger: Box<dyn Ledger<K>>,
        settings: &WriterSettings,
        opened: &Opened,
        recovered: Past,
    ) -> (Self, Driver<K>) {
        let shared = Arc::new(Shared {
            queue: Queue::new(settings.places, opened.last),
            waiters: Arc::new(Waiters::new(opened.last)),
            sums: RwLock::new(recovered.sums),
            batches: AtomicU64::new(0),
            unsettled: Mutex::new(None),
            dead: OnceLock::new(),
            backups: Backups::default(),
        });
        let (shares, settings) = (Arc::clone(&shared), settings.clone());
        let driver = Driver::new(ledger, shares, settings, opened, recovered.retention);
        let thread = Mutex::new(None);
        (Self { shared, thread }, driver)
    }

    /// A writer with a thread.
    pub(super) fn start(
        ledger: Box<dyn Ledger<K>>,
        settings: &WriterSettings,
        opened: &Opened,
        recovered: Past,
    ) -> std::io::Result<Self> {
        let (writer, mut driver) = Self::by_hand(ledger, settings, opened, recovered);
        let thread = thread::Builder::new().name("segstock-writer".to_owned());
        let started = thread.spawn(move || driver.run())?;
        *writer.thread.lock() = Some(started);
        Ok(writer)
    }

    /// Has a call decided on this thread, without waiting until its answer is durable. The answer must not be given before
    /// [`Decided::rests_on`] is. A call of another book waits as ever; what is decided inside counts for this, too.
    ///
    /// # Examples
    ///
    /// See [`Writer`].
    pub fn decide<T>(&self, call: impl FnOnce() -> T) -> Decided<T> {
        // A panic of the call must not leave the thread as one that never waits.
        let deciding = Deciding::begin(self.shared.queue.address(), None);
        let answer = call();
        let rests_on = deciding.rests_on();
        Decided { answer, rests_on }
    }

    /// Has calls decided on this thread, like [`decide`](Self::decide), and all that they change written in one batch: after a
    /// crash the ledger has all of it, or nothing. `entries` are the most that they append. More go where there are places, and
    /// may be in a later batch.
    ///
    /// No batch is begun meanwhile, and other calls wait for that. So the calls should be few thousand, and **wait for nothing**:
    /// not until something is durable, for [`close`](Self::close), [`back_up`](Self::back_up) or another thread. A call of another
    /// book waits for the ledger of that, unless it is [decided](Self::decide).
    ///
    /// # Errors
    ///
    /// [`NoPlace`]: no call was made. It is [`Busy`](NoPlace::Busy), too, if all that is decided together for the next batch would
    /// be more entries than the writer has [places](WriterSettings::places). A list that is alone may have more.
    /// A refused list has no turn: where several lists come again and again, have them wait for each other with a fair lock of
    /// yours, or a large one may never find room.
    ///
    /// # Examples
    ///
    /// ```
    /// # use segstock_orders::{NoPlace, OrderBook, Refusal, ledger::{Decided, Writer}};
    /// fn delivery(book: &OrderBook<String>, writer: &Writer<String>) -> Result<Decided<Result<(), Refusal<String>>>, NoPlace> {
    ///     writer.together(2, || {
    ///         book.restock("phone".to_owned(), "delivery-7", 5)?;
    ///         book.restock("case".to_owned(), "delivery-7", 9)?;
    ///         Ok(())
    ///     })
    /// }
    /// ```
    pub fn together<T>(
        &self,
        entries: usize,
        calls: impl FnOnce() -> T,
    ) -> Result<Decided<T>, NoPlace> {
        let queue = &self.shared.queue;
        let places = entries.min(MOST_TOGETHER);
        queue.begin(places, deciding::is_together(queue.address()))?;
        // A panic of a call must not keep the writer from its next batch.
        let together = Together {
            queue,
            places,
            deciding: Deciding::begin(queue.address(), Some(places)),
        };
        let answer = calls();
        let rests_on = together.deciding.rests_on();
        Ok(Decided { answer, rests_on })
    }

    /// Waits until a position is durable.
    pub fn durable(&self, position: Position) -> Durable {
        Durable::new(Arc::clone(&self.shared.waiters), position)
    }

    /// Whether a position is durable, as far as that is known now: `None` while it is on its way.
    #[must_use]
    pub fn outcome(&self, position: Position) -> Option<Result<(), Lost>> {
        self.shared.waiters.now(position)
    }

    /// The stock of a SKU by what is durable. Whoever was answered finds the change in these figures.
    pub fn stock(&self, sku: SkuId) -> SkuSums {
        self.shared.sums.read().of(sku)
    }

    /// How it is: what lags, and what failed.
    #[must_use]
    pub fn status(&self) -> WriterStatus {
        let shared = &self.shared;
        let reason = shared.reason().map(LedgerError::reason);
        let is_closed = reason == Some(LedgerReason::Closed);
        WriterStatus {
            durable: shared.waiters.durable(),
            appended: shared.queue.last(),
            used: shared.queue.used(),
            batches: shared.batches.load(Ordering::Relaxed),
            unsettled: shared.unsettled.lock().clone(),
            closed: is_closed,
            dead: shared.reason().filter(|_| !is_closed).cloned(),
        }
    }

    /// Makes a backup while the ledger is in use, and waits for it: a ledger of its own in a new file, which can be
    /// [recovered](crate::OrderBookBuilder::recover) like this one. It has all that was durable when this was called, and may
    /// have more. A few rows are copied between two batches, so calls wait some milliseconds longer meanwhile.
    ///
    /// Two books must not sell from it and from this ledger: each would sell the same units.
    ///
    /// # Errors
    ///
    /// What is wrong, in one line: a file of this name is there, its disk is full, the ledger has other means for backups, or
    /// is closed or dead. Then there is no backup. The ledger itself goes on.
    ///
    /// # Examples
    ///
    #[cfg_attr(feature = "sqlite", doc = "```")]
    #[cfg_attr(not(feature = "sqlite"), doc = "```ignore")]
    /// use segstock_orders::OrderBook;
    /// use segstock_orders::sqlite::SqliteLedger;
    ///
    /// # let directory = tempfile::tempdir()?;
    /// # let (file, backup) = (directory.path().join("shop.db"), directory.path().join("monday.db"));
    /// let shop = OrderBook::builder().recover(SqliteLedger::at(file))?;
    /// shop.book.open("phone".to_owned(), 5)?;
    /// shop.writer.back_up(&backup)?;
    ///
    /// let kept = OrderBook::<String>::builder().recover(SqliteLedger::at(backup))?;
    /// assert_eq!(kept.book.available("phone"), Some(5));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn back_up(&self, path: impl Into<PathBuf>) -> Result<(), LedgerError> {
        let ended = self.shared.backups.ask(path.into());
        self.shared.queue.nudge();
        let closed = || LedgerError::new(LedgerReason::Closed, "the ledger is closed");
        let nobody = || Err(self.shared.reason().cloned().unwrap_or_else(closed));
        ended.wait().unwrap_or_else(nobody)
    }

    /// Takes no more changes, and waits until those that it has are written. Changes are refused as unavailable from then
    /// on.
    pub fn close(&self) {
        self.shared.queue.close();
        let thread = self.thread.lock().take();
        if let Some(thread) = thread {
            // A panic of the ledger has been reported, and has woken who waited.
            _ = thread.join();
        }
    }
}

impl<K: Clone + Send + Sync + 'static> Journal<K> for Writer<K> {
    fn permit(&self) -> Result<(), NoPlace> {
        let queue = &self.shared.queue;
        if deciding::take_place(queue.address()) {
            return Ok(());
        }
        queue.permit()
    }

    fn give_back(&self) {
        let queue = &self.shared.queue;
        if !deciding::give_back(queue.address()) {
            queue.free(1);
        }
    }

    fn append(&self, entry: &Entry<K>) -> Position {
        self.shared.queue.append(entry.clone())
    }

    fn wait(&self, position: Position) -> Result<(), Lost> {
        if deciding::rests_on(self.shared.queue.address(), position) {
            return Ok(());
        }
        match self.outcome(position) {
            Some(outcome) => outcome,
            None => pollster::block_on(self.durable(position)),
        }
    }

    fn last_durable(&self) -> Position {
        self.shared.waiters.durable()
    }

    /// The book forgets at once, under the order's lock: so no entry of the order can follow. Its entries go later. If
    /// they are found after a crash, the order is known a little longer.
    fn may_forget(&self, order: Position) -> bool {
        self.shared.queue.forget(order)
    }
}

/// Entries of one batch are appended, on this thread.
struct Together<'a, K> {
    queue: &'a Queue<K>,
    places: usize,
    deciding: Deciding,
}

impl<K> Drop for Together<'_, K> {
    fn drop(&mut self) {
        self.queue.end(self.places, self.deciding.left());
    }
}

/// Waits until what is queued is written.
impl<K> Drop for Writer<K> {
    fn drop(&mut self) {
        self.shared.queue.close();
        if let Some(thread) = self.thread.get_mut().take() {
            _ = thread.join();
        }
    }
}

impl<K> fmt::Debug for Writer<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer")
            .field("durable", &self.shared.waiters.durable())
            .field("used", &self.shared.queue.used())
            .finish_non_exhaustive()
    }
}
