//! The generated parts of the documents, by the names of their marks.

use crate::counters::Counter;
use crate::curves;
use crate::flows::Held;
use crate::losses;
use crate::results::{Curve, Flow, Results};
use crate::situation;
use crate::support::cpu;
use crate::table::{blocks, counted, figure, grouped, markdown};
use segstock::Selection;

/// What a mark can ask for.
pub const NAMES: [&str; 12] = [
    "conditions",
    "meaning",
    "table",
    "losses",
    "losses of LockedStock",
    "published",
    "over segments",
    "over what is left",
    "selection",
    "order flow",
    "scaling",
    "readme",
];

const OVER_THE_FLOW: &str = "ns of the flow";

/// The part that goes by this name, if it was measured.
pub fn part(results: &Results, name: &str) -> Option<String> {
    match name {
        "conditions" => Some(results.conditions.clone()),
        "meaning" => Some(meaning()),
        "table" => some(&results.cells, || blocks(results)),
        "losses" => some(&results.cells, || losses::of_stock(results)),
        "losses of LockedStock" => some(&results.cells, || losses::of_locked_stock(results)),
        "published" => some(&results.cells, || published(results)),
        "over segments" => lines(results, curves::OVER_SEGMENTS, "segments"),
        "over what is left" => lines(
            results,
            curves::OVER_WHAT_IS_LEFT,
            "units left of a million",
        ),
        "selection" => lines(results, curves::SELECTION, OVER_THE_FLOW),
        "order flow" => some(&results.flows, || flows(results)),
        "scaling" => some(&results.cells, || scaling(results)),
        "readme" => some(&results.cells, || readme(results)),
        _ => None,
    }
}

const CONDITIONS_AND_TABLE: [(&str, &str); 2] =
    [("conditions", "Conditions"), ("table", "Situations")];
const BESIDE_THE_TABLE: [(&str, &str); 7] = [
    ("losses", "Where Stock loses"),
    ("losses of LockedStock", "Where LockedStock loses"),
    ("published", "What the published design costs"),
    ("order flow", "The order flow under the lock"),
    ("selection", "Choosing a segment"),
    ("over segments", "Cost over segments"),
    ("over what is left", "Cost over what is left"),
];

/// Everything, as a file of its own.
pub fn whole(results: &Results) -> String {
    let before = chapters(results, &CONDITIONS_AND_TABLE);
    [before, beside_the_table(results)].join("\n")
}

/// What else was measured, or follows from the table.
pub fn beside_the_table(results: &Results) -> String {
    chapters(results, &BESIDE_THE_TABLE)
}

/// Those parts that were measured, each under its title.
fn chapters(results: &Results, parts: &[(&str, &str)]) -> String {
    let chapter = |(name, title): &(&str, &str)| {
        let part = part(results, name)?;
        Some(format!("# {title}\n\n{}\n", part.trim()))
    };
    let chapters: Vec<String> = parts.iter().filter_map(chapter).collect();
    chapters.join("\n")
}

fn some<T>(measured: &[T], text: impl FnOnce() -> String) -> Option<String> {
    (!measured.is_empty()).then(text)
}

fn texts<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.map(str::to_owned).into()
}

fn meaning() -> String {
    let row = |one: &situation::Situation| texts([one.name, one.about]);
    let rows: Vec<_> = situation::ALL.iter().map(row).collect();
    markdown(&texts(["situation", "what every thread does"]), &rows)
}

/// The lines of a plot, in a table for each panel.
fn lines(results: &Results, plot: &str, over: &str) -> Option<String> {
    let curves = || results.curves.iter().filter(|one| one.plot == plot);
    let mut panels: Vec<&str> = curves().map(|curve| curve.panel.as_str()).collect();
    panels.dedup();
    let table = |panel: &str| {
        let curves: Vec<&Curve> = curves().filter(|curve| curve.panel == panel).collect();
        panel_table(panel, over, &curves)
    };
    let tables: Vec<String> = panels.into_iter().map(table).collect();
    (!tables.is_empty()).then(|| tables.join("\n"))
}

/// The lines of a panel, and how many windows they stand on.
fn panel_table(panel: &str, over: &str, curves: &[&Curve]) -> String {
    let x = curves.first().map_or(&[][..], |curve| &curve.points);
    let mut header = vec![over.to_owned()];
    header.extend(x.iter().map(|&(x, _)| on_the_axis(over, x)));
    let row = |curve: &&Curve| {
        let mut row = vec![curve.line.clone()];
        let told = curve.points.iter().map(|(_, y)| y.told());
        row.extend(told.map(|ns| figure(ns.unwrap_or(f64::NAN))));
        row
    };
    let rows: Vec<_> = curves.iter().map(row).collect();
    let figures = curves.iter().flat_map(|curve| &curve.points);
    format!(
        "{panel}, ns:\n\n{}\n{} windows counted.\n",
        markdown(&header, &rows),
        counted(figures.map(|(_, figure)| *figure))
    )
}

