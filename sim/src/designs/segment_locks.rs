//! Segment locking as it is published: N keys, a lock for each. An order picks a random key, runs under its lock,
//! and walks on to the next key if that one is short. Fencing is added, which the articles leave out.
//!
//! It promises never to oversell, and to lose no unit. **It refuses falsely.** Units that lie in several segments
//! serve no order that wants them together, and a walk misses units that come to a segment behind it.
//!
//! What limits it: one order after another in each segment.

use super::fenced::{Fenced, Fencing, Row};
use super::shares;
use crate::design::{Counter, Design, Order, Site};
use crate::locks::Locks;
use crate::network::TimedOut;
use crate::store::Store;
use segstock_conformance::{Answer, Options};

/// N keys, each under a lock of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SegmentLocks {
    /// Where the first segment is short, the next is tried.
    WalksOn,
    /// Where the first segment is short, the order is refused.
    TriesOne,
}

impl Design for SegmentLocks {
    fn open(&self, site: &Site, units: u64) -> impl Counter {
        let rows = shares(units, site.segments).map(Row::new);
        let store = Store::on_servers(&site.network, site.segments).with(rows);
        let locks = Locks::new(&site.network);
        let segment = |key| Fenced {
            key: store.key(key),
            lock: key,
            locks: locks.clone(),
            fencing: Fencing::OfReadsAndWrites,
            site: site.clone(),
        };
        Segments {
            segments: (0..site.segments).map(segment).collect(),
            site: site.clone(),
            tries: match self {
                Self::WalksOn => site.segments,
                Self::TriesOne => 1,
            },
        }
    }

    fn promises(&self) -> Options {
        Options::new().without_exact_refusals()
    }
}

struct Segments {
    segments: Vec<Fenced>,
    site: Site,
    tries: usize,
}

impl Counter for Segments {
    async fn deduct(&self, order: Order) -> Answer {
        let first = self.site.any_segment();
        let walk = self.segments.iter().cycle().skip(first).take(self.tries);
        for segment in walk {
            let answer = segment.deduct(order.units).await;
            if answer != Answer::SHORT {
                return answer;
            }
        }
        Answer::SHORT
    }

    async fn restock(&self, order: Order) -> Answer {
        let segment = &self.segments[self.site.any_segment()];
        segment.restock(order.units).await
    }

    async fn at_rest(&self) -> Result<u64, TimedOut> {
        let mut units = 0;
        for segment in &self.segments {
            units += segment.at_rest().await?;
        }
        Ok(units)
    }
}
