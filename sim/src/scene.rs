//! [`Scene`]: some nodes order and restock while things go wrong; then all faults end, and the rest is sold.

pub(crate) mod faulty;
pub(crate) mod play;

use crate::design::{Design, Site};
use crate::faults::{Faults, Happened};
use crate::network::Network;
use crate::world::World;
use play::Play;
use segstock_conformance::History;
use std::rc::Rc;
use std::time::Duration;

/// Shorter than what is late, so that much is asked for twice.
pub(crate) const TIME_OUT: Duration = Duration::from_millis(10);

/// What happens in a run: some clients, each at a node of its own, order and restock while things go wrong. Then
/// every fault ends, and what is left is counted and sold, one unit after another.
///
/// # Examples
///
/// ```
/// use segstock_sim::Scene;
/// use segstock_sim::designs::Conditional;
///
/// let design = Conditional::WithKeys;
/// Scene::new().judge("one key", &design, 0..100).assert_kept();
/// Scene::storm().judge("one key", &design, 0..100).assert_kept();
/// // One seed is one run.
/// assert_eq!(Scene::new().run(&design, 17), Scene::new().run(&design, 17));
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct Scene {
    clients: usize,
    calls: usize,
    /// The longest pause of a client between two calls.
    pause: Duration,
    /// The most units of an order.
    most: u64,
    segments: usize,
    storm: bool,
    /// Changes the faults that were drawn.
    change: fn(&mut Faults),
}

impl Default for Scene {
    fn default() -> Self {
        Self::new()
    }
}

/// What a run left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Run {
    /// Each call, and what it was answered.
    pub history: History,
    /// The number of calls at the history's end that were made when all was over.
    pub at_rest: usize,
    /// What could go wrong.
    pub faults: Faults,
    /// What did go wrong.
    pub happened: Happened,
}

impl Scene {
    /// Four clients, up to ten units, and faults that each seed [draws](Faults::drawn).
    pub const fn new() -> Self {
        Self {
            clients: 4,
            calls: 6,
            pause: Duration::from_millis(20),
            most: 4,
            segments: 3,
            storm: false,
            change: |_| {},
        }
    }

    /// Six busy clients without faults, and few units: each client brings back what it got. It finds refusals that rest
    /// on sums of different instants.
    pub const fn storm() -> Self {
        Self {
            clients: 6,
            calls: 8,
            pause: Duration::from_millis(2),
            most: 2,
            segments: 6,
            storm: true,
            change: |faults| *faults = Faults::none(faults.one_way),
        }
    }

    /// Changes the faults of every run, after the seed has drawn them.
    ///
    /// # Examples
    ///
    /// A server that forgets what it answered is harmless as long as it does not fail over:
    ///
    /// ```
    /// use segstock_sim::designs::Conditional;
    /// use segstock_sim::{Promise, Scene};
    ///
    /// let design = Conditional::Asynchronous;
    /// let never = Scene::new().with_faults(|faults| faults.failovers = false);
    /// never.judge("asynchronous", &design, 0..100).assert_kept();
    /// let always = Scene::new().with_faults(|faults| faults.failovers = true);
    /// assert!(always.judge("asynchronous", &design, 0..100).breaks(Promise::NeverOversold));
    /// ```
    pub const fn with_faults(self, change: fn(&mut Faults)) -> Self {
        Self { change, ..self }
    }

    /// One run of a design.
    ///
    /// # Panics
    ///
    /// If the run does not end; with the seed.
    #[must_use]
    pub fn run(&self, design: &impl Design, seed: u64) -> Run {
        let world = World::new(seed);
        let mut faults = Faults::drawn(&world);
        (self.change)(&mut faults);
        let network = Network::new(&world, faults, TIME_OUT);
        let longest = if self.storm { 1 } else { 6 };
        let work = Duration::from_millis(world.pick(0..longest));
        let site = Site::new(network.clone(), self.segments, work);
        let units = if self.storm {
            world.pick(4..12)
        } else {
            world.pick(1..10)
        };
        let brings_back = self.storm || world.chance(300);
        let counter = design.open(&site, units);
        let play = Rc::new(Play::new(self, counter, units, brings_back, network));
        let before = world.run(Rc::clone(&play).play());
        let (calls, happened) = play.end();
        Run {
            at_rest: calls.len() - before,
            history: History::new(units, calls).expect("virtual time runs forwards"),
            faults,
            happened,
        }
    }
}
