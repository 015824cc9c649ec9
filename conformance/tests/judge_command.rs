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
    let picture = fs::read_to_string(path("sold.jsonl.svg")).unwrap();
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
    // And all calls stand there: what is no call is refused with a list of them.
    let no_call = serde_json::from_str::<segstock_model::Op>("\"steal\"").unwrap_err();
    let no_call = no_call.to_string();
    let names: Vec<&str> = no_call.split('`').skip(3).step_by(2).collect();
    assert!(names.contains(&"forgive") && names.len() >= 14, "{no_call}");
    for name in names {
        assert!(tables.contains(&format!("\"{name}\"")), "{name}");
    }
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
    let negative = judge(&["--limit", "-1"], &[&kept]);
    let complaint = String::from_utf8_lossy(&negative.stderr);
    assert_eq!(negative.status.code(), Some(3), "{complaint}");
    assert!(complaint.contains("'-1' for '--limit"), "{complaint}");
    assert_eq!(code(&["--without-exact-refusals"], &[&refused]), Some(0));
    assert_eq!(code(&[], &[&broken, &unusable, &kept]), Some(3));
    assert_eq!(code(&["--colour"], &[&kept]), Some(3));
    assert_eq!(code(&["--help"], &[]), Some(0));
    assert_eq!(code(&[], &[Path::new("nowhere.jsonl")]), Some(3));
    // A restock beyond the room that the counter says it has, and what is in stock at the end.
    let full = r#"{"at":20,"thread":0,"return":{"refused":{"overflow":{}}}}"#;
    let restock = r#"{"at":10,"thread":0,"call":{"restock":5}}"#;
    let overflow = file("overflow.jsonl", &[HEADER, restock, full]);
    assert_eq!(code(&[], &[&overflow]), Some(1));
    assert_eq!(code(&["--limit", "5"], &[&overflow]), Some(0));
    assert_eq!(code(&["--limit", "6"], &[&overflow]), Some(1));
    let lost = file(
        "lost.jsonl",
        &[
            HEADER,
            r#"{"at":10,"thread":0,"call":{"restock":1}}"#,
            &done(20, 0),
            r#"{"at":30,"thread":0,"call":"available"}"#,
            r#"{"at":40,"thread":0,"return":{"at_most":1}}"#,
        ],
    );
    let promises = |arguments: &[&str]| {
        let line = text(&judge(&[arguments, &["--json"]].concat(), &[&lost]));
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        line["broken"].to_string()
    };
    assert!(!promises(&[]).contains("conservation"));
    assert!(promises(&["--at-rest", "1"]).contains("conservation"));
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
    assert!(
        text(&judged).contains("Raise `budget`"),
        "{}",
        text(&judged)
    );
    let judged = judge(&["--time", "0"], &[&hard]);
    assert_eq!(judged.status.code(), Some(2));
    assert!(text(&judged).contains("Raise `time`"), "{}", text(&judged));
}

/// Two histories whose names differ in their ends have a picture each, and one that is kept has none.
#[test]
fn a_picture_is_of_its_history() {
    const HEADER: &str = r#"{"segstock_history":2,"initial":0}"#;
    let sold = r#"{"at":10,"thread":0,"call":{"deduct":1}}"#;
    let done = r#"{"at":20,"thread":0,"return":"done"}"#;
    let (first, second) = (path("till.1"), path("till.2"));
    for file in [&first, &second] {
        fs::write(file, [HEADER, sold, done].join("\n")).unwrap();
    }
    let judged = text(&judge(&[], &[&first, &second]));
    for name in ["till.1.svg", "till.2.svg"] {
        assert!(judged.contains(name) && path(name).exists(), "{judged}");
    }
    fs::write(&first, HEADER).unwrap();
    assert_eq!(judge(&[], &[&first]).status.code(), Some(0));
    assert!(
        !path("till.1.svg").exists(),
        "it was of what the file held before"
    );
    assert!(path("till.2.svg").exists());
}

/// The verdict is about all files, whether or not somebody reads what is said of them.
#[test]
fn a_reader_that_leaves_changes_no_verdict() {
    use std::process::Stdio;
    const HEADER: &str = r#"{"segstock_history":2,"initial":0}"#;
    let kept = file("early.jsonl", &[HEADER]);
    let broken = file(
        "late.jsonl",
        &[
            HEADER,
            r#"{"at":10,"thread":0,"call":{"deduct":1}}"#,
            r#"{"at":20,"thread":0,"return":"done"}"#,
        ],
    );
    let mut command = Command::new(env!("CARGO_BIN_EXE_segstock-judge"));
    command.args(vec![&kept; 2_000]).arg(&broken);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(1));
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
