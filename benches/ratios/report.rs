//! One line for each promise: the figure, what it is compared with, the ratio, the limit.

use crate::support::cpu;
use std::io::IsTerminal;

pub struct Report {
    misses: Vec<String>,
    promises: usize,
    /// The promises as rows of a table, each under the situation that it is about.
    rows: Vec<String>,
    situation: String,
    coloured: bool,
}

/// What was promised of a ratio.
#[derive(Debug, Clone, Copy)]
pub enum Limit {
    AtMost(f64),
    AtLeast(f64),
    /// Told, not promised.
    None,
}

impl Report {
    pub fn new() -> Self {
        println!(
            "{}\nns per call and thread, medians; ratios within one run",
            cpu::name()
        );
        Self {
            misses: Vec::new(),
            promises: 0,
            rows: Vec::new(),
            situation: String::new(),
            coloured: std::io::stdout().is_terminal(),
        }
    }

    pub fn heading(&mut self, name: &str) {
        println!("\n{name}");
        name.clone_into(&mut self.situation);
    }

    /// A figure by itself.
    pub fn figure(&self, name: &str, figure: &str) {
        println!("  {name:<58} {figure}");
    }

    /// `value` against `base`, both named, in any unit.
    pub fn ratio(&mut self, name: &str, value: f64, base: f64, limit: Limit) {
        let ratio = value / base;
        let (kept, limit) = match limit {
            Limit::AtMost(most) => (ratio <= most, format!("at most {most}")),
            Limit::AtLeast(least) => (ratio >= least, format!("at least {least}")),
            Limit::None => (true, String::new()),
        };
        let verdict = match (limit.is_empty(), kept) {
            (true, _) => "",
            (false, true) => "kept",
            (false, false) => "MISSED",
        };
        let line = format!("{name:<58} {value:>9.2} / {base:>9.2} = {ratio:>7.2}  {limit:<13}");
        let colour = match (self.coloured, verdict) {
            (true, "kept") => "\x1b[32m",
            (true, "MISSED") => "\x1b[31m",
            _ => "",
        };
        let plain = if colour.is_empty() { "" } else { "\x1b[0m" };
        println!("  {line} {colour}{verdict}{plain}");
        if !verdict.is_empty() {
            self.promises += 1;
            let situation = &self.situation;
            let verdict = if kept { verdict } else { "**missed**" };
            let row = format!("| {situation} | {name} | {ratio:.2} | {limit} | {verdict} |");
            self.rows.push(row);
        }
        if !kept {
            self.misses.push(line);
        }
    }

    pub fn close(&self) {
        println!("\n{}", self.kept());
        for miss in &self.misses {
            println!("  missed: {miss}");
        }
    }

    fn kept(&self) -> String {
        let kept = self.promises - self.misses.len();
        format!("{kept} of {} promises kept", self.promises)
    }

    /// All promises, as a document.
    pub fn markdown(&self) -> String {
        format!(
            "# What is promised, and what was reached\n\nWritten by `cargo bench --bench ratios`, one run: {}. \
             {}.\n\n| situation | what to what | ratio | limit | |\n|---|---|---:|---|---|\n{}\n",
            cpu::name(),
            self.kept(),
            self.rows.join("\n"),
        )
    }
}
