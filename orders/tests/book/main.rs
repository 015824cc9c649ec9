//! The order book: lives of orders, stock, lists, limits and events, with its entries in memory.
//!
//! One program, since each would compile the book again.

mod books;
mod customers;
mod deadlines;
mod feed;
mod growth;
mod hammer;
mod limits;
mod lists;
mod lives;
mod moves;
mod refused;
mod replay;
mod reports;
mod returns;
mod room;
mod served;
mod support;
mod table;
mod thread_exit;
mod times;
mod whole;
mod work;
