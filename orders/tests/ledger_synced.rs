//! Nothing is answered before it is durable: the calls of the example `one_order` to the operating system, by strace. Each
//! answer's entry is written, and synced, before the answer is written.
//!
//! Without strace, or where it may not trace, the tests are shown as ignored. With `SEGSTOCK_DEMAND_SERVERS=1` they fail.

use libtest_mimic::{Arguments, Failed, Trial};
use segstock_orders::ledger::trace::{Trace, Wanted};
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
        println!("{}", judged(&trace, answer, entry)?);
    }
    Ok(())
}

fn hasty() -> Result<(), Failed> {
    let trace = trace(&["--answer-before-durable"])?;
    for (answer, entry) in ANSWERS {
        let judged = judged(&trace, answer, entry);
        if judged.is_ok() {
            return Err(format!("{answer} is not found").into());
        }
    }
    Ok(())
}

fn judged(trace: &Trace, answer: &str, entry: &str) -> Result<String, String> {
    let log = "shop.db-wal>";
    trace.judged(&Wanted { entry, log }, |line| {
        line.contains(" write(1") && line.contains(answer)
    })
}

/// Runs the example, and returns its calls.
fn trace(arguments: &[&str]) -> Result<Trace, Failed> {
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
    Ok(Trace::new(&fs::read(trace)?))
}
