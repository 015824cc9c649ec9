//! Holds as a user meets them: keys, deadlines, retries, late payments.
#![cfg(not(loom))]

use segstock::{
    Clock, Held, HoldError, Holds, LockedStock, ManualClock, OutOfStock, Outcome, PlaceError,
    Placed, Reservation, Reserving, RetakeError, Settle, Settled, Status, Stock, SystemClock,
};
use std::cell::Cell;
use std::error::Error;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);
const RETENTION: Duration = Duration::from_secs(3_600);

type Till<'a, S> = Holds<u64, Reservation<&'a S>, u64, &'a ManualClock>;

fn holds<'a, S>(clock: &'a ManualClock) -> Till<'a, S>
where
    &'a S: Reserving,
{
    Holds::builder()
        .clock(clock)
        .retention(RETENTION)
        .shards(4)
        .build()
}

/// Places so many units of `stock` for a minute.
fn place<'a>(
    holds: &Till<'a, Stock>,
    stock: &'a Stock,
    key: u64,
    units: u64,
) -> Result<Placed, PlaceError<OutOfStock>> {
    holds.place(key, units, MINUTE, |&units| stock.reserve(units))
}

/// Available, reserved, sold.
fn figures(stock: &Stock) -> (u64, u64, u64) {
    let books = stock.snapshot();
    (books.available, books.reserved, books.sold)
}

fn held(placed: Placed) -> Held {
    placed.held().expect("it is held")
}

#[test]
fn a_hold_is_placed_and_confirmed() {
    let (stock, clock) = (Stock::new(10), ManualClock::new());
    clock.advance(MINUTE * 5);
    let holds = holds(&clock);
    let placed = place(&holds, &stock, 1, 3).unwrap();
    assert!(matches!(placed, Placed::Now(_)));
    assert_eq!((held(placed).units, held(placed).remaining), (3, MINUTE));
    assert_eq!(
        (figures(&stock), holds.len(), holds.units()),
        ((7, 3, 0), 1, 3)
    );
    assert!(!holds.is_empty());
    assert_eq!(holds.confirm(&1), Ok(Settled::Now));
    assert_eq!(
        (figures(&stock), holds.len(), holds.units()),
        ((7, 0, 3), 0, 0)
    );
    assert!(holds.is_empty());
}

#[test]
fn a_second_confirm_says_so_and_sells_nothing() {
    let (stock, clock) = (Stock::new(10), ManualClock::new());
    let holds = holds(&clock);
    _ = place(&holds, &stock, 1, 3).unwrap();
    assert_eq!(holds.confirm(&1), Ok(Settled::Now));
    assert_eq!(holds.confirm(&1), Ok(Settled::Before));
    assert_eq!(figures(&stock), (7, 0, 3));
}

#[test]
fn a_retried_place_reserves_nothing() {
    let (stock, clock) = (Stock::new(10), ManualClock::new());
    let holds = holds(&clock);
    _ = place(&holds, &stock, 1, 3).unwrap();
    clock.advance(MINUTE / 4);
    let again = place(&holds, &stock, 1, 3).unwrap();
    assert!(matches!(again, Placed::Before(_)));
    assert_eq!(
        (held(again).units, held(again).remaining),
        (3, MINUTE * 3 / 4)
    );
    assert_eq!(figures(&stock), (7, 3, 0));
}

#[test]
fn a_resolved_key_answers_with_what_became_of_it() {
    let (stock, clock) = (Stock::new(10), ManualClock::new());
    let holds = holds(&clock);
    for key in [1, 2, 3] {
        _ = place(&holds, &stock, key, 1).unwrap();
    }
    holds.confirm(&1).unwrap();
    holds.release(&2).unwrap();
    clock.advance(MINUTE);
    for (key, outcome) in [
        (1, Outcome::Sold),
        (2, Outcome::Released),
        (3, Outcome::Expired),
    ] {
        assert_eq!(place(&holds, &stock, key, 1), Ok(Placed::Resolved(outcome)));
        assert_eq!(holds.get(&key), Some(Status::Resolved(outcome)));
    }
    assert_eq!(figures(&stock), (9, 0, 1));
}

