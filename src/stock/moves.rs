//! Moves: what happens under the cold mutex, one at a time.
//!
//! Units that are between places stay in every sum by the *pocket*. Every move keeps one order:
//! **announce** (to the pocket), **take**, **put**, **close**. From the announcement to the close
//! the sum is too high, which can only send others to the mutex, never to a false refusal.
//!
//! While somebody holds the mutex, a wide word stays wide: only a holder makes it narrow. The
//! reverse is not so. A put or a take that came too late reopens a narrow word without the mutex.

use super::books::Books;
use super::segment::Segment;
use super::stripes::{Cold, Stripes, count};
use super::taken::left;
use super::tuning::Tuning;
use super::word::{Word, WordCell};
use super::{Engine, probe};
use crate::sync::{MutexGuard, Ordering, spin_loop};
use crate::{MAX_UNITS, Snapshot};

/// What came of a gather.
#[derive(Debug)]
pub(super) enum Gather<T> {
    Done(T),
    /// At some instant no more than this was in stock, which is too few.
    Refused(u64),
    /// The units lie otherwise than the caller thought: look again.
    Again,
}

/// The right to move units of one stock.
#[derive(Debug)]
pub(super) struct Moves<'a> {
    engine: &'a Engine,
    word: &'a WordCell,
    tuning: &'a Tuning,
    books: MutexGuard<'a, Books>,
}

impl<'a> Moves<'a> {
    /// Waits for whoever is moving units now.
    pub(super) fn begin(engine: &'a Engine) -> Self {
        Self::with(engine, engine.books.lock())
    }

    /// Nothing if somebody is moving units now.
    pub(super) fn try_begin(engine: &'a Engine) -> Option<Self> {
        Some(Self::with(engine, engine.books.try_lock()?))
    }

    fn with(engine: &'a Engine, books: MutexGuard<'a, Books>) -> Self {
        Self {
            engine,
            word: &engine.word,
            tuning: &engine.tuning,
            books,
        }
    }

