//! The retention: how long an answer is known, and that nothing is kept beyond it.

use super::*;

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
fn answers_are_known_for_a_quarter_of_an_hour_by_default() {
    let (stock, clock) = (Stock::new(1), ManualClock::new());
    let holds = Holds::builder().clock(&clock).build();
    _ = place(&holds, &stock, 1, 1).unwrap();
    assert_eq!(holds.confirm(&1), Ok(Settled::Now));
    clock.advance(15 * MINUTE - Duration::from_nanos(1));
    assert_eq!(holds.confirm(&1), Ok(Settled::Before));
    clock.advance(Duration::from_nanos(1));
    assert_eq!(holds.confirm(&1), Err(HoldError::Unknown));
}

#[test]
fn a_sweep_keeps_its_limit_over_all_shards() {
    let (stock, clock) = (Stock::new(100), ManualClock::new());
    let holds = holds(&clock);
    place_each(&holds, &stock, 0..100);
    clock.advance(MINUTE);
    assert_eq!((holds.sweep(30), stock.available()), (30, 30));
    assert_eq!((holds.sweep(100), stock.available()), (70, 100));
    assert_eq!(holds.known(), 100);
    clock.advance(RETENTION);
    assert_eq!((holds.sweep(60), holds.known()), (0, 40));
    assert_eq!((holds.sweep(60), holds.known()), (0, 0));
}

#[test]
fn a_late_confirm_has_a_whole_retention() {
    let (stock, clock) = (Stock::new(10), ManualClock::new());
    let holds = holds(&clock);
    _ = place(&holds, &stock, 1, 1).unwrap();
    clock.advance(MINUTE);
    holds.sweep(1);
    clock.advance(RETENTION / 2);
    holds
        .confirm_or_retake(&1, |_, units| stock.reserve(units))
        .unwrap();
    clock.advance(RETENTION / 2);
    holds.sweep(10);
    assert_eq!(holds.confirm(&1), Ok(Settled::Before));
    clock.advance(RETENTION / 2);
    holds.sweep(10);
    assert_eq!(holds.known(), 0);
}

/// Calls forget as fast as they add, so that nothing leaks without a sweep.
#[test]
fn memory_does_not_grow_while_calls_come() {
    let (stock, clock) = (Stock::new(1_000_000), ManualClock::new());
    let holds = holds(&clock);
    let mut most = 0;
    for key in 0..200_000 {
        _ = place(&holds, &stock, key, 1).unwrap();
        if key % 3 == 0 {
            holds.confirm(&key).unwrap();
        }
        // 1,000 are active within the time to live, and 60,000 known within the retention.
        clock.advance(MINUTE / 1_000);
        most = most.max(holds.known());
    }
    assert!(most < 61_500, "{most} keys at once");
}

/// Memory is given back after a rush; what is still known then is known as before, and a key that is
/// being placed is placed.
#[test]
fn keys_stay_known_when_memory_is_given_back() {
    const RUSH: u64 = 20_000;
    let (stock, clock) = (Stock::new(2 * RUSH), ManualClock::new());
    let holds = holds(&clock);
    let long = |key, minutes: u32| {
        holds
            .place(key, 2, MINUTE * minutes, |&units| stock.reserve(units))
            .unwrap()
    };
    for key in 0..10 {
        held(long(RUSH + key, 1_000 - key as u32));
    }
    place_each(&holds, &stock, 0..RUSH);
    clock.advance(MINUTE);
    assert_eq!(holds.sweep(usize::MAX) as u64, RUSH);
    clock.advance(RETENTION - MINUTE);
    holds.release(&RUSH).unwrap();
    clock.advance(MINUTE);
    // Half of it while a key is busy, the rest when none is.
    _ = holds
        .place(RUSH + 10, 2, MINUTE, |&units| {
            holds.sweep(RUSH as usize / 2);
            stock.reserve(units)
        })
        .unwrap();
    holds.sweep(usize::MAX);
    assert_eq!((holds.known(), holds.len(), holds.units()), (11, 10, 20));
    assert_eq!(holds.release(&RUSH), Ok(Settled::Before));
    for key in RUSH + 1..=RUSH + 10 {
        assert_eq!(holds.confirm(&key), Ok(Settled::Now), "key {key}");
    }
    assert_eq!(figures(&stock), (2 * RUSH - 20, 0, 20));
    clock.advance(RETENTION);
    holds.sweep(usize::MAX);
    assert_eq!(holds.known(), 0);
}