#[test]
fn another_request_under_the_same_key_is_a_conflict() {
    let (stock, clock) = (Stock::new(10), ManualClock::new());
    let holds = holds(&clock);
    _ = place(&holds, &stock, 1, 3).unwrap();
    assert_eq!(place(&holds, &stock, 1, 4), Err(PlaceError::Conflict));
    holds.confirm(&1).unwrap();
    assert_eq!(place(&holds, &stock, 1, 4), Err(PlaceError::Conflict));
    assert_eq!(figures(&stock), (7, 0, 3));
}

#[test]
fn a_refused_reserve_leaves_no_trace() {
    let (stock, clock) = (Stock::new(2), ManualClock::new());
    let holds = holds(&clock);
    let refused = place(&holds, &stock, 1, 3).unwrap_err();
    assert!(refused.is_refused());
    assert_eq!(
        refused.to_string(),
        "out of stock: 3 units requested, 2 available"
    );
    assert_eq!((holds.get(&1), holds.known()), (None, 0));
    assert_eq!(holds.confirm(&1), Err(HoldError::Unknown));
    assert!(matches!(place(&holds, &stock, 1, 2), Ok(Placed::Now(_))));
}

#[test]
fn a_panicking_reserve_leaves_no_trace() {
    let (stock, clock) = (Stock::new(2), ManualClock::new());
    let holds = holds(&clock);
    let placed = catch_unwind(AssertUnwindSafe(|| {
        holds.place(1, 2, MINUTE, |&units| -> Result<_, OutOfStock> {
            let _reservation = stock.reserve(units)?;
            std::panic::resume_unwind(Box::new("out of memory"));
        })
    }));
    assert!(placed.is_err());
    assert_eq!((figures(&stock), holds.known()), ((2, 0, 0), 0));
    assert!(matches!(place(&holds, &stock, 1, 2), Ok(Placed::Now(_))));
}

#[test]
fn bad_input_is_a_typed_error() {
    let (stock, clock) = (Stock::new(10), ManualClock::new());
    let holds = holds(&clock);
    let with = |ttl| holds.place(1, 3, ttl, |&units| stock.reserve(units));
    assert_eq!(with(Duration::ZERO), Err(PlaceError::ZeroTtl));
    assert_eq!(with(Duration::MAX), Err(PlaceError::TtlOverflow));
    assert_eq!(place(&holds, &stock, 1, 0), Err(PlaceError::ZeroUnits));
    assert_eq!(holds.known(), 0, "and no trace");

    _ = place(&holds, &stock, 1, 3).unwrap();
    assert_eq!(holds.extend(&1, Duration::ZERO), Err(HoldError::ZeroTtl));
    assert_eq!(holds.extend(&1, Duration::MAX), Err(HoldError::TtlOverflow));
    clock.advance(Duration::from_secs(1));
    let centuries = Duration::from_nanos(u64::MAX);
    assert_eq!(holds.extend(&1, centuries), Err(HoldError::TtlOverflow));
    for unknown in [holds.confirm(&7), holds.release(&7)] {
        assert_eq!(unknown, Err(HoldError::Unknown));
    }
    assert_eq!(holds.extend(&7, MINUTE), Err(HoldError::Unknown));
    let retaken = holds.confirm_or_retake(&7, || stock.reserve(1));
    assert_eq!(retaken, Err(RetakeError::Hold(HoldError::Unknown)));
    assert_eq!(figures(&stock), (7, 3, 0));
}

#[test]
fn errors_say_what_is_wrong() {
    let refusal = OutOfStock::new(3, 2);
    let texts = [
        PlaceError::Refused(refusal).to_string(),
        PlaceError::<OutOfStock>::Conflict.to_string(),
        PlaceError::<OutOfStock>::InProgress.to_string(),
        RetakeError::Refused(refusal).to_string(),
        RetakeError::<OutOfStock>::Hold(HoldError::Sold).to_string(),
        HoldError::Unknown.to_string(),
        Outcome::Released.to_string(),
    ];
    assert_eq!(
        texts,
        [
            "out of stock: 3 units requested, 2 available",
            "the key was placed before, for something else",
            "the key is being placed by another call",
            "the hold expired: out of stock: 3 units requested, 2 available",
            "the hold was sold",
            "no such hold",
            "released",
        ]
    );
    assert!(PlaceError::Refused(refusal).source().is_some());
    assert!(RetakeError::Refused(refusal).source().is_some());
    assert!(!PlaceError::<OutOfStock>::ZeroTtl.is_refused());
}

