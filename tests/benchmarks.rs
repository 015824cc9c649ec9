//! What the benchmark `situations` makes of its figures: the table, the parts of the documents, the
//! plots, and its arguments. No figure is measured here.
#![cfg(not(loom))]

// The benchmark's own modules; not all of each is used here.
#[path = "../benches/situations/arguments.rs"]
#[allow(dead_code)]
mod arguments;
#[path = "../benches/situations/axes.rs"]
mod axes;
#[path = "../benches/situations/conditions.rs"]
mod conditions;
#[path = "../benches/situations/counters.rs"]
#[allow(dead_code)]
mod counters;
#[path = "../benches/situations/curves.rs"]
#[allow(dead_code)]
mod curves;
#[path = "../benches/situations/documents.rs"]
#[allow(dead_code)]
mod documents;
#[path = "../benches/situations/flows.rs"]
#[allow(dead_code)]
mod flows;
#[path = "../benches/situations/losses.rs"]
mod losses;
#[path = "../benches/situations/marks.rs"]
mod marks;
#[path = "../benches/situations/plan.rs"]
#[allow(dead_code)]
mod plan;
#[path = "../benches/situations/plots.rs"]
mod plots;
#[path = "../benches/situations/progress.rs"]
mod progress;
#[path = "../benches/situations/results.rs"]
#[allow(dead_code)]
mod results;
#[path = "../benches/situations/situation.rs"]
#[allow(dead_code)]
mod situation;
#[path = "../benches/support/mod.rs"]
mod support;
#[path = "../benches/situations/table.rs"]
mod table;
#[path = "../benches/situations/terminal.rs"]
mod terminal;

use arguments::Arguments;
use clap::Parser;
use counters::Counter;
use flows::Held;
use progress::Progress;
use results::{Cell, Curve, Flow, Results};
use segstock::Selection;
use std::time::Duration;
use support::flow::Sale;
use support::windows::{Effort, Figure};
use table::markdown;

fn figure_of(ns: f64) -> Figure {
    Figure {
        ns,
        counted: if ns.is_finite() { 150 } else { 0 },
        windows: 200,
    }
}

fn cell(situation: &'static str, counter: Counter, threads: usize, ns: f64) -> Cell {
    Cell {
        situation,
        counter,
        threads,
        figure: figure_of(ns),
    }
}

/// A stock that wins with plenty, and loses when it refuses.
fn results() -> Results {
    let mut results = Results::new("on a machine of no kind".to_owned());
    results.cells = vec![
        cell("plenty", Counter::Stock, 2, 3.0),
        cell("plenty", Counter::Atomic, 2, 30.0),
        cell("plenty", Counter::Lock, 2, f64::NAN),
        cell("plenty", Counter::Private, 2, 2.0),
        cell("sold out", Counter::Stock, 2, 4.5),
        cell("sold out", Counter::Atomic, 2, 1.5),
    ];
    results
}

#[test]
fn the_table_is_relative_to_the_best_counter_that_can_refuse() {
    let blocks = table::blocks(&results());
    let row = |name: &str| {
        let mut lines = blocks.lines();
        let row = lines.find(|line| line.starts_with(&format!("| {name}")));
        row.expect("a row").to_owned()
    };
    assert_eq!(
        row("plenty"),
        "| plenty | 🟩 3.0 (1.0) | 🟥 30 (10) | – | *2.0* | 0 to 150 of 200 |"
    );
    assert_eq!(
        row("sold out"),
        "| sold out | 🟧 4.5 (3.0) | 🟩 1.5 (1.0) |  |  | 150 of 200 |"
    );
    assert!(blocks.contains("**2 threads**"), "{blocks}");
}

#[test]
fn losses_are_told_and_nothing_else_is() {
    let losses = losses::of_stock(&results());
    let rows: Vec<&str> = losses.lines().skip(2).collect();
    assert_eq!(
        rows,
        ["| sold out | 2 | Stock::new | 4.5 | shared atomic 1.5 | 3.0 |"]
    );

    let mut winning = results();
    winning.cells.retain(|cell| cell.situation == "plenty");
    assert_eq!(losses::of_stock(&winning), "Nowhere, in this run.");
}

