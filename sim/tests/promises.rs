//! Each variant keeps what it promises, and the broken ones are caught.

use segstock_conformance::{History, Options, Promise};
use segstock_sim::judge::{Findings, assert_caught, assert_kept, judge_one};
use segstock_sim::run::run;
use segstock_sim::variants::blocks::Blocks;
use segstock_sim::variants::conditional::Conditional;
use segstock_sim::variants::growing::Growing;
use segstock_sim::variants::guarded::Fencing;
use segstock_sim::variants::one_lock::OneLock;
use segstock_sim::variants::queue::Queue;
use segstock_sim::variants::segment_locks::SegmentLocks;
use segstock_sim::variants::{Counter, Site, Variant};
use std::fs::{self, File};
use std::io::BufReader;
use std::panic::catch_unwind;

#[test]
fn one_lock_with_fencing() {
    assert_kept("one-lock-fenced", &OneLock(Fencing::OfReadsAndWrites));
}

#[test]
fn one_lock_without_fencing_oversells() {
    let lock = OneLock(Fencing::No);
    assert_caught("one-lock-unfenced", &lock, Promise::NeverOversold);
}

/// A token that only writes show lets an overtaken write through, between another's read and write.
#[test]
fn one_lock_with_fenced_writes_only_oversells() {
    let lock = OneLock(Fencing::OfWrites);
    assert_caught("one-lock-fenced-writes", &lock, Promise::NeverOversold);
}

#[test]
fn segment_locks() {
    assert_kept("segment-locks", &SegmentLocks::WalksOn);
}

#[test]
fn segment_locks_refuse_falsely() {
    let falsely = Promise::ExactRefusal;
    assert_caught("segment-locks", &SegmentLocks::WalksOn, falsely);
    assert_caught("segment-locks-one-try", &SegmentLocks::TriesOne, falsely);
}

#[test]
fn growing_counters() {
    assert_kept("growing", &Growing::Exact);
}

#[test]
fn growing_counters_read_the_wrong_way_round_refuse_falsely() {
    let wrong = Growing::AddedFirst;
    assert_caught("growing-added-first", &wrong, Promise::ExactRefusal);
}

#[test]
fn growing_counters_gathered_in_silence_refuse_falsely() {
    let silent = Growing::Silent;
    assert_caught("growing-silent", &silent, Promise::ExactRefusal);
}

#[test]
fn conditional_decrement() {
    assert_kept("conditional", &Conditional::WithKeys);
}

#[test]
fn conditional_decrement_without_keys_takes_twice() {
    let naive = Conditional::WithoutKeys;
    assert_caught("conditional-no-keys", &naive, Promise::Conservation);
}

#[test]
fn queue() {
    assert_kept("queue", &Queue::Counts);
    assert_kept("queue-works", &Queue::Works);
}

#[test]
fn blocks() {
    assert_kept("blocks", &Blocks::WithEpochs);
}

#[test]
fn blocks_refuse_falsely() {
    assert_caught("blocks", &Blocks::WithEpochs, Promise::ExactRefusal);
}

#[test]
fn blocks_without_epochs_oversell() {
    let zombies = Blocks::WithoutEpochs;
    assert_caught("blocks-no-epochs", &zombies, Promise::NeverOversold);
}

#[test]
fn a_seed_is_one_run() {
    for seed in 0..50 {
        assert_eq!(run(&Growing::Exact, seed), run(&Growing::Exact, seed));
        assert_eq!(run(&Queue::Counts, seed), run(&Queue::Counts, seed));
    }
    let two = [run(&Growing::Exact, 1), run(&Growing::Exact, 2)];
    assert_ne!(two[0].history, two[1].history);
}

/// What is kept of a seed that fails is what its replay does.
#[test]
fn a_seed_that_fails_replays() {
    let unfenced = OneLock(Fencing::No);
    let promise = Promise::NeverOversold;
    let judged = |seed| judge_one("one-lock-replay", &unfenced, seed);
    let fails = |findings: &Findings| findings.broken.contains_key(&promise);
    let (seed, first) = (0..)
        .map(|seed| (seed, judged(seed)))
        .find(|(_, findings)| fails(findings))
        .expect("it never ends");
    let evidence = [first, judged(seed)].map(|findings| {
        let evidence = findings.report.evidence(promise).expect("it is broken");
        let history = File::open(evidence.history.as_ref().expect("it is kept")).unwrap();
        let picture = fs::read_to_string(evidence.picture.as_ref().expect("it is drawn"));
        assert_shows(&picture.unwrap(), &evidence.words);
        (
            History::read(BufReader::new(history)).unwrap(),
            evidence.words.clone(),
        )
    });
    assert_eq!(evidence[0], evidence[1]);
    assert_eq!(evidence[0].0, run(&unfenced, seed).history);
}

/// One call is marked, beside the legend's mark, and the words are below.
fn assert_shows(picture: &str, words: &str) {
    assert!(picture.starts_with("<svg") && picture.trim_end().ends_with("</svg>"));
    assert_eq!(picture.matches("stroke-width=\"3\"").count(), 2);
    let first = words.split_whitespace().next().expect("it says why");
    assert!(picture.contains(first), "{picture}");
}

/// A right counter, of whose histories nothing can be found out.
#[derive(Debug)]
struct Hurried;

impl Variant for Hurried {
    fn open(&self, site: &Site, units: u64) -> impl Counter {
        Queue::Counts.open(site, units)
    }

    fn promises(&self) -> Options {
        Queue::Counts.promises().budget(1)
    }
}

#[test]
fn what_cannot_be_decided_is_not_kept() {
    let panic = catch_unwind(|| assert_kept("hurried", &Hurried)).unwrap_err();
    let words = panic.downcast_ref::<String>().expect("it says why");
    let first = "Hurried cannot be decided: replay with SIM_SEED=";
    assert!(words.starts_with(first), "{words}");
}
