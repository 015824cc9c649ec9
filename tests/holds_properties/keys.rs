//! What the shared model does not say of holds: keys that are extended, amended, settled in parts, retaken and
//! forgotten.
//!
//! A hold of the model has its units and its deadline for life. Where a hold changes here, the model releases it and
//! places another, under a key of its own. So units, time, and what becomes of a hold are the model's alone.

use segstock::{HoldError, Resolution, Settled};
use segstock_model::{Model, Op, Outcome, Refusal};
use std::collections::BTreeMap;

#[derive(Debug, Clone, Copy)]
struct Known {
    /// The units that were asked for.
    asked: u64,
    /// The model's key.
    id: u64,
}

#[derive(Debug)]
pub(super) struct Keys {
    pub(super) stock: Model,
    known: BTreeMap<u64, Known>,
    placed: u64,
}

/// Whether it was done now, the units that are held, and the time that is left; or what an error says.
pub(super) type Answer = Result<(&'static str, u64, u64), String>;

impl Keys {
    pub(super) fn new(initial: u64) -> Self {
        Self {
            stock: Model::new(initial),
            known: BTreeMap::new(),
            placed: 0,
        }
    }

    /// The units that were asked for; those that are held, or were at the end; and the time that is left, or what
    /// became of the hold.
    pub(super) fn get(&self, key: u64) -> Option<(u64, u64, Result<u64, Resolution>)> {
        let known = self.known.get(&key)?;
        let (units, state) = self.stock.hold(known.id).expect("the model placed it");
        Some((known.asked, units, state.map_err(resolution)))
    }

    /// What is asked for, what is held, and the time that is left.
    pub(super) fn held(&self, key: u64) -> Result<(u64, u64, u64), HoldError> {
        let (asked, units, state) = self.get(key).ok_or(HoldError::Unknown)?;
        Ok((asked, units, state?))
    }

    pub(super) fn known(&self) -> usize {
        self.known.len()
    }

    /// How many keys have a hold.
    pub(super) fn count(&self) -> usize {
        let keys = self.known.keys();
        keys.filter(|key| self.held(**key).is_ok()).count()
    }

    /// Places a hold of the model, of which `asked` units were asked for.
    fn begin(&mut self, key: u64, asked: u64, units: u64, ttl: u64) -> Result<(), String> {
        self.placed += 1;
        let id = self.placed;
        let place = Op::Place {
            key: id,
            units,
            ttl,
        };
        done(self.stock.apply(place))?;
        _ = self.known.insert(key, Known { asked, id });
        Ok(())
    }

    /// Ends the hold of the model, or says how it ended before.
    fn end(&mut self, key: u64, to: Resolution) -> Result<(), HoldError> {
        let key = self.known.get(&key).ok_or(HoldError::Unknown)?.id;
        let ended = self.stock.apply(match to {
            Resolution::Confirmed => Op::Confirm { key },
            _ => Op::ReleaseHold { key },
        });
        match ended {
            Outcome::Refused(fate) => Err(resolution(fate).into()),
            _ => Ok(()),
        }
    }

    /// Releases the hold of the model, and places another.
    fn change(&mut self, key: u64, asked: u64, units: u64, ttl: u64) {
        self.end(key, Resolution::Released).expect("it is held");
        self.begin(key, asked, units, ttl).expect("there are units");
    }

    pub(super) fn place(&mut self, key: u64, asked: u64, ttl: u64) -> Answer {
        if ttl == 0 {
            return Err("ZeroTtl".into());
        }
        match self.get(key) {
            Some((before, ..)) if before != asked => Err("Conflict".into()),
            Some((_, units, Ok(left))) => Ok(("Before", units, left)),
            Some((.., Err(resolution))) => Err(format!("Resolved({resolution:?})")),
            None if asked == 0 => Err("ZeroUnits".into()),
            None => {
                self.begin(key, asked, asked, ttl)?;
                Ok(("Now", asked, ttl))
            }
        }
    }

    /// Confirms or releases.
    pub(super) fn settle(&mut self, key: u64, to: Resolution) -> Result<Settled, HoldError> {
        let held = self.held(key);
        self.end(key, to)?;
        Ok(held.map_or(Settled::Before, |_| Settled::Now))
    }

    pub(super) fn retake(&mut self, key: u64) -> Result<Settled, String> {
        let settled = self.settle(key, Resolution::Confirmed);
        if settled == Err(HoldError::Expired) {
            let (asked, units, _) = self.get(key).expect("an expired key is known");
            self.begin(key, asked, units, 1)?;
            return self.settle(key, Resolution::Confirmed).map_err(said);
        }
        settled.map_err(said)
    }

    pub(super) fn extend(&mut self, key: u64, ttl: u64) -> Result<(u64, u64), HoldError> {
        if ttl == 0 {
            return Err(HoldError::ZeroTtl);
        }
        let (asked, units, _) = self.held(key)?;
        self.change(key, asked, units, ttl);
        Ok((units, ttl))
    }

    /// The hold has the units that are asked for, whatever parts were settled before.
    pub(super) fn amend(&mut self, key: u64, asked: u64) -> Answer {
        let (before, units, left) = self.held(key).map_err(said)?;
        if before == asked {
            return Ok(("Before", units, left));
        }
        if asked == 0 {
            return Err("ZeroUnits".into());
        }
        let missing = Op::Reserve(asked.saturating_sub(units));
        done(self.stock.clone().apply(missing))?;
        self.change(key, asked, asked, left);
        Ok(("Now", asked, left))
    }

    /// Settles a part, and says how many units stay held.
    pub(super) fn part(&mut self, key: u64, units: u64, to: Resolution) -> Result<u64, String> {
        let (asked, held, left) = self.held(key).map_err(said)?;
        match held.checked_sub(units) {
            None => return Err(format!("NotReserved({held})")),
            Some(_) if units == 0 => return Err("ZeroUnits".into()),
            Some(0) => self.end(key, to).map_err(said)?,
            Some(rest) => {
                self.change(key, asked, rest, left);
                if to == Resolution::Confirmed {
                    done(self.stock.apply(Op::Deduct(units)))?;
                }
            }
        }
        Ok(held - units)
    }

    pub(super) fn forget(&mut self, key: u64) -> Result<Resolution, HoldError> {
        let (.., state) = self.get(key).ok_or(HoldError::Unknown)?;
        let resolution = state.err().ok_or(HoldError::Held)?;
        _ = self.known.remove(&key);
        Ok(resolution)
    }
}

fn resolution(fate: Refusal) -> Resolution {
    match fate {
        Refusal::Expired => Resolution::Expired,
        Refusal::Confirmed => Resolution::Confirmed,
        Refusal::Released => Resolution::Released,
        other => unreachable!("{other} is no end of a hold"),
    }
}

fn done(outcome: Outcome) -> Result<(), String> {
    match outcome {
        Outcome::Done => Ok(()),
        Outcome::Refused(Refusal::Short { available }) => Err(format!(
            "Refused({})",
            available.expect("the model says it")
        )),
        other => unreachable!("{other}"),
    }
}

fn said(error: HoldError) -> String {
    format!("{error:?}")
}
