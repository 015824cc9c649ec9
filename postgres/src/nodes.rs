//! [`Sale`] and [`Node`]: several nodes that sell from one database (feature `nodes`).
//!
//! Each node borrows blocks of units from the pool, a row of the database, and sells from them in memory. A batch writes what
//! was sold; an order is answered when its batch has committed. **No unit is sold twice, and nobody is refused while a unit is
//! free anywhere.** Any node serves any order: place, pay, ship, cancel, and a retry of each.
//!
//! ```no_run
//! use segstock_postgres::nodes::{Refusal, Sale, SkuSettings};
//! use std::time::Duration;
//!
//! # async fn sell() -> Result<(), Box<dyn std::error::Error>> {
//! let sale = Sale::at("host=/run/postgresql user=shop dbname=shop", "spring")?;
//! sale.install().await?;
//! sale.open_sku("phone", SkuSettings::new(10_000).safety(20)).await?;
//! let node = sale.join("shop-1").await?;
//! let id = "order:2026-17".parse()?;
//! match node.place(&id, [("phone", 2), ("cable", 1)], Some(Duration::from_secs(900))).await {
//!     Ok(order) => println!("{} until {:?}", order.state, order.until),
//!     Err(Refusal::SoldOut { sku }) => println!("sold out: {sku}"),
//!     Err(refusal) if refusal.is_temporary() => println!("ask again, any node: {refusal}"),
//!     Err(refusal) => println!("{refusal}"),
//! }
//! node.pay(&id).await?;
//! node.leave().await?;
//! # Ok(())
//! # }
//! ```
//!
//! `docs/nodes.md` says how it works, what a node's death costs, and what `PostgreSQL` must be set to. Its twin in the
//! simulation is `sim/src/designs/nodes`, where the protocol is attacked.
//!
//! # What it promises
//!
//! - *Everything counts when its transaction commits.* Memory only guesses which batch will succeed.
//! - A start raises the session that it has seen, under a number of its own, and closes its older blocks. Lends and batches
//!   are numbered within the session, so that each can be sent again: it finds what it did.
//! - A closed block takes nothing: a node that was only slow is stopped by that, and by no clock.
//! - A refusal is exact: one statement reads the pools and the rest of every open block, and writes the order's row as
//!   refused. It stays refused, at every node.
//! - If the units are with other nodes, a recall has them handed back. A node that is silent keeps its units until its lease is
//!   over: until then the answer is [`TryAgain`](Refusal::TryAgain), never [`SoldOut`](Refusal::SoldOut).
//!
//! # What limits it
//!
//! While there is enough: the nodes' memory, and a batch at a time for each. At the end of the stock, the pool's row. Rows of
//! orders stay, refused ones too, until they are forgotten: by the nodes, after a [`Sale::retention`], or by [`Sale::forget`].

mod answers;
mod aside;
mod batch;
mod change;
mod changes;
mod claim;
mod error;
mod events;
mod feed;
mod inner;
mod known;
mod limit;
mod lines;
mod listen;
mod lists;
mod looks;
mod memory;
mod moves;
mod node;
mod prover;
mod queue;
mod rows;
mod sale;
mod schema;
mod serve;
mod serving;
mod stock;
mod stocks;
mod upkeep;
mod version;
mod views;
mod writer;

pub use answers::{Answer, InvalidOrder, MAX_HOLD, Order, Refusal, StockAnswer};
pub use error::SaleError;
pub use events::{Event, Events};
pub use feed::{Cursor, InvalidCursor, ListedOrder, Page};
pub use lists::{ListCursor, OrderPage};
pub use node::{BlockStatus, Node, NodeStatus};
pub use sale::{Free, Sale, SkuSettings};
pub use segstock_orders::{
    Filter, OrderLine, OrderState, OrderView, Position, Returned, SendingPage, SendingView,
    ShortLine, SkuLimits, SkuView, What,
};
pub use stock::Foreseen;
pub use stocks::StockPage;
pub use version::VERSION;
