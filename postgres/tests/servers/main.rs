//! The designs on a real `PostgreSQL` server. Without one every test is shown as ignored, and says why.

mod designs;
mod mistakes;
mod row;
mod support;

use segstock_remote::servers::Tests;
use std::process::ExitCode;

fn main() -> ExitCode {
    let tests = Tests::new();
    // What takes longest begins first.
    mistakes::add(&tests);
    designs::add(&tests);
    row::add(&tests);
    tests.add_orphan();
    tests.run()
}
