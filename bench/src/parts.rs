//! The generated parts of the documents, by the names of their marks.

use crate::candidates::{Kind, all};
use crate::tables::{digits, figures, grouped, groups, markdown, number, pivot};
use segstock_harness::{Figure, Ratio, Results};

/// The part of this name, if it was measured.
pub fn part(name: &str, bench: &Results, ratios: &Results) -> Option<String> {
    let text = match name {
        "conditions" => bench.conditions.clone(),
        "table" => table(&cells(bench)),
        "losses" => losses(&cells(bench)),
        "readme" => readme(bench),
        "promises" => promises(ratios),
        _ => panels(bench, &format!("{name}: ")),
    };
    (!text.is_empty()).then_some(text)
}

/// The kind of a figure's counter.
fn kind(figure: &Figure) -> Option<Kind> {
    let mut all = all().into_iter();
    Some(all.find(|(_, one)| one.name == figure.candidate)?.0)
}

fn is_reference(figure: &Figure) -> bool {
    kind(figure) >= Some(Kind::Private)
}

/// Every situation with every counter.
fn cells(bench: &Results) -> Vec<&Figure> {
    figures(bench, |one| {
        kind(one).is_some() && !one.situation.contains(": ")
    })
}

fn candidate(figure: &Figure) -> String {
    figure.candidate.clone()
}

fn situation(figure: &Figure) -> String {
    figure.situation.clone()
}

fn situation_and_threads(figure: &Figure) -> String {
    format!("{}, threads: {}", figure.situation, figure.threads)
}

/// How many times the best of its row a figure is: of the counters that can be compared.
fn times(figure: &Figure, cells: &[&Figure]) -> Option<f64> {
    let row = |one: &Figure| (one.threads, &*one.situation) == (figure.threads, &*figure.situation);
    let compared = cells.iter().filter(|one| row(one) && !is_reference(one));
    let best = compared
        .filter_map(|one| one.reliable())
        .min_by(f64::total_cmp);
    let ns = figure.reliable().filter(|_| !is_reference(figure));
    Some(ns? / best?)
}

fn cell(figure: &Figure, times: Option<f64>) -> String {
    let square = match times {
        None => return emphasised(figure, number(figure)),
        Some(..=1.2) => '🟩',
        Some(..=2.0) => '🟨',
        Some(..=5.0) => '🟧',
        Some(_) => '🟥',
    };
    format!("{square} {} ({})", number(figure), digits(times))
}

fn emphasised(figure: &Figure, text: String) -> String {
    let mark = if is_reference(figure) { "*" } else { "" };
    format!("{mark}{text}{mark}")
}

/// One block for each number of threads.
fn table(cells: &[&Figure]) -> String {
    let name = |one: &Figure| emphasised(one, candidate(one));
    let cell = |one: &Figure| cell(one, times(one, cells));
    let block = |(threads, block): (usize, Vec<&Figure>)| {
        let table = pivot(&block, "situation", situation, name, cell);
        format!("**threads: {threads}**\n\n{table}\n")
    };
    let blocks = groups(cells, |one| one.threads).into_iter();
    blocks.map(block).collect()
}

/// Where a form of `Stock` takes over a tenth longer than the best of its row, worst first.
fn losses(cells: &[&Figure]) -> String {
    let times = |one: &Figure| times(one, cells).unwrap_or(1.0);
    let cell = |one: &Figure| cell(one, Some(times(one)));
    let mut losses = cells.to_vec();
    losses.retain(|one| one.candidate.starts_with("Stock") && times(one) > 1.1);
    losses.sort_by(|a, b| times(b).total_cmp(&times(a)));
    pivot(&losses, "situation", situation_and_threads, candidate, cell)
}

/// A table for each situation whose name begins with this, over threads or the places of an axis; and the ratios.
fn panels(bench: &Results, name: &str) -> String {
    let column = |one: &Figure| match one.at {
        None => one.threads.to_string(),
        Some(at) => grouped(at),
    };
    let figures = figures(bench, |one| one.situation.starts_with(name));
    let panel = |((title, unit), panel): ((String, String), Vec<&Figure>)| {
        let corner = panel[0].at.map_or("threads", |_| "");
        let table = pivot(&panel, corner, candidate, column, number);
        format!("{}, {unit}:\n\n{table}\n", &title[name.len()..])
    };
    let panels = groups(&figures, |one| (situation(one), one.unit.clone()));
    let ratios = bench.ratios.iter();
    let ratios = ratios.filter(|one| one.situation.starts_with(name));
    panels.into_iter().map(panel).collect::<String>() + &compared(ratios)
}

/// The few columns that the README shows, on a thread for each core.
fn readme(bench: &Results) -> String {
    const SHOWN: &str =
        "Stock::new|Stock, 16 segments|shared atomic|parking_lot lock|tokio permits|private atomic";
    let mut shown = cells(bench);
    shown.retain(|one| {
        SHOWN.split('|').any(|name| name == one.candidate) && one.threads == bench.cores
    });
    format!("{}.\n\n{}", bench.conditions, table(&shown))
}

fn compared<'a>(ratios: impl Iterator<Item = &'a Ratio>) -> String {
    let row = |one: &Ratio| {
        let ratio = one.ratio.map(|ratio| format!("{ratio:.2}"));
        let (ratio, limit) = (ratio.unwrap_or_default(), one.limit.to_string());
        let verdict = if one.is_kept() { "kept" } else { "**missed**" };
        let cells = [&*one.situation, &one.name, &ratio, &limit, verdict];
        cells.map(str::to_owned).into()
    };
    let header = ["situation", "what to what", "ratio", "limit", "kept"];
    markdown(&header, ratios.map(row).collect())
}

fn promises(ratios: &Results) -> String {
    let (kept, promises) = ratios.kept();
    let (table, conditions) = (compared(ratios.ratios.iter()), &ratios.conditions);
    format!("One run: {conditions}. {kept} of {promises} promises kept.\n\n{table}")
}
