//! Keys: the answer to a request, and to its retry.

use super::*;

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
fn a_place_of_a_resolved_key_is_an_error_that_says_how_it_ended() {
    let (stock, clock) = (Stock::new(10), ManualClock::new());
    let holds = holds(&clock);
    for key in [1, 2, 3] {
        _ = place(&holds, &stock, key, 1).unwrap();
    }
    holds.confirm(&1).unwrap();
    holds.release(&2).unwrap();
    clock.advance(MINUTE);
    for (key, outcome) in [
        (1, Resolution::Confirmed),
        (2, Resolution::Released),
        (3, Resolution::Expired),
    ] {
        let placed = place(&holds, &stock, key, 1);
        assert_eq!(placed, Err(PlaceError::Resolved(outcome)));
        assert_eq!(resolution(&holds, key), Some(outcome));
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
fn settling_otherwise_than_before_says_what_it_was() {
    let (stock, clock) = (Stock::new(10), ManualClock::new());
    let holds = holds(&clock);
    _ = place(&holds, &stock, 1, 1).unwrap();
    _ = place(&holds, &stock, 2, 1).unwrap();
    holds.confirm(&1).unwrap();
    holds.release(&2).unwrap();
    assert_eq!(holds.release(&1), Err(HoldError::Confirmed));
    assert_eq!(holds.extend(&1, MINUTE), Err(HoldError::Confirmed));
    assert_eq!(holds.confirm(&2), Err(HoldError::Released));
    assert_eq!(holds.release(&2), Ok(Settled::Before));
    assert_eq!(holds.expire(&1), Err(HoldError::Confirmed));
    assert_eq!(holds.expire(&2), Err(HoldError::Released));
    let retaken = holds.confirm_or_retake(&2, |_, units| stock.reserve(units));
    assert_eq!(retaken, Err(RetakeError::Hold(HoldError::Released)));
    assert_eq!(figures(&stock), (9, 0, 1));
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
    assert!(holds.get(&1).is_none());
    assert_eq!(holds.known(), 0);
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
fn a_place_within_a_reserve_is_fine_for_other_keys() {
    let (stock, clock) = (Stock::new(10), ManualClock::new());
    let holds = holds(&clock);
    let placed = holds.place(1, 2, MINUTE, |&units| {
        assert_eq!(place(&holds, &stock, 1, 2), Err(PlaceError::InProgress));
        assert_eq!(holds.get(&1), Some(Status::InProgress));
        assert_eq!(holds.confirm(&1), Err(HoldError::InProgress));
        assert_eq!(holds.release(&1), Err(HoldError::InProgress));
        assert_eq!(holds.expire(&1), Err(HoldError::InProgress));
        assert_eq!((holds.known(), holds.len()), (1, 0), "it takes memory");
        _ = place(&holds, &stock, 2, 1).unwrap();
        stock.reserve(units)
    });
    assert!(matches!(placed, Ok(Placed::Now(_))));
    assert_eq!((holds.len(), holds.units()), (2, 3));
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
    for unknown in [holds.confirm(&7), holds.release(&7), holds.expire(&7)] {
        assert_eq!(unknown, Err(HoldError::Unknown));
    }
    assert_eq!(holds.extend(&7, MINUTE), Err(HoldError::Unknown));
    let retaken = holds.confirm_or_retake(&7, |_, units| stock.reserve(units));
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
        RetakeError::<OutOfStock>::Hold(HoldError::Confirmed).to_string(),
        HoldError::Unknown.to_string(),
        Resolution::Released.to_string(),
    ];
    assert_eq!(
        texts,
        [
            "out of stock: 3 units requested, 2 available",
            "the key was placed before, for something else",
            "another call works on the key",
            "the hold expired: out of stock: 3 units requested, 2 available",
            "the hold was confirmed",
            "no such hold",
            "released",
        ]
    );
    assert!(PlaceError::Refused(refusal).source().is_some());
    assert!(RetakeError::Refused(refusal).source().is_some());
    assert!(!PlaceError::<OutOfStock>::ZeroTtl.is_refused());
}
