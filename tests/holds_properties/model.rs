//! A sequential model of holds: a map from key to what is known of it, in which every hold expires at its
//! deadline.

use segstock::{HoldError, Resolution, Settled};
use std::collections::BTreeMap;

/// What is known of a key: the units that were asked for, and those that are held, or were at the end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    pub(super) asked: u64,
    pub(super) units: u64,
    pub(super) state: State,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum State {
    Held { until: u64 },
    Resolved(Resolution),
}

#[derive(Debug)]
pub(super) struct Model {
    pub(super) now: u64,
    pub(super) in_stock: u64,
    pub(super) sold: u64,
    pub(super) keys: BTreeMap<u8, Known>,
}

impl Model {
    /// A hold expires at its deadline, whichever call frees it.
    pub(super) fn wait(&mut self, time: u64) {
        self.now += time;
        let now = self.now;
        let expired = |(&key, known): (&u8, &Known)| match known.state {
            State::Held { until } if until <= now => Some(key),
            _ => None,
        };
        let expired: Vec<u8> = self.keys.iter().filter_map(expired).collect();
        for key in expired {
            self.end(key, Resolution::Expired);
        }
    }

    /// Ends a hold.
    fn end(&mut self, key: u8, to: Resolution) {
        let known = self.keys.get_mut(&key).expect("it is held");
        known.state = State::Resolved(to);
        let units = known.units;
        self.move_units(units, to);
    }

    /// Where units go that were held.
    fn move_units(&mut self, units: u64, to: Resolution) {
        match to {
            Resolution::Confirmed => self.sold += units,
            _ => self.in_stock += units,
        }
    }

    /// What is asked for, what is held, and until when.
    pub(super) fn held_under(&self, key: u8) -> Result<(u64, u64, u64), HoldError> {
        match self.keys.get(&key) {
            None => Err(HoldError::Unknown),
            Some(known) => match known.state {
                State::Held { until } => Ok((known.asked, known.units, until)),
                State::Resolved(resolution) => Err(resolution.into()),
            },
        }
    }

    pub(super) fn place(&mut self, key: u8, asked: u64, ttl: u64) -> Answer {
        if ttl == 0 {
            return Err("ZeroTtl".into());
        }
        if let Some(known) = self.keys.get(&key) {
            return match known.state {
                _ if known.asked != asked => Err("Conflict".into()),
                State::Held { until } => Ok(("Before", known.units, until - self.now)),
                State::Resolved(resolution) => Err(format!("Resolved({resolution:?})")),
            };
        }
        if asked > self.in_stock {
            return Err(format!("Refused({})", self.in_stock));
        }
        if asked == 0 {
            return Err("ZeroUnits".into());
        }
        self.in_stock -= asked;
        let until = self.now + ttl;
        self.keys.insert(
            key,
            Known {
                asked,
                units: asked,
                state: State::Held { until },
            },
        );
        Ok(("Now", asked, ttl))
    }

    /// Confirms or releases.
    pub(super) fn settle(&mut self, key: u8, to: Resolution) -> Result<Settled, HoldError> {
        match self.held_under(key) {
            Ok(_) => {
                self.end(key, to);
                Ok(Settled::Now)
            }
            Err(error) if error == to.into() => Ok(Settled::Before),
            Err(error) => Err(error),
        }
    }

    pub(super) fn retake(&mut self, key: u8) -> Result<Settled, String> {
        match self.settle(key, Resolution::Confirmed) {
            Err(HoldError::Expired) => {}
            answer => return answer.map_err(|error| format!("{error:?}")),
        }
        let known = self.keys.get_mut(&key).expect("an expired key is known");
        if known.units > self.in_stock {
            return Err(format!("Refused({})", self.in_stock));
        }
        self.in_stock -= known.units;
        self.sold += known.units;
        known.state = State::Resolved(Resolution::Confirmed);
        Ok(Settled::Now)
    }

    pub(super) fn extend(&mut self, key: u8, ttl: u64) -> Result<(u64, u64), HoldError> {
        if ttl == 0 {
            return Err(HoldError::ZeroTtl);
        }
        let (_, units, _) = self.held_under(key)?;
        let until = self.now + ttl;
        let known = self.keys.get_mut(&key).expect("it is held");
        known.state = State::Held { until };
        Ok((units, ttl))
    }

    /// The hold has the units that are asked for, whatever parts were settled before.
    pub(super) fn amend(&mut self, key: u8, asked: u64) -> Answer {
        let held = self.held_under(key);
        let (before, units, until) = held.map_err(|error| format!("{error:?}"))?;
        let left = until - self.now;
        if before == asked {
            return Ok(("Before", units, left));
        }
        if asked.saturating_sub(units) > self.in_stock {
            return Err(format!("Refused({})", self.in_stock));
        }
        if asked == 0 {
            return Err("ZeroUnits".into());
        }
        self.in_stock = self.in_stock + units - asked;
        let known = self.keys.get_mut(&key).expect("it is held");
        (known.asked, known.units) = (asked, asked);
        Ok(("Now", asked, left))
    }

    /// Settles a part, and says how many units stay held.
    pub(super) fn part(&mut self, key: u8, units: u64, to: Resolution) -> Result<u64, String> {
        let held = self.held_under(key);
        let (_, held, _) = held.map_err(|error| format!("{error:?}"))?;
        if units > held {
            return Err(format!("NotReserved({held})"));
        }
        if units == 0 {
            return Err("ZeroUnits".into());
        }
        if units == held {
            self.end(key, to);
            return Ok(0);
        }
        self.keys.get_mut(&key).expect("it is held").units -= units;
        self.move_units(units, to);
        Ok(held - units)
    }

    pub(super) fn forget(&mut self, key: u8) -> Result<Resolution, HoldError> {
        match self.keys.get(&key).map(|known| known.state) {
            None => Err(HoldError::Unknown),
            Some(State::Held { .. }) => Err(HoldError::Held),
            Some(State::Resolved(resolution)) => {
                self.keys.remove(&key);
                Ok(resolution)
            }
        }
    }

    pub(super) fn held(&self) -> (usize, u64) {
        let held = self.keys.values();
        let held = held.filter(|known| matches!(known.state, State::Held { .. }));
        held.fold((0, 0), |(n, sum), known| (n + 1, sum + known.units))
    }
}

/// Whether it was done now, the units that are held, and the time that is left; or what an error says.
pub(super) type Answer = Result<(&'static str, u64, u64), String>;
