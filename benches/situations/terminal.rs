//! The blocks for a terminal: names above, figures below, in the colour of their distance.

use crate::counters::Counter;
use crate::results::Results;
use crate::table::{columns, counted, distance, figure, plural, told};
use std::fmt::Write;

/// Of the column with the situations.
const SITUATION: usize = 27;
/// Of a figure with its ratio, and of one without.
const FIGURE: usize = 16;
const REFERENCE: usize = 8;

/// The table, under what its figures and colours mean.
pub fn coloured(results: &Results, colours: bool) -> String {
    let mut text = key(colours);
    for threads in results.threads() {
        let columns = columns(results, threads);
        let _ = writeln!(text, "\n{}", plural(threads, "thread"));
        text += &heads(&columns);
        for situation in results.situations() {
            let _ = write!(text, "{situation:<SITUATION$}");
            for &column in &columns {
                text += &cell(results, situation, threads, column, colours);
            }
            let figures = results.row(situation, threads).map(|cell| cell.figure);
            let _ = writeln!(text, "  {}", counted(figures));
        }
    }
    text
}

fn key(colours: bool) -> String {
    let bands = if colours {
        ": \x1b[32mup to 1.2\x1b[0m, \x1b[33mup to 2\x1b[0m, \x1b[35mup to 5\x1b[0m, \x1b[31mmore\x1b[0m"
    } else {
        ""
    };
    format!(
        "ns per call and thread, medians (times the best of the row{bands}); without a ratio: no counter of \
         one stock that can refuse;\na dash: too few undisturbed windows, under 10 of 200; at the end of a \
         row: the windows counted\n"
    )
}

/// The names, in two lines.
fn heads(columns: &[Counter]) -> String {
    let mut text = String::new();
    for line in 0..2 {
        let _ = write!(text, "{:<SITUATION$}", "");
        for &column in columns {
            let _ = write!(
                text,
                "{:>width$}",
                head(column)[line],
                width = width(column)
            );
        }
        text.push('\n');
    }
    text
}

/// A name of two words stands in two lines.
fn head(counter: Counter) -> [&'static str; 2] {
    let name = counter.name();
    let (first, second) = name.split_once(' ').unwrap_or(("", name));
    [first, second]
}

fn width(counter: Counter) -> usize {
    let least = if counter.is_reference() {
        REFERENCE
    } else {
        FIGURE
    };
    let longest = head(counter).map(|line| line.len() + 1);
    longest.into_iter().fold(least, usize::max)
}

/// A figure and its ratio; one that has no ratio has no colour either.
fn cell(
    results: &Results,
    situation: &str,
    threads: usize,
    counter: Counter,
    colours: bool,
) -> String {
    let width = width(counter);
    let mut row = results.row(situation, threads);
    let Some(cell) = row.find(|cell| cell.counter == counter) else {
        return " ".repeat(width);
    };
    let Some((distance, ratio)) = distance(cell, results.best(situation, threads)) else {
        return format!("{:>width$}", told(cell));
    };
    let text = format!("{} ({})", told(cell), figure(ratio));
    if colours {
        format!("{}{text:>width$}\x1b[0m", distance.colour())
    } else {
        format!("{text:>width$}")
    }
}
