//! Each design keeps what it promises, and each mistake is caught.

mod judged;

use judged::{assert_caught, assert_kept};
use segstock_conformance::History;
use segstock_sim::designs::{
    Blocks, Conditional, Fencing, Growing, Numbered, OneLock, Queue, Rows, SegmentLocks, Standby,
};
use segstock_sim::{Counter, Design, Fault, Findings, Options, Promise, Scene, Site};
use std::fs::{self, File};
use std::io::BufReader;
use std::panic::catch_unwind;

#[test]
fn one_lock_with_fencing_keeps_everything() {
    let lock = OneLock(Fencing::OfReadsAndWrites);
    let tried = assert_kept("one-lock-fenced", &lock);
    judged::assert_happened(&tried, Fault::LeaseRanOut);
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
fn one_lock_fenced_by_clock_oversells_where_clocks_drift() {
    let lock = OneLock(Fencing::ByClock);
    let right = Scene::new().with_faults(|faults| faults.drift = None);
    (right.judge("one-lock-by-right-clock", &lock, judged::seeds())).assert_kept();
    assert_caught("one-lock-by-clock", &lock, Promise::NeverOversold);
}

#[test]
fn segment_locks_keep_all_but_exact_refusals() {
    let tried = assert_kept("segment-locks", &SegmentLocks::WalksOn);
    judged::assert_happened(&tried, Fault::LeaseRanOut);
}

#[test]
fn segment_locks_refuse_falsely() {
    let falsely = Promise::ExactRefusal;
    assert_caught("segment-locks", &SegmentLocks::WalksOn, falsely);
    assert_caught("segment-locks-one-try", &SegmentLocks::TriesOne, falsely);
}

#[test]
fn growing_counters_keep_everything() {
    assert_kept("growing", &Growing::Exact);
    assert_kept("growing-one-server", &Growing::OneServer);
}

#[test]
fn growing_counters_read_in_the_wrong_order_refuse_falsely() {
    let wrong = Growing::AddedFirst;
    assert_caught("growing-added-first", &wrong, Promise::ExactRefusal);
}

#[test]
fn growing_counters_gathered_without_announcement_refuse_falsely() {
    let silent = Growing::Silent;
    assert_caught("growing-silent", &silent, Promise::ExactRefusal);
}

#[test]
fn a_conditional_decrement_keeps_everything() {
    assert_kept("conditional", &Conditional::WithKeys);
}

#[test]
fn a_conditional_decrement_without_idempotency_keys_takes_twice() {
    let naive = Conditional::WithoutKeys;
    assert_caught("conditional-no-keys", &naive, Promise::Conservation);
}

#[test]
fn a_conditional_decrement_oversells_where_a_failover_undoes_what_was_answered() {
    let asynchronous = Conditional::Asynchronous;
    let never = Scene::new().with_faults(|faults| faults.failovers = false);
    (never.judge("conditional-no-failover", &asynchronous, judged::seeds())).assert_kept();
    assert_caught(
        "conditional-asynchronous",
        &asynchronous,
        Promise::NeverOversold,
    );
}

#[test]
fn a_queue_keeps_everything() {
    assert_kept("queue", &Queue::Counts);
    assert_kept("queue-in-batches", &Queue::CountsInBatches);
    assert_kept("queue-works", &Queue::Works);
}

#[test]
fn rows_with_transactions_keep_everything() {
    assert_kept("one-row", &Rows::One);
    let sorted = assert_kept("rows", &Rows::Many);
    assert!(!sorted.faults.contains_key(&Fault::Deadlock));
}

#[test]
fn rows_locked_in_any_order_run_into_deadlocks() {
    let unsorted = assert_kept("rows-unsorted", &Rows::Unsorted);
    judged::assert_happened(&unsorted, Fault::Deadlock);
}

#[test]
fn a_select_that_decides_before_an_update_oversells() {
    let racing = Rows::SelectThenSet;
    assert_caught("rows-select-then-set", &racing, Promise::NeverOversold);
}

#[test]
fn a_numbered_queue_keeps_everything() {
    assert_kept("numbered", &Numbered::ByRow);
}

#[test]
fn a_queue_numbered_by_a_sequence_oversells() {
    let skips = Numbered::BySequence;
    assert_caught("numbered-by-sequence", &skips, Promise::NeverOversold);
}

#[test]
fn a_standby_that_confirms_keeps_everything() {
    assert_kept("standby", &Standby::Confirmed);
}

#[test]
fn a_primary_that_goes_on_alone_oversells_in_a_partition() {
    let alone = Standby::AloneIfCutOff;
    let whole = Scene::new().with_faults(|faults| {
        (faults.partitions, faults.failovers) = (false, false);
    });
    (whole.judge("standby-without-partitions", &alone, judged::seeds())).assert_kept();
    assert_caught("standby-alone", &alone, Promise::NeverOversold);
}

#[test]
fn a_storm_finds_sums_of_different_instants() {
    // Mistakes in 3 and in 61 of them.
    let seeds = || 0..1_000;
    let rows = |design: Rows| Scene::storm().judge("storm-rows", &design, seeds());
    rows(Rows::Many).assert_kept();
    assert!(rows(Rows::SumByStatements).breaks(Promise::ExactRefusal));
    let growing = |design: Growing| Scene::storm().judge("storm-growing", &design, seeds());
    growing(Growing::Exact).assert_kept();
    assert!(growing(Growing::AddedFirst).breaks(Promise::ExactRefusal));
}

#[test]
fn blocks_keep_all_but_exact_refusals() {
    assert_kept("blocks", &Blocks::WithEpochs);
}

#[test]
fn blocks_refuse_falsely() {
    assert_caught("blocks", &Blocks::WithEpochs, Promise::ExactRefusal);
}

#[test]
fn blocks_without_epochs_oversell() {
    let open = Blocks::WithoutEpochs;
    assert_caught("blocks-no-epochs", &open, Promise::NeverOversold);
}

#[test]
fn a_seed_is_one_run() {
    let scene = Scene::new();
    for seed in 0..50 {
        let run = |design| scene.run(&design, seed);
        assert_eq!(run(Growing::Exact), run(Growing::Exact));
        let run = |design| scene.run(&design, seed);
        assert_eq!(run(Queue::Counts), run(Queue::Counts));
    }
    let two = [1, 2].map(|seed| scene.run(&Growing::Exact, seed));
    assert_ne!(two[0].history, two[1].history);
}

/// The evidence of a seed that fails is what its replay does.
#[test]
fn a_seed_that_fails_replays() {
    let unfenced = OneLock(Fencing::No);
    let promise = Promise::NeverOversold;
    let judged = |seed| {
        let all = Options::new();
        Scene::new().judge_claim("one-lock-replay", &unfenced, &all, [seed])
    };
    let (seed, first) = (0..)
        .map(|seed| (seed, judged(seed)))
        .find(|(_, findings): &(u64, Findings)| findings.breaks(promise))
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
    assert_eq!(evidence[0].0, Scene::new().run(&unfenced, seed).history);
}

/// One call is marked, beside the legend's mark, and the words are below.
fn assert_shows(picture: &str, words: &str) {
    assert!(picture.starts_with("<svg") && picture.trim_end().ends_with("</svg>"));
    assert_eq!(picture.matches("stroke-width=\"3\"").count(), 2);
    let first = words.split_whitespace().next().expect("it says why");
    assert!(picture.contains(first), "{picture}");
}

/// A right counter whose histories the judge has no budget to decide.
#[derive(Debug)]
struct Hurried;

impl Design for Hurried {
    fn open(&self, site: &Site, units: u64) -> impl Counter {
        Queue::Counts.open(site, units)
    }

    fn promises(&self) -> Options {
        Queue::Counts.promises().budget(1)
    }
}

#[test]
fn undecided_is_not_kept() {
    let findings = Scene::new().judge("hurried", &Hurried, 0..100);
    let panic = catch_unwind(|| findings.assert_kept()).unwrap_err();
    let words = panic.downcast_ref::<String>().expect("it says why");
    let first = "hurried cannot be decided under seed ";
    assert!(words.starts_with(first), "{words}");
}
