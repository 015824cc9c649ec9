//! Random sequences of calls on holds, by a manual clock, against the sequential model.
#![cfg(not(loom))]

mod keys;
#[path = "../support/mod.rs"]
mod support;

use keys::{Answer, Keys};
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use segstock::{
    AmendError, Amendment, Held, Holds, ManualClock, OutOfStock, PartError, PlaceError, Placed,
    Reservation, Resolution, RetakeError, Settled, Status, Stock,
};
use segstock_model::Op::{self, Advance, Confirm, Deduct, Place, ReleaseHold, Restock};
use std::time::Duration;
use support::perform::perform;

/// Longer than any sequence takes: what is forgotten when is tested in `holds/retention.rs`, and below.
const RETENTION: u64 = 1_000_000;

#[derive(Debug, Clone, Copy)]
enum Step {
    Call(Op),
    Retake(u64),
    Extend {
        key: u64,
        ttl: u64,
    },
    Amend {
        key: u64,
        units: u64,
    },
    Part {
        key: u64,
        units: u64,
        to: Resolution,
    },
    Forget(u64),
    Get(u64),
    Sweep(usize),
    Count,
}

fn step() -> impl Strategy<Value = Step> {
    let key = || 0..6_u64;
    let call = prop_oneof![
        6 => (key(), 0..4_u64, 0..20_u64)
            .prop_map(|(key, units, ttl)| Place { key, units, ttl }),
        3 => key().prop_map(|key| Confirm { key }),
        2 => key().prop_map(|key| ReleaseHold { key }),
        1 => (0..4_u64).prop_map(Deduct),
        1 => (0..3_u64).prop_map(Restock),
        4 => (0..30_u64).prop_map(|by| Advance { by }),
    ];
    prop_oneof![
        17 => call.prop_map(Step::Call),
        2 => key().prop_map(Step::Retake),
        2 => (key(), 0..20_u64).prop_map(|(key, ttl)| Step::Extend { key, ttl }),
        3 => (key(), 0..6_u64).prop_map(|(key, units)| Step::Amend { key, units }),
        3 => (key(), 0..3_u64, end()).prop_map(|(key, units, to)| Step::Part { key, units, to }),
        1 => key().prop_map(Step::Forget),
        2 => key().prop_map(Step::Get),
        1 => (0..4_usize).prop_map(Step::Sweep),
        1 => Just(Step::Count),
    ]
}

/// How a part of a hold ends, if it is settled.
fn end() -> impl Strategy<Value = Resolution> {
    prop_oneof![Just(Resolution::Confirmed), Just(Resolution::Released)]
}

fn nanos(time: u64) -> Duration {
    Duration::from_nanos(time)
}

fn figures(held: Held) -> (u64, u64) {
    (held.units, held.remaining.as_nanos() as u64)
}

/// The answer of a place, in the model's terms.
fn place_answer(placed: Result<Placed, PlaceError<OutOfStock>>) -> Answer {
    match placed {
        Ok(placed) => Ok(named(placed)),
        Err(PlaceError::Refused(refusal)) => Err(format!("Refused({})", refusal.available)),
        Err(other) => Err(format!("{other:?}")),
    }
}

/// The answer of an amend, in the model's terms.
fn amend_answer(amended: Result<Placed, AmendError<OutOfStock>>, held: u64) -> Answer {
    match amended {
        Ok(placed) => Ok(named(placed)),
        // It asked for what is missing alone.
        Err(AmendError::Refused(refusal)) => {
            assert!(refusal.requested + held > refusal.available);
            Err(format!("Refused({})", refusal.available))
        }
        Err(AmendError::Hold(error)) => Err(format!("{error:?}")),
        Err(other) => Err(format!("{other:?}")),
    }
}

fn named(placed: Placed) -> (&'static str, u64, u64) {
    let (units, left) = figures(placed.held());
    let name = match placed {
        Placed::Now(_) => "Now",
        Placed::Before(_) => "Before",
    };
    (name, units, left)
}