#[test]
fn of_the_many_losses_of_locked_stock_the_worst_are_told() {
    let mut results = results();
    for threads in 1..=12 {
        let ns = 10.0 * threads as f64;
        let cells = [
            cell("plenty", Counter::Locked, threads, ns),
            cell("plenty", Counter::StdLock, threads, 1.0),
        ];
        results.cells.extend(cells);
    }
    let told = losses::of_locked_stock(&results);
    assert!(told.starts_with("The worst 10 of 12 rows:"), "{told}");
    let rows: Vec<&str> = told.lines().skip(4).collect();
    assert_eq!(rows.len(), 10);
    assert_eq!(
        rows[0],
        "| plenty | 12 | LockedStock, 16 | 120 | std lock 1.0 | 120 |"
    );
    assert!(!losses::of_stock(&results).contains("LockedStock"));
}

/// One of 200 windows says nothing, and wins nothing.
#[test]
fn a_figure_that_stands_on_few_windows_is_not_told() {
    let figure = |counted, windows| Figure {
        ns: 1.0,
        counted,
        windows,
    };
    assert_eq!(figure(9, 200).told(), None);
    assert_eq!(figure(10, 200).told(), Some(1.0));
    assert_eq!(figure(1, 5).told(), Some(1.0));
    assert_eq!(figure(0, 5).told(), None);

    let mut results = results();
    results.cells[0].figure.counted = 9;
    let blocks = table::blocks(&results);
    assert!(blocks.contains("| plenty | – | 🟩 30 (1.0) |"), "{blocks}");
}

#[test]
fn the_conditions_name_the_commit_the_day_and_other_work() {
    let line = conditions::line(true);
    assert!(line.starts_with("segstock 0."), "{line}");
    assert!(line.ends_with("; the quick form, whose figures say nothing"));
    let is_a_day = |part: &str| {
        let digits: Vec<usize> = part.split('-').map(str::len).collect();
        digits == [4, 2, 2] && part.starts_with("20")
    };
    assert!(
        line.split([',', ';']).any(|part| is_a_day(part.trim())),
        "{line}"
    );
    // Only where there is git, and a repository that it reads.
    let git = std::process::Command::new("git")
        .args(["rev-parse", "HEAD"])
        .output();
    if git.is_ok_and(|output| output.status.success()) {
        assert!(line.contains(", commit "), "{line}");
    }
    assert_eq!(conditions::warning(None), None);
    assert_eq!(conditions::warning(Some(0.5)), None);
    let warning = conditions::warning(Some(0.51)).expect("a warning");
    assert!(warning.contains("0.51"), "{warning}");
}

#[test]
fn a_terminal_shows_the_distance_in_colour() {
    let coloured = terminal::coloured(&results(), true);
    let table = coloured.split_once("2 threads").expect("a block").1;
    let lost = table.split("\x1b[31m").nth(1).expect("something in red");
    assert_eq!(lost.split('\x1b').next().unwrap().trim(), "30 (10)");
    assert_eq!(table.matches("\x1b[31m").count(), 1, "no figure is no loss");
    assert!(coloured.contains("\x1b[31mmore\x1b[0m"), "the key");

    let plain = terminal::coloured(&results(), false);
    assert!(!plain.contains('\x1b'));
    assert!(plain.contains("times the best of the row"), "{plain}");
    assert!(plain.contains("0 to 150 of 200"), "{plain}");
}

#[test]
fn text_stands_left_and_numbers_right() {
    let cells = |cells: [&str; 4]| cells.map(str::to_owned).to_vec();
    let rows = [
        cells(["1", "random", "–", "🟩 8.1 (1.0)"]),
        cells(["2", "by thread", "*2.0*", ""]),
    ];
    let table = markdown(&cells(["a", "b", "c", "d"]), &rows);
    assert_eq!(table.lines().nth(1), Some("| --- | --- | ---: | ---: |"));
}

