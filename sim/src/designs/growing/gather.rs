//! Units from several keys for one order. Nothing is atomic across keys, and a node that gathers may crash anywhere.
//!
//! One gather at a time is open in the *pocket*, a row of its own. Opening announces its units: `pocket.added` grows by
//! them. Then it takes from key after key, under its own number, which the keys remember. Everything follows from the
//! pocket's row and the keys' answers, whoever does it and however often. So **a node that finds a gather open finishes
//! it**, and no node needs a lock that may run out. A gather that a late request opens again ends as it did before.
//!
//! With all units in hand, closing is the instant of the deduct: `pocket.taken` grows by them. If the units fall short,
//! the gather puts all pieces back, and closes as well. The sums are never too low: an announcement can only delay a
//! refusal.

use super::segment::Segment;
use super::{Growing, Keys};
use crate::network::TimedOut;

#[derive(Debug, Clone, Default)]
pub(super) struct Pocket {
    pub(super) taken: u64,
    pub(super) added: u64,
    open: Option<Gather>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gather {
    number: u64,
    units: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gathered {
    Sold,
    Short,
}

impl Pocket {
    /// Opens the gather, unless another is open. The gather that is open now.
    fn open(&mut self, gather: Gather, silent: bool) -> Gather {
        *self.open.get_or_insert_with(|| {
            self.added += if silent { 0 } else { gather.units };
            gather
        })
    }

    fn close(&mut self, gather: Gather, silent: bool) {
        if self.open.take_if(|open| *open == gather).is_some() {
            self.taken += if silent { 0 } else { gather.units };
        }
    }
}

impl Keys {
    pub(super) async fn gather(&self, units: u64) -> Result<Gathered, TimedOut> {
        let number = self.site.world().number();
        let gather = Gather { number, units };
        let silent = self.kind == Growing::Silent;
        loop {
            let open = move |pocket: &mut Pocket| pocket.open(gather, silent);
            let first = self.pocket.retried(open).await?;
            let end = self.finish(first).await?;
            if first == gather {
                return Ok(end);
            }
        }
    }

    /// Finishes the gather that is open, if one is.
    pub(super) async fn finish_open(&self) -> Result<(), TimedOut> {
        if let Some(open) = self.pocket.retried(|pocket| pocket.open).await? {
            self.finish(open).await?;
        }
        Ok(())
    }

    /// Does what is left of a gather. The keys repeat their answers for what others have done.
    async fn finish(&self, gather: Gather) -> Result<Gathered, TimedOut> {
        let mut pieces = Vec::with_capacity(self.segments.len());
        for segment in &self.segments {
            let missing = gather.units - pieces.iter().sum::<u64>();
            let take = move |row: &mut Segment| row.take_up_to(gather.number, missing);
            pieces.push(segment.retried(take).await?);
        }
        let end = if pieces.iter().sum::<u64>() == gather.units {
            Gathered::Sold
        } else {
            for (segment, piece) in self.segments.iter().zip(pieces) {
                let put = move |row: &mut Segment| row.put(gather.number, piece);
                segment.retried(put).await?;
            }
            Gathered::Short
        };
        let silent = self.kind == Growing::Silent;
        let close = move |pocket: &mut Pocket| pocket.close(gather, silent);
        self.pocket.retried(close).await?;
        Ok(end)
    }
}
