//! Several nodes on one database: the protocol holds, and each of its mistakes is found.

#[allow(dead_code, reason = "each test binary uses a part of it")]
mod judged;

use judged::{assert_kept, seeds};
use segstock_sim::designs::Nodes;
use segstock_sim::{Fault, Findings, Options, Promise, Scene};
use std::panic::catch_unwind;

/// Seeds in which each mistake is found.
const SEEDS: usize = 300;

#[test]
fn nodes_keep_everything() {
    let tried = assert_kept("nodes", &Nodes::Exact);
    assert!(
        !tried.faults.contains_key(&Fault::Deadlock),
        "locks are sorted"
    );
}

#[test]
fn nodes_keep_everything_in_a_storm() {
    let findings = Scene::storm().judge("nodes-storm", &Nodes::Exact, seeds());
    println!("{findings}");
    findings.assert_kept();
    assert_eq!(findings.tried.unknown, 0, "every call is answered");
}

fn judged(name: &'static str, mistake: Nodes) -> Findings {
    let seeds = seeds().into_iter().take(SEEDS);
    let findings = Scene::new().judge_claim(name, &mistake, &Options::new(), seeds);
    println!("{findings}");
    findings
}

#[test]
fn a_closed_block_that_takes_a_late_batch_oversells() {
    let findings = judged("nodes-closed-block-takes", Nodes::ClosedBlockTakes);
    assert!(findings.breaks(Promise::NeverOversold));
}

#[test]
fn a_batch_that_does_not_lock_its_blocks_oversells() {
    let findings = judged("nodes-blocks-not-locked", Nodes::BlocksNotLocked);
    assert!(findings.breaks(Promise::NeverOversold));
}

#[test]
fn a_hand_back_without_a_number_oversells() {
    let findings = judged("nodes-hand-back-again", Nodes::HandBackWithoutNumber);
    assert!(findings.breaks(Promise::NeverOversold));
}

#[test]
fn a_hand_back_in_two_transactions_refuses_falsely() {
    let findings = judged("nodes-hand-back-in-two", Nodes::HandBackInTwo);
    assert!(findings.breaks(Promise::ExactRefusal));
}

#[test]
fn a_refusal_by_own_blocks_alone_is_false() {
    let findings = judged("nodes-own-blocks", Nodes::OwnBlocksAlone);
    assert!(findings.breaks(Promise::ExactRefusal));
}

#[test]
fn a_refusal_by_a_sum_from_before_the_call_is_false() {
    let findings = judged("nodes-proof-before-call", Nodes::ProofBeforeCall);
    assert!(findings.breaks(Promise::ExactRefusal));
}

#[test]
fn an_order_refused_between_two_statements_is_placed() {
    let findings = judged("nodes-two-statements", Nodes::SumAndOrderInTwo);
    assert!(findings.breaks(Promise::Conservation));
}

#[test]
fn a_refused_order_without_a_row_is_placed_later() {
    let findings = judged("nodes-refusal-without-row", Nodes::RefusalWithoutRow);
    assert!(findings.breaks(Promise::Conservation));
}

/// These break no promise: units lie where no node uses them.
#[test]
fn units_that_a_node_forgets_are_found_at_rest() {
    for mistake in [Nodes::LoserKeeps, Nodes::LendNotAdopted] {
        let panic = catch_unwind(|| judged("nodes-forget", mistake)).unwrap_err();
        let words = panic.downcast_ref::<&str>().expect("it says why");
        assert!(
            words.contains("a node's memory differs from its rows"),
            "{words}"
        );
    }
}