#[test]
fn figures_have_the_digits_that_mean_something() {
    let told = [0.52, 9.94, 9.96, 117.4, 1_234_567.8, f64::NAN].map(table::figure);
    assert_eq!(told, ["0.5", "9.9", "10", "117", "1,234,568", "–"]);
}

#[test]
fn marked_parts_are_replaced_and_the_rest_is_kept() {
    let part = |name: &str| (name == "a").then(|| "new".to_owned());
    let document = "before\n<!-- measured: a -->\nold\n<!-- /measured -->\nafter\n";
    let filled = marks::fill(document, part).unwrap();
    assert_eq!(
        filled,
        "before\n<!-- measured: a -->\n\nnew\n\n<!-- /measured -->\nafter\n"
    );
    assert_eq!(marks::fill(&filled, part).as_ref(), Ok(&filled), "again");
}

#[test]
fn a_mark_that_cannot_be_filled_is_a_mistake() {
    let mistake = |document: &str| marks::fill(document, |_| None).unwrap_err();
    assert!(mistake("<!-- measured: b --><!-- /measured -->").contains("\"b\""));
    assert!(mistake("<!-- measured: b -->").contains("not closed"));
    assert!(mistake("<!-- measured: b").contains("without"));
    assert!(mistake("no figures").contains("no marks"));
}

/// Every mark of the documents can be filled, and no figure of the quick form was left in them.
#[test]
fn the_documents_ask_for_what_is_measured() {
    for (document, text) in [
        ("README.md", include_str!("../README.md")),
        ("BENCHMARKS.md", include_str!("../BENCHMARKS.md")),
    ] {
        let known = |name: &str| documents::NAMES.contains(&name).then(String::new);
        if let Err(error) = marks::fill(text, known) {
            panic!("{document}: {error}");
        }
        assert!(!text.contains("the quick form, whose"), "{document}");
    }
}

#[test]
fn every_part_has_something_to_say() {
    let mut results = results();
    results.cells.push(cell("plenty", Counter::Stock, 1, 3.0));
    for plot in [
        curves::OVER_SEGMENTS,
        curves::OVER_WHAT_IS_LEFT,
        curves::SELECTION,
    ] {
        results.curves.push(Curve {
            plot,
            panel: "a panel".to_owned(),
            line: "a line".to_owned(),
            points: [(1.0, 3.0), (2.0, f64::NAN), (4.0, 5.0)]
                .map(|(x, ns)| (x, figure_of(ns)))
                .into(),
        });
    }
    for (held, orders) in [
        (Held::Lock, 200),
        (Held::Locked(20, Selection::Random), 4_000),
    ] {
        results.flows.push(Flow {
            sale: flows::sale(false),
            held,
            orders,
            orders_per_second: orders as f64 / 4.0,
            latency: flows::parts(orders)
                .into_iter()
                .map(|part| (part, 20.0))
                .collect(),
            longest_ms: 25.0,
        });
    }
    for name in documents::NAMES {
        let part = documents::part(&results, name);
        assert!(part.is_some_and(|part| part.len() > 10), "{name}");
        let nothing = Results::new("on a machine of no kind".to_owned());
        let part = documents::part(&nothing, name);
        assert_eq!(
            part.is_some(),
            ["conditions", "meaning"].contains(&name),
            "{name}"
        );
    }
    let readme = documents::part(&results, "readme").unwrap();
    assert!(readme.contains("flow of 20 ms"), "{readme}");
    assert!(readme.contains("50 orders a second"), "{readme}");
    assert!(readme.contains("segments 1,000."), "{readme}");
    let flows = documents::part(&results, "order flow").unwrap();
    assert!(
        flows.contains("| 200 | 50 | 20 | 20 | 20 |  | 25 |"),
        "{flows}"
    );
    assert!(
        flows.contains("| 4,000 | 1,000 | 20 | 20 | 20 | 20 | 25 |"),
        "{flows}"
    );
    let segments = documents::part(&results, "over segments").unwrap();
    assert!(
        segments.contains("0 to 150 of 200 windows counted."),
        "{segments}"
    );
    let json = results.json();
    let point = &json["curves"][0]["points"][0];
    assert_eq!(
        (&point["windows_counted"], &point["windows"]),
        (&150.into(), &200.into())
    );
    let beside = documents::beside_the_table(&results);
    assert!(
        beside.contains("# Choosing a segment") && beside.contains("| none |"),
        "{beside}"
    );
    assert_eq!(json["cells"].as_array().unwrap().len(), results.cells.len());
    assert!(json["cells"][2]["ns"].is_null(), "no figure is no number");

    let plots = plots::all(&results);
    assert_eq!(plots.len(), 5);
    for plot in plots {
        let svg = plot.svg().unwrap();
        assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
        assert!(svg.len() < 50_000, "{}: {}", plot.file, svg.len());
    }
}

