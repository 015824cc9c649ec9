//! Each variant keeps what it promises, and the broken ones are caught.

use super::judge::{assert_caught, assert_kept};
use super::run::run;
use super::variants::blocks::Blocks;
use super::variants::conditional::Conditional;
use super::variants::growing::Growing;
use super::variants::guarded::Fencing;
use super::variants::one_lock::OneLock;
use super::variants::queue::Queue;
use super::variants::segment_locks::SegmentLocks;
use segstock::conformance::Promise;

#[test]
fn one_lock_with_fencing() {
    assert_kept("one lock, fenced", &OneLock(Fencing::OfReadsAndWrites));
}

#[test]
fn one_lock_without_fencing_oversells() {
    let lock = OneLock(Fencing::No);
    assert_caught("one lock, unfenced", &lock, Promise::NeverOversold);
}

/// A token that only writes show lets an overtaken write through, between another's read and write.
#[test]
fn one_lock_with_fenced_writes_only_oversells() {
    let lock = OneLock(Fencing::OfWrites);
    assert_caught("one lock, fenced writes", &lock, Promise::NeverOversold);
}

#[test]
fn segment_locks() {
    assert_kept("segment locks", &SegmentLocks::WalksOn);
}

#[test]
fn segment_locks_refuse_falsely() {
    let all = SegmentLocks::WalksOn;
    let all = assert_caught("segment locks", &all, Promise::ExactRefusal);
    let one = SegmentLocks::TriesOne;
    let one = assert_caught("segment locks, one try", &one, Promise::ExactRefusal);
    let seeds = |findings: &super::judge::Findings| {
        findings
            .broken
            .get(&Promise::ExactRefusal)
            .map_or(0, Vec::len)
    };
    assert!(seeds(&all) <= seeds(&one), "walking on serves some of them");
}

#[test]
fn growing_counters() {
    assert_kept("growing counters", &Growing::Exact);
}

#[test]
fn growing_counters_read_the_wrong_way_round_refuse_falsely() {
    let wrong = Growing::AddedFirst;
    assert_caught("growing, added first", &wrong, Promise::ExactRefusal);
}

#[test]
fn growing_counters_gathered_in_silence_refuse_falsely() {
    let silent = Growing::Silent;
    assert_caught("growing, silent", &silent, Promise::ExactRefusal);
}

#[test]
fn conditional_decrement() {
    assert_kept("conditional decrement", &Conditional::WithKeys);
}

#[test]
fn conditional_decrement_without_keys_takes_twice() {
    let naive = Conditional::WithoutKeys;
    assert_caught("conditional, no keys", &naive, Promise::Conservation);
}

#[test]
fn queue() {
    assert_kept("queue", &Queue::Counts);
    assert_kept("queue, works", &Queue::Works);
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
    assert_caught("blocks, no epochs", &zombies, Promise::NeverOversold);
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
