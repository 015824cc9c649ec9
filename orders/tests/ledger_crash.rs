//! The example `crash` in a short form: it kills itself, and nothing that it answered is lost. Answering before the disk
//! has it is found by the same audit. And what the examples refuse.

use std::env;
use std::path::PathBuf;
use std::process::{Command, Output};

fn crash(arguments: &[&str]) -> Output {
    example("crash", arguments)
}

/// Examples are built along with the tests of their crate.
fn example(name: &str, arguments: &[&str]) -> Output {
    let test = env::current_exe().expect("a test has a path");
    let built = test.parent().and_then(|deps| deps.parent());
    let program: PathBuf = built
        .expect("tests lie in a directory")
        .join("examples")
        .join(name);
    assert!(
        program.exists(),
        "{} is built by `cargo build --examples --features sqlite`",
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

#[test]
fn numbers_with_which_nothing_would_be_sold_or_nothing_would_end_are_refused() {
    for (option, number) in [
        ("--rounds", "0"),
        ("--threads", "0"),
        ("--threads", "200000"),
        ("--longest-ms", "7"),
        ("--longest-ms", "18446744073709551615"),
        ("--answers", "18446744073709551615"),
    ] {
        let output = crash(&[option, number]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        let line = said.lines().next().unwrap_or_default();
        assert!(line.contains(option), "{said}");
        assert!(line.contains(&format!("{number} is not in ")), "{said}");
    }
}

#[test]
fn one_order_is_placed_in_a_file_that_is_not_there_yet() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("shop.db");
    let file = file.to_str().expect("a path in UTF-8");
    let first = example("one_order", &[file]);
    let said = String::from_utf8_lossy(&first.stdout);
    assert!(first.status.success(), "{first:?}");
    assert!(said.contains("shipped: true"), "{said}");
    let again = example("one_order", &[file]);
    assert_eq!(again.status.code(), Some(1), "{again:?}");
    assert!(again.stdout.is_empty(), "{again:?}");
    let said = String::from_utf8_lossy(&again.stderr);
    assert!(
        said.contains(file) && said.contains("is there already"),
        "{said}"
    );
    assert_eq!(said.lines().count(), 1, "{said}");
}
