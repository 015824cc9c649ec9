//! Several nodes on one database: each sells from blocks that the pool lends it, in memory, and writes in batches.
//!
//! **It promises everything**, exact refusals included, and needs the database once for many orders:
//!
//! - *Everything counts when its transaction commits.* Memory only guesses which batch will succeed.
//! - **A start raises the session that it has seen**, under a number of its own, and closes its older blocks: a copy that
//!   comes late changes nothing. Lends and batches are numbered within the session, so that each can be sent again: it
//!   finds what it did.
//! - A batch locks its blocks, then its orders by id, then pools. It decides by these rows what ends and what is placed,
//!   and takes from the blocks what it placed. A block that was closed meanwhile takes nothing: **a node that was only
//!   slow is stopped by that**, and by no clock. The lease says when others may close its blocks.
//! - A batch that is not answered in time would not be the next time, either: its number is taken away, and it is divided. If
//!   that answer is lost, too, the node sends the batch again, and the answer says that it is void.
//! - A node that finds its order's row there already puts the units back and answers by the row. Any node pays, cancels
//!   and expires any order, by its row. A cancellation that comes before its order leaves a row.
//! - *Exact refusal*: one statement reads the pools and the rest of every open block, and writes the order's row as refused.
//!   Takes that are not written yet make the sum too high, never too low. The row keeps a late copy of the order from being
//!   served after the customer was refused. Orders past their deadline end first. A node has one such statement under way, for
//!   all calls that began before it.
//! - If the sum is enough, the units lie in blocks of others: a recall has every node hand back what it has for a
//!   while, and exactly what is asked for is lent, **to that order**: units that anybody could take are handed back
//!   before it comes to them. A silent node's units come back when its lease is over; until then the answer is "try
//!   again", never "sold out".
//! - Lines of several SKUs are taken all or none, and lent all or none in one transaction.
//! - Where little is left there are no blocks, and every order goes through the pool's row.
//! - A heartbeat adopts blocks that the node does not know, once what waits for the next batch fits in their rest.
//!
//! What limits it: while there is enough, the nodes' memory and a batch at a time; at the end of the stock, a recall.
//! On a real server it is `segstock_postgres::nodes`, which is read beside this.

mod audit;
mod batch;
mod lending;
mod memory;
mod node;
mod prover;
mod refusal;
mod rows;
mod sale;
mod sessions;
mod shop;
mod writer;

pub use sale::{Broken, Found, Sale};

use crate::design::{Counter, Design, Order, Site};
use crate::network::TimedOut;
use node::Request;
use rows::{Pool, State, Units};
use segstock_conformance::Answer;
use shop::{Shop, known};

/// Several nodes that sell from lent blocks; and mistakes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Nodes {
    /// The whole protocol.
    Exact,
    /// A block has no epoch of its own: what was closed is lent again under its old name.
    BlocksWithoutEpochs,
    /// A closed block takes a late batch. Oversells.
    ClosedBlockTakes,
    /// A batch reads its blocks without a lock. Oversells beside a close.
    BlocksNotLocked,
    /// A transaction locks pools in another order than the others. Runs into deadlocks.
    LocksUnsorted,
    /// A request to open a session raises whatever session it finds: a late copy ends a newer one.
    OpenWithoutLook,
    /// A batch whose answer does not come is taken for failed, since a read does not find it.
    BatchTakenForFailed,
    /// A batch whose number was taken away is read as if it had been written. No promise breaks; units cannot be sold, and a call
    /// is answered as if it had happened.
    VoidIsRead,
    /// The number of a batch is taken away that was written, and its orders are placed again. Oversells.
    VoidThatIsWritten,
    /// A batch that only hands back has no number, and trusts the node's memory: a copy hands back again. Oversells.
    HandBackWithoutNumber,
    /// A hand-back leaves its block in one transaction and enters the pool in the next: units on the way are in no
    /// sum. Refuses falsely.
    HandBackInTwo,
    /// A refusal rests on the pool and the node's own blocks. Refuses falsely.
    OwnBlocksAlone,
    /// A refusal rests on a proof that began before the call. Refuses falsely.
    ProofBeforeCall,
    /// A refusal reads the order's row in one statement, and the sum in the next. A refused order may be placed.
    SumAndOrderInTwo,
    /// A proof does not look for orders past their deadline. Refuses falsely.
    ProofDoesNotExpire,
    /// Each call that is short sends a proof of its own. No promise breaks; a storm of refusals floods the database.
    ProofForEachCall,
    /// A refused order has no row. A late copy of it may be placed.
    RefusalWithoutRow,
    /// An order that is cancelled before it is placed has no row. It may be placed later.
    CancelWithoutRow,
    /// An expiry does not look at the order's row: of two, each gives the units back. Oversells.
    ExpiryTwice,
    /// An order is served with what another one's expiry gives, though that one was not expired. Oversells.
    ExpiryServedByMemory,
    /// A payment does not look at the order's row: it pays what is expired or cancelled. Oversells.
    PaymentDoesNotLook,
    /// The units of an order that ends go back to the block they came from, which may be closed. Units are lost.
    BackToOrigin,
    /// A node that loses an insert does not put the units back. No promise breaks; units cannot be sold.
    LoserKeeps,
    /// A block whose lend was not answered is never used. No promise breaks; units cannot be sold.
    LendNotAdopted,
    /// A node that recalls keeps what it has. No promise breaks; calls take long.
    AskerKeeps,
    /// Lines that are there are kept from others while the missing ones are fetched. No promise breaks; orders wait for each
    /// other.
    LinesKeptAside,
    /// Safety stock is sold.
    SafetyLent,
}

/// A counter of one SKU: each order that it deducts is held without a deadline.
impl Design for Nodes {
    fn open(&self, site: &Site, units: u64) -> impl Counter {
        Shop::open(*self, site, vec![Pool::new(units, 0).narrow(4)])
    }
}

impl Counter for Shop {
    async fn deduct(&self, order: Order) -> Answer {
        let wanted = Units::from([(0, order.units)]);
        let place = Request::Place { wanted, ttl: None };
        let placed = self.ask(order.id, place).await;
        let placed = match known(&placed).map(|known| known.state) {
            Some(State::Refused(_)) => Ok(false),
            Some(_) => Ok(true),
            None => Err(TimedOut),
        };
        self.site().work_if(placed).await
    }

    async fn restock(&self, order: Order) -> Answer {
        let restocked = Shop::restock(self, order.id, 0, order.units).await;
        crate::design::answer(restocked)
    }

    /// # Panics
    ///
    /// If a node knows other units of its blocks than their rows: no judge would see it.
    async fn at_rest(&self) -> Result<u64, TimedOut> {
        let differs = self.differs().await?;
        assert_eq!(differs, None, "a node's memory differs from its rows");
        Ok(self.free().await?.remove(&0).unwrap_or(0))
    }
}