type Till<'a> = Holds<u64, Reservation<&'a Stock>, u64, &'a ManualClock>;

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        // Beside this file: a failure that was found once is tried first ever after.
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config(3_000))]

    #[test]
    fn holds_are_the_model(
        initial in 0..10_u64,
        shards in 1..5_usize,
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let (stock, clock) = (Stock::new(initial), ManualClock::new());
        let holds: Till<'_> = Holds::builder()
            .clock(&clock)
            .retention(nanos(RETENTION))
            .shards(shards)
            .build();
        let mut model = Keys::new(initial);
        for step in steps {
            match step {
                Step::Call(Place { key, units, ttl }) => {
                    let placed = holds.place(key, units, nanos(ttl), |&n| stock.reserve(n));
                    let placed = place_answer(placed);
                    prop_assert_eq!(placed, model.place(key, units, ttl), "{:?}", step);
                }
                Step::Call(Confirm { key }) => {
                    prop_assert_eq!(holds.confirm(&key), model.settle(key, Resolution::Confirmed));
                }
                Step::Retake(key) => {
                    let retaken = holds.confirm_or_retake(&key, |_, units| stock.reserve(units));
                    let retaken = retaken.map_err(|error| match error {
                        RetakeError::Refused(refusal) => format!("Refused({})", refusal.available),
                        RetakeError::Hold(error) => format!("{error:?}"),
                        other => format!("{other:?}"),
                    });
                    prop_assert_eq!(retaken, model.retake(key));
                }
                Step::Call(ReleaseHold { key }) => {
                    prop_assert_eq!(holds.release(&key), model.settle(key, Resolution::Released));
                }
                Step::Extend { key, ttl } => {
                    let extended = holds.extend(&key, nanos(ttl)).map(figures);
                    prop_assert_eq!(extended, model.extend(key, ttl));
                }
                Step::Amend { key, units } => {
                    let amended = holds.amend(&key, units, |&held, &units| {
                        match units.checked_sub(held) {
                            Some(missing) => stock.reserve(missing).map(Amendment::take),
                            None => Ok(Amendment::give(held - units)),
                        }
                    });
                    let held = model.held(key).map_or(0, |(_, units, _)| units);
                    prop_assert_eq!(amend_answer(amended, held), model.amend(key, units));
                }
                Step::Part { key, units, to } => {
                    let settled = match to {
                        Resolution::Confirmed => holds.confirm_part(&key, &units),
                        _ => holds.release_part(&key, &units),
                    };
                    let settled = settled.map(|rest| rest.map_or(0, |held| held.units));
                    let settled = settled.map_err(|error| match error {
                        PartError::NotReserved(error) => format!("NotReserved({})", error.reserved),
                        PartError::Hold(error) => format!("{error:?}"),
                        other => format!("{other:?}"),
                    });
                    prop_assert_eq!(settled, model.part(key, units, to), "{:?}", step);
                }
                Step::Forget(key) => prop_assert_eq!(holds.forget(&key), model.forget(key)),
                Step::Get(key) => {
                    let status = holds.get(&key).map(|status| match status {
                        Status::Held { held, request } => {
                            let (units, left) = figures(held);
                            (request, units, Ok(left))
                        }
                        Status::Resolved {
                            resolution,
                            units,
                            request,
                        } => (request, units, Err(resolution)),
                        other => panic!("{other:?}"),
                    });
                    prop_assert_eq!(status, model.get(key));
                }
                Step::Call(op @ Advance { by }) => {
                    clock.advance(nanos(by));
                    _ = model.stock.apply(op);
                }
                // To a direct call, expired holds are reserved until they are freed.
                Step::Call(op) => {
                    holds.sweep(usize::MAX);
                    let outcome = perform(&stock, op).expect("a stock offers it");
                    let after = model.stock.step(op, outcome);
                    prop_assert!(after.is_some(), "{} is answered {}", op, outcome);
                    model.stock = after.unwrap();
                }
                Step::Sweep(limit) => prop_assert!(holds.sweep(limit) <= limit),
                Step::Count => {
                    let held = (model.count(), model.stock.snapshot().reserved);
                    prop_assert_eq!((holds.len(), holds.units()), held);
                    prop_assert_eq!(holds.known(), model.known());
                }
            }
            let (snapshot, sums) = (stock.snapshot(), model.stock.snapshot());
            prop_assert_eq!(snapshot.sold, sums.sold);
            prop_assert_eq!(snapshot.available + snapshot.reserved, sums.on_hand());
            prop_assert!(snapshot.reserved >= sums.reserved);
        }
        holds.sweep(usize::MAX);
        prop_assert_eq!(stock.snapshot().reserved, model.stock.snapshot().reserved);
        drop(holds);
        prop_assert_eq!(stock.snapshot().reserved, 0);
    }
}

