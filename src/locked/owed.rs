//! Units that a [`LockedStock`] owes. All of it is read and written with the counters of all segments locked.

use super::locking::{freeze, take};
use super::segment::{CounterLock, Gate};
use super::{LockedStock, orders};
use crate::limits::MAX_UNITS;
use crate::shares::shares;
use crate::snapshot::Withdrawn;

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Debt {
    pub(super) owed: u64,
    pub(super) withdrawn: u64,
    /// Units restocked that paid what was owed, and came to no segment.
    pub(super) paid: u64,
}

impl LockedStock {
    /// Takes `units` out of stock for good, or all that are in stock if these are fewer; the rest is *owed*: see
    /// [`Stock::withdraw`](crate::Stock::withdraw). To know what is in stock, it may have to wait for every
    /// order in flight.
    ///
    /// # Panics
    ///
    /// If it is called from within an order of this stock, which it would wait for.
    ///
    /// # Examples
    ///
    /// ```
    /// use segstock::LockedStock;
    ///
    /// let stock = LockedStock::new(10, 4)?;
    /// let withdrawn = stock.withdraw(12);
    /// assert_eq!((withdrawn.taken, withdrawn.owed), (10, 2));
    /// stock.restock(3).unwrap();
    /// assert_eq!(stock.available(), 1);
    /// # Ok::<(), segstock::BuildError>(())
    /// ```
    #[track_caller]
    pub fn withdraw(&self, units: u64) -> Withdrawn {
        orders::panic_if_within(self);
        if units == 0 {
            return Withdrawn { taken: 0, owed: 0 };
        }
        let (locked, _) = self.lock_in_turn(units);
        let mut counters = freeze(self.iter());
        let mut debt = self.debt.lock();
        let units = units.min(MAX_UNITS - debt.owed);
        // If that was not enough, all are locked, and nobody takes or restocks: so this is all there is.
        let held = locked.iter().map(|lock| lock.segment.held()).sum();
        let taken = units.min(held);
        take(&counters[..locked.len()], taken);
        let owed = units - taken;
        debt.owed += owed;
        debt.withdrawn = debt.withdrawn.wrapping_add(units);
        if debt.owed > 0 {
            close_gates(&mut counters);
        }
        Withdrawn { taken, owed }
    }

    /// Owes `units` fewer, or nothing if fewer are owed; returns how many it is fewer. It waits for no order
    /// in flight.
    pub fn forgive(&self, units: u64) -> u64 {
        let mut counters = freeze(self.iter());
        let mut debt = self.debt.lock();
        let forgiven = units.min(debt.owed);
        debt.owed -= forgiven;
        debt.withdrawn = debt.withdrawn.wrapping_sub(forgiven);
        if forgiven > 0 && debt.owed == 0 {
            let room = MAX_UNITS.saturating_sub(self.on_hand());
            open_gates(&mut counters, room);
        }
        forgiven
    }

    /// Releases `units` of a stock that was just seen to owe.
    pub(super) fn release_slow(&self, units: u64) {
        let mut counters = freeze(self.iter());
        let mut debt = self.debt.lock();
        let paid = units.min(debt.owed);
        debt.owed -= paid;
        // What pays is reserved no longer, and comes to no segment.
        counters[0].commit(paid);
        counters[0].release(units - paid);
        if debt.owed == 0 {
            let room = MAX_UNITS.saturating_sub(self.on_hand());
            open_gates(&mut counters, room);
        }
    }
}

/// From here on all that comes takes the locks of all counters, and pays.
fn close_gates(counters: &mut [CounterLock<'_>]) {
    let gate = Gate {
        room: 0,
        owing: true,
    };
    counters.iter_mut().for_each(|it| it.set_gate(gate));
}

/// Shares out what may still be restocked: what was sold has made room.
pub(super) fn open_gates(counters: &mut [CounterLock<'_>], room: u64) {
    let rooms = shares(room, counters.len());
    let owing = false;
    for (counters, room) in counters.iter_mut().zip(rooms) {
        counters.set_gate(Gate { room, owing });
    }
}
