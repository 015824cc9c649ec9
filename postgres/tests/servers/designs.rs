//! What every design is tested for: its calls, the suite, and the suite under faults.

use crate::support::{Designs, Tests};
use segstock_conformance::Options;
use segstock_postgres::{Batched, Locked, Pool, Postgres, Row, Rows};
use segstock_remote::servers::Nodes;
use std::time::Duration;

/// Rows of a stock that has several.
const PARTS: usize = 5;

pub fn add(tests: &Tests) {
    let (designs, exact) = (Designs::of(tests), Options::new().rounds(30));
    let faults = Options::new().rounds(8).threads(10);
    let kills = Duration::from_secs(4);

    designs.answers("row", Row::create);
    designs.keeps("row", exact.clone(), Row::create);
    designs.keeps_under_faults("row", faults.clone(), kills, Row::create, Row::open);

    let create = async |postgres: &Postgres, name: &str, units| {
        Rows::create(postgres, name, units, PARTS).await
    };
    designs.answers("rows", create);
    designs.keeps("rows", exact.clone(), create);
    designs.keeps_under_faults("rows", faults.clone(), kills, create, Rows::open);

    designs.answers("batched", Batched::create);
    designs.keeps("batched", exact.clone(), Batched::create);
    designs.keeps_under_faults(
        "batched",
        faults.clone(),
        kills,
        Batched::create,
        Batched::open,
    );

    let create = async |postgres: &Postgres, name: &str, units| {
        Locked::create(postgres, name, units, 1).await
    };
    designs.answers("locked", create);
    designs.keeps("locked", exact.clone(), create);
    designs.keeps_under_faults("locked", faults.clone(), kills, create, Locked::open);
    let walks = exact.clone().without_exact_refusals();
    let create = async |postgres: &Postgres, name: &str, units| {
        Locked::create(postgres, name, units, PARTS).await
    };
    designs.keeps("segment_locks", walks, create);

    designs.answers("pool", Pool::create);
    designs.keeps(
        "pool",
        exact,
        async |postgres: &Postgres, name: &str, units| {
            let mut nodes = vec![Pool::create(postgres, name, units).await?];
            for _ in 0..2 {
                nodes.push(Pool::open(postgres, name).await?);
            }
            Ok(Nodes::new(nodes))
        },
    );
    designs.keeps_under_faults("pool", faults, kills, Pool::create, Pool::open);
}
