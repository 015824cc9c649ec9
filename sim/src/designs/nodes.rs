//! Several nodes on one database: each sells from blocks that the pool lends it, in memory, and writes in batches.
//!
//! **It promises everything**, exact refusals included, and needs the database once for many orders:
//!
//! - *Everything counts when its transaction commits.* Memory only guesses which batch will succeed.
//! - A start of a node raises its session and closes its older blocks. Lends and batches are numbered within the
//!   session, so that each can be sent again: it finds what it did.
//! - A batch locks its blocks first, then inserts the orders, and takes from the blocks what it inserted. A block that
//!   was closed meanwhile takes nothing: **a node that was only slow is stopped by that**, and by no clock. The lease
//!   says when others may close its blocks.
//! - A node that finds its order's row there already puts the units back and answers by the row.
//! - *Exact refusal*: one statement reads the pool and the rest of every open block, and writes the order's row as
//!   refused. Takes that are not written yet make the sum too high, never too low. The row keeps a late copy of the
//!   order from being served after the customer was told no.
//! - If the sum is enough, the units lie in blocks of others: a recall has every node hand back what it has for a
//!   while, and exactly what is asked for is lent. A silent node's units come back when its lease is over; until then
//!   the answer is "try again", never "sold out".
//!
//! What limits it: while there is enough, the nodes' memory and a batch at a time; at the end of the stock, a recall.

mod node;
mod rows;
mod transactions;

use crate::design::{Counter, Design, Order, Site, answer};
use crate::faults::Fault;
use crate::network::{Reply, TimedOut};
use crate::world::{Place, World};
use node::{Node, Served};
use rows::{Key, Row, Rows};
use segstock_conformance::Answer;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

/// Several nodes that sell from lent blocks; and mistakes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Nodes {
    /// The whole protocol.
    Exact,
    /// A closed block takes a late batch. Oversells.
    ClosedBlockTakes,
    /// A refusal rests on the pool and the node's own blocks. Refuses falsely.
    OwnBlocksAlone,
    /// A refusal rests on a sum that was read before the call. Refuses falsely.
    ProofBeforeCall,
    /// A refusal reads the order's row in one statement, and the sum in the next. A refused order may be placed.
    SumAndOrderInTwo,
    /// A refused order has no row. A late copy of it may be placed.
    RefusalWithoutRow,
    /// A batch reads its blocks without a lock. Oversells beside a close.
    BlocksNotLocked,
    /// A batch that only hands back has no number, and trusts the node's memory: a copy hands back again. Oversells.
    HandBackWithoutNumber,
    /// A hand-back leaves its block in one transaction and enters the pool in the next. Refuses falsely.
    HandBackInTwo,
    /// A node that loses an insert does not put the units back. No promise breaks; units cannot be sold.
    LoserKeeps,
    /// A block whose lend was not answered is never used. No promise breaks; units cannot be sold.
    LendNotAdopted,
}

/// Nodes of a shop.
const NODES: usize = 3;

impl Design for Nodes {
    fn open(&self, site: &Site, units: u64) -> impl Counter {
        let pool = (Key::Pool, Row::Pool(transactions::first_pool(units)));
        let shop = Shop(Rc::new(Inner {
            rows: Rows::new(&site.network).with([pool]),
            nodes: RefCell::default(),
            kind: *self,
            site: site.clone(),
        }));
        for name in 0..NODES {
            site.world().spawn(shop.clone().supervise(name));
        }
        shop
    }
}

#[derive(Clone)]
struct Shop(Rc<Inner>);

struct Inner {
    rows: Rows,
    /// The nodes that are up, by name, with the numbers of their machines.
    nodes: RefCell<BTreeMap<usize, (usize, Node)>>,
    kind: Nodes,
    site: Site,
}

impl Shop {
    /// How long a customer waits for a node.
    const PATIENCE: u32 = 6;
    /// How many nodes a customer asks, one after another.
    const ATTEMPTS: usize = 20;

