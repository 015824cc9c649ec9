//! The designs beside `Row`: what their calls answer, and what the judge says of them.

use crate::support::{Site, Tests, database, judged, name};
use segstock_conformance::Options;
use segstock_postgres::{Batched, Postgres, Rows};
use segstock_remote::RemoteStock;
use segstock_remote::servers::contract;

/// Rows of a stock that has several.
pub const PARTS: usize = 5;

pub fn add(tests: &Tests) {
    design("rows", tests, async |postgres, name, units| {
        Rows::create(postgres, name, units, PARTS).await.unwrap()
    });
    design("batched", tests, async |postgres, name, units| {
        Batched::create(postgres, name, units).await.unwrap()
    });
}

fn design<S: RemoteStock + 'static>(
    what: &'static str,
    tests: &Tests,
    create: impl AsyncFn(&Postgres, &str, u64) -> S + Copy + Send + 'static,
) {
    tests.add(
        &format!("{what}::calls_are_answered"),
        move |site: &Site<'_>| {
            let postgres = database(site);
            let open = async |units| create(&postgres, &name(), units).await;
            site.runtime.block_on(contract::of_stock(open));
        },
    );
    tests.add(
        &format!("{what}::the_suite_says_kept"),
        move |site: &Site<'_>| {
            let postgres = database(site);
            let report = Options::new().rounds(30).name(what).check(|units, _| {
                let stock = site.runtime.block_on(create(&postgres, &name(), units));
                judged(stock, site.runtime)
            });
            println!("{report}");
            report.assert_kept();
        },
    );
}
