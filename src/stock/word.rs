//! The atomic word of a stock: all that a deduct, a restock or a release of a narrow stock needs.
//!
//! ```text
//!   63    62       61 ......... 20   19 ..... 10   9 .. 0
//! +------+---------+--------------+--------------+---------+
//! | WIDE | PROVING |    units     |   reserved   |  fresh  |
//! +------+---------+--------------+--------------+---------+
//! ```
//!
//! - **Narrow** (neither of the two flags): `units` is the whole stock.
//! - **Wide**: the stock lies in segments; `units` may hold some of it.
//! - **Proving**, only ever beside wide: the holder of the cold mutex counts all units.
//!
//! One comparison is right in every form: `n > word >> SUM_BITS` refuses. With WIDE set the right side exceeds any
//! stock, so that it refuses only what no stock could serve.
//!
//! The two low fields change in the same exchange as the units, so that a snapshot sees a restock or a
//! reservation whole or not at all. A call whose units do not fit into a field takes the cold mutex and moves
//! the field's number to [`Sums`](super::sums::Sums).
//!
//! - *reserved*: units that the word reserved, less those that it released or committed. The field starts at
//!   [`CENTRE`] and may go below it: units that a segment reserved may be released to the word.
//! - *fresh*: units restocked to the word that `Sums` does not count yet, or one of two flags. Both are larger
//!   than [`MAX_FRESH`], so that no restock fits and every one takes the cold mutex:
//!   - [`NEAR`]: the stock is near its limit.
//!   - [`OWING`]: units are owed. The word is narrow and holds no units, and *reserved* is at its lowest,
//!     so that no release fits either.

use crate::limits::MAX_UNITS;
use crate::sync::{AtomicU64, Ordering, const_unless_loom};

const WIDE: u64 = 1 << 63;
const PROVING: u64 = 1 << 62;
const FIELD_BITS: u32 = 10;
const FIELD: u64 = (1 << FIELD_BITS) - 1;
const SUM_BITS: u32 = 2 * FIELD_BITS;
const UNITS: u64 = !(WIDE | PROVING) >> SUM_BITS;
/// The most restocked units that the field can count.
const MAX_FRESH: u64 = FIELD >> 1;
const NEAR: u64 = MAX_FRESH + 1;
const OWING: u64 = NEAR + 1;
/// The field *reserved* when the word has reserved nothing.
const CENTRE: u64 = 1 << (FIELD_BITS - 1);

/// If the stock is nearer to its limit than this, each restock is checked by the exact number on hand.
///
/// Farther away a restock is checked only now and then: a segment receives fewer than
/// [`BLOCK`](super::segment::BLOCK) restocked units before the next check, 1,024 segments together
/// 2^30. That leaves room for thousands of threads that have restocked and not yet checked.
pub(super) const HEADROOM: u64 = 1 << 32;

// The units' bits have room for four times the limit.
const _: () = assert!(MAX_UNITS * 4 == UNITS + 1);

/// A value of the word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Word(u64);

impl Word {
    /// A narrow word with `units`, nothing reserved and nothing fresh.
    pub(super) const fn narrow(units: u64) -> Self {
        Self(units << SUM_BITS | CENTRE << FIELD_BITS).checked(units)
    }

    /// Clears *fresh*, and sets [`NEAR`] if `on_hand` is within [`HEADROOM`] of the limit.
    pub(super) const fn checked(self, on_hand: u64) -> Self {
        let near = on_hand > MAX_UNITS - HEADROOM;
        Self(self.0 & !FIELD | if near { NEAR } else { 0 })
    }

    /// Whether the word alone does not refuse `units`.
    #[inline]
    pub(super) const fn covers(self, units: u64) -> bool {
        units <= self.0 >> SUM_BITS
    }

