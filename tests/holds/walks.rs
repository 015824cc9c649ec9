//! A walk over all keys, what outlives a restart, and keys that are forgotten on request.

use super::*;
use segstock::Entry;

#[test]
fn a_resolved_key_can_be_freed_for_another_order() {
    let (stock, clock) = (Stock::new(10), ManualClock::new());
    let holds = holds(&clock);
    held(place(&holds, &stock, 1, 2).unwrap());
    assert_eq!(holds.forget(&1), Err(HoldError::Held));
    holds.release(&1).unwrap();
    assert_eq!(holds.forget(&1), Ok(Resolution::Released));
    assert_eq!(holds.forget(&1), Err(HoldError::Unknown));
    assert_eq!(holds.known(), 0);
    assert!(matches!(place(&holds, &stock, 1, 5), Ok(Placed::Now(_))));
    clock.advance(MINUTE);
    assert_eq!(holds.forget(&1), Ok(Resolution::Expired));
    assert_eq!(figures(&stock), (10, 0, 0));
}

#[test]
fn the_request_comes_back() {
    let (stock, clock) = (Stock::new(10), ManualClock::new());
    let holds = holds(&clock);
    held(place(&holds, &stock, 1, 2).unwrap());
    let known = holds.get(&1).unwrap();
    assert_eq!(known.request(), Some(&2));
    assert_eq!(known.held(), Some(Held::new(2, MINUTE)));
    holds.confirm(&1).unwrap();
    let confirmed = Status::Resolved {
        resolution: Resolution::Confirmed,
        units: 2,
        request: 2,
    };
    assert_eq!(holds.get(&1), Some(confirmed));
}

/// Every kind of call that frees expired holds tells their keys.
#[test]
fn each_call_tells_the_keys_that_it_expired() {
    let (stock, clock) = (Stock::new(100), ManualClock::new());
    let builder = Holds::builder().clock(&clock).retention(RETENTION);
    let holds: Till<'_, Stock> = builder.shards(1).build();
    place_each(&holds, &stock, 0..100);
    clock.advance(MINUTE);
    let detailed = holds.detailed();
    let mut expired = Vec::new();
    let own = detailed.confirm(&50).expired;
    assert_eq!((own[0], own.len()), (50, 3));
    expired.extend(own);
    expired.extend(detailed.release(&51).expired);
    expired.extend(detailed.extend(&52, MINUTE).expired);
    expired.extend(detailed.get(&53).expired);
    expired.extend(detailed.forget(&54).expired);
    expired.extend(detailed.release_part(&55, &1).expired);
    expired.extend(detailed.expire(&56).expired);
    let place = detailed.place(1_000, 60, MINUTE, |&units| stock.reserve(units));
    assert!(place.answer.is_ok());
    expired.extend(place.expired);
    expired.extend(detailed.sweep(100).expired);
    expired.sort_unstable();
    assert_eq!(expired, (0..100).collect::<Vec<_>>());
}

#[test]
fn a_walk_shows_what_each_key_holds() {
    let (stock, clock) = (Stock::new(10), ManualClock::new());
    let holds = holds(&clock);
    for key in 1..=4 {
        held(place(&holds, &stock, key, 2).unwrap());
    }
    holds.confirm(&2).unwrap();
    assert!(holds.confirm_part(&3, &1).is_ok());
    clock.advance(MINUTE / 2);
    _ = holds.extend(&4, MINUTE / 2).unwrap();
    clock.advance(MINUTE / 4);
    let mut seen = Vec::new();
    let placed = holds.place(9, 1, MINUTE, |_| {
        holds.for_each(|entry| {
            seen.push(match entry {
                Entry::Held(held) => {
                    let (units, left) = (held.hold.units(), held.remaining);
                    (*held.key, *held.request, units, "held", left)
                }
                Entry::Resolved(ended) => {
                    assert_eq!(ended.resolution, Resolution::Confirmed);
                    (
                        *ended.key,
                        *ended.request,
                        ended.units,
                        "confirmed",
                        ended.remaining,
                    )
                }
                other => panic!("{other:?}"),
            });
        });
        stock.reserve(1)
    });
    assert!(placed.is_ok());
    seen.sort_unstable();
    let expected = [
        (1, 2, 2, "held", MINUTE / 4),
        (2, 2, 2, "confirmed", RETENTION - MINUTE * 3 / 4),
        (3, 2, 1, "held", MINUTE / 4),
        (4, 2, 2, "held", MINUTE / 4),
    ];
    assert_eq!(seen, expected);
    let frozen = holds.freeze();
    let mut held: Vec<_> = frozen.held().map(|held| *held.key).collect();
    held.sort_unstable();
    assert_eq!(held, [1, 3, 4, 9], "those that are active");
    assert_eq!(frozen.resolved().count(), 1);
    assert_eq!(frozen.entries().count(), 5);
    drop(frozen);

    clock.advance(MINUTE / 4);
    let frozen = holds.freeze();
    let active: Vec<_> = frozen.held().map(|held| *held.key).collect();
    assert_eq!(active, [9], "the deadline of the others has passed");
    assert_eq!(frozen.entries().count(), 5, "a look frees none of them");
}

