//! Small worlds on a ledger with faults: nothing that was answered is lost, and nothing is sold twice.

use crate::mistakes::Mistake;
use crate::world::World;
use std::time::{Duration, Instant};

const SEEDS: u64 = 10_000;
/// Every mistake is found in fewer.
const SEEDS_OF_A_MISTAKE: u64 = 1_000;

#[test]
fn no_seed_breaks_a_promise() {
    let mut answered = 0;
    let mut lives = 0;
    let mut lists = 0;
    let mut openings_refused = 0;
    let began = Instant::now();
    for seed in 0..SEEDS {
        let played = World::play(seed, None);
        assert_eq!(played.found, None, "seed {seed}");
        answered += played.answered;
        lives += played.lives;
        lists += played.lists;
        openings_refused += played.openings_refused;
    }
    let took = began.elapsed();
    println!(
        "{answered} answers, {lists} lists, {lives} lives of a book and {openings_refused} refused in {SEEDS} worlds, {took:.1?}"
    );
    assert!(took < Duration::from_secs(60), "{took:?}");
    assert!(answered > 3 * SEEDS, "the worlds do something");
    assert!(lives > SEEDS, "books are recovered in them");
    assert!(lists > SEEDS / 4, "calls are decided together in them");
    assert!(
        openings_refused > SEEDS / 200,
        "others write while books are recovered"
    );
}

#[test]
fn every_mistake_is_found() {
    let mut missed = Vec::new();
    for mistake in Mistake::ALL {
        let plays = (0..SEEDS_OF_A_MISTAKE).map(|seed| (seed, World::play(seed, Some(mistake))));
        let mut found = plays.filter_map(|(seed, played)| Some((seed, played.found?)));
        let mut found = found
            .by_ref()
            .filter(|(_, finding)| mistake.explains(finding));
        match found.next() {
            Some((seed, finding)) => {
                let others = found.count();
                println!("{mistake:?}: seed {seed}, and {others} others: {finding}");
            }
            None => missed.push(mistake),
        }
    }
    assert!(missed.is_empty(), "not found: {missed:?}");
}