#[test]
fn axes_have_round_figures_and_the_published_segments() {
    let told = |low: f64, high: f64| {
        let logs = axes::round_figures(low.log10(), high.log10());
        logs.into_iter().map(axes::round_figure).collect::<Vec<_>>()
    };
    assert_eq!(told(0.04, 3.0), ["0.05", "0.1", "0.2", "0.5", "1", "2"]);
    assert_eq!(
        told(150.0, 6_000.0),
        ["200", "500", "1,000", "2,000", "5,000"]
    );
    assert_eq!(told(0.5, 2e6).len(), 7, "the powers of ten alone");
    let ticks = axes::SEGMENTS.ticks(3.0, 6.0);
    let told: Vec<_> = ticks.into_iter().map(axes::SEGMENTS.text).collect();
    assert_eq!(told, ["8", "16", "32", "64", "20"]);
    let part = |part: f64| (axes::PART.place)(part);
    let ticks = axes::PART.ticks(part(0.25), part(0.999));
    let told: Vec<_> = ticks.into_iter().map(axes::PART.text).collect();
    assert_eq!(told, ["90 %", "99 %", "99.9 %", "50 %"]);
}

#[test]
fn threads_go_up_to_four_times_the_cores() {
    assert_eq!(plan::threads(1), [1, 2, 4]);
    assert_eq!(plan::threads(2), [1, 2, 4, 8]);
    assert_eq!(plan::threads(6), [1, 2, 4, 6, 12, 24]);
    assert_eq!(plan::threads(64).last(), Some(&256));
}

#[test]
fn only_chooses_by_name() {
    let cores = support::cpu::cores();
    let chosen = |only| plan::steps(cores, Effort::QUICK, true, only);
    assert_eq!(chosen(Some("drain")).len(), plan::threads(cores).len());
    assert_eq!(chosen(Some("nothing of this name")).len(), 0);
    for name in plan::names() {
        assert!(!chosen(Some(name)).is_empty(), "{name}");
    }
}

/// On a machine of its own the quick form stays far below its limit, and the full one takes minutes.
#[test]
fn the_plan_ends_in_time() {
    let seconds = |cores, effort: Effort, quick| -> f64 {
        let steps = plan::steps(cores, effort, quick, None);
        steps.iter().map(|step| step.estimate.as_secs_f64()).sum()
    };
    for cores in [support::cpu::cores(), 2, 64] {
        let quick = seconds(cores, Effort::QUICK, true);
        assert!(quick < 70.0, "the quick form, {cores} cores: {quick} s");
        assert!(quick > 10.0, "nobody believes {quick} s");
    }
    let full = seconds(2, Effort::SITUATIONS, false);
    assert!(full < 720.0, "the full form, 2 cores: {full} s");
}

