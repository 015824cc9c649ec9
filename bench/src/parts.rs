//! The generated parts of the documents, by the names of their marks.

use crate::candidates::{Kind, kind};
use crate::tables::{digits, figures, groups, markdown, number, pivot};
use segstock_harness::{Figure, Limit, Ratio, Results};

/// What a mark can ask for beside `conditions`, `readme` and `promises`.
pub const TABLES: &str = "table, losses, order flow, choosing a segment, cost over segments, \
    cost over what is left, maps, kept";

/// The part of this name, if it was measured.
pub fn part(name: &str, bench: &Results, ratios: &Results) -> Option<String> {
    let text = match name {
        "conditions" => bench.conditions.clone(),
        "table" => table(&cells(bench)),
        "losses" => losses(&cells(bench)),
        "order flow" => flows(bench),
        "choosing a segment" => panels(bench, name, "ns of the flow"),
        "cost over segments" => panels(bench, name, "segments"),
        "cost over what is left" => panels(bench, name, "units left"),
        "maps" | "kept" => panels(bench, name, "threads") + &about(bench, name),
        "readme" => readme(bench),
        "promises" => promises(ratios),
        _ => String::new(),
    };
    (!text.is_empty()).then_some(text)
}

/// Every situation with every counter.
fn cells(bench: &Results) -> Vec<&Figure> {
    let is_counter = |one: &Figure| kind(&one.candidate).is_some() && one.unit == "ns";
    figures(bench, |one| {
        !one.situation.contains(": ") && is_counter(one)
    })
}

fn is_reference(figure: &Figure) -> bool {
    kind(&figure.candidate).is_some_and(|kind| kind >= Kind::Private)
}

/// The smallest of these figures, and its value.
fn best<'a>(row: &[&'a Figure], wanted: impl Fn(&Figure) -> bool) -> Option<(&'a Figure, f64)> {
    let wanted = row.iter().filter(|one| wanted(one));
    let reliable = wanted.filter_map(|one| Some((*one, one.reliable()?)));
    reliable.min_by(|a, b| a.1.total_cmp(&b.1))
}

fn situation(figure: &Figure) -> String {
    figure.situation.clone()
}

fn candidate(figure: &Figure) -> String {
    figure.candidate.clone()
}

/// One block for each number of threads.
fn table(cells: &[&Figure]) -> String {
    let name = |one: &Figure| emphasised(one, &one.candidate);
    let block = |(threads, block): (usize, Vec<&Figure>)| {
        let table = pivot(&block, "situation", situation, name, compared_to_best);
        format!("**threads: {threads}**\n\n{table}\n")
    };
    let blocks = groups(cells, |one| one.threads).into_iter();
    blocks.map(block).collect()
}

fn emphasised(figure: &Figure, text: &str) -> String {
    let mark = if is_reference(figure) { "*" } else { "" };
    format!("{mark}{text}{mark}")
}

/// A figure, and how many times the best of its row: of counters that can be compared.
fn compared_to_best(figure: &Figure, row: &[&Figure]) -> String {
    let best = best(row, |one| !is_reference(one) && !is_reference(figure));
    let Some((ns, (_, best))) = figure.reliable().zip(best) else {
        return emphasised(figure, &number(figure));
    };
    let square = match ns / best {
        ratio if ratio <= 1.2 => '🟩',
        ratio if ratio <= 2.0 => '🟨',
        ratio if ratio <= 5.0 => '🟧',
        _ => '🟥',
    };
    format!("{square} {} ({})", number(figure), digits(Some(ns / best)))
}

/// Where a form of `Stock` takes over a tenth longer than the best that is not ours, worst first.
fn losses(cells: &[&Figure]) -> String {
    let header = "situation, threads, form, ns, the best of the others, times";
    let is_other = |one: &Figure| !is_reference(one) && kind(&one.candidate) != Some(Kind::Ours);
    let mut losses = Vec::new();
    for (_, row) in groups(cells, |one| (situation(one), one.threads)) {
        let Some((best, least)) = best(&row, is_other) else {
            continue;
        };
        for form in row.iter().filter(|one| one.candidate.starts_with("Stock")) {
            let times = form.reliable().unwrap_or(least) / least;
            let mut cells = vec![situation(form), form.threads.to_string(), candidate(form)];
            let best = format!("{} {}", best.candidate, number(best));
            cells.extend([number(form), best, digits(Some(times))]);
            losses.push((times, cells));
        }
    }
    losses.retain(|loss| loss.0 > 1.1);
    losses.sort_by(|a, b| b.0.total_cmp(&a.0));
    let header: Vec<&str> = header.split(", ").collect();
    let table = markdown(&header, losses.into_iter().map(|loss| loss.1).collect());
    if table.is_empty() {
        "Nowhere, in this run.".to_owned()
    } else {
        table
    }
}

