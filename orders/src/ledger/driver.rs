//! [`Driver`]: writes the batches, one step after another.

use super::backups::Asked;
use super::queue::{Collected, Gathering, IDLE, Next};
use super::settings::WriterSettings;
use super::shared::Shared;
use super::{Batch, Ledger, LedgerError, LedgerReason, Opened, Standing, WriteError};
use std::fmt;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

const SHORTEST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(100);
/// How long the thread gathers entries at most.
const LONGEST_GATHERING: Duration = Duration::from_millis(2);
/// After a batch that took less it gathers none. Where a sync takes some ms, gathering lets a third more requests through;
/// where it takes 0.2 ms, a third fewer.
const QUICK: Duration = Duration::from_millis(1);

/// Brings what a [`Writer`](super::Writer) queues to its ledger. The writer has a thread for it, unless it was made
/// [by hand](crate::OrderBookBuilder::recover_by_hand). Once it is dropped nothing is written any more.
pub struct Driver<K> {
    ledger: Box<dyn Ledger<K>>,
    shared: Arc<Shared<K>>,
    epoch: u64,
    /// The number of the last batch that is written.
    number: u64,
    /// The book's time of the last entry, and the wall clock's then.
    times: (u64, u64),
    settings: WriterSettings,
    /// How long keys of requests are known, in nanoseconds.
    retention: u64,
    under_way: Option<UnderWay<K>>,
    gathering: Gathering,
    /// The backup that is being made.
    backup: Option<Asked>,
    /// When the ledger was looked at last while there was nothing to write.
    looked: Instant,
    /// All that was queued is written, and nothing more will come.
    is_done: bool,
}

/// A batch that is not known to be written.
struct UnderWay<K> {
    batch: Batch<K>,
    /// Places of its entries beyond the others.
    beyond: usize,
    /// What is done next: the batch is asked for, or sent.
    asks: bool,
    /// How often it was sent or asked for.
    tries: u32,
    began: Instant,
}

/// What a step did.
///
/// There will be no other: match them all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// Nothing: nothing is queued.
    Idle,
    /// A batch is durable, and those who waited for it are woken.
    Written,
    /// It is not known yet what became of the batch. The next step goes on with it.
    Unsettled,
    /// Nothing: the ledger is dead.
    Dead,
}

