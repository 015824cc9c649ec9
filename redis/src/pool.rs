//! Blocks lent to nodes: a node has units lent by the pool, and sells them from its block without asking the pool.
//!
//! Each block has an epoch, and a journal under that number: a sale counts when the journal has it, in one function with the
//! order's record. When the lease of a block is over, any node that needs units may close it: first it closes the journal,
//! which says what was sold, then it puts the rest into the pool. Any node may do both, any number of times, and finish
//! what another began. The lease only says when others *may* close a block. **The closed journal stops a node that was
//! slow and not dead**; without it ([`Pool::without_epochs`]) the node goes on selling units that the pool has lent again.
//!
//! The first server has the pool. An order's id says which server has its record, and the node's block there is asked: so
//! a retry finds the record, whichever node it comes to.
//!
//! **It never oversells and loses no unit**, whoever dies, under the conditions of [`Atomic`](crate::Atomic) on each
//! server, while the servers' clocks agree better than for as long as ids are remembered.
//!
//! When one of the servers lost what it acknowledged ([`Restarts::MayLose`](crate::Restarts::MayLose)), every call that needs
//! that server is unknown: create the stock again, under another name, from the order log.
//!
//! **It refuses falsely** while units lie in the blocks of other nodes, until their lease is over. The limit of 2^40 units
//! is not exact while several restocks run at once. **It leaves a small key for ever**, a block's journal, where a process dies
//! between putting the block's rest back and giving the journal its deadline. A journal that had it before might be forgotten
//! with its block still lent, and its units would be sold again.
//!
//! What limits it: N servers, as fast as each serves requests, and the pool once for each block. On one server it is no
//! faster than [`Atomic`](crate::Atomic); take it to spread a sale over servers that need not know each other.
//! Twin: `designs/blocks.rs` of `segstock-sim`.

use crate::error::OpenError;
use crate::function::{self, Heard, nothing};
use crate::link::{Link, Reach};
use crate::server::{Redis, check_units, key_of, spread};
use redis::Cmd;
use segstock_remote::{Answer, Attempt, Driver, MAX_UNITS, OrderId, RemoteStock, Units, Unknown};
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;

const LIBRARY: &str = include_str!("pool.lua");

/// A node that sells from blocks which a pool lends. See the [table of the designs](crate).
///
/// Each value is a node of its own; what is left in its blocks comes back when their lease is over.
///
/// # Consistency
///
/// Sales and restocks are linearizable; refusals are not exact. `available` is at one instant of the call no less than the
/// stock, and exact when nothing runs beside it. A call that was answered *done* happened once, however often it was
/// sent, and whichever node it was sent to.
#[derive(Debug)]
pub struct Pool {
    servers: Vec<Driver<Reach>>,
    /// The node's block on each server.
    blocks: Vec<Mutex<Option<Block>>>,
    key: String,
    ttl: u64,
    lease: Duration,
    most: u64,
    strict: bool,
    epochs: bool,
}

/// Units that a node may sell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Block {
    epoch: u64,
    units: u64,
    /// When others may close it, in milliseconds by the pool's clock.
    until: u64,
    /// Where its journal is.
    server: usize,
}

impl Block {
    /// "epoch units until server"
    fn read(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let block = Self {
            epoch: words.next()?.parse().ok()?,
            units: words.next()?.parse().ok()?,
            until: words.next()?.parse().ok()?,
            server: words.next()?.parse().ok()?,
        };
        words.next().is_none().then_some(block)
    }

    fn read_all(text: &str) -> Vec<Self> {
        text.split(';').filter_map(Self::read).collect()
    }
}

impl Pool {
    /// Creates a stock that holds `units`, all in the pool, and a node of it.
    ///
    /// # Errors
    ///
    /// [`OpenError::Exists`] if there is one of this name on any of the servers; others if a server or its settings do
    /// not fit. After [`OpenError::Unknown`] some servers may have it: take another name.
    pub async fn create(servers: &[Redis], name: &str, units: u64) -> Result<Self, OpenError> {
        check_units(units)?;
        let node = Self::of(servers, name)?;
        let made = rand::random::<u64>();
        // The pool is on the first server and comes last: a stock that has it is whole.
        for (number, server) in servers.iter().enumerate().rev() {
            server.prepare(LIBRARY).await?;
            let pool = (number == 0).then(|| node.pool());
            let keys: Vec<String> = [node.own_key()].into_iter().chain(pool).collect();
            let keys = &keys;
            let create = |link: Link, _| async move {
                let mut create = function::function("segstock_pool_1_create", keys);
                create.arg(made).arg(link.replication_id().await?);
                create.arg(servers.len()).arg(units);
                let (said,): (String,) = link.ask(&create).await?;
                Ok(said == "done")
            };
            if !server.driver(None)?.ask(create).await? {
                return Err(OpenError::Exists);
            }
        }
        Ok(node)
    }

