//! The transaction of a batch: what a node placed, paid, cancelled, expired and handed back.

use super::Nodes;
use super::lending::at_hand;
use super::rows::{
    Block, By, Ended, Key, Known, Node, Order, Piece, Pool, Row, Sku, Source, State, Tx, Units,
};
use super::sessions::{Answered, Session, session};
use crate::database::Deadlock;
use crate::world::World;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Where the units of an order go that ends: epoch and units, for each SKU. The rest goes to the pools.
pub(super) type Targets = BTreeMap<Sku, (u64, u64)>;

/// What a batch does with an order.
#[derive(Debug, Clone)]
pub(super) enum Item {
    Place {
        pieces: Vec<Piece>,
        /// How long it is held.
        ttl: Option<Duration>,
    },
    Pay,
    Cancel {
        to: Targets,
    },
    Expire {
        to: Targets,
    },
}

/// What a batch writes: it is sent unchanged until it is answered, or void.
#[derive(Debug, Clone, Default)]
pub(super) struct Batch {
    pub number: u64,
    /// By the order's id.
    pub items: BTreeMap<u64, Item>,
    /// Units by block.
    pub hand_backs: Vec<(u64, u64)>,
}

/// What a batch did with an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Did {
    /// This batch placed it.
    Placed(Known),
    /// What its row says now, and what this batch brought to blocks.
    Is(Known, Vec<(u64, u64)>),
    /// It has no row.
    Missing,
    /// A block is closed: nothing was taken.
    Fenced,
    /// A block is too short, or the batch is asked again and placed nothing.
    Again,
    /// A pool is short: nothing was taken.
    Short,
}

/// What the database says of a batch.
#[derive(Debug, Clone)]
pub(super) enum Written {
    Became(BTreeMap<u64, Did>),
    /// Its number was taken away: nothing became of it.
    Void,
}

/// Takes the number of a batch away that was not answered in time, and says whether it did: no copy of the batch commits any
/// more, since its number is used. Else the batch came first.
pub(super) async fn void(
    tx: Tx,
    of: Session,
    number: u64,
    kind: Nodes,
) -> Result<Answered<bool>, Deadlock> {
    let Some(node) = session(&tx, of).await? else {
        return Ok(None);
    };
    if node.last + 1 != number && kind != Nodes::VoidThatIsWritten {
        return Ok(Some(node.void == number));
    }
    let (last, void) = (number, number);
    tx.update(Key::Node(of.node), |row| {
        *row = Some(Row::Node(Node { last, void, ..node }));
    })
    .await?;
    Ok(Some(true))
}

/// Writes a batch, or reads what became of it. An order without a row was not placed then and never will be.
pub(super) async fn write(
    tx: Tx,
    of: Session,
    batch: &Batch,
    kind: Nodes,
    world: &World,
) -> Result<Answered<Written>, Deadlock> {
    let Some(node) = session(&tx, of).await? else {
        return Ok(None);
    };
    let by = (of.node, of.number, batch.number);
    let numbered = kind != Nodes::HandBackWithoutNumber || !batch.items.is_empty();
    if node.void == batch.number && kind != Nodes::VoidIsRead {
        return Ok(Some(Written::Void));
    }
    if node.last >= batch.number && numbered {
        let became = read(&tx, by, batch).await?;
        return Ok(Some(Written::Became(became)));
    }
    let last = batch.number;
    tx.update(Key::Node(of.node), |row| {
        *row = Some(Row::Node(Node { last, ..node }));
    })
    .await?;
    let mut locked = lock(&tx, batch, kind).await?;
    locked.by = by;
    (locked.now, locked.world) = (tx.now(), Some(world.clone()));
    let answers = locked.decide(batch);
    locked.write(&tx).await?;
    Ok(Some(Written::Became(answers)))
}

