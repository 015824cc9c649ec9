//! Several nodes on a real `PostgreSQL` server. Without one every test is shown as ignored, and says why.

mod aside;
mod backlog;
mod blocks;
mod book;
mod calm;
mod checks;
mod crowd;
mod customers;
mod events;
mod feed;
mod forget;
mod hostile;
mod large;
mod limits;
mod lists;
mod log;
mod lost;
mod many;
mod mistakes;
mod parts;
mod payments;
mod process;
mod queue;
mod returns;
mod rolling;
mod shop;
mod storm;
mod support;
mod transactions;

use segstock_remote::servers::{PostgresServer, Tests};
use std::process::ExitCode;

fn main() -> ExitCode {
    let tests = Tests::<PostgresServer>::new();
    // What takes longest begins first.
    crowd::add(&tests);
    mistakes::add(&tests);
    storm::add(&tests);
    book::add(&tests);
    parts::add(&tests);
    limits::add(&tests);
    lists::add(&tests);
    events::add(&tests);
    feed::add(&tests);
    queue::add(&tests);
    forget::add(&tests);
    hostile::add(&tests);
    large::add(&tests);
    lost::add(&tests);
    backlog::add(&tests);
    customers::add(&tests);
    returns::add(&tests);
    rolling::add(&tests);
    process::add(&tests);
    aside::add(&tests);
    calm::add(&tests);
    blocks::add(&tests);
    payments::add(&tests);
    transactions::add(&tests);
    tests.run()
}
