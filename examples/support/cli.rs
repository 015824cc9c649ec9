//! The edges of a command: arguments in, one report out, one line for each mistake.

use clap::Parser;
use std::error::Error;
use std::io::{self, ErrorKind, Write};
use std::num::{IntErrorKind, ParseIntError};
use std::process::ExitCode;

/// The command could not do what it was asked for.
const MISTAKE: u8 = 2;

/// What a command prints.
pub struct Report {
    pub text: String,
    /// Whether everything that was checked turned out right.
    pub correct: bool,
}

/// Reads the arguments, runs `command`, and prints its report.
///
/// Exits with 0, with 1 if the report is not correct, and with 2 and one line on stderr if there is
/// no report.
pub fn run<A: Parser>(command: impl FnOnce(&A) -> Result<Report, String>) -> ExitCode {
    let arguments = match A::try_parse() {
        Ok(arguments) => arguments,
        Err(error) if error.use_stderr() => return mistake(&what_is_wrong(&error)),
        Err(help) => return print(&help.to_string(), ExitCode::SUCCESS),
    };
    match command(&arguments) {
        Ok(report) if report.correct => print(&report.text, ExitCode::SUCCESS),
        Ok(report) => print(&report.text, ExitCode::FAILURE),
        Err(error) => mistake(&format!("error: {error}")),
    }
}

/// Prints to stdout. `println!` would panic where a reader like `head` has gone.
fn print(text: &str, code: ExitCode) -> ExitCode {
    let mut out = io::stdout().lock();
    match writeln!(out, "{}", text.trim_end()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            mistake(&format!("error: cannot print the report: {error}"))
        }
        _ => code,
    }
}

fn mistake(line: &str) -> ExitCode {
    note(line);
    ExitCode::from(MISTAKE)
}

/// Prints a line to stderr, if it is still open.
pub fn note(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// What went wrong, in one line, and what would be right.
fn what_is_wrong(error: &clap::Error) -> String {
    let line = first_paragraph(&error.to_string());
    let number = error
        .source()
        .and_then(|reason| reason.downcast_ref::<ParseIntError>());
    match (number.map(ParseIntError::kind), line.rsplit_once(": ")) {
        (Some(IntErrorKind::PosOverflow), Some((before, _))) => {
            format!("{before}: the number is too large")
        }
        (Some(_), Some((before, _))) => format!("{before}: a whole number from 0 on is needed"),
        _ => line,
    }
}

/// The first paragraph in one line, without the usage that follows.
fn first_paragraph(text: &str) -> String {
    let paragraph = text.trim().split("\n\n").next().unwrap_or_default();
    paragraph.split_whitespace().collect::<Vec<_>>().join(" ")
}
