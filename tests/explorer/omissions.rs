//! The steps of the protocol that can be taken out, each by itself, with a scenario that then fails.
//!
//! What sequentially consistent accesses cannot show is not among them; loom shows it:
//!
//! - the fence of the proof, and that the word is read after it (but it must be read between the two passes),
//! - the read-modify-writes that settle `added`, `returned` and `takes_back`, in place of loads,
//! - every memory ordering.
//!
//! Nor is what costs time and no promise: that a put leaves a segment alone while somebody is proving,
//! that a proof which fails ends *proving*, that a thread whose segment is contended sits elsewhere.

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
    UpToClosesWhatItDidNotGet: up_to_against_deduct,
    DrainingAnnounces: narrowing_against_take,
    DrainingPutsBeforeItCloses: narrowing_against_take,
    DrainingClosesWhatItDidNotGet: narrowing_against_take,
    WideningAnnounces: widening_against_refusal,
    WideningPutsBeforeItCloses: widening_against_refusal,
    TurningOverAnnounces: snapshot_turns_over_beside_refusals,
    RestockAnnounces: restock_dealt_out_beside_refusals,
    RestockPutsBeforeItCloses: restock_dealt_out_beside_refusals,

    // Proofs.
    ProofReadsTakenFirst: gather_fails,
    ProofReadsWordBeforeAdded: proof_over_both,
    ProofReadsWordAfterTaken: narrowing_against_take,
    ProofAsksForReleasesAfterTaken: wide_reservations,
    TakenBeforeAdded: gather_beside_put,
    GatherProvesWhatIsMissing: gather_of_moving_units,
    UpToProvesThatThereIsNoMore: up_to_of_moving_units,
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
    RestocksAreEntered: segment_put_and_take,
    WhatIsMovedIsNoRestock: gather_fails,
    WhatIsReleasedIsNoRestock: halves_of_a_wide_reservation,
    FirstReleaseMakesItselfKnown: halves_of_a_wide_reservation,
    FirstReleaseIsKnownBeforeItsSegment: first_release_beside_moving_units,
    LentIsNoted: reserve_beside_reserve,
    NotedAfterTaken: reserve_beside_reserve,
    NotedBeforeTakenToNote: reserve_beside_reserve,
    LentIsReadTwice: snapshot_while_another_notes,
    LentIsReadBeforeTheWord: snapshot_against_reservations,
    SettledIsReadAfterTheWord: halves_beside_snapshot,
}
