//! The padded segments of a grown stock, the walks over them, and the proof that refuses.

use super::Stats;
use super::probe;
use super::segment::{Segment, Take};
use super::taken::left;
use super::word::WordCell;
use crate::sync::{AtomicU64, Ordering, fence};
use crossbeam_utils::CachePadded;

/// What only a grown stock needs: one allocation, in slots of a padded cache line.
///
/// The last slot is not a segment. It is the pocket, with what only moves write. So the segments
/// are one pointer away from the stock, and not two, which would be felt.
#[derive(Debug)]
pub(super) struct Stripes {
    slots: Box<[CachePadded<Slot>]>,
}

#[derive(Debug, Default)]
#[repr(C)]
struct Slot {
    segment: Segment,
    cold: Cold,
}

// What a grown stock costs: a line, and the one that is fetched with it, for each segment.
#[cfg(all(not(any(loom, shuttle)), target_arch = "x86_64"))]
const _: () = assert!(size_of::<CachePadded<Slot>>() == 128);

/// What only the moves of a grown stock write. It costs nothing in the slots that do not use it:
/// they are padded anyway.
#[derive(Debug, Default)]
pub(super) struct Cold {
    /// How much of the segments' `added` was moved there or is in the books already: the rest was
    /// restocked. Written under the cold mutex, which orders it.
    pub(super) entered: AtomicU64,
    /// Set before any `returned` is used.
    takes_back: AtomicU64,
    pub(super) gathers: AtomicU64,
    pub(super) widenings: AtomicU64,
    pub(super) narrowings: AtomicU64,
}

impl Stripes {
    pub(super) fn new(segments: usize) -> Self {
        Self {
            slots: (0..=segments).map(|_| CachePadded::default()).collect(),
        }
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.slots.len() - 1
    }

    pub(super) fn pocket(&self) -> &Segment {
        &self.slots[self.len()].segment
    }

