//! The ledger on a real `PostgreSQL` server. Without one every test is shown as ignored, and says why.

mod calm;
mod faults;
mod openings;
mod shop;
mod synced;

use segstock_remote::servers::Tests;
use std::process::ExitCode;

fn main() -> ExitCode {
    let tests = Tests::new();
    calm::add(&tests);
    openings::add(&tests);
    faults::add(&tests);
    synced::add(&tests);
    tests.run()
}
