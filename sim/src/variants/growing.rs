//! N keys with two counters each that only grow, `taken` and `added`: the crate's own protocol, behind a
//! network.
//!
//! **It promises everything**, exact refusals included, and no transaction touches two keys:
//!
//! - A deduct takes from one key. If that is short, it asks the next.
//! - When no key alone has enough, it reads every `taken`, then every `added`. At the instant between the
//!   two passes no more units were in stock than the difference, so if that is too little, it may refuse.
//! - Otherwise the units lie in several keys, and are gathered under a number that all keys know, announced in
//!   the *pocket* before, so that what is in hand is in every sum ([`gather`](self::gather)).
//!
//! Each request carries a number, and the key remembers what it answered: so it can be retried, and a late copy
//! of it does nothing. Refusals are remembered as well; a late copy that found more than the first one did would take
//! units for an order that has gone on to the next key.
//!
//! What limits it: N keys, as fast as the store serves them, until they run low; then one gather after
//! another.

mod gather;
mod segment;

use super::super::network::TimedOut;
use super::super::store::{Key, Store};
use super::{Answer, Counter, Order, Site, Variant, shares};
use gather::{Gathered, Pocket};
use segment::Segment;
use std::time::Duration;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Growing {
    Exact,
    /// The proof reads every `added` first.
    AddedFirst,
    /// A gather takes without an announcement.
    Silent,
}

impl Variant for Growing {
    fn open(&self, site: &Site, units: u64) -> impl Counter {
        let segments = shares(units, site.segments).map(Segment::new);
        let store = Store::new(&site.network).with(segments);
        Keys {
            segments: (0..site.segments).map(|key| store.key(key)).collect(),
            pocket: Store::new(&site.network).key(0),
            kind: *self,
            site: site.clone(),
        }
    }
}

struct Keys {
    segments: Vec<Key<Segment>>,
    pocket: Key<Pocket>,
    kind: Growing,
    site: Site,
}

impl Counter for Keys {
    async fn deduct(&self, order: Order) -> Answer {
        self.site.works_if(self.take(order.units).await).await
    }

    async fn restock(&self, order: Order) -> Answer {
        let segment = &self.segments[self.site.any_segment()];
        let script = move |segment: &mut Segment| segment.put(order.id, order.units);
        match segment.retried(script).await {
            Ok(()) => Answer::Done(()),
            Err(TimedOut) => Answer::Unknown,
        }
    }

    async fn at_rest(&self) -> Result<u64, TimedOut> {
        // Somebody may have crashed in the middle.
        self.finish_open().await?;
        self.bound().await
    }
}

impl Keys {
    /// Takes `units`, or refuses them with a proof.
    async fn take(&self, units: u64) -> Result<bool, TimedOut> {
        loop {
            if self.take_from_one(units).await? {
                return Ok(true);
            }
            if self.bound().await? < units {
                return Ok(false);
            }
            match self.gather(units).await? {
                Gathered::Sold => return Ok(true),
                // Two that fall short by turns would announce, each, what keeps the other from its proof.
                Gathered::Short => self.step_aside().await,
            }
        }
    }

    async fn take_from_one(&self, units: u64) -> Result<bool, TimedOut> {
        let first = self.site.any_segment();
        for segment in self
            .segments
            .iter()
            .cycle()
            .skip(first)
            .take(self.segments.len())
        {
            let number = self.site.world().number();
            let script = move |segment: &mut Segment| segment.take(number, units);
            if segment.retried(script).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// At some instant of this call no more units than this were in stock; at rest, exactly so many.
    async fn bound(&self) -> Result<u64, TimedOut> {
        let (taken, added) = if self.kind == Growing::AddedFirst {
            let added = self.sum(|row| row.added, |pocket| pocket.added).await?;
            (
                self.sum(|row| row.taken, |pocket| pocket.taken).await?,
                added,
            )
        } else {
            let taken = self.sum(|row| row.taken, |pocket| pocket.taken).await?;
            (
                taken,
                self.sum(|row| row.added, |pocket| pocket.added).await?,
            )
        };
        Ok(added.saturating_sub(taken))
    }

    async fn sum(
        &self,
        of: fn(&Segment) -> u64,
        of_pocket: fn(&Pocket) -> u64,
    ) -> Result<u64, TimedOut> {
        let mut sum = self.pocket.retried(move |pocket| of_pocket(pocket)).await?;
        for segment in &self.segments {
            sum += segment.retried(move |segment| of(segment)).await?;
        }
        Ok(sum)
    }

    async fn step_aside(&self) {
        let most = Duration::from_millis(20);
        let pause = self.site.world().some_time(Duration::ZERO..most);
        self.site.world().sleep(pause).await;
    }
}