#[test]
fn a_hold_is_good_until_its_deadline_and_no_longer() {
    let (stock, clock) = (Stock::new(10), ManualClock::new());
    let holds = holds(&clock);
    _ = place(&holds, &stock, 1, 3).unwrap();
    _ = place(&holds, &stock, 2, 3).unwrap();
    clock.advance(MINUTE - Duration::from_nanos(1));
    let Some(Status::Held(last)) = holds.get(&1) else {
        panic!("it is good for a nanosecond")
    };
    assert_eq!((last.units, last.remaining), (3, Duration::from_nanos(1)));
    assert_eq!(holds.confirm(&1), Ok(Settled::Now));
    clock.advance(Duration::from_nanos(1));
    assert_eq!(
        (holds.len(), holds.units()),
        (0, 0),
        "due ones do not count"
    );
    assert_eq!(holds.confirm(&2), Err(HoldError::Expired));
    assert_eq!(holds.extend(&2, MINUTE), Err(HoldError::Expired));
    assert_eq!(holds.release(&2), Err(HoldError::Expired));
    assert_eq!((figures(&stock), holds.expired()), ((7, 0, 3), 1));
}

#[test]
fn extending_sets_the_deadline_anew() {
    let (stock, clock) = (Stock::new(10), ManualClock::new());
    let holds = holds(&clock);
    _ = place(&holds, &stock, 1, 3).unwrap();
    clock.advance(MINUTE / 2);
    assert_eq!(holds.extend(&1, MINUTE).unwrap().remaining, MINUTE);
    clock.advance(MINUTE * 3 / 4);
    assert!(matches!(holds.get(&1), Some(Status::Held(_))));
    // Sooner is as good.
    assert_eq!(holds.extend(&1, MINUTE / 8).unwrap().units, 3);
    clock.advance(MINUTE / 8);
    assert_eq!(holds.get(&1), Some(Status::Resolved(Outcome::Expired)));
    assert_eq!(figures(&stock), (10, 0, 0));
}

#[test]
fn settling_otherwise_than_before_says_what_it_was() {
    let (stock, clock) = (Stock::new(10), ManualClock::new());
    let holds = holds(&clock);
    _ = place(&holds, &stock, 1, 1).unwrap();
    _ = place(&holds, &stock, 2, 1).unwrap();
    holds.confirm(&1).unwrap();
    holds.release(&2).unwrap();
    assert_eq!(holds.release(&1), Err(HoldError::Sold));
    assert_eq!(holds.extend(&1, MINUTE), Err(HoldError::Sold));
    assert_eq!(holds.confirm(&2), Err(HoldError::Released));
    assert_eq!(holds.release(&2), Ok(Settled::Before));
    let retaken = holds.confirm_or_retake(&2, || stock.reserve(1));
    assert_eq!(retaken, Err(RetakeError::Hold(HoldError::Released)));
    assert_eq!(figures(&stock), (9, 0, 1));
}

#[test]
fn a_late_payment_is_sold_if_the_units_can_still_be_had() {
    let (stock, clock) = (Stock::new(2), ManualClock::new());
    let holds = holds(&clock);
    for key in [1, 2] {
        _ = place(&holds, &stock, key, 1).unwrap();
    }
    clock.advance(MINUTE);
    assert_eq!(holds.sweep(10), 2);
    assert_eq!(holds.confirm(&1), Err(HoldError::Expired));
    let retake = |key: u64| holds.confirm_or_retake(&key, || stock.reserve(1));
    assert_eq!(retake(1), Ok(Settled::Now));
    assert_eq!(retake(1), Ok(Settled::Before));
    assert_eq!(
        holds.confirm(&1),
        Ok(Settled::Before),
        "it is sold after all"
    );
    stock.deduct(1).unwrap();
    let refused = retake(2).unwrap_err();
    assert!(matches!(refused, RetakeError::Refused(refusal) if refusal.available == 0));
    assert_eq!(holds.confirm(&2), Err(HoldError::Expired), "as it was");
    assert_eq!(figures(&stock), (0, 0, 2));
}

#[test]
fn a_late_payment_for_a_hold_that_nobody_took_back_sells_that() {
    let (stock, clock) = (Stock::new(1), ManualClock::new());
    let holds = holds(&clock);
    _ = place(&holds, &stock, 1, 1).unwrap();
    clock.advance(MINUTE * 5);
    let asked = Cell::new(false);
    let retaken = holds.confirm_or_retake(&1, || {
        asked.set(true);
        stock.reserve(1)
    });
    assert_eq!((retaken, asked.get()), (Ok(Settled::Now), false));
    assert_eq!(figures(&stock), (0, 0, 1));
}

