//! A shop of several nodes: who starts them, and how customers find one that answers.

use super::audit;
use super::node::{Node, Request, Served};
use super::rows::{self, Key, Known, Order, Pool, Row, Rows, Sku};
use super::sessions::close_silent;
use super::{Nodes, lending};
use crate::design::Site;
use crate::faults::Fault;
use crate::network::{Reply, TimedOut};
use crate::world::{Place, World};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

/// Nodes of a shop.
pub(super) const NODES: usize = 3;

#[derive(Clone)]
pub(super) struct Shop(Rc<Inner>);

struct Inner {
    rows: Rows,
    /// The nodes that are up, by name, with the numbers of their machines.
    nodes: RefCell<BTreeMap<usize, (usize, Node)>>,
    kind: Nodes,
    pub site: Site,
}

/// The answers that customers wait for.
type Asked = Result<Served, TimedOut>;

impl Shop {
    /// How long a customer waits for a node, in time-outs.
    const PATIENCE: u32 = 6;
    /// How many nodes a customer asks, one after another.
    const ATTEMPTS: usize = 20;
    /// How long a node that is stopped has for its last batches.
    const LAST: Duration = Duration::from_millis(30);

    /// A shop with these pools, and its nodes.
    pub(super) fn open(kind: Nodes, site: &Site, pools: Vec<Pool>) -> Self {
        let pools = pools.into_iter().enumerate();
        let pools = pools.map(|(sku, pool)| (Key::Pool(sku), Row::Pool(pool)));
        let shop = Self(Rc::new(Inner {
            rows: Rows::new(&site.network).with(pools),
            nodes: RefCell::default(),
            kind,
            site: site.clone(),
        }));
        for name in 0..NODES {
            site.world().spawn(shop.clone().supervise(name));
        }
        shop
    }

    fn world(&self) -> &World {
        self.0.site.world()
    }

    fn up(&self, name: usize) -> Option<(usize, Node)> {
        self.0.nodes.borrow().get(&name).cloned()
    }

    /// Tells every node that something changed; messages may be lost.
    fn notify(&self) {
        let nodes: Vec<_> = self.0.nodes.borrow().values().cloned().collect();
        for (machine, node) in nodes {
            let network = &self.0.site.network;
            network.send(Place::Node(machine), move || node.notified());
        }
    }

    /// Starts the node, and starts it again on another machine after a crash.
    async fn supervise(self, name: usize) {
        let world = self.world();
        loop {
            let machine = self.0.site.network.new_node();
            let shop = self.clone();
            world.spawn_at(Place::Node(machine), async move {
                let (kind, rows, site) = (shop.0.kind, shop.0.rows.clone(), shop.0.site.clone());
                let weak = Rc::downgrade(&shop.0);
                let notify = move || {
                    if let Some(shop) = weak.upgrade() {
                        Self(shop).notify();
                    }
                };
                let node = Node::start(name, kind, rows, site, Rc::new(notify)).await;
                shop.0.nodes.borrow_mut().insert(name, (machine, node));
            });
            let life = Duration::from_millis(20)..Duration::from_millis(200);
            world.sleep(world.pick_time(life)).await;
            if self.0.site.network.faults().crashes == 0 {
                return;
            }
            if world.chance(300) {
                if let Some((_, node)) = self.up(name) {
                    node.stop();
                }
                world.sleep(Self::LAST).await;
            }
            self.0.site.network.note(Fault::Crashed);
            world.crash(Place::Node(machine));
            self.0.nodes.borrow_mut().remove(&name);
            let down = Duration::ZERO..Duration::from_millis(100);
            world.sleep(world.pick_time(down)).await;
        }
    }

    /// Asks one node after another, until one knows.
    pub(super) async fn ask(&self, id: u64, request: Request) -> Asked {
        for attempt in 0..Self::ATTEMPTS {
            let name = self.world().pick(0..NODES as u64) as usize;
            match self.ask_node(name, id, request.clone(), attempt > 0).await {
                Ok(Served::TryAgain) | Err(TimedOut) => {}
                answer => return answer,
            }
        }
        Err(TimedOut)
    }

    /// Asks one node, once.
    pub(super) async fn ask_node(
        &self,
        name: usize,
        id: u64,
        request: Request,
        is_retry: bool,
    ) -> Asked {
        let network = &self.0.site.network;
        let Some((machine, node)) = self.up(name) else {
            self.world().sleep(network.time_out()).await;
            return Err(TimedOut);
        };
        let serve = move |reply: Reply<Served>| {
            let (node, request) = (node.clone(), request.clone());
            let world = reply.network().world().clone();
            world.spawn(async move {
                reply.send(node.serve(id, request, is_retry).await);
            });
        };
        let patience = network.time_out() * Self::PATIENCE;
        network.request(Place::Node(machine), patience, serve).await
    }

