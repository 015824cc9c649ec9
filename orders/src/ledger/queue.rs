//! [`Queue`]: the entries that wait for the next batch, and the places that are left for more.

use crate::entry::{Entry, Position};
use crate::journal::NoPlace;
use crate::steps::Steps;
use parking_lot::{Condvar, Mutex};
use std::mem;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How many orders wait at most for their entries to be deleted.
const MOST_TO_FORGET: usize = 4096;
/// How many orders' entries a batch deletes, or as many as it has entries if that is more: small steps, so that no batch is
/// much longer than others, and enough of them, since each order was an entry once.
const FORGOTTEN_IN_A_BATCH: usize = 64;

/// Calls that were permitted before the queue was closed append soon, or give their places back: they are waited for, but not
/// for ever. Those of one batch are waited for as long as they take.
const LAST_PAUSE: Duration = Duration::from_millis(1);
const LAST_PAUSES: u32 = 1_000;

/// How long the writer's thread waits for something to write, before it looks after its ledger.
pub(super) const IDLE: Duration = Duration::from_secs(1);

/// At most this many places, and this many beyond the others for the entries of one call: half of a counter holds them.
const MOST_PLACES: usize = 1 << 30;
pub(super) const MOST_TOGETHER: usize = 1 << 24;

/// One place beyond the others, in the upper half of the counter. The lower one has all that are used. As one counter, so that
/// nobody sees a list's entries without its places.
const BEYOND: u64 = 1 << 32;

/// Entries on their way to the ledger. A place is in use from its permit until its entry is durable.
#[derive(Debug)]
pub(super) struct Queue<K> {
    places: usize,
    taken: AtomicU64,
    closed: AtomicBool,
    /// Whether the batch that is under way takes too long to queue more behind it.
    lags: AtomicBool,
    waiting: Mutex<Waiting<K>>,
    /// Notified when the queue has what the writer's thread waits for, and when it is closed.
    filled: Condvar,
}

/// What the writer's thread waits for once something is queued, so that one batch has what two would have.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Gathering {
    /// Entries that are likely to come, beside those that are queued when it begins to wait.
    pub(super) more: usize,
    /// How long it waits for them at most.
    pub(super) time: Duration,
}

#[derive(Debug)]
struct Waiting<K> {
    /// The position of the last entry that was appended.
    last: u64,
    /// A list that never moves what it has: who appends waits for nothing that grows.
    entries: Steps<Entry<K>>,
    forget: Vec<Position>,
    /// How many of these orders, from the first on, have no entry that is queued. Entries are deleted by a later batch than that
    /// which brings them: what goes is looked up before a batch is written.
    settled: usize,
    /// How many entries the writer's thread waits for on `filled`, if it does. While it waits for one, an order to forget
    /// notifies it, too.
    awaited: Option<usize>,
    /// Whether the writer's thread has something else to look at.
    nudged: bool,
    /// Calls that append entries of one batch. No batch begins before they have ended.
    together: usize,
    /// How many places beyond the others the entries have that are queued.
    beyond: usize,
    /// How many places such calls said that they need, since the last batch.
    said: usize,
}

/// What the writer's thread does next.
#[derive(Debug)]
pub(super) enum Next<K> {
    Batch(Collected<K>),
    /// Something else: nothing is queued.
    Nothing,
    /// Nothing more: nothing is left, and nothing will come.
    Closed,
}

/// What a batch is made of.
#[derive(Debug)]
pub(super) struct Collected<K> {
    pub(super) first: Position,
    pub(super) entries: Steps<Entry<K>>,
    pub(super) forget: Vec<Position>,
    /// Places beyond the others that its entries have.
    pub(super) beyond: usize,
}

impl<K> Queue<K> {
    pub(super) fn new(places: usize, last: Position) -> Self {
        Self {
            places: places.min(MOST_PLACES),
            taken: AtomicU64::new(0),
            closed: AtomicBool::new(false),
            lags: AtomicBool::new(false),
            waiting: Mutex::new(Waiting {
                last: last.number(),
                entries: Steps::default(),
                forget: Vec::new(),
                settled: 0,
                awaited: None,
                nudged: false,
                together: 0,
                beyond: 0,
                said: 0,
            }),
            filled: Condvar::new(),
        }
    }

    /// Sets a place aside.
    pub(super) fn permit(&self) -> Result<(), NoPlace> {
        if self.is_closed() {
            return Err(NoPlace::Unavailable);
        }
        if self.lags.load(Ordering::Relaxed) {
            return Err(NoPlace::Busy);
        }
        // The entries are handed over by the lock. The count and `closed` are a pair: either this sees that the queue is closed,
        // or whoever closed it sees the place.
        let places = self.places as u64;
        let more = |taken| (taken % BEYOND < places + taken / BEYOND).then_some(taken + 1);
        let taken = self
            .taken
            .fetch_update(Ordering::SeqCst, Ordering::Relaxed, more);
        taken.map_err(|_| NoPlace::Busy)?;
        if self.is_closed() {
            self.free(1);
            return Err(NoPlace::Unavailable);
        }
        Ok(())
    }