    /// Grows the stock if it is not grown: call it only where it is, or is to be.
    fn stripes(&self) -> &'a Stripes {
        self.engine.stripes()
    }

    fn cold(&self) -> &'a Cold {
        self.stripes().cold()
    }

    fn pocket(&self) -> &'a Segment {
        self.stripes().pocket()
    }

    /// Deducts `units` that no single segment has; `bound` is what there was when that was found
    /// out.
    pub(super) fn gather(&mut self, units: u64, bound: u64) -> Gather<()> {
        if self.is_elsewhere(units, bound) {
            return Gather::Again;
        }
        count(&self.cold().gathers);
        self.pocket().put(units);
        let mut in_hand = 0;
        let short_of = loop {
            in_hand += self.collect(units - in_hand);
            if in_hand == units {
                break None;
            }
            // What was announced and is not in hand was never there.
            let missing = units - in_hand;
            let bound = self.stripes().bound(self.word).wrapping_sub(missing);
            if bound < units {
                break Some(bound);
            }
            // Some other call did succeed meanwhile. Go on with what is in hand: a gather that
            // began anew could chase another one for ever.
            spin_loop();
        };
        let Some(bound) = short_of else {
            self.pocket().close(units);
            return Gather::Done(());
        };
        self.move_in(self.stripes().own(), in_hand);
        self.pocket().close(units);
        Gather::Refused(bound)
    }

    /// Deducts as many as there are, at most `units`; `bound` as for [`gather`](Self::gather).
    pub(super) fn gather_up_to(&mut self, units: u64, bound: u64) -> Gather<u64> {
        if self.is_elsewhere(units, bound) {
            return Gather::Again;
        }
        count(&self.cold().gathers);
        let mut in_hand = 0;
        loop {
            in_hand += self.collect_announcing(units - in_hand);
            // All that is announced is in hand: if that is all there is, this was the instant.
            if in_hand == units || self.stripes().bound(self.word) == in_hand {
                self.pocket().close(in_hand);
                return Gather::Done(in_hand);
            }
            spin_loop();
        }
    }

    /// Whether units lie, or now are brought, where the caller had better look before it gathers.
    /// The bound may be old by now, which changes where the units are brought, and no answer.
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
        self.tuning.is_little_for(bound, units) && self.narrow().is_some()
    }

    /// Takes what is announced already, at most `units`.
    fn collect(&self, units: u64) -> u64 {
        let in_hand = self.collect_from_segments(units);
        in_hand + self.collect_from_word(units - in_hand)
    }

    fn collect_from_segments(&self, units: u64) -> u64 {
        let mut in_hand = 0;
        for (_, segment) in self.stripes().walk() {
            loop {
                let part = segment.take_up_to(units - in_hand);
                if part == 0 {
                    break;
                }
                in_hand += part;
            }
        }
        in_hand
    }

    fn collect_from_word(&self, units: u64) -> u64 {
        let mut word = self.word.load();
        loop {
            let part = word.units().min(units);
            if part == 0 {
                return 0;
            }
            match self.word.exchange(word, word.less(part)) {
                Ok(()) => return part,
                Err(seen) => word = seen,
            }
        }
    }

    /// Takes at most `units`, announcing piece by piece: `units` may be far more than there are.
    fn collect_announcing(&self, units: u64) -> u64 {
        let mut in_hand = 0;
        for (_, segment) in self.stripes().walk() {
            in_hand += self.announcing(segment.held().min(units - in_hand), |held| {
                segment.take_up_to(held)
            });
        }
        let in_word = self.word.load().units().min(units - in_hand);
        in_hand + self.announcing(in_word, |held| self.collect_from_word(held))
    }

    /// Announces `expected`, takes, and keeps announced what it got.
    fn announcing(&self, expected: u64, take: impl FnOnce(u64) -> u64) -> u64 {
        if expected == 0 {
            return 0;
        }
        self.pocket().put(expected);
        let got = take(expected);
        if got < expected {
            self.pocket().close(expected - got);
        }
        got
    }

    /// Puts units that were moved, not restocked.
    fn move_in(&self, segment: &Segment, units: u64) {
        if units == 0 {
            return;
        }
        segment.widen_room(units);
        self.enter(units);
        segment.put(units);
    }

    /// Notes that `units` of the segments' `added` need not be entered in the books any more.
    fn enter(&self, units: u64) {
        // Relaxed, here and where it is read: the mutex orders it.
        self.cold().entered.fetch_add(units, Ordering::Relaxed);
    }

    /// Widens for a thread that has lost the narrow word `losses` times to others, if that is
    /// enough.
    pub(super) fn widen_for(&mut self, order: u64, losses: u32) {
        let narrowings = self.engine.stripes.get().map_or(0, Stripes::narrowings);
        let plenty = self.tuning.is_plenty(self.word.load().units(), order);
        if plenty || self.tuning.has_lost_patience(losses, narrowings) {
            probe::forgive();
            self.widen();
        }
    }

    /// Widens, if the stock is narrow.
    pub(super) fn widen(&mut self) {
        if !self.word.load().is_wide() {
            count(&self.cold().widenings);
            self.spread();
        }
    }

    /// Deals the word's units out to the segments, and leaves the word wide.
    pub(super) fn spread(&mut self) {
        let (word, announced) = self.open();
        self.deal(word, announced);
    }

    /// Announces the word's units and takes them out, which leaves it plainly wide; returns what it
    /// was and what was announced.
    fn open(&self) -> (Word, u64) {
        let mut word = self.word.load();
        let mut announced = 0;
        loop {
            self.announce_opening(word, &mut announced);
            match self.word.exchange(word, word.opened()) {
                Ok(()) => return (word, announced),
                Err(seen) => word = seen,
            }
        }
    }

    /// Announces the units of a word that is to be opened.
    ///
    /// Somewhat more than there are, so that nothing comes between a lost exchange and the next:
    /// under traffic the word would change in that time, again and again.
    fn announce_opening(&self, word: Word, announced: &mut u64) {
        if *announced == 0 || *announced < word.units() {
            let more = word.units() + word.units() / 8 - *announced;
            self.pocket().put(more);
            *announced += more;
        }
    }

    /// Deals out what was in `word` when it was opened.
    fn deal(&self, word: Word, announced: u64) {
        // Until now these were all the units of the stock, unless some lay in segments already: the
        // one moment at which it is known how much may be restocked until the next one. A word
        // above the limit leaves no room.
        if !word.is_plainly_wide() {
            // The word may take some, too, while it is proving.
            let promised = self.on_hand(word) + word.room();
            let room = MAX_UNITS.saturating_sub(promised);
            for (segment, room) in self.stripes().shares(room) {
                segment.set_room(room);
            }
        }
        for (segment, share) in self.stripes().shares(word.units()) {
            self.move_in(segment, share);
        }
        self.pocket().close(announced);
    }

    /// Tries once to make the stock narrow, and returns what it then was. Somebody who changes a
    /// segment meanwhile cancels it; units may then be left in the wide word, as ordinary stock.
    pub(super) fn narrow(&mut self) -> Option<Word> {
        let proof = self.prove_segments_empty()?;
        let mut word = self.word.load();
        while word.is_proving() {
            match self.word.exchange(word, word.closed()) {
                Ok(()) => {
                    self.enter_restocks(&proof);
                    for segment in self.stripes().iter() {
                        // How much more may be restocked is known again when it widens.
                        segment.set_room(0);
                    }
                    return Some(word.closed());
                }
                // If only the units are others, the proof still holds.
                Err(seen) => word = seen,
            }
        }
        None
    }

    /// Tries once to bring all units together in the word, and deals them out anew in the same
    /// exchange; returns what they then were. It is narrowing and widening without the time in
    /// between, in which threads would fight over the word.
    ///
    /// Unlike narrowing it need not ask whether it was cancelled: who changed a segment too late
    /// returns only after it has cancelled the proof, and from then on until this exchange nobody
    /// changes the word, since what works on a plainly wide word holds the mutex. So the word is
    /// what the stock was at the cancellation, at which that call had not returned: it comes later.
    fn turn_over(&mut self) -> Option<Word> {
        let proof = self.prove_segments_empty()?;
        let (word, announced) = self.open();
        self.enter_restocks(&proof);
        self.deal(word, announced);
        Some(word)
    }

    /// Moves all units to the word, and proves that segments and pocket are empty for as long as
    /// the word is *proving*. The first half of making a stock narrow.
    ///
    /// The cases, for a change of a segment by somebody who read the word as plainly wide before:
    /// - it comes before that segment is settled: then the segment is not empty, or was drained;
    /// - a put after: it happens after *proving* was set, sees that, and cancels;
    /// - a take after: only of units of such a put, so it sees the same, and cancels.
    ///
    /// Whoever reads the word later puts to the word. Tested by the
    /// scenarios of narrowing in `tests/loom_stock.rs`.
    fn prove_segments_empty(&mut self) -> Option<Empty> {
        self.word.begin_proving();
        self.drain();
        let taken = self.stripes().taken();
        let (added, came) = self.stripes().settle();
        if left(came, taken) != 0 {
            self.word.end_proving();
            return None;
        }
        Some(Empty { added })
    }

    /// Moves the segments' units to the word; not those that arrive meanwhile.
    fn drain(&self) {
        let held = self.stripes().iter().map(Segment::held).sum();
        let got = self.announcing(held, |held| self.collect_from_segments(held));
        if got > 0 {
            self.word.put_moved(got);
            self.pocket().close(got);
        }
    }

    /// Enters in the books what was restocked to segments until they were proved empty.
    fn enter_restocks(&mut self, &Empty { added }: &Empty) {
        count(&self.cold().narrowings);
        let fresh = added.wrapping_sub(self.cold().entered.swap(added, Ordering::Relaxed));
        self.books.restocked = self.books.restocked.wrapping_add(fresh);
    }

    /// Makes the stock narrow, however often that is cancelled, and returns what it then was.
    fn narrow_for_sure(&mut self) -> Word {
        loop {
            let word = self.word.load();
            if !word.is_wide() {
                return word;
            }
            if let Some(word) = self.narrow() {
                return word;
            }
            spin_loop();
        }
    }

    /// The books at one instant; how what left divides into reserved and sold, as
    /// [`Books::reserved`] says.
    pub(super) fn snapshot(&mut self) -> Snapshot {
        let (lent, word) = loop {
            let lent = self.lent();
            let word = self.word.load();
            if !word.is_wide() {
                break (lent, word);
            }
            let whole = if self.tuning.is_enough(self.stripes().bound(self.word)) {
                self.turn_over()
            } else {
                self.narrow()
            };
            if let Some(word) = whole {
                break (lent, word);
            }
            spin_loop();
        };
        let reserved = self.books.reserved(word, lent, self.settled());
        let restocked = self.books.restocked(word);
        Snapshot::new(self.engine.initial, restocked, word.units(), reserved)
    }

    /// Units that segments lent, if there are any segments.
    fn lent(&self) -> u64 {
        self.engine.stripes.get().map_or(0, Stripes::lent)
    }

    fn settled(&self) -> u64 {
        self.engine.stripes.get().map_or(0, Stripes::settled)
    }

    /// Available and reserved, by a word that held all units: no less than there were, calls that
    /// are in the middle left aside.
    fn on_hand(&self, word: Word) -> u64 {
        let settled = self.settled();
        word.units() + self.books.reserved(word, self.lent(), settled)
    }

    /// Adds `units`, where a put by the way everybody goes might be too many for the stock, for the
    /// word's fresh units or for one segment. An error is what was on hand.
    pub(super) fn restock(&mut self, units: u64) -> Result<(), u64> {
        let was_wide = self.word.load().is_wide();
        if was_wide && self.deal_out(units) {
            return Ok(());
        }
        loop {
            let word = self.narrow_for_sure();
            let on_hand = self.on_hand(word);
            let total = on_hand.saturating_add(units);
            if total > MAX_UNITS {
                self.widen_again(was_wide);
                return Err(on_hand);
            }
            let fresh = Word::fresh_at(total);
            let next = word.more(units).with_fresh(fresh);
            if self.word.exchange(word, next).is_ok() {
                let restocked = self.books.restocked(word).wrapping_add(units);
                self.books.restocked = restocked.wrapping_sub(fresh);
                break;
            }
        }
        self.widen_again(was_wide);
        Ok(())
    }

    fn widen_again(&mut self, was_wide: bool) {
        if was_wide {
            self.widen();
        }
    }

    /// Enters `units` in the books that were set aside already: too many for the word's field.
    pub(super) fn reserve_units(&mut self, units: u64) {
        self.books.aside = self.books.aside.wrapping_add(units);
        self.balance();
    }

    /// Enters `units` in the books that were set aside and are sold.
    pub(super) fn commit_units(&mut self, units: u64) {
        self.books.aside = self.books.aside.wrapping_sub(units);
        self.balance();
    }

    /// Puts `units` back that were set aside: too many for the word's field or for one change of a
    /// segment.
    pub(super) fn release_units(&mut self, units: u64) {
        let was_wide = self.word.load().is_wide();
        loop {
            let word = self.narrow_for_sure();
            if self.word.exchange(word, word.more(units)).is_ok() {
                break;
            }
        }
        self.commit_units(units);
        self.widen_again(was_wide);
    }

    /// Enters what the word set aside in the books, so that its field is in the middle again.
    fn balance(&mut self) {
        let mut word = self.word.load();
        while let Err(seen) = self.word.exchange(word, word.balanced()) {
            word = seen;
        }
        self.books.aside = self.books.aside.wrapping_add(word.aside());
    }

    /// Deals a restock out to the segments of a wide stock, if each has room for its share. The
    /// announcement is the instant at which the units are in stock.
    fn deal_out(&self, units: u64) -> bool {
        if self
            .stripes()
            .shares(units)
            .any(|(segment, share)| segment.room() < share)
        {
            return false;
        }
        self.pocket().put(units);
        for (segment, share) in self.stripes().shares(units) {
            segment.put(share);
        }
        self.pocket().close(units);
        true
    }
}

