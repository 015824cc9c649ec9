//! What needs all units at one instant: snapshots, and the limit.

use super::engine::Engine;
use super::moves::Moves;
use super::segment::SUNK;
use super::stripes::{Stripes, Totals};
use super::taken::left;
use super::testing::looks_at_commits;
use super::word::{HEADROOM, Word};
use crate::limits::MAX_UNITS;
use crate::snapshot::Snapshot;
use crate::sync::spin_loop;

impl Engine {
    pub(crate) fn snapshot(&self) -> Snapshot {
        Moves::begin(self).snapshot()
    }

    /// The units in stock if they are fewer than `units`. Either answer was true at one instant of the call.
    ///
    /// The first pass may count a moving unit twice, and so find enough in a stock that is low all the time. If it finds
    /// enough, a second pass, which counts no unit twice, must agree. If the second pass does not agree, a snapshot
    /// decides. Tested by the scenarios `low_stock_…` in `tests/loom_inventory`.
    #[cfg(feature = "inventory")]
    pub(crate) fn available_if_below(&self, units: u64) -> Option<u64> {
        let mut available = self.available();
        let is_enough = |stripes: &Stripes| stripes.at_least(&self.word) >= units;
        if available >= units && !self.stripes.get().is_none_or(is_enough) {
            available = self.snapshot().available;
        }
        (available < units).then_some(available)
    }
}

