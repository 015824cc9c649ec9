//! The one word that most calls read and nothing else: narrow, wide or proving.
//!
//! ```text
//!   63    62       61 ......... 20   19 ...... 0
//! +------+---------+--------------+-------------+
//! | WIDE | PROVING |    units     |    fresh    |
//! +------+---------+--------------+-------------+
//! ```
//!
//! - **Narrow** (no flag): `units` is the whole stock.
//! - **Wide**: the stock lies in segments; `units` may hold some of it.
//! - **Proving**, only ever beside wide: the holder of the cold mutex is trying to make it narrow.
//!
//! *Fresh* is how many of the units that came by the word were restocked and have not been entered
//! in the books yet. It rides in the same exchange as the units themselves, so that a snapshot sees
//! a restock whole or not at all, and a restock is still one read-modify-write. When it would
//! overflow, it is entered in the books under the cold mutex.
//!
//! `n > word >> FRESH_BITS` refuses in every form: either flag makes the left side the smaller.

use crate::MAX_UNITS;
use crate::sync::{AtomicU64, Ordering, const_unless_loom};

const WIDE: u64 = 1 << 63;
const PROVING: u64 = 1 << 62;
const FRESH_BITS: u32 = 20;
const UNITS: u64 = !(WIDE | PROVING) >> FRESH_BITS;
/// The largest restock that can be fresh.
pub(super) const MAX_FRESH: u64 = (1 << FRESH_BITS) - 1;

// The units' bits have room for four times the limit, for what racing restocks may overshoot.
const _: () = assert!(MAX_UNITS * 4 == UNITS + 1);

/// A value of the word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Word(u64);

impl Word {
    pub(super) const fn narrow(units: u64) -> Self {
        Self(units << FRESH_BITS)
    }

    /// The one compare that decides most calls.
    #[inline]
    pub(super) const fn covers(self, units: u64) -> bool {
        units <= self.0 >> FRESH_BITS
    }

    /// What a refusal by the word alone says is available. A wide word refuses only what no stock
    /// can hold, and does not know what there is. No branch and no call, so that it costs nobody
    /// who does not look at it.
    #[inline]
    pub(super) const fn available(self) -> u64 {
        let in_word = self.0 >> FRESH_BITS;
        if in_word < MAX_UNITS {
            in_word
        } else {
            MAX_UNITS
        }
    }

    #[inline]
    pub(super) const fn is_wide(self) -> bool {
        self.0 & WIDE != 0
    }

    /// Wide, and nobody is trying to make it narrow.
    #[inline]
    pub(super) const fn is_plainly_wide(self) -> bool {
        self.0 & (WIDE | PROVING) == WIDE
    }

    pub(super) const fn is_proving(self) -> bool {
        self.0 & PROVING != 0
    }

    #[inline]
    pub(super) const fn units(self) -> u64 {
        self.0 >> FRESH_BITS & UNITS
    }

    pub(super) const fn fresh(self) -> u64 {
        self.0 & MAX_FRESH
    }

    /// With `units` fewer, which the word must hold.
    #[inline]
    pub(super) const fn less(self, units: u64) -> Self {
        Self(self.0 - (units << FRESH_BITS))
    }

    /// With `units` restocked; nothing if the word cannot hold them or the books must be kept
    /// first.
    #[inline]
    pub(super) fn restocked(self, units: u64) -> Option<Self> {
        let fits = units <= MAX_FRESH - self.fresh() && self.units() + units <= MAX_UNITS;
        fits.then(|| Self(self.0 + (units << FRESH_BITS | units)))
    }

    /// Wide, its units taken out.
    pub(super) const fn opened(self) -> Self {
        Self(WIDE | self.fresh())
    }

    /// Plainly wide, its units left where they are.
    const fn reopened(self) -> Self {
        Self((self.0 | WIDE) & !PROVING)
    }

    /// Narrow, with the units that the wide word held.
    pub(super) const fn closed(self) -> Self {
        Self(self.0 & !(WIDE | PROVING))
    }
}

/// The word itself.
///
/// Loads are acquire and read-modify-writes acquire-release throughout. The partner of both is the
/// last write of the flags: who reads *wide* sees the segments that were published before it, and
/// who reads units sees whatever their seller saw.
#[derive(Debug)]
pub(super) struct WordCell(AtomicU64);

impl WordCell {
    const_unless_loom! {
        pub(super) const fn new(word: Word) -> Self {
            Self(AtomicU64::new(word.0))
        }
    }

    #[inline]
    pub(super) fn load(&self) -> Word {
        Word(self.0.load(Ordering::Acquire))
    }

    /// Writes `next` if the word is still `current`; otherwise returns what it is instead, to go on
    /// with: loading it again would be another cache miss.
    #[inline]
    pub(super) fn exchange(&self, current: Word, next: Word) -> Result<(), Word> {
        self.0
            .compare_exchange(current.0, next.0, Ordering::AcqRel, Ordering::Acquire)
            .map(drop)
            .map_err(Word)
    }

    /// Adds units that a move has in hand; they are not fresh.
    pub(super) fn put_moved(&self, units: u64) {
        self.0.fetch_add(units << FRESH_BITS, Ordering::AcqRel);
    }

    /// From here puts go to the word. Only under the cold mutex, on a wide word.
    pub(super) fn begin_proving(&self) {
        self.0.fetch_or(PROVING, Ordering::AcqRel);
    }

    /// Gives up making it narrow.
    pub(super) fn end_proving(&self) {
        self.0.fetch_and(!PROVING, Ordering::AcqRel);
    }

    /// The second look of a put or a take that changed a segment: unless the word is plainly wide,
    /// the change came too late for whoever is making it narrow, and cancels that.
    ///
    /// Its partner is the `fetch_add(0)` of [`Segment::settle`](super::segment::Segment::settle): a
    /// change that comes after it in the order of `added` happens after *proving* was set, and sees
    /// it, or what came of it, here. A take sees it through the put whose units it took: were it to
    /// return without a look, the rest of that put would be refused to the next call. Tested by
    /// `narrowing_against_puts` and `late_take_then_refusal` in `tests/loom_stock.rs`.
    pub(super) fn reopen_unless_wide(&self) {
        let mut word = self.load();
        while !word.is_plainly_wide() {
            match self.exchange(word, word.reopened()) {
                Ok(()) => return,
                Err(seen) => word = seen,
            }
        }
    }
}
