//! Holds in a map under a lock, with a mistake or two.

use super::*;

/// Holds in a map under a lock, with a mistake or two.
struct NaiveHolds {
    /// Units in stock, the time, and units and deadline of each hold.
    state: Mutex<(u64, u64, BTreeMap<u64, Naive>)>,
    mistake: HoldMistake,
}

impl NaiveHolds {
    fn new(units: u64, mistake: HoldMistake) -> Self {
        let state = Mutex::new((units, 0, BTreeMap::new()));
        Self { state, mistake }
    }

    fn is_good(&self, key: u64) -> bool {
        let state = self.state.lock().unwrap();
        state.2.get(&key).is_some_and(|hold| hold.fate.is_none())
    }

    fn resolve(&self, key: u64, fate: Refusal) -> Answer {
        let mut state = self.state.lock().unwrap();
        let (left, _, holds) = &mut *state;
        let Some(hold) = holds.get_mut(&key) else {
            return Answer::Refused(Refusal::NoHold);
        };
        match hold.fate {
            Some(known) if known != fate => return Answer::Refused(known),
            Some(Refusal::Released) if self.mistake == HoldMistake::ReleasesTwice => {}
            Some(_) => return Answer::Done(()),
            None => hold.fate = Some(fate),
        }
        *left += if fate == Refusal::Released {
            hold.units
        } else {
            0
        };
        Answer::Done(())
    }
}

impl Subject for NaiveHolds {
    fn deduct(&self, units: u64) -> Answer {
        let left = &mut self.state.lock().unwrap().0;
        let enough = *left >= units;
        *left -= if enough { units } else { 0 };
        enough.into()
    }

    fn restock(&self, units: u64) -> Answer {
        let left = &mut self.state.lock().unwrap().0;
        let Some(more) = left.checked_add(units) else {
            return Answer::OVERFLOW;
        };
        *left = more;
        Answer::Done(())
    }

    fn available(&self) -> Answer<u64> {
        Answer::Done(self.state.lock().unwrap().0)
    }

    fn place(&self, key: u64, units: u64, ttl: u64) -> Option<Answer> {
        let mut state = self.state.lock().unwrap();
        let (left, now, holds) = &mut *state;
        if let Some(hold) = holds.get(&key) {
            if hold.units != units && self.mistake != HoldMistake::NeverConflicts {
                return Some(Answer::Refused(Refusal::Conflict));
            }
            return Some(hold.fate.map_or(Answer::Done(()), Answer::Refused));
        }
        if *left < units {
            return Some(Answer::SHORT);
        }
        *left -= units;
        let deadline = match self.mistake {
            HoldMistake::IgnoresTtl => *now + 2,
            _ => *now + ttl,
        };
        holds.insert(
            key,
            Naive {
                units,
                deadline,
                fate: None,
            },
        );
        Some(Answer::Done(()))
    }

    fn confirm(&self, key: u64) -> Option<Answer> {
        if self.mistake == HoldMistake::ConfirmsLate && self.is_good(key) {
            Std::linger();
            self.state.lock().unwrap().2.get_mut(&key)?.fate = Some(Refusal::Confirmed);
            return Some(Answer::Done(()));
        }
        Some(self.resolve(key, Refusal::Confirmed))
    }

    fn release_hold(&self, key: u64) -> Option<Answer> {
        Some(self.resolve(key, Refusal::Released))
    }

    fn advance(&self, ticks: u64) -> Option<Answer> {
        let mut state = self.state.lock().unwrap();
        let (left, now, holds) = &mut *state;
        *now += ticks;
        for hold in holds.values_mut() {
            if hold.fate.is_none() && hold.deadline <= *now {
                hold.fate = Some(Refusal::Expired);
                *left += match self.mistake {
                    HoldMistake::GivesBackOne => 1,
                    _ => hold.units,
                };
            }
        }
        Some(Answer::Done(()))
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum HoldMistake {
    None,
    /// A release that is retried gives back again.
    ReleasesTwice,
    /// A confirm looks at the deadline, and sells later.
    ConfirmsLate,
    /// Of a hold that expires, one unit comes back.
    GivesBackOne,
    /// Each hold is good for as long as the others.
    IgnoresTtl,
    /// A key is placed again with other units, and no conflict is answered.
    NeverConflicts,
}

#[derive(Debug, Clone, Copy)]
struct Naive {
    units: u64,
    deadline: u64,
    fate: Option<Refusal>,
}

#[test]
fn holds_without_a_mistake_pass() {
    let open = |units, _| NaiveHolds::new(units, HoldMistake::None);
    Options::new().limit(u64::MAX).check(open).assert_kept();
}

#[test]
fn a_double_release_makes_units() {
    let open = |units, _| NaiveHolds::new(units, HoldMistake::ReleasesTwice);
    let report = caught(
        open,
        &[Conservation, NeverOversold],
        &[Zero, ManyThreads, Overflow],
    );
    let words = &report.evidence(Conservation).unwrap().words;
    assert!(words.contains("release_hold("), "{words}");
}

#[test]
fn an_expiry_that_races_with_confirm_sells_twice() {
    let open = |units, _| NaiveHolds::new(units, HoldMistake::ConfirmsLate);
    let report = caught(
        open,
        &[Conservation, NeverOversold],
        &[Zero, ManyThreads, Overflow],
    );
    let words = &report.evidence(Conservation).unwrap().words;
    assert!(words.contains("confirm("), "{words}");
}

#[test]
fn an_expiry_that_gives_back_one_unit_loses_the_others() {
    let open = |units, _| NaiveHolds::new(units, HoldMistake::GivesBackOne);
    let report = caught(
        open,
        &[Conservation],
        &[NeverOversold, Zero, ManyThreads, Overflow],
    );
    let words = &report.evidence(Conservation).unwrap().words;
    assert!(words.contains("advance("), "{words}");
}

#[test]
fn a_deadline_that_is_not_the_callers_is_seen() {
    let open = |units, _| NaiveHolds::new(units, HoldMistake::IgnoresTtl);
    _ = caught(open, &[Linearizable], &[Zero, ManyThreads, Overflow]);
}

#[test]
fn a_key_that_is_placed_with_other_units_is_seen() {
    let open = |units, _| NaiveHolds::new(units, HoldMistake::NeverConflicts);
    _ = caught(open, &[Linearizable], &[Zero, ManyThreads, Overflow]);
}
