//! The designs on a real Redis server. Without one every test is shown as ignored, and says why.

mod support;

mod atomic;

use libtest_mimic::Arguments;
use std::process::ExitCode;
use support::Tests;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let tests = Tests::new(&arguments);
    atomic::add(&tests);
    tests.run(&arguments)
}
