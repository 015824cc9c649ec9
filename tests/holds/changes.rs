//! Amendments, and parts of a hold.

use super::*;
use segstock::{AmendError, Amendment, NotReserved, PartError};

/// Asks for units in place of those that are held.
fn amend<'a>(
    holds: &Till<'a, Stock>,
    stock: &'a Stock,
    key: u64,
    units: u64,
) -> Result<Placed, AmendError<OutOfStock>> {
    holds.amend(&key, units, |&held, &units| match units.checked_sub(held) {
        Some(missing) => stock.reserve(missing).map(Amendment::take),
        None => Ok(Amendment::give(held - units)),
    })
}

#[test]
fn an_amendment_takes_what_is_missing_and_gives_what_is_too_much() {
    let (stock, clock) = (Stock::new(10), ManualClock::new());
    let holds = holds(&clock);
    held(place(&holds, &stock, 1, 3).unwrap());
    clock.advance(MINUTE / 4);
    let more = amend(&holds, &stock, 1, 7).unwrap();
    assert_eq!(more, Placed::Now(Held::new(7, MINUTE * 3 / 4)));
    assert_eq!((figures(&stock), holds.units()), ((3, 7, 0), 7));
    let less = amend(&holds, &stock, 1, 2).unwrap();
    assert_eq!(held(less).units, 2);
    assert_eq!((figures(&stock), holds.units()), ((8, 2, 0), 2));
    assert_eq!(holds.confirm(&1), Ok(Settled::Now));
    assert_eq!(figures(&stock), (8, 0, 2));
}

#[test]
fn a_retried_amendment_changes_nothing() {
    let (stock, clock) = (Stock::new(10), ManualClock::new());
    let holds = holds(&clock);
    held(place(&holds, &stock, 1, 3).unwrap());
    held(amend(&holds, &stock, 1, 5).unwrap());
    let again = amend(&holds, &stock, 1, 5);
    assert_eq!(again, Ok(Placed::Before(Held::new(5, MINUTE))));
    assert_eq!(figures(&stock), (5, 5, 0));
    // The hold is for the new request now.
    assert!(matches!(place(&holds, &stock, 1, 5), Ok(Placed::Before(_))));
    assert_eq!(place(&holds, &stock, 1, 3), Err(PlaceError::Conflict));
}

#[test]
fn a_refused_amendment_leaves_the_hold_as_it_was() {
    let (stock, other, clock) = (Stock::new(5), Stock::new(5), ManualClock::new());
    let holds = holds(&clock);
    held(place(&holds, &stock, 1, 3).unwrap());
    let refused = amend(&holds, &stock, 1, 6).unwrap_err();
    assert!(matches!(refused, AmendError::Refused(refusal) if refusal.available == 2));
    assert_eq!(amend(&holds, &stock, 1, 0), Err(AmendError::ZeroUnits));
    let too_much = holds.amend(&1, 1, |_, _| Ok::<_, OutOfStock>(Amendment::give(4)));
    let Err(AmendError::NotReserved(NotReserved { reserved: 3, .. })) = too_much else {
        panic!("{too_much:?}");
    };
    let strange = holds.amend(&1, 4, |_, _| other.reserve(1).map(Amendment::take));
    assert_eq!(strange, Err(AmendError::OtherStock));
    assert_eq!((figures(&stock), figures(&other)), ((2, 3, 0), (5, 0, 0)));
    assert!(matches!(place(&holds, &stock, 1, 3), Ok(Placed::Before(_))));
    assert_eq!(holds.confirm(&1), Ok(Settled::Now));
}

#[test]
fn a_key_is_in_progress_while_it_is_amended() {
    let (stock, clock) = (Stock::new(5), ManualClock::new());
    let holds = holds(&clock);
    held(place(&holds, &stock, 1, 3).unwrap());
    let amended = holds.amend(&1, 4, |_, _| {
        assert_eq!(holds.get(&1), Some(Status::InProgress));
        assert_eq!(holds.confirm(&1), Err(HoldError::InProgress));
        assert_eq!(holds.release(&1), Err(HoldError::InProgress));
        assert_eq!(holds.extend(&1, MINUTE), Err(HoldError::InProgress));
        assert_eq!(holds.forget(&1), Err(HoldError::InProgress));
        assert_eq!(place(&holds, &stock, 1, 3), Err(PlaceError::InProgress));
        let again = amend(&holds, &stock, 1, 5);
        assert_eq!(again, Err(AmendError::Hold(HoldError::InProgress)));
        let part = holds.confirm_part(&1, &1);
        assert_eq!(part, Err(PartError::Hold(HoldError::InProgress)));
        assert_eq!((holds.len(), holds.units()), (1, 3), "it is held meanwhile");
        stock.reserve(1).map(Amendment::take)
    });
    assert!(amended.is_ok());
    assert_eq!((figures(&stock), holds.units()), ((1, 4, 0), 4));
}

/// Another call that is short answers busy: the hold has expired, and is being amended.
#[test]
fn an_amendment_that_outlasts_the_deadline() {
    let (stock, clock) = (Stock::new(3), ManualClock::new());
    let holds = holds(&clock);
    held(place(&holds, &stock, 1, 3).unwrap());
    let amended = holds.amend(&1, 2, |_, _| {
        clock.advance(MINUTE);
        assert_eq!((holds.len(), holds.sweep(9)), (0, 0));
        let short = place(&holds, &stock, 2, 1);
        assert!(matches!(short, Err(PlaceError::Busy(_))), "{short:?}");
        Ok::<_, OutOfStock>(Amendment::give(1))
    });
    // It had looked at the clock before the deadline.
    assert!(matches!(amended, Ok(Placed::Now(hold)) if hold.units == 2));
    assert_eq!(holds.confirm(&1), Err(HoldError::Expired));
    assert_eq!(figures(&stock), (3, 0, 0));
}

