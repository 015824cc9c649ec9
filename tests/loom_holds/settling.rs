//! Holds as a whole: placed, confirmed, released, extended, expired, retaken, in races.

use super::*;

#[test]
fn confirm_against_expiry() {
    race(
        "confirm_against_expiry",
        one_held,
        |shop| shop.holds.confirm(&1),
        |shop| {
            shop.clock.advance(MINUTE);
            shop.holds.sweep(1)
        },
        &["Err(Expired) | 0"],
        |shop, confirmed, swept| match confirmed {
            Ok(Settled::Now) => assert_eq!((swept, shop.figures()), (0, (0, 0, 2))),
            Err(HoldError::Expired) => {
                assert_eq!((shop.figures(), shop.holds.expired()), ((2, 0, 0), 1))
            }
            other => panic!("{other:?}"),
        },
    );
}

#[test]
fn release_against_confirm() {
    race(
        "release_against_confirm",
        one_held,
        |shop| shop.holds.release(&1),
        |shop| shop.holds.confirm(&1),
        &[],
        |shop, released, confirmed| match (released, confirmed) {
            (Ok(Settled::Now), Err(HoldError::Released)) => assert_eq!(shop.figures(), (2, 0, 0)),
            (Err(HoldError::Confirmed), Ok(Settled::Now)) => assert_eq!(shop.figures(), (0, 0, 2)),
            other => panic!("{other:?}"),
        },
    );
}

#[test]
fn confirm_against_confirm() {
    race(
        "confirm_against_confirm",
        one_held,
        // A second answer never comes before the first is true.
        |shop| (shop.holds.confirm(&1), shop.stock.snapshot().sold),
        |shop| (shop.holds.confirm(&1), shop.stock.snapshot().sold),
        &[],
        |shop, one, other| {
            assert!(matches!(
                (one.0, other.0),
                (Ok(Settled::Now), Ok(Settled::Before)) | (Ok(Settled::Before), Ok(Settled::Now))
            ));
            assert_eq!((one.1, other.1, shop.figures()), (2, 2, (0, 0, 2)));
        },
    );
}

#[test]
fn extend_against_expiry() {
    race(
        "extend_against_expiry",
        one_held,
        |shop| shop.holds.extend(&1, MINUTE * 3).is_ok(),
        |shop| {
            shop.clock.advance(MINUTE);
            shop.holds.sweep(1)
        },
        &["false | 0"],
        |shop, extended, swept| {
            let status = shop.holds.get(&1);
            if extended {
                let held = status.and_then(|status| status.held());
                assert_eq!(held.map(|held| held.units), Some(2));
                assert_eq!((swept, shop.figures()), (0, (0, 2, 0)));
            } else {
                let ended = status.and_then(|status| status.resolution());
                assert_eq!(ended, Some(Resolution::Expired));
                assert_eq!(shop.figures(), (2, 0, 0));
            }
        },
    );
}

#[test]
fn place_against_place_with_one_key() {
    race(
        "place_against_place_with_one_key",
        || Shop::new(3),
        |shop| shop.place(1, 2),
        |shop| shop.place(1, 2),
        &[
            "Err(InProgress) | Ok(Now(Held { units: 2, remaining: 60s }))",
            "Ok(Now(Held { units: 2, remaining: 60s })) | Err(InProgress)",
        ],
        |shop, one, other| {
            let now = |placed: &Result<Placed, _>| matches!(placed, Ok(Placed::Now(_)));
            assert!(now(&one) != now(&other), "{one:?} {other:?}");
            assert_eq!((shop.figures(), shop.holds.len()), ((1, 2, 0), 1));
        },
    );
}

#[test]
fn place_against_place_of_the_last_units() {
    race(
        "place_against_place_of_the_last_units",
        || Shop::new(3),
        |shop| shop.place(1, 2),
        |shop| shop.place(2, 2),
        &[],
        |shop, one, other| {
            assert!(one.is_ok() != other.is_ok(), "{one:?} {other:?}");
            assert_eq!((shop.figures(), shop.holds.known()), ((1, 2, 0), 1));
        },
    );
}

#[test]
fn two_places_free_expired_holds() {
    race(
        "two_places_free_expired_holds",
        || {
            let shop = Shop::new(2);
            _ = shop.place(1, 1).unwrap();
            _ = shop.place(2, 1).unwrap();
            shop.clock.advance(MINUTE);
            shop
        },
        |shop| shop.place(3, 1),
        |shop| shop.place(4, 1),
        &[],
        |shop, one, other| {
            assert!(
                one.is_ok() && other.is_ok(),
                "refused because of an expired hold"
            );
            assert_eq!(shop.figures(), (0, 2, 0));
        },
    );
}

/// Whichever call frees the expired holds, a place is not refused because of them. There are more of
/// them than a call frees besides its own.
#[test]
fn place_against_a_sweep() {
    race(
        "place_against_a_sweep",
        || {
            let shop = Shop::new(3);
            for key in 1..=3 {
                _ = shop.place(key, 1).unwrap();
            }
            shop.clock.advance(MINUTE);
            shop
        },
        |shop| shop.holds.sweep(1),
        |shop| shop.place(4, 3),
        &[],
        |shop, _, placed| {
            assert!(matches!(placed, Ok(Placed::Now(_))), "{placed:?}");
            assert_eq!(shop.figures(), (0, 3, 0));
        },
    );
}

