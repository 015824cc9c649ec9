//! The example `crash` in a short form: it kills itself, and nothing that it answered is lost. Answering before the disk
//! has it is found by the same audit.

use std::env;
use std::path::PathBuf;
use std::process::{Command, Output};

/// The example is built along with the tests of its crate.
fn crash(arguments: &[&str]) -> Output {
    let test = env::current_exe().expect("a test has a path");
    let built = test.parent().and_then(|deps| deps.parent());
    let program: PathBuf = built
        .expect("tests lie in a directory")
        .join("examples/crash");
    assert!(
        program.exists(),
        "{} is built by `cargo build --example crash --features sqlite`",
        program.display()
    );
    let output = Command::new(program).args(arguments).output();
    output.expect("the example starts")
}

#[test]
fn a_shop_that_is_killed_loses_no_answer() {
    let output = crash(&["--rounds", "4", "--longest-ms", "400", "--threads", "32"]);
    let said = String::from_utf8_lossy(&output.stdout);
    println!("{said}");
    assert!(output.status.success(), "{said}");
    assert!(said.contains("none lost, no unit sold twice"), "{said}");
}

#[test]
fn a_shop_that_answers_before_the_disk_has_it_is_found_out() {
    let output = crash(&[
        "--rounds",
        "4",
        "--longest-ms",
        "400",
        "--threads",
        "32",
        "--answer-before-durable",
    ]);
    let said = String::from_utf8_lossy(&output.stdout);
    println!("{said}");
    assert!(!output.status.success(), "{said}");
    assert!(
        said.contains("broken:") && !said.contains(" 0 lost"),
        "{said}"
    );
}
