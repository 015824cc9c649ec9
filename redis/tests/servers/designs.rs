//! What every design is tested for: its calls, the suite, and the suite under faults.

use crate::support::{Designs, Tests};
use segstock_conformance::Options;
use segstock_redis::{Atomic, Batched, Growing, Locked, OpenError, Pool, Redis};
use segstock_remote::servers::Nodes;
use std::slice::from_ref;
use std::time::Duration;

/// Keys of a stock that has several.
const PARTS: usize = 4;

pub fn add(tests: &Tests) {
    let (designs, exact) = (Designs::of(tests), Options::new().rounds(30));
    let faults = Options::new().rounds(8).threads(10);
    let kills = Duration::from_secs(3);

    designs.answers("atomic", Atomic::create);
    designs.keeps("atomic", exact.clone(), Atomic::create);
    designs.keeps_under_faults(
        "atomic",
        faults.clone(),
        kills,
        Atomic::create,
        Atomic::open,
    );

    designs.answers("batched", Batched::create);
    designs.keeps("batched", exact.clone(), Batched::create);
    designs.keeps_under_faults(
        "batched",
        faults.clone(),
        kills,
        Batched::create,
        Batched::open,
    );

    let create =
        async |redis: &Redis, name: &str, units| Locked::create(redis, name, units, 1).await;
    let open = async |redis: &Redis, name: &str| Locked::open(redis, name, 1).await;
    designs.answers("locked", create);
    designs.keeps("locked", exact.clone(), create);
    designs.keeps_under_faults("locked", faults.clone(), kills, create, open);

    let create = async |redis: &Redis, name: &str, units| {
        Growing::create(from_ref(redis), name, units, PARTS).await
    };
    let open = async |redis: &Redis, name: &str| Growing::open(from_ref(redis), name).await;
    designs.answers("growing", create);
    designs.keeps("growing", exact.clone(), create);
    designs.keeps_under_faults("growing", faults.clone(), kills, create, open);

    let walks = exact.without_exact_refusals();
    let create =
        async |redis: &Redis, name: &str, units| Locked::create(redis, name, units, PARTS).await;
    designs.keeps("segment_locks", walks.clone(), create);

    let create =
        async |redis: &Redis, name: &str, units| Pool::create(from_ref(redis), name, units).await;
    let open = async |redis: &Redis, name: &str| {
        let node = Pool::open(from_ref(redis), name).await;
        Ok(node?.lease(Duration::from_millis(50)))
    };
    designs.answers("pool", create);
    designs.keeps("pool", walks, async |redis: &Redis, name: &str, units| {
        nodes(redis, name, units, |node| node).await
    });
    let faults = faults.without_exact_refusals();
    designs.keeps_under_faults("pool", faults, kills, create, open);
}

/// Three nodes of one pool, whose leases last for 2 ms.
pub async fn nodes(
    redis: &Redis,
    name: &str,
    units: u64,
    made: impl Fn(Pool) -> Pool,
) -> Result<Nodes<Pool>, OpenError> {
    let mut nodes = vec![Pool::create(from_ref(redis), name, units).await?];
    for _ in 0..2 {
        nodes.push(Pool::open(from_ref(redis), name).await?);
    }
    let short = |node: Pool| made(node.lease(Duration::from_millis(2)));
    Ok(Nodes::new(nodes.into_iter().map(short).collect()))
}
