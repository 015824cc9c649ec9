//! The designs on a real Redis server. Without one every test is shown as ignored, and says why.

mod atomic;
mod batched;
mod designs;
mod failover;
mod growing;
mod mistakes;
mod several;
mod single;
mod sold_out;
mod support;

use segstock_remote::servers::Tests;
use std::process::ExitCode;

fn main() -> ExitCode {
    let tests = Tests::new();
    // What takes longest begins first.
    mistakes::add(&tests);
    designs::add(&tests);
    several::add(&tests);
    atomic::add(&tests);
    batched::add(&tests);
    single::add(&tests);
    growing::add(&tests);
    sold_out::add(&tests);
    failover::add(&tests);
    tests.add_orphan();
    tests.run()
}
