//! Random sequences of holds, by a manual clock, against a sequential model of them: a map from key
//! to what is known of it, in which every hold expires at its deadline.
#![cfg(not(loom))]

use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use segstock::{
    Held, HoldError, Holds, ManualClock, PlaceError, Placed, Reservation, Resolution, RetakeError,
    Settled, Status, Stock,
};
use std::collections::BTreeMap;
use std::time::Duration;

/// Longer than any sequence takes: what is forgotten when is tested in `holds/retention.rs`, and below.
const RETENTION: u64 = 1_000_000;

#[derive(Debug, Clone, Copy)]
enum Step {
    Place { key: u8, units: u64, ttl: u64 },
    Confirm(u8),
    Retake(u8),
    Release(u8),
    Extend { key: u8, ttl: u64 },
    Get(u8),
    Deduct(u64),
    Restock(u64),
    Sweep(usize),
    Wait(u64),
    Count,
}

fn step() -> impl Strategy<Value = Step> {
    let key = || 0..6_u8;
    prop_oneof![
        6 => (key(), 0..4_u64, 0..20_u64)
            .prop_map(|(key, units, ttl)| Step::Place { key, units, ttl }),
        3 => key().prop_map(Step::Confirm),
        2 => key().prop_map(Step::Retake),
        2 => key().prop_map(Step::Release),
        2 => (key(), 0..20_u64).prop_map(|(key, ttl)| Step::Extend { key, ttl }),
        2 => key().prop_map(Step::Get),
        1 => (0..4_u64).prop_map(Step::Deduct),
        1 => (0..3_u64).prop_map(Step::Restock),
        1 => (0..4_usize).prop_map(Step::Sweep),
        4 => (0..30_u64).prop_map(Step::Wait),
        1 => Just(Step::Count),
    ]
}

/// What is known of a key.
#[derive(Debug, Clone, Copy)]
enum Known {
    Held { units: u64, until: u64 },
    Resolved { units: u64, outcome: Resolution },
}

#[derive(Debug)]
struct Model {
    now: u64,
    in_stock: u64,
    sold: u64,
    keys: BTreeMap<u8, Known>,
}

impl Model {
    /// A hold expires at its deadline, whichever call frees it.
    fn wait(&mut self, time: u64) {
        self.now += time;
        for known in self.keys.values_mut() {
            if let Known::Held { units, until } = *known
                && until <= self.now
            {
                self.in_stock += units;
                let outcome = Resolution::Expired;
                *known = Known::Resolved { units, outcome };
            }
        }
    }

    fn place(&mut self, key: u8, units: u64, ttl: u64) -> Result<(&str, u64, u64), String> {
        if ttl == 0 {
            return Err("ZeroTtl".into());
        }
        match self.keys.get(&key) {
            Some(Known::Held { units: asked, .. } | Known::Resolved { units: asked, .. })
                if *asked != units =>
            {
                Err("Conflict".into())
            }
            Some(Known::Held { until, .. }) => Ok(("Before", units, until - self.now)),
            Some(Known::Resolved { outcome, .. }) => Err(format!("Resolved({outcome:?})")),
            None if units > self.in_stock => Err(format!("Refused({})", self.in_stock)),
            None if units == 0 => Err("ZeroUnits".into()),
            None => {
                self.in_stock -= units;
                let until = self.now + ttl;
                self.keys.insert(key, Known::Held { units, until });
                Ok(("Now", units, ttl))
            }
        }
    }

    /// Confirms or releases.
    fn settle(&mut self, key: u8, to: Resolution) -> Result<Settled, HoldError> {
        match self.keys.get(&key).copied() {
            None => Err(HoldError::Unknown),
            Some(Known::Resolved { outcome, .. }) if outcome == to => Ok(Settled::Before),
            Some(Known::Resolved { outcome, .. }) => Err(outcome.into()),
            Some(Known::Held { units, .. }) => {
                let part = if to == Resolution::Confirmed {
                    &mut self.sold
                } else {
                    &mut self.in_stock
                };
                *part += units;
                let resolved = Known::Resolved { units, outcome: to };
                self.keys.insert(key, resolved);
                Ok(Settled::Now)
            }
        }
    }