/// A table for each situation whose name begins with this, over threads or the places of an axis.
fn panels(bench: &Results, name: &str, over: &str) -> String {
    let column = |one: &Figure| match one.at {
        None => one.threads.to_string(),
        // A flow of no length stands at 1 ns: the axis is logarithmic.
        Some(1.0) if over == "ns of the flow" => "none".to_owned(),
        Some(at) if at.fract() == 0.0 && at < 10.0 => at.to_string(),
        at => digits(at),
    };
    let name = format!("{name}: ");
    let panels = groups(
        &figures(bench, |one| one.situation.starts_with(&name)),
        situation,
    );
    let panel = |(title, panel): (String, Vec<&Figure>)| {
        let table = pivot(&panel, over, candidate, column, |one, _| number(one));
        format!("{}, {}:\n\n{table}\n", &title[name.len()..], panel[0].unit)
    };
    panels.into_iter().map(panel).collect()
}

fn flows(bench: &Results) -> String {
    let flows = figures(bench, |one| {
        one.situation == "order flow" && one.value.is_some()
    });
    let column = |one: &Figure| match one.at {
        None => one.unit.clone(),
        Some(part) => format!("{} % within, ms", (part * 1e3).round() / 10.0),
    };
    let table = pivot(
        &flows,
        "held during the flow",
        candidate,
        column,
        |one, _| number(one),
    );
    table.split("\n\n").next().unwrap_or_default().to_owned()
}

/// The few rows that the README shows, and the order flow in one sentence.
fn readme(bench: &Results) -> String {
    const LEFT_OUT: &str = "too few left|edge, 4 units|99 refusals to one restock|LockedStock, 16|\
        segment locks, 16|std lock|fast-counter|contatori";
    let is_left_out = |name: &String| LEFT_OUT.split('|').any(|one| one == name);
    let is_shown = |one: &&Figure| {
        let of_cores = match one.situation.as_str() {
            "plenty" => one.threads <= 2 * bench.cores,
            "fragmented" => one.threads == 1,
            _ => one.threads == bench.cores,
        };
        of_cores && !is_left_out(&one.situation) && !is_left_out(&one.candidate)
    };
    let shown: Vec<&Figure> = cells(bench).into_iter().filter(is_shown).collect();
    let row = |one: &Figure| format!("{}, threads: {}", one.situation, one.threads);
    let table = pivot(&shown, "situation", row, candidate, |one, _| number(one));
    let sold = |name: &str| {
        let sold = figures(bench, |one| {
            one.candidate == name && one.unit == "orders a second"
        });
        sold.first().map_or_else(String::new, |one| number(one))
    };
    let (one, many) = (sold("parking_lot lock"), sold("LockedStock, 20, random"));
    format!(
        "{}.\n\n{table}\nWith an order flow of 20 ms under the lock and 64 customers, one lock sells {one} orders \
         a second, and `LockedStock` with 20 segments {many}.",
        bench.conditions
    )
}

fn compared<'a>(ratios: impl Iterator<Item = &'a Ratio>) -> String {
    let row = |one: &Ratio| {
        let ratio = one.ratio.map(|ratio| format!("{ratio:.2}"));
        let (ratio, limit) = (ratio.unwrap_or_default(), one.limit.to_string());
        let verdicts = ["**missed**", "kept"];
        let verdict = one.is_kept().map_or("", |kept| verdicts[usize::from(kept)]);
        let cells = [&*one.situation, &one.name, &ratio, &limit, verdict];
        cells.map(str::to_owned).into()
    };
    let header = ["situation", "what to what", "ratio", "limit", "kept"];
    markdown(&header, ratios.map(row).collect())
}

/// The ratios of the situations whose name begins with this.
fn about(bench: &Results, name: &str) -> String {
    let ratios = bench.ratios.iter();
    compared(ratios.filter(|one| one.situation.starts_with(name)))
}

fn promises(ratios: &Results) -> String {
    let (kept, promises) = ratios.kept();
    let promised = ratios.ratios.iter().filter(|one| one.limit != Limit::None);
    let (table, conditions) = (compared(promised), &ratios.conditions);
    format!("One run: {conditions}. {kept} of {promises} promises kept.\n\n{table}")
}