    /// Sets places aside, beyond all others, for entries of one batch. No batch begins before [`end`](Self::end). One inside of
    /// another belongs to that. Else all of a batch have as many places as the queue, or it is the only one: so memory has a
    /// bound, and so has the time for which no batch begins.
    pub(super) fn begin(&self, places: usize, is_inside: bool) -> Result<(), NoPlace> {
        self.permit()?;
        let mut waiting = self.waiting.lock();
        // Those that append nothing take their time, too.
        let said = waiting.said + places.max(1);
        if waiting.said > 0 && said > self.places && !is_inside {
            drop(waiting);
            self.free(1);
            return Err(NoPlace::Busy);
        }
        waiting.said = said;
        waiting.together += 1;
        drop(waiting);
        let more = (BEYOND + 1) * places as u64;
        self.taken.fetch_add(more, Ordering::SeqCst);
        self.free(1);
        Ok(())
    }

    /// All that is to be in one batch is appended. Of the `places` some are `left`.
    pub(super) fn end(&self, places: usize, left: usize) {
        let mut waiting = self.waiting.lock();
        waiting.together -= 1;
        waiting.beyond += places.saturating_sub(left);
        if waiting.together == 0 && waiting.is_empty() {
            waiting.said = 0;
        }
        drop(waiting);
        self.free_beyond(left, places.min(left));
        self.filled.notify_one();
    }

    /// Whether places are given no more until a batch is settled.
    pub(super) fn lag(&self, lags: bool) {
        // A hint: whoever does not see it yet waits like those before.
        self.lags.store(lags, Ordering::Relaxed);
    }

    /// Frees places: of a permit that is not needed, or of entries that are durable.
    pub(super) fn free(&self, places: usize) {
        self.free_beyond(places, 0);
    }

    /// Frees places, some of which were beyond the others.
    pub(super) fn free_beyond(&self, places: usize, beyond: usize) {
        let fewer = BEYOND * beyond as u64 + places as u64;
        self.taken.fetch_sub(fewer, Ordering::Relaxed);
    }

    /// Appends to a place that was set aside.
    pub(super) fn append(&self, entry: Entry<K>) -> Position {
        let mut waiting = self.waiting.lock();
        waiting.entries.push(entry);
        waiting.last += 1;
        let position = Position::new(waiting.last);
        let queued = waiting.entries.len();
        let notifies = waiting
            .awaited
            .take_if(|awaited| *awaited <= queued)
            .is_some();
        drop(waiting);
        if notifies {
            self.filled.notify_one();
        }
        position
    }

    /// Has the entries of an order deleted. Returns whether there was room for it.
    pub(super) fn forget(&self, order: Position) -> bool {
        let mut waiting = self.waiting.lock();
        if waiting.forget.len() >= MOST_TO_FORGET {
            return false;
        }
        waiting.forget.push(order);
        let notifies = waiting.awaited.take_if(|awaited| *awaited <= 1).is_some();
        drop(waiting);
        if notifies {
            self.filled.notify_one();
        }
        true
    }

    /// All that is queued, if anything is, and nothing more is to be with it.
    pub(super) fn collect(&self) -> Option<Collected<K>> {
        let mut waiting = self.waiting.lock();
        if waiting.together > 0 {
            return None;
        }
        waiting.collect()
    }

    /// Has the writer's thread look at something else, if it waits.
    pub(super) fn nudge(&self) {
        self.waiting.lock().nudged = true;
        self.filled.notify_one();
    }

    /// Waits until something is queued, at most [`IDLE`], then a little for more. Who has something else to do does not wait for
    /// the first.
    pub(super) fn next(&self, gathering: Gathering, is_busy: bool) -> Next<K> {
        let mut waiting = self.waiting.lock();
        let enough = self.places.min(waiting.entries.len() + gathering.more);
        let mut pauses = 0;
        while waiting.is_empty() {
            if self.is_closed() {
                let is_over = pauses >= LAST_PAUSES && waiting.together == 0;
                if self.used() == 0 || is_over {
                    return Next::Closed;
                }
                pauses += 1;
                self.filled.wait_for(&mut waiting, LAST_PAUSE);
                continue;
            }
            if mem::take(&mut waiting.nudged) || is_busy {
                waiting.awaited = None;
                return Next::Nothing;
            }
            waiting.awaited = Some(1);
            if self.filled.wait_for(&mut waiting, IDLE).timed_out() && waiting.is_empty() {
                waiting.awaited = None;
                return Next::Nothing;
            }
        }
        let until = Instant::now() + gathering.time;
        while waiting.entries.len() < enough && !self.is_closed() {
            waiting.awaited = Some(enough);
            if self.filled.wait_until(&mut waiting, until).timed_out() {
                break;
            }
        }
        waiting.awaited = None;
        while waiting.together > 0 {
            self.filled.wait(&mut waiting);
        }
        waiting.collect().map_or(Next::Nothing, Next::Batch)
    }