/// A call with one of many keys, and the time that passes after it.
fn busy_step() -> impl Strategy<Value = (Step, u64)> {
    let key = || 0..200_u64;
    let call = prop_oneof![
        8 => (key(), 1..3_u64, prop_oneof![Just(20_u64), 1..40_u64])
            .prop_map(|(key, units, ttl)| Step::Call(Place { key, units, ttl })),
        3 => key().prop_map(|key| Step::Call(Confirm { key })),
        2 => key().prop_map(Step::Retake),
        2 => key().prop_map(|key| Step::Call(ReleaseHold { key })),
        2 => (key(), 1..40_u64).prop_map(|(key, ttl)| Step::Extend { key, ttl }),
        2 => (key(), 1..4_u64).prop_map(|(key, units)| Step::Amend { key, units }),
        1 => key().prop_map(Step::Forget),
        1 => (0..400_usize).prop_map(Step::Sweep),
    ];
    // Now and then a pause in which all of it ends, and its memory with it.
    (
        call,
        prop_oneof![30 => Just(0_u64), 10 => 0..4_u64, 1 => Just(100_u64)],
    )
}

proptest! {
    #![proptest_config(config(200))]

    /// Keys are forgotten, placed again, and moved when memory is given back: every unit is accounted
    /// for after each call, and nothing is left in the end.
    #[test]
    fn nothing_is_lost_among_many_keys(
        steps in prop::collection::vec(busy_step(), 1..600),
        shards in 1..3_usize,
    ) {
        const UNITS: u64 = 150;
        const SHORT: u64 = 30;
        let (stock, clock) = (Stock::new(UNITS), ManualClock::new());
        let holds: Till<'_> = Holds::builder()
            .clock(&clock)
            .retention(nanos(SHORT))
            .shards(shards)
            .build();
        // Units under each key, when it was last placed or retaken; and units sold.
        let (mut units_of, mut sold) = ([0; 200], 0);
        for (step, pause) in steps {
            match step {
                Step::Call(Place { key, units, ttl }) => {
                    let placed = holds.place(key, units, nanos(ttl), |&n| stock.reserve(n));
                    if let Ok(Placed::Now(held)) = placed {
                        prop_assert_eq!(held.units, units);
                        units_of[key as usize] = units;
                    }
                }
                Step::Call(Confirm { key }) => {
                    if holds.confirm(&key) == Ok(Settled::Now) {
                        sold += units_of[key as usize];
                    }
                }
                Step::Retake(key) => {
                    let retaken = holds.confirm_or_retake(&key, |_, units| stock.reserve(units));
                    if retaken == Ok(Settled::Now) {
                        sold += units_of[key as usize];
                    }
                }
                Step::Call(ReleaseHold { key }) => _ = holds.release(&key),
                Step::Extend { key, ttl } => _ = holds.extend(&key, nanos(ttl)),
                Step::Amend { key, units } => {
                    let amended = holds.amend(&key, units, |&held, &units| {
                        match units.checked_sub(held) {
                            Some(missing) => stock.reserve(missing).map(Amendment::take),
                            None => Ok(Amendment::give(held - units)),
                        }
                    });
                    if amended.is_ok() {
                        units_of[key as usize] = units;
                    }
                }
                Step::Forget(key) => _ = holds.forget(&key),
                Step::Sweep(limit) => prop_assert!(holds.sweep(limit) <= limit),
                _ => unreachable!("it is not among these"),
            }
            let snapshot = stock.snapshot();
            prop_assert_eq!(snapshot.sold, sold);
            prop_assert_eq!(snapshot.available + snapshot.reserved, UNITS - sold);
            prop_assert!(snapshot.reserved >= holds.units());
            clock.advance(nanos(pause));
        }
        for _ in 0..2 {
            clock.advance(nanos(100));
            holds.sweep(usize::MAX);
        }
        prop_assert_eq!((holds.known(), holds.len(), holds.units()), (0, 0, 0));
        prop_assert_eq!(stock.available(), UNITS - sold);
    }
}
