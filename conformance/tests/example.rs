//! The example as the command that people run.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

/// Runs an example in the profile and the target directory of this test.
fn run(arguments: &[&str]) -> Output {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["run", "--quiet", "--target-dir"])
        .arg(target);
    if !cfg!(debug_assertions) {
        cargo.arg("--release");
    }
    cargo
        .args(["--example", "three_counters", "--"])
        .args(arguments)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).unwrap()
}

/// One line on stderr, which says `what`.
#[track_caller]
fn assert_mistake(output: &Output, what: &[&str]) {
    let complaint = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{complaint}");
    assert_eq!(text(&output.stdout), "");
    assert_eq!(complaint.lines().count(), 1, "{complaint}");
    assert!(!complaint.contains("panicked"), "{complaint}");
    for part in what {
        assert!(complaint.contains(part), "no {part:?} in: {complaint}");
    }
}

#[test]
fn the_broken_counter_is_found_with_its_picture() {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("judged");
    let directory = directory.to_str().unwrap();
    let output = run(&["--rounds", "400", "--directory", directory]);
    let table = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let verdicts: Vec<&str> = table.split("\n\n").collect();
    let [one_lock, locks_twice, stock] = verdicts[..] else {
        panic!("not three verdicts: {table}");
    };
    assert!(
        one_lock.contains("OneLock") && !one_lock.contains("BROKEN"),
        "{one_lock}"
    );
    assert!(
        stock.contains("Stock") && !stock.contains("BROKEN"),
        "{stock}"
    );
    assert!(
        locks_twice.contains("never oversold           BROKEN"),
        "{locks_twice}"
    );
    let mut lines = locks_twice.lines().map(str::trim);
    let picture = lines
        .find_map(|line| line.strip_prefix("picture: "))
        .unwrap();
    assert!(picture.starts_with(directory), "{picture}");
    assert!(fs::read_to_string(picture).unwrap().starts_with("<svg"));
}

#[test]
fn a_judgement_that_cannot_be_is_refused() {
    for (arguments, what) in [
        (["--rounds", "0"], ["rounds", "0"]),
        (["--threads", "many"], ["threads", "many"]),
        (["--segments", "2000"], ["segments", "2000"]),
        (["--seed", "some"], ["seed", "some"]),
        (
            ["--directory", "Cargo.toml/below"],
            ["Cargo.toml/below", "cannot write"],
        ),
    ] {
        assert_mistake(&run(&arguments), &what);
    }
    let help = run(&["--help"]);
    assert_eq!(help.status.code(), Some(0));
    assert!(text(&help.stdout).contains("--rounds"), "{help:?}");
}
