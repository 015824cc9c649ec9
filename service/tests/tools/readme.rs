//! What the README has people type: it runs as it stands, and is answered as it says.

use crate::support::process::{PORTS, Process, command};
use crate::trial::trial;
use libtest_mimic::Trial;
use serde_json::Value;
use std::path::Path;
use std::process::Command;

const README: &str = include_str!("../../README.md");
/// Numbers the answers of curl, keeps each in a file, and says its status on stderr.
const CURL: &str = r#"
count=0
curl() {
  count=$((count + 1))
  command curl -sS -w '%{stderr}%{http_code}\n' "$@" | tee "answer-$count"
}
"#;

pub fn trials() -> Vec<Trial> {
    let name = "readme::what_people_type_is_answered_as_it_says";
    vec![trial(name, "curl", typed)]
}

fn typed() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let ledger = format!("sqlite:{}", folder.join("segstock.db").display());
    let start = || Process::spawn(&mut command(&[PORTS, &["--ledger", &ledger]].concat()));
    let service = start();
    let sell = block("## Sell, ship, take back");
    let first = run(&service, folder, sell);
    assert_as_said(sell, &first);
    #[cfg(unix)]
    assert_eq!(service.terminate(), Some(0));
    let service = start();
    let line = README
        .lines()
        .find_map(|line| line.strip_prefix("segstock-service: the ledger segstock.db has "));
    let (found, _) = line.unwrap().split_once(", the last").unwrap();
    assert!(service.found.contains(found), "{found}: {}", service.found);
    // Sent again, all is answered as it is by now, but for the order that was cancelled.
    let again = run(&service, folder, sell);
    let refused: Vec<_> = again.iter().filter(|it| it.status >= 300).collect();
    assert!(
        matches!(refused[..], [Answer { status: 409, .. }]),
        "{refused:?}"
    );
    let looks = |answers: &[Answer]| answers[answers.len() - 3..].to_vec();
    assert_eq!(looks(&again), looks(&first));
    let names = sell.lines().take_while(|line| !line.is_empty());
    let names = names.collect::<Vec<_>>().join("\n");
    let import = format!("{names}\n{}", block("## Import a list"));
    assert_as_said(&import, &run(&service, folder, &import));
    for words in ["**More places than one**", "**Limits of a SKU**"] {
        // The number of the sending is another one here.
        let sent = r#"sending=$(sed 's/.*"sending":\([0-9]*\).*/\1/' answer-4)"#;
        let lines = block(words).replace("sending=29", sent);
        for answer in run(&service, folder, &format!("{names}\n{lines}")) {
            assert!(answer.status < 300, "{answer:?}");
        }
    }
}

/// The first block of shell commands below a heading.
fn block(heading: &str) -> &'static str {
    let (_, below) = README.split_once(heading).unwrap();
    let (_, block) = below.split_once("```sh\n").unwrap();
    block.split_once("```").unwrap().0
}

/// What curl got.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Answer {
    status: u16,
    text: String,
}

/// Runs the lines at this service's addresses.
fn run(service: &Process, folder: &Path, lines: &str) -> Vec<Answer> {
    let lines = lines
        .replace("127.0.0.1:8080", &service.customers.address.to_string())
        .replace("127.0.0.1:8081", &service.client.address.to_string());
    let ran = Command::new("bash")
        .args(["-euo", "pipefail", "-c", &format!("{CURL}{lines}")])
        .current_dir(folder)
        .output()
        .unwrap();
    let statuses = String::from_utf8(ran.stderr).unwrap();
    assert!(ran.status.success(), "{statuses}");
    let answers = statuses.lines().zip(1..).map(|(status, number)| Answer {
        status: status.parse().expect(&statuses),
        text: std::fs::read_to_string(folder.join(format!("answer-{number}"))).unwrap(),
    });
    answers.collect()
}

/// Nothing is refused, and what stands below a command is what it was answered.
fn assert_as_said(lines: &str, answers: &[Answer]) {
    for answer in answers {
        assert!(answer.status < 300, "{answer:?}");
    }
    let (mut count, mut said) = (0, Vec::<(usize, String)>::new());
    for line in lines.lines() {
        count += usize::from(line.starts_with("curl "));
        if line.starts_with("# {") {
            said.push((count - 1, line[2..].to_owned()));
        } else if let (Some(rest), Some((_, text))) = (line.strip_prefix("#  "), said.last_mut()) {
            text.push_str(rest);
        }
    }
    assert!(said.len() >= 2, "{said:?}");
    for (place, text) in said {
        let text = text.split("; sent again").next().unwrap().replace(",…", "");
        let said: Value = serde_json::from_str(&text).expect(&text);
        let answer: Value = serde_json::from_str(&answers[place].text).unwrap();
        assert!(
            is_part(&said, &answer),
            "{said} is said, {answer} is answered"
        );
    }
}

/// Whether all that is said was answered. Times are others each time.
fn is_part(said: &Value, answer: &Value) -> bool {
    match (said, answer) {
        (Value::Object(said), Value::Object(answer)) => said.iter().all(|(name, said)| {
            let answer = answer.get(name);
            answer.is_some_and(|answer| name.ends_with("_at") || is_part(said, answer))
        }),
        (Value::Array(said), Value::Array(answer)) => {
            said.len() == answer.len() && said.iter().zip(answer).all(|(a, b)| is_part(a, b))
        }
        _ => said == answer,
    }
}
