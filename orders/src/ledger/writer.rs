//! [`Writer`]: the queue before a ledger, and the thread that empties it.

use super::driver::Driver;
use super::queue::Queue;
use super::recover::WallClock;
use super::waiters::{Durable, Waiters};
use super::{Batch, Ledger, LedgerError, LedgerReason, Opened};
use crate::entry::{Entry, Position};
use crate::journal::{Journal, Lost, NoPlace};
use crate::lines::SkuId;
use crate::sums::{Moved as _, SkuSums, Sums};
use parking_lot::{Mutex, RwLock};
use segstock::Clock;
use std::cell::Cell;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};
use std::time::Duration;

thread_local! {
    /// While a call is only decided on this thread: the position that its answer rests on.
    static RESTS_ON: Cell<Option<Position>> = const { Cell::new(None) };
}

/// How a [`Writer`] works.
///
/// | setting | default |
/// |---|---|
/// | [`places`](Self::places) | 16,384 |
/// | [`lag`](Self::lag) | 1 second |
/// | [`tries`](Self::tries) | 100: about 10 seconds |
/// | [`patience`](Self::patience) | 1 minute |
/// | [`wall`](Self::wall) | the machine's |
#[derive(Clone)]
#[must_use]
pub struct WriterSettings {
    pub(super) places: usize,
    pub(super) tries: u32,
    pub(super) lag: Duration,
    pub(super) patience: Duration,
    pub(super) wall: Arc<dyn Clock + Send + Sync>,
}

impl WriterSettings {
    /// The defaults.
    pub fn new() -> Self {
        Self {
            places: 16_384,
            tries: 100,
            lag: Duration::from_secs(1),
            patience: Duration::from_secs(60),
            wall: Arc::new(WallClock),
        }
    }

    /// How many entries are on their way at most, at least 1. A call that finds no place is refused as busy.
    pub fn places(mut self, places: usize) -> Self {
        self.places = places.max(1);
        self
    }

    /// How long calls queue behind a batch that is not settled, once a try has failed: from then on a change is refused as
    /// busy. Calls that wait go on waiting.
    pub fn lag(mut self, lag: Duration) -> Self {
        self.lag = lag;
        self
    }

    /// How long a batch is sent and asked for, at least, before the ledger counts as dead: for as long a database may be
    /// away.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// How often a batch is sent or asked for, at least once, before the ledger counts as dead; both this and the
    /// [`patience`](Self::patience) must be used up. Between two tries the writer pauses, for 1 millisecond at first and
    /// 100 at last.
    pub fn tries(mut self, tries: u32) -> Self {
        self.tries = tries.max(1);
        self
    }

    /// Another clock for the time since 1970.
    pub fn wall(mut self, wall: Arc<dyn Clock + Send + Sync>) -> Self {
        self.wall = wall;
        self
    }
}

impl Default for WriterSettings {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for WriterSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriterSettings")
            .field("places", &self.places)
            .field("tries", &self.tries)
            .field("lag", &self.lag)
            .field("patience", &self.patience)
            .finish_non_exhaustive()
    }
}

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

/// What writer and driver share.
pub(super) struct Shared<K> {
    pub(super) queue: Queue<K>,
    waiters: Arc<Waiters>,
    sums: RwLock<Sums>,
    batches: AtomicU64,
    unsettled: Mutex<Option<LedgerError>>,
    dead: OnceLock<LedgerError>,
}

impl<K> Shared<K> {
    /// Why nothing is written any more.
    pub(super) fn reason(&self) -> Option<&LedgerError> {
        self.dead.get()
    }

    /// A batch is durable. The sums are told first: whoever is woken finds it in them.
    pub(super) fn is_durable(&self, batch: &Batch<K>) {
        let mut sums = self.sums.write();
        batch.entries.iter().for_each(|entry| sums.add(entry));
        drop(sums);
        if self.unsettled.lock().take().is_some() {
            self.queue.lag(false);
        }
        self.queue.free(batch.entries.len());
        self.batches.fetch_add(1, Ordering::Relaxed);
        self.waiters.advance(batch.last());
    }

    /// It is not known yet what became of a batch.
    pub(super) fn is_unsettled(&self, error: LedgerError, lags: bool) {
        *self.unsettled.lock() = Some(error);
        self.queue.lag(lags);
    }

    /// Nothing is written any more. The first reason stays.
    pub(super) fn die(&self, error: &LedgerError) {
        _ = self.dead.set(error.clone());
        self.queue.close();
        self.waiters.die();
    }
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
    /// [`Decided::rests_on`] is.
    ///
    /// # Examples
    ///
    /// See [`Writer`].
    pub fn decide<T>(&self, call: impl FnOnce() -> T) -> Decided<T> {
        let outer = RESTS_ON.replace(Some(Position::default()));
        // A panic of the call must not leave the thread as one that never waits.
        let _after = Restore(outer);
        let answer = call();
        let rests_on = RESTS_ON.get().unwrap_or_default();
        Decided { answer, rests_on }
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
        self.shared.queue.permit()
    }

    fn give_back(&self) {
        self.shared.queue.free(1);
    }

    fn append(&self, entry: &Entry<K>) -> Position {
        self.shared.queue.append(entry.clone())
    }

    fn wait(&self, position: Position) -> Result<(), Lost> {
        if let Some(before) = RESTS_ON.get() {
            RESTS_ON.set(Some(before.max(position)));
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

struct Restore(Option<Position>);

impl Drop for Restore {
    fn drop(&mut self) {
        RESTS_ON.set(self.0);
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
