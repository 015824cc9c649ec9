//! [`Ledger`]: where the entries of a book are durable, and [`Writer`], which brings them there in batches.
//!
//! # The flow
//!
//! A call decides in memory, and appends its entry to the writer's queue. The writer's one thread takes all that the queue holds
//! as one [`Batch`], and has the ledger write it. Meanwhile the next batch collects: the more load, the larger the batches. After
//! a batch that took a millisecond or more, the thread waits a little for those whom it has answered: at most as long as that
//! batch took, at most 2 ms, and not at all for a caller who is alone. A call's answer waits until its entry is durable.
//!
//! # Batches
//!
//! Batches are numbered, and batch `n` is written only on top of batch `n - 1` of the same *epoch*: the ledger checks that
//! in the write itself. Opening raises the epoch, before anything is loaded; a ledger that nobody else can write
//! meanwhile raises it once all was loaded. So a write that got lost on its way and lands
//! late is void, whenever it lands: the batch after it was written, or another process has opened the ledger.
//!
//! A write may end without a result: the connection broke, or the disk said no after the fact. Then the writer asks for
//! the batch by epoch and number. If it is not there, the writer sends it again unchanged. Nothing behind it is sent before.
//!
//! # A dead ledger
//!
//! While a batch is not settled, calls wait. After a [while](WriterSettings::lag) new changes are refused as
//! [`Busy`](crate::NoPlace::Busy), before anything is taken.
//!
//! If a batch cannot be settled for [longer](WriterSettings::patience), the ledger is dead for this process. Let `d` be the last
//! durable position. A call that waits for a position up to `d` is answered. A call that waits for a later one gets
//! [`Lost`](crate::Lost): made again after a restart, it says what became of it. Changes are refused as
//! [`Unavailable`](crate::NoPlace::Unavailable) before anything is taken.

//! # Sold out
//!
//! A refusal as short waits for nothing. At that instant other orders had the units; if those orders are not
//! durable yet, a crash may undo them. Who must not say so is *strict*: it refuses only if the durable figures are short,
//! too, and otherwise asks again once more is durable. Then one sequence of all calls explains all answers, across crashes.
//!
//! ```
//! use segstock_orders::ledger::Recovered;
//! use segstock_orders::{Answer, Refusal};
//! use std::thread;
//! use std::time::Duration;
//!
//! fn place_strictly(shop: &Recovered<String>, order: &str, sku: &str, units: u64) -> Result<Answer, Refusal<String>> {
//!     loop {
//!         let lines = [(sku.to_owned(), units)];
//!         let answer = shop.book.place(order, None, lines, Duration::from_secs(900));
//!         let number = shop.book.number_of(sku);
//!         let durable = number.map_or(0, |number| shop.writer.stock(number).available());
//!         if !matches!(answer, Err(Refusal::Short(_))) || durable < units {
//!             return answer;
//!         }
//!         thread::sleep(Duration::from_millis(1));
//!     }
//! }
//! ```

mod backups;
mod deciding;
mod driver;
#[cfg(feature = "faults")]
pub mod faults;
mod queue;
mod recover;
#[cfg(any(feature = "faults", feature = "rows"))]
pub mod rows;
mod settings;
mod shared;
#[cfg(feature = "faults")]
pub mod trace;
mod waiters;
mod writer;

pub use driver::{Driver, Step};
pub use recover::{Found, RecoverError, Recovered};
pub use settings::{WallClock, WriterSettings};
pub use waiters::Durable;
pub use writer::{Decided, Writer, WriterStatus};

use crate::entry::{Entry, Position};
pub use crate::sums::SkuSums;
use std::error::Error;
use std::fmt;
use std::path::Path;

