//! The command `segstock-judge`, and the page that leads to it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const PAGE: &str = include_str!("../src/docs/histories_from_elsewhere.md");

fn path(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("judge_command");
    fs::create_dir_all(&folder).unwrap();
    folder.join(name)
}

fn file(name: &str, lines: &[&str]) -> PathBuf {
    let path = path(name);
    fs::write(&path, lines.join("\n") + "\n").unwrap();
    path
}

fn judge(arguments: &[&str], files: &[&Path]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_segstock-judge"));
    command.args(arguments).args(files).output().unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The first block of the page in a language.
fn block(language: &str) -> &str {
    let (_, rest) = PAGE.split_once(&format!("```{language}\n")).unwrap();
    rest.split_once("```").unwrap().0
}

#[test]
fn the_program_of_the_page_is_judged() {
    let (program, history) = (path("sell.py"), path("sold.jsonl"));
    fs::write(&program, block("python")).unwrap();
    assert!(block("python").lines().count() <= 32, "it is short");
    let ran = Command::new("python3").args([&program, &history]).output();
    let ran = ran.expect("this test needs python3: the page shows a program in Python");
    assert!(
        ran.status.success(),
        "{}",
        String::from_utf8_lossy(&ran.stderr)
    );
    let judged = judge(&[], &[&history]);
    let words = text(&judged);
    assert_eq!(judged.status.code(), Some(1), "{words}");
    assert!(words.contains(": broken: never oversold"), "{words}");
    assert!(words.contains(" of till "), "{words}");
    let picture = fs::read_to_string(path("sold.svg")).unwrap();
    assert!(picture.contains(">till 0</text>"), "{picture}");
}

#[test]
fn the_history_of_the_page_is_kept() {
    let lines: Vec<&str> = block("json").lines().collect();
    let judged = judge(&[], &[&file("page.jsonl", &lines)]);
    assert_eq!(judged.status.code(), Some(0), "{}", text(&judged));
    assert!(text(&judged).contains("page.jsonl: kept (2 calls)"));
}

/// Each answer of the page's tables is one that is read.
#[test]
fn what_the_page_says_of_calls_and_answers_is_read() {
    let (_, tables) = PAGE.split_once("| call | it answers |").unwrap();
    let quoted = tables.split('`').skip(1).step_by(2);
    let mut read = 0;
    for quoted in quoted.filter(|quoted| quoted.starts_with(['{', '"'])) {
        let quoted = quoted.replace(
            '…',
            "{\"initial\":0,\"restocked\":0,\"available\":0,\"reserved\":0,\"sold\":0}",
        );
        let is_call = serde_json::from_str::<segstock_model::Op>(&quoted).is_ok();
        let is_answer = serde_json::from_str::<segstock_model::Outcome>(&quoted).is_ok();
        let is_reason = serde_json::from_str::<segstock_model::Refusal>(&quoted).is_ok();
        assert!(is_call || is_answer || is_reason, "{quoted}");
        read += 1;
    }
    assert!(read > 20, "{read}");
}

#[test]
fn it_ends_with_what_it_found() {
    const HEADER: &str = r#"{"segstock_history":2,"initial":1}"#;
    let call = |at: u64, thread: u64, units: u64| {
        format!(r#"{{"at":{at},"thread":{thread},"call":{{"deduct":{units}}}}}"#)
    };
    let done = |at: u64, thread: u64| format!(r#"{{"at":{at},"thread":{thread},"return":"done"}}"#);
    let short = r#"{"at":40,"thread":1,"return":{"refused":{"short":{}}}}"#;
    let kept = file("kept.jsonl", &[HEADER, &call(10, 0, 1), &done(20, 0)]);
    let sold_twice = [&call(10, 0, 1), &done(20, 0), &call(30, 1, 1), &done(40, 1)];
    let sold_twice: Vec<&str> = sold_twice.into_iter().map(String::as_str).collect();
    let broken = file("broken.jsonl", &[&[HEADER], &sold_twice[..]].concat());
    let refused = file("refused.jsonl", &[HEADER, &call(10, 1, 1), short]);
    let unusable = file("unusable.jsonl", &[HEADER, &done(20, 0)]);
    let code = |arguments: &[&str], files: &[&Path]| judge(arguments, files).status.code();
    assert_eq!(code(&[], &[&kept]), Some(0));
    assert_eq!(code(&[], &[&kept, &broken]), Some(1));
    assert_eq!(code(&[], &[&refused]), Some(1));
    assert_eq!(code(&["--without-exact-refusals"], &[&refused]), Some(0));
    assert_eq!(code(&[], &[&broken, &unusable, &kept]), Some(3));
    assert_eq!(code(&["--colour"], &[&kept]), Some(3));
    assert_eq!(code(&["--help"], &[]), Some(0));
    assert_eq!(code(&[], &[Path::new("nowhere.jsonl")]), Some(3));
    let words = text(&judge(&[], &[&unusable]));
    assert!(
        words.contains("line 2: thread 0 returns without a call"),
        "{words}"
    );
    let line = text(&judge(&["--json"], &[&broken]));
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(line["verdict"], "broken");
    assert_eq!(line["broken"][0], "never oversold");
    assert!(
        fs::metadata(line["picture"].as_str().unwrap())
            .unwrap()
            .len()
            > 0
    );
    // Twelve orders at once of which no part adds up to an odd number: too much for so small a budget.
    let mut hard: Vec<String> = vec![r#"{"segstock_history":2,"initial":8190}"#.to_owned()];
    hard.extend((0..12).map(|n| call(0, n, 2 << n)));
    hard.push(r#"{"at":0,"thread":12,"call":"available"}"#.to_owned());
    hard.extend((0..12).map(|n| done(100, n)));
    hard.push(r#"{"at":100,"thread":12,"return":{"exactly":4095}}"#.to_owned());
    let hard: Vec<&str> = hard.iter().map(String::as_str).collect();
    let hard = file("hard.jsonl", &hard);
    let judged = judge(&["--budget", "100"], &[&hard]);
    assert_eq!(judged.status.code(), Some(2));
    assert!(
        text(&judged).contains("hard.jsonl: undecided"),
        "{}",
        text(&judged)
    );
    assert!(text(&judged).contains("Raise"), "{}", text(&judged));
}

#[test]
fn a_right_history_without_calls_at_rest_is_kept() {
    use segstock_conformance::{History, Options};
    let lines = block("json");
    let history = History::read(lines.as_bytes()).unwrap();
    let options = Options::new();
    let mut judging = options.judging("the page");
    assert_eq!(judging.add(history, 0), []);
    judging.report().assert_kept();
}