/// The proof that the segments held nothing.
#[derive(Debug)]
struct Empty {
    /// What their `added` came to.
    added: u64,
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use crate::{MAX_UNITS, Stock};

    #[test]
    fn a_restock_beyond_the_room_of_a_segment_leaves_the_stock_wide() {
        let stock = Stock::builder(MAX_UNITS - 10_000)
            .segments(2)
            .build()
            .unwrap();
        stock.restock(200).unwrap();
        assert_eq!(stock.stats().narrowings, 0);
        for _ in 1..50 {
            stock.restock(200).unwrap();
        }
        assert!(stock.stats().narrowings > 0, "all units were looked at");
        assert!(stock.engine.word.load().is_wide());
        stock.restock(1).unwrap_err();
        assert!(stock.engine.word.load().is_wide());
        drop(stock.reserve(MAX_CHANGE_AND_MORE).unwrap());
        assert!(stock.engine.word.load().is_wide());
        assert_eq!(stock.snapshot().available, MAX_UNITS);
    }

    /// More than one change of a segment moves.
    const MAX_CHANGE_AND_MORE: u64 = super::super::segment::MAX_CHANGE + 1;

    #[test]
    fn a_large_restock_is_dealt_out_without_a_look_at_all_units() {
        let stock = Stock::builder(1_000).segments(4).build().unwrap();
        stock.restock(1_000).unwrap();
        assert_eq!(
            (stock.stats().narrowings, stock.holdings()),
            (0, vec![500; 4])
        );
    }

    #[test]
    fn what_is_entered_in_the_books_leaves_room_in_the_word() {
        let stock = Stock::new(10_000);
        let aside: Vec<_> = (0..4).map(|_| stock.reserve(300).unwrap()).collect();
        let in_word = stock.engine.word.load().aside();
        assert_eq!(in_word, 0, "the second was too many, and the fourth");
        assert_eq!(stock.snapshot().reserved, 1_200);
        drop(aside);
        assert_eq!((stock.available(), stock.snapshot().reserved), (10_000, 0));
    }
}
