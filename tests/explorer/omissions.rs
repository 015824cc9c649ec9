//! The steps of the protocol that can be taken out, each by itself, with a scenario that then fails.
//!
//! What sequentially consistent accesses cannot show is not among them; loom shows it:
//!
//! - the fence of the proof, and that the word is read after it (but it must be read between the two passes),
//! - the read-modify-writes that settle `added` and `returned`, in place of loads,
//! - every memory ordering.
//!
//! Nor is what needs numbers that no byte holds: the checks near the limit, and a reserve that is too large for
//! the word's field. Nor what costs time and no promise: that a put leaves a segment alone while somebody is
//! proving, that a proof which fails ends *proving*, that a thread whose segment is contended sits elsewhere. Nor
//! what no promise rests on any more: a take may read `taken` after what came, since it finds too few units then
//! and asks the proof; a snapshot may read `noted` once, since it looks again if anything was taken.

/// Defines the steps, and the list of all of them.
macro_rules! omissions {
    ($($(#[$about:meta])* $name:ident: $scenario:ident,)*) => {
        /// A step, or an order of two, that is taken out.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Omission {
            $($(#[$about])* $name,)*
        }

        impl Omission {
            /// All steps, each with the name of a scenario that fails without it.
            pub const ALL: &[(Self, &str)] = &[$((Self::$name, stringify!($scenario))),*];
        }
    };
}

omissions! {
    /// One move at a time: the cold mutex.
    OneMoveAtATime: narrowings,

    // Announcements.
    GatherAnnounces: gather_fails,
    GatherPutsBackBeforeItCloses: gather_fails,
    GatherCloses: gather_served,
    UpToAnnounces: up_to_against_deduct,
    DrainingAnnounces: narrowing_against_take,
    DrainingPutsBeforeItCloses: narrowing_against_take,
    WhatIsNotTakenIsClosed: narrowing_against_take,
    WideningAnnounces: widening_against_refusal,
    WideningPutsBeforeItCloses: widening_against_refusal,
    TurningOverAnnounces: snapshot_turns_over_beside_refusals,

    // Proofs.
    ProofReadsTakenFirst: gather_fails,
    ProofReadsWordBeforeCame: proof_over_both,
    ProofReadsWordAfterTaken: narrowing_against_take,
    GatherProvesItsRefusal: gather_of_moving_units,
    UpToProvesThatItWasAll: up_to_of_moving_units,
    GatherLeavesANarrowWordAlone: gather_in_narrow,

    // Second looks.
    PutLooksAgain: narrowing_against_put,
    TakeLooksAgain: late_take_then_refusal,
    ReserveLooksAgain: late_reserve_then_refusal,
    ReleaseLooksAgain: narrowing_against_first_release,

    // Narrowing.
    ProvingIsSet: narrowing_against_put,
    SegmentsAreProvedEmpty: snapshot_against_puts,
    NarrowingAsksWhetherItWasCancelled: narrowing_against_put,

    // What a snapshot keeps.
    WhatIsMovedIsNoRestock: gather_fails,
    WhatIsReleasedIsNoRestock: halves_of_a_wide_reservation,
    GatherNotesWhatItReserves: reserve_up_to_beside_snapshot,
    ReservedIsNoted: reserve_beside_reserve,
    NotedAfterTaken: reserve_beside_reserve,
    NotedBeforeTakenToNote: reserve_beside_reserve,
    CommittedStandsStill: halves_beside_snapshot,
    TakenStandsStill: snapshot_beside_a_late_reserve,
    SnapshotAsksWhetherItWasCancelled: halves_beside_snapshot,

    // Stock that owes.
    SegmentsAreSunk: owed_beside_a_late_restock_and_a_late_deduct,
    LatePutPays: owed_forgiven,
    LatePutLeavesAWordThatOwes: owed_forgiven,
    WordLeavesOwingBeforeSegmentsAreRaised: owed_forgiven_beside_a_late_restock_and_late_deducts,
    ReleasePays: owed_beside_a_late_release,
    SnapshotPaysWithLatePuts: owed_snapshot_beside_a_late_restock,
    RestockLooksAgainAfterLatePuts: owed_restock_beside_a_late_restock,
}
