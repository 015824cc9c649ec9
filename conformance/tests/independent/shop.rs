//! What a stock is, written a second time: nothing here is the model's.

use segstock_model::{Op, Outcome, Refusal, Snapshot};

/// What became of a key.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fate {
    Active { until: u64 },
    Confirmed,
    Released,
    Expired,
}

/// A stock, as a shopkeeper would keep it.
#[derive(Clone, Debug)]
pub struct Shop {
    first: u64,
    added: u64,
    shelf: u64,
    /// Reserved without a key.
    reserved: u64,
    gone: u64,
    /// Withdrawn, those that are owed included.
    withdrawn: u64,
    owed: u64,
    clock: u64,
    /// Key, units, and what became of them.
    pub keys: Vec<(u64, u64, Fate)>,
}

const NO: Outcome = Outcome::Refused(Refusal::NotReserved);

impl Shop {
    pub fn new(units: u64) -> Self {
        Self {
            first: units,
            added: 0,
            shelf: units,
            reserved: 0,
            gone: 0,
            withdrawn: 0,
            owed: 0,
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

    /// Units come: first to whom they are owed, the rest to the shelf.
    fn shelve(&mut self, units: u64) {
        for _ in 0..units {
            if self.owed > 0 {
                self.owed -= 1;
            } else {
                self.shelf += 1;
            }
        }
    }

    /// What it does and answers; the numbers of a refusal are its own.
    pub fn serve(&mut self, op: Op) -> Outcome {
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
                self.reserved += n;
                Outcome::Done
            }
            Op::Deduct(_) | Op::Reserve(_) => short,
            Op::DeductUpTo(n) => {
                let taken = if n < self.shelf { n } else { self.shelf };
                self.shelf -= taken;
                self.gone += taken;
                Outcome::UpTo(taken)
            }
            Op::ReserveUpTo(n) => {
                let taken = if n < self.shelf { n } else { self.shelf };
                self.shelf -= taken;
                self.reserved += taken;
                Outcome::UpTo(taken)
            }
            Op::Withdraw(n) => {
                let taken = if n < self.shelf { n } else { self.shelf };
                self.shelf -= taken;
                self.withdrawn += n;
                self.owed += n - taken;
                Outcome::UpTo(taken)
            }
            Op::Forgive(n) => {
                let forgiven = if n < self.owed { n } else { self.owed };
                self.owed -= forgiven;
                self.withdrawn -= forgiven;
                Outcome::UpTo(forgiven)
            }
            Op::Restock(n) => {
                self.shelve(n);
                self.added += n;
                Outcome::Done
            }
            Op::Commit(n) if n <= self.reserved => {
                self.reserved -= n;
                self.gone += n;
                Outcome::Done
            }
            Op::Release(n) if n <= self.reserved => {
                self.reserved -= n;
                self.shelve(n);
                Outcome::Done
            }
            Op::Commit(_) | Op::Release(_) => NO,
            Op::Available => Outcome::Exactly(self.shelf),
            Op::Snapshot => Outcome::ExactSnapshot(Snapshot {
                initial: self.first,
                restocked: self.added,
                available: self.shelf,
                reserved: self.reserved + self.held(),
                sold: self.gone,
                owed: self.owed,
                withdrawn: self.withdrawn,
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
                let units = *units;
                if wish == Fate::Confirmed {
                    self.gone += units;
                } else {
                    self.shelve(units);
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
        let mut expired = 0;
        for (_, units, fate) in &mut self.keys {
            if matches!(fate, Fate::Active { until } if *until <= self.clock) {
                *fate = Fate::Expired;
                expired += *units;
            }
        }
        self.shelve(expired);
    }
}

/// Whether some of these make up a sum.
fn make_up(sum: u64, units: &[u64]) -> bool {
    match units {
        [] => sum == 0,
        [first, rest @ ..] => {
            make_up(sum, rest)
                || sum
                    .checked_sub(*first)
                    .is_some_and(|left| make_up(left, rest))
        }
    }
}

/// Whether a counter may say `said` where the shop answers `truth` to `op`, beside commits of this many units each: it shows
/// each as made or as not made.
pub fn is_honest(op: Op, truth: Outcome, said: Outcome, commits: &[u64]) -> bool {
    match (truth, said) {
        (_, Outcome::Unknown) => true,
        (Outcome::Exactly(is), Outcome::AtMost(bound)) => is <= bound,
        (Outcome::ExactSnapshot(is), Outcome::Snapshot(said)) => {
            let whole = said.available + said.reserved + said.sold + said.withdrawn
                == said.initial + said.restocked + said.owed;
            (is.initial, is.restocked, is.available)
                == (said.initial, said.restocked, said.available)
                && (is.owed, is.withdrawn) == (said.owed, said.withdrawn)
                && whole
                && said
                    .reserved
                    .checked_sub(is.reserved)
                    .is_some_and(|more| make_up(more, commits))
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
