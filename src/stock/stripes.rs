//! The padded segments of a grown stock, the walks over them, and the bound by which a wide stock refuses.

use super::probe;
use super::segment::{Segment, Take};
use super::stats::Stats;
use super::taken::left;
use super::word::WordCell;
use crate::shares::shares;
use crate::sync::{AtomicU64, Ordering, fence};
use crossbeam_utils::CachePadded;

/// What only a grown stock needs: one allocation, in slots of a padded cache line.
///
/// The last slot has the pocket, and what only moves write. The pocket has the type of a segment, but no call takes from
/// it or puts to it. In one allocation, the segments are one pointer away from the stock; a second pointer would cost
/// each call a load.
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

/// What only the holder of the cold mutex writes; the mutex orders it. It costs nothing in the slots that
/// do not use it: they are padded anyway.
#[derive(Debug, Default)]
pub(super) struct Cold {
    gathers: AtomicU64,
    widenings: AtomicU64,
    narrowings: AtomicU64,
    owed: AtomicU64,
    withdrawn: AtomicU64,
}

/// The segments' counters, each summed up over all segments.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Totals {
    pub(super) taken: u64,
    pub(super) added: u64,
    pub(super) returned: u64,
    pub(super) reserved: u64,
    pub(super) committed: u64,
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

    /// The calling thread's segment, if the last stock whose segment it looked for had this number of segments.
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

    /// Takes `units` from the first segment that has them. The thread stays on that segment, unless another thread is
    /// on it: two threads would meet on it again and again.
    pub(super) fn take_anywhere<const RESERVE: bool>(&self, units: u64) -> bool {
        for (index, segment) in self.walk() {
            match segment.take::<RESERVE>(units) {
                Take::Taken => {
                    probe::stay(index, self.len());
                    return true;
                }
                Take::Short => {}
                Take::Lost => {
                    if self.take_contended::<RESERVE>(segment, units) {
                        return true;
                    }
                }
            }
        }
        false
    }

    /// Another thread is on the calling thread's segment: from the next call on, it uses another one.
    pub(super) fn leave_own(&self) {
        self.own().count_contention();
        probe::move_on();
    }

    /// Goes on with a take that another thread came before, until it has the units or they are gone.
    fn take_contended<const RESERVE: bool>(&self, segment: &Segment, units: u64) -> bool {
        segment.count_contention();
        probe::move_on();
        loop {
            match segment.take::<RESERVE>(units) {
                Take::Taken => return true,
                Take::Short => return false,
                Take::Lost => {}
            }
        }
    }

    /// Deals `units` out evenly, the remainder to the first segments.
    pub(super) fn shares(&self, units: u64) -> impl Iterator<Item = (&Segment, u64)> {
        self.iter().zip(shares(units, self.len()))
    }

    /// At one instant of the call, no more than this was in stock.
    ///
    /// Every refusal by a wide stock rests on this. Consider the instant at which the word is read. Every `taken` was
    /// read before, and only grows: at that instant it was at least what was read. Every `added` and `returned` is read
    /// after: at that instant it was at most what is read. So at that instant no more than the difference was in stock,
    /// whatever takes and puts run meanwhile. Units that a move has in hand are in the pocket's `added` before they are
    /// in any segment's `taken`.
    ///
    /// The fence pairs with itself in another thread: of two threads that put one unit each and
    /// then ask for both, the one whose fence comes second sees both puts. Puts need none. Tested
    /// by `store_buffering` in `tests/support/stock_scenarios.rs`.
    ///
    /// All segments exist before a stock is first wide. So a pass need not ask whether segments were added.
    #[inline]
    pub(super) fn bound(&self, word: &WordCell) -> u64 {
        let taken = self.sum_with_pocket(Segment::taken);
        fence(Ordering::SeqCst);
        let word = word.load();
        if !word.is_wide() {
            // Made narrow meanwhile: then this was the whole stock.
            return word.units();
        }
        let came = self.sum_with_pocket(Segment::came);
        left(word.units().wrapping_add(came), taken)
    }

    /// At one instant of the call, no fewer than this were in stock: the mirror of [`bound`](Self::bound), and called after
    /// it.
    ///
    /// Consider the instant at which the word is read. Every `added` and `returned` was read before, and only grows: at
    /// that instant it was at least what was read. Every `taken` is read after: at that instant it was at most what is
    /// read. Units that a move has in hand are not counted, and a sunk segment counts as empty. Of two threads that take
    /// one unit each and then ask, the one whose fence of the bound comes second sees both takes. Tested by
    /// `of_two_that_take_one_sees_that_it_is_low` in `tests/loom_stock.rs`.
    ///
    /// None, while somebody proves: a put that came to a segment late is counted there, and comes to the stock only when
    /// it cancels the proof. Tested by `a_late_put_is_enough_only_once_it_came_to_the_stock` in `exact.rs`.
    #[cfg(feature = "inventory")]
    pub(super) fn at_least(&self, word: &WordCell) -> u64 {
        let came = self.sum(Segment::came);
        let word = word.load();
        if !word.is_wide() {
            return word.units();
        }
        if word.is_proving() {
            return 0;
        }
        left(word.units().wrapping_add(came), self.taken())
    }

    /// Reads `taken`, and then `added` and `returned` by read-modify-writes: the thread of every later put synchronises
    /// with those, and so sees that the word is *proving*.
    pub(super) fn settle(&self) -> Totals {
        Totals {
            taken: self.taken(),
            added: self.sum(Segment::settle_added),
            returned: self.sum(Segment::settle_returned),
            ..Totals::default()
        }
    }

    pub(super) fn sum(&self, counter: impl Fn(&Segment) -> u64) -> u64 {
        sum(self.iter().map(counter))
    }

    pub(super) fn taken(&self) -> u64 {
        self.sum(Segment::taken)
    }

    /// Units that were ever reserved in segments.
    pub(super) fn reserved(&self) -> u64 {
        self.sum(Segment::reserved)
    }

    pub(super) fn committed(&self) -> u64 {
        self.sum(Segment::committed)
    }

    /// Adds each pair of slots first. Pairs do not wait for each other, so that the chain of additions that do wait is half
    /// as long.
    #[inline]
    fn sum_with_pocket(&self, counter: impl Fn(&Segment) -> u64) -> u64 {
        let counter = |slot: &CachePadded<Slot>| counter(&slot.segment);
        let (pairs, rest) = self.slots.as_chunks();
        let pairs = pairs
            .iter()
            .map(|[one, other]| counter(one).wrapping_add(counter(other)));
        sum(pairs).wrapping_add(sum(rest.iter().map(counter)))
    }

    pub(super) fn stats(&self) -> Stats {
        Stats {
            gathers: get(&self.cold().gathers),
            widenings: get(&self.cold().widenings),
            narrowings: get(&self.cold().narrowings),
            contended: self.iter().map(Segment::contended).sum(),
        }
    }
}

impl Totals {
    /// Units that the segments held, and `missing` more.
    pub(super) fn held(&self, missing: u64) -> u64 {
        let came = self.added.wrapping_add(self.returned);
        left(came.wrapping_add(missing), self.taken)
    }
}

impl Cold {
    pub(super) fn count_gather(&self) {
        add(&self.gathers, 1);
    }

    pub(super) fn count_widening(&self) {
        add(&self.widenings, 1);
    }

    pub(super) fn count_narrowing(&self) {
        add(&self.narrowings, 1);
    }

    pub(super) fn owed(&self) -> u64 {
        get(&self.owed)
    }

    pub(super) fn withdrawn(&self) -> u64 {
        get(&self.withdrawn)
    }

    /// Counts `owed` units more as owed and `withdrawn` more as withdrawn; both may be negative, and wrap.
    pub(super) fn owe(&self, owed: u64, withdrawn: u64) {
        add(&self.owed, owed);
        add(&self.withdrawn, withdrawn);
    }
}

fn get(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

fn add(counter: &AtomicU64, units: u64) {
    counter.fetch_add(units, Ordering::Relaxed);
}

fn sum(parts: impl Iterator<Item = u64>) -> u64 {
    parts.fold(0, u64::wrapping_add)
}