/// Keeps the entries of one book. One thread calls it.
///
/// The trait grows by provided methods only.
///
/// # Examples
///
/// A ledger in memory, which forgets everything with its process:
///
/// ```
/// use segstock_orders::ledger::{Batch, Ledger, LedgerError, Opened, Standing, WriteError};
/// use segstock_orders::{Entry, OrderBook, Position};
///
/// #[derive(Default)]
/// struct InMemory {
///     entries: Vec<(Position, Entry<String>)>,
///     at: Opened,
/// }
///
/// impl Ledger<String> for InMemory {
///     fn open(&mut self) -> Result<Opened, LedgerError> {
///         self.at.epoch += 1;
///         Ok(self.at)
///     }
///
///     fn load(&mut self, after: Position, limit: usize) -> Result<Vec<(Position, Entry<String>)>, LedgerError> {
///         let later = self.entries.iter().filter(|(position, _)| *position > after);
///         Ok(later.take(limit).cloned().collect())
///     }
///
///     fn write(&mut self, batch: &Batch<String>) -> Result<(), WriteError> {
///         self.entries.extend(batch.positions().zip(batch.entries.iter().cloned()));
///         self.at.batch = batch.number;
///         Ok(())
///     }
///
///     fn ask(&mut self, _: u64, number: u64) -> Result<Standing, LedgerError> {
///         Ok(if self.at.batch >= number { Standing::Written } else { Standing::NotWritten })
///     }
/// }
///
/// let recovered = OrderBook::builder().recover(InMemory::default())?;
/// recovered.book.open("phone".to_owned(), 2)?;
/// assert_eq!(recovered.writer.status().durable.number(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Ledger<K>: Send {
    /// Raises the epoch, durably, and says where the ledger stands. From then on no batch of an earlier epoch can be
    /// written. Called once, before everything else.
    ///
    /// A ledger that nobody else can write while it is open may only say which epoch it will be, and raise it in
    /// [`take_over`](Self::take_over): then what is found damaged meanwhile is refused with nothing changed.
    ///
    /// # Errors
    ///
    /// If that is not possible. Then nothing was changed.
    fn open(&mut self) -> Result<Opened, LedgerError>;

    /// Up to `limit` entries after a position, in the sequence of their positions. No entries: there are no more.
    ///
    /// A ledger that forgot orders ends with entries that stand for them: what they took for good. Their positions are
    /// after [`Opened::last`], and they are stored nowhere. New entries come after them.
    ///
    /// # Errors
    ///
    /// If the entries cannot be read; or with [`LedgerReason::Superseded`], if somebody else opened the ledger since. A ledger
    /// that others can open meanwhile sees that after it has read and before it calls anything damaged: what others have changed
    /// by then makes no book, or another one.
    fn load(
        &mut self,
        after: Position,
        limit: usize,
    ) -> Result<Vec<(Position, Entry<K>)>, LedgerError>;

    /// All entries were loaded, and they make a book. Called once, before the first batch. A ledger whose epoch is not
    /// raised yet raises it now, durably.
    ///
    /// A ledger that stands before another one hands this on, as it hands on [`open`](Self::open).
    ///
    /// # Errors
    ///
    /// If nothing can be written, or somebody else opened the ledger.
    fn take_over(&mut self) -> Result<(), LedgerError> {
        Ok(())
    }

    /// Writes a batch on top of (`batch.epoch`, `batch.number - 1`). Returns once all of it is durable.
    ///
    /// # Errors
    ///
    /// [`WriteError::Unknown`] if it may be there or not, and may land later; [`WriteError::Dead`] if nothing can be
    /// written any more.
    fn write(&mut self, batch: &Batch<K>) -> Result<(), WriteError>;

    /// Whether batch `number` of `epoch` is there.
    ///
    /// # Errors
    ///
    /// If that cannot be found out now. It is asked again.
    fn ask(&mut self, epoch: u64, number: u64) -> Result<Standing, LedgerError>;

    /// Looks whether somebody else opened the ledger since, where others can. Called about once a second while there is nothing to
    /// write: a book that another process has taken over is not to answer from memory for long.
    ///
    /// A ledger that stands before another one hands this on.
    ///
    /// # Errors
    ///
    /// [`WriteError::Dead`] if somebody did, with [`LedgerReason::Superseded`], or if nothing can be written any more for
    /// another reason; [`WriteError::Unknown`] if that cannot be found out now.
    fn assert_own(&mut self) -> Result<(), WriteError> {
        Ok(())
    }

    /// Closes the ledger for good, durably: from then on nobody opens it, this release or an earlier one. What was written stays.
    /// Whoever tries to open it is refused with `why`: one line, which follows "is closed for good: ".
    ///
    /// Called on a ledger that is [open](Self::open), and of which nothing was loaded or written since.
    ///
    /// # Errors
    ///
    /// If somebody else opened the ledger since; or if it may be closed or not, which the next opening tells. A ledger that cannot
    /// be closed always says so.
    fn close_for_good(&mut self, why: &str) -> Result<(), LedgerError> {
        let line = format!("this ledger cannot be closed for good: {why}");
        Err(LedgerError::new(LedgerReason::Failed, line))
    }

    /// Why the ledger was [closed for good](Self::close_for_good), if it was. Nothing is changed, not even the epoch: who has the
    /// ledger open goes on.
    ///
    /// # Errors
    ///
    /// If there is no ledger, or it cannot be found out now.
    fn why_closed(&mut self) -> Result<Option<String>, LedgerError> {
        Ok(None)
    }

    /// Begins a backup: a ledger of its own in a new file. It has this name once it is whole.
    ///
    /// # Errors
    ///
    /// If it cannot be begun, which changes nothing. A ledger that has other means for it always says so.
    fn begin_backup(&mut self, path: &Path) -> Result<(), LedgerError> {
        let line = format!(
            "no backup in {}: this ledger has means of its own for that",
            path.display()
        );
        Err(LedgerError::new(LedgerReason::Failed, line))
    }

    /// Goes on with the backup that was begun, for some milliseconds: called between batches until it is whole. Returns whether
    /// it is: it has every batch that was written before.
    ///
    /// # Errors
    ///
    /// If there will be no backup. The ledger itself goes on.
    fn go_on_with_backup(&mut self) -> Result<bool, LedgerError> {
        Ok(true)
    }
}

impl<K> Ledger<K> for Box<dyn Ledger<K>> {
    fn open(&mut self) -> Result<Opened, LedgerError> {
        (**self).open()
    }

