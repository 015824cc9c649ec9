//! Moves: what happens under the cold mutex, one at a time.
//!
//! The *pocket* counts the units that a move has in hand, so every sum includes them. A move that takes units out of a
//! place keeps one sequence: **announce** them to the pocket, **take** them, **put** them, **close**. (A gather that is
//! served puts nothing: its close is the sale.) From the announcement to the close the bound is too high, which can only
//! send others to the mutex, never to a false refusal.
//!
//! Only the holder of the mutex makes a wide word narrow. Any thread can make a narrow word wide: a late put or a
//! late take reopens it without the mutex.

use super::engine::Engine;
use super::segment::{MAX_CHANGE, SUNK, Segment};
use super::stripes::{Cold, Stripes, Totals};
use super::sums::Sums;
use super::tuning::Tuning;
use super::word::{Word, WordCell};
use crate::sync::{MutexGuard, spin_loop};

/// What a gather is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Goal {
    /// All units, or none.
    All,
    /// All units, or those that are in stock if these are fewer.
    UpTo,
}

impl Goal {
    /// How many units a call that asks for `units` takes from a narrow word.
    pub(super) const fn part(self, units: u64, word: Word) -> u64 {
        match self {
            Self::UpTo if word.units() < units => word.units(),
            _ => units,
        }
    }
}

/// What came of a gather.
#[derive(Debug)]
pub(super) enum Gather {
    /// It took this number of units.
    Done(u64),
    /// At some instant no more than this was in stock, and that is fewer than the call asked for.
    Refused(u64),
    /// The stock was made narrow, or the word's units were dealt out: begin again with a look at the word.
    Again,
}

/// The right to move units of one stock.
#[derive(Debug)]
pub(super) struct Moves<'a> {
    pub(super) engine: &'a Engine,
    pub(super) word: &'a WordCell,
    pub(super) tuning: &'a Tuning,
    pub(super) sums: MutexGuard<'a, Sums>,
}

impl<'a> Moves<'a> {
    /// Waits for the thread that is moving units now.
    pub(super) fn begin(engine: &'a Engine) -> Self {
        Self::with(engine, engine.sums.lock())
    }

    /// `None` if another thread is moving units now.
    pub(super) fn try_begin(engine: &'a Engine) -> Option<Self> {
        Some(Self::with(engine, engine.sums.try_lock()?))
    }

    fn with(engine: &'a Engine, sums: MutexGuard<'a, Sums>) -> Self {
        Self {
            engine,
            word: &engine.word,
            tuning: &engine.tuning,
            sums,
        }
    }