#[test]
fn an_amendment_that_must_wait_for_others_to_expire_may_expire_itself() {
    let (stock, clock) = (Stock::new(4), ManualClock::new());
    let holds = holds(&clock);
    held(place(&holds, &stock, 1, 2).unwrap());
    held(place(&holds, &stock, 2, 2).unwrap());
    let amended = holds.amend(&1, 3, |_, _| {
        let taken = stock.reserve(1).map(Amendment::take);
        if taken.is_err() {
            clock.advance(MINUTE);
            assert_eq!(holds.sweep(9), 1);
        }
        taken
    });
    assert_eq!(amended, Err(AmendError::Hold(HoldError::Expired)));
    assert_eq!(figures(&stock), (4, 0, 0));
}

#[test]
fn an_amendment_frees_expired_holds() {
    let (stock, clock) = (Stock::new(4), ManualClock::new());
    let holds = holds(&clock);
    held(place(&holds, &stock, 1, 2).unwrap());
    clock.advance(MINUTE / 2);
    held(place(&holds, &stock, 2, 2).unwrap());
    clock.advance(MINUTE / 2);
    assert_eq!(held(amend(&holds, &stock, 2, 4).unwrap()).units, 4);
    assert_eq!((figures(&stock), holds.expired()), ((0, 4, 0), 1));
}

#[test]
fn only_an_active_hold_is_amended() {
    let (stock, clock) = (Stock::new(4), ManualClock::new());
    let holds = holds(&clock);
    place_each(&holds, &stock, 1..4);
    holds.confirm(&1).unwrap();
    holds.release(&2).unwrap();
    clock.advance(MINUTE);
    for (key, error) in [
        (1, HoldError::Confirmed),
        (2, HoldError::Released),
        (3, HoldError::Expired),
        (4, HoldError::Unknown),
    ] {
        let amended = amend(&holds, &stock, key, 2);
        assert_eq!(amended, Err(AmendError::Hold(error)));
        assert_eq!(holds.release_part(&key, &1), Err(PartError::Hold(error)));
    }
    assert_eq!(figures(&stock), (3, 0, 1));
}

#[test]
fn a_panicking_amendment_leaves_the_hold_as_it_was() {
    let (stock, clock) = (Stock::new(4), ManualClock::new());
    let holds = holds(&clock);
    held(place(&holds, &stock, 1, 2).unwrap());
    let amended = catch_unwind(AssertUnwindSafe(|| {
        holds.amend(&1, 3, |_, _| -> Result<_, OutOfStock> {
            std::panic::resume_unwind(Box::new("gone"))
        })
    }));
    assert!(amended.is_err());
    assert_eq!((figures(&stock), holds.len()), ((2, 2, 0), 1));
    clock.advance(MINUTE);
    assert_eq!(holds.sweep(9), 1);
}

#[test]
fn parts_are_settled_and_the_rest_stays_held() {
    let (stock, clock) = (Stock::new(10), ManualClock::new());
    let holds = holds(&clock);
    held(place(&holds, &stock, 1, 6).unwrap());
    assert_eq!(holds.confirm_part(&1, &2), Ok(Some(Held::new(4, MINUTE))));
    assert_eq!((figures(&stock), holds.units()), ((4, 4, 2), 4));
    assert_eq!(holds.release_part(&1, &1), Ok(Some(Held::new(3, MINUTE))));
    assert_eq!((figures(&stock), holds.units()), ((5, 3, 2), 3));
    let too_much = holds.confirm_part(&1, &4);
    let Err(PartError::NotReserved(NotReserved { reserved: 3, .. })) = too_much else {
        panic!("{too_much:?}");
    };
    assert_eq!(holds.confirm_part(&1, &0), Err(PartError::ZeroUnits));
    // The request stays, so a retried place is known.
    assert!(matches!(place(&holds, &stock, 1, 6), Ok(Placed::Before(_))));
    assert_eq!(holds.confirm(&1), Ok(Settled::Now));
    assert_eq!((figures(&stock), holds.units()), ((5, 0, 5), 0));
}

#[test]
fn the_last_part_settles_the_hold() {
    let (stock, clock) = (Stock::new(10), ManualClock::new());
    let holds = holds(&clock);
    for key in [1, 2] {
        held(place(&holds, &stock, key, 2).unwrap());
        assert!(holds.confirm_part(&key, &1).unwrap().is_some());
    }
    assert_eq!(holds.confirm_part(&1, &1), Ok(None));
    assert_eq!(holds.release_part(&2, &1), Ok(None));
    assert_eq!(holds.confirm(&1), Ok(Settled::Before));
    assert_eq!(holds.release(&2), Ok(Settled::Before));
    assert_eq!((figures(&stock), holds.len()), ((7, 0, 3), 0));
}

/// One of three is sold, two expire: a late payment takes two, and three are sold in all.
#[test]
fn a_late_payment_takes_what_expired_and_not_what_was_asked_for() {
    let (stock, clock) = (Stock::new(10), ManualClock::new());
    let holds = holds(&clock);
    held(place(&holds, &stock, 1, 3).unwrap());
    assert!(holds.confirm_part(&1, &1).unwrap().is_some());
    clock.advance(MINUTE);
    assert_eq!(holds.sweep(9), 1);
    let late = holds.confirm_or_retake(&1, |&asked, units| {
        assert_eq!((asked, units), (3, 2));
        stock.reserve(units)
    });
    assert_eq!((late, figures(&stock)), (Ok(Settled::Now), (7, 0, 3)));
}