/// What became of a batch that committed before.
async fn read(tx: &Tx, by: By, batch: &Batch) -> Result<BTreeMap<u64, Did>, Deadlock> {
    tx.read(|rows| {
        let became = |(&id, item): (&u64, &Item)| {
            let order = rows.get(&Key::Order(id)).and_then(Row::order);
            let did = match (order, item) {
                (None, Item::Place { .. }) => Did::Again,
                (None, _) => Did::Missing,
                (Some(order), Item::Place { .. }) if order.by == Some(by) => {
                    Did::Placed(order.known())
                }
                (Some(order), _) => {
                    let mine = order.ended.as_ref().filter(|ended| ended.by == by);
                    Did::Is(order.known(), mine.map_or(vec![], |ended| ended.to.clone()))
                }
            };
            (id, did)
        };
        batch.items.iter().map(became).collect()
    })
    .await
}

/// The rows of a batch, locked.
struct Locked {
    blocks: BTreeMap<u64, Block>,
    orders: BTreeMap<u64, Option<Order>>,
    pools: BTreeMap<Sku, Pool>,
    by: By,
    now: Duration,
    world: Option<World>,
    kind: Nodes,
}

/// Locks blocks by epoch, then orders by id, then pools by SKU.
async fn lock(tx: &Tx, batch: &Batch, kind: Nodes) -> Result<Locked, Deadlock> {
    let mut locked = Locked {
        blocks: BTreeMap::new(),
        orders: BTreeMap::new(),
        pools: BTreeMap::new(),
        by: (0, 0, 0),
        now: Duration::ZERO,
        world: None,
        kind,
    };
    for epoch in epochs(batch) {
        let row = match kind {
            Nodes::BlocksNotLocked => {
                let read = tx.read(|rows| rows.get(&Key::Block(epoch)).cloned());
                read.await?
            }
            _ => tx.lock(Key::Block(epoch)).await?,
        };
        let block = row.as_ref().and_then(Row::block);
        locked.blocks.extend(block.map(|block| (epoch, block)));
    }
    if kind == Nodes::BlocksNotLocked {
        // The node decides by what it read.
        tx.round_trip().await;
    }
    for &id in batch.items.keys() {
        let row = tx.lock(Key::Order(id)).await?;
        let order = row.as_ref().and_then(Row::order).cloned();
        locked.orders.insert(id, order);
    }
    if kind == Nodes::BackToOrigin {
        locked.lock_origins(tx).await?;
    }
    let mut skus: Vec<Sku> = locked.skus(batch).into_iter().collect();
    if kind == Nodes::LocksUnsorted && batch.number.is_multiple_of(2) {
        skus.reverse();
    }
    for sku in skus {
        let row = tx.lock(Key::Pool(sku)).await?;
        let pool = row.as_ref().and_then(Row::pool);
        locked.pools.extend(pool.map(|pool| (sku, pool)));
    }
    Ok(locked)
}

/// The blocks that a batch names.
fn epochs(batch: &Batch) -> BTreeSet<u64> {
    let named = batch.items.values().flat_map(|item| match item {
        Item::Place { pieces, .. } => pieces.iter().filter_map(epoch).collect(),
        Item::Cancel { to } | Item::Expire { to } => to.values().map(|(epoch, _)| *epoch).collect(),
        Item::Pay => vec![],
    });
    let handed_back = batch.hand_backs.iter().map(|(epoch, _)| *epoch);
    named.chain(handed_back).collect()
}

pub(super) fn epoch(piece: &Piece) -> Option<u64> {
    match piece.from {
        Source::Block(epoch) => Some(epoch),
        Source::Pool => None,
    }
}

impl Locked {
    /// The SKUs whose pools a batch may change.
    fn skus(&self, batch: &Batch) -> BTreeSet<Sku> {
        let handed_back = batch.hand_backs.iter();
        let handed_back = handed_back.filter_map(|(epoch, _)| Some(self.blocks.get(epoch)?.sku));
        let of_item = batch.items.iter().flat_map(|(id, item)| match item {
            Item::Place { pieces, .. } => {
                let from_pool = pieces.iter().filter(|piece| piece.from == Source::Pool);
                from_pool.map(|piece| piece.sku).collect::<Vec<_>>()
            }
            _ => match &self.orders[id] {
                Some(order) => order.pieces.iter().map(|piece| piece.sku).collect(),
                None => vec![],
            },
        });
        of_item.chain(handed_back).collect()
    }