/// A snapshot sees the units of a hold as available or reserved, and none of them twice, whatever
/// becomes of the hold.
#[test]
fn snapshot_against_a_hold_that_expires() {
    race(
        "snapshot_against_a_hold_that_expires",
        one_expired,
        Shop::figures,
        |shop| shop.holds.sweep(1),
        &[],
        |shop, seen, swept| {
            assert!(seen == (0, 2, 0) || seen == (2, 0, 0), "{seen:?}");
            assert_eq!((swept, shop.figures()), (1, (2, 0, 0)));
        },
    );
}

#[test]
fn snapshot_against_a_place() {
    race(
        "snapshot_against_a_place",
        || Shop::new(2),
        Shop::figures,
        |shop| shop.place(1, 2).is_ok(),
        &[],
        |shop, seen, placed| {
            assert!(
                placed && (seen == (2, 0, 0) || seen == (0, 2, 0)),
                "{seen:?}"
            );
            assert_eq!(shop.figures(), (0, 2, 0));
        },
    );
}

#[test]
fn snapshot_against_a_confirm() {
    race(
        "snapshot_against_a_confirm",
        one_held,
        Shop::figures,
        |shop| shop.holds.confirm(&1),
        &[],
        |shop, seen, confirmed| {
            assert!(seen == (0, 2, 0) || seen == (0, 0, 2), "{seen:?}");
            assert_eq!((confirmed, shop.figures()), (Ok(Settled::Now), (0, 0, 2)));
        },
    );
}

/// A hold has expired and is confirmed, while another call frees it, or asks for its status.
#[test]
fn retake_against_a_sweep() {
    race(
        "retake_against_a_sweep",
        one_expired,
        |shop| {
            let again = |_: &u64, units| Reservation::new(Arc::clone(&shop.stock), units);
            shop.holds.confirm_or_retake(&1, again).ok()
        },
        |shop| (shop.holds.sweep(1), shop.holds.get(&1)),
        &[
            "Some(Now) | (1, Some(InProgress))",
            "Some(Now) | (1, Some(Resolved { resolution: Confirmed, units: 2, request: 2 }))",
        ],
        |shop, retaken, (swept, status)| {
            assert_eq!(retaken, Some(Settled::Now));
            // The sweep finds the hold already confirmed, freed by itself, or about to be retaken.
            let in_progress = matches!(status, Some(Status::InProgress));
            let ended = status.and_then(|status| status.resolution());
            let known = matches!(ended, Some(Resolution::Confirmed | Resolution::Expired));
            assert!(in_progress || known, "{ended:?}");
            assert_eq!((shop.figures(), shop.holds.known()), ((0, 0, 2), 1));
            assert_eq!(shop.holds.expired(), swept as u64);
        },
    );
}

/// A retake that is refused leaves its key as it was, whoever asks meanwhile.
#[test]
fn refused_retake_against_confirm() {
    race(
        "refused_retake_against_confirm",
        || {
            let shop = one_expired();
            shop.holds.sweep(1);
            shop.stock.deduct(1).unwrap();
            shop
        },
        |shop| {
            let again = |_: &u64, units| Reservation::new(Arc::clone(&shop.stock), units);
            shop.holds.confirm_or_retake(&1, again).is_err()
        },
        |shop| shop.holds.confirm(&1),
        &["true | Err(InProgress)"],
        |shop, refused, confirmed| {
            assert!(refused);
            let was = matches!(confirmed, Err(HoldError::Expired | HoldError::InProgress));
            assert!(was, "{confirmed:?}");
            assert_eq!(shop.holds.confirm(&1), Err(HoldError::Expired));
            assert_eq!(shop.figures(), (1, 0, 1));
        },
    );
}

#[test]
fn freeing_an_expired_hold_against_deduct() {
    race(
        "freeing_an_expired_hold_against_deduct",
        one_expired,
        |shop| shop.stock.deduct(1).is_ok(),
        |shop| shop.place(2, 1).is_ok(),
        &[],
        |shop, deducted, placed| {
            assert!(placed, "one of two is always left");
            let (sold, left) = if deducted { (1, 0) } else { (0, 1) };
            assert_eq!(shop.figures(), (left, 1, sold));
        },
    );
}

#[test]
fn retake_against_retake() {
    race(
        "retake_against_retake",
        || {
            let shop = one_expired();
            shop.holds.sweep(1);
            shop
        },
        |shop| {
            let again = |_: &u64, units| Reservation::new(Arc::clone(&shop.stock), units);
            shop.holds.confirm_or_retake(&1, again).ok()
        },
        |shop| {
            let again = |_: &u64, units| Reservation::new(Arc::clone(&shop.stock), units);
            shop.holds.confirm_or_retake(&1, again).ok()
        },
        &["None | Some(Now)", "Some(Now) | None"],
        |shop, one, other| {
            let now = [one, other]
                .iter()
                .filter(|&&it| it == Some(Settled::Now))
                .count();
            assert_eq!((now, shop.figures()), (1, (0, 0, 2)), "{one:?} {other:?}");
        },
    );
}
