//! A queue with one consumer: orders are appended to a log. Whoever reads the log from its beginning knows what each
//! order is answered.
//!
//! **It promises everything.** An order is decided at the instant at which it is appended; the consumer only finds out
//! how. So the consumer keeps nothing that is not in the log, and may crash anywhere. If one that was taken for dead is
//! alive, two consumers give the same answers.
//!
//! What limits it: requests. If each order sends its own, a few requests for each order. **In batches** a node appends
//! all orders that came while its last request was under way, and asks for all their answers at once: then a request
//! serves many orders, and the queue is faster than any design that sends one for each. If the consumer does the orders'
//! work as well, it is one lock by another name.

mod batches;

use crate::design::{Counter, Design, Order, Site, answer};
use crate::faults::Fault;
use crate::network::TimedOut;
use crate::store::{Key, Store};
use crate::world::Place;
use batches::Batches;
use segstock_conformance::Answer;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

/// A log with one consumer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Queue {
    /// The consumer counts, the node that orders does the work.
    Counts,
    /// The consumer counts, and nodes send their orders in batches.
    CountsInBatches,
    /// The consumer does the work, too.
    Works,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    order: Order,
    restocks: bool,
}

#[derive(Debug, Clone, Default)]
struct Log {
    entries: Vec<Entry>,
    known: BTreeSet<u64>,
}

impl Log {
    fn append(&mut self, entry: Entry) {
        if self.known.insert(entry.order.id) {
            self.entries.push(entry);
        }
    }
}

/// What each order was answered. An answer never changes: every consumer writes the same.
type Answers = BTreeMap<u64, bool>;

/// The log and the answers lie under two keys of one server; each key uses one of the fields.
#[derive(Debug, Clone, Default)]
struct Row {
    log: Log,
    answers: Answers,
}

impl Design for Queue {
    fn open(&self, site: &Site, units: u64) -> impl Counter {
        let store = Store::new(&site.network);
        let (log, answers) = (store.key(0), store.key(1));
        let batches = Batches::new(&log, &answers, site);
        let shop = Shop(Rc::new(Inner {
            log,
            answers,
            units,
            consumer_works: *self == Self::Works,
            batches: (*self == Self::CountsInBatches).then_some(batches),
            site: site.clone(),
        }));
        site.world().spawn(shop.clone().supervise());
        shop
    }
}

#[derive(Clone)]
struct Shop(Rc<Inner>);

struct Inner {
    log: Key<Row>,
    answers: Key<Row>,
    units: u64,
    consumer_works: bool,
    /// How nodes send their orders, unless each order sends its own requests.
    batches: Option<Batches>,
    site: Site,
}

impl Shop {
    /// How often consumers look for orders.
    const POLL: Duration = Duration::from_millis(2);
    /// The pause before an order asks for its answer. It doubles up to the last: asking costs the store requests.
    const FIRST_ASKS: Duration = Duration::from_millis(2);
    const LAST_ASKS: Duration = Duration::from_millis(512);
    /// How long an order asks for its answer, in time-outs.
    const PATIENCE: u32 = 40;

    /// Starts another consumer now and then, as if the last one were dead; sometimes it is.
    async fn supervise(self) {
        let world = self.0.site.world().clone();
        loop {
            let node = Place::Node(self.0.site.network.new_node());
            world.spawn_at(node, self.clone().consume());
            let life = Duration::from_millis(20)..Duration::from_millis(300);
            if self.0.site.network.faults().crashes == 0 {
                return;
            }
            world.sleep(world.pick_time(life)).await;
            if world.chance(700) {
                self.0.site.network.note(Fault::Crashed);
                world.crash(node);
            }
        }
    }

    async fn consume(self) {
        let mut left = self.0.units;
        let mut position = 0;
        // No order waits for the work of another in its batch.
        let most = if self.0.consumer_works { 1 } else { usize::MAX };
        loop {
            let read = move |row: &mut Row| {
                let next = row.log.entries[position..].iter();
                next.take(most).copied().collect::<Vec<_>>()
            };
            let Ok(batch) = self.0.log.retried_weighed(Vec::len, read).await else {
                continue;
            };
            if batch.is_empty() {
                self.0.site.world().sleep(Self::POLL).await;
                continue;
            }
            position += batch.len();
            let mut answers = Answers::new();
            for entry in batch {
                answers.insert(entry.order.id, decide(&mut left, entry));
                if self.0.consumer_works && !entry.restocks {
                    self.0.site.work().await;
                }
            }
            self.publish(answers).await;
        }
    }

    async fn publish(&self, answers: Answers) {
        let key = self.0.answers.for_items(answers.len());
        let write = move |row: &mut Row| row.answers.extend(answers.clone());
        while key.retried(write.clone()).await == Err(TimedOut) {}
    }

    async fn order(&self, entry: Entry) -> Result<bool, TimedOut> {
        if let Some(batches) = &self.0.batches {
            return batches.order(entry).await;
        }
        let id = entry.order.id;
        self.0.log.retried(move |row| row.log.append(entry)).await?;
        let world = self.0.site.world();
        let patience = self.0.site.network.time_out() * Self::PATIENCE;
        let until = world.clock() + patience;
        let mut pause = Self::FIRST_ASKS;
        while world.clock() < until {
            let ask = move |row: &mut Row| row.answers.get(&id).copied();
            if let Some(answer) = self.0.answers.retried(ask).await? {
                return Ok(answer);
            }
            world.sleep(pause).await;
            pause = (pause * 2).min(Self::LAST_ASKS);
        }
        Err(TimedOut)
    }
}

/// Whether there was enough.
fn decide(left: &mut u64, Entry { order, restocks }: Entry) -> bool {
    let after = if restocks {
        left.checked_add(order.units)
    } else {
        left.checked_sub(order.units)
    };
    *left = after.unwrap_or(*left);
    after.is_some()
}

impl Counter for Shop {
    async fn deduct(&self, order: Order) -> Answer {
        let entry = Entry {
            order,
            restocks: false,
        };
        let sold = self.order(entry).await;
        if self.0.consumer_works {
            return answer(sold);
        }
        self.0.site.work_if(sold).await
    }

    async fn restock(&self, order: Order) -> Answer {
        let entry = Entry {
            order,
            restocks: true,
        };
        answer(self.order(entry).await)
    }

    async fn at_rest(&self) -> Result<u64, TimedOut> {
        let entries = self.0.log.get().await?.log.entries;
        let mut left = self.0.units;
        for entry in entries {
            decide(&mut left, entry);
        }
        Ok(left)
    }
}