    /// A mistake needs them.
    async fn lock_origins(&mut self, tx: &Tx) -> Result<(), Deadlock> {
        let orders = self.orders.values().flatten();
        let origins = orders.flat_map(|order| order.pieces.iter().filter_map(epoch));
        for epoch in origins.collect::<BTreeSet<_>>() {
            let row = tx.lock(Key::Block(epoch)).await?;
            let block = row.as_ref().and_then(Row::block);
            self.blocks.extend(block.map(|block| (epoch, block)));
        }
        Ok(())
    }

    /// First what gives, then what takes: an order may be served with what another one's end gives. Whether that
    /// one really ends is decided here, by its row.
    fn decide(&mut self, batch: &Batch) -> BTreeMap<u64, Did> {
        let mut answers = BTreeMap::new();
        for (&id, item) in &batch.items {
            let did = match item {
                Item::Place { .. } => continue,
                Item::Pay => self.pay(id),
                Item::Cancel { to } => self.cancel(id, to),
                Item::Expire { to } => self.expire(id, to),
            };
            answers.insert(id, did);
        }
        for (&id, item) in &batch.items {
            if let Item::Place { pieces, ttl } = item {
                answers.insert(id, self.place(id, pieces, *ttl));
            }
        }
        self.hand_back(&batch.hand_backs);
        answers
    }

    fn place(&mut self, id: u64, pieces: &[Piece], ttl: Option<Duration>) -> Did {
        if let Some(order) = &self.orders[&id] {
            return Did::Is(order.known(), vec![]);
        }
        if let Err(did) = self.has(pieces) {
            return did;
        }
        for piece in pieces {
            match piece.from {
                Source::Block(epoch) => {
                    (self.blocks.entry(epoch)).and_modify(|block| block.taken += piece.units);
                }
                Source::Pool => {
                    (self.pools.entry(piece.sku)).and_modify(|pool| pool.free -= piece.units);
                }
            }
        }
        let order = Order {
            pieces: pieces.to_vec(),
            until: ttl.map(|ttl| self.now + ttl),
            ends_at: ttl
                .zip(self.world.as_ref())
                .map(|(ttl, world)| world.now() + world.lasts(ttl)),
            by: Some(self.by),
            ..Order::without_units(State::Held)
        };
        let known = order.known();
        self.orders.insert(id, Some(order));
        Did::Placed(known)
    }

    /// Whether every piece is there.
    fn has(&self, pieces: &[Piece]) -> Result<(), Did> {
        let mut from_blocks: BTreeMap<u64, u64> = BTreeMap::new();
        let mut from_pools = Units::new();
        for piece in pieces {
            match piece.from {
                Source::Block(epoch) => *from_blocks.entry(epoch).or_default() += piece.units,
                Source::Pool => *from_pools.entry(piece.sku).or_default() += piece.units,
            }
        }
        for (epoch, units) in from_blocks {
            let block = self.blocks.get(&epoch).ok_or(Did::Again)?;
            if block.closed && self.kind != Nodes::ClosedBlockTakes {
                return Err(Did::Fenced);
            }
            if block.rest() < units {
                return Err(Did::Again);
            }
        }
        let has = |(sku, units): (Sku, u64)| {
            let pool = self.pools.get(&sku);
            pool.is_some_and(|pool| at_hand(pool, self.kind) >= units)
        };
        if from_pools.into_iter().all(has) {
            Ok(())
        } else {
            Err(Did::Short)
        }
    }

    fn pay(&mut self, id: u64) -> Did {
        let (now, kind) = (self.now, self.kind);
        let Some(order) = self.order(id) else {
            return Did::Missing;
        };
        let looks = kind != Nodes::PaymentDoesNotLook;
        if looks && order.is_overdue(now) {
            return self.end(id, State::Expired, &Targets::new());
        }
        if order.state == State::Held || (!looks && !order.pieces.is_empty()) {
            order.state = State::Paid;
        }
        Did::Is(order.known(), vec![])
    }

