//! Clocks that drift: each place has one, with an offset and a rate.

use super::{Place, World};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::Duration;

/// The clocks of a world's places. They are right until [`World::drift`].
#[derive(Debug, Default)]
pub(super) struct Clocks {
    drift: Cell<Option<Drift>>,
    clocks: RefCell<BTreeMap<Place, Clock>>,
}

/// How wrong clocks may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Drift {
    /// The largest offset. A clock shows up to twice as much more than another.
    pub offset: Duration,
    /// How much faster or slower than time a clock runs at most, in thousandths; less than 1,000.
    pub rate: u64,
}

impl Drift {
    /// Clocks that differ by up to twice `offset`, and run up to `rate` thousandths faster or slower than time.
    #[must_use]
    pub const fn new(offset: Duration, rate: u64) -> Self {
        Self { offset, rate }
    }
}

/// The rate of a right clock.
const EXACT: u64 = 1_000_000;

/// A clock shows `offset + time * rate / EXACT`.
#[derive(Debug, Clone, Copy)]
struct Clock {
    offset: Duration,
    rate: u64,
}

impl Clock {
    /// Never before the world's beginning.
    const RIGHT: Self = Self {
        offset: Duration::ZERO,
        rate: EXACT,
    };

    fn drawn(world: &World, drift: Drift) -> Self {
        Self {
            offset: world.pick_time(Duration::ZERO..drift.offset * 2),
            rate: {
                let most = drift.rate * EXACT / 1_000;
                world.pick(EXACT - most..EXACT + most + 1)
            },
        }
    }

    fn shows(self, now: Duration) -> Duration {
        self.offset + scaled(now, self.rate, EXACT)
    }

    fn lasts(self, delay: Duration) -> Duration {
        scaled(delay, EXACT, self.rate)
    }
}

fn scaled(time: Duration, by: u64, of: u64) -> Duration {
    if by == of {
        return time;
    }
    let nanos = time.as_nanos() * u128::from(by) / u128::from(of);
    Duration::from_nanos(u64::try_from(nanos).expect("a time is shorter than 500 years"))
}

impl World {
    /// From now on the clocks of nodes and servers are wrong, each in its own way, as far as `drift` says.
    pub fn drift(&self, drift: Drift) {
        self.0.clocks.drift.set(Some(drift));
    }

    /// What the clock of the place shows. It never goes back.
    #[must_use]
    pub fn clock(&self) -> Duration {
        self.clock_here().shows(self.now())
    }

    /// The time that passes while the clock of the place counts `delay`.
    pub(crate) fn lasts(&self, delay: Duration) -> Duration {
        self.clock_here().lasts(delay)
    }

    fn clock_here(&self) -> Clock {
        let (here, clocks) = (self.here(), &self.0.clocks);
        match clocks.drift.get() {
            Some(drift) if here != Place::Outside => *(clocks.clocks.borrow_mut())
                .entry(here)
                .or_insert_with(|| Clock::drawn(self, drift)),
            _ => Clock::RIGHT,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::rc::Rc;

    #[test]
    fn each_node_has_a_clock_of_its_own() {
        let world = World::new(1);
        world.drift(Drift::new(Duration::from_millis(50), 200));
        let clock = world.clone();
        let seen = world.run(async move {
            let seen = Rc::new(RefCell::new(Vec::new()));
            for node in 0..3 {
                let (world, seen) = (clock.clone(), Rc::clone(&seen));
                clock.spawn_at(Place::Node(node), async move {
                    let before = world.clock();
                    world.sleep(Duration::from_millis(100)).await;
                    let slept = world.clock() - before;
                    seen.borrow_mut().push((world.now(), slept));
                });
            }
            clock.sleep(Duration::from_secs(1)).await;
            assert_eq!(clock.clock(), clock.now(), "the clock outside is right");
            seen.take()
        });
        let (mut woken, slept): (Vec<_>, Vec<_>) = seen.into_iter().unzip();
        woken.dedup();
        assert_eq!(woken.len(), 3, "they woke at {woken:?}");
        for slept in slept {
            let wrong = slept.abs_diff(Duration::from_millis(100));
            assert!(wrong < Duration::from_nanos(10), "{slept:?}");
        }
    }
}
