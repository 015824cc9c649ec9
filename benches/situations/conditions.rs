//! What was measured, where, and when: the line that stands above all figures.

use crate::support::cpu;
use std::fs;
use std::process::Command;

/// More than this, and something else runs on the machine.
const QUIET: f64 = 0.5;

/// The crate, its commit, the machine, the compiler, the day, and how much is measured.
pub fn line(quick: bool) -> String {
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let compiler = output_of(&rustc, &["--version"]);
    let parts = [
        Some(format!("segstock {}", env!("CARGO_PKG_VERSION"))),
        output_of("git", &["describe", "--always", "--dirty"])
            .map(|commit| format!("commit {commit}")),
        Some(cpu::name()),
        Some(compiler.unwrap_or_else(|| "an unknown compiler".to_owned())),
        output_of("date", &["-u", "+%Y-%m-%d"]),
        load().map(|load| format!("load {load:.2} when it began")),
    ];
    let form = if quick {
        "; the quick form, whose figures say nothing"
    } else {
        ""
    };
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ") + form
}

/// What to say before it is measured, if the machine has other work.
pub fn warning(load: Option<f64>) -> Option<String> {
    let load = load.filter(|&load| load > QUIET)?;
    Some(format!(
        "warning: the load average is {load:.2}: something else runs here, and the figures will be worth less"
    ))
}

/// The load average of the last minute.
pub fn load() -> Option<f64> {
    let text = fs::read_to_string("/proc/loadavg").ok()?;
    text.split(' ').next()?.parse().ok()
}

/// What the command says, if there is one and it does not fail.
fn output_of(command: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(command).args(arguments).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    (output.status.success() && !text.is_empty()).then_some(text)
}
