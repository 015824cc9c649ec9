//! The scaling table, as Markdown, and what other tables need of it.

use crate::counters::Counter;
use crate::results::{Cell, Results};
use crate::support::windows::Figure;
use std::fmt::Write;

/// How far a figure is from the best of its row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Distance {
    Best,
    Near,
    Far,
    Lost,
}

impl Distance {
    pub fn of(ratio: f64) -> Self {
        match ratio {
            _ if ratio <= 1.2 => Self::Best,
            _ if ratio <= 2.0 => Self::Near,
            _ if ratio <= 5.0 => Self::Far,
            _ => Self::Lost,
        }
    }

    const fn square(self) -> &'static str {
        match self {
            Self::Best => "🟩",
            Self::Near => "🟨",
            Self::Far => "🟧",
            Self::Lost => "🟥",
        }
    }

    pub const fn colour(self) -> &'static str {
        match self {
            Self::Best => "\x1b[32m",
            Self::Near => "\x1b[33m",
            Self::Far => "\x1b[35m",
            Self::Lost => "\x1b[31m",
        }
    }
}

/// What the colours mean.
pub const KEY: &str = "ns per call and thread, and how many times the best of the row: 🟩 up to 1.2, \
    🟨 up to 2, 🟧 up to 5, 🟥 more. *In italics*: no counter of one stock that can refuse, only what \
    would be possible. A dash: too few undisturbed windows, under 10 of 200. An empty cell: it does not suit.";

/// Three digits of it.
pub fn figure(ns: f64) -> String {
    match ns {
        _ if !ns.is_finite() => "–".to_owned(),
        _ if ns < 9.95 => format!("{ns:.1}"),
        _ => grouped(ns.round() as u64),
    }
}

/// The digits of 1234567 as 1,234,567.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let parts: Vec<&str> = digits
        .as_bytes()
        .rchunks(3)
        .rev()
        .map(|part| str::from_utf8(part).expect("digits"))
        .collect();
    parts.join(",")
}

/// A Markdown table: numbers to the right, and the first column and all text to the left.
pub fn markdown(header: &[String], rows: &[Vec<String>]) -> String {
    let mut text = String::new();
    let mut line = |cells: &[String]| _ = writeln!(text, "| {} |", cells.join(" | "));
    line(header);
    let is_text = |column: usize| column == 0 || rows.iter().any(|row| is_text(&row[column]));
    let rule = (0..header.len()).map(|column| if is_text(column) { "---" } else { "---:" });
    line(&rule.map(str::to_owned).collect::<Vec<_>>());
    rows.iter().for_each(|row| line(row));
    text
}

fn is_text(cell: &str) -> bool {
    cell.starts_with(char::is_alphabetic)
}

/// One block for each number of threads.
pub fn blocks(results: &Results) -> String {
    let mut text = format!("{KEY}\n");
    for threads in results.threads() {
        let columns = columns(results, threads);
        let mut header = vec!["situation".to_owned()];
        header.extend(
            columns
                .iter()
                .map(|counter| emphasised(*counter, counter.name())),
        );
        header.push("windows counted".to_owned());
        let rows: Vec<_> = results
            .situations()
            .iter()
            .map(|situation| row(results, situation, threads, &columns))
            .collect();
        let _ = write!(
            text,
            "\n**{}**\n\n{}",
            plural(threads, "thread"),
            markdown(&header, &rows)
        );
    }
    text
}

fn emphasised(counter: Counter, text: &str) -> String {
    if counter.is_reference() {
        format!("*{text}*")
    } else {
        text.to_owned()
    }
}

pub fn plural(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// The counters that any row has.
pub fn columns(results: &Results, threads: usize) -> Vec<Counter> {
    let measured = |counter: &Counter| {
        let mut cells = results.cells.iter();
        cells.any(|cell| cell.counter == *counter && cell.threads == threads)
    };
    Counter::ALL.into_iter().filter(measured).collect()
}

fn row(results: &Results, situation: &str, threads: usize, columns: &[Counter]) -> Vec<String> {
    let best = results.best(situation, threads);
    let mut cells = vec![situation.to_owned()];
    for column in columns {
        let cell = results
            .row(situation, threads)
            .find(|cell| cell.counter == *column);
        cells.push(cell.map_or_else(String::new, |cell| in_colour(cell, best)));
    }
    let figures = results.row(situation, threads).map(|cell| cell.figure);
    cells.push(counted(figures));
    cells
}

fn in_colour(cell: &Cell, best: Option<f64>) -> String {
    let ns = told(cell);
    let text = match distance(cell, best) {
        Some((distance, ratio)) => format!("{} {ns} ({})", distance.square(), figure(ratio)),
        None => ns,
    };
    emphasised(cell.counter, &text)
}

/// The figure of a cell, or a dash.
pub fn told(cell: &Cell) -> String {
    figure(cell.figure.told().unwrap_or(f64::NAN))
}

/// How far from the best of the row: of a counter that can be compared, and has a figure.
pub fn distance(cell: &Cell, best: Option<f64>) -> Option<(Distance, f64)> {
    let ns = cell
        .figure
        .told()
        .filter(|_| !cell.counter.is_reference())?;
    let ratio = ns / best?;
    Some((Distance::of(ratio), ratio))
}

/// The fewest and the most windows that any of the figures stands on, and how many there were.
pub fn counted(figures: impl Iterator<Item = Figure>) -> String {
    let (mut least, mut most, mut all) = (usize::MAX, 0, 0);
    for figure in figures {
        least = least.min(figure.counted);
        most = most.max(figure.counted);
        all = figure.windows;
    }
    match (least, most) {
        (usize::MAX, _) => String::new(),
        _ if least == most => format!("{least} of {all}"),
        _ => format!("{least} to {most} of {all}"),
    }
}