#[test]
fn a_panicking_retake_leaves_it_expired() {
    let (stock, clock) = (Stock::new(1), ManualClock::new());
    let holds = holds(&clock);
    _ = place(&holds, &stock, 1, 1).unwrap();
    clock.advance(MINUTE);
    holds.sweep(1);
    let retaken = catch_unwind(AssertUnwindSafe(|| {
        holds.confirm_or_retake(&1, || -> Result<_, OutOfStock> {
            std::panic::resume_unwind(Box::new("gone"))
        })
    }));
    assert!(retaken.is_err());
    assert_eq!(holds.confirm(&1), Err(HoldError::Expired));
    assert_eq!(
        holds.confirm_or_retake(&1, || stock.reserve(1)),
        Ok(Settled::Now)
    );
}

#[test]
fn nobody_is_refused_because_of_a_dead_hold() {
    let (stock, clock) = (Stock::new(1_000), ManualClock::new());
    let holds = holds(&clock);
    for key in 0..1_000 {
        _ = place(&holds, &stock, key, 1).unwrap();
    }
    assert!(place(&holds, &stock, 2_000, 1).unwrap_err().is_refused());
    clock.advance(MINUTE);
    assert!(
        stock.deduct(1).is_err(),
        "past the holds they are reserved still"
    );
    assert!(matches!(
        place(&holds, &stock, 2_001, 1_000),
        Ok(Placed::Now(_))
    ));
    assert_eq!((holds.expired(), holds.len()), (1_000, 1));
}

#[test]
fn a_place_takes_back_no_more_than_it_takes_to_be_served() {
    let (stock, clock) = (Stock::new(1_000), ManualClock::new());
    let holds = holds(&clock);
    for key in 0..1_000 {
        _ = place(&holds, &stock, key, 1).unwrap();
    }
    clock.advance(MINUTE);
    _ = place(&holds, &stock, 2_000, 1).unwrap();
    assert!(
        holds.expired() <= 100,
        "{} were taken back",
        holds.expired()
    );
}

#[test]
fn other_calls_touch_few_due_holds() {
    let (stock, clock) = (Stock::new(1_000), ManualClock::new());
    let holds = holds(&clock);
    for key in 0..1_000 {
        _ = place(&holds, &stock, key, 1).unwrap();
    }
    clock.advance(MINUTE);
    let touched = |call: &dyn Fn()| {
        let before = holds.expired();
        call();
        holds.expired() - before
    };
    assert!(touched(&|| assert_eq!(holds.get(&5_000), None)) <= 2);
    // Each with its own: a due hold is expired, however many are due before it.
    let expired = Err(HoldError::Expired);
    assert!(touched(&|| assert_eq!(holds.confirm(&500), expired)) <= 3);
    assert!(touched(&|| assert_eq!(holds.release(&501), expired)) <= 3);
    assert!(touched(&|| assert!(holds.extend(&502, MINUTE).is_err())) <= 3);
    let resolved = Some(Status::Resolved(Outcome::Expired));
    assert!(touched(&|| assert_eq!(holds.get(&503), resolved)) <= 3);
    let placed = Ok(Placed::Resolved(Outcome::Expired));
    assert!(touched(&|| assert_eq!(place(&holds, &stock, 504, 1), placed)) <= 3);
    assert_eq!(touched(&|| _ = holds.len()), 0);
    assert_eq!(touched(&|| _ = holds.sweep(7)), 7);
}

#[test]
fn keys_are_forgotten_after_the_retention() {
    let (stock, clock) = (Stock::new(1_000), ManualClock::new());
    let holds = holds(&clock);
    for key in 0..100 {
        _ = place(&holds, &stock, key, 1).unwrap();
        if key % 2 == 0 {
            holds.confirm(&key).unwrap();
        }
    }
    clock.advance(MINUTE);
    assert_eq!(holds.sweep(1_000), 50);
    clock.advance(RETENTION - Duration::from_nanos(1) - MINUTE);
    holds.sweep(1_000);
    assert_eq!(holds.known(), 100, "all are known to the last");
    assert_eq!(holds.confirm(&0), Ok(Settled::Before));
    clock.advance(Duration::from_nanos(1));
    holds.sweep(1_000);
    assert_eq!(holds.known(), 50, "the confirmed ones are forgotten");
    assert_eq!(holds.confirm(&0), Err(HoldError::Unknown));
    assert_eq!(holds.confirm(&1), Err(HoldError::Expired));
    clock.advance(MINUTE);
    holds.sweep(1_000);
    assert_eq!(holds.known(), 0);
    assert!(
        matches!(place(&holds, &stock, 0, 5), Ok(Placed::Now(_))),
        "as new"
    );
}

