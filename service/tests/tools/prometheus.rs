//! The metrics and the alerts, as Prometheus' own tool judges them.

use crate::support::process::Process;
use crate::trial::trial;
use crate::{nodes, postgres};
use libtest_mimic::Trial;
use segstock_remote::servers::PostgresServer;
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
        Trial::test(
            "each_alert_has_a_case_that_fires_and_one_that_does_not",
            || {
                cases();
                Ok(())
            },
        ),
        Trial::test("alerts_name_series_that_are_there", || {
            named();
            Ok(())
        }),
        postgres::trial("alerts_name_series_that_nodes_have", named_of_nodes),
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

/// Each rule has a case in which it fires, and one in which it does not.
fn cases() {
    let (rules, cases) = (rules_text(), std::fs::read_to_string(CASES).unwrap());
    let names = rules
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- alert: "));
    let names: Vec<&str> = names.collect();
    assert!(names.len() >= 13, "{names:?}");
    for name in names {
        let asked = format!("alertname=\"{name}\"");
        let of_rule = cases
            .split("  - name: ")
            .filter(|case| case.contains(&asked));
        let (fire, quiet): (Vec<_>, Vec<_>) =
            of_rule.partition(|case| case.contains("exp_samples"));
        assert!(!fire.is_empty() && !quiet.is_empty(), "{name}");
    }
}

fn rules_text() -> String {
    std::fs::read_to_string(RULES).unwrap()
}

/// A series that a rule asks for: its name, and the labels that it must have.
type Asked = (String, Vec<String>);

/// What the rules ask for that begins with this prefix.
fn asked(prefix: &str) -> BTreeSet<Asked> {
    let rules = rules_text();
    let expressions = rules
        .lines()
        .filter_map(|line| line.trim().strip_prefix("expr: "));
    let is_name = |it: char| it.is_ascii_alphanumeric() || it == '_';
    let series = expressions.flat_map(|text| {
        text.match_indices(prefix).map(|(at, _)| {
            let rest = &text[at..];
            let (name, rest) = rest.split_at(rest.find(|it| !is_name(it)).unwrap_or(rest.len()));
            let labels = rest.strip_prefix('{').and_then(|rest| rest.split_once('}'));
            let labels = labels.map_or("", |(labels, _)| labels).split(',');
            let labels = labels.filter(|label| !label.is_empty()).map(str::to_owned);
            (name.to_owned(), labels.collect())
        })
    });
    series.collect()
}

/// Whether a service shows a series like that.
fn assert_shown(metrics: &str, (name, labels): &Asked) {
    let is_series = |line: &str| {
        let rest = line.strip_prefix(&**name);
        let is_named = rest.is_some_and(|rest| rest.starts_with(['{', ' ']));
        is_named && labels.iter().all(|label| line.contains(&**label))
    };
    assert!(
        metrics.lines().any(is_series),
        "{name} {labels:?}:\n{metrics}"
    );
}

/// Of a node, or of one process.
const OF_NODES: &str = "segstock_node_";

fn named() {
    let service = Process::start(&["--metrics-skus", "phone"]);
    let metrics = service.client.get("/metrics").text;
    let asked = asked("segstock_");
    let of_nodes = |asked: &&Asked| asked.0.starts_with(OF_NODES);
    assert!(
        asked.len() > 20 && asked.iter().filter(of_nodes).count() == 1,
        "{asked:?}"
    );
    let of_process = asked.iter().filter(|asked| !of_nodes(asked));
    of_process.for_each(|asked| assert_shown(&metrics, asked));
}

fn named_of_nodes(server: PostgresServer) {
    let node = nodes::start(&postgres::url(&server), "one");
    let metrics = node.client.get("/metrics").text;
    let asked = asked(OF_NODES);
    assert!(!asked.is_empty());
    asked.iter().for_each(|asked| assert_shown(&metrics, asked));
}