/// What the limit leaves out is named, and not measured.
#[test]
fn the_quick_form_stops_at_its_limit() {
    let measured = |limit| {
        let steps = plan::steps(1, Effort::QUICK, true, Some("sold out"));
        let mut results = Results::new(String::new());
        let progress = Progress::new(steps.iter().map(|step| step.estimate).sum());
        let left_out = plan::run(steps, limit, &mut results, progress);
        (left_out, results.threads())
    };
    let (left_out, threads) = measured(Some(Duration::ZERO));
    assert_eq!(
        left_out,
        [1, 2, 4].map(|threads| format!("sold out, threads: {threads}"))
    );
    assert_eq!(threads, [0; 0]);
    let (left_out, threads) = measured(None);
    assert_eq!((left_out.len(), threads), (0, vec![1, 2, 4]));
}

#[test]
fn a_percentile_needs_orders() {
    assert_eq!(flows::parts(3), [0.25, 0.5]);
    assert_eq!(flows::parts(200).last(), Some(&0.995));
    assert_eq!(flows::parts(1_000).last(), Some(&0.999));
    assert_eq!(flows::parts(0).len(), 0);
}

/// Everybody with a lock holds it for the whole flow, and a `Stock` has none to hold.
#[test]
fn who_holds_a_lock_sells_one_at_a_time() {
    let sale = Sale {
        customers: 4,
        flow: Duration::from_millis(10),
    };
    for held in [
        Held::Lock,
        Held::StdLock,
        Held::SegmentLocks(1),
        Held::Locked(1, Selection::Random),
        Held::Nothing,
    ] {
        let mut results = Results::new(String::new());
        flows::order_flow(sale, Duration::from_millis(200), held, &mut results);
        let orders = results.flows[0].orders;
        if held.locks().is_some() {
            assert!((1..=21).contains(&orders), "{held:?}: {orders} orders");
        } else {
            assert!(orders > 21, "{held:?}: {orders} orders");
        }
    }
}

/// Threads are pinned to CPUs that they may use, and not to others of those that there are.
#[test]
#[cfg(target_os = "linux")]
fn threads_are_pinned_to_allowed_cpus() {
    use rustix::thread::{CpuSet, sched_getaffinity};
    use support::cpu;
    let allowed = sched_getaffinity(None).unwrap();
    assert!((1..=allowed.count() as usize).contains(&cpu::cores()));
    for core in 0..cpu::cores() {
        let pin = move || {
            cpu::pin(core);
            sched_getaffinity(None).unwrap()
        };
        let pinned = std::thread::spawn(pin).join().unwrap();
        assert_eq!(pinned.count(), 1);
        let cpu = (0..CpuSet::MAX_CPU)
            .find(|&cpu| pinned.is_set(cpu))
            .unwrap();
        assert!(allowed.is_set(cpu), "{cpu}");
    }
}

#[test]
fn arguments() {
    let parsed = |arguments: &[&str]| {
        let program = ["situations"].iter().chain(arguments);
        Arguments::try_parse_from(program)
    };
    let quick = parsed(&["--quick", "--only", "edge", "--out", "here", "--bench"]).unwrap();
    assert!(quick.quick);
    assert_eq!(quick.only.as_deref(), Some("edge"));
    assert_eq!(quick.directory().as_os_str(), "here/only-edge");
    let spaced = parsed(&["--only", "order flow"]).unwrap();
    assert!(spaced.directory().ends_with("situations/only-order-flow"));
    assert!(parsed(&[]).unwrap().directory().ends_with("situations"));
    assert!(parsed(&["--test"]).unwrap().quick);
    assert!(!parsed(&[]).unwrap().quick);
    assert!(parsed(&["--sloow"]).unwrap_err().use_stderr());
    let some_for_a_whole = parsed(&["--only", "edge", "--write", "README.md"]);
    assert!(some_for_a_whole.is_err(), "a document needs all figures");
    let help = parsed(&["--help"]).unwrap_err().to_string();
    assert!(
        help.contains("--only") && !help.contains("What cargo"),
        "{help}"
    );
}