#[test]
fn a_walk_shows_what_is_held_while_a_call_works_on_it() {
    let (stock, clock) = (Stock::new(10), ManualClock::new());
    let holds = holds(&clock);
    held(place(&holds, &stock, 1, 2).unwrap());
    held(place(&holds, &stock, 2, 2).unwrap());
    let look = || {
        let mut seen = Vec::new();
        holds.for_each(|entry| match entry {
            Entry::Held(held) => seen.push((*held.key, "held", held.in_progress)),
            Entry::Resolved(ended) => seen.push((*ended.key, "resolved", ended.in_progress)),
            other => panic!("{other:?}"),
        });
        seen.sort_unstable();
        seen
    };
    let amended = holds.amend(&1, 3, |_, _| {
        assert_eq!(look(), [(1, "held", true), (2, "held", false)]);
        stock.reserve(1).map(segstock::Amendment::take)
    });
    assert!(amended.is_ok());
    clock.advance(MINUTE);
    assert_eq!(holds.sweep(9), 2);
    let late = holds.confirm_or_retake(&2, |_, units| {
        clock.advance(RETENTION);
        assert_eq!(look(), [(2, "resolved", true)]);
        stock.reserve(units)
    });
    assert_eq!(late, Ok(Settled::Now));
}

/// What a walk saw is restored: what was held is held, and resolved keys answer as before.
#[test]
fn keys_outlive_a_restart_with_what_is_left_of_their_time() {
    let (stock, clock) = (Stock::new(10), ManualClock::new());
    let before = holds(&clock);
    for key in 1..=3 {
        held(place(&before, &stock, key, 2).unwrap());
    }
    before.confirm(&1).unwrap();
    before.release(&2).unwrap();
    assert!(before.confirm_part(&3, &1).is_ok());
    clock.advance(MINUTE / 2);
    drop(before.freeze());

    let (restocked, later) = (Stock::new(10), ManualClock::new());
    let after = holds(&later);
    before.for_each(|entry| match entry {
        Entry::Held(entry) => {
            let hold = restocked.reserve(entry.hold.units()).unwrap();
            let restored = after.restore(*entry.key, *entry.request, hold, entry.remaining, ());
            assert_eq!(restored, Ok(Placed::Now(Held::new(1, MINUTE / 2))));
        }
        Entry::Resolved(entry) => {
            let ended = (entry.resolution, entry.units);
            let left = entry.remaining;
            assert!(after.restore_resolved(*entry.key, *entry.request, ended, left, ()));
        }
        other => panic!("{other:?}"),
    });
    let confirmed = Err(PlaceError::Resolved(Resolution::Confirmed));
    assert_eq!(place(&after, &restocked, 1, 2), confirmed);
    let released = Err(PlaceError::Resolved(Resolution::Released));
    assert_eq!(place(&after, &restocked, 2, 2), released);
    assert!(matches!(
        place(&after, &restocked, 3, 2),
        Ok(Placed::Before(_))
    ));
    assert_eq!(figures(&restocked), (9, 1, 0));
    later.advance(RETENTION - MINUTE / 2 - Duration::from_nanos(1));
    assert_eq!(after.confirm(&1), Ok(Settled::Before));
    later.advance(Duration::from_nanos(1));
    assert_eq!(after.confirm(&1), Err(HoldError::Unknown));
    assert_eq!(after.confirm(&3), Err(HoldError::Expired));
}

#[test]
fn a_restore_keeps_what_is_known() {
    let (stock, clock) = (Stock::new(10), ManualClock::new());
    let holds = holds(&clock);
    held(place(&holds, &stock, 1, 2).unwrap());
    let again = |key, request, units| {
        let hold = stock.reserve(units).unwrap();
        holds.restore(key, request, hold, MINUTE, ())
    };
    assert!(matches!(again(1, 2, 2), Ok(Placed::Before(_))));
    assert_eq!(again(1, 3, 3), Err(PlaceError::Conflict));
    assert_eq!(again(2, 0, 0), Err(PlaceError::ZeroUnits));
    let ended = (Resolution::Confirmed, 2);
    assert!(!holds.restore_resolved(1, 2, ended, MINUTE, ()));
    assert!(!holds.restore_resolved(2, 2, ended, Duration::ZERO, ()));
    // Nothing is known for longer than the retention, and times come in any sequence.
    assert!(holds.restore_resolved(2, 2, ended, Duration::MAX, ()));
    assert!(holds.restore_resolved(3, 2, ended, MINUTE, ()));
    assert_eq!((figures(&stock), holds.known()), ((8, 2, 0), 3));
    clock.advance(MINUTE);
    holds.sweep(9);
    assert_eq!(holds.confirm(&3), Err(HoldError::Unknown));
    assert_eq!(holds.confirm(&2), Ok(Settled::Before));
    clock.advance(RETENTION - MINUTE);
    holds.sweep(9);
    assert_eq!(holds.confirm(&2), Err(HoldError::Unknown));
}
