//! Other counters, other reservations, and many threads.

use super::*;

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
    let snapshot = stock.snapshot();
    assert_eq!(
        (snapshot.available, snapshot.reserved, snapshot.sold),
        (0, 6, 4)
    );
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

/// A service whose keys are spread may take a number for its own hash.
#[test]
fn hashes_need_not_be_spread() {
    #[derive(Default)]
    struct Itself(u64);

    impl Hasher for Itself {
        fn finish(&self) -> u64 {
            self.0
        }
        fn write(&mut self, _: &[u8]) {
            unreachable!("keys are numbers");
        }
        fn write_u64(&mut self, number: u64) {
            self.0 = number;
        }
    }

    let stock = Stock::new(100_000);
    let holds = Holds::builder()
        .hasher(BuildHasherDefault::<Itself>::default())
        .shards(64)
        .build();
    for key in 0..6_400_u64 {
        _ = holds
            .place(key, 1, MINUTE, |&units| stock.reserve(units))
            .unwrap();
    }
    assert_eq!(holds.shard_sizes().iter().sum::<usize>(), 6_400);
    assert!(
        holds
            .shard_sizes()
            .iter()
            .all(|keys| (80..120).contains(keys))
    );
}

/// Any number of shards is fine: the builder takes the next power of two.
#[test]
fn shards_are_a_power_of_two_within_bounds() {
    let stock = Stock::new(10);
    for (asked, are) in [(0, 1), (1, 1), (3, 4), (64, 64), (usize::MAX, 1_024)] {
        let holds = Holds::builder().shards(asked).build();
        let placed = holds.place(asked, 1, MINUTE, |&units| stock.reserve(units));
        assert!(placed.is_ok());
        assert_eq!(holds.shard_sizes().len(), are);
    }
}