    /// A node of a stock that was created before on these servers, in this sequence, here or by another process.
    ///
    /// # Errors
    ///
    /// [`OpenError::NoStock`] if there is none of this name on this many servers.
    pub async fn open(servers: &[Redis], name: &str) -> Result<Self, OpenError> {
        let node = Self::of(servers, name)?;
        for server in servers {
            server.prepare(LIBRARY).await?;
        }
        let own = node.own_key();
        let on = |link: Link, _| {
            let mut on = redis::cmd("HGET");
            on.arg(&own).arg("servers");
            async move { link.ask::<Option<usize>>(&on).await }
        };
        match node.servers[0].ask(on).await? {
            Some(on) if on == servers.len() => Ok(node),
            _ => Err(OpenError::NoStock),
        }
    }

    fn of(servers: &[Redis], name: &str) -> Result<Self, OpenError> {
        let key = key_of(name)?;
        let first = servers.first().ok_or(OpenError::NoServers)?;
        let own = format!("{key}:server");
        let driver = |server: &Redis| server.driver(Some(own.clone()));
        let drivers = servers.iter().map(driver);
        Ok(Self {
            servers: drivers.collect::<Result<_, _>>()?,
            blocks: servers.iter().map(|_| Mutex::default()).collect(),
            key,
            ttl: first.ttl(),
            lease: Duration::from_secs(2),
            most: 10_000,
            strict: first.is_strict(),
            epochs: true,
        })
    }

    /// How long others leave a block to its node; 2 seconds by default, and at most as long as ids are remembered.
    #[must_use]
    pub fn lease(self, lease: Duration) -> Self {
        let lease = lease.min(Duration::from_millis(self.ttl));
        Self { lease, ..self }
    }

    /// The most units of a block, unless an order wants more; 10,000 by default. A block is an eighth of what is free,
    /// if that is less.
    #[must_use]
    pub fn block(self, most: u64) -> Self {
        Self { most, ..self }
    }

    /// No epochs are looked at: a closed block still sells. **It oversells.**
    #[must_use]
    pub fn without_epochs(self) -> Self {
        let epochs = false;
        Self { epochs, ..self }
    }

    /// Where a server says what it has of the stock.
    fn own_key(&self) -> String {
        crate::server::server_key(&self.key)
    }

    fn pool(&self) -> String {
        format!("{}:pool", self.key)
    }

    fn blocks_key(&self) -> String {
        format!("{}:blocks", self.key)
    }

    fn journal(&self, epoch: u64) -> String {
        format!("{}:journal:{epoch}", self.key)
    }

    fn record(&self, order: &OrderId) -> String {
        format!("{}:order:{order}", self.key)
    }

    fn server_of(&self, order: &OrderId) -> usize {
        spread(order, self.servers.len())
    }

    async fn call(
        &self,
        server: usize,
        order: Option<&OrderId>,
        name: &str,
        keys: &[String],
        args: impl Fn(&mut Cmd, Attempt) + Sync,
    ) -> Result<Heard, Unknown> {
        let name = format!("segstock_pool_1_{name}");
        let server = self.servers.get(server);
        let server = server.ok_or_else(|| Unknown::new(0, "a block is on another server"))?;
        function::call(server, order, &name, keys, args).await
    }

    async fn sell(&self, order: &OrderId, units: u64) -> Result<Answer, Unknown> {
        let server = self.server_of(order);
        let ends = Instant::now() + self.servers[server].patience().total();
        let mut doubt = self.strict;
        loop {
            let block = *self.blocks[server].lock().await;
            if let Some(block) = block {
                let heard = self.sell_from(block, order, units).await?;
                doubt |= heard.again;
                match heard.said.0.as_str() {
                    "short" | "closed" => {}
                    _ => return Ok(answer("sold", units, &heard)),
                }
            }
            if !self.refill(server, block, units).await? {
                return self.refuse(order, units, doubt).await;
            }
            if Instant::now() > ends {
                return Err(Unknown::new(1, "others sold each block"));
            }
        }
    }

