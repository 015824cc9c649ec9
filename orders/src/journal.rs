//! [`Journal`]: where the entries of a book go.

use crate::entry::{Entry, Position};
use crate::sync::{AtomicU64, Ordering};
use crossbeam_utils::CachePadded;
use std::error::Error;
use std::fmt;

/// Takes the entries of a book, one after another: a queue before a writer, or nothing at all.
///
/// The book calls it under the locks of whatever an entry changes, in this sequence: permit, takes applied,
/// [`append`](Self::append), gives applied. So none of its calls may wait, except [`wait`](Self::wait), which is called
/// without a lock.
///
/// The trait grows by provided methods only.
pub trait Journal<K>: Send + Sync {
    /// Sets a place for one entry aside. It never waits.
    ///
    /// # Errors
    ///
    /// [`NoPlace`]: the change is not made, and nothing was taken for it.
    fn permit(&self) -> Result<(), NoPlace>;

    /// Gives back a place that was set aside and is not needed: the change was refused.
    fn give_back(&self);

    /// Puts an entry into a place that was set aside, and says where it stands. Positions grow. The book hands over one entry
    /// at a time, in the sequence of their times. It cannot fail, does not wait and does not panic: what the entry says
    /// happens.
    fn append(&self, entry: &Entry<K>) -> Position;

    /// Waits until the entry at `position`, and so all before it, is durable. Called before the answer is given, without
    /// a lock.
    ///
    /// # Errors
    ///
    /// [`Lost`] if that is not known and never will be.
    fn wait(&self, position: Position) -> Result<(), Lost>;

    /// The last position up to which all entries are durable: the feed shows events up to there. All are, unless this says
    /// otherwise.
    fn last_durable(&self) -> Position {
        Position::new(u64::MAX)
    }

    /// Whether the book may forget an order that ended, is past its retention, and is kept for returns no longer. Asked under the
    /// lock of the order, again and again until it is answered by yes; a journal that keeps a row deletes that first.
    fn may_forget(&self, order: Position) -> bool {
        _ = order;
        true
    }

    /// Whether the entries go nowhere: then nobody sees in which sequence their times are.
    #[doc(hidden)]
    fn is_nowhere(&self) -> bool {
        false
    }
}

/// There is no place for another entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NoPlace {
    /// The queue is full: the same call may succeed in a moment.
    Busy,
    /// Nothing can be written any more.
    Unavailable,
}

impl fmt::Display for NoPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Busy => "busy: try again",
            Self::Unavailable => "nothing can be written any more",
        })
    }
}

impl Error for NoPlace {}

/// It is not known whether an entry is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Lost;

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it is not known whether the change is durable")
    }
}

impl Error for Lost {}

/// No ledger: entries are numbered, and go nowhere.
#[derive(Debug)]
pub(crate) struct Nowhere {
    /// All changes number their entries here: in cache lines of its own.
    last: CachePadded<AtomicU64>,
}

impl Nowhere {
    /// Numbers the entries that come after `last`.
    pub(crate) fn after(last: Position) -> Self {
        Self {
            last: CachePadded::new(AtomicU64::new(last.number())),
        }
    }
}

impl<K> Journal<K> for Nowhere {
    #[inline]
    fn permit(&self) -> Result<(), NoPlace> {
        Ok(())
    }

    #[inline]
    fn give_back(&self) {}

    #[inline]
    fn append(&self, _: &Entry<K>) -> Position {
        Position::new(self.last.fetch_add(1, Ordering::Relaxed) + 1)
    }

    #[inline]
    fn wait(&self, _: Position) -> Result<(), Lost> {
        Ok(())
    }

    #[inline]
    fn is_nowhere(&self) -> bool {
        true
    }
}

/// A place for one entry, until it is used.
pub(crate) struct Permit<'a, K> {
    journal: &'a dyn Journal<K>,
    used: bool,
}

impl<'a, K> Permit<'a, K> {
    pub(crate) fn of(journal: &'a dyn Journal<K>) -> Result<Self, NoPlace> {
        journal.permit()?;
        let used = false;
        Ok(Self { journal, used })
    }

    pub(crate) fn append(mut self, entry: &Entry<K>) -> Position {
        self.used = true;
        self.journal.append(entry)
    }
}

impl<K> Drop for Permit<'_, K> {
    fn drop(&mut self) {
        if !self.used {
            self.journal.give_back();
        }
    }
}
