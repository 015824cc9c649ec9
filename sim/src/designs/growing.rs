//! N keys with two counters each that only grow, `taken` and `added`: the protocol of
//! [`segstock`](https://docs.rs/segstock), behind a network.
//!
//! **It promises everything**, exact refusals included, and no transaction touches two keys:
//!
//! - A deduct takes from one key. If that key is short, it asks the next.
//! - If no key alone has enough, it reads every `taken`, then every `added`. At the instant between the two passes the
//!   stock was at most their difference. If that is less than it wants, it may refuse.
//! - Otherwise the units lie in several keys. It gathers them under a number that all keys know. It announces them in
//!   the *pocket* first, so that units in hand are in every sum (`growing/gather.rs`).
//!
//! Each request has a number, and the key remembers what it answered. So the request can be retried, and a late copy of
//! it does nothing. The key remembers refusals as well: a late copy that found more than the first one would take units
//! for an order that has gone on to the next key.
//!
//! What limits it: N keys, as fast as their servers serve requests, until they run low; then one gather after another.

mod gather;
mod segment;

use super::shares;
use crate::design::{Counter, Design, Order, Site};
use crate::network::TimedOut;
use crate::store::{Key, Store};
use gather::{Gathered, Pocket};
use segment::Segment;
use segstock_conformance::Answer;
use std::time::Duration;

/// N keys with two growing counters each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Growing {
    /// The whole protocol, each key on a server of its own.
    Exact,
    /// The whole protocol, all keys on one server.
    OneServer,
    /// The proof reads every `added` first. Refuses falsely.
    AddedFirst,
    /// A gather takes without an announcement. Refuses falsely.
    Silent,
}

impl Design for Growing {
    fn open(&self, site: &Site, units: u64) -> impl Counter {
        let segments = shares(units, site.segments).map(Segment::new);
        let servers = match self {
            Self::OneServer => 1,
            _ => site.segments,
        };
        let store = Store::on_servers(&site.network, servers).with(segments);
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
        self.site.work_if(self.take(order.units).await).await
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
        // A node may have crashed in the middle of a gather.
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
                // Two gathers that fall short by turns would each announce units that keep the other from its
                // proof.
                Gathered::Short => self.pause().await,
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

    /// An upper bound of the units that were in stock at some instant of this call; at rest, their exact number.
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

    async fn pause(&self) {
        let most = Duration::from_millis(20);
        let pause = self.site.world().pick_time(Duration::ZERO..most);
        self.site.world().sleep(pause).await;
    }
}
