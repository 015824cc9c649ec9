//! A stock that owes: more was withdrawn than it had.
//!
//! Its word is narrow and [owing](Word::owing): it holds no units, so that a deduct is refused by one load, and no
//! restock or release fits, so that each takes the cold mutex and pays first. Only the holder of the mutex changes
//! that word.
//!
//! A late put is one whose thread read the word as plainly wide before, and that changes a segment now. A late take
//! must not have its units. So all segments are *sunk* while the stock owes: no take finds units in them. The thread of
//! the late put looks at the word again, takes the mutex, and pays with the units. Tested by the scenarios `owed_…`
//! in `tests/support/stock_scenarios.rs`.

use super::engine::Engine;
use super::moves::Moves;
use super::segment::SUNK;
use super::stripes::Totals;
use super::taken::left;
use super::word::Word;
use crate::limits::MAX_UNITS;
use crate::snapshot::Withdrawn;
use crate::sync::spin_loop;

impl Engine {
    pub(crate) fn withdraw(&self, units: u64) -> Withdrawn {
        Moves::begin(self).withdraw(units)
    }

    pub(crate) fn forgive(&self, units: u64) -> u64 {
        Moves::begin(self).forgive(units)
    }

    /// The stock with `withdrawn` units withdrawn, of which `owed` are owed. If it has units, it must owe none.
    #[cfg(feature = "inventory")]
    pub(crate) fn owing(self, owed: u64, withdrawn: u64) -> Self {
        if withdrawn > 0 {
            let mut moves = Moves::begin(&self);
            let found = moves.withdraw(owed);
            debug_assert_eq!(found.taken, 0, "a stock that has units owes none");
            moves.cold().owe(0, withdrawn - owed);
        }
        self
    }
}

impl Moves<'_> {
    fn withdraw(&mut self, units: u64) -> Withdrawn {
        // What is owed is counted beside the segments: `cold` allocates them if need be.
        let units = units.min(MAX_UNITS - self.cold().owed());
        let taken = if self.word.load().is_owing() {
            0
        } else {
            self.withdraw_available(units)
        };
        let owed = units - taken;
        self.cold().owe(owed, units);
        Withdrawn { taken, owed }
    }

    /// Takes at most `units`, and returns how many it took. If there are fewer, the stock owes from that instant on.
    fn withdraw_available(&mut self, units: u64) -> u64 {
        let was_wide = self.word.load().is_wide();
        loop {
            self.prove_surely(true);
            let before = self.word.update(|word| {
                let rest = word.units().checked_sub(units);
                let next = rest.map_or(Word::owing(), |_| word.less(units));
                word.is_proving().then_some(next)
            });
            if let Some(word) = before.filter(|word| word.units() < units) {
                self.count_reserved(word, 0);
                self.count_restocked(word.fresh());
                return word.units();
            }
            self.raise();
            if let Some(word) = before {
                self.finish(was_wide, word.units() - units);
                return units;
            }
            spin_loop();
        }
    }

    /// Pays with the units that late puts have added to segments since the stock began to owe. A put pays whole,
    /// since it is one change of one counter. Returns the segments' counters but `taken`; all are 0 if the word is not
    /// *owing* any more.
    ///
    /// `added` and `returned` are read with acquire ordering, and `committed` after them. Otherwise a snapshot could show a
    /// late restock, and not the commit that its thread made before. Tested by
    /// `owed_snapshot_beside_a_commit_before_a_late_restock` (and `…_release`) in `tests/support/stock_scenarios.rs`.
    ///
    /// If this call misses a late put, the thread of that put has not looked at the word yet. It will, and then waits
    /// for the mutex: the put happens later. So a withdraw, a forgive and a release need not call this: they read no
    /// segment. A snapshot and a restock read what came to segments, and pay with it first.
    pub(super) fn pay_late_puts(&mut self) -> Totals {
        let mut totals = Totals::default();
        if !self.word.load().is_owing() {
            // All is paid by now, and the late put is handled like any late put to a narrow stock.
            _ = self.word.reopen_unless_wide();
            return totals;
        }
        let stripes = self.stripes();
        let mut late = 0;
        for segment in stripes.iter() {
            let (added, returned) = (segment.added(), segment.returned());
            let came = added.wrapping_add(returned);
            let held = left(came.wrapping_add(SUNK), segment.taken());
            segment.close(held);
            late += held;
            totals.added = totals.added.wrapping_add(added);
            totals.returned = totals.returned.wrapping_add(returned);
        }
        totals.reserved = stripes.reserved();
        totals.committed = stripes.committed();
        self.pay(late);
        totals
    }

    /// Restocks `units` in a stock that owes. `None` if late puts have paid all that was owed: then it is a restock
    /// like any other.
    ///
    /// It looks at the word after every call of `pay_late_puts`, because a late put may pay the last unit in between.
    /// `leave_if_paid`, which sets the word and raises the segments, must run only while the word is *owing*. Tested by
    /// `owed_restock_beside_a_late_restock` in `tests/support/stock_scenarios.rs`.
    pub(super) fn restock_owing(&mut self, units: u64) -> Option<Result<(), u64>> {
        loop {
            let totals = self.pay_late_puts();
            if !self.word.load().is_owing() {
                return None;
            }
            let rest = units.saturating_sub(self.cold().owed());
            let on_hand = self.on_hand(self.word.load(), &totals);
            if rest == 0 || on_hand.saturating_add(rest) <= MAX_UNITS {
                break;
            }
            // Units that were committed since were counted as on hand. So to refuse now could be wrong: try again.
            if self.committed() == totals.committed {
                return Some(Err(on_hand));
            }
        }
        self.count_restocked(units);
        self.pay(units);
        Some(Ok(()))
    }

    pub(super) fn release_owing(&mut self, units: u64) {
        self.count_reserved(Word::owing(), 0u64.wrapping_sub(units));
        self.pay(units);
    }

    /// Pays what is owed with `units` that came back, and has the rest in stock.
    fn pay(&mut self, units: u64) {
        let paid = units.min(self.cold().owed());
        self.cold().owe(0u64.wrapping_sub(paid), 0);
        self.leave_if_paid(units - paid);
    }

    /// If nothing is owed any more, makes the word narrow with `rest` units, and raises the segments.
    fn leave_if_paid(&mut self, rest: u64) {
        if self.cold().owed() > 0 {
            return;
        }
        let on_hand = self.on_hand_at_most() + rest;
        // The word first: from here on a late put reopens it. In the other order a late take could find the
        // units of a late put while the word still says that they are owed.
        let left = self
            .word
            .update(|_| Some(Word::narrow(rest).checked(on_hand)));
        debug_assert!(
            left.is_some_and(Word::is_owing),
            "nobody else changes a word that owes"
        );
        self.raise();
    }

    fn forgive(&mut self, units: u64) -> u64 {
        if !self.word.load().is_owing() {
            return 0;
        }
        let forgiven = units.min(self.cold().owed());
        let fewer = 0u64.wrapping_sub(forgiven);
        self.cold().owe(fewer, fewer);
        self.leave_if_paid(0);
        forgiven
    }
}
