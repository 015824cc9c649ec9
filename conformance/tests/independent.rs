//! The checker against another one that shares no code with the model: what a stock is, is written here a
//! second time, and every order of every choice of the unknown calls is tried.

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use segstock_conformance::{Call, Checker, History, Verdict};
use segstock_model::{Op, Outcome, Refusal, Snapshot};

/// What became of a key.
#[derive(Clone, Copy, PartialEq)]
enum Fate {
    Active { until: u64 },
    Confirmed,
    Released,
    Expired,
}

/// A stock, as a shopkeeper would keep it.
#[derive(Clone)]
struct Shop {
    first: u64,
    added: u64,
    shelf: u64,
    /// Set aside without a key.
    aside: u64,
    gone: u64,
    clock: u64,
    /// Key, units, and what became of them.
    keys: Vec<(u64, u64, Fate)>,
}

const NO: Outcome = Outcome::Refused(Refusal::NotReserved);

impl Shop {
    fn new(units: u64) -> Self {
        Self {
            first: units,
            added: 0,
            shelf: units,
            aside: 0,
            gone: 0,
            clock: 0,
            keys: Vec::new(),
        }
    }

    fn held(&self) -> u64 {
        let active = self
            .keys
            .iter()
            .filter(|(_, _, fate)| matches!(fate, Fate::Active { .. }));
        active.map(|(_, units, _)| units).sum()
    }

    /// What it does and answers; the numbers of a refusal are its own.
    fn serve(&mut self, op: Op) -> Outcome {
        let short = Outcome::Refused(Refusal::Short {
            available: Some(self.shelf),
        });
        let answer = match op {
            Op::Deduct(n) if n <= self.shelf => {
                self.shelf -= n;
                self.gone += n;
                Outcome::Done
            }
            Op::Reserve(n) if n <= self.shelf => {
                self.shelf -= n;
                self.aside += n;
                Outcome::Done
            }
            Op::Deduct(_) | Op::Reserve(_) => short,
            Op::DeductUpTo(n) => {
                let taken = if n < self.shelf { n } else { self.shelf };
                self.shelf -= taken;
                self.gone += taken;
                Outcome::Took(taken)
            }
            Op::Restock(n) => {
                self.shelf += n;
                self.added += n;
                Outcome::Done
            }
            Op::Commit(n) if n <= self.aside => {
                self.aside -= n;
                self.gone += n;
                Outcome::Done
            }
            Op::Release(n) if n <= self.aside => {
                self.aside -= n;
                self.shelf += n;
                Outcome::Done
            }
            Op::Commit(_) | Op::Release(_) => NO,
            Op::Available => Outcome::Exactly(self.shelf),
            Op::Snapshot => Outcome::ExactSnapshot(Snapshot {
                initial: self.first,
                restocked: self.added,
                available: self.shelf,
                reserved: self.aside + self.held(),
                sold: self.gone,
                ..Snapshot::default()
            }),
            Op::Place { key, units, ttl } => self.place(key, units, ttl),
            Op::Confirm { key } => self.end(key, Fate::Confirmed),
            Op::ReleaseHold { key } => self.end(key, Fate::Released),
            Op::Advance { by } => {
                self.clock += by;
                Outcome::Done
            }
            other => panic!("{other} is new: say here what it does"),
        };
        self.let_expire();
        answer
    }

    fn place(&mut self, key: u64, units: u64, ttl: u64) -> Outcome {
        if let Some((_, held, fate)) = self.keys.iter().find(|(known, ..)| *known == key) {
            return match fate {
                _ if *held != units => Outcome::Refused(Refusal::Conflict),
                Fate::Active { .. } => Outcome::Done,
                Fate::Confirmed => Outcome::Refused(Refusal::Confirmed),
                Fate::Released => Outcome::Refused(Refusal::Released),
                Fate::Expired => Outcome::Refused(Refusal::Expired),
            };
        }
        if units > self.shelf {
            return Outcome::Refused(Refusal::Short {
                available: Some(self.shelf),
            });
        }
        self.shelf -= units;
        self.keys.push((
            key,
            units,
            Fate::Active {
                until: self.clock + ttl,
            },
        ));
        Outcome::Done
    }

