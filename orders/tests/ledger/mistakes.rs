//! Mistakes that are put in on purpose, each to be found.

use crate::judge::Finding;
use segstock_orders::ledger::faults::{Disk, FaultyLedger};
use segstock_orders::ledger::{
    Batch, Ledger, LedgerError, LedgerReason, Opened, Standing, WriteError,
};
use segstock_orders::{Change, Entry, Position};

/// A mistake that a ledger, a writer or a service could make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mistake {
    /// A write returns before the batch is durable.
    AnswerBeforeDurable,
    /// A retry is answered before the change of the first is durable.
    RetryAnsweredBeforeDurable,
    /// A client that is answered *unknown* takes that for *nothing changed*.
    UnknownTakenForFailed,
    /// A batch of unknown result is sent again as another.
    SentAgainUnderAnotherNumber,
    /// A batch of unknown result is sent again with the entry that comes after it.
    SentAgainWithMore,
    /// A batch of unknown result counts as written.
    BatchSkipped,
    /// The epoch is raised once all is loaded, without a look whether the ledger is where it was.
    EpochRaisedAfterLoading,
    /// A batch is asked for by its number alone.
    NumberAskedWithoutEpoch,
    /// The units of an order that expired are on sale, and no entry says so.
    ExpiryNotWritten,
    /// Units are on sale before the entry is written that gives them.
    GiveAppliedBeforeWritten,
    /// Figures are shown that are not durable.
    StockShownFromMemory,
    /// A batch begins in the middle of what is decided together.
    CollectedMeanwhile,
    /// A process is killed when half of a batch is written, and that half is there.
    HalfWritten,
}

impl Mistake {
    pub const ALL: [Self; 13] = [
        Self::AnswerBeforeDurable,
        Self::RetryAnsweredBeforeDurable,
        Self::UnknownTakenForFailed,
        Self::SentAgainUnderAnotherNumber,
        Self::SentAgainWithMore,
        Self::BatchSkipped,
        Self::EpochRaisedAfterLoading,
        Self::NumberAskedWithoutEpoch,
        Self::ExpiryNotWritten,
        Self::GiveAppliedBeforeWritten,
        Self::StockShownFromMemory,
        Self::CollectedMeanwhile,
        Self::HalfWritten,
    ];
}

impl Mistake {
    /// Whether a finding is what the mistake does to a shop, and not only to the log.
    pub fn explains(self, finding: &Finding) -> bool {
        match self {
            Self::ExpiryNotWritten | Self::GiveAppliedBeforeWritten => {
                matches!(finding, Finding::SoldTwice(..) | Finding::NotRecovered(_))
            }
            Self::CollectedMeanwhile | Self::HalfWritten => matches!(finding, Finding::Halved(_)),
            _ => true,
        }
    }
}

type Rows = Vec<(Position, Entry<String>)>;

/// A ledger with faults, and with a mistake in the way it is used.
pub struct Mistaken {
    inner: FaultyLedger<String>,
    disk: Disk<String>,
    mistake: Option<Mistake>,
    chance: fastrand::Rng,
    /// What is answered and not written.
    unwritten: Option<Batch<String>>,
    /// Entries whose effect shows already.
    held_back: Rows,
    /// How far numbers here are ahead of the writer's.
    ahead: i64,
    /// The epoch is not raised yet.
    is_loading: bool,
}

impl Mistaken {
    pub fn new(
        disk: &Disk<String>,
        inner: FaultyLedger<String>,
        mistake: Option<Mistake>,
        seed: u64,
    ) -> Self {
        Self {
            inner,
            disk: disk.clone(),
            mistake,
            chance: fastrand::Rng::with_seed(seed),
            unwritten: None,
            held_back: Vec::new(),
            ahead: 0,
            is_loading: false,
        }
    }

    fn renumbered(&self, batch: &Batch<String>) -> Batch<String> {
        let mut batch = batch.clone();
        batch.number = batch.number.wrapping_add_signed(self.ahead);
        batch
    }

