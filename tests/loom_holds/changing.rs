//! Amendments and parts, in races.

use super::*;

fn two_of_five_held() -> Arc<Shop> {
    let shop = Shop::new(5);
    assert!(shop.place(1, 2).is_ok());
    shop
}

#[test]
fn amend_against_confirm() {
    race(
        "amend_against_confirm",
        two_of_five_held,
        |shop| shop.amend(1, 4),
        |shop| shop.holds.confirm(&1),
        &["Ok(Now(Held { units: 4, remaining: 60s })) | Err(InProgress)"],
        |shop, amended, confirmed| match (amended, confirmed) {
            (Ok(Placed::Now(_)), Ok(Settled::Now)) => assert_eq!(shop.figures(), (1, 0, 4)),
            (Ok(Placed::Now(_)), Err(HoldError::InProgress)) => {
                assert_eq!(shop.figures(), (1, 4, 0));
            }
            (Err(AmendError::Hold(HoldError::Confirmed)), Ok(Settled::Now)) => {
                assert_eq!(shop.figures(), (3, 0, 2));
            }
            other => panic!("{other:?}"),
        },
    );
}

#[test]
fn amend_against_expiry() {
    race(
        "amend_against_expiry",
        two_of_five_held,
        |shop| shop.amend(1, 4),
        |shop| {
            shop.clock.advance(MINUTE);
            shop.holds.sweep(1)
        },
        &[
            "Err(Hold(Expired)) | 0",
            "Ok(Now(Held { units: 4, remaining: 60s })) | 0",
        ],
        |shop, amended, swept| {
            match amended {
                // The sweep comes after it, or finds it in progress.
                Ok(Placed::Now(held)) => {
                    assert_eq!((held.units, swept + shop.holds.sweep(1)), (4, 1));
                }
                Err(AmendError::Hold(HoldError::Expired)) => {}
                other => panic!("{other:?}"),
            }
            assert_eq!((shop.figures(), shop.holds.expired()), ((5, 0, 0), 1));
        },
    );
}

#[test]
fn amend_against_amend() {
    race(
        "amend_against_amend",
        two_of_five_held,
        |shop| shop.amend(1, 4),
        |shop| shop.amend(1, 1),
        &[
            "Err(Hold(InProgress)) | Ok(Now(Held { units: 1, remaining: 60s }))",
            "Ok(Now(Held { units: 4, remaining: 60s })) | Err(Hold(InProgress))",
        ],
        |shop, one, other| {
            let in_progress = Err(AmendError::Hold(HoldError::InProgress));
            let amended = |answer: &Result<Placed, _>| matches!(answer, Ok(Placed::Now(_)));
            assert!(amended(&one) || one == in_progress, "{one:?}");
            assert!(amended(&other) || other == in_progress, "{other:?}");
            let (left, held, sold) = shop.figures();
            assert_eq!((left + held, sold, shop.holds.units()), (5, 0, held));
            match (amended(&one), amended(&other)) {
                (true, true) => assert!(held == 4 || held == 1),
                (true, false) => assert_eq!(held, 4),
                (false, true) => assert_eq!(held, 1),
                (false, false) => panic!("one of the two begins first"),
            }
        },
    );
}

/// The hold has expired to the place, while the amend looked at the clock before.
#[test]
fn amend_against_a_place_that_is_short() {
    race(
        "amend_against_a_place_that_is_short",
        one_held,
        |shop| shop.amend(1, 1),
        |shop| {
            shop.clock.advance(MINUTE);
            shop.place(2, 2)
        },
        &[
            "Ok(Now(Held { units: 1, remaining: 60s })) | Err(Busy(OutOfStock { requested: 2, available: 0 }))",
        ],
        |shop, amended, placed| {
            match amended {
                Ok(Placed::Now(_)) | Err(AmendError::Hold(HoldError::Expired)) => {}
                other => panic!("{other:?}"),
            }
            match placed {
                Ok(Placed::Now(_)) => assert_eq!(shop.figures(), (0, 2, 0)),
                Err(PlaceError::Busy(_)) => assert_eq!(shop.figures(), (1, 1, 0)),
                other => panic!("refused because of an expired hold: {other:?}"),
            }
        },
    );
}

#[test]
fn part_against_release() {
    race(
        "part_against_release",
        one_held,
        |shop| shop.holds.confirm_part(&1, &1),
        |shop| shop.holds.release(&1),
        &[],
        |shop, part, released| {
            assert_eq!(released, Ok(Settled::Now));
            match part {
                Ok(Some(rest)) => assert_eq!((rest.units, shop.figures()), (1, (1, 0, 1))),
                Err(PartError::Hold(HoldError::Released)) => {
                    assert_eq!(shop.figures(), (2, 0, 0));
                }
                other => panic!("{other:?}"),
            }
        },
    );
}

#[test]
fn part_against_part() {
    race(
        "part_against_part",
        one_held,
        |shop| shop.holds.confirm_part(&1, &1),
        |shop| shop.holds.release_part(&1, &1),
        &[],
        |shop, confirmed, released| {
            // The second is the last, and settles the hold.
            assert!(confirmed.is_ok() && released.is_ok());
            assert!((confirmed == Ok(None)) != (released == Ok(None)));
            assert_eq!((shop.figures(), shop.holds.len()), ((1, 0, 1), 0));
        },
    );
}

#[test]
fn part_against_expiry() {
    race(
        "part_against_expiry",
        one_held,
        |shop| shop.holds.confirm_part(&1, &1),
        |shop| {
            shop.clock.advance(MINUTE);
            shop.holds.sweep(1)
        },
        &["Err(Hold(Expired)) | 0"],
        |shop, part, swept| match part {
            Ok(Some(_)) => assert_eq!((swept, shop.figures()), (1, (1, 0, 1))),
            Err(PartError::Hold(HoldError::Expired)) => assert_eq!(shop.figures(), (2, 0, 0)),
            other => panic!("{other:?}"),
        },
    );
}
