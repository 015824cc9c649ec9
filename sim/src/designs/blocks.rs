//! Blocks lent to nodes: a node fetches many units at once from the pool, and sells from its block without asking
//! anybody else.
//!
//! Each block has an epoch, and a journal under that key: a sale counts when the journal has it. When the lease of a
//! block is over, any node that needs units may close it: first it closes the journal, which says what was sold, then
//! it puts the rest into the pool. Any node may do both, any number of times, and finish what another began. The lease
//! only says when others *may* close a block. **The closed journal stops a node that was slow and not dead**; without
//! it, the node goes on selling units that the pool has lent again.
//!
//! It promises never to oversell, and to lose no unit, whoever crashes. **It refuses falsely** while units lie in the
//! blocks of other nodes.
//!
//! What limits it: a journal for each node, and the pool once for each block.

use crate::design::{Counter, Design, Order, Site};
use crate::network::TimedOut;
use crate::store::{Key, Store};
use segstock_conformance::{Answer, Options};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Blocks lent to nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Blocks {
    /// A closed journal takes no sale.
    WithEpochs,
    /// A closed journal still takes sales. Oversells.
    WithoutEpochs,
}

#[derive(Debug, Clone, Copy)]
struct Block {
    epoch: usize,
    units: u64,
    /// When others may close it, by the pool's clock.
    until: Duration,
}

#[derive(Debug, Clone, Default)]
struct Pool {
    free: u64,
    last_epoch: usize,
    lent: BTreeMap<usize, Block>,
    restocks: BTreeSet<u64>,
}

#[derive(Debug, Clone)]
enum Lent {
    Block(Block),
    /// Too few units are free; these blocks may be closed.
    Short(Vec<Block>),
}

impl Pool {
    /// A reply that comes too late lends a block that no node uses, until its lease is over.
    fn lend(&mut self, least: u64, block: u64, now: Duration) -> Lent {
        if self.free < least {
            let over = self.lent.values().filter(|block| block.until < now);
            return Lent::Short(over.copied().collect());
        }
        let units = self.free.min(block.max(least));
        self.free -= units;
        self.last_epoch += 1;
        let block = Block {
            epoch: self.last_epoch,
            units,
            until: now + Shop::LEASE,
        };
        self.lent.insert(block.epoch, block);
        Lent::Block(block)
    }

    fn hand_back(&mut self, epoch: usize, sold: u64) {
        if let Some(block) = self.lent.remove(&epoch) {
            self.free += block.units.saturating_sub(sold);
        }
    }

    fn restock(&mut self, id: u64, units: u64) {
        if self.restocks.insert(id) {
            self.free += units;
        }
    }
}

/// What was sold from a block.
#[derive(Debug, Clone, Default)]
struct Journal {
    sold: u64,
    closed: bool,
    known: BTreeSet<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sale {
    Sold,
    /// The block has too few.
    Short,
    /// The block is closed.
    Closed,
}

impl Journal {
    fn sell(&mut self, number: u64, units: u64, block: Block, epochs: bool) -> Sale {
        if self.known.contains(&number) {
            return Sale::Sold;
        }
        if self.closed && epochs {
            return Sale::Closed;
        }
        if block.units - self.sold < units {
            return Sale::Short;
        }
        self.known.insert(number);
        self.sold += units;
        Sale::Sold
    }

    fn close(&mut self) -> u64 {
        self.closed = true;
        self.sold
    }
}

impl Design for Blocks {
    fn open(&self, site: &Site, units: u64) -> impl Counter {
        let pool = Pool {
            free: units,
            ..Pool::default()
        };
        Shop {
            pool: Store::new(&site.network).with([pool]).key(0),
            journals: Store::on_servers(&site.network, site.segments),
            nodes: RefCell::default(),
            // Large enough to save requests, and small enough that each node gets some.
            block: (units / (4 * site.segments as u64)).clamp(1, 10_000),
            epochs: *self == Self::WithEpochs,
            site: site.clone(),
        }
    }

    fn promises(&self) -> Options {
        Options::new().without_exact_refusals()
    }
}

struct Shop {
    pool: Key<Pool>,
    /// By epoch.
    journals: Store<Journal>,
    /// The blocks that each node knows: its own memory, gone when it crashes.
    nodes: RefCell<BTreeMap<usize, Vec<Block>>>,
    block: u64,
    epochs: bool,
    site: Site,
}

impl Shop {
    const LEASE: Duration = Duration::from_millis(40);

    async fn sell(&self, order: Order) -> Result<bool, TimedOut> {
        loop {
            while let Some(block) = self.block_of(order.node) {
                match self.sell_from(block, order.units).await? {
                    Sale::Sold => return Ok(true),
                    Sale::Short => self.close(block).await?,
                    Sale::Closed => {}
                }
                self.forget(order.node, block);
            }
            let (least, size) = (order.units, self.block);
            let world = self.site.world().clone();
            let lend = move |pool: &mut Pool| pool.lend(least, size, world.clock());
            match self.pool.retried(lend).await? {
                Lent::Block(block) => self.keep(order.node, block),
                Lent::Short(over) if over.is_empty() => return Ok(false),
                Lent::Short(over) => {
                    for block in over {
                        self.close(block).await?;
                    }
                }
            }
        }
    }

    async fn sell_from(&self, block: Block, units: u64) -> Result<Sale, TimedOut> {
        let (number, epochs) = (self.site.world().number(), self.epochs);
        let sell = move |journal: &mut Journal| journal.sell(number, units, block, epochs);
        self.journals.key(block.epoch).retried(sell).await
    }

    async fn close(&self, block: Block) -> Result<(), TimedOut> {
        let sold = self
            .journals
            .key(block.epoch)
            .retried(Journal::close)
            .await?;
        let hand_back = move |pool: &mut Pool| pool.hand_back(block.epoch, sold);
        self.pool.retried(hand_back).await
    }

    fn block_of(&self, node: usize) -> Option<Block> {
        self.nodes.borrow().get(&node)?.last().copied()
    }

    fn keep(&self, node: usize, block: Block) {
        self.nodes.borrow_mut().entry(node).or_default().push(block);
    }

    fn forget(&self, node: usize, block: Block) {
        if let Some(blocks) = self.nodes.borrow_mut().get_mut(&node) {
            blocks.retain(|known| known.epoch != block.epoch);
        }
    }
}

impl Counter for Shop {
    async fn deduct(&self, order: Order) -> Answer {
        self.site.work_if(self.sell(order).await).await
    }

    async fn restock(&self, order: Order) -> Answer {
        let restock = move |pool: &mut Pool| pool.restock(order.id, order.units);
        match self.pool.retried(restock).await {
            Ok(()) => Answer::Done(()),
            Err(TimedOut) => Answer::Unknown,
        }
    }

    async fn at_rest(&self) -> Result<u64, TimedOut> {
        let lent = |pool: &mut Pool| pool.lent.values().copied().collect::<Vec<_>>();
        for block in self.pool.retried(lent).await? {
            self.close(block).await?;
        }
        self.pool.retried(|pool| pool.free).await
    }
}