    async fn sell_from(&self, block: Block, order: &OrderId, units: u64) -> Result<Heard, Unknown> {
        let keys = [self.journal(block.epoch), self.record(order)];
        let args = |sell: &mut Cmd, _| {
            sell.arg(units).arg(block.units).arg(block.until);
            sell.arg(self.ttl).arg(u8::from(self.epochs));
        };
        self.call(block.server, Some(order), "sell", &keys, args)
            .await
    }

    /// Refuses an order, unless its record says otherwise: a node without a block has not seen it yet. For ever, if
    /// something of it may be under way.
    async fn refuse(&self, order: &OrderId, units: u64, doubt: bool) -> Result<Answer, Unknown> {
        let what = if doubt { "refused" } else { "" };
        let heard = self.note(order, what, 0).await?;
        Ok(match heard.said.0.as_str() {
            "" => Answer::REFUSED,
            _ => answer("sold", units, &heard),
        })
    }

    /// Leaves a word in an order's record if nothing is known of it and the word is not empty; says what is there.
    async fn note(&self, order: &OrderId, what: &str, units: u64) -> Result<Heard, Unknown> {
        let args = |note: &mut Cmd, _| {
            note.arg(what).arg(units).arg(self.ttl);
        };
        let server = self.server_of(order);
        self.call(server, Some(order), "note", &[self.record(order)], args)
            .await
    }

    /// Puts another block in the place of `used`, with `least` units or more. Says no if there are too few.
    async fn refill(
        &self,
        server: usize,
        used: Option<Block>,
        least: u64,
    ) -> Result<bool, Unknown> {
        let mut place = self.blocks[server].lock().await;
        if *place != used {
            // Another call was here meanwhile.
            return Ok(true);
        }
        if let Some(block) = place.take() {
            self.close(block).await?;
        }
        let mut tried = 0;
        loop {
            match self.lend(server, least).await? {
                Ok(block) => {
                    *place = Some(block);
                    return Ok(true);
                }
                // What this node has elsewhere, and then what is left of blocks whose lease is over.
                Err(mut over) if tried < 2 => {
                    if tried == 0 {
                        over.extend(self.own_elsewhere(server));
                    }
                    tried += 1;
                    for block in over {
                        self.close(block).await?;
                    }
                }
                Err(_) => return Ok(false),
            }
        }
    }

    /// The node's blocks on other servers, where nobody is just now getting one. The node has them no more.
    fn own_elsewhere(&self, server: usize) -> Vec<Block> {
        let others = self.blocks.iter().enumerate();
        let others = others.filter(|(number, _)| *number != server);
        others
            .filter_map(|(_, place)| place.try_lock().ok()?.take())
            .collect()
    }

    /// A block of `least` units or more; or the blocks whose lease is over.
    async fn lend(&self, server: usize, least: u64) -> Result<Result<Block, Vec<Block>>, Unknown> {
        let lend = format!("{}:lend:{}", self.key, rand::random::<u64>());
        let keys = [self.pool(), self.blocks_key(), lend];
        let lease = u64::try_from(self.lease.as_millis()).unwrap_or(u64::MAX);
        let args = |lend: &mut Cmd, _| {
            lend.arg(least)
                .arg(self.most)
                .arg(lease)
                .arg(server)
                .arg(self.ttl);
        };
        let (what, _, text) = self.call(0, None, "lend", &keys, args).await?.said;
        if what == "short" {
            return Ok(Err(Block::read_all(&text)));
        }
        let block = Block::read(&text);
        let block = block.ok_or_else(|| Unknown::new(1, "the block is none of this release"))?;
        Ok(Ok(block))
    }

    /// Closes a block, whoever's it is, and puts its rest into the pool. Each step may be done again.
    async fn close(&self, block: Block) -> Result<(), Unknown> {
        let journal = [self.journal(block.epoch)];
        let heard = self
            .call(block.server, None, "close", &journal, nothing)
            .await?;
        let args = |back: &mut Cmd, _| {
            back.arg(block.epoch).arg(heard.said.1);
        };
        let keys = [self.pool(), self.blocks_key()];
        self.call(0, None, "hand_back", &keys, args).await?;
        let ttl = |forget: &mut Cmd, _| {
            forget.arg(self.ttl);
        };
        self.call(block.server, None, "forget", &journal, ttl)
            .await?;
        Ok(())
    }