    fn hold_back_gives(&mut self) {
        let log = self.disk.entries().len();
        let is_give = |entry: &Entry<String>| {
            matches!(
                entry.change,
                Change::Cancelled { .. } | Change::Expired { .. } | Change::Restocked { .. }
            )
        };
        let before = std::mem::take(&mut self.held_back);
        let last = self.disk.at().last;
        self.disk.edit(|rows| {
            rows.extend(before);
            rows.sort_by_key(|(position, _)| *position);
            let of_last_batch = |position: &Position| position.number() + 1 > last.number();
            let held_back = rows.extract_if(.., |(position, entry)| {
                of_last_batch(position) && is_give(entry)
            });
            self.held_back = held_back.collect();
        });
        debug_assert!(self.disk.entries().len() <= log + 64);
    }
}

impl Ledger<String> for Mistaken {
    fn open(&mut self) -> Result<Opened, LedgerError> {
        if self.mistake == Some(Mistake::EpochRaisedAfterLoading) {
            self.is_loading = true;
            let mut at = self.disk.at();
            at.epoch += 1;
            return Ok(at);
        }
        self.inner.open()
    }

    fn load(&mut self, after: Position, limit: usize) -> Result<Rows, LedgerError> {
        self.inner.load(after, limit)
    }

    fn take_over(&mut self) -> Result<(), LedgerError> {
        if self.is_loading {
            self.inner.open()?;
        }
        self.inner.take_over()
    }

    fn write(&mut self, batch: &Batch<String>) -> Result<(), WriteError> {
        match self.mistake {
            Some(Mistake::AnswerBeforeDurable) => {
                if let Some(before) = self.unwritten.replace(batch.clone()) {
                    self.disk.put(&before, false);
                }
                Ok(())
            }
            Some(Mistake::SentAgainUnderAnotherNumber) => {
                let sent = self.renumbered(batch);
                if let Err(WriteError::Dead(error)) | Err(WriteError::Unknown(error)) =
                    self.inner.write(&sent)
                {
                    _ = error;
                    self.ahead += 1;
                    self.disk.put(&self.renumbered(batch), true);
                }
                Ok(())
            }
            Some(Mistake::HalfWritten) => self.write_half(batch),
            Some(Mistake::SentAgainWithMore) => self.write_with_more(batch),
            Some(Mistake::BatchSkipped) => {
                let written = self.inner.write(&self.renumbered(batch));
                if let Err(WriteError::Unknown(_)) = written {
                    self.ahead -= 1;
                    return Ok(());
                }
                written
            }
            Some(Mistake::GiveAppliedBeforeWritten) => {
                let written = self.inner.write(batch);
                if written.is_ok() {
                    self.hold_back_gives();
                }
                written
            }
            _ => self.inner.write(batch),
        }
    }

    fn ask(&mut self, epoch: u64, number: u64) -> Result<Standing, LedgerError> {
        match self.mistake {
            Some(Mistake::NumberAskedWithoutEpoch) => self.inner.ask(self.disk.at().epoch, number),
            _ => self.inner.ask(epoch, number),
        }
    }
}

impl Mistaken {
    /// One of eight is its last: half of it.
    fn write_half(&mut self, batch: &Batch<String>) -> Result<(), WriteError> {
        if self.chance.u8(0..8) != 0 {
            return self.inner.write(batch);
        }
        let mut half = batch.clone();
        half.entries.truncate(batch.entries.len().div_ceil(2));
        self.disk.put(&half, false);
        let line = "killed in the middle of a write";
        let killed = LedgerError::new(LedgerReason::Failed, line);
        Err(WriteError::Dead(killed))
    }

    /// A batch of unknown result waits for the next, and both go as one: under the number of the first.
    fn write_with_more(&mut self, batch: &Batch<String>) -> Result<(), WriteError> {
        let mut sent = self.renumbered(batch);
        if let Some(before) = self.unwritten.take() {
            sent.first = before.first;
            sent.number = before.number;
            sent.entries.splice(0..0, before.entries);
        }
        let written = self.inner.write(&sent);
        if let Err(WriteError::Unknown(_)) = written {
            // If the first has landed, what is asked for by number is there, and the rest is not.
            let asked = self.inner.ask(sent.epoch, sent.number);
            if asked != Ok(Standing::Written) {
                self.ahead -= 1;
                self.unwritten = Some(sent);
            }
            return Ok(());
        }
        written
    }
}
