//! An order book over the stocks of many SKUs: an order's life from its placing to its return, each call safe to retry.
//!
//! # The life of an order
//!
//! `held → paid → shipped → returned` · `held → cancelled | expired` · `paid → cancelled` (refunded) ·
//! `expired → paid` (late) · `waiting → held | cancelled`. Each line by itself, and in parts.
//!
//! Units that are held or paid for are on hand and promised: nobody else gets them. They leave when they are shipped. An
//! order waits if it was [placed so](OrderBook::place_or_wait), until its units come.
//!
//! What a call answers, by what is said of the order. All units of the *returned* order are on sale again:
//!
//! | call | nothing known | waiting | held | paid | shipped | returned | cancelled | expired |
//! |---|---|---|---|---|---|---|---|---|
//! | place, the order as before | *placed*, or short | before | before | before | before | before | cancelled | expired |
//! | place or wait, the order as before | *placed*, or *waits* | before | before | before | before | before | cancelled | expired |
//! | place, another order | *placed*, or short | conflict | conflict | conflict | conflict | conflict | conflict | conflict |
//! | amend | unknown | waiting | *amended*, or short | paid | shipped | returned | cancelled | expired |
//! | extend | unknown | waiting | *extended* | paid | shipped | returned | cancelled | expired |
//! | pay | unknown | waiting | *paid* | before | before | before | cancelled | *paid late*, or short |
//! | pay a part | unknown | not in it | *paid* | not in it | not in it | not in it | not in it | *paid late*, or short |
//! | ship | unknown | waiting | held | *shipped*, or not on hand | before | before | cancelled | expired |
//! | ship a part | unknown | not in it | not in it | *shipped*, or not on hand | not in it | not in it | not in it | not in it |
//! | cancel | unknown | *cancelled* | *cancelled* | *refunded* | shipped | returned | before | expired |
//! | cancel a part | unknown | *cancelled* | *cancelled* | *refunded* | not in it | not in it | not in it | not in it |
//! | return, on sale | unknown | waiting | held | paid | *returned* | before | cancelled | expired |
//! | return, written off | unknown | waiting | held | paid | *returned* | conflict | cancelled | expired |
//! | return a part | unknown | not in it | not in it | not in it | *returned* | not in it | not in it | not in it |
//!
//! What is set in italics changes the order. *Before* is an answer like that of the first call. Everything else is a
//! refusal: nothing changed. After *or* stands what is answered where units are lacking. A payment for the whole order is
//! refused as well if nothing of it is left to pay for and some of it was cancelled.
//!
//! A call on a whole order takes effect once: made again it is answered as before. When units could be moved by then that
//! could not before, it is a conflict: nobody knows whether it is a late copy. Such units are moved by the calls on parts.
//! These, `amend` and `extend` have keys: under a key that is known for the same request a call is answered as before, in
//! every state.
//!
//! Units that came back on sale may be with others by now, so a return that writes them off is a conflict and no retry; so
//! is one to the sale of units that were written off.
//!
//! # Every change is an entry
//!
//! A change is made in one place, under the lock of its order, in this sequence: a place in the [`Journal`] is set aside,
//! what *takes* units is applied, the [`Entry`] is appended, the order shows the change, what *gives* units is applied. So
//! in every prefix of the entries each take finds its units, and the entries alone make the book again.
//!
//! Locks are taken in this sequence: the shard of an order, the gates of its SKUs by their numbers (each before its lanes),
//! the stock, the time of the last entry, the journal. What changes the units on hand passes the gate of its SKU, and a
//! count closes it. Where many orders leave at a time, the gate has lanes, and they do not wait for each other. No lock is
//! held while a call waits for the journal, and none while it looks at the shard of another order.
//!
//! The orders have a table of their own, and not the holds of `segstock`: a hold ends with its payment, while an order goes
//! on, in parts; its entry has to be written between takes and gives of one call; and a hold with its order takes twice the
//! memory: 195 bytes here for an order of two lines with an id of 20 bytes, held or remembered. A SKU of which orders from many
//! threads left at a time, 64 times in its life, keeps its lanes: 128 bytes for every 8
//! [shards](OrderBookBuilder::shards), 1 KiB with 64 of them.
//!
//! A SKU is a `Stock` in a list, found by its number, and not a SKU of an `Inventory`: a call looks each of its SKUs up once,
//! where an inventory would look it up again at each step. With an `Inventory` in that place `place` and `pay` took 1.81 times
//! as long as `Inventory::order` and `Holds` alone on one thread and 2.40 times on two; with the list 1.40 and 1.18.
//! [`stock`](OrderBook::stock), [`stocks`](OrderBook::stocks) and [`available`](OrderBook::available) show what there is.
//!
//! # Time
//!
//! An entry is stamped where its place in the sequence is given, so the times of entries never go back, and a book that its
//! entries made again goes on from the last of them. A deadline is that of the instant at which the call looked.
//!
//! # What grows, and its limit
//!
//! Orders ([`max_orders`](OrderBookBuilder::max_orders)) and their lines, SKUs, customers that are counted, lines and units of
//! an order,
//! keys of requests of an order, of a SKU and of the whole book, units that are on their way, events. At the limit a call has the
//! book forget or expire what is past its time, up to 64 of it at a time and eight times; if there is nothing, it is refused by
//! [`Refusal::Limit`]. Of an order's extensions the last 8 are known by their keys, and with a ledger each is a
//! row until the order is forgotten. A limit is for what is new: under one that was lowered, what was done is answered as
//! before, and orders go on to their end.
//!
//! Each call does a constant amount of work for others: it expires and forgets up to two orders of a shard. If it lacks
//! units, it looks at up to 4,096 orders past their deadline, eight times, and expires 64 of them each time; and it serves up
//! to 8 orders that wait, and as many in each of eight rounds if it is short of units that came for them. What a book holds
//! grows and shrinks in steps: no call moves more than some kilobytes of it.
//!
//! # Short, and busy
//!
//! A call is refused as short only if no order past its deadline has what it lacks. It looks only for orders of the SKUs that
//! it lacks: however many others are past their deadline, they keep it waiting only if it cannot look at all of them
//! ([`Refusal::Busy`]); and not even then if the units would not do with all that is held and not paid for.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod answers;
mod book;
mod builder;
mod customers;
pub mod entry;
mod feed;
#[cfg(all(test, not(any(loom, shuttle))))]
mod flow;
mod gate;
mod gateway;
mod item;
mod journal;
pub mod ledger;
mod limits;
mod lines;
mod on_the_way;
mod order;
mod parts;
mod queue;
mod refusal;
mod replay;
mod requests;
mod rules;
mod settings;
mod skus;
#[cfg(feature = "sqlite")]
pub mod sqlite;
mod steps;
mod sums;
mod sync;
mod table;

pub use answers::{Answer, OrderLine, OrderState, OrderView, SkuView, StockAnswer};
pub use book::{Cursor, Filter, OrderBook, Page, Returned, SendingPage, SendingView, StockPage};
pub use builder::OrderBookBuilder;
pub use entry::{Change, Entry, NewOrder, Position, RequestKey};
pub use feed::{Event, EventCounts, Events, What};
pub use journal::{Journal, Lost, NoPlace};
pub use limits::SkuLimits;
pub use lines::{LineUnits, Lines, SkuId};
pub use refusal::{Limit, Refusal};
pub use replay::{ReplayError, ReplayReason};
pub use segstock::inventory::ShortLine;
pub use settings::MAX_KEY;

/// The example of the README compiles and runs.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
