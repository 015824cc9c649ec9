//! What is entered under the cold mutex, and what the books say with the rest.

use super::word::Word;

/// Sums over the stock's life, as far as they are entered: the rest lies in the word's fields and in
/// the segments' counters. Both wrap.
///
/// Packed, since the whole stock is one cache line.
#[derive(Debug, Clone, Copy)]
#[repr(Rust, packed)]
pub(super) struct Books {
    /// Units restocked.
    pub(super) restocked: u64,
    /// Units set aside, less those that were put back or sold.
    pub(super) aside: u64,
}

impl Books {
    /// The books of a new stock whose word is `word`.
    pub(super) const fn new(word: Word) -> Self {
        Self {
            restocked: 0u64.wrapping_sub(word.fresh()),
            aside: 0,
        }
    }

    /// Units restocked when the word was `word`.
    pub(super) fn restocked(&self, word: Word) -> u64 {
        self.restocked.wrapping_add(word.fresh())
    }

    /// Units reserved when the word was `word`, by segments that have `lent` so many in all and got
    /// so many `settled`.
    ///
    /// Each of both sums only grows. So with `lent` read before the word and `settled` after it,
    /// this is never more than were reserved; the other way round it is never less. Calls in
    /// between may make the former negative, of which nothing is left.
    pub(super) fn reserved(&self, word: Word, lent: u64, settled: u64) -> u64 {
        let reserved = self
            .aside
            .wrapping_add(word.aside())
            .wrapping_add(lent)
            .wrapping_sub(settled);
        if reserved > u64::MAX / 2 { 0 } else { reserved }
    }
}
