//! What a user of `segstock-bench` relies on: results are measured and written, documents are filled, and plots can be
//! read.

use segstock_harness::Results;
use std::fs;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// The exit code, and what was printed to stderr.
fn run(arguments: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_segstock-bench"))
        .args(arguments)
        .output();
    let output = output.unwrap();
    (
        output.status.code(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

/// Shows the figures that lie beside this test, which have something for every part, in a document with this text; the
/// directory with the plots and the document, and what `run` returns.
fn show(text: &str) -> (TempDir, (Option<i32>, String)) {
    let directory = tempfile::tempdir().unwrap();
    let document = directory.path().join("document.md");
    fs::write(&document, text).unwrap();
    let [write, plots] = [&document, directory.path()].map(|path| path.to_str().unwrap());
    let from = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/results");
    let shown = run(&["show", "--from", from, "--write", write, "--plots", plots]);
    (directory, shown)
}

fn read(directory: &TempDir, name: &str) -> String {
    fs::read_to_string(directory.path().join(name)).unwrap()
}

/// What became of a document with this text.
fn filled(text: &str) -> String {
    let (directory, shown) = show(text);
    assert_eq!(shown, (Some(0), String::new()));
    read(&directory, "document.md")
}

/// What the part of this name says.
fn part(name: &str) -> String {
    let (begin, end) = (
        format!("before\n<!-- measured: {name} -->\n"),
        "\n<!-- /measured -->\nafter\n",
    );
    let text = filled(&format!("{begin}old{end}"));
    text.strip_prefix(&begin)
        .unwrap()
        .strip_suffix(end)
        .unwrap()
        .trim()
        .to_owned()
}

/// The cells of the row that begins so.
fn row(text: &str, begins: &str) -> Vec<String> {
    let row = text
        .lines()
        .find(|line| line.starts_with(&format!("| {begins} ")))
        .unwrap();
    row.trim_matches('|')
        .split('|')
        .skip(1)
        .map(|cell| cell.trim().to_owned())
        .collect()
}

#[test]
fn a_table_is_relative_to_the_best_counter_that_can_refuse() {
    let table = part("table");
    assert_eq!(
        row(&table, "sold out"),
        ["🟧 4.5 (3.0)", "🟩 1.5 (1.0)", "", "", ""]
    );
    // The locks stand on too few windows, and the private atomic is no counter of one stock.
    assert_eq!(
        row(&table, "plenty"),
        ["🟩 3.0 (1.0)", "🟥 30 (10)", "–", "–", "*2.0*"]
    );
    assert!(
        table.contains("0 to 150 of 200 windows counted."),
        "{table}"
    );
    assert!(table.contains("🟩 1,234,568 (1.0)"), "{table}");
    assert!(
        table
            .lines()
            .any(|line| line.starts_with("|--") && line.ends_with("-:|")),
        "{table}"
    );
}

#[test]
fn losses_and_promises_are_in_their_tables() {
    let losses = part("losses");
    assert_eq!(row(&losses, "sold out, threads: 2"), ["🟧 4.5 (3.0)"]);
    assert!(!losses.contains("plenty"), "there it is the best: {losses}");
    let promises = part("promises");
    assert!(
        promises.starts_with("One run: on a machine. 1 of 2 promises kept."),
        "{promises}"
    );
    assert_eq!(
        row(&promises, "plenty"),
        ["a / b", "1.00", "at most 1.3", "kept"]
    );
    assert!(
        promises.contains("3.00 | at least 3.5 | **missed**"),
        "{promises}"
    );
}

#[test]
fn other_parts_have_a_table_for_each_unit_and_the_ratios() {
    let flow = part("order flow");
    assert!(flow.contains("64 customers, orders a second:"), "{flow}");
    assert!(
        flow.contains("64 customers, ms of all but one order of:"),
        "{flow}"
    );
    assert!(flow.contains("|     2 | 1,000 |"), "{flow}");
    assert_eq!(row(&flow, "parking_lot lock"), ["50"]);
    assert!(!flow.contains("windows counted"), "all of them do: {flow}");
    let maps = part("maps");
    assert_eq!(row(&maps, "papaya"), ["12"]);
    assert_eq!(
        row(&maps, "maps: looked up"),
        ["x / y", "1.25", "at most 1.15", "**missed**"]
    );
}

#[test]
fn the_readme_has_few_columns_on_a_thread_for_each_core() {
    let readme = part("readme");
    assert!(
        readme.starts_with("on a machine.\n\n**threads: 2**"),
        "{readme}"
    );
    assert!(
        !readme.contains("threads: 8") && !readme.contains("std lock"),
        "{readme}"
    );
    assert_eq!(
        row(&readme, "sold out"),
        ["🟧 4.5 (3.0)", "🟩 1.5 (1.0)", "", ""]
    );
}

#[test]
fn every_mark_of_the_documents_can_be_filled() {
    for name in ["README.md", "BENCHMARKS.md", "docs/benchmarks/promises.md"] {
        let original = fs::read_to_string(Path::new("..").join(name)).unwrap();
        assert!(!original.contains("the quick form, whose"), "{name}");
        let once = filled(&original);
        assert_ne!(once, original, "{name}");
        assert_eq!(filled(&once), once, "{name}: filled again");
    }
}

#[test]
fn a_mark_that_cannot_be_filled_is_an_error() {
    for (text, error) in [
        ("<!-- measured: tabel -->\n<!-- /measured -->", "\"tabel\""),
        ("<!-- measured: table -->", "not closed"),
        ("no marks", "no marks"),
    ] {
        let (directory, (code, message)) = show(text);
        assert!(code == Some(2) && message.contains(error), "{message}");
        assert_eq!(read(&directory, "document.md"), text, "left as it was");
    }
}

#[test]
fn plots_name_their_lines_the_better_direction_and_where_cores_end() {
    let (directory, _) = show("<!-- measured: conditions --><!-- /measured -->");
    let plot = read(&directory, "throughput.svg");
    for text in [
        "\nStock::new\n",
        "\nprivate atomic\n",
        "higher is better",
        "more threads than cores",
    ] {
        assert!(plot.contains(text), "{text}");
    }
    let thick = plot.find("stroke-width=\"4\"").unwrap();
    assert!(
        plot[..thick].matches("<polyline").count() > 3,
        "the others are drawn before ours"
    );
    let plot = read(&directory, "latency.svg");
    assert!(plot.contains("lower is better") && plot.trim_end().ends_with("</svg>"));
}

#[test]
fn a_step_is_measured_by_its_name_and_an_unknown_name_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().to_str().unwrap();
    let (code, error) = run(&[
        "measure",
        "--quick",
        "--out",
        out,
        "--only",
        "nothing like it",
    ]);
    assert!(
        code == Some(2) && error.contains("sold out") && error.contains("maps"),
        "{error}"
    );
    let (code, error) = run(&["measure", "--quick", "--out", out, "--only", "sold out"]);
    assert_eq!((code, error), (Some(0), String::new()));
    let path = directory.path().join("quick/only-sold-out/bench.json");
    let results = Results::read(&path).unwrap();
    assert!(
        results
            .figures
            .iter()
            .all(|figure| figure.situation == "sold out")
    );
    let counters = results
        .figures
        .iter()
        .filter(|figure| figure.threads == 1)
        .count();
    assert_eq!(counters, 9, "all that can refuse");
}