    fn load(
        &mut self,
        after: Position,
        limit: usize,
    ) -> Result<Vec<(Position, Entry<K>)>, LedgerError> {
        (**self).load(after, limit)
    }

    fn take_over(&mut self) -> Result<(), LedgerError> {
        (**self).take_over()
    }

    fn write(&mut self, batch: &Batch<K>) -> Result<(), WriteError> {
        (**self).write(batch)
    }

    fn ask(&mut self, epoch: u64, number: u64) -> Result<Standing, LedgerError> {
        (**self).ask(epoch, number)
    }

    fn assert_own(&mut self) -> Result<(), WriteError> {
        (**self).assert_own()
    }

    fn close_for_good(&mut self, why: &str) -> Result<(), LedgerError> {
        (**self).close_for_good(why)
    }

    fn why_closed(&mut self) -> Result<Option<String>, LedgerError> {
        (**self).why_closed()
    }

    fn begin_backup(&mut self, path: &Path) -> Result<(), LedgerError> {
        (**self).begin_backup(path)
    }

    fn go_on_with_backup(&mut self) -> Result<bool, LedgerError> {
        (**self).go_on_with_backup()
    }
}

/// Entries that become durable together, or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Batch<K> {
    /// The epoch of the writer.
    pub epoch: u64,
    /// Its number: one more than that of the batch before, across epochs.
    pub number: u64,
    /// The position of the first entry. The others follow without a gap.
    pub first: Position,
    /// The entries.
    pub entries: Vec<Entry<K>>,
    /// Orders that the book has forgotten: their entries may go. Each is the position of the entry that placed it.
    pub forget: Vec<Position>,
    /// Keys of requests on SKUs are forgotten whose entries have an earlier time than this, in nanoseconds.
    pub keys_since: u64,
    /// The time of its last entry, in nanoseconds of the book's clock; if it has none, of the last entry before it.
    pub time: u64,
    /// The wall clock's time when the batch with that entry was made, in nanoseconds since 1970.
    pub wall: u64,
}

impl<K> Batch<K> {
    /// The positions of its entries.
    pub fn positions(&self) -> impl Iterator<Item = Position> + use<K> {
        let first = self.first.number();
        let end = first + self.entries.len() as u64;
        (first..end).map(Position::new)
    }

    /// The position of its last entry; if it has none, of the last entry before it.
    #[must_use]
    pub fn last(&self) -> Position {
        let end = self.first.number() + self.entries.len() as u64;
        Position::new(end.saturating_sub(1))
    }
}

/// Where a ledger stands that was opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Opened {
    /// The epoch that was raised.
    pub epoch: u64,
    /// The number of the last batch; 0 if there is none.
    pub batch: u64,
    /// The position of the last entry that was written.
    pub last: Position,
    /// The book's time at the last batch, in nanoseconds.
    pub time: u64,
    /// The wall clock's time at the last batch, in nanoseconds since 1970; 0 if there is none.
    pub wall: u64,
}

/// What became of a batch.
///
/// There will be no other: match them all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Standing {
    /// It is durable.
    Written,
    /// It is not there now. It may still land, unless it is sent again.
    NotWritten,
    /// Another process has opened the ledger: no batch of this epoch is written any more. What this batch became is not
    /// known.
    Superseded,
}

/// A batch was not written, or that is not known.
///
/// There will be no other: match them all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WriteError {
    /// It may be there or not. The writer asks.
    Unknown(LedgerError),
    /// Nothing can be written any more. The batch may be there or not.
    Dead(LedgerError),
}

/// What is wrong with a ledger, in one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerError {
    reason: LedgerReason,
    line: Box<str>,
}

/// What kind of thing is wrong with a ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LedgerReason {
    /// Another process has it open.
    InUse,
    /// It is something else: not a ledger of this program.
    NotALedger,
    /// It was written by a later release.
    Later,
    /// There is no room left.
    Full,
    /// It can be read only.
    ReadOnly,
    /// It lets this process not in: by the password, the role, the database or the rights. To ask again is of no use.
    Refused,
    /// It does not answer, or not now: to ask again may help.
    NoAnswer,
    /// What was written cannot be read.
    Damaged,
    /// Another process has opened it since.
    Superseded,
    /// It was closed, and all that was queued is written.
    Closed,
    /// It was [closed for good](Ledger::close_for_good): nobody opens it any more.
    ClosedForGood,
    /// Anything else.
    Failed,
}

impl LedgerError {
    /// An error, with a line for people.
    #[must_use]
    pub fn new(reason: LedgerReason, line: impl Into<Box<str>>) -> Self {
        let line = line.into();
        Self { reason, line }
    }

    /// What kind of thing is wrong.
    #[must_use]
    pub const fn reason(&self) -> LedgerReason {
        self.reason
    }
}

impl fmt::Display for LedgerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line)
    }
}

impl Error for LedgerError {}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(error) | Self::Dead(error) => error.fmt(f),
        }
    }
}

impl Error for WriteError {}
