//! Mistakes that are put into the database's functions: the crowd's checks find each.

use super::crowd::{Place, Scene, play};
use super::support::Tests;
use segstock_remote::servers::Server;
use std::time::Duration;

pub fn add(tests: &Tests) {
    let add = |name: &str, function, parts, scene: fn() -> Scene| {
        tests.add_behind_proxy(&format!("mistakes::{name}"), move |site, upstream| {
            let place = Place {
                url: site.server.url().to_owned(),
                upstream,
                own: None,
            };
            // Chance has a part in it: most are found by the first or the second.
            let found = (0..12).find_map(|seed| {
                let scene = Scene {
                    seed,
                    mistake: Some((function, parts)),
                    ..scene()
                };
                let found = play(&place, site.runtime, &scene);
                found.wrong.into_iter().next()
            });
            println!("{}", found.expect("the checks find it"));
        });
    };
    add(
        "a_closed_block_that_takes_a_late_batch_is_found",
        "batch_1",
        &[
            ("if not b_open[found_at] then", "if false then"),
            ("is_usual and b_open[i] and", "is_usual and"),
        ],
        stopped,
    );
    add(
        "a_refusal_without_a_row_is_found",
        "prove_1",
        &[
            ("where not judged.is_there and", "where false and"),
            (
                "when refused.id is not null then 'refused'",
                "when true then 'refused'",
            ),
        ],
        short,
    );
    add(
        "a_refusal_by_the_pool_alone_is_found",
        "prove_1",
        &[("where b.sku = p.sku and not b.closed", "where false")],
        short,
    );
    add(
        "a_payment_that_does_not_look_is_found",
        "batch_1",
        &[(
            "item.kind = 'pay' and item.state = 'held'",
            "item.kind = 'pay' and item.state in ('held', 'cancelled', 'expired')",
        )],
        short,
    );
    add(
        "an_order_that_expires_twice_is_found",
        "batch_1",
        &[
            (
                "if item.is_overdue then",
                "if item.is_overdue or item.kind <> 'place' and item.state = 'expired' then",
            ),
            (
                "o.state in ('held', 'paid') and not",
                "o.state in ('held', 'paid', 'expired') and not",
            ),
        ],
        short,
    );
    add(
        "a_late_payment_that_takes_nothing_is_found",
        "move_1",
        &[(
            "filter (where u.origin in ('', 'expired'))",
            "filter (where u.origin = '')",
        )],
        short,
    );
    add(
        "a_hand_back_that_its_block_does_not_count_is_found",
        "batch_1",
        &[("b_back[found_at] := b_back[found_at] + units_of;", "")],
        short,
    );
}

/// A few seconds, without accidents.
fn short() -> Scene {
    Scene {
        customers: 48,
        accidents: false,
        time: Duration::from_secs(5),
        ..Scene::default()
    }
}

/// A node stands still for longer than its lease.
fn stopped() -> Scene {
    Scene {
        time: Duration::from_secs(6),
        ..Scene::default()
    }
}