#[test]
fn a_sweep_keeps_its_limit_over_all_shards() {
    let (stock, clock) = (Stock::new(100), ManualClock::new());
    let holds = holds(&clock);
    for key in 0..100 {
        _ = place(&holds, &stock, key, 1).unwrap();
    }
    clock.advance(MINUTE);
    assert_eq!((holds.sweep(30), stock.available()), (30, 30));
    assert_eq!((holds.sweep(100), stock.available()), (70, 100));
    assert_eq!(holds.known(), 100);
    clock.advance(RETENTION);
    assert_eq!((holds.sweep(60), holds.known()), (0, 40));
    assert_eq!((holds.sweep(60), holds.known()), (0, 0));
}

#[test]
fn a_sale_after_all_is_known_for_a_whole_retention() {
    let (stock, clock) = (Stock::new(10), ManualClock::new());
    let holds = holds(&clock);
    _ = place(&holds, &stock, 1, 1).unwrap();
    clock.advance(MINUTE);
    holds.sweep(1);
    clock.advance(RETENTION / 2);
    holds.confirm_or_retake(&1, || stock.reserve(1)).unwrap();
    clock.advance(RETENTION / 2);
    holds.sweep(10);
    assert_eq!(holds.confirm(&1), Ok(Settled::Before));
    clock.advance(RETENTION / 2);
    holds.sweep(10);
    assert_eq!(holds.known(), 0);
}

/// Calls forget as fast as they add, so that nothing leaks without a sweep.
#[test]
fn memory_does_not_grow_while_there_are_calls() {
    let (stock, clock) = (Stock::new(1_000_000), ManualClock::new());
    let holds = holds(&clock);
    let mut most = 0;
    for key in 0..200_000 {
        _ = place(&holds, &stock, key, 1).unwrap();
        if key % 3 == 0 {
            holds.confirm(&key).unwrap();
        }
        // 1,000 live within the time to live, 60,000 known within the retention.
        clock.advance(MINUTE / 1_000);
        most = most.max(holds.known());
    }
    assert!(most < 61_500, "{most} keys at once");
}

#[test]
fn a_place_within_a_reserve_is_fine_for_other_keys() {
    let (stock, clock) = (Stock::new(10), ManualClock::new());
    let holds = holds(&clock);
    let placed = holds.place(1, 2, MINUTE, |&units| {
        assert_eq!(place(&holds, &stock, 1, 2), Err(PlaceError::InProgress));
        assert_eq!(holds.get(&1), None);
        assert_eq!(holds.confirm(&1), Err(HoldError::InProgress));
        assert_eq!(holds.release(&1), Err(HoldError::InProgress));
        _ = place(&holds, &stock, 2, 1).unwrap();
        stock.reserve(units)
    });
    assert!(matches!(placed, Ok(Placed::Now(_))));
    assert_eq!((holds.len(), holds.units()), (2, 3));
}

#[test]
fn holds_of_a_locked_stock() {
    let (stock, clock) = (LockedStock::new(10, 4).unwrap(), ManualClock::new());
    let holds: Till<'_, LockedStock> = holds(&clock);
    for key in [1, 2] {
        _ = holds
            .place(key, 4, MINUTE, |&units| stock.reserve(units))
            .unwrap();
    }
    holds.confirm(&1).unwrap();
    clock.advance(MINUTE);
    let placed = holds.place(3, 6, MINUTE, |&units| stock.reserve(units));
    assert!(matches!(placed, Ok(Placed::Now(_))), "4 came back");
    let books = stock.snapshot();
    assert_eq!((books.available, books.reserved, books.sold), (0, 6, 4));
}

#[test]
fn dropping_the_holds_gives_everything_back() {
    let (stock, clock) = (Stock::new(10), ManualClock::new());
    let holds = holds(&clock);
    _ = place(&holds, &stock, 1, 3).unwrap();
    _ = place(&holds, &stock, 2, 3).unwrap();
    holds.confirm(&2).unwrap();
    drop(holds);
    assert_eq!(figures(&stock), (7, 0, 3));
}