    fn retake(&mut self, key: u8) -> Result<Settled, String> {
        match self.settle(key, Resolution::Confirmed) {
            Err(HoldError::Expired) => {}
            answer => return answer.map_err(|error| format!("{error:?}")),
        }
        let Some(&Known::Resolved { units, .. }) = self.keys.get(&key) else {
            panic!("an expired key is resolved")
        };
        if units > self.in_stock {
            return Err(format!("Refused({})", self.in_stock));
        }
        self.in_stock -= units;
        self.sold += units;
        let outcome = Resolution::Confirmed;
        self.keys.insert(key, Known::Resolved { units, outcome });
        Ok(Settled::Now)
    }

    fn extend(&mut self, key: u8, ttl: u64) -> Result<(u64, u64), HoldError> {
        if ttl == 0 {
            return Err(HoldError::ZeroTtl);
        }
        match self.keys.get_mut(&key) {
            None => Err(HoldError::Unknown),
            Some(Known::Resolved { outcome, .. }) => Err((*outcome).into()),
            Some(Known::Held { units, until }) => {
                *until = self.now + ttl;
                Ok((*units, ttl))
            }
        }
    }

    fn held(&self) -> (usize, u64) {
        let held = self.keys.values().filter_map(|known| match known {
            Known::Held { units, .. } => Some(*units),
            Known::Resolved { .. } => None,
        });
        held.fold((0, 0), |(n, sum), units| (n + 1, sum + units))
    }
}

fn nanos(time: u64) -> Duration {
    Duration::from_nanos(time)
}

fn figures(held: Held) -> (u64, u64) {
    (held.units, held.remaining.as_nanos() as u64)
}

/// The answer of the holds, in the model's terms.
fn told(
    placed: Result<Placed, PlaceError<segstock::OutOfStock>>,
) -> Result<(&'static str, u64, u64), String> {
    match placed {
        Ok(Placed::Now(held)) => Ok(("Now", figures(held).0, figures(held).1)),
        Ok(Placed::Before(held)) => Ok(("Before", figures(held).0, figures(held).1)),
        Err(PlaceError::Refused(refusal)) => Err(format!("Refused({})", refusal.available)),
        Err(other) => Err(format!("{other:?}")),
    }
}

type Till<'a> = Holds<u8, Reservation<&'a Stock>, u64, &'a ManualClock>;

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        // Beside this file: a failure that was found once is tried first ever after.
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config(3_000))]

    #[test]
    fn holds_are_the_model(
        initial in 0..10_u64,
        shards in 1..5_usize,
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let (stock, clock) = (Stock::new(initial), ManualClock::new());
        let holds: Till<'_> = Holds::builder()
            .clock(&clock)
            .retention(nanos(RETENTION))
            .shards(shards)
            .build();
        let mut model = Model { now: 0, in_stock: initial, sold: 0, keys: BTreeMap::new() };
        for step in steps {
            match step {
                Step::Place { key, units, ttl } => {
                    let placed = holds.place(key, units, nanos(ttl), |&n| stock.reserve(n));
                    prop_assert_eq!(told(placed), model.place(key, units, ttl), "{:?}", step);
                }
                Step::Confirm(key) => {
                    prop_assert_eq!(holds.confirm(&key), model.settle(key, Resolution::Confirmed));
                }
                Step::Retake(key) => {
                    let retaken = holds.confirm_or_retake(&key, |_, units| stock.reserve(units));
                    let retaken = retaken.map_err(|error| match error {
                        RetakeError::Refused(refusal) => format!("Refused({})", refusal.available),
                        RetakeError::Hold(error) => format!("{error:?}"),
                        other => format!("{other:?}"),
                    });
                    prop_assert_eq!(retaken, model.retake(key));
                }
                Step::Release(key) => {
                    prop_assert_eq!(holds.release(&key), model.settle(key, Resolution::Released));
                }
                Step::Extend { key, ttl } => {
                    let extended = holds.extend(&key, nanos(ttl)).map(figures);
                    prop_assert_eq!(extended, model.extend(key, ttl));
                }
                Step::Get(key) => {
                    let known = model.keys.get(&key).map(|known| match *known {
                        Known::Held { units, until } => format!("{:?}", (units, until - model.now)),
                        Known::Resolved { outcome, .. } => format!("{outcome:?}"),
                    });
                    let status = holds.get(&key).map(|status| match status {
                        Status::Held { held, .. } => format!("{:?}", figures(held)),
                        Status::Resolved { resolution, .. } => format!("{resolution:?}"),
                        other => format!("{other:?}"),
                    });
                    prop_assert_eq!(status, known);
                }
                // To a direct deduct, expired holds are reserved until they are freed.
                Step::Deduct(units) => {
                    holds.sweep(usize::MAX);
                    let fits = units <= model.in_stock;
                    prop_assert_eq!(stock.deduct(units).is_ok(), fits);
                    model.in_stock -= if fits { units } else { 0 };
                    model.sold += if fits { units } else { 0 };
                }
                Step::Restock(units) => {
                    stock.restock(units).unwrap();
                    model.in_stock += units;
                }
                Step::Sweep(limit) => prop_assert!(holds.sweep(limit) <= limit),
                Step::Wait(time) => {
                    clock.advance(nanos(time));
                    model.wait(time);
                }
                Step::Count => {
                    prop_assert_eq!((holds.len(), holds.units()), model.held());
                    prop_assert_eq!(holds.known(), model.keys.len());
                }
            }
            let (books, (_, held)) = (stock.snapshot(), model.held());
            prop_assert_eq!(books.sold, model.sold);
            prop_assert_eq!(books.available + books.reserved, model.in_stock + held);
            prop_assert!(books.reserved >= held);
        }
        holds.sweep(usize::MAX);
        prop_assert_eq!(stock.snapshot().reserved, model.held().1);
        drop(holds);
        prop_assert_eq!(stock.snapshot().reserved, 0);
    }
}

