//! The designs beside `Atomic`: what their calls answer, and what the judge says of them.

use crate::support::{Site, Tests, judged, name, redis};
use segstock_conformance::Options;
use segstock_redis::{Batched, Locked, Redis};
use segstock_remote::RemoteStock;
use segstock_remote::servers::{Server, contract};

pub fn add(tests: &Tests) {
    let exact = Options::new().rounds(30);
    let batched = async |server: &Redis, name: &str, units| {
        Batched::create(server, name, units).await.unwrap()
    };
    calls_are_answered("batched", tests, batched);
    the_suite_says_kept("batched", tests, exact.clone(), batched);
    let locked = async |server: &Redis, name: &str, units| {
        Locked::create(server, name, units, 1).await.unwrap()
    };
    calls_are_answered("locked", tests, locked);
    the_suite_says_kept("locked", tests, exact.clone(), locked);
    let segments = async |server: &Redis, name: &str, units| {
        Locked::create(server, name, units, 4).await.unwrap()
    };
    let walks = exact.without_exact_refusals();
    the_suite_says_kept("segment_locks", tests, walks, segments);
}

fn calls_are_answered<S: RemoteStock + 'static>(
    what: &'static str,
    tests: &Tests,
    create: impl AsyncFn(&Redis, &str, u64) -> S + Copy + Send + 'static,
) {
    let test = format!("{what}::calls_are_answered");
    tests.add(&test, move |site: &Site<'_>| {
        let server = redis(site.server.url());
        let open = async |units| create(&server, &name(), units).await;
        site.runtime.block_on(contract::of_stock(open));
    });
}

fn the_suite_says_kept<S: RemoteStock + 'static>(
    what: &'static str,
    tests: &Tests,
    options: Options,
    create: impl AsyncFn(&Redis, &str, u64) -> S + Copy + Send + 'static,
) {
    let test = format!("{what}::the_suite_says_kept");
    tests.add(&test, move |site: &Site<'_>| {
        let server = redis(site.server.url());
        let report = options.name(what).check(|units, _| {
            let stock = site.runtime.block_on(create(&server, &name(), units));
            judged(stock, site.runtime)
        });
        println!("{report}");
        report.assert_kept();
    });
}