#[test]
fn a_retried_request_from_many_threads_reserves_once() {
    for round in 0..200 {
        let stock = Stock::new(10);
        let holds = Holds::new();
        let answers: Vec<_> = std::thread::scope(|scope| {
            let place = || holds.place(round, 3, MINUTE, |&units| stock.reserve(units));
            let calls: Vec<_> = (0..4).map(|_| scope.spawn(place)).collect();
            calls.into_iter().map(|call| call.join().unwrap()).collect()
        });
        let now = |answer: &&Result<Placed, _>| matches!(answer, Ok(Placed::Now(_)));
        assert_eq!(answers.iter().filter(now).count(), 1, "{answers:?}");
        assert_eq!(figures(&stock), (7, 3, 0));
    }
}

/// Threads that place, confirm, release, extend and let expire; nothing is settled twice.
#[test]
fn nothing_is_settled_twice_whatever_races() {
    let (stock, clock) = (Stock::new(500), ManualClock::new());
    let holds = holds(&clock);
    let sold: u64 = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4_u64)
            .map(|thread| {
                let (holds, stock, clock) = (&holds, &stock, &clock);
                scope.spawn(move || {
                    let mut sold = 0;
                    for turn in 0..5_000_u64 {
                        // Keys are shared by all.
                        let key = (turn * 7 + thread) % 97 + turn / 500 * 1_000;
                        _ = place(holds, stock, key, 1 + key % 3);
                        match turn % 5 {
                            0 => _ = holds.release(&key),
                            1 => _ = holds.extend(&key, MINUTE),
                            2 => clock.advance(MINUTE / 50),
                            _ => {
                                if holds.confirm(&key) == Ok(Settled::Now) {
                                    sold += 1 + key % 3;
                                }
                            }
                        }
                    }
                    sold
                })
            })
            .collect();
        threads.into_iter().map(|one| one.join().unwrap()).sum()
    });
    clock.advance(MINUTE * 2);
    holds.sweep(usize::MAX);
    assert_eq!(figures(&stock), (500 - sold, 0, sold));
}

#[test]
fn clocks_do_not_run_backwards() {
    let system = SystemClock::new();
    let before = system.now();
    assert!(system.now() >= before && SystemClock::default().now() < MINUTE);
    let manual = ManualClock::default();
    manual.advance(Duration::MAX);
    manual.advance(MINUTE);
    assert_eq!(manual.now(), Duration::from_nanos(u64::MAX));
}

/// What is held may be anything that settles as a whole.
#[test]
fn anything_that_settles_can_be_held() {
    struct Basket<'a>(Vec<Reservation<&'a Stock>>);

    impl Settle for Basket<'_> {
        fn units(&self) -> u64 {
            self.0.iter().map(Reservation::units).sum()
        }
        fn commit(self) {
            self.0.into_iter().for_each(Reservation::commit);
        }
        fn release(self) {
            drop(self);
        }
    }

    let (phones, cases) = (Stock::new(3), Stock::new(3));
    let holds = Holds::new();
    let order = |lines: &Vec<(char, u64)>| -> Result<Basket<'_>, OutOfStock> {
        let lines = lines.iter().map(|&(sku, units)| match sku {
            'P' => phones.reserve(units),
            _ => cases.reserve(units),
        });
        lines.collect::<Result<_, _>>().map(Basket)
    };
    _ = holds
        .place("a", vec![('P', 2), ('C', 2)], MINUTE, order)
        .unwrap();
    let refused = holds.place("b", vec![('P', 1), ('C', 2)], MINUTE, order);
    assert!(refused.unwrap_err().is_refused());
    assert_eq!((figures(&phones), figures(&cases)), ((1, 2, 0), (1, 2, 0)));
    holds.confirm(&"a").unwrap();
    assert_eq!((figures(&phones), figures(&cases)), ((1, 0, 2), (1, 0, 2)));
}

#[test]
fn debug_shows_numbers() {
    let (stock, clock) = (Stock::new(10), ManualClock::new());
    let holds = holds(&clock);
    _ = place(&holds, &stock, 1, 3).unwrap();
    assert_eq!(
        format!("{holds:?}"),
        "Holds { len: 1, units: 3, known: 1, expired: 0, .. }"
    );
}
