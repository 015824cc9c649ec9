//! The command `stores` measures the servers that are installed, and says what it left out.

use std::process::{Command, Output};

fn stores(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stores"));
    command.args(arguments).output().expect("it starts")
}

#[test]
fn the_table_has_the_servers_that_are_installed() {
    let few = ["--customers", "4", "--crowd", "6"];
    let output = stores(&[&few[..], &["--window-ms", "20", "--turns", "1"]].concat());
    let (shown, errors) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    if !output.status.success() {
        let demanded = std::env::var_os("SEGSTOCK_DEMAND_SERVERS");
        assert!(demanded.is_none_or(|value| value.is_empty()), "{errors}");
        assert_eq!(errors.trim(), "stores: there is no server to measure");
        return;
    }
    for (way, absent) in [
        (
            "Redis, one key / Redis, bare decrement",
            "no redis-server found",
        ),
        ("Redis, 20-segment-locks", "no redis-server found"),
        (
            "PostgreSQL, batched / PostgreSQL, one row",
            "no postgres found",
        ),
        ("PostgreSQL, one-lock", "no postgres found"),
    ] {
        assert!(shown.contains(way) || shown.contains(absent), "{shown}");
    }
    let right = "0 orders were unanswered or answered wrongly";
    assert!(shown.contains(right), "{shown}");
}

#[test]
fn arguments_that_make_no_sense_are_refused() {
    for arguments in [["--turns", "0"], ["--customers", "0"], ["--window-ms", "x"]] {
        let output = stores(&arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(!output.stderr.is_empty());
    }
}
