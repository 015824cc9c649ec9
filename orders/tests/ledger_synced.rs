//! Nothing is answered before it is durable: the calls of the example `one_order` to the operating system, by strace. Each
//! answer's entry is written, and synced, before the answer is written.
//!
//! Without strace, or where it may not trace, the tests are shown as ignored. With `SEGSTOCK_DEMAND_SERVERS=1` they fail.

use libtest_mimic::{Arguments, Failed, Trial};
use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};

/// What is answered, and what its entry begins with.
const ANSWERS: [(&str, &str); 4] = [
    ("opened: true", "opened"),
    ("placed: true", "placed"),
    ("paid: true", "paid"),
    ("shipped: true", "shipped"),
];

fn main() -> ExitCode {
    let traces = Command::new("strace")
        .args(["-o", "/dev/null", "true"])
        .stderr(Stdio::null())
        .status();
    let is_there = traces.is_ok_and(|status| status.success());
    let demanded = env::var_os("SEGSTOCK_DEMAND_SERVERS").is_some();
    let test = |name: &str, run: fn() -> Result<(), Failed>| {
        Trial::test(name, run).with_ignored_flag(!is_there && !demanded)
    };
    let tests = vec![
        test("each_answer_is_written_after_its_entry_is_synced", right),
        test("an_answer_before_that_is_found", hasty),
    ];
    libtest_mimic::run(&Arguments::from_args(), tests).exit_code()
}

fn right() -> Result<(), Failed> {
    let trace = trace(&[])?;
    for (answer, entry) in ANSWERS {
        println!("{}", Sequence::of(&trace, answer, entry)?.judged()?);
    }
    Ok(())
}

fn hasty() -> Result<(), Failed> {
    let trace = trace(&["--answer-before-durable"])?;
    for (answer, entry) in ANSWERS {
        let judged = Sequence::of(&trace, answer, entry)?.judged();
        if judged.is_ok() {
            return Err(format!("{answer} is not found").into());
        }
    }
    Ok(())
}

/// Runs the example, and returns its calls: one a line.
fn trace(arguments: &[&str]) -> Result<Vec<String>, Failed> {
    let directory = tempfile::tempdir()?;
    let trace = directory.path().join("trace");
    let test = env::current_exe()?;
    let built = test.parent().and_then(|deps| deps.parent());
    let program: PathBuf = built.ok_or("no directory")?.join("examples/one_order");
    let output = Command::new("strace")
        .args(["-f", "-y", "-s", "100000"])
        .args(["-e", "trace=write,writev,pwrite64,pwritev,fsync,fdatasync"])
        .arg("-o")
        .arg(&trace)
        .arg(program)
        .arg(directory.path().join("shop.db"))
        .args(arguments)
        .output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    let trace = fs::read(trace)?;
    let trace = String::from_utf8_lossy(&trace);
    Ok(trace.lines().map(str::to_owned).collect())
}

/// Where in a trace an answer, and what must come before, is done.
struct Sequence {
    answer: (usize, String),
    written: Option<usize>,
    synced: Option<usize>,
}

impl Sequence {
    fn of(trace: &[String], answer: &str, entry: &str) -> Result<Self, Failed> {
        let lines = || trace.iter().enumerate();
        let answered = lines().find(|(_, line)| line.contains(" write(1") && line.contains(answer));
        let (at, _) = answered.ok_or_else(|| format!("{answer} is not in the trace"))?;
        // As strace shows the quotation marks of a row.
        let row = format!(r#"{{\"{entry}\":{{"#);
        let is_log = |line: &str| line.contains("shop.db-wal>");
        let written = lines()
            .find(|(_, line)| line.contains("pwrite64(") && is_log(line) && line.contains(&row));
        let written = written.map(|(at, _)| at);
        let synced = lines()
            .skip(written.map_or(0, |at| at + 1))
            .find(|(_, line)| {
                let is_sync = line.contains(" fdatasync(") || line.contains(" fsync(");
                // One that another thread interrupts has its result in a later line.
                is_sync && is_log(line) && line.trim_end().ends_with("= 0")
            });
        Ok(Self {
            answer: (at, answer.to_owned()),
            written,
            synced: synced.map(|(at, _)| at),
        })
    }

    fn judged(&self) -> Result<String, Failed> {
        let (answered, answer) = &self.answer;
        match (self.written, self.synced) {
            (Some(written), Some(synced)) if written < synced && synced < *answered => Ok(format!(
                "{answer}: written in line {written}, synced in {synced}, answered in {answered}"
            )),
            other => {
                Err(format!("{answer} in line {answered}, written and synced: {other:?}").into())
            }
        }
    }
}
