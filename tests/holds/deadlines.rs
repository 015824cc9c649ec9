//! Deadlines: which holds have expired, which call frees them, and payments that come late.

use super::*;

#[test]
fn a_hold_is_active_until_its_deadline_and_no_longer() {
    let (stock, clock) = (Stock::new(10), ManualClock::new());
    let holds = holds(&clock);
    _ = place(&holds, &stock, 1, 3).unwrap();
    _ = place(&holds, &stock, 2, 3).unwrap();
    clock.advance(MINUTE - Duration::from_nanos(1));
    let Some(Status::Held { held: last, .. }) = holds.get(&1) else {
        panic!("it is active for a nanosecond")
    };
    assert_eq!((last.units, last.remaining), (3, Duration::from_nanos(1)));
    assert_eq!(holds.confirm(&1), Ok(Settled::Now));
    clock.advance(Duration::from_nanos(1));
    assert_eq!(
        (holds.len(), holds.units()),
        (0, 0),
        "expired ones do not count"
    );
    assert_eq!(holds.confirm(&2), Err(HoldError::Expired));
    assert_eq!(holds.extend(&2, MINUTE), Err(HoldError::Expired));
    assert_eq!(holds.release(&2), Err(HoldError::Expired));
    assert_eq!((figures(&stock), holds.expired()), ((7, 0, 3), 1));
}

#[test]
fn extending_moves_the_deadline() {
    let (stock, clock) = (Stock::new(10), ManualClock::new());
    let holds = holds(&clock);
    _ = place(&holds, &stock, 1, 3).unwrap();
    clock.advance(MINUTE / 2);
    assert_eq!(holds.extend(&1, MINUTE).unwrap().remaining, MINUTE);
    clock.advance(MINUTE * 3 / 4);
    assert!(matches!(holds.get(&1), Some(Status::Held { .. })));
    // It may be sooner, too.
    assert_eq!(holds.extend(&1, MINUTE / 8).unwrap().units, 3);
    clock.advance(MINUTE / 8);
    assert_eq!(resolution(&holds, 1), Some(Resolution::Expired));
    assert_eq!(figures(&stock), (10, 0, 0));
}

#[test]
fn a_late_payment_is_confirmed_if_the_units_are_in_stock() {
    let (stock, clock) = (Stock::new(2), ManualClock::new());
    let holds = holds(&clock);
    for key in [1, 2] {
        _ = place(&holds, &stock, key, 1).unwrap();
    }
    clock.advance(MINUTE);
    assert_eq!(holds.sweep(10), 2);
    assert_eq!(holds.confirm(&1), Err(HoldError::Expired));
    let retake = |key: u64| holds.confirm_or_retake(&key, |_, units| stock.reserve(units));
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
fn a_late_payment_for_a_hold_that_is_not_freed_confirms_that_hold() {
    let (stock, clock) = (Stock::new(1), ManualClock::new());
    let holds = holds(&clock);
    _ = place(&holds, &stock, 1, 1).unwrap();
    clock.advance(MINUTE * 5);
    let asked = Cell::new(false);
    let retaken = holds.confirm_or_retake(&1, |_, units| {
        asked.set(true);
        stock.reserve(units)
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
        holds.confirm_or_retake(&1, |_, _| -> Result<_, OutOfStock> {
            std::panic::resume_unwind(Box::new("gone"))
        })
    }));
    assert!(retaken.is_err());
    assert_eq!(holds.confirm(&1), Err(HoldError::Expired));
    assert_eq!(
        holds.confirm_or_retake(&1, |_, units| stock.reserve(units)),
        Ok(Settled::Now)
    );
}