    fn cancel(&mut self, id: u64, to: &Targets) -> Did {
        let now = self.now;
        let Some(order) = self.order(id) else {
            let row = Order::without_units(State::Cancelled);
            let known = row.known();
            if self.kind != Nodes::CancelWithoutRow {
                self.orders.insert(id, Some(row));
            }
            return Did::Is(known, vec![]);
        };
        match order.state {
            State::Held if order.is_overdue(now) => self.end(id, State::Expired, to),
            State::Held | State::Paid => self.end(id, State::Cancelled, to),
            _ => Did::Is(order.known(), vec![]),
        }
    }

    fn expire(&mut self, id: u64, to: &Targets) -> Did {
        let (now, kind) = (self.now, self.kind);
        let Some(order) = self.order(id) else {
            return Did::Missing;
        };
        let twice = kind == Nodes::ExpiryTwice && order.state == State::Expired;
        if order.is_overdue(now) || twice {
            return self.end(id, State::Expired, to);
        }
        let known = order.known();
        if kind == Nodes::ExpiryServedByMemory {
            for &(epoch, units) in to.values() {
                (self.blocks.entry(epoch)).and_modify(|block| block.granted += units);
            }
        }
        Did::Is(known, vec![])
    }

    fn order(&mut self, id: u64) -> Option<&mut Order> {
        self.orders.get_mut(&id)?.as_mut()
    }

    /// Ends an order: its units go to open blocks of this node, or to the pools; never to the blocks they came from,
    /// which may be closed.
    fn end(&mut self, id: u64, state: State, to: &Targets) -> Did {
        let (by, kind) = (self.by, self.kind);
        let order = self.order(id).expect("it is there");
        order.state = state;
        let (known, pieces, units) = (order.known(), order.pieces.clone(), order.units());
        if kind == Nodes::BackToOrigin {
            self.give_to_origin(&pieces);
            return Did::Is(known, vec![]);
        }
        let mut went = Vec::new();
        for (sku, units) in units {
            let epoch = to.get(&sku).map_or(0, |(epoch, _)| *epoch);
            if let Some(block) = self.blocks.get_mut(&epoch).filter(|block| !block.closed) {
                block.granted += units;
                went.push((epoch, units));
            } else {
                (self.pools.entry(sku)).and_modify(|pool| pool.free += units);
            }
        }
        let to = went.clone();
        if let Some(order) = self.order(id) {
            order.ended = Some(Ended { by, to });
        }
        Did::Is(known, went)
    }

    fn give_to_origin(&mut self, pieces: &[Piece]) {
        for piece in pieces {
            match piece.from {
                Source::Block(epoch) => {
                    (self.blocks.entry(epoch)).and_modify(|block| block.taken -= piece.units);
                }
                Source::Pool => {
                    (self.pools.entry(piece.sku)).and_modify(|pool| pool.free += piece.units);
                }
            }
        }
    }

    /// Adds what is handed back to the pools, as far as its blocks have it. A block without a rest is closed.
    fn hand_back(&mut self, hand_backs: &[(u64, u64)]) {
        let trusts = self.kind == Nodes::HandBackWithoutNumber;
        for &(epoch, units) in hand_backs {
            let Some(block) = self.blocks.get_mut(&epoch) else {
                continue;
            };
            let rest = if block.closed { 0 } else { block.rest() };
            let units = if trusts { units } else { units.min(rest) };
            block.handed_back += units;
            block.closed |= block.rest() == 0;
            if self.kind != Nodes::HandBackInTwo {
                (self.pools.entry(block.sku)).and_modify(|pool| pool.free += units);
            }
        }
    }

    async fn write(self, tx: &Tx) -> Result<(), Deadlock> {
        let blocks = self.blocks.into_iter();
        let blocks = blocks.map(|(epoch, block)| (Key::Block(epoch), Some(Row::Block(block))));
        let orders = self.orders.into_iter();
        let orders = orders.map(|(id, order)| (Key::Order(id), order.map(Row::Order)));
        let pools = self.pools.into_iter();
        let pools = pools.map(|(sku, pool)| (Key::Pool(sku), Some(Row::Pool(pool))));
        let rows: BTreeMap<Key, Option<Row>> = blocks.chain(orders).chain(pools).collect();
        let write = |key: &Key, row: &mut Option<Row>| row.clone_from(&rows[key]);
        tx.update_each(rows.keys().copied(), write).await.map(drop)
    }
}