    fn end(&mut self, key: u64, wish: Fate) -> Outcome {
        let Some((_, units, fate)) = self.keys.iter_mut().find(|(known, ..)| *known == key) else {
            return Outcome::Refused(Refusal::NoHold);
        };
        match *fate {
            Fate::Active { .. } => {
                *fate = wish;
                if wish == Fate::Confirmed {
                    self.gone += *units;
                } else {
                    self.shelf += *units;
                }
                Outcome::Done
            }
            known if known == wish => Outcome::Done,
            Fate::Confirmed => Outcome::Refused(Refusal::Confirmed),
            Fate::Released => Outcome::Refused(Refusal::Released),
            Fate::Expired => Outcome::Refused(Refusal::Expired),
        }
    }

    fn let_expire(&mut self) {
        for (_, units, fate) in &mut self.keys {
            if matches!(fate, Fate::Active { until } if *until <= self.clock) {
                *fate = Fate::Expired;
                self.shelf += *units;
            }
        }
    }
}

/// Whether a counter may say `said` where the shop answers `truth` to `op`, beside commits of `committed` units.
fn is_honest(op: Op, truth: Outcome, said: Outcome, committed: u64) -> bool {
    match (truth, said) {
        (_, Outcome::Unknown) => true,
        (Outcome::Exactly(is), Outcome::AtMost(bound)) => is <= bound,
        (Outcome::ExactSnapshot(is), Outcome::Snapshot(said)) => {
            let whole = said.available + said.reserved + said.sold == said.initial + said.restocked;
            (is.initial, is.restocked, is.available)
                == (said.initial, said.restocked, said.available)
                && whole
                && (is.reserved..=is.reserved + committed).contains(&said.reserved)
        }
        (
            Outcome::Refused(Refusal::Short {
                available: Some(is),
            }),
            Outcome::Refused(Refusal::Short { available }),
        ) => {
            let (Op::Deduct(asked) | Op::Reserve(asked) | Op::Place { units: asked, .. }) = op
            else {
                return false;
            };
            available.is_none_or(|bound| is <= bound && bound < asked)
        }
        (truth, said) => truth == said,
    }
}

/// What was sold by calls among `done` that were not over when `read` began. A key that was known to be confirmed
/// then was sold before.
fn sold_beside(shop: &Shop, done: &[Call], read: &Call) -> u64 {
    let mut sold = 0;
    let mut keys: Vec<(u64, bool)> = Vec::new();
    for call in done {
        let runs_on = call.outcome == Outcome::Unknown;
        let has_worked = runs_on || call.outcome == Outcome::Done;
        let meets = runs_on || call.returned >= read.called;
        match call.op {
            Op::Commit(units) if has_worked && meets => sold += units,
            Op::Confirm { key } if has_worked => match keys.iter_mut().find(|it| it.0 == key) {
                Some((_, all_meet)) => *all_meet &= meets,
                None => keys.push((key, meets)),
            },
            _ => {}
        }
    }
    for (key, _) in keys.into_iter().filter(|(_, all_meet)| *all_meet) {
        let known = shop.keys.iter().find(|(known, ..)| *known == key);
        sold += known.map_or(0, |(_, units, _)| *units);
    }
    sold
}

/// What the whole history shows of its snapshots: what they call reserved was, at some time in between, and what they
/// call sold stays sold.
fn reads_are_sane(calls: &[Call]) -> bool {
    let reads = || {
        calls.iter().filter_map(|call| match call.outcome {
            Outcome::Snapshot(said) => Some((call, said)),
            _ => None,
        })
    };
    let aside_at = |now: u64| {
        let mut aside = 0_i64;
        for call in calls {
            let runs_on = call.outcome == Outcome::Unknown;
            match call.op {
                _ if !runs_on && call.outcome != Outcome::Done => {}
                Op::Reserve(n) | Op::Place { units: n, .. } if call.called <= now => {
                    aside += n as i64;
                }
                Op::Commit(n) | Op::Release(n) if !runs_on && call.returned < now => {
                    aside -= n as i64;
                }
                _ => {}
            }
        }
        aside
    };
    reads().all(|(read, said)| {
        let mut times = read.called..=read.returned;
        let was_aside = times.any(|now| aside_at(now) >= said.reserved as i64);
        let mut earlier = reads().filter(|(other, _)| other.returned < read.called);
        was_aside && earlier.all(|(_, then)| then.sold <= said.sold)
    })
}