/// Nothing has freed these keys: their retention has ended, and so they are forgotten.
#[test]
fn a_key_is_unknown_when_its_retention_has_ended() {
    let (stock, clock) = (Stock::new(10), ManualClock::new());
    let holds = Holds::builder().clock(&clock).retention(RETENTION).build();
    for key in 1..=4 {
        _ = holds
            .place(key, 1, MINUTE, |&units| stock.reserve(units))
            .unwrap();
        holds.confirm(&key).unwrap();
    }
    clock.advance(RETENTION);
    assert_eq!(holds.known(), 4);
    assert_eq!(holds.get(&1), None);
    assert_eq!(holds.confirm(&2), Err(HoldError::Unknown));
    let retake = |_: &u64, units| stock.reserve(units);
    let unknown = Err(RetakeError::Hold(HoldError::Unknown));
    assert_eq!(holds.confirm_or_retake(&3, retake), unknown);
    let placed = holds.place(4, 2, MINUTE, |&units| stock.reserve(units));
    assert!(matches!(placed, Ok(Placed::Now(_))), "for something else");
    assert_eq!((holds.known(), figures(&stock)), (1, (4, 2, 4)));
}

/// A customer who tries to pay late again and again does not keep the key alive.
#[test]
fn refused_retakes_do_not_prolong_the_retention() {
    let (stock, clock) = (Stock::new(1), ManualClock::new());
    let holds = Holds::builder()
        .clock(&clock)
        .retention(RETENTION)
        .shards(1)
        .build();
    for key in 1..=3 {
        _ = holds
            .place(key, 1, MINUTE, |&units| stock.reserve(units))
            .unwrap();
        clock.advance(MINUTE);
        assert_eq!(holds.sweep(9), 1);
    }
    stock.deduct(1).unwrap();
    clock.advance(RETENTION - MINUTE * 3);
    for key in [2, 1, 2] {
        let refused = holds.confirm_or_retake(&key, |_, units| stock.reserve(units));
        assert!(matches!(refused, Err(RetakeError::Refused(_))));
    }
    clock.advance(MINUTE);
    assert_eq!((holds.sweep(9), holds.known()), (0, 2));
    clock.advance(MINUTE);
    assert_eq!((holds.sweep(9), holds.known()), (0, 1));
}

#[test]
fn no_retention_and_an_endless_one() {
    let (stock, clock) = (Stock::new(10), ManualClock::new());
    let holds = Holds::builder()
        .clock(&clock)
        .retention(Duration::ZERO)
        .build();
    place_each(&holds, &stock, 1..3);
    assert_eq!(holds.confirm(&1), Ok(Settled::Now));
    assert_eq!(holds.confirm(&1), Err(HoldError::Unknown));
    clock.advance(MINUTE);
    assert_eq!(
        holds.confirm(&2),
        Err(HoldError::Expired),
        "too late, it says"
    );
    assert_eq!(holds.confirm(&2), Err(HoldError::Unknown));
    assert_eq!(holds.known(), 0);

    let holds = Holds::builder()
        .clock(&clock)
        .retention(Duration::MAX)
        .build();
    place_each(&holds, &stock, 1..2);
    holds.confirm(&1).unwrap();
    clock.advance(Duration::from_secs(1 << 33));
    holds.sweep(usize::MAX);
    assert_eq!(holds.confirm(&1), Ok(Settled::Before));
}
