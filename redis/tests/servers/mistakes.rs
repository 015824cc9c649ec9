//! Mistakes that the judge must find.

use crate::designs::nodes;
use crate::support::{Designs, Site, Tests, connect};
use segstock_conformance::{Options, Promise};
use segstock_redis::{Atomic, Growing, Locked, Pool, Redis, growing};
use segstock_remote::OrderId;
use segstock_remote::servers::mistakes::{Mistake, Mistaken, ReadThenWrite};
use segstock_remote::servers::{Server, assert_breaks, fresh_name};
use std::slice::from_ref;
use std::time::Duration;

pub fn add(tests: &Tests) {
    let designs = Designs::of(tests);
    let (create, open) = (Atomic::create, Atomic::open);
    designs.loses_under_faults("a_retry_without_a_key", create, open, |stock, _| {
        Mistaken::new(stock, Mistake::RetriesWithoutKey)
    });
    designs.loses_under_faults(
        "a_lost_reply_taken_for_a_refusal",
        create,
        open,
        |stock, _| Mistaken::new(stock, Mistake::LostIsRefused),
    );
    designs.loses_under_faults(
        "an_id_forgotten_before_the_last_retry",
        create,
        open,
        forgets,
    );
    tests.add("mistakes::read_then_write_is_found", read_then_write);

    // Holders that work for longer than their lease lasts, and whose writes nobody checks.
    let unfenced = async |redis: &Redis, name: &str, units| {
        let (lease, flow) = (Duration::from_millis(1), Duration::from_millis(4));
        let stock = Locked::create(redis, name, units, 1).await?;
        Ok(stock.lease(lease).flow(flow).without_fencing())
    };
    let oversold = Promise::NeverOversold;
    designs.breaks(
        "a_lock_without_fencing_whose_lease_runs_out",
        oversold,
        unfenced,
    );
    // Segments with a lock each, and a refusal after a walk: what lies in several of them is not sold.
    let walks =
        async |redis: &Redis, name: &str, units| Locked::create(redis, name, units, 4).await;
    designs.breaks("a_walk_that_refuses", Promise::ExactRefusal, walks);
    // Keys whose counters only grow: a refusal without the proof, a proof in the wrong order, a gather that gives nothing back.
    for (what, mistake, promise) in [
        (
            "growing_keys_and_a_walk_that_refuses",
            growing::Mistake::WalkRefuses,
            Promise::ExactRefusal,
        ),
        (
            "growing_keys_whose_proof_reads_added_first",
            growing::Mistake::AddedFirst,
            Promise::ExactRefusal,
        ),
        (
            "growing_keys_and_a_gather_that_keeps_its_pieces",
            growing::Mistake::KeepsPieces,
            Promise::Conservation,
        ),
    ] {
        let wrong = async move |redis: &Redis, name: &str, units| {
            let stock = Growing::create(from_ref(redis), name, units, 4).await?;
            Ok(stock.with_mistake(mistake))
        };
        designs.breaks(what, promise, wrong);
    }
    // Nodes that go on selling from a block which another node has closed.
    let without_epochs = async |redis: &Redis, name: &str, units| {
        nodes(redis, name, units, Pool::without_epochs).await
    };
    designs.breaks("a_block_without_an_epoch", oversold, without_epochs);
}

/// The server forgets an id before the last retry comes.
fn forgets(stock: Atomic, site: &Site<'_>) -> Mistaken<Atomic> {
    let connection = connect(site.server.url(), site.runtime);
    let records = stock.records().to_owned();
    let forget = move |order: OrderId| {
        let (mut connection, mut forget) = (connection.clone(), redis::cmd("DEL"));
        forget.arg(format!("{records}{order}"));
        Box::pin(async move {
            () = forget.query_async(&mut connection).await.unwrap();
        }) as _
    };
    Mistaken::new(stock, Mistake::Forgets(Box::new(forget)))
}

fn read_then_write(site: &Site<'_>) {
    let connection = connect(site.server.url(), site.runtime);
    let promise = Promise::NeverOversold;
    let options = Options::new()
        .rounds(300)
        .name("read then write")
        .most_units(1_000);
    let report = options.stop_when_broken([promise]).check(|units, _| {
        let (key, runtime) = (fresh_name(), site.runtime.clone());
        let write = {
            let (connection, key, runtime) = (connection.clone(), key.clone(), runtime.clone());
            move |left: u64| {
                let mut write = redis::cmd("SET");
                write.arg(&key).arg(left);
                let mut connection = connection.clone();
                () = runtime
                    .block_on(write.query_async(&mut connection))
                    .unwrap();
            }
        };
        write(units);
        let connection = connection.clone();
        let read = move || {
            let mut read = redis::cmd("GET");
            read.arg(&key);
            let mut connection = connection.clone();
            runtime
                .block_on(read.query_async::<u64>(&mut connection))
                .unwrap()
        };
        ReadThenWrite { read, write }
    });
    assert_breaks(&report, promise);
}
