//! Several nodes on one database: the protocol holds, and each of its mistakes is found.

#[allow(dead_code, reason = "each test binary uses a part of it")]
mod judged;

use judged::{assert_kept, seeds};
use segstock_sim::designs::Nodes;
use segstock_sim::designs::nodes::{Broken, Found, Sale};
use segstock_sim::{Fault, Promise, Scene};

/// Sales in which each mistake is found, at the latest.
const SEEDS: u64 = 500;

const OVERSOLD: Broken = Broken::Promise(Promise::NeverOversold);
const REFUSED_FALSELY: Broken = Broken::Promise(Promise::ExactRefusal);

#[test]
fn nodes_keep_everything_as_a_counter() {
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

fn kept(name: &'static str, sale: &Sale, seeds: impl IntoIterator<Item = u64>) -> Found {
    let found = sale.judge(name, Nodes::Exact, seeds);
    println!("{found}");
    found.assert_kept();
    found
}

#[test]
fn sales_keep_everything() {
    let more = seeds().into_iter().chain(1_000_000..1_000_200);
    let found = kept("sale", &Sale::new(), more);
    if found.runs > 1_000 {
        use Fault::{Crashed, Cut, FailedOver, Late, Lost, Repeated, Stalled, Stopped};
        for fault in [
            Lost, Repeated, Late, Cut, Stalled, Stopped, Crashed, FailedOver,
        ] {
            assert!(found.faults.contains_key(&fault), "never {fault:?}");
        }
    }
}

#[test]
fn sales_keep_everything_where_every_message_comes_twice_and_late() {
    let sale = Sale::new().with_faults(|faults| {
        (faults.repeated, faults.late) = (1_000, 400);
    });
    let _ = kept("sale-copies", &sale, seeds().into_iter().take(200));
}

#[test]
fn nodes_that_are_slower_than_their_lease_keep_everything() {
    let found = kept("sale-slow", &slow(), seeds().into_iter().take(200));
    assert!(found.faults.contains_key(&Fault::Stopped));
}

#[test]
fn a_storm_of_sales_keeps_everything_and_answers_soon() {
    let found = kept("sale-storm", &Sale::storm(), seeds());
    assert!(found.longest <= Sale::LONGEST);
    let found = kept("sale-large", &Sale::large(), seeds().into_iter().take(300));
    assert!(found.longest <= Sale::LONGEST);
}

#[test]
fn a_storm_of_refusals_costs_a_statement_at_a_time_for_each_node() {
    let _ = kept("sold-out", &Sale::sold_out(), seeds().into_iter().take(200));
}

#[test]
fn sales_keep_everything_where_nodes_crash_and_messages_are_late() {
    let _ = kept("sale-rough", &rough(), seeds().into_iter().take(200));
}

#[test]
fn sales_keep_everything_where_many_messages_are_lost() {
    let _ = kept("sale-lossy", &lossy(), seeds().into_iter().take(200));
}

/// The mistake is found.
#[track_caller]
fn finds(name: &'static str, sale: &Sale, mistake: Nodes, broken: &[Broken]) {
    let mut missing = broken.to_vec();
    // Most are found soon.
    for seeds in [0..SEEDS / 10, SEEDS / 10..SEEDS] {
        let found = sale.judge(name, mistake, seeds);
        println!("{found}");
        missing.retain(|broken| found.seeds(*broken).count() == 0);
        if missing.is_empty() {
            return;
        }
    }
    panic!("{missing:?} is not found");
}

/// Nodes are stopped, or cut off, for longer than their lease; none crashes.
fn slow() -> Sale {
    Sale::new().with_faults(|faults| {
        (faults.stops, faults.partitions, faults.failovers) = (true, true, false);
        (faults.stalls, faults.crashes) = (100, 0);
    })
}

/// Messages come twice and late, nodes are stopped and crash.
fn rough() -> Sale {
    Sale::new().with_faults(|faults| {
        (faults.repeated, faults.late) = (500, 300);
        (faults.stops, faults.crashes) = (true, 300);
    })
}

/// Many messages are lost.
fn lossy() -> Sale {
    Sale::new().with_faults(|faults| faults.lost = 250)
}

#[test]
fn blocks_without_epochs_are_found() {
    finds(
        "blocks-without-epochs",
        &rough(),
        Nodes::BlocksWithoutEpochs,
        &[OVERSOLD, Broken::Audit],
    );
}

#[test]
fn a_closed_block_that_takes_a_late_batch_oversells() {
    finds(
        "closed-block-takes",
        &slow(),
        Nodes::ClosedBlockTakes,
        &[OVERSOLD],
    );
}

#[test]
fn a_batch_that_does_not_lock_its_blocks_oversells() {
    finds(
        "blocks-not-locked",
        &slow(),
        Nodes::BlocksNotLocked,
        &[OVERSOLD],
    );
}

#[test]
fn locks_that_are_not_sorted_run_into_deadlocks() {
    finds(
        "locks-unsorted",
        &Sale::storm(),
        Nodes::LocksUnsorted,
        &[Broken::Deadlock],
    );
}

#[test]
fn a_late_copy_of_open_ends_the_newer_session() {
    finds(
        "open-without-look",
        &rough(),
        Nodes::OpenWithoutLook,
        &[Broken::TryAgain],
    );
}

#[test]
fn a_batch_that_is_taken_for_failed_is_found() {
    finds(
        "batch-taken-for-failed",
        &rough(),
        Nodes::BatchTakenForFailed,
        &[Broken::MemoryDiffers],
    );
}

#[test]
fn a_batch_whose_number_is_taken_and_that_is_read_is_found() {
    finds(
        "void-is-read",
        &lossy(),
        Nodes::VoidIsRead,
        &[Broken::MemoryDiffers],
    );
}

#[test]
fn a_number_that_is_taken_from_a_batch_that_is_there_is_found() {
    finds(
        "void-that-is-written",
        &rough(),
        Nodes::VoidThatIsWritten,
        &[Broken::MemoryDiffers],
    );
}

#[test]
fn a_hand_back_without_a_number_oversells() {
    finds(
        "hand-back-again",
        &rough(),
        Nodes::HandBackWithoutNumber,
        &[OVERSOLD],
    );
}

#[test]
fn a_hand_back_in_two_transactions_refuses_falsely() {
    finds(
        "hand-back-in-two",
        &Sale::new(),
        Nodes::HandBackInTwo,
        &[REFUSED_FALSELY],
    );
}

#[test]
fn a_refusal_by_own_blocks_alone_is_false() {
    finds(
        "own-blocks",
        &Sale::storm(),
        Nodes::OwnBlocksAlone,
        &[REFUSED_FALSELY],
    );
}

#[test]
fn a_refusal_by_a_proof_from_before_the_call_is_false() {
    finds(
        "proof-before-call",
        &Sale::storm(),
        Nodes::ProofBeforeCall,
        &[REFUSED_FALSELY],
    );
}

#[test]
fn an_order_that_is_refused_between_two_statements_is_placed() {
    finds(
        "two-statements",
        &rough(),
        Nodes::SumAndOrderInTwo,
        &[Broken::AnswerChanged],
    );
}

#[test]
fn a_refusal_that_does_not_look_for_overdue_orders_is_false() {
    finds(
        "proof-does-not-expire",
        &Sale::new(),
        Nodes::ProofDoesNotExpire,
        &[REFUSED_FALSELY],
    );
}

#[test]
fn a_proof_for_each_call_floods_the_database() {
    finds(
        "proof-for-each",
        &Sale::sold_out(),
        Nodes::ProofForEachCall,
        &[Broken::ManyProofs],
    );
}

#[test]
fn a_refused_order_without_a_row_is_placed_later() {
    finds(
        "refusal-without-row",
        &rough(),
        Nodes::RefusalWithoutRow,
        &[Broken::AnswerChanged],
    );
}

#[test]
fn a_cancelled_order_without_a_row_is_placed_later() {
    finds(
        "cancel-without-row",
        &Sale::new(),
        Nodes::CancelWithoutRow,
        &[Broken::AnswerChanged],
    );
}

#[test]
fn an_expiry_that_is_applied_twice_oversells() {
    finds(
        "expiry-twice",
        &Sale::new(),
        Nodes::ExpiryTwice,
        &[OVERSOLD, Broken::Audit],
    );
}

#[test]
fn an_expiry_that_memory_decides_oversells() {
    let broken = [OVERSOLD, Broken::Audit];
    finds(
        "expiry-by-memory",
        &Sale::new(),
        Nodes::ExpiryServedByMemory,
        &broken,
    );
}

#[test]
fn a_payment_that_does_not_look_oversells() {
    let broken = [OVERSOLD, Broken::AnswerChanged, Broken::Audit];
    finds(
        "payment-does-not-look",
        &Sale::new(),
        Nodes::PaymentDoesNotLook,
        &broken,
    );
}

#[test]
fn units_that_go_back_to_a_closed_block_are_lost() {
    finds(
        "back-to-origin",
        &Sale::new(),
        Nodes::BackToOrigin,
        &[Broken::Audit],
    );
}

#[test]
fn units_that_a_node_forgets_are_found_at_rest() {
    let broken = [Broken::MemoryDiffers];
    finds("loser-keeps", &rough(), Nodes::LoserKeeps, &broken);
    finds("lend-not-adopted", &rough(), Nodes::LendNotAdopted, &broken);
}

#[test]
fn an_asker_that_keeps_what_it_has_waits_long() {
    finds(
        "asker-keeps",
        &Sale::large(),
        Nodes::AskerKeeps,
        &[Broken::TooLong],
    );
}

#[test]
fn lines_that_are_kept_aside_wait_for_each_other() {
    finds(
        "lines-kept-aside",
        &Sale::large(),
        Nodes::LinesKeptAside,
        &[Broken::TooLong],
    );
}

#[test]
fn safety_stock_that_is_lent_oversells() {
    finds("safety-lent", &Sale::new(), Nodes::SafetyLent, &[OVERSOLD]);
}
