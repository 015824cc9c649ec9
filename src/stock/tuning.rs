//! When a stock changes its form. Fixed for users, settable in tests: a model checker reaches both
//! forms only with two or three units.

use crate::limits::MAX_SEGMENTS;

/// The thresholds, in units unless they say otherwise. Packed, since the whole stock is one cache
/// line.
#[derive(Debug, Clone, Copy)]
#[repr(Rust, packed)]
pub struct Tuning {
    /// Below this it is little: a refusal, or a gather, narrows.
    pub little: u8,
    /// Contention makes the stock wide if it has units for this number of orders of the size at hand. A gather makes it
    /// narrow again if it has units for less than a quarter of that number.
    pub orders: u8,
    /// From here on a restock is dealt out, and contention widens at once if there are units for that number of `orders`,
    /// too: that is *plenty*.
    pub enough: u16,
    /// With less than plenty, contention widens after each 2 to this power losses of one thread. Two threads that take one
    /// unit of 2 to 8 and put it back: 10.3 ns a call with it; without it 49 to 82, and 40 to 57 on one shared atomic.
    pub patience: u8,
    /// How far it may grow; the builder sets it.
    pub max_segments: u16,
}

impl Tuning {
    /// Measured to serve a handful of units going out and back, a stock that is sold out, and plenty.
    pub const DEFAULT: Self = Self {
        little: 64,
        orders: 16,
        enough: 256,
        patience: 8,
        max_segments: MAX_SEGMENTS as u16,
    };

    /// Neither widens nor narrows by itself: the forms are what a test makes them.
    pub const STILL: Self = Self {
        little: 0,
        orders: 0,
        enough: u16::MAX,
        patience: Self::FOR_EVER,
        ..Self::DEFAULT
    };

    /// A `patience` that no number of losses reaches.
    const FOR_EVER: u8 = u8::MAX;

    /// Whether `units` are so few that a gather for `order` should bring them all together.
    pub(super) fn is_little_for(&self, units: u64, order: u64) -> bool {
        let orders_worth = order.saturating_mul(u64::from(self.orders) / 4);
        units < orders_worth.max(u64::from(self.little))
    }

    pub(super) fn is_little(&self, units: u64) -> bool {
        units < u64::from(self.little)
    }

    pub(super) fn is_enough(&self, units: u64) -> bool {
        units >= u64::from(self.enough)
    }

    /// Whether `units` are enough to share out among orders of the size of `order`.
    pub(super) fn is_plenty(&self, units: u64, order: u64) -> bool {
        self.is_enough(units) && units / u64::from(self.orders).max(1) >= order
    }

    /// Whether it may be time to widen: contention over `units` by orders of the size of `order`,
    /// after a thread has lost `losses` times. With less than plenty this is true once in `2^patience` losses.
    pub(super) fn is_contention(&self, units: u64, order: u64, losses: u32) -> bool {
        if self.max_segments == 1 {
            return false;
        }
        // Two segments serve two threads only if each has an order's units.
        let can_share = units / 2 >= order.max(1);
        let patience = 1_u64.checked_shl(self.patience.into());
        let now_and_then = patience.is_some_and(|many| u64::from(losses).is_multiple_of(many));
        self.is_plenty(units, order) || can_share && now_and_then
    }

    /// How far a stock grows on a machine that runs `parallelism` threads at once.
    pub(super) fn segments(&self, parallelism: usize) -> usize {
        let wanted = parallelism.max(2).next_power_of_two();
        wanted.min(usize::from(self.max_segments))
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn contention_over_plenty_widens_at_once() {
        let tuning = Tuning::DEFAULT;
        assert!(tuning.is_contention(256, 1, 1) && tuning.is_plenty(256, 1));
        assert!(tuning.is_contention(1_600, 100, 1) && tuning.is_plenty(1_600, 100));
        assert!(!tuning.is_contention(255, 1, 1) && !tuning.is_plenty(255, 1));
        assert!(!tuning.is_contention(1_599, 100, 1) && !tuning.is_plenty(1_599, 100));
    }

    #[test]
    fn contention_over_few_widens_after_many_losses() {
        let tuning = Tuning::DEFAULT;
        assert!(!tuning.is_contention(2, 1, 255));
        assert!(tuning.is_contention(2, 1, 256) && !tuning.is_contention(2, 1, 257));
        assert!(
            !tuning.is_contention(1, 1, 256),
            "a single unit cannot be shared"
        );
    }

    #[test]
    fn little_is_below_the_threshold_or_a_few_orders_worth() {
        let tuning = Tuning::DEFAULT;
        assert!(tuning.is_little(63) && !tuning.is_little(64));
        assert!(tuning.is_little_for(63, 1) && !tuning.is_little_for(64, 1));
        assert!(tuning.is_little_for(399, 100) && !tuning.is_little_for(400, 100));
    }

    #[test]
    fn a_still_stock_never_changes_its_form() {
        let still = Tuning::STILL;
        assert!(!still.is_little(0) && !still.is_little_for(0, u64::MAX));
        assert!(!still.is_enough(u64::from(u16::MAX) - 1));
        assert!(!still.is_contention(1_000, 1, 1 << 20));
    }

    #[test]
    fn one_segment_is_never_contended() {
        let tuning = Tuning {
            max_segments: 1,
            ..Tuning::DEFAULT
        };
        assert!(!tuning.is_contention(1_000_000, 1, 256));
    }

    #[test]
    fn it_grows_to_the_machine_and_at_most_to_the_maximum() {
        let tuning = Tuning::DEFAULT;
        assert_eq!(tuning.segments(1), 2);
        assert_eq!(tuning.segments(6), 8);
        assert_eq!(
            Tuning {
                max_segments: 5,
                ..tuning
            }
            .segments(6),
            5
        );
        assert_eq!(tuning.segments(1 << 20), MAX_SEGMENTS);
    }
}
