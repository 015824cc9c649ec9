//! A hook that declines changes, in races.

use super::*;

/// Declines the first changes of a kind: each field counts those that are left to decline. It is called under a lock.
struct Declines {
    placed: AtomicU64,
    expired: AtomicU64,
}

impl Declines {
    fn new(placed: u64, expired: u64) -> Self {
        Self {
            placed: AtomicU64::new(placed),
            expired: AtomicU64::new(expired),
        }
    }
}

impl Hook<u64, Units, u64> for Declines {
    type Mark = ();

    fn before(&self, _: &u64, _: &u64, change: &Change<'_, Units, u64>) -> Result<(), Declined> {
        let left = match change {
            Change::Placed { .. } => &self.placed,
            Change::Expired { .. } => &self.expired,
            _ => return Ok(()),
        };
        let declines = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
            left.checked_sub(1)
        });
        declines.map_or(Ok(()), |_| Err(Declined))
    }
}

/// Two held, both expired, and a hook that declines that for some calls.
fn one_kept(expired: u64) -> Arc<Shop<Declines>> {
    let shop = Shop::with_hook(2, Declines::new(0, expired));
    assert!(shop.place(1, 2).is_ok());
    shop.clock.advance(MINUTE);
    shop
}

#[test]
fn hook_that_declines_expiry_against_a_place_that_is_short() {
    race(
        "hook_that_declines_expiry_against_a_place_that_is_short",
        || one_kept(u64::MAX),
        |shop| shop.place(2, 1),
        |shop| (shop.holds.sweep(1), shop.holds.confirm(&1)),
        &[],
        |shop, placed, answers| {
            assert!(matches!(placed, Err(PlaceError::Busy(_))), "{placed:?}");
            assert_eq!(answers, (0, Err(HoldError::Overdue)));
            assert_eq!((shop.figures(), shop.holds.len()), ((0, 2, 0), 0));
        },
    );
}

#[test]
fn hook_that_declines_one_expiry_against_two_places() {
    race(
        "hook_that_declines_one_expiry_against_two_places",
        || one_kept(1),
        |shop| shop.place(2, 1),
        |shop| shop.place(3, 1),
        &[],
        |shop, one, other| {
            let mut held = 0;
            for placed in [one, other] {
                match placed {
                    Ok(Placed::Now(_)) => held += 1,
                    Err(PlaceError::Busy(_)) => {}
                    other => panic!("refused because of an expired hold: {other:?}"),
                }
            }
            let freed = shop.holds.expired() == 1;
            assert!(freed || held == 0);
            let figures = if freed {
                (2 - held, held, 0)
            } else {
                (0, 2, 0)
            };
            assert_eq!(shop.figures(), figures);
        },
    );
}

#[test]
fn hook_that_declines_a_place_against_its_retry() {
    race(
        "hook_that_declines_a_place_against_its_retry",
        || Shop::with_hook(2, Declines::new(1, 0)),
        |shop| shop.place(1, 2),
        |shop| shop.place(1, 2),
        &[
            "Err(Declined) | Err(InProgress)",
            "Err(InProgress) | Err(Declined)",
        ],
        |shop, one, other| {
            let declined = [one, other].map(|placed| match placed {
                Ok(Placed::Now(held)) => {
                    assert_eq!((held.units, shop.figures()), (2, (0, 2, 0)));
                    false
                }
                Err(PlaceError::Declined) => true,
                Err(PlaceError::InProgress) => false,
                other => panic!("{other:?}"),
            });
            assert!(declined[0] != declined[1], "one is declined");
            assert_eq!(shop.figures().1, shop.holds.units());
        },
    );
}
