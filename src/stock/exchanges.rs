//! The loop of the calls that change the word: [`Engine::by_word`].

use super::engine::Engine;
use super::word::Word;

/// What a call does by the word that it has read.
pub(super) enum Next<T> {
    /// It exchanges the word for this one, by which this number of units come or go, and then returns the value.
    Exchange(Word, u64, T),
    /// It returns the value.
    Return(T),
    /// It reads the word again.
    Again,
}

impl<T> Next<T> {
    #[inline(always)]
    pub(super) fn of(value: Option<T>) -> Self {
        value.map_or(Self::Again, Self::Return)
    }
}

impl Engine {
    /// Does what `next` says of the word, until that returns a value. A lost exchange means that another call succeeded; it is
    /// counted, and may widen the stock.
    ///
    /// It is inlined into each of the calls that use it. As loops of their own they took one instruction more (`deduct_up_to`
    /// of a narrow stock: 36 in place of 35), five more (of a wide one: 98 in place of 93), and 250 bytes less together.
    #[inline(always)]
    pub(super) fn by_word<T>(&self, next: impl Fn(Word) -> Next<T>) -> T {
        loop {
            let word = self.word.load();
            match next(word) {
                Next::Exchange(next, units, value) => match self.word.exchange(word, next) {
                    Ok(()) => return value,
                    Err(seen) => self.lost_word(seen, units),
                },
                Next::Return(value) => return value,
                Next::Again => {}
            }
        }
    }
}