/// Whether some order of the known calls, and of any of the unknown ones, explains all answers; `done` are placed.
fn is_explained(shop: &Shop, done: &[Call], calls: &[Call]) -> bool {
    if calls.iter().all(|call| call.outcome == Outcome::Unknown) {
        return true;
    }
    (0..calls.len()).any(|next| {
        let call = calls[next];
        let waits = calls.iter().enumerate().any(|(index, other)| {
            let is_known = other.outcome != Outcome::Unknown;
            let is_before = other.returned < call.called;
            let is_own = other.thread == call.thread && index < next;
            is_known && (is_before || (is_own && call.outcome != Outcome::Unknown))
        });
        if waits {
            return false;
        }
        let mut after = shop.clone();
        let truth = after.serve(call.op);
        if !is_honest(call.op, truth, call.outcome, sold_beside(shop, done, &call)) {
            return false;
        }
        let mut rest = calls.to_vec();
        rest.remove(next);
        let worked = usize::from(truth == Outcome::Done);
        is_explained(&after, &[done, &[call][..worked]].concat(), &rest)
    })
}

/// A read that nothing ran beside is exact. An unknown call runs on for ever.
fn taken_at_their_word(calls: &[Call]) -> Vec<Call> {
    let end = |call: &Call| match call.outcome {
        Outcome::Unknown => u64::MAX,
        _ => call.returned,
    };
    let exact = calls.iter().enumerate().map(|(index, call)| {
        let meets = |other: &Call| other.called <= end(call) && call.called <= end(other);
        let is_alone = !calls
            .iter()
            .enumerate()
            .any(|(at, other)| at != index && meets(other));
        let outcome = match call.outcome {
            Outcome::AtMost(units) if is_alone => Outcome::Exactly(units),
            Outcome::Snapshot(books) if is_alone => Outcome::ExactSnapshot(books),
            outcome => outcome,
        };
        Call { outcome, ..*call }
    });
    exact.collect()
}

#[derive(Clone, Copy, PartialEq)]
enum Mix {
    Counts,
    /// Sales and restocks of unknown outcome, and reads that pin them down.
    Unknown,
    Holds,
}

fn op(mix: Mix, chance: &mut SmallRng) -> Op {
    let few = chance.random_range(0..4);
    match (mix, chance.random_range(0..12)) {
        (Mix::Unknown, 0..5) => Op::Deduct(chance.random_range(0..6)),
        (Mix::Unknown, 5..9) => Op::Restock(chance.random_range(0..6)),
        (Mix::Unknown, 9) => Op::DeductUpTo(chance.random_range(0..6)),
        (Mix::Holds, 0..3) => Op::Place {
            key: chance.random_range(0..2),
            units: few,
            ttl: chance.random_range(0..3),
        },
        (Mix::Holds, 3..5) => Op::Confirm {
            key: chance.random_range(0..2),
        },
        (Mix::Holds, 5) => Op::ReleaseHold {
            key: chance.random_range(0..2),
        },
        (Mix::Holds, 6..9) => Op::Advance {
            by: chance.random_range(0..3),
        },
        (Mix::Counts, 0..3) => Op::Deduct(few),
        (Mix::Counts, 3..5) => Op::Restock(few),
        (Mix::Counts, 5) => Op::DeductUpTo(few),
        (Mix::Counts, 6) => Op::Reserve(few),
        (Mix::Counts, 7) => Op::Commit(few),
        (Mix::Counts, 8) => Op::Release(few),
        (Mix::Holds, 9) => Op::Deduct(few),
        (_, 9 | 10) => Op::Snapshot,
        _ => Op::Available,
    }
}

