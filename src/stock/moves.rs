//! Moves: what happens under the cold mutex, one at a time.
//!
//! Units that are between places stay in every sum by the *pocket*. Every move keeps one order:
//! **announce** (to the pocket), **take**, **put**, **close**. From the announcement to the close
//! the sum is too high, which can only send others to the mutex, never to a false refusal.
//!
//! While a thread holds the mutex, a wide word stays wide: only a holder makes it narrow. The
//! reverse is not so. A put or a take that came too late reopens a narrow word without the mutex.

use super::engine::Engine;
use super::probe;
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
    /// As many as there are.
    UpTo,
}

/// What came of a gather.
#[derive(Debug)]
pub(super) enum Gather {
    /// It took this number of units.
    Done(u64),
    /// At some instant no more than this was in stock, which is too few.
    Refused(u64),
    /// The units lie otherwise than the caller thought: look again.
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

    /// Grows the stock if it is not grown: call it only where it is, or is to be.
    pub(super) fn stripes(&self) -> &'a Stripes {
        self.engine.stripes()
    }

    pub(super) fn cold(&self) -> &'a Cold {
        self.stripes().cold()
    }

    fn pocket(&self) -> &'a Segment {
        self.stripes().pocket()
    }

    /// Takes `units` that no single segment has, and reserves them if `RESERVE`; `bound` is what there was when the
    /// caller looked.
    pub(super) fn gather<const RESERVE: bool>(
        &mut self,
        units: u64,
        bound: u64,
        goal: Goal,
    ) -> Gather {
        if self.is_elsewhere(units, bound) {
            return Gather::Again;
        }
        self.cold().count_gather();
        let mut in_hand = 0;
        while in_hand < units {
            in_hand += self.collect(units - in_hand);
            if in_hand == units {
                break;
            }
            // All that is in hand is announced, and so counted once.
            let bound = self.stripes().bound(self.word);
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

    /// Whether a caller that would gather should look again first: the stock is narrow, or this made it so or
    /// dealt out the word's units. The bound may be old by now, which changes where the units are brought,
    /// and no answer.
    fn is_elsewhere(&mut self, units: u64, bound: u64) -> bool {
        let word = self.word.load();
        if !word.is_wide() {
            // There the word is the whole truth, and units in hand would look sold out to a
            // refusal of one load.
            return true;
        }
        if self.tuning.is_enough(word.units()) {
            self.spread();
            return true;
        }
        self.tuning.is_little_for(bound, units) && self.narrow()
    }

    /// Takes at most `units` out of all segments and a wide word, and leaves them announced.
    fn collect(&self, units: u64) -> u64 {
        let mut in_hand = self.collect_from_segments(units);
        let in_word = self.word.load().units().min(units - in_hand);
        in_hand += self.announcing(in_word, |most| self.take_from_word(most));
        in_hand
    }

    fn collect_from_segments(&self, units: u64) -> u64 {
        let mut in_hand = 0;
        for (_, segment) in self.stripes().walk() {
            loop {
                let expected = segment.held().min(units - in_hand).min(MAX_CHANGE);
                if expected == 0 {
                    break;
                }
                in_hand += self.announcing(expected, |most| segment.take_up_to(most));
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

    /// Puts units to a segment that a move has in hand. The segment counts them as released.
    fn bring(&mut self, segment: &Segment, units: u64) {
        self.sums.reserved = self.sums.reserved.wrapping_add(units);
        segment.bring(units);
    }

    /// Widens for a thread that has lost the narrow word `losses` times to others, if that is
    /// enough.
    pub(super) fn widen_for(&mut self, order: u64, losses: u32) {
        let narrowings = self.engine.stripes.get();
        let narrowings = narrowings.map_or(0, |stripes| stripes.cold().narrowings());
        let plenty = self.tuning.is_plenty(self.word.load().units(), order);
        if plenty || self.tuning.has_lost_patience(losses, narrowings) {
            probe::forgive();
            self.widen();
        }
    }

    /// Widens, if the stock is narrow and owes nothing.
    pub(super) fn widen(&mut self) {
        let word = self.word.load();
        if !word.is_wide() && !word.is_owing() {
            self.cold().count_widening();
            self.spread();
        }
    }

    /// Announces the word's units, takes them out, which leaves it plainly wide, and deals them out.
    ///
    /// It announces somewhat more than there are, so that nothing comes between a lost exchange and the next:
    /// under traffic the word would change in that time, again and again.
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

    /// Tries once to make the stock narrow; whether it is. A thread that changes a segment meanwhile cancels
    /// it; units may then be left in the wide word, as ordinary stock.
    pub(super) fn narrow(&mut self) -> bool {
        self.prove(false).is_some() && self.close(true)
    }

    /// Makes the word narrow, unless the proof was cancelled.
    fn close(&self, was_wide: bool) -> bool {
        let close = |word: Word| word.is_proving().then(|| word.closed());
        let closed = self.word.update(close).is_some();
        if closed && was_wide {
            self.cold().count_narrowing();
        }
        closed
    }

    /// After a proof: deals the `units` that were left in the word out again if the stock was wide and they are
    /// enough, and makes it narrow otherwise.
    pub(super) fn finish(&mut self, was_wide: bool, units: u64) {
        if was_wide && self.tuning.is_enough(units) {
            self.spread();
        } else {
            self.close(was_wide);
        }
    }

    /// Tries once to bring all units to the word and to prove the segments empty; with `sink`, each is sunk
    /// first, and stays so. Returns what was taken and what came at an instant between the passes. Of a stock that
    /// never grew, the word is all, and nothing is to be proved.
    ///
    /// From that instant until the word is closed or opened, the units in the word are the whole stock, unless
    /// the proof is cancelled; then they are the stock at the cancellation. The cases, for a change of a
    /// segment by a thread that read the word as plainly wide before:
    /// - it comes before that segment is settled: then the segment is not empty, or was drained;
    /// - a put after: it happens after *proving* was set, sees that, and cancels;
    /// - a take after: only of units of such a put, so it sees that, too, and cancels.
    ///
    /// A thread that reads the word later puts to the word. A call that cancels has not returned then, and no
    /// thread but this one changes a word that is plainly wide: so the call happens after the instant that the
    /// word shows. Tested by the scenarios of narrowing in `tests/loom_stock.rs`.
    pub(super) fn prove(&mut self, sink: bool) -> Option<Totals> {
        let Some(stripes) = self.engine.stripes.get() else {
            return Some(Totals::default());
        };
        self.word.begin_proving();
        let drained = self.collect_from_segments(u64::MAX);
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

    /// [`prove`](Self::prove), however often that is cancelled.
    pub(super) fn prove_surely(&mut self, sink: bool) -> Totals {
        loop {
            if let Some(totals) = self.prove(sink) {
                return totals;
            }
            spin_loop();
        }
    }

    /// Sinks all segments, so that no take finds units there, not even those of a late put. The pocket
    /// announces what is missing: the sum is too high.
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

    /// Reserves `units` that are too many for the word's field. `None` if the stock is wide.
    pub(super) fn reserve_in_word(&mut self, units: u64) -> Option<Result<(), u64>> {
        let mut refused = None;
        let taken_from = self.word.update(|word| {
            if word.is_wide() {
                return None;
            }
            if !word.covers(units) {
                refused = Some(Err(word.available()));
                return None;
            }
            Some(word.less(units).balanced())
        });
        match taken_from {
            Some(word) => {
                self.count_reserved(word, units);
                Some(Ok(()))
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

    /// Counts what `word` had reserved when it was balanced, and `units` more, which may be negative.
    pub(super) fn count_reserved(&mut self, word: Word, units: u64) {
        let reserved = self.sums.reserved.wrapping_add(word.reserved());
        self.sums.reserved = reserved.wrapping_add(units);
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use crate::stock::Stock;

    #[test]
    fn what_is_entered_in_the_sums_leaves_room_in_the_word() {
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