    /// The segments, which are allocated if need be. Call it only if the stock has grown or is about to grow.
    pub(super) fn stripes(&self) -> &'a Stripes {
        self.engine.stripes()
    }

    pub(super) fn cold(&self) -> &'a Cold {
        self.stripes().cold()
    }

    fn pocket(&self) -> &'a Segment {
        self.stripes().pocket()
    }

    /// Takes `units` out of several segments, and reserves them if `RESERVE`. `bound` is the caller's upper bound on
    /// what was in stock.
    pub(super) fn gather<const RESERVE: bool>(
        &mut self,
        units: u64,
        bound: u64,
        goal: Goal,
    ) -> Gather {
        if self.must_begin_again(units, bound) {
            return Gather::Again;
        }
        self.cold().count_gather();
        let (mut in_hand, mut bound) = (0, bound);
        while in_hand < units {
            in_hand += self.collect(units - in_hand, bound.saturating_sub(in_hand));
            if in_hand == units {
                break;
            }
            // All that is in hand is announced, and so counted once.
            bound = self.stripes().bound(self.word);
            if goal == Goal::UpTo && bound == in_hand {
                break;
            }
            if goal == Goal::All && bound < units {
                self.bring(self.stripes().own(), in_hand);
                self.pocket().close(in_hand);
                return Gather::Refused(bound);
            }
            // Some other call did succeed meanwhile. Go on with what is in hand: a gather that
            // began again could chase another one for ever.
            spin_loop();
        }
        if RESERVE {
            self.sums.reserved = self.sums.reserved.wrapping_add(in_hand);
        }
        self.pocket().close(in_hand);
        Gather::Done(in_hand)
    }

    /// Whether the caller must begin again: the stock is narrow, or this call has just made it narrow or dealt out the
    /// word's units. `bound` may be old: it decides only whether this call tries to make the stock narrow.
    fn must_begin_again(&mut self, units: u64, bound: u64) -> bool {
        let word = self.word.load();
        if !word.is_wide() {
            // A narrow word is the whole stock. If this call held units in hand, another thread would be refused by
            // one load although they exist.
            return true;
        }
        if self.tuning.is_enough(word.units()) {
            self.spread();
            return true;
        }
        self.tuning.is_little_for(bound, units) && self.narrow()
    }

    /// Takes at most `units` out of all segments and a wide word, and leaves them announced. It announces
    /// at most `bound` units, since no more were in stock, even if the order asks for more.
    fn collect(&self, units: u64, bound: u64) -> u64 {
        let mut in_hand = self.announcing(units.min(bound), |most| self.take_from_segments(most));
        let in_word = self.word.load().units().min(units - in_hand);
        in_hand += self.announcing(in_word, |most| self.take_from_word(most));
        in_hand
    }

    fn take_from_segments(&self, most: u64) -> u64 {
        let mut taken = 0;
        for (_, segment) in self.stripes().walk() {
            while taken < most {
                let part = segment.take_up_to(most - taken);
                if part == 0 {
                    break;
                }
                taken += part;
            }
        }
        taken
    }

    /// Takes all units out of all segments, and leaves them announced.
    fn drain(&self) -> u64 {
        let mut in_hand = 0;
        for segment in self.stripes().iter() {
            loop {
                let held = segment.held().min(MAX_CHANGE);
                if held == 0 {
                    break;
                }
                in_hand += self.announcing(held, |most| segment.take_up_to(most));
            }
        }
        in_hand
    }

    /// Announces `expected`, takes, and keeps announced what it took.
    fn announcing(&self, expected: u64, take: impl FnOnce(u64) -> u64) -> u64 {
        if expected == 0 {
            return 0;
        }
        self.pocket().add(expected);
        let taken = take(expected);
        debug_assert!(taken <= expected, "more was taken than announced");
        self.pocket().close(expected - taken);
        taken
    }

    fn take_from_word(&self, most: u64) -> u64 {
        let take = |word: Word| word.units().min(most);
        let taken_from = self.word.update(|word| Some(word.less(take(word))));
        taken_from.map_or(0, take)
    }

    /// Puts units that a move has in hand into `segment`, which counts them as released. They were not reserved: so
    /// they are counted as reserved here, and the two cancel out.
    fn bring(&mut self, segment: &Segment, units: u64) {
        self.sums.reserved = self.sums.reserved.wrapping_add(units);
        segment.bring(units);
    }

    /// Widens, if the stock is narrow and owes nothing.
    pub(super) fn widen(&mut self) {
        let word = self.word.load();
        if !word.is_wide() && !word.is_owing() {
            self.cold().count_widening();
            self.spread();
        }
    }

    /// Announces the word's units, makes the word plainly wide without them, and deals them out.
    ///
    /// It announces somewhat more units than the word has, so that the retry after a failed exchange need not announce
    /// again: under traffic the word would change in that time, again and again.
    pub(super) fn spread(&mut self) {
        let mut announced = 0;
        let opened = self.word.update(|word| {
            debug_assert!(!word.is_owing(), "a stock that owes stays narrow");
            if announced == 0 || announced < word.units() {
                let more = word.units() + word.units() / 8 - announced;
                self.pocket().add(more);
                announced += more;
            }
            Some(word.opened())
        });
        for (segment, share) in self.stripes().shares(opened.map_or(0, Word::units)) {
            self.bring(segment, share);
        }
        self.pocket().close(announced);
    }

    /// Tries once to make the stock narrow, and returns whether it is. A thread that changes a segment meanwhile
    /// cancels that; units may then be left in the wide word, as ordinary stock.
    pub(super) fn narrow(&mut self) -> bool {
        self.prove(false).is_some() && self.close(true)
    }

    /// Makes the word narrow, unless the proof was cancelled.
    pub(super) fn close(&self, was_wide: bool) -> bool {
        let close = |word: Word| word.is_proving().then(|| word.closed());
        let closed = self.word.update(close).is_some();
        if closed && was_wide {
            self.cold().count_narrowing();
        }
        closed
    }

    /// After a proof: deals out again the `units` in the word if the stock was wide and they are enough, and makes it
    /// narrow otherwise.
    pub(super) fn finish(&mut self, was_wide: bool, units: u64) {
        if was_wide && self.tuning.is_enough(units) {
            self.spread();
        } else {
            self.close(was_wide);
        }
    }

    /// Tries once to bring all units to the word and to prove the segments empty. With `sink`, each segment is sunk
    /// after it was drained and before its counters are read, and stays so if the proof succeeds. Returns `taken`,
    /// `added` and `returned` of all segments at the instant of the proof, or `None` if a segment was not empty. A stock
    /// that never grew has nothing to prove: the word is all of it.
    ///
    /// From that instant until the word is made narrow or plainly wide, the units in the word are the whole stock. If the
    /// proof is cancelled, they were the whole stock at the instant of the cancellation. The cases, for a change of a
    /// segment by a thread that read the word as plainly wide before *proving* was set:
    /// - it comes before [`Stripes::settle`] reads that segment: then the segment is not empty, or was drained;
    /// - a put after: it happens after *proving* was set, sees *proving*, and cancels the proof;
    /// - a take after: it takes units of such a put. So it sees *proving*, too, and cancels the proof.
    ///
    /// A thread that loads the word after *proving* was set puts to the word. A call that changed a segment too late
    /// returns only after it has cancelled the proof. From then on only the holder of the mutex, this thread, changes
    /// the plainly wide word. So that call takes effect later than the state that the word showed. Tested by the
    /// scenarios of narrowing in `tests/support/stock_scenarios.rs`.
    pub(super) fn prove(&mut self, sink: bool) -> Option<Totals> {
        let Some(stripes) = self.engine.stripes.get() else {
            return Some(Totals::default());
        };
        self.word.begin_proving();
        let drained = self.drain();
        if drained > 0 {
            self.word.put_moved(drained);
            self.pocket().close(drained);
        }
        if sink {
            self.sink();
        }
        let sunk = if sink { SUNK * stripes.len() as u64 } else { 0 };
        let totals = stripes.settle();
        if totals.held(sunk) == 0 {
            return Some(totals);
        }
        if sink {
            self.raise();
        }
        self.word.end_proving();
        None
    }

    /// Repeats [`prove`](Self::prove) until it succeeds.
    pub(super) fn prove_surely(&mut self, sink: bool) -> Totals {
        loop {
            if let Some(totals) = self.prove(sink) {
                return totals;
            }
            spin_loop();
        }
    }

    /// Sinks all segments, so that no take finds units in them, not even those of a late put: each lacks [`SUNK`] units
    /// from here on. The pocket gets [`SUNK`] units before each segment is sunk, so that the bound is not too low
    /// meanwhile.
    fn sink(&self) {
        for segment in self.stripes().iter() {
            self.pocket().raise();
            segment.sink();
        }
    }

    /// Ends [`sink`](Self::sink).
    pub(super) fn raise(&mut self) {
        for segment in self.stripes().iter() {
            self.sums.reserved = self.sums.reserved.wrapping_add(SUNK);
            segment.raise();
            self.pocket().sink();
        }
    }

    /// Reserves units of a narrow stock that are too many for the word's field, and returns how many. `None` if the stock
    /// is wide.
    ///
    /// How many [`Goal::UpTo`] takes is decided by the word that is exchanged. An earlier word may have had fewer units.
    /// Tested by `many_reserved_up_to` in `tests/loom_stock.rs`.
    pub(super) fn reserve_in_word(&mut self, units: u64, goal: Goal) -> Option<Result<u64, u64>> {
        let mut refused = None;
        let taken_from = self.word.update(|word| {
            if word.is_wide() {
                return None;
            }
            let part = goal.part(units, word);
            if !word.covers(part) {
                refused = Some(Err(word.available()));
                return None;
            }
            Some(word.less(part).balanced())
        });
        match taken_from {
            Some(word) => {
                let part = goal.part(units, word);
                self.count_reserved(word, part);
                Some(Ok(part))
            }
            None => refused,
        }
    }

    /// Commits `units` that are too many for the word's field.
    pub(super) fn commit(&mut self, units: u64) {
        let balanced = self.word.update(|word| Some(word.balanced()));
        self.count_reserved(
            balanced.unwrap_or(self.word.load()),
            0u64.wrapping_sub(units),
        );
    }

    /// Adds to `Sums` what the field *reserved* of `word` counted, and `units` more; a wrapped negative subtracts.
    pub(super) fn count_reserved(&mut self, word: Word, units: u64) {
        let reserved = self.sums.reserved.wrapping_add(word.reserved());
        self.sums.reserved = reserved.wrapping_add(units);
    }
}

/// Between two moves nothing is announced, but for a stock that owes: there the pocket holds what the segments lack.
#[cfg(debug_assertions)]
impl Drop for Moves<'_> {
    fn drop(&mut self) {
        let Some(stripes) = self.engine.stripes.get() else {
            return;
        };
        let sunk = SUNK * stripes.len() as u64;
        let expected = if self.word.load().is_owing() { sunk } else { 0 };
        assert!(
            stripes.pocket().held() == expected || std::thread::panicking(),
            "a move ended with units announced"
        );
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use crate::stock::Stock;

    #[test]
    fn a_full_field_is_moved_to_the_sums() {
        let stock = Stock::new(10_000);
        let mut reservations: Vec<_> = (0..2).map(|_| stock.reserve(300).unwrap()).collect();
        let in_word = stock.engine.word.load().reserved();
        assert_eq!(in_word, 0, "the second was too many");
        reservations.extend((0..2).map(|_| stock.reserve(300).unwrap()));
        assert_eq!(stock.snapshot().reserved, 1_200);
        drop(reservations);
        assert_eq!((stock.available(), stock.snapshot().reserved), (10_000, 0));
    }
}
