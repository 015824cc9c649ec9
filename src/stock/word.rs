//! The one word that most calls read and nothing else: narrow, wide or proving.
//!
//! ```text
//!   63    62       61 ......... 20   19 .. 10   9 .. 0
//! +------+---------+--------------+----------+---------+
//! | WIDE | PROVING |    units     |  aside   |  fresh  |
//! +------+---------+--------------+----------+---------+
//! ```
//!
//! - **Narrow** (no flag): `units` is the whole stock.
//! - **Wide**: the stock lies in segments; `units` may hold some of it.
//! - **Proving**, only ever beside wide: the holder of the cold mutex is trying to make it narrow.
//!
//! The low bits are for the books. They ride in the same exchange as the units themselves, so that a
//! snapshot sees a restock or a reservation whole or not at all, and each is one read-modify-write.
//! When a field would overflow, it is entered in the books under the cold mutex.
//!
//! - *Fresh* is how many of the units that came by the word were restocked and are not in the books
//!   yet. What it can still take is also what may be restocked without a look at all units: near the
//!   limit the books leave it less.
//! - *Aside* is how many units the word set aside, less those that it took back or sold; it begins at
//!   [`CENTRE`], since units come back elsewhere than they were taken.
//!
//! `n > word >> BOOKS_BITS` refuses in every form: either flag makes the left side the smaller.

use crate::MAX_UNITS;
use crate::sync::{AtomicU64, Ordering, const_unless_loom};

const WIDE: u64 = 1 << 63;
const PROVING: u64 = 1 << 62;
const FIELD_BITS: u32 = 10;
const BOOKS_BITS: u32 = 2 * FIELD_BITS;
const UNITS: u64 = !(WIDE | PROVING) >> BOOKS_BITS;
/// The largest restock that can be fresh.
pub(super) const MAX_FRESH: u64 = (1 << FIELD_BITS) - 1;
/// The largest *aside*.
const MAX_ASIDE: u64 = (1 << FIELD_BITS) - 1;
/// *Aside* when nothing is set aside.
const CENTRE: u64 = 1 << (FIELD_BITS - 1);

// The units' bits have room for four times the limit, for what racing calls may overshoot.
const _: () = assert!(MAX_UNITS * 4 == UNITS + 1);

/// A value of the word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Word(u64);

impl Word {
    /// A new stock of `units`.
    pub(super) const fn narrow(units: u64) -> Self {
        Self(units << BOOKS_BITS | CENTRE << FIELD_BITS | Self::fresh_at(units))
    }

    /// How many units must count as fresh while so many are `on_hand`, lest more than the limit are
    /// restocked without a look.
    pub(super) const fn fresh_at(on_hand: u64) -> u64 {
        MAX_FRESH.saturating_sub(MAX_UNITS.saturating_sub(on_hand))
    }

    /// Units that may still be restocked by the word alone.
    pub(super) const fn room(self) -> u64 {
        MAX_FRESH - self.fresh()
    }

    /// The one compare that decides most calls.
    #[inline]
    pub(super) const fn covers(self, units: u64) -> bool {
        units <= self.0 >> BOOKS_BITS
    }

    /// What a refusal by the word alone says is available. A wide word refuses only what no stock
    /// can hold, and does not know what there is. No branch and no call, so that it costs nobody
    /// who does not look at it.
    #[inline]
    pub(super) const fn available(self) -> u64 {
        let in_word = self.0 >> BOOKS_BITS;
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
        self.0 >> BOOKS_BITS & UNITS
    }

    #[inline]
    pub(super) const fn fresh(self) -> u64 {
        self.0 & MAX_FRESH
    }

    #[inline]
    const fn aside_field(self) -> u64 {
        self.0 >> FIELD_BITS & MAX_ASIDE
    }

    /// Units that the word set aside, less those that it took back or sold. Wraps.
    pub(super) const fn aside(self) -> u64 {
        self.aside_field().wrapping_sub(CENTRE)
    }

    /// With `units` fewer, which the word must hold.
    #[inline]
    pub(super) const fn less(self, units: u64) -> Self {
        Self(self.0 - (units << BOOKS_BITS))
    }

    /// With `units` more, wherever they come from.
    #[inline]
    pub(super) const fn more(self, units: u64) -> Self {
        Self(self.0 + (units << BOOKS_BITS))
    }

    /// With `units` restocked; nothing if the books must be kept first.
    #[inline]
    pub(super) fn restocked(self, units: u64) -> Option<Self> {
        let fits = units <= MAX_FRESH - self.fresh();
        fits.then(|| Self(self.more(units).0 + units))
    }

    /// With `units` set aside, which the word must hold; nothing if the books must be kept first.
    #[inline]
    pub(super) fn reserve_units(self, units: u64) -> Option<Self> {
        let fits = units <= MAX_ASIDE - self.aside_field();
        fits.then(|| Self(self.less(units).0 + (units << FIELD_BITS)))
    }

    /// With `units` that were set aside put back; nothing if the books must be kept first.
    #[inline]
    pub(super) fn release_units(self, units: u64) -> Option<Self> {
        self.sold(units).map(|word| word.more(units))
    }

    /// With `units` that were set aside sold; nothing if the books must be kept first.
    #[inline]
    pub(super) fn sold(self, units: u64) -> Option<Self> {
        let fits = units <= self.aside_field();
        fits.then(|| Self(self.0 - (units << FIELD_BITS)))
    }

    /// With nothing set aside: for who enters that in the books.
    pub(super) const fn balanced(self) -> Self {
        Self(self.0 & !(MAX_ASIDE << FIELD_BITS) | CENTRE << FIELD_BITS)
    }

    /// With `fresh` units fresh: for who keeps the books.
    pub(super) const fn with_fresh(self, fresh: u64) -> Self {
        Self(self.0 & !MAX_FRESH | fresh)
    }

    /// Wide, its units taken out.
    pub(super) const fn opened(self) -> Self {
        Self(WIDE | self.0 & ((1 << BOOKS_BITS) - 1))
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
        self.0.fetch_add(units << BOOKS_BITS, Ordering::AcqRel);
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
    /// Its partner is the `fetch_add(0)` of [`Stripes::settle`](super::stripes::Stripes::settle): a
    /// change that comes after it in the order of that counter happens after *proving* was set, and sees
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

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn room_is_what_may_be_restocked_without_a_look() {
        for (units, room) in [(0, MAX_FRESH), (MAX_UNITS - 7, 7), (MAX_UNITS, 0)] {
            let word = Word::narrow(units);
            assert_eq!(word.room(), room);
            assert_eq!(word.restocked(room + 1), None);
            assert_eq!(word.restocked(room).unwrap().room(), 0);
        }
        assert_eq!(Word::narrow(1).restocked(5).unwrap().room(), MAX_FRESH - 5);
    }
}