    pub(super) fn cold(&self) -> &Cold {
        &self.slots[self.len()].cold
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Segment> {
        self.slots[..self.len()].iter().map(|slot| &slot.segment)
    }

    #[inline]
    fn segment(&self, index: usize) -> &Segment {
        &self.slots[index].segment
    }

    /// The calling thread's segment.
    pub(super) fn own(&self) -> &Segment {
        self.segment(probe::segment(self.len()))
    }

    /// The calling thread's segment, if the thread was on a stock of as many segments before.
    #[inline]
    pub(super) fn own_if_known(&self) -> Option<&Segment> {
        let slot = self.slots.get(probe::known_segment(self.len())?)?;
        Some(&slot.segment)
    }

    /// From the calling thread's segment on, each once.
    pub(super) fn walk(&self) -> impl Iterator<Item = (usize, &Segment)> {
        let own = probe::segment(self.len());
        (own..self.len())
            .chain(0..own)
            .map(|index| (index, self.segment(index)))
    }

    /// Takes `units` from the first segment that has them, and has the thread stay there; but not
    /// where others are, too: two threads would meet there again and again.
    pub(super) fn take_anywhere(&self, units: u64) -> bool {
        for (index, segment) in self.walk() {
            match segment.take(units) {
                Take::Taken => {
                    probe::stay(index, self.len());
                    return true;
                }
                Take::Short => {}
                Take::Lost => {
                    if self.take_contended(segment, units) {
                        return true;
                    }
                }
            }
        }
        false
    }

    /// Has the calling thread go elsewhere: another one is on its segment.
    pub(super) fn leave_own(&self) {
        self.own().count_contention();
        probe::move_on();
    }

    /// Goes on with a take that another thread came before, until it has the units or they are
    /// gone; and elsewhere from the next call on.
    fn take_contended(&self, segment: &Segment, units: u64) -> bool {
        segment.count_contention();
        probe::move_on();
        loop {
            match segment.take(units) {
                Take::Taken => return true,
                Take::Short => return false,
                Take::Lost => {}
            }
        }
    }

    /// Deals `units` out evenly, the remainder to the first segments.
    pub(super) fn shares(&self, units: u64) -> impl Iterator<Item = (&Segment, u64)> {
        crate::shares::shares(units, self.len())
            .zip(self.iter())
            .map(|(share, segment)| (segment, share))
    }

    /// At one instant of the call, no more than this was in stock.
    ///
    /// The proof that every refusal by a wide stock rests on. Every `taken` can only have grown
    /// since it was read, what came can only grow until it is read, and the word, which goes
    /// both ways, is read in between: so at that instant the difference of the sums was not too
    /// low. It holds whatever takes and puts run meanwhile. Units on their way are in the pocket's
    /// `added` before they are in anybody's `taken`.
    ///
    /// The fence pairs with itself in another thread: of two threads that put one unit each and
    /// then ask for both, the one whose fence comes second sees both puts. Puts need none. Tested
    /// by `store_buffering` in `tests/loom_stock.rs`.
    ///
    /// The segments are all there before a stock is first wide, and a proof begins only after it
    /// was, so that there is no second look at their list.
    ///
    /// That `returned` is in use was written before the first unit was put back. So whoever must see
    /// such a put sees that as well: after the fence, and after a `taken` that has units of it.
    pub(super) fn bound(&self, word: &WordCell) -> u64 {
        let taken = self.sum(Segment::taken);
        fence(Ordering::SeqCst);
        let word = word.load();
        if !word.is_wide() {
            // Made narrow meanwhile: then this was the whole stock.
            return word.units();
        }
        let came = if self.has_taken_back() {
            self.sum(Segment::came)
        } else {
            self.sum(Segment::added)
        };
        left(word.units().wrapping_add(came), taken)
    }

    /// What ever came to the segments (`added`, and all of it), read so that every later put knows.
    ///
    /// `returned` is passed over while no thread has put anything back to a segment. Who does it
    /// first makes it known by a read-modify-write of `takes_back`; if that comes after the one
    /// here, the put sees *proving* as one does that comes after the settling of `added`. Tested by
    /// `narrowing_against_first_put_back` in `tests/loom_stock.rs`.
    pub(super) fn settle(&self) -> (u64, u64) {
        let added = sum(self.iter().map(Segment::settle_added));
        let returned = if self.cold().takes_back.fetch_add(0, Ordering::AcqRel) == 0 {
            0
        } else {
            sum(self.iter().map(Segment::settle_returned))
        };
        (added, added.wrapping_add(returned))
    }

    /// Whether anything was ever put back to a segment.
    fn has_taken_back(&self) -> bool {
        self.cold().takes_back.load(Ordering::Acquire) != 0
    }

    /// The calling thread's segment, ready for units that are put back.
    pub(super) fn own_that_takes_back(&self) -> &Segment {
        let own = self.own();
        if !own.takes_back() {
            self.cold().takes_back.fetch_or(1, Ordering::AcqRel);
            own.take_back();
        }
        own
    }

    /// Units that were ever set aside from segments.
    pub(super) fn lent(&self) -> u64 {
        sum(self.iter().map(Segment::lent))
    }

    /// Units set aside that ever came back to segments or were sold.
    pub(super) fn settled(&self) -> u64 {
        sum(self.iter().map(Segment::settled))
    }

    pub(super) fn taken(&self) -> u64 {
        sum(self.iter().map(Segment::taken))
    }

    fn sum(&self, counter: impl Fn(&Segment) -> u64) -> u64 {
        sum(self.slots.iter().map(|slot| counter(&slot.segment)))
    }

    pub(super) fn narrowings(&self) -> u64 {
        self.cold().narrowings.load(Ordering::Relaxed)
    }

    pub(super) fn stats(&self) -> Stats {
        Stats {
            gathers: self.cold().gathers.load(Ordering::Relaxed),
            widenings: self.cold().widenings.load(Ordering::Relaxed),
            narrowings: self.narrowings(),
            contended: self.iter().map(Segment::contended).sum(),
        }
    }
}

/// Counts an event that somebody who tunes will ask for.
pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

fn sum(parts: impl Iterator<Item = u64>) -> u64 {
    parts.fold(0, u64::wrapping_add)
}
