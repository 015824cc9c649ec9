//! TLS to a real `PostgreSQL` server. Without one every test is shown as ignored, and says why.

mod certificates;
mod hidden;
mod lives;
mod modes;
mod own;
mod support;

use segstock_remote::servers::{PostgresServer, Tests};
use std::process::ExitCode;

fn main() -> ExitCode {
    let tests = Tests::<PostgresServer>::new();
    lives::add(&tests);
    hidden::add(&tests);
    modes::add(&tests);
    certificates::add(&tests);
    own::add(&tests);
    tests.run()
}