    /// What is free in the pool, and all blocks.
    async fn read(&self) -> Result<(u64, Vec<Block>), Unknown> {
        let keys = [self.pool(), self.blocks_key()];
        let (_, free, blocks) = self.call(0, None, "read", &keys, nothing).await?.said;
        Ok((free, Block::read_all(&blocks)))
    }

    /// What the journals of these blocks sold.
    async fn sold(&self, blocks: &[Block]) -> Result<Vec<(u64, u64)>, Unknown> {
        let mut all = Vec::with_capacity(blocks.len());
        for server in 0..self.servers.len() {
            let epochs = blocks.iter().filter(|block| block.server == server);
            let epochs: Vec<u64> = epochs.map(|block| block.epoch).collect();
            if epochs.is_empty() {
                continue;
            }
            let keys: Vec<String> = epochs.iter().map(|epoch| self.journal(*epoch)).collect();
            let (_, _, sold) = self.call(server, None, "sold", &keys, nothing).await?.said;
            let sold = sold.split(' ').filter_map(|sold| sold.parse().ok());
            all.extend(epochs.into_iter().zip(sold));
        }
        Ok(all)
    }

    async fn add(&self, order: &OrderId, units: u64) -> Result<Answer, Unknown> {
        let is_full = self.available().await? + units > MAX_UNITS;
        let what = if is_full { "refused" } else { "put" };
        let heard = self
            .note(order, what, if is_full { 0 } else { units })
            .await?;
        let answer = answer("put", units, &heard);
        if answer == Answer::Done(()) {
            self.put(order, units).await?;
        }
        Ok(answer)
    }

    /// Puts the units of a restock into the pool, once.
    async fn put(&self, order: &OrderId, units: u64) -> Result<(), Unknown> {
        let args = |add: &mut Cmd, _| {
            add.arg(units).arg(self.ttl);
        };
        let keys = [self.pool(), format!("{}:put:{order}", self.key)];
        self.call(0, None, "add", &keys, args).await?;
        Ok(())
    }

    async fn conclude(&self, order: &OrderId) -> Result<Answer, Unknown> {
        let (what, units, _) = self.note(order, "refused", 0).await?.said;
        if what == "put" {
            // It was noted, and perhaps not done yet.
            self.put(order, units).await?;
        }
        Ok((what != "refused").into())
    }
}

/// The answer to a call that wanted a record of this many units.
fn answer(wanted: &str, units: u64, heard: &Heard) -> Answer {
    match (heard.said.0.as_str(), heard.said.1) {
        ("refused", _) => Answer::REFUSED,
        (what, of) if what == wanted && of == units => Answer::Done(()),
        _ => Answer::Unknown(Unknown::new(1, "the id is known for another call")),
    }
}

impl RemoteStock for Pool {
    async fn deduct(&self, order: &OrderId, units: Units) -> Answer {
        let answer = self.sell(order, units.get()).await;
        answer.unwrap_or_else(Answer::Unknown)
    }

    async fn restock(&self, order: &OrderId, units: Units) -> Answer {
        let answer = self.add(order, units.get()).await;
        answer.unwrap_or_else(Answer::Unknown)
    }

    /// The pool and the blocks are read, then the journals, then the pool and the blocks again: what was sold is only
    /// more when that is read, so the sum is not too low at that instant.
    async fn available(&self) -> Result<u64, Unknown> {
        let (_, blocks) = self.read().await?;
        let sold = self.sold(&blocks).await?;
        let (free, blocks) = self.read().await?;
        let rests = blocks.iter().map(|block| {
            let sold = sold.iter().find(|(epoch, _)| *epoch == block.epoch);
            block
                .units
                .saturating_sub(sold.map_or(0, |(_, sold)| *sold))
        });
        Ok(free + rests.sum::<u64>())
    }

    async fn outcome(&self, order: &OrderId) -> Answer {
        let answer = self.conclude(order).await;
        answer.unwrap_or_else(Answer::Unknown)
    }

    fn unanswered(&self) -> u64 {
        self.servers.iter().map(Driver::unanswered).sum()
    }
}
