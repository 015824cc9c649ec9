//! Mistakes that a random mix of few calls does not reach: each is found in every run.

use segstock_conformance::{Answer, Options, Promise, Report, Subject};
use segstock_model::Refusal;
use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// A counter under a lock, with one thing wrong.
struct Wrong<F> {
    left: Mutex<u64>,
    calls: AtomicU64,
    /// Whether the n-th call, an order of some units, goes wrong: it is sold and not counted.
    is_lost: F,
}

impl<F: Fn(u64, u64) -> bool + Send + Sync> Subject for Wrong<F> {
    fn deduct(&self, units: u64) -> Answer {
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        let mut left = self.left.lock().unwrap();
        if *left < units {
            return Answer::SHORT;
        }
        *left -= if (self.is_lost)(call, units) {
            0
        } else {
            units
        };
        Answer::Done(())
    }

    fn restock(&self, units: u64) -> Answer {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let mut left = self.left.lock().unwrap();
        let Some(more) = left.checked_add(units) else {
            return Answer::OVERFLOW;
        };
        *left = more;
        Answer::Done(())
    }

    fn available(&self) -> Answer<u64> {
        Answer::Done(*self.left.lock().unwrap())
    }
}

fn options() -> Options {
    Options::new()
        .limit(u64::MAX)
        .directory(env!("CARGO_TARGET_TMPDIR"))
        .stop_when_broken([Promise::Linearizable])
}

/// Sees the mistake in five runs of five. `is_lost` is made for each counter.
#[track_caller]
fn found_in_every_run<F: Fn(u64, u64) -> bool + Send + Sync + 'static>(is_lost: impl Fn() -> F) {
    for seed in 1..=5 {
        let report = options().seed(seed).check(|units, _| Wrong {
            left: Mutex::new(units),
            calls: AtomicU64::new(1),
            is_lost: is_lost(),
        });
        println!("{report}");
        assert!(
            report.broken().contains(&Promise::Linearizable),
            "seed {seed}"
        );
    }
}

/// The first order from the ten thousandth call on, and no other: that call itself may be a restock.
#[test]
fn a_mistake_at_the_ten_thousandth_call_is_found() {
    found_in_every_run(|| {
        let is_over = AtomicBool::new(false);
        move |call, units| call >= 10_000 && units > 0 && !is_over.swap(true, Ordering::Relaxed)
    });
}

#[test]
fn a_mistake_in_orders_of_fifty_and_more_is_found() {
    found_in_every_run(|| |_, units| units >= 50);
}

/// Threads beyond the fourth share a slot of the others, without a lock.
#[test]
fn a_mistake_from_the_fifth_thread_on_is_found() {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    thread_local!(static OWN: u64 = NEXT.fetch_add(1, Ordering::Relaxed));
    for seed in 1..=5 {
        NEXT.store(0, Ordering::Relaxed);
        let report = options().seed(seed).threads(8).check(|units, _| Wrong {
            left: Mutex::new(units),
            calls: AtomicU64::new(1),
            is_lost: |_, _| OWN.with(|own| *own) >= 4,
        });
        println!("{report}");
        assert!(
            report.broken().contains(&Promise::Linearizable),
            "seed {seed}"
        );
    }
}

/// What became of a hold.
#[derive(Clone, Copy, PartialEq)]
enum Fate {
    Until(u64),
    Over(Refusal),
}

struct Books {
    left: u64,
    now: u64,
    holds: HashMap<u64, (u64, Fate)>,
}

/// Holds under one lock, whose keys are cut to `mask`.
struct Keys {
    books: Mutex<Books>,
    mask: u64,
}

impl Keys {
    fn resolve(&self, key: u64, fate: Refusal) -> Option<Answer> {
        let books = &mut *self.books.lock().unwrap();
        let Some((units, state)) = books.holds.get_mut(&(key & self.mask)) else {
            return Some(Answer::Refused(Refusal::NoHold));
        };
        Some(match *state {
            Fate::Until(_) => {
                *state = Fate::Over(fate);
                books.left += if fate == Refusal::Released { *units } else { 0 };
                Answer::Done(())
            }
            Fate::Over(known) if known == fate => Answer::Done(()),
            Fate::Over(known) => Answer::Refused(known),
        })
    }
}

impl Subject for Keys {
    fn deduct(&self, units: u64) -> Answer {
        let mut books = self.books.lock().unwrap();
        let enough = books.left >= units;
        books.left -= if enough { units } else { 0 };
        enough.into()
    }

    fn restock(&self, units: u64) -> Answer {
        let mut books = self.books.lock().unwrap();
        let held: u64 = books.holds.values().map(|(units, _)| units).sum();
        let Some(more) = books
            .left
            .checked_add(units)
            .filter(|it| it.checked_add(held).is_some())
        else {
            return Answer::OVERFLOW;
        };
        books.left = more;
        Answer::Done(())
    }

    fn available(&self) -> Answer<u64> {
        Answer::Done(self.books.lock().unwrap().left)
    }

    fn place(&self, key: u64, units: u64, ttl: u64) -> Option<Answer> {
        let key = key & self.mask;
        let books = &mut *self.books.lock().unwrap();
        Some(match books.holds.get(&key) {
            Some((held, _)) if *held != units => Answer::Refused(Refusal::Conflict),
            Some((_, Fate::Until(_))) => Answer::Done(()),
            Some((_, Fate::Over(fate))) => Answer::Refused(*fate),
            None if units > books.left => Answer::SHORT,
            None => {
                books.left -= units;
                books
                    .holds
                    .insert(key, (units, Fate::Until(books.now + ttl)));
                Answer::Done(())
            }
        })
    }

    fn confirm(&self, key: u64) -> Option<Answer> {
        self.resolve(key, Refusal::Confirmed)
    }

    fn release_hold(&self, key: u64) -> Option<Answer> {
        self.resolve(key, Refusal::Released)
    }

    fn advance(&self, ticks: u64) -> Option<Answer> {
        let books = &mut *self.books.lock().unwrap();
        books.now += ticks;
        for (units, fate) in books.holds.values_mut() {
            if matches!(fate, Fate::Until(deadline) if *deadline <= books.now) {
                *fate = Fate::Over(Refusal::Expired);
                books.left += *units;
            }
        }
        Some(Answer::Done(()))
    }
}

fn keys(mask: u64, seed: u64) -> Report {
    let report = options().seed(seed).check(|units, _| Keys {
        books: Mutex::new(Books {
            left: units,
            now: 0,
            holds: HashMap::new(),
        }),
        mask,
    });
    println!("{report}");
    report
}

#[test]
fn keys_that_are_cut_are_found() {
    keys(u64::MAX, 1).assert_kept();
    for seed in 1..=5 {
        for mask in [0xff, 0xffff_ffff, u64::MAX >> 1] {
            let report = keys(mask, seed);
            assert!(
                report.broken().contains(&Promise::Linearizable),
                "{mask:#x}"
            );
        }
    }
}