    fn world(&self) -> &World {
        self.0.site.world()
    }

    /// Starts the node, and starts it again on another machine after a crash.
    async fn supervise(self, name: usize) {
        let world = self.world();
        loop {
            let machine = self.0.site.network.new_node();
            let shop = self.clone();
            world.spawn_at(Place::Node(machine), async move {
                let (kind, rows, site) = (shop.0.kind, shop.0.rows.clone(), shop.0.site.clone());
                if let Some(node) = Node::start(name, machine, kind, rows, site).await {
                    shop.0.nodes.borrow_mut().insert(name, (machine, node));
                }
            });
            let life = Duration::from_millis(20)..Duration::from_millis(200);
            world.sleep(world.pick_time(life)).await;
            if self.0.site.network.faults().crashes == 0 {
                return;
            }
            self.0.site.network.note(Fault::Crashed);
            world.crash(Place::Node(machine));
            self.0.nodes.borrow_mut().remove(&name);
            let down = Duration::ZERO..Duration::from_millis(100);
            world.sleep(world.pick_time(down)).await;
        }
    }

    /// Asks one node after another, until one knows.
    async fn order(&self, order: Order) -> Result<bool, TimedOut> {
        let network = &self.0.site.network;
        let patience = network.time_out() * Self::PATIENCE;
        for _ in 0..Self::ATTEMPTS {
            let name = self.world().pick(0..NODES as u64) as usize;
            let up = self.0.nodes.borrow().get(&name).cloned();
            let Some((machine, node)) = up else {
                self.world().sleep(network.time_out()).await;
                continue;
            };
            let serve = move |reply: Reply<Served>| {
                let node = node.clone();
                let world = reply.network().world().clone();
                world.spawn(async move {
                    reply.send(node.serve(order.id, order.units).await);
                });
            };
            match network.request(Place::Node(machine), patience, serve).await {
                Ok(Served::Placed) => return Ok(true),
                Ok(Served::Refused) => return Ok(false),
                Ok(Served::TryAgain) | Err(TimedOut) => {}
            }
        }
        Err(TimedOut)
    }

    /// At rest the rows say what the nodes know.
    async fn rows_are_what_nodes_know(&self) -> Result<bool, TimedOut> {
        let open = self.0.rows.read(|rows| {
            let open = rows::open_blocks(rows).into_iter();
            let open = open.map(|(epoch, block)| (block.node, epoch, block.room()));
            open.filter(|(.., room)| *room > 0).collect::<Vec<_>>()
        });
        let open = open.await?;
        for name in 0..NODES {
            let of_node = open.iter().filter(|(node, ..)| *node == name);
            let rows: BTreeMap<u64, u64> = of_node.map(|&(_, epoch, room)| (epoch, room)).collect();
            if self.known_by(name).await.is_some_and(|known| known != rows) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The blocks with free units that a node knows, once it writes nothing.
    async fn known_by(&self, name: usize) -> Option<BTreeMap<u64, u64>> {
        for _ in 0..100 {
            let node = self.0.nodes.borrow().get(&name).cloned();
            if let Some(mut known) = node.and_then(|(_, node)| node.knows()) {
                known.retain(|_, free| *free > 0);
                return Some(known);
            }
            self.world().sleep(Duration::from_micros(100)).await;
        }
        None
    }
}

impl Counter for Shop {
    async fn deduct(&self, order: Order) -> Answer {
        let placed = self.order(order).await;
        self.0.site.work_if(placed).await
    }

    async fn restock(&self, order: Order) -> Answer {
        let restock = async move |tx| transactions::restock(tx, order.id, order.units).await;
        answer(self.0.rows.retried(restock).await)
    }

    /// # Panics
    ///
    /// If a node knows other units of its blocks than their rows: no judge would see it.
    async fn at_rest(&self) -> Result<u64, TimedOut> {
        assert!(
            self.rows_are_what_nodes_know().await?,
            "a node's memory differs from its rows"
        );
        self.0.rows.read(rows::sum).await
    }
}
