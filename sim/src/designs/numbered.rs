//! A queue in a table: orders are rows with a number, and one consumer decides them in the sequence of their numbers.
//!
//! The consumer remembers the last number that it has seen, and reads what is greater. That is right only if **numbers
//! become visible in their order**. A database's sequence does not promise it: it gives numbers at once, and a
//! transaction that got a smaller number may commit later. The consumer never reads that row; its successor, which reads
//! from the beginning, decides it before others that were answered long ago. **It oversells.**
//!
//! **It promises everything** if the number comes from a row: whoever takes a number has that row locked until its
//! commit. What limits it then: one commit after another.

use crate::database::{Database, Deadlock, Transaction};
use crate::design::{Counter, Design, Order, Site, answer};
use crate::faults::Fault;
use crate::network::TimedOut;
use crate::world::Place;
use segstock_conformance::Answer;
use std::rc::Rc;
use std::time::Duration;

/// Orders in a table, decided in the sequence of their numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Numbered {
    /// Numbers come from a row, which is locked to the end of the transaction.
    ByRow,
    /// Numbers come from the database's sequence. Oversells.
    BySequence,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    LastNumber,
    Order(u64),
}

#[derive(Debug, Clone, Copy)]
enum Row {
    LastNumber(u64),
    Order {
        number: u64,
        order: Order,
        restocks: bool,
        answer: Option<bool>,
    },
}

impl Design for Numbered {
    fn open(&self, site: &Site, units: u64) -> impl Counter {
        let rows = [(Key::LastNumber, Row::LastNumber(0))];
        let shop = Shop(Rc::new(Inner {
            database: Database::new(&site.network).with(rows),
            kind: *self,
            units,
            site: site.clone(),
        }));
        site.world().spawn(shop.clone().supervise());
        shop
    }
}

#[derive(Clone)]
struct Shop(Rc<Inner>);

struct Inner {
    database: Database<Key, Row>,
    kind: Numbered,
    units: u64,
    site: Site,
}

/// What a consumer knows.
#[derive(Debug, Clone, Copy)]
struct Position {
    last: u64,
    left: u64,
}

impl Position {
    /// Decides the next order.
    fn decide(&mut self, entry: Entry) -> bool {
        let left = if entry.restocks {
            self.left.checked_add(entry.order.units)
        } else {
            self.left.checked_sub(entry.order.units)
        };
        *self = Self {
            last: entry.number,
            left: left.unwrap_or(self.left),
        };
        left.is_some()
    }
}

/// An order in the table.
#[derive(Debug, Clone, Copy)]
struct Entry {
    number: u64,
    order: Order,
    restocks: bool,
    is_answered: bool,
}

/// The orders behind a number, in the sequence of their numbers.
fn behind<'a>(rows: impl Iterator<Item = &'a Row>, last: u64) -> Vec<Entry> {
    let orders = rows.filter_map(|row| match *row {
        Row::Order {
            number,
            order,
            restocks,
            answer,
        } => (number > last).then_some(Entry {
            number,
            order,
            restocks,
            is_answered: answer.is_some(),
        }),
        Row::LastNumber(_) => None,
    });
    let mut orders: Vec<_> = orders.collect();
    orders.sort_by_key(|entry| entry.number);
    orders
}

impl Shop {
    const POLL: Duration = Duration::from_millis(2);
    /// What a transaction takes beside the order's own statements.
    const SHORTEST: Duration = Duration::from_micros(100);
    const LONGEST: Duration = Duration::from_millis(3);
    /// How long an order asks for its answer, in time-outs.
    const PATIENCE: u32 = 40;

    /// Starts another consumer now and then, as a deployment does; the last one has ended.
    async fn supervise(self) {
        let world = self.0.site.world().clone();
        loop {
            let node = Place::Node(self.0.site.network.new_node());
            world.spawn_at(node, self.clone().consume());
            let life = Duration::from_millis(20)..Duration::from_millis(300);
            world.sleep(world.pick_time(life)).await;
            self.0.site.network.note(Fault::Crashed);
            world.crash(node);
        }
    }

    async fn consume(self) {
        let mut position = Position {
            last: 0,
            left: self.0.units,
        };
        loop {
            let last = position.last;
            let next = self
                .0
                .database
                .read(move |rows| behind(rows.iter().map(|(_, row)| row), last));
            for entry in next.await.unwrap_or_default() {
                let done = position.decide(entry);
                if !entry.is_answered {
                    self.publish(entry.order.id, done).await;
                }
            }
            self.0.site.world().sleep(Self::POLL).await;
        }
    }

    /// The first answer stays.
    async fn publish(&self, id: u64, done: bool) {
        let publish = async move |tx: Transaction<Key, Row>| {
            let write = |row: &mut Option<Row>| {
                if let Some(Row::Order { answer, .. }) = row {
                    answer.get_or_insert(done);
                }
            };
            tx.update(Key::Order(id), write).await
        };
        while self.0.database.retried(publish).await == Err(TimedOut) {}
    }

    async fn order(&self, order: Order, restocks: bool) -> Result<bool, TimedOut> {
        let (kind, world) = (self.0.kind, self.0.site.world().clone());
        let insert = async move |tx: Transaction<Key, Row>| {
            let number = number(&tx, kind).await?;
            // The transaction writes more than the order, and some take longer than others.
            world
                .sleep(world.pick_time(Self::SHORTEST..Self::LONGEST))
                .await;
            let insert = |row: &mut Option<Row>| {
                row.get_or_insert(Row::Order {
                    number,
                    order,
                    restocks,
                    answer: None,
                });
            };
            tx.update(Key::Order(order.id), insert).await
        };
        self.0.database.retried(insert).await?;
        let world = self.0.site.world();
        let until = world.clock() + self.0.site.network.time_out() * Self::PATIENCE;
        while world.clock() < until {
            let ask = self
                .0
                .database
                .read(move |rows| match rows.get(&Key::Order(order.id)) {
                    Some(Row::Order { answer, .. }) => *answer,
                    _ => None,
                });
            if let Some(answer) = ask.await? {
                return Ok(answer);
            }
            world.sleep(Self::POLL).await;
        }
        Err(TimedOut)
    }
}

async fn number(tx: &Transaction<Key, Row>, kind: Numbered) -> Result<u64, Deadlock> {
    if kind == Numbered::BySequence {
        return Ok(tx.serial());
    }
    let next = |row: &mut Option<Row>| {
        let Some(Row::LastNumber(last)) = row else {
            unreachable!("it is there from the beginning");
        };
        *last += 1;
        *last
    };
    tx.update(Key::LastNumber, next).await
}

impl Counter for Shop {
    async fn deduct(&self, order: Order) -> Answer {
        answer(self.order(order, false).await)
    }

    async fn restock(&self, order: Order) -> Answer {
        answer(self.order(order, true).await)
    }

    async fn at_rest(&self) -> Result<u64, TimedOut> {
        let all = self
            .0
            .database
            .read(|rows| behind(rows.iter().map(|(_, row)| row), 0));
        let mut position = Position {
            last: 0,
            left: self.0.units,
        };
        for entry in all.await? {
            position.decide(entry);
        }
        Ok(position.left)
    }
}
