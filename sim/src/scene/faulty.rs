//! Faults that happen by themselves: partitions and failovers.

use crate::network::{Network, Partition};
use crate::world::Place;
use std::time::Duration;

use crate::faults::Faults;

/// The longest time between two of them.
const PAUSE: Duration = Duration::from_millis(100);

/// Starts what goes wrong by itself, until [`Network::heal`].
pub(super) fn start(network: &Network) {
    let world = network.world();
    if network.faults().partitions {
        world.spawn_at(Place::Outside, partitions(network.clone()));
    }
    if network.faults().failovers {
        world.spawn_at(Place::Outside, failovers(network.clone()));
    }
}

async fn partitions(network: Network) {
    let world = network.world();
    loop {
        world.sleep(world.pick_time(Duration::ZERO..PAUSE)).await;
        if !network.faults().partitions {
            return;
        }
        network.cut(Partition::drawn(world, &network.places()));
        world
            .sleep(world.pick_time(Duration::ZERO..Faults::CUT))
            .await;
        network.mend();
    }
}

async fn failovers(network: Network) {
    let world = network.world();
    loop {
        world.sleep(world.pick_time(Duration::ZERO..PAUSE)).await;
        if !network.faults().failovers {
            return;
        }
        let places = network.places();
        let servers: Vec<_> = (places.into_iter())
            .filter(|place| matches!(place, Place::Server(_)))
            .collect();
        if !servers.is_empty() {
            network.fail_over(servers[world.pick(0..servers.len() as u64) as usize]);
        }
    }
}