impl<K: 'static> Driver<K> {
    pub(super) fn new(
        ledger: Box<dyn Ledger<K>>,
        shared: Arc<Shared<K>>,
        settings: WriterSettings,
        opened: &Opened,
        retention: u64,
    ) -> Self {
        Self {
            ledger,
            shared,
            settings,
            retention,
            epoch: opened.epoch,
            number: opened.batch,
            times: (opened.time, opened.wall),
            under_way: None,
            gathering: Gathering::default(),
            backup: None,
            looked: Instant::now(),
            is_done: false,
        }
    }

    /// Calls the ledger once, if there is anything to write.
    pub fn step(&mut self) -> Step {
        if self.shared.reason().is_some() {
            return Step::Dead;
        }
        if self.under_way.is_none() {
            self.back_up();
            let Some(collected) = self.shared.queue.collect() else {
                return Step::Idle;
            };
            self.begin(collected);
        }
        self.go_on()
    }

    /// Writes until the queue is closed and empty, or the ledger is dead.
    pub(super) fn run(&mut self) {
        let mut pause = SHORTEST_PAUSE;
        loop {
            if self.under_way.is_none() {
                self.back_up();
                match self
                    .shared
                    .queue
                    .next(self.gathering, self.backup.is_some())
                {
                    Next::Batch(collected) => self.begin(collected),
                    Next::Nothing if self.is_looked_after() => continue,
                    Next::Nothing => return,
                    Next::Closed => {
                        self.is_done = true;
                        return;
                    }
                }
            }
            match self.go_on() {
                Step::Unsettled => {
                    thread::sleep(pause);
                    pause = LONGEST_PAUSE.min(pause * 2);
                }
                Step::Dead => return,
                Step::Idle | Step::Written => pause = SHORTEST_PAUSE,
            }
        }
    }

    /// Looks from time to time whether the ledger is another process's by now, or fails for good; then it is dead.
    fn is_looked_after(&mut self) -> bool {
        if self.looked.elapsed() < IDLE {
            return true;
        }
        let own = self.ledger.assert_own();
        self.looked = Instant::now();
        let Err(WriteError::Dead(error)) = own else {
            return true;
        };
        self.dies(&error);
        false
    }

    /// A step of a backup, if one is asked for.
    fn back_up(&mut self) {
        let ended = match &self.backup {
            Some(_) => self.ledger.go_on_with_backup(),
            None => {
                self.backup = self.shared.backups.next();
                let Some(asked) = &self.backup else {
                    return;
                };
                self.ledger.begin_backup(asked.path()).map(|()| false)
            }
        };
        let ended = match ended {
            Ok(false) => return,
            Ok(true) => Ok(()),
            Err(error) => Err(error),
        };
        if let Some(asked) = self.backup.take() {
            asked.ends(ended);
        }
    }

    fn begin(&mut self, collected: Collected<K>) {
        let entries = collected.entries.into_vec();
        // A batch without entries leaves both clocks: that of the book cannot be asked here.
        if let Some(last) = entries.last() {
            let wall = self.settings.wall.now().as_nanos();
            let wall = u64::try_from(wall).unwrap_or(u64::MAX);
            self.times = (last.time.max(self.times.0), wall);
        }
        let (time, wall) = self.times;
        self.under_way = Some(UnderWay {
            batch: Batch {
                epoch: self.epoch,
                number: self.number + 1,
                first: collected.first,
                entries,
                forget: collected.forget,
                keys_since: time.saturating_sub(self.retention),
                time,
                wall,
            },
            beyond: collected.beyond,
            asks: false,
            tries: 0,
            began: Instant::now(),
        });
    }

    /// Sends the batch that is under way, or asks for it.
    fn go_on(&mut self) -> Step {
        let Some(under_way) = &mut self.under_way else {
            return Step::Idle;
        };
        under_way.tries += 1;
        let batch = &under_way.batch;
        let unsettled = if under_way.asks {
            match self.ledger.ask(batch.epoch, batch.number) {
                Ok(Standing::Written) => return self.is_written(),
                // Sent again as it is.
                Ok(Standing::NotWritten) => {
                    under_way.asks = false;
                    LedgerError::new(LedgerReason::Failed, "the batch is not there")
                }
                Ok(Standing::Superseded) => return self.is_superseded(),
                Err(error) if error.reason() == LedgerReason::Refused => return self.dies(&error),
                Err(error) => error,
            }
        } else {
            match self.ledger.write(batch) {
                Ok(()) => return self.is_written(),
                Err(WriteError::Unknown(error)) => {
                    under_way.asks = true;
                    error
                }
                Err(WriteError::Dead(error)) => return self.dies(&error),
            }
        };
        let (tries, time) = (under_way.tries, under_way.began.elapsed());
        if tries >= self.settings.tries && time >= self.settings.patience {
            return self.dies(&unsettled);
        }
        self.shared
            .is_unsettled(unsettled, time >= self.settings.lag);
        Step::Unsettled
    }

    fn is_written(&mut self) -> Step {
        if let Some(under_way) = self.under_way.take() {
            let UnderWay {
                batch,
                beyond,
                began,
                ..
            } = under_way;
            self.number = batch.number;
            self.gathering = gathering(batch.entries.len(), began.elapsed());
            self.shared.is_durable(&batch, beyond);
        }
        Step::Written
    }

    fn is_superseded(&mut self) -> Step {
        let line = "another process has opened the ledger";
        self.dies(&LedgerError::new(LedgerReason::Superseded, line))
    }

    fn dies(&mut self, error: &LedgerError) -> Step {
        self.under_way = None;
        self.shared.die(error);
        Step::Dead
    }
}

/// How the next batch is gathered, after one of `entries` that took `time`.
///
/// A disk syncs one batch at a time. The callers that this batch answers call again a little later than the next batch could
/// begin. Without a wait there would be two groups of callers in turns, each of which waits for two batches: its own, and
/// that of the other group. So the thread waits for as many entries as the batch had, at most as long as the batch
/// took, unless the batch was [quick](QUICK). A caller that is alone has nobody to wait for.
fn gathering(entries: usize, time: Duration) -> Gathering {
    if time < QUICK {
        return Gathering::default();
    }
    Gathering {
        more: entries,
        time: LONGEST_GATHERING.min(time),
    }
}

/// Whatever ends the driver, a panic of the ledger included: nobody waits for it in vain.
impl<K> Drop for Driver<K> {
    fn drop(&mut self) {
        let (reason, line) = if self.is_done {
            (LedgerReason::Closed, "the ledger is closed")
        } else {
            (
                LedgerReason::Failed,
                "the writer ended before all was written",
            )
        };
        self.shared.die(&LedgerError::new(reason, line));
    }
}

impl<K> fmt::Debug for Driver<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driver")
            .field("epoch", &self.epoch)
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_batch_waits_for_those_whom_it_answered_and_a_quick_one_for_nobody() {
        let gathered = |micros| {
            let Gathering { more, time } = gathering(8, Duration::from_micros(micros));
            (more, time.as_micros())
        };
        assert_eq!(gathered(200), (0, 0));
        assert_eq!(gathered(1_500), (8, 1_500));
        assert_eq!(gathered(6_000), (8, 2_000), "and not for long");
    }
}