impl Moves<'_> {
    fn snapshot(&mut self) -> Snapshot {
        let before = self.word.load();
        if before.is_owing() {
            let totals = self.pay_late_puts();
            let word = self.word.load();
            if word.is_owing() {
                return self.figures(word, &totals);
            }
        }
        let (word, totals) = self.look();
        let figures = self.figures(word, &totals);
        self.finish(before.is_wide(), word.units());
        figures
    }

    /// The word and the segments' counters at one instant.
    ///
    /// After the proof the segments are empty. Only units of a late put can be taken from a segment. If `taken` is unchanged at
    /// the end, no unit was reserved after the proof. So each commit that is counted here is of a reservation that is counted
    /// here.
    ///
    /// The word that is returned is still *proving*. A put that came to a segment late is not in the counters; it
    /// cancels the proof before it returns. So it had not returned when the word was read, and happens later. Without
    /// the check that the word is still *proving*, a commit that came after such a put would be counted, and the put
    /// would not. Tested by `halves_beside_snapshot` in `tests/support/stock_scenarios.rs`.
    ///
    /// Commits alone go on meanwhile. This reads `committed`, the word, and `committed` again. If both reads of
    /// `committed` agree, all figures are those of the instant when the word was read. Commits end,
    /// since nothing new can be reserved. But threads may have many reservations to commit, and meanwhile other calls
    /// wait for the mutex. So after some tries the snapshot leaves out a commit that came between, as if it were still to
    /// come. Tested by `snapshot_after_its_last_try` in `tests/loom_stock.rs`.
    fn look(&mut self) -> (Word, Totals) {
        let Some(stripes) = self.engine.stripes.get() else {
            return (self.word.load(), Totals::default());
        };
        loop {
            let mut totals = self.prove_surely(false);
            totals.reserved = stripes.reserved();
            totals.committed = stripes.committed();
            let mut word = self.word.load();
            for _ in 0..looks_at_commits() {
                let committed = stripes.committed();
                if committed == totals.committed {
                    break;
                }
                totals.committed = committed;
                word = self.word.load();
            }
            if word.is_proving() && stripes.taken() == totals.taken {
                return (word, totals);
            }
        }
    }

    fn figures(&self, word: Word, totals: &Totals) -> Snapshot {
        let restocked = self.sums.restocked.wrapping_add(word.fresh());
        let cold = self.engine.stripes.get().map(Stripes::cold);
        Snapshot::new(
            self.engine.initial,
            restocked.wrapping_add(totals.added),
            word.units(),
            self.reserved(word, totals),
        )
        .with_debt(
            cold.map_or(0, |cold| cold.owed()),
            cold.map_or(0, |cold| cold.withdrawn()),
        )
    }

    /// Units reserved when the word was `word` and the segments' counters `totals`.
    fn reserved(&self, word: Word, totals: &Totals) -> u64 {
        let reserved = self.sums.reserved.wrapping_add(word.reserved());
        let reserved = reserved.wrapping_add(totals.reserved);
        let reserved = reserved.wrapping_sub(totals.returned.wrapping_add(totals.committed));
        debug_assert!(
            reserved <= u64::MAX / 2,
            "more is settled than was reserved"
        );
        reserved
    }

    /// Available and reserved, when the word was `word` and the segments' counters `totals`.
    pub(super) fn on_hand(&self, word: Word, totals: &Totals) -> u64 {
        word.units() + self.reserved(word, totals)
    }

    /// An upper bound on the units on hand: one pass over the counters, without a proof.
    ///
    /// A unit may become reserved, or available, while this reads. Such a unit is counted at least once:
    /// what was settled is read first, what was reserved last, and available units in between as in
    /// [`Stripes::bound`]. In the other order a unit that is reserved and committed between the two reads would be
    /// subtracted twice. Tested by `no_fewer_are_on_hand_than_the_bound_says` in `tests/loom_stock.rs`.
    ///
    /// The segments of a stock that owes lack [`SUNK`] units each. With these added, what late puts brought is counted.
    /// Tested by `limit_after_a_late_release_to_a_stock_that_owes` in `tests/loom_stock.rs`.
    pub(super) fn on_hand_at_most(&self) -> u64 {
        let Some(stripes) = self.engine.stripes.get() else {
            return self.on_hand(self.word.load(), &Totals::default());
        };
        let settled = stripes.sum(|segment| segment.committed().wrapping_add(segment.returned()));
        let word = self.word.load();
        let taken = stripes.taken();
        let sunk = if word.is_owing() {
            SUNK * stripes.len() as u64
        } else {
            0
        };
        let came = stripes.sum(|segment| segment.came()).wrapping_add(sunk);
        let reserved = self.sums.reserved.wrapping_add(word.reserved());
        let reserved = reserved.wrapping_add(stripes.reserved());
        word.units() + left(came, taken) + reserved.wrapping_sub(settled)
    }

    /// After the restock that filled a block of a segment: marks the word if the stock is near its limit.
    pub(super) fn check_limit(&mut self) {
        let on_hand = self.on_hand_at_most();
        if on_hand > MAX_UNITS - HEADROOM {
            let is_owing = |word: &Word| word.is_owing();
            let mark = |word: Word| (!is_owing(&word)).then(|| word.checked(on_hand));
            let marked = self.word.update(mark);
            self.count_restocked(marked.map_or(0, Word::fresh));
        }
    }

    pub(super) fn count_restocked(&mut self, units: u64) {
        self.sums.restocked = self.sums.restocked.wrapping_add(units);
    }

    /// Adds `units` to the word, and deals them out if the stock is wide. An error is what was on hand.
    pub(super) fn restock(&mut self, units: u64) -> Result<(), u64> {
        if self.word.load().is_owing()
            && let Some(answer) = self.restock_owing(units)
        {
            return answer;
        }
        let total = self.on_hand_at_most().saturating_add(units);
        if total > MAX_UNITS - HEADROOM {
            return self.restock_near(units);
        }
        let add = |word: Word| Some(word.more(units).checked(total));
        let before = self.word.update(add);
        self.count_restocked(before.map_or(0, Word::fresh).wrapping_add(units));
        if before.is_some_and(Word::is_wide) {
            self.spread();
        }
        Ok(())
    }

    /// Near the limit: by the exact number on hand.
    fn restock_near(&mut self, units: u64) -> Result<(), u64> {
        let was_wide = self.word.load().is_wide();
        loop {
            let (word, totals) = self.look();
            let on_hand = self.on_hand(word, &totals);
            let total = on_hand.saturating_add(units);
            if total > MAX_UNITS {
                // If units were committed since, they were counted as on hand, and the refusal may be false.
                if self.committed() == totals.committed {
                    self.finish(was_wide, word.units());
                    return Err(on_hand);
                }
            } else {
                // While the word is unchanged, nothing came, and nothing new was reserved.
                let next = word.more(units).checked(total);
                if self.word.exchange(word, next).is_ok() {
                    self.count_restocked(word.fresh().wrapping_add(units));
                    self.finish(was_wide, next.units());
                    return Ok(());
                }
            }
            spin_loop();
        }
    }

    pub(super) fn committed(&self) -> u64 {
        let stripes = self.engine.stripes.get();
        stripes.map_or(0, Stripes::committed)
    }

    /// Releases `units` that are too many for the word's field or for one change of a segment: to the word,
    /// and deals them out if the stock is wide.
    pub(super) fn release(&mut self, units: u64) {
        if self.word.load().is_owing() {
            return self.release_owing(units);
        }
        let before = self.word.update(|word| Some(word.more(units).balanced()));
        let Some(before) = before else { return };
        self.count_reserved(before, 0u64.wrapping_sub(units));
        if before.is_wide() {
            self.spread();
        }
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::HEADROOM;
    #[cfg(feature = "inventory")]
    use super::Moves;
    use crate::limits::MAX_UNITS;
    use crate::stock::Stock;
    use crate::stock::testing::sit_at;

    #[test]
    fn a_full_block_of_restocks_has_the_limit_checked() {
        let stock = Stock::builder(MAX_UNITS - HEADROOM).segments(2).build();
        let stock = stock.unwrap();
        sit_at(0, 2);
        let is_near = || stock.engine.word.load().is_near();
        let mut restocked = 0;
        while !is_near() {
            assert!(restocked < super::super::segment::BLOCK, "never checked");
            stock.restock(250).unwrap();
            restocked += 250;
        }
        assert!(stock.engine.word.load().is_wide(), "in its form");
        stock.restock(HEADROOM - restocked).unwrap();
        assert_eq!(stock.restock(1).unwrap_err().on_hand, MAX_UNITS);
        stock.deduct(2 * HEADROOM).unwrap();
        stock.restock(300).unwrap();
        assert!(!is_near(), "far from the limit again");
        assert_eq!(stock.snapshot().restocked, HEADROOM + 300);
    }

    /// What a look for fewer than `units` finds, that waits for `moves` until they end by `end`.
    #[cfg(feature = "inventory")]
    fn waits_and_finds(
        stock: &Stock,
        units: u64,
        moves: Moves<'_>,
        end: impl FnOnce(Moves<'_>),
    ) -> Option<u64> {
        std::thread::scope(|scope| {
            let look = scope.spawn(|| stock.engine.available_if_below(units));
            // It has long begun then.
            std::thread::sleep(std::time::Duration::from_millis(50));
            assert!(!look.is_finished(), "it waits for the move");
            end(moves);
            look.join().unwrap()
        })
    }

    /// `available_if_below` waits for a running move only if the threshold lies between the two bounds.
    #[test]
    #[cfg(feature = "inventory")]
    fn a_stock_is_low_though_a_move_counts_its_units_twice() {
        let stock = Stock::builder(90).segments(2).build().unwrap();
        let (engine, pocket) = (&stock.engine, stock.engine.stripes().pocket());
        let moves = Moves::begin(engine);
        pocket.add(50);
        assert_eq!(engine.available(), 140, "an upper bound");
        assert_eq!(engine.available_if_below(90), None, "enough at least");
        assert_eq!(engine.available_if_below(141), Some(140), "low at most");
        let found = waits_and_finds(&stock, 100, moves, |_| pocket.close(50));
        assert_eq!(found, Some(90));
    }

    /// The units of a late put are not in stock yet, so a deduct that needs them may be refused. The look's own proof brings
    /// them to the word.
    #[test]
    #[cfg(feature = "inventory")]
    fn a_late_put_is_enough_only_once_it_came_to_the_stock() {
        let stock = Stock::builder(90).segments(2).build().unwrap();
        let mut moves = Moves::begin(&stock.engine);
        assert!(moves.prove(false).is_some());
        stock.engine.stripes().own().put::<true>(20);
        let found = waits_and_finds(&stock, 100, moves, |moves| {
            assert!(moves.close(true));
            assert_eq!(stock.deduct(100).unwrap_err().available, 90);
        });
        assert_eq!((found, stock.deduct(100)), (None, Ok(())));
    }

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
    fn a_large_release_leaves_a_wide_stock_wide() {
        let units = super::super::segment::MAX_CHANGE + 1;
        let stock = Stock::builder(MAX_UNITS).segments(2).build().unwrap();
        drop(stock.reserve(units).unwrap());
        assert!(stock.engine.word.load().is_wide());
        let now = stock.snapshot();
        assert_eq!((now.available, now.reserved), (MAX_UNITS, 0));
    }
}