/// Answers that are true at some instant, a few of them unknown and a few of them changed.
fn history(mix: Mix, chance: &mut SmallRng) -> History {
    let units = chance.random_range(0..6);
    let mut shop = Shop::new(units);
    let mut calls: Vec<Call> = Vec::new();
    let mut at = 50;
    for _ in 0..chance.random_range(1..8) {
        at += chance.random_range(0..8);
        let thread = chance.random_range(0..4);
        let op = op(mix, chance);
        let before = calls
            .iter()
            .filter(|call| call.thread == thread)
            .map(|call| call.returned);
        let free = before.max().unwrap_or(0);
        let called = u64::saturating_sub(at, chance.random_range(0..20)).max(free);
        let returned = (at + chance.random_range(0..20)).max(called);
        let unknown = chance.random_bool(if mix == Mix::Unknown { 0.6 } else { 0.15 });
        let read = matches!(op, Op::Available | Op::Snapshot);
        let outcome = if unknown && !read {
            if chance.random_bool(0.6) {
                shop.serve(op);
            }
            Outcome::Unknown
        } else {
            changed(shop.serve(op), chance)
        };
        calls.push(Call::new(thread, called, returned, op, outcome));
    }
    History::new(units, calls).expect("no thread is in two calls")
}

fn changed(truth: Outcome, chance: &mut SmallRng) -> Outcome {
    let lies = chance.random_bool(0.06);
    match truth {
        Outcome::Exactly(units) => Outcome::AtMost((units + 1).saturating_sub(1 + u64::from(lies))),
        Outcome::ExactSnapshot(books) if lies && books.sold > 0 => Outcome::Snapshot(Snapshot {
            available: books.available + 1,
            sold: books.sold - 1,
            ..books
        }),
        // Shown as not sold yet, which is true beside a commit.
        Outcome::ExactSnapshot(books) if books.sold > 0 && chance.random_bool(0.3) => {
            let units = chance.random_range(1..=books.sold);
            Outcome::Snapshot(Snapshot {
                reserved: books.reserved + units,
                sold: books.sold - units,
                ..books
            })
        }
        Outcome::ExactSnapshot(books) => Outcome::Snapshot(books),
        Outcome::Done if lies => Outcome::Refused(Refusal::Short { available: None }),
        Outcome::Refused(_) if lies => Outcome::Done,
        Outcome::Refused(Refusal::Short { .. }) => {
            Outcome::Refused(Refusal::Short { available: None })
        }
        truth => truth,
    }
}

/// Compares the two on `cases` histories, and sees enough of either kind.
fn compare(mix: Mix, cases: u64) {
    let mut seen = [0; 2];
    for seed in 0..cases {
        let history = history(mix, &mut SmallRng::seed_from_u64(seed));
        let calls = taken_at_their_word(history.calls());
        let expected = reads_are_sane(history.calls())
            && is_explained(&Shop::new(history.initial()), &[], &calls);
        let verdict = Checker::new().check(&history);
        let agrees = match verdict {
            Verdict::Linearizable => expected,
            Verdict::NotLinearizable(_) => !expected,
            _ => false,
        };
        assert!(
            agrees,
            "seed {seed}, explained: {expected}: {history:#?}, {verdict:?}"
        );
        seen[usize::from(expected)] += 1;
    }
    let [wrong, right] = seen;
    println!("{wrong} wrong histories, {right} right ones");
    assert!(
        wrong > cases / 100 && right > cases / 10,
        "{wrong} wrong, {right} right"
    );
}

#[test]
fn agrees_on_counts() {
    compare(Mix::Counts, 30_000);
}

#[test]
fn agrees_on_unknown_sales_and_restocks() {
    compare(Mix::Unknown, 30_000);
}

#[test]
fn agrees_on_holds() {
    compare(Mix::Holds, 30_000);
}

/// A hold that is placed for no time expires at once; to advance the clock by nothing changes nothing.
#[test]
fn a_hold_of_no_time_may_be_found_expired() {
    let place = Op::Place {
        key: 1,
        units: 1,
        ttl: 0,
    };
    let expired = Outcome::Refused(Refusal::Expired);
    let calls = vec![
        Call::new(0, 10, 30, place, Outcome::Done),
        Call::new(1, 15, 25, Op::Advance { by: 0 }, Outcome::Done),
        Call::new(0, 40, 50, Op::Confirm { key: 1 }, expired),
    ];
    let history = History::new(3, calls).unwrap();
    assert!(is_explained(&Shop::new(3), &[], history.calls()));
    assert_eq!(Checker::new().check(&history), Verdict::Linearizable);
}
