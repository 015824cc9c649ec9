//! An order book over an inventory: an order's life from its placing to its return, each call safe to retry.
//!
//! # The life of an order
//!
//! `held → paid → shipped → returned` · `held → cancelled | expired` · `paid → cancelled` (refunded) ·
//! `expired → paid` (late). Each line by itself, and in parts.
//!
//! Units that are held or paid for are on hand and promised: nobody else gets them. They leave when they are shipped.
//!
//! A call on a whole order, by what is said of the order (a part of an order: see the call):
//!
//! | call | nothing known | held | paid | shipped | returned | cancelled | expired |
//! |---|---|---|---|---|---|---|---|
//! | place, the order as before | *placed*, or short | before | before | before | before | cancelled | expired |
//! | place, another order | | conflict | conflict | conflict | conflict | conflict | conflict |
//! | amend | unknown | *amended*, or short | paid | shipped | returned | cancelled | expired |
//! | extend | unknown | *extended* | paid | shipped | returned | cancelled | expired |
//! | pay | unknown | *paid* | before | before | before | cancelled | *paid late*, or short |
//! | ship | unknown | held | *shipped*, or short | before | before | cancelled | expired |
//! | cancel | unknown | *cancelled* | *refunded* | shipped | returned | before | expired |
//! | return | unknown | held | paid | *returned* | before | cancelled | expired |
//!
//! An order that [waits](OrderBook::place_or_wait) is as one that is held, but it can only be cancelled.
//!
//! A call on a whole order takes effect once: made again it is answered as before, also when units could be moved that
//! could not then. Such units are moved by the calls on parts, each with a key of its own.
//!
//! What is set in italics changes the order. *Before* is an answer like that of the first call. Everything else is a
//! refusal: nothing changed.
//!
//! # Every change is an entry
//!
//! A change is made in one place, under the lock of its order, in this sequence: a place in the [`Journal`] is set aside,
//! what *takes* units is applied, the [`Entry`] is appended, the order shows the change, what *gives* units is applied. So
//! in every prefix of the entries each take finds its units, and the entries alone make the book again.
//!
//! Locks are taken in this sequence: the shard of an order, the gates of its SKUs by their numbers, the stock, the
//! journal. What changes the units on hand passes the gate of its SKU, and a count closes it. No lock is held while a call
//! waits for the journal, and none while it looks at the shard of another order.
//!
//! The orders have a table of their own, and not the holds of `segstock`: a hold ends with its payment, while an order goes
//! on, in parts; its entry has to be written between takes and gives of one call; and a hold with its order takes twice the
//! memory: 167 bytes here for an order of two lines with an id of 20 bytes, held or remembered.
//!
//! # What grows, and its limit
//!
//! Orders ([`max_orders`](OrderBookBuilder::max_orders)), SKUs, customers that are counted, lines and units of an order,
//! keys of requests of an order and of a SKU, events. At the limit a call is refused by [`Refusal::Limit`]. Each call does
//! a constant amount of work for others: it expires and forgets up to two orders of a shard, or up to 512 orders if it lacks
//! units, and serves up to 8 orders that wait.

mod answers;
mod book;
mod builder;
mod customers;
pub mod entry;
mod feed;
mod gate;
mod journal;
pub mod ledger;
mod limits;
mod lines;
mod order;
mod parts;
mod queue;
mod refusal;
mod replay;
mod skus;
#[cfg(feature = "sqlite")]
pub mod sqlite;
mod table;

pub use answers::{Answer, OrderLine, OrderState, OrderView, SkuView, StockAnswer};
pub use book::{Cursor, Filter, MAX_KEY, OrderBook, Page, Returned};
pub use builder::OrderBookBuilder;
pub use entry::{Change, Entry, NewOrder, Position, RequestKey};
pub use feed::{Event, Events, What};
pub use journal::{Journal, Lost, NoPlace};
pub use limits::SkuLimits;
pub use lines::{LineUnits, Lines, SkuId};
pub use refusal::{Limit, Refusal};
pub use replay::{ReplayError, ReplayReason};

/// The example of the README compiles and runs.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
