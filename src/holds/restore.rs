//! How keys are known again after a restart.

use super::Holds;
use super::answers::{Held, Placed, Resolution};
use super::errors::PlaceError;
use super::hook::Hook;
use super::shard::{Found, Shard};
use super::state::{Hold, Moment, Resolved, State};
use super::work::deadline;
use crate::clock::Clock;
use crate::clock::nanos;
use crate::settle::Settle;
use std::convert::Infallible;
use std::hash::{BuildHasher, Hash};
use std::time::Duration;

impl<K, R, Q, C, H, W> Holds<K, R, Q, C, H, W>
where
    K: Hash + Eq,
    R: Settle,
    C: Clock,
    H: BuildHasher,
    W: Hook<K, R, Q>,
{
    /// Holds under `key` what was held before a restart, and has been reserved again. The hook is not
    /// called: the change is not new. `remaining` is the time until the deadline. If the time that
    /// passed while nothing ran is to count, subtract it first; a hold that has expired by then is
    /// [restored as resolved](Self::restore_resolved).
    ///
    /// # Errors
    ///
    /// As for [`place`](Self::place), apart from those of a reserve. The reservation is dropped.
    pub fn restore(
        &self,
        key: K,
        request: Q,
        hold: R,
        remaining: Duration,
        mark: W::Mark,
    ) -> Result<Placed, PlaceError<Infallible>>
    where
        Q: PartialEq,
    {
        let units = hold.units();
        if units == 0 {
            return Err(PlaceError::ZeroUnits);
        }
        let mut call = self.call(None);
        let deadline = deadline(call.at, remaining).map_err(PlaceError::of_key)?;
        let hash = self.hash(&key);
        self.with(self.shard_of(hash), &mut call, |shard, call| {
            let id = match shard.begin(hash, key, &request, call) {
                Found::Nothing(id) => id,
                Found::Answer((answer, _)) => return answer,
            };
            shard.placing -= 1;
            let hold = Hold {
                request,
                hold,
                units,
                deadline,
                mark,
            };
            shard.enter_hold(id, hold);
            Ok(Placed::Now(Held { units, remaining }))
        })
    }

    /// Notes how the hold under `key` ended before a restart, and how many units it held then.
    /// `remaining` is what is left of the retention; it counts up to the retention of these holds. If
    /// the time that passed while nothing ran is to count, subtract it first. Returns whether the key
    /// was noted: not if something is known of it already, or nothing of its retention is left.
    pub fn restore_resolved(
        &self,
        key: K,
        request: Q,
        (resolution, units): (Resolution, u64),
        remaining: Duration,
        mark: W::Mark,
    ) -> bool {
        let mut call = self.call(None);
        let until = call.at.now.saturating_add(nanos(remaining));
        let until = until.min(call.at.until);
        if until <= call.at.now {
            return false;
        }
        let hash = self.hash(&key);
        let resolved = Resolved {
            request,
            units,
            until,
            mark,
            resolution,
        };
        self.with(self.shard_of(hash), &mut call, |shard, call| {
            shard.restore_resolved(hash, key, resolved, call.at)
        })
    }
}

impl<K: Eq, R: Settle, Q, M: Copy> Shard<K, R, Q, M> {
    fn restore_resolved(
        &mut self,
        hash: u64,
        key: K,
        resolved: Resolved<Q, M>,
        at: Moment,
    ) -> bool {
        let id = match self.slots.find_or_add(hash, key, State::Placing) {
            Ok(id) => id,
            Err(id) if self.is_retained_no_longer(id, at) => {
                self.dequeue(id);
                id
            }
            Err(_) => return false,
        };
        let until = resolved.until;
        self.slots[id].state = State::Resolved(resolved);
        self.retain_until(id, until);
        true
    }
}
