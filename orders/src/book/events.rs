//! What a book tells of what happened.

use super::OrderBook;
use crate::entry::{Change, Entry, Position};
use crate::feed::{EventCounts, Events};
use crate::journal::Permit;
use segstock::inventory::Sku;

impl<K: Sku + 'static> OrderBook<K> {
    /// What happened after `after`, in the sequence of the entries: at most `limit` events, and at most 1,000 at a time; or
    /// a few more, since those of one entry come together. Nothing in a book without [events](crate::OrderBookBuilder::events).
    ///
    /// The last events are kept, to the number that was chosen. A reader that is slower learns [what it missed](Events::missed).
    /// After a restart the feed has them again, from the first entry on from which all rows of the ledger are as they were
    /// written: a ledger deletes rows of orders that are forgotten, and puts old rows of a shelf together. A reader that followed
    /// until the restart misses nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use segstock_orders::{OrderBook, Position, What};
    /// use std::time::Duration;
    ///
    /// let book = OrderBook::builder().events(1_000).build();
    /// book.open("phone", 2)?;
    /// book.place("order-17", None, [("phone", 2)], Duration::from_secs(900))?;
    /// let page = book.events(Position::default(), 100);
    /// let what: Vec<_> = page.events.into_iter().map(|event| event.what).collect();
    /// assert_eq!(what, [What::Placed("order-17".into()), What::SoldOut("phone")]);
    /// assert_eq!(book.events(page.next, 100).events, []);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn events(&self, after: Position, limit: usize) -> Events<K> {
        match &self.feed {
            Some(feed) => feed.after(after, self.journal.last_durable(), limit),
            None => Events {
                events: Vec::new(),
                next: after,
                missed: None,
            },
        }
    }

    /// How many events of each kind there were since the book was made or made again, whether they are kept or not. None in a
    /// book without [events](crate::OrderBookBuilder::events); `events(0)` keeps none, and counts them.
    pub fn event_counts(&self) -> EventCounts {
        let feed = self.feed.as_ref();
        feed.map(crate::feed::Feed::counts).unwrap_or_default()
    }

    /// Stamps an entry and appends it, about the order with this id. All entries go this way.
    ///
    /// An entry is stamped where its place in the sequence is given, so that times never go back.
    pub(super) fn append(
        &self,
        permit: Permit<'_, K>,
        entry: &mut Entry<K>,
        id: Option<&str>,
    ) -> Position {
        if self.feed.is_none() && self.journal.is_nowhere() {
            // Nobody sees the sequence of the times.
            return permit.append(entry);
        }
        let mut last = self.last_time.lock();
        *last = self.now().max(*last);
        entry.time = *last;
        let position = match &self.feed {
            Some(feed) => feed.tell(entry, id, || permit.append(entry)),
            None => permit.append(entry),
        };
        if let Change::Limited { sku, limits, .. } = &entry.change {
            self.skus.item(*sku).rules.count_after(limits, position);
        }
        position
    }
}
