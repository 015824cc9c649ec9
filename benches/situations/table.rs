//! The scaling table and what goes with it, as Markdown, and in colour for a terminal.

use crate::counters::Counter;
use crate::results::{Cell, Results};
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

    const fn colour(self) -> &'static str {
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
    would be possible. A dash: no undisturbed window. An empty cell: it does not suit.";

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

/// A Markdown table, its first column to the left.
pub fn markdown(header: &[String], rows: &[Vec<String>]) -> String {
    let mut text = String::new();
    let mut line = |cells: &[String]| _ = writeln!(text, "| {} |", cells.join(" | "));
    line(header);
    let rule = (0..header.len()).map(|column| if column == 0 { "---" } else { "---:" });
    line(&rule.map(str::to_owned).collect::<Vec<_>>());
    rows.iter().for_each(|row| line(row));
    text
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

fn plural(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// The counters that any row has.
fn columns(results: &Results, threads: usize) -> Vec<Counter> {
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
    cells.push(counted(results.row(situation, threads)));
    cells
}

fn in_colour(cell: &Cell, best: Option<f64>) -> String {
    let ns = cell.figure.ns;
    let text = match best {
        _ if cell.counter.is_reference() => figure(ns),
        Some(best) if ns.is_finite() => {
            let ratio = ns / best;
            let square = Distance::of(ratio).square();
            format!("{square} {} ({})", figure(ns), figure(ratio))
        }
        _ => figure(ns),
    };
    emphasised(cell.counter, &text)
}

/// The fewest and the most windows that any figure of the row stands on, and how many there were.
fn counted<'a>(cells: impl Iterator<Item = &'a Cell>) -> String {
    let (mut least, mut most, mut all) = (usize::MAX, 0, 0);
    for cell in cells {
        least = least.min(cell.figure.counted);
        most = most.max(cell.figure.counted);
        all = cell.figure.windows;
    }
    match (least, most) {
        (usize::MAX, _) => String::new(),
        _ if least == most => format!("{least} of {all}"),
        _ => format!("{least} to {most} of {all}"),
    }
}

/// Where a `Stock` takes over 1.1 times as long as the best of the others, worst first.
pub fn losses(results: &Results) -> String {
    const TOLERATED: f64 = 1.1;
    let mut lost = Vec::new();
    for threads in results.threads() {
        for situation in results.situations() {
            let others = results
                .row(situation, threads)
                .filter(|cell| !cell.counter.is_ours() && !cell.counter.is_reference());
            let finite = others.filter(|cell| cell.figure.ns.is_finite());
            let Some(best) = finite.min_by(|a, b| a.figure.ns.total_cmp(&b.figure.ns)) else {
                continue;
            };
            for form in [Counter::Stock, Counter::Striped] {
                let ns = results.ns(situation, form, threads);
                if let Some(ns) = ns.filter(|ns| ns / best.figure.ns > TOLERATED) {
                    lost.push((ns / best.figure.ns, situation, threads, form, ns, best));
                }
            }
        }
    }
    if lost.is_empty() {
        return "Nowhere, in this run.".to_owned();
    }
    lost.sort_by(|a, b| b.0.total_cmp(&a.0));
    let rows: Vec<_> = lost
        .into_iter()
        .map(|(ratio, situation, threads, form, ns, best)| {
            vec![
                situation.to_owned(),
                threads.to_string(),
                form.name().to_owned(),
                figure(ns),
                format!("{} {}", best.counter.name(), figure(best.figure.ns)),
                figure(ratio),
            ]
        })
        .collect();
    let header = [
        "situation",
        "threads",
        "form",
        "ns",
        "the best of the others",
        "times",
    ];
    markdown(&header.map(str::to_owned), &rows)
}

/// The blocks for a terminal: names above, figures below, in the colour of their distance.
pub fn coloured(results: &Results, colours: bool) -> String {
    let mut text = String::new();
    for threads in results.threads() {
        let columns = columns(results, threads);
        let _ = writeln!(text, "\n{}", plural(threads, "thread"));
        for line in 0..2 {
            let _ = write!(text, "{:<27}", "");
            for column in &columns {
                let _ = write!(
                    text,
                    "{:>width$}",
                    heading(*column)[line],
                    width = width(*column)
                );
            }
            text.push('\n');
        }
        for situation in results.situations() {
            let _ = write!(text, "{situation:<27}");
            for column in &columns {
                text += &cell_in_colour(results, situation, threads, *column, colours);
            }
            text.push('\n');
        }
    }
    text
}

/// A name of two words stands in two lines.
fn heading(counter: Counter) -> [&'static str; 2] {
    let (first, second) = counter
        .name()
        .split_once(' ')
        .unwrap_or(("", counter.name()));
    [first, second]
}

fn width(counter: Counter) -> usize {
    let longest = heading(counter).map(str::len).into_iter().max();
    longest.unwrap_or_default().max(6) + 2
}

fn cell_in_colour(
    results: &Results,
    situation: &str,
    threads: usize,
    counter: Counter,
    colours: bool,
) -> String {
    let width = width(counter);
    let cell = results
        .row(situation, threads)
        .find(|cell| cell.counter == counter);
    let ns = cell.map_or_else(String::new, |cell| figure(cell.figure.ns));
    let distance = cell
        .filter(|_| colours && !counter.is_reference())
        .zip(results.best(situation, threads))
        .map(|(cell, best)| Distance::of(cell.figure.ns / best));
    match distance {
        Some(distance) => format!("{}{ns:>width$}\x1b[0m", distance.colour()),
        None => format!("{ns:>width$}"),
    }
}
