//! Faults that happen by themselves: partitions, failovers, and nodes that are stopped.

use crate::network::{Network, Partition};
use crate::world::Place;
use std::time::Duration;

use crate::faults::{Fault, Faults};

/// The longest time between two of them.
const PAUSE: Duration = Duration::from_millis(100);

/// Starts what goes wrong by itself, until [`Network::heal`].
pub(crate) fn start(network: &Network) {
    let world = network.world();
    if network.faults().stops {
        world.spawn_at(Place::Outside, stops(network.clone()));
    }
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

async fn stops(network: Network) {
    let world = network.world();
    loop {
        world.sleep(world.pick_time(Duration::ZERO..PAUSE)).await;
        if !network.faults().stops {
            return;
        }
        let places = network.places();
        let nodes: Vec<_> = (places.into_iter())
            .filter(|place| matches!(place, Place::Node(_)))
            .collect();
        if !nodes.is_empty() {
            let node = nodes[world.pick(0..nodes.len() as u64) as usize];
            world.stop(node, world.pick_time(Duration::ZERO..Faults::STALL));
            network.note(Fault::Stopped);
        }
    }
}