#[test]
fn nobody_is_refused_because_of_an_expired_hold() {
    let (stock, clock) = (Stock::new(1_000), ManualClock::new());
    let holds = holds(&clock);
    place_each(&holds, &stock, 0..1_000);
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

/// The time to live counts from the try that succeeded, not from one that was refused before.
#[test]
fn a_hold_of_units_that_came_back_later_is_not_over_before_it_begins() {
    let (stock, clock) = (Stock::new(1), ManualClock::new());
    let holds = holds(&clock);
    _ = place(&holds, &stock, 1, 1).unwrap();
    let refused = Cell::new(false);
    let reserve = |&units: &u64| {
        let answer = stock.reserve(units);
        if !refused.replace(true) {
            clock.advance(MINUTE * 2);
            assert_eq!(holds.sweep(10), 1, "another call");
        }
        answer
    };
    let placed = holds.place(2, 1, MINUTE, reserve).unwrap();
    assert!(matches!(placed, Placed::Now(hold) if hold.remaining == MINUTE));
    let known = holds.get(&2).and_then(|status| status.held());
    assert_eq!(known.map(|hold| hold.remaining), Some(MINUTE));
    assert_eq!(holds.confirm(&2), Ok(Settled::Now));
}

#[test]
fn a_place_frees_few_more_holds_than_it_needs() {
    let (stock, clock) = (Stock::new(1_000), ManualClock::new());
    let holds = holds(&clock);
    place_each(&holds, &stock, 0..1_000);
    clock.advance(MINUTE);
    _ = place(&holds, &stock, 2_000, 1).unwrap();
    assert!(holds.expired() <= 100, "{} were freed", holds.expired());
}

#[test]
fn other_calls_free_few_expired_holds() {
    let (stock, clock) = (Stock::new(1_000), ManualClock::new());
    let holds = holds(&clock);
    place_each(&holds, &stock, 0..1_000);
    clock.advance(MINUTE);
    let touched = |call: &dyn Fn()| {
        let before = holds.expired();
        call();
        holds.expired() - before
    };
    assert!(touched(&|| assert_eq!(holds.get(&5_000), None)) <= 2);
    // A call also expires the hold of its own key, however many expired before.
    let expired = Err(HoldError::Expired);
    assert!(touched(&|| assert_eq!(holds.confirm(&500), expired)) <= 3);
    assert!(touched(&|| assert_eq!(holds.release(&501), expired)) <= 3);
    assert!(touched(&|| assert!(holds.extend(&502, MINUTE).is_err())) <= 3);
    let resolved = Some(Resolution::Expired);
    assert!(touched(&|| assert_eq!(resolution(&holds, 503), resolved)) <= 3);
    let placed = Err(PlaceError::Resolved(Resolution::Expired));
    assert!(touched(&|| assert_eq!(place(&holds, &stock, 504, 1), placed)) <= 3);
    assert_eq!(touched(&|| _ = holds.len()), 0);
    assert_eq!(touched(&|| _ = holds.sweep(7)), 7);
}

#[test]
fn clocks_do_not_run_backwards() {
    let system = SystemClock::default();
    let began = (system.now(), Instant::now());
    let mut last = began.0;
    while began.1.elapsed() < Duration::from_millis(60) {
        let now = system.now();
        assert!(now >= last);
        last = now;
    }
    let went = last - began.0;
    assert!(
        went >= Duration::from_millis(30) && went < MINUTE,
        "{went:?}"
    );
    let manual = ManualClock::default();
    manual.advance(Duration::MAX);
    manual.advance(MINUTE);
    assert_eq!(manual.now(), Duration::from_nanos(u64::MAX));
}

/// Deadlines that come in another sequence than they end in, and that change their place.
#[test]
fn each_hold_ends_at_its_own_deadline() {
    let (stock, clock) = (Stock::new(100), ManualClock::new());
    let holds = Holds::builder().clock(&clock).shards(1).build();
    let minutes = [5, 1, 4, 4, 9, 2, 6, 3, 8, 7, 30];
    for (key, minutes) in minutes.into_iter().enumerate() {
        _ = holds
            .place(key, 1, MINUTE * minutes, |&units| stock.reserve(units))
            .unwrap();
    }
    let last = minutes.len() - 1;
    // Later and sooner than others, and gone before its time.
    _ = holds.extend(&1, MINUTE * 10).unwrap();
    _ = holds.extend(&last, MINUTE).unwrap();
    _ = holds.extend(&0, MINUTE * 5).unwrap();
    holds.confirm(&2).unwrap();
    holds.release(&4).unwrap();
    for minute in 1..=10 {
        clock.advance(MINUTE);
        let expire = match minute {
            1 => vec![last],
            4 => vec![3],
            9 => vec![],
            10 => vec![1],
            _ => (0..minutes.len())
                .filter(|&key| minutes[key] == minute)
                .collect(),
        };
        assert_eq!(holds.sweep(100), expire.len(), "minute {minute}");
        for key in expire {
            assert_eq!(holds.confirm(&key), Err(HoldError::Expired), "key {key}");
        }
    }
    assert!(holds.is_empty());
    assert_eq!(figures(&stock), (99, 0, 1));
}

#[test]
fn a_key_is_in_progress_while_a_late_payment_reserves() {
    let (stock, clock) = (Stock::new(10), ManualClock::new());
    let holds = holds(&clock);
    _ = place(&holds, &stock, 1, 2).unwrap();
    clock.advance(MINUTE);
    assert_eq!(holds.sweep(9), 1);
    let sold = holds.confirm_or_retake(&1, |_, _| {
        assert_eq!(holds.get(&1), Some(Status::InProgress));
        assert_eq!(holds.confirm(&1), Err(HoldError::InProgress));
        assert_eq!(holds.release(&1), Err(HoldError::InProgress));
        assert_eq!(holds.extend(&1, MINUTE), Err(HoldError::InProgress));
        assert_eq!(place(&holds, &stock, 1, 2), Err(PlaceError::InProgress));
        let again = holds.confirm_or_retake(&1, |_, units| stock.reserve(units));
        assert_eq!(again, Err(RetakeError::Hold(HoldError::InProgress)));
        // Nor is it forgotten meanwhile.
        clock.advance(RETENTION);
        holds.sweep(9);
        assert_eq!(holds.get(&1), Some(Status::InProgress));
        stock.reserve(2)
    });
    assert_eq!(sold, Ok(Settled::Now));
    assert_eq!(figures(&stock), (8, 0, 2));
}

#[test]
fn a_retake_without_units_confirms_nothing() {
    let (stock, clock) = (Stock::new(10), ManualClock::new());
    let holds = holds(&clock);
    _ = place(&holds, &stock, 1, 2).unwrap();
    clock.advance(MINUTE);
    holds.sweep(9);
    let nothing = holds.confirm_or_retake(&1, |_, _| stock.reserve(0));
    assert_eq!(nothing, Err(RetakeError::ZeroUnits));
    assert_eq!(holds.confirm(&1), Err(HoldError::Expired));
    assert_eq!(figures(&stock), (10, 0, 0));
}
