//! Purpose: who wins where, on the machine that it runs on; the source of the figures in the
//! marked parts of `BENCHMARKS.md` and the README.
//!
//! Rows are situations, columns are counters, with a block for each number of threads, by the window
//! method: candidates in turn, threads pinned, only undisturbed windows, medians. Plots show cost over
//! threads, segments, what is left and the length of a flow, and how long customers wait.
//!
//! ```text
//! cargo bench --bench situations              all of it, some minutes
//! cargo bench --bench situations -- --quick   few windows: whether it runs, not what it measures
//! cargo bench --bench situations -- --only plenty
//! ```

mod arguments;
mod axes;
#[path = "../../examples/support/cli.rs"]
mod cli;
mod conditions;
mod counters;
mod curves;
mod documents;
mod flows;
mod losses;
mod marks;
mod plan;
mod plots;
mod progress;
mod results;
mod situation;
#[path = "../support/mod.rs"]
mod support;
mod table;
mod terminal;

use arguments::Arguments;
use progress::Progress;
use results::Results;
use std::fs;
use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;
use support::cpu;
use support::windows::Effort;

fn main() -> ExitCode {
    cli::run(report)
}

fn report(arguments: &Arguments) -> Result<cli::Report, String> {
    let effort = if arguments.quick {
        Effort::QUICK
    } else {
        Effort::SITUATIONS
    };
    let steps = plan::steps(
        cpu::cores(),
        effort,
        arguments.quick,
        arguments.only.as_deref(),
    );
    if steps.is_empty() {
        let names = plan::names().join(", ");
        return Err(format!("no such situation or plot; there are: {names}"));
    }
    let out = arguments.directory();
    // Before the minutes that it takes to measure: what cannot be written in the end.
    fs::create_dir_all(&out).map_err(|error| of(&out, &error))?;
    let documents = read_all(&arguments.write)?;
    let mut results = Results::new(conditions::line(arguments.quick));
    for (path, text) in &documents {
        check_marks(path, text)?;
    }

    if let Some(warning) = conditions::warning(conditions::load()) {
        cli::note(&warning);
    }
    let progress = Progress::new(steps.iter().map(|step| step.estimate).sum::<Duration>());
    let limit = arguments.quick.then_some(plan::QUICK_LIMIT);
    let left_out = plan::run(steps, limit, &mut results, progress);

    write(&results, &out)?;
    // A document needs all figures.
    if left_out.is_empty() {
        for (path, text) in documents {
            let filled = marks::fill(&text, |name| documents::part(&results, name));
            let filled = filled.map_err(|error| of(path, &error))?;
            fs::write(path, filled).map_err(|error| of(path, &error))?;
        }
    }
    Ok(cli::Report {
        text: on_a_terminal(&results, &out) + &what_is_left_out(&left_out),
        correct: left_out.is_empty(),
    })
}

/// What the quick form had no time for, on a machine that is too slow or too busy.
fn what_is_left_out(steps: &[String]) -> String {
    if steps.is_empty() {
        return String::new();
    }
    format!(
        "\nFAILED: {} s were over, and this was left out; no document was written:\n  {}",
        plan::QUICK_LIMIT.as_secs(),
        steps.join("\n  ")
    )
}

fn of(path: &Path, error: &dyn std::fmt::Display) -> String {
    format!("{}: {error}", path.display())
}

fn read_all(paths: &[std::path::PathBuf]) -> Result<Vec<(&Path, String)>, String> {
    paths
        .iter()
        .map(|path| {
            let text = fs::read_to_string(path).map_err(|error| of(path, &error))?;
            Ok((path.as_path(), text))
        })
        .collect()
}

/// Whether every mark of the document can be filled, by its name.
fn check_marks(path: &Path, text: &str) -> Result<(), String> {
    let known = |name: &str| documents::NAMES.contains(&name).then(String::new);
    let filled = marks::fill(text, known);
    filled.map(drop).map_err(|error| of(path, &error))
}

fn write(results: &Results, out: &Path) -> Result<(), String> {
    let put = |name: &str, text: &str| {
        let path = out.join(name);
        fs::write(&path, text).map_err(|error| of(&path, &error))
    };
    put("situations.md", &documents::whole(results))?;
    put("situations.json", &format!("{:#}\n", results.json()))?;
    for plot in plots::all(results) {
        let svg = plot
            .svg()
            .map_err(|error| format!("{}: {error}", plot.file))?;
        put(plot.file, &svg)?;
    }
    Ok(())
}

fn on_a_terminal(results: &Results, out: &Path) -> String {
    let mut text = format!("{}\n", results.conditions);
    if !results.cells.is_empty() {
        text += &terminal::coloured(results, std::io::stdout().is_terminal());
    }
    let beside = documents::beside_the_table(results);
    format!("{text}\n{beside}\nwritten to {}", out.display())
}
