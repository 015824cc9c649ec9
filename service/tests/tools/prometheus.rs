//! The metrics and the alerts, as Prometheus' own tool judges them.

use crate::support::process::Process;
use crate::trial::trial;
use libtest_mimic::Trial;
use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Stdio};

const PROMTOOL: &str = "promtool";
const RULES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/alerts.yml");
const CASES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tools/alerts.yml");

pub fn trials() -> Vec<Trial> {
    vec![
        trial("promtool_finds_no_fault_in_the_metrics", PROMTOOL, metrics),
        trial("promtool_finds_no_fault_in_the_alerts", PROMTOOL, rules),
        trial("promtool_sees_alerts_fire", PROMTOOL, fire),
        Trial::test("alerts_name_series_that_are_there", || {
            named();
            Ok(())
        }),
    ]
}

fn metrics() {
    let service = Process::start(&["--metrics-skus", "phone"]);
    service.customers.order("a", &[("phone", 1)]).expect(201);
    let text = service.client.get("/metrics").text;
    let mut check = Command::new(PROMTOOL)
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    check
        .stdin
        .take()
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    let said = check.wait_with_output().unwrap();
    let words = [&said.stdout[..], &said.stderr].concat();
    let words = String::from_utf8_lossy(&words);
    assert!(said.status.success() && words.is_empty(), "{words}");
}

fn rules() {
    let said = Command::new(PROMTOOL)
        .args(["check", "rules", RULES])
        .output()
        .unwrap();
    assert!(said.status.success(), "{said:?}");
}

fn fire() {
    let said = Command::new(PROMTOOL)
        .args(["test", "rules", CASES])
        .output();
    let said = said.unwrap();
    assert!(said.status.success(), "{said:?}");
}

fn named() {
    let service = Process::start(&["--metrics-skus", "phone"]);
    let metrics = service.client.get("/metrics").text;
    let rules = std::fs::read_to_string(RULES).unwrap();
    let named: BTreeSet<&str> = rules
        .lines()
        .filter_map(|line| line.trim().strip_prefix("expr: "))
        .flat_map(|text| text.split(|it: char| !(it.is_ascii_alphanumeric() || it == '_')))
        // One process has no figures of nodes.
        .filter(|word| word.starts_with("segstock_") && !word.starts_with("segstock_node_"))
        .collect();
    assert!(named.len() > 8, "{named:?}");
    for name in named {
        let is_series = |line: &str| {
            let rest = line.strip_prefix(name);
            rest.is_some_and(|rest| rest.starts_with(['{', ' ']))
        };
        assert!(metrics.lines().any(is_series), "{name}:\n{metrics}");
    }
}
