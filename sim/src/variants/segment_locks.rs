//! Segment locking as it is published: N keys, a lock for each; an order picks one by chance, runs under
//! its lock, and walks on to the next one if that is short. With fencing, which the articles leave out.
//!
//! It promises never to oversell, and that nothing is lost. **It refuses falsely**: units that lie in
//! several segments serve no order that wants them together, and what comes to a segment behind the walker's
//! back is missed.
//!
//! What limits it: one order after another in each segment.

use super::super::locks::Locks;
use super::super::network::TimedOut;
use super::super::store::Store;
use super::guarded::{Fencing, Guarded, Row};
use super::{Answer, Counter, Options, Order, Site, Variant, shares};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SegmentLocks {
    /// Where the first segment is short, the next is tried.
    WalksOn,
    /// Where it is short, the order is refused.
    TriesOne,
}

impl Variant for SegmentLocks {
    fn open(&self, site: &Site, units: u64) -> impl Counter {
        let rows = shares(units, site.segments).map(Row::new);
        let store = Store::new(&site.network).with(rows);
        let locks = Locks::new(&site.network);
        let segment = |key| Guarded {
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

    fn has_leases(&self) -> bool {
        true
    }
}

struct Segments {
    segments: Vec<Guarded>,
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
