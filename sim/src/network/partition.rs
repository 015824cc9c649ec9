//! [`Partition`]: which messages a cut network does not carry.

use crate::world::{Place, World};
use std::collections::BTreeSet;

/// A cut through the network. It reaches no message from or to [`Place::Outside`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Partition {
    /// Messages of these places to the others are lost; messages of the others arrive.
    OneWay(BTreeSet<Place>),
    /// Messages between these places and the others are lost.
    BothWays(BTreeSet<Place>),
    /// Messages between two groups are lost. A place in no group reaches all.
    Groups(Vec<BTreeSet<Place>>),
}

impl Partition {
    /// A random partition of `places`, of a random kind.
    #[must_use]
    pub fn drawn(world: &World, places: &[Place]) -> Self {
        match world.pick(0..3) {
            0 => Self::OneWay(some_of(world, places)),
            1 => Self::BothWays(some_of(world, places)),
            _ => {
                let mut groups = vec![BTreeSet::new(); 3];
                for &place in places {
                    groups[world.pick(0..3) as usize].insert(place);
                }
                Self::Groups(groups)
            }
        }
    }

    /// Whether a message from `from` to `to` is lost.
    pub(super) fn parts(&self, from: Place, to: Place) -> bool {
        if from == to || [from, to].contains(&Place::Outside) {
            return false;
        }
        match self {
            Self::OneWay(cut) => cut.contains(&from) && !cut.contains(&to),
            Self::BothWays(cut) => cut.contains(&from) != cut.contains(&to),
            Self::Groups(groups) => {
                let group = |place| groups.iter().position(|group| group.contains(place));
                match (group(&from), group(&to)) {
                    (Some(from), Some(to)) => from != to,
                    _ => false,
                }
            }
        }
    }
}

fn some_of(world: &World, places: &[Place]) -> BTreeSet<Place> {
    let chosen = places.iter().filter(|_| world.chance(300));
    chosen.copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NODE: Place = Place::Node(0);
    const OTHER: Place = Place::Node(1);
    const SERVER: Place = Place::Server(0);

    #[test]
    fn one_way_loses_only_what_the_cut_places_send() {
        let cut = Partition::OneWay([NODE].into());
        assert!(cut.parts(NODE, SERVER) && cut.parts(NODE, OTHER));
        assert!(!cut.parts(SERVER, NODE) && !cut.parts(OTHER, SERVER));
    }

    #[test]
    fn both_ways_loses_requests_and_replies() {
        let cut = Partition::BothWays([NODE].into());
        assert!(cut.parts(NODE, SERVER) && cut.parts(SERVER, NODE));
        assert!(!cut.parts(OTHER, SERVER) && !cut.parts(NODE, Place::Outside));
    }

    #[test]
    fn groups_lose_what_goes_from_one_to_another() {
        let cut = Partition::Groups(vec![[NODE].into(), [OTHER].into()]);
        assert!(cut.parts(NODE, OTHER) && cut.parts(OTHER, NODE));
        assert!(!cut.parts(NODE, SERVER) && !cut.parts(SERVER, OTHER));
    }
}