    /// Adds units to a pool, once for each id.
    pub(super) async fn restock(&self, id: u64, sku: Sku, units: u64) -> Result<bool, TimedOut> {
        let restock = async move |tx| lending::restock(tx, id, sku, units).await;
        self.0.rows.retried(restock).await
    }

    /// Units of each SKU that can be sold.
    pub(super) async fn free(&self) -> Result<rows::Units, TimedOut> {
        self.0.rows.read(|rows| rows::free(rows, |_| true)).await
    }

    /// The rows of all orders.
    pub(super) async fn orders(&self) -> Result<BTreeMap<u64, Order>, TimedOut> {
        let orders = self.0.rows.read(|rows| {
            let orders = rows::orders(rows).into_iter();
            orders.map(|(id, order)| (id, order.clone())).collect()
        });
        orders.await
    }

    /// The most proofs of one node that were under way at once.
    pub(super) fn most_proofs(&self) -> usize {
        let nodes = self.0.nodes.borrow();
        let most = nodes.values().map(|(_, node)| node.0.proofs.get().1);
        most.max().unwrap_or(0)
    }

    /// At rest each node knows what its rows say: its session, and the rest of each block. Otherwise: what differs.
    pub(super) async fn differs(&self) -> Result<Option<String>, TimedOut> {
        for _ in 0..5 {
            let differs = self.differs_now().await?;
            if differs.is_none() {
                return Ok(None);
            }
            // A hand-back or a lend ahead may have come between.
            self.world().sleep(Duration::from_millis(20)).await;
        }
        self.differs_now().await
    }

    async fn differs_now(&self) -> Result<Option<String>, TimedOut> {
        let rows = self.0.rows.read(|rows| {
            let sessions = (0..NODES).map(|name| super::sessions::seen(rows, name));
            let open = rows::open_blocks(rows).filter(|(_, block)| block.rest() > 0);
            (sessions.collect::<Vec<_>>(), open.collect::<Vec<_>>())
        });
        let (sessions, open) = rows.await?;
        for (name, session) in sessions.into_iter().enumerate() {
            let of_node = open.iter().filter(|(_, block)| block.node == name);
            let blocks: BTreeMap<u64, u64> = of_node
                .map(|(epoch, block)| (*epoch, block.rest()))
                .collect();
            let known = self.known_by(name).await;
            let rows = Some((session, blocks));
            if known != rows {
                return Ok(Some(format!(
                    "node {name} knows {known:?}, its rows say {rows:?}"
                )));
            }
        }
        Ok(None)
    }

    /// The session, and the blocks with free units that a node knows, once it works on nothing.
    async fn known_by(&self, name: usize) -> Option<(u64, BTreeMap<u64, u64>)> {
        for _ in 0..200 {
            let known = self.up(name).and_then(|(_, node)| node.knows());
            if let Some((session, mut blocks)) = known {
                blocks.retain(|_, free| *free > 0);
                return Some((session, blocks));
            }
            self.world().sleep(Duration::from_micros(100)).await;
        }
        None
    }

    /// Ends the sale: nothing is lent any more, blocks come back, and every unit is accounted for.
    ///
    /// # Errors
    ///
    /// What is wrong, in words.
    pub(super) async fn end_sale(&self) -> Result<(), String> {
        let silent = |TimedOut| "the database is silent".to_owned();
        let end = async |tx| lending::end_sale(tx).await;
        self.0.rows.retried(end).await.map_err(silent)?;
        self.notify();
        for _ in 0..100 {
            let closed = self.0.rows.retried(async |tx| close_silent(tx).await).await;
            closed.map_err(silent)?;
            let open = self.0.rows.read(|rows| audit::not_back(rows).is_some());
            if !open.await.map_err(silent)? {
                break;
            }
            self.world().sleep(Duration::from_millis(5)).await;
        }
        let audit = self.0.rows.read(audit::audit);
        audit.await.map_err(silent)?
    }

    pub(super) fn site(&self) -> &Site {
        &self.0.site
    }
}

/// What is known of an order, if anything is.
pub(super) fn known(asked: &Asked) -> Option<Known> {
    match asked {
        Ok(Served::Is(known)) => Some(*known),
        _ => None,
    }
}