/// A value as it stands above its column.
fn on_the_axis(over: &str, x: f64) -> String {
    match x {
        // No logarithm shows it otherwise.
        1.0 if over == OVER_THE_FLOW => "none".to_owned(),
        _ if x < 10.0 && x.fract() == 0.0 => format!("{x}"),
        _ => figure(x),
    }
}

/// ns of these counters, a row for each situation and number of threads that any was measured in.
fn ns_table<'a>(
    results: &Results,
    columns: &[Counter],
    rows: impl Iterator<Item = (&'a str, usize)>,
) -> String {
    let mut header = texts(["situation", "threads"]);
    header.extend(columns.iter().map(|counter| counter.name().to_owned()));
    let mut table = Vec::new();
    for (situation, threads) in rows {
        let ns = |&counter: &Counter| results.ns(situation, counter, threads);
        if columns.iter().any(|counter| ns(counter).is_some()) {
            let mut row = vec![situation.to_owned(), threads.to_string()];
            let cells = columns.iter().map(ns);
            row.extend(cells.map(|ns| ns.map_or_else(String::new, figure)));
            table.push(row);
        }
    }
    markdown(&header, &table)
}

/// What segment locks as published take, and `LockedStock`, next to one lock and to `Stock`.
fn published(results: &Results) -> String {
    const COLUMNS: [Counter; 4] = [
        Counter::Lock,
        Counter::SegmentLocks,
        Counter::Locked,
        Counter::Stock,
    ];
    let threads = results.threads();
    let rows = results.situations().into_iter().flat_map(|situation| {
        let threads = threads.iter();
        threads.map(move |&threads| (situation, threads))
    });
    ns_table(results, &COLUMNS, rows)
}

fn flows(results: &Results) -> String {
    const TOLD: [f64; 4] = [0.5, 0.9, 0.99, 0.999];
    let mut header = texts(["held during the flow", "locks", "orders", "orders a second"]);
    header.extend(TOLD.map(|part| format!("{} % within, ms", part * 100.0)));
    header.push("the longest, ms".to_owned());
    let row = |flow: &Flow| {
        let locks = flow.held.locks();
        let mut row = vec![
            flow.held.name().to_owned(),
            locks.map_or_else(String::new, |locks| locks.to_string()),
            grouped(flow.orders),
            figure(flow.orders_per_second),
        ];
        let at = |part| flow.latency.iter().find(|one| one.0 == part);
        row.extend(TOLD.map(|part| at(part).map_or_else(String::new, |one| figure(one.1))));
        row.push(figure(flow.longest_ms));
        row
    };
    let rows: Vec<_> = results.flows.iter().map(row).collect();
    let sale = results.flows[0].sale;
    format!(
        "{} customers, a flow of {} ms; an empty cell: too few orders for this percentile.\n\n{}",
        sale.customers,
        sale.flow.as_millis(),
        markdown(&header, &rows)
    )
}

/// ns of a deduct over threads, for what the page on larger machines sets beside published figures.
fn scaling(results: &Results) -> String {
    const COLUMNS: [Counter; 4] = [
        Counter::Atomic,
        Counter::Lock,
        Counter::Stock,
        Counter::Striped,
    ];
    let rows = results
        .threads()
        .into_iter()
        .map(|threads| ("plenty", threads));
    ns_table(results, &COLUMNS, rows)
}

/// The few rows that the README shows, and the order flow in one sentence.
fn readme(results: &Results) -> String {
    const COLUMNS: [Counter; 6] = [
        Counter::Stock,
        Counter::Striped,
        Counter::Private,
        Counter::Atomic,
        Counter::Lock,
        Counter::Permits,
    ];
    let cores = cpu::cores();
    let shown = [
        ("plenty", 1),
        ("plenty", cores),
        ("plenty", 2 * cores),
        ("take and give back", cores),
        ("reserve and release", cores),
        ("sold out", cores),
        ("more than there is", cores),
        ("edge, 1 unit", cores),
        ("fragmented", 1),
        ("drain", cores),
    ];
    let table = ns_table(results, &COLUMNS, shown.into_iter());
    format!(
        "{}.\n\n{table}\n{}",
        results.conditions,
        in_a_sentence(&results.flows)
    )
}

/// What one lock sells, and what many do.
fn in_a_sentence(flows: &[Flow]) -> String {
    let of = |held: Held| flows.iter().find(|flow| flow.held == held);
    let many = of(Held::Locked(20, Selection::Random));
    let Some((one, many)) = of(Held::Lock).zip(many) else {
        return String::new();
    };
    format!(
        "With an order flow of {} ms under the lock and {} customers, one lock sells {} orders a second, and \
         `LockedStock` with 20 segments {}.",
        one.sale.flow.as_millis(),
        one.sale.customers,
        figure(one.orders_per_second),
        figure(many.orders_per_second)
    )
}