    /// Threads know it by this.
    pub(super) fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    /// No more permits. What was permitted before can still be appended.
    pub(super) fn close(&self) {
        // Under the lock: the writer's thread either sees it before it waits, or is notified.
        let waiting = self.waiting.lock();
        // Before `used` is read: see `permit`.
        self.closed.store(true, Ordering::SeqCst);
        drop(waiting);
        self.filled.notify_one();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    pub(super) fn last(&self) -> Position {
        Position::new(self.waiting.lock().last)
    }

    pub(super) fn used(&self) -> usize {
        (self.taken.load(Ordering::SeqCst) % BEYOND) as usize
    }
}

impl<K> Waiting<K> {
    fn is_empty(&self) -> bool {
        self.entries.len() == 0 && self.forget.is_empty()
    }

    fn collect(&mut self) -> Option<Collected<K>> {
        if self.is_empty() {
            return None;
        }
        let entries = mem::take(&mut self.entries);
        if entries.len() == 0 {
            self.settled = self.forget.len();
        }
        let steps = self.settled.min(FORGOTTEN_IN_A_BATCH.max(entries.len()));
        let forget = self.forget.drain(..steps).collect();
        self.settled = self.forget.len();
        self.said = 0;
        Some(Collected {
            first: Position::new(self.last + 1 - entries.len() as u64),
            entries,
            forget,
            beyond: mem::take(&mut self.beyond),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::Change;
    use crate::lines::SkuId;
    use std::thread;

    fn append(queue: &Queue<String>) {
        let sku = SkuId::new(0);
        queue.append(Entry::new(0, Change::Restocked { sku, units: 1 }));
    }

    /// Nothing here takes an hour: a test that hangs has failed.
    const FOR_EVER: Duration = Duration::from_secs(3_600);

    fn collected(queue: &Queue<String>, more: usize, time: Duration) -> usize {
        match queue.next(Gathering { more, time }, false) {
            Next::Batch(collected) => collected.entries.len(),
            Next::Nothing | Next::Closed => 0,
        }
    }

    fn wait_until_awaited(queue: &Queue<String>, entries: usize) {
        while queue.waiting.lock().awaited != Some(entries) {
            thread::yield_now();
        }
    }

    #[test]
    fn an_order_is_forgotten_by_a_later_batch_than_its_last_entry() {
        let queue = Queue::new(100, Position::default());
        let collected = || {
            let collected = queue.collect().unwrap();
            (collected.entries.len(), collected.forget)
        };
        append(&queue);
        assert!(queue.forget(Position::new(1)));
        assert_eq!(collected(), (1, vec![]));
        append(&queue);
        assert!(queue.forget(Position::new(2)));
        assert_eq!(collected(), (1, vec![Position::new(1)]));
        assert!(queue.forget(Position::new(3)));
        let rest = vec![Position::new(2), Position::new(3)];
        assert_eq!(collected(), (0, rest), "no entry is on its way");
        assert!(queue.collect().is_none());
    }

    #[test]
    fn a_batch_of_many_entries_forgets_as_many_orders() {
        let queue = Queue::new(1_000, Position::default());
        (1..=500).for_each(|order| assert!(queue.forget(Position::new(order))));
        let forgotten = || queue.collect().unwrap().forget.len();
        assert_eq!(forgotten(), 64);
        (0..300).for_each(|_| append(&queue));
        assert_eq!([forgotten(), forgotten()], [300, 64]);
    }

    #[test]
    fn a_batch_is_gathered_until_it_has_what_is_likely_to_come() {
        let queue = Queue::new(100, Position::default());
        append(&queue);
        thread::scope(|scope| {
            let writer = scope.spawn(|| collected(&queue, 2, FOR_EVER));
            wait_until_awaited(&queue, 3);
            append(&queue);
            wait_until_awaited(&queue, 3);
            append(&queue);
            assert_eq!(writer.join().unwrap(), 3);
        });
    }

    #[test]
    fn a_caller_who_is_alone_waits_for_nobody() {
        let queue = Queue::new(100, Position::default());
        thread::scope(|scope| {
            let writer = scope.spawn(|| collected(&queue, 1, FOR_EVER));
            wait_until_awaited(&queue, 1);
            append(&queue);
            assert_eq!(writer.join().unwrap(), 1);
        });
    }

    #[test]
    fn entries_that_do_not_come_are_waited_for_only_so_long() {
        let queue = Queue::new(100, Position::default());
        append(&queue);
        assert_eq!(collected(&queue, 9, Duration::from_millis(1)), 1);
        append(&queue);
        assert_eq!(collected(&queue, 9, Duration::ZERO), 1);
    }

    #[test]
    fn a_full_or_closed_queue_is_not_waited_for() {
        let queue = Queue::new(1, Position::default());
        append(&queue);
        assert_eq!(collected(&queue, 9, FOR_EVER), 1, "no place is left");
        let queue = Queue::new(100, Position::default());
        append(&queue);
        thread::scope(|scope| {
            let writer = scope.spawn(|| collected(&queue, 9, FOR_EVER));
            wait_until_awaited(&queue, 10);
            queue.close();
            assert_eq!(writer.join().unwrap(), 1);
        });
        assert_eq!(collected(&queue, 9, FOR_EVER), 0);
    }
}