/// A call with one of many keys, and the time that passes after it.
fn busy_step() -> impl Strategy<Value = (Step, u64)> {
    let key = || 0..200_u8;
    let call = prop_oneof![
        8 => (key(), 1..3_u64, prop_oneof![Just(20_u64), 1..40_u64])
            .prop_map(|(key, units, ttl)| Step::Place { key, units, ttl }),
        3 => key().prop_map(Step::Confirm),
        2 => key().prop_map(Step::Retake),
        2 => key().prop_map(Step::Release),
        2 => (key(), 1..40_u64).prop_map(|(key, ttl)| Step::Extend { key, ttl }),
        1 => (0..400_usize).prop_map(Step::Sweep),
    ];
    // Now and then a pause in which all of it ends, and its memory with it.
    (
        call,
        prop_oneof![30 => Just(0_u64), 10 => 0..4_u64, 1 => Just(100_u64)],
    )
}

proptest! {
    #![proptest_config(config(200))]

    /// Keys are forgotten, placed again, and moved when memory is given back: every unit is accounted
    /// for after each call, and nothing is left in the end.
    #[test]
    fn nothing_is_lost_among_many_keys(
        steps in prop::collection::vec(busy_step(), 1..600),
        shards in 1..3_usize,
    ) {
        const UNITS: u64 = 150;
        const SHORT: u64 = 30;
        let (stock, clock) = (Stock::new(UNITS), ManualClock::new());
        let holds: Till<'_> = Holds::builder()
            .clock(&clock)
            .retention(nanos(SHORT))
            .shards(shards)
            .build();
        // Units under each key, when it was last placed or retaken; and units sold.
        let (mut units_of, mut sold) = ([0; 200], 0);
        for (step, pause) in steps {
            match step {
                Step::Place { key, units, ttl } => {
                    let placed = holds.place(key, units, nanos(ttl), |&n| stock.reserve(n));
                    if let Ok(Placed::Now(held)) = placed {
                        prop_assert_eq!(held.units, units);
                        units_of[usize::from(key)] = units;
                    }
                }
                Step::Confirm(key) => {
                    if holds.confirm(&key) == Ok(Settled::Now) {
                        sold += units_of[usize::from(key)];
                    }
                }
                Step::Retake(key) => {
                    let retaken = holds.confirm_or_retake(&key, |_, units| stock.reserve(units));
                    if retaken == Ok(Settled::Now) {
                        sold += units_of[usize::from(key)];
                    }
                }
                Step::Release(key) => _ = holds.release(&key),
                Step::Extend { key, ttl } => _ = holds.extend(&key, nanos(ttl)),
                Step::Sweep(limit) => prop_assert!(holds.sweep(limit) <= limit),
                _ => unreachable!("it is not among these"),
            }
            let books = stock.snapshot();
            prop_assert_eq!(books.sold, sold);
            prop_assert_eq!(books.available + books.reserved, UNITS - sold);
            prop_assert!(books.reserved >= holds.units());
            clock.advance(nanos(pause));
        }
        for _ in 0..2 {
            clock.advance(nanos(100));
            holds.sweep(usize::MAX);
        }
        prop_assert_eq!((holds.known(), holds.len(), holds.units()), (0, 0, 0));
        prop_assert_eq!(stock.available(), UNITS - sold);
    }
}