    /// What a refusal by the word alone reports as available. A wide word refuses only more than any
    /// stock can hold, and reports the limit. It compiles to a conditional move, so that it costs
    /// nothing to a caller who ignores it.
    #[inline]
    pub(super) const fn available(self) -> u64 {
        let in_word = self.0 >> SUM_BITS;
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

    /// Wide, and nobody is proving: puts go to segments.
    #[inline]
    pub(super) const fn is_plainly_wide(self) -> bool {
        self.0 & (WIDE | PROVING) == WIDE
    }

    /// Plainly wide, and far from the limit: restocks go to segments.
    #[inline]
    pub(super) const fn is_open_to_restocks(self) -> bool {
        self.0 & (WIDE | PROVING | NEAR) == WIDE
    }

    pub(super) const fn is_proving(self) -> bool {
        self.0 & PROVING != 0
    }

    pub(super) const fn is_near(self) -> bool {
        self.0 & NEAR != 0
    }

    pub(super) const fn is_owing(self) -> bool {
        self.0 & FIELD == OWING
    }

    #[inline]
    pub(super) const fn units(self) -> u64 {
        self.0 >> SUM_BITS & UNITS
    }

    /// Units restocked that are not in [`Sums`](super::sums::Sums) yet.
    #[inline]
    pub(super) const fn fresh(self) -> u64 {
        if self.is_near() { 0 } else { self.0 & FIELD }
    }

    #[inline]
    const fn reserved_field(self) -> u64 {
        self.0 >> FIELD_BITS & FIELD
    }

    /// Units that the word reserved, less those that it released or committed. Wraps.
    pub(super) const fn reserved(self) -> u64 {
        if self.is_owing() {
            return 0;
        }
        self.reserved_field().wrapping_sub(CENTRE)
    }

    /// Takes `units` out; the word must hold them.
    #[inline]
    pub(super) const fn less(self, units: u64) -> Self {
        debug_assert!(units <= self.units(), "more is taken than the word holds");
        Self(self.0 - (units << SUM_BITS))
    }

    /// Adds `units`, wherever they come from.
    #[inline]
    pub(super) const fn more(self, units: u64) -> Self {
        debug_assert!(
            units <= UNITS - self.units(),
            "the units do not fit the word"
        );
        Self(self.0 + (units << SUM_BITS))
    }

    /// Deducts `units` or, if `RESERVE`, reserves them; the word must hold them. `None` if they do not fit
    /// into the field *reserved*.
    #[inline]
    pub(super) fn taken<const RESERVE: bool>(self, units: u64) -> Option<Self> {
        if !RESERVE {
            return Some(self.less(units));
        }
        let fits = units <= FIELD - self.reserved_field();
        fits.then(|| Self(self.less(units).0 + (units << FIELD_BITS)))
    }

    /// Restocks `units` or, if not `RESTOCK`, releases them. `None` if they do not fit into the field.
    #[inline]
    pub(super) fn put<const RESTOCK: bool>(self, units: u64) -> Option<Self> {
        if !RESTOCK {
            return self.committed(units).map(|word| word.more(units));
        }
        let fits = units <= MAX_FRESH.saturating_sub(self.0 & FIELD);
        fits.then(|| Self(self.more(units).0 + units))
    }

    /// Counts `units` as reserved no more: they are sold. `None` if the field *reserved* is too low for that.
    #[inline]
    pub(super) fn committed(self, units: u64) -> Option<Self> {
        let fits = units <= self.reserved_field();
        fits.then(|| Self(self.0 - (units << FIELD_BITS)))
    }

    /// Sets the field *reserved* back to [`CENTRE`], which counts nothing. The caller holds the mutex and adds what the
    /// field counted to [`Sums`](super::sums::Sums).
    pub(super) const fn balanced(self) -> Self {
        if self.is_owing() {
            return self;
        }
        Self(self.0 & !(FIELD << FIELD_BITS) | CENTRE << FIELD_BITS)
    }

    /// Owing, narrow and empty. The caller has moved both fields to [`Sums`](super::sums::Sums).
    pub(super) const fn owing() -> Self {
        Self(OWING)
    }

    /// Plainly wide, its units taken out.
    pub(super) const fn opened(self) -> Self {
        Self(WIDE | self.0 & ((1 << SUM_BITS) - 1))
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
/// Every load is acquire and every read-modify-write acquire-release. Their partner is the write that they
/// read from: a thread that reads *wide* sees the segments that were published before the flag, and a thread
/// that takes units happens after the thread that put them.
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

    /// Writes `next` if the word is still `current`; otherwise returns what it is: to load it
    /// again would be another cache miss.
    #[inline]
    pub(super) fn exchange(&self, current: Word, next: Word) -> Result<(), Word> {
        self.0
            .compare_exchange(current.0, next.0, Ordering::AcqRel, Ordering::Acquire)
            .map(drop)
            .map_err(Word)
    }

    /// Exchanges the word for what `next` makes of it, until that succeeds, and returns what the word was. `None` if
    /// `next` returns `None`.
    pub(super) fn update(&self, mut next: impl FnMut(Word) -> Option<Word>) -> Option<Word> {
        let mut word = self.load();
        loop {
            match self.exchange(word, next(word)?) {
                Ok(()) => return Some(word),
                Err(seen) => word = seen,
            }
        }
    }

    /// Adds units that a move has in hand; they are not fresh.
    pub(super) fn put_moved(&self, units: u64) {
        self.0.fetch_add(units << SUM_BITS, Ordering::AcqRel);
    }

    /// From here on, puts go to the word. A take that finds its segment empty is refused by the bound, or waits for the
    /// cold mutex, which the caller holds.
    pub(super) fn begin_proving(&self) {
        self.0.fetch_or(WIDE | PROVING, Ordering::AcqRel);
    }

    /// Cancels the proof. The word stays wide.
    pub(super) fn end_proving(&self) {
        self.0.fetch_and(!PROVING, Ordering::AcqRel);
    }

    /// The second look of a call that changed a segment. If the word is now proving or narrow, this makes it plainly
    /// wide: that cancels the proof, or undoes the narrowing, which may have missed this change. Returns `false`
    /// and changes nothing if the stock owes: only the holder of the cold mutex changes an owing word.
    ///
    /// Its partner is [`Stripes::settle`](super::stripes::Stripes::settle), which reads `added` and `returned` of
    /// a segment by read-modify-writes. A put comes
    /// - *before* that read in the order of the counter: then the proof counts the put;
    /// - *after* that read: then the put happens after *proving* was set, and this look sees *proving* or a later
    ///   word.
    ///
    /// A take of a late put's units sees *proving* as well. The take must look at the word, too: otherwise it could
    /// return while the word is narrow. Then one unit of the late put is sold, and the word refuses calls that the put's
    /// other units could serve. Tested by `narrowing_against_puts` and `late_take_then_refusal` in
    /// `tests/support/stock_scenarios.rs`.
    pub(super) fn reopen_unless_wide(&self) -> bool {
        let mut owing = false;
        self.update(|word| {
            owing = word.is_owing();
            (!word.is_plainly_wide() && !owing).then(|| word.reopened())
        });
        !owing
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn near_the_limit_no_restock_fits_the_word() {
        let far = Word::narrow(MAX_UNITS - HEADROOM);
        assert_eq!(far.put::<true>(MAX_FRESH).unwrap().fresh(), MAX_FRESH);
        assert_eq!(far.put::<true>(MAX_FRESH + 1), None);
        let near = Word::narrow(MAX_UNITS - HEADROOM + 1);
        assert_eq!((near.put::<true>(1), near.fresh()), (None, 0));
        assert!(near.opened().is_plainly_wide() && !near.opened().is_open_to_restocks());
    }

    #[test]
    fn a_full_field_rejects_more() {
        let word = Word::narrow(2_000);
        let most = word.taken::<true>(CENTRE - 1).unwrap();
        assert_eq!(
            (most.reserved(), most.units()),
            (CENTRE - 1, 2_001 - CENTRE)
        );
        assert_eq!(most.taken::<true>(1), None);
        let least = word.put::<false>(CENTRE).unwrap();
        assert_eq!(least.reserved(), 0u64.wrapping_sub(CENTRE));
        assert_eq!((least.put::<false>(1), least.committed(1)), (None, None));
        assert_eq!(
            (most.balanced().reserved(), most.balanced().units()),
            (0, most.units())
        );
    }

    #[test]
    fn a_word_that_owes_serves_and_accepts_nothing() {
        let word = Word::owing();
        assert!(!word.covers(1) && !word.is_wide() && word.is_owing());
        assert_eq!(
            (word.put::<true>(1), word.put::<false>(1), word.committed(1)),
            (None, None, None)
        );
        assert_eq!((word.units(), word.fresh(), word.reserved()), (0, 0, 0));
        assert_eq!(word.balanced(), word);
    }
}
