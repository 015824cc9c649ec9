//! `segstock` beside other counters and maps: `measure` writes figures as JSON, and `show` makes of them the tables
//! and plots of `BENCHMARKS.md`, the README and `docs/benchmarks`.

mod candidates;
mod counters;
mod flows;
mod maps;
mod marks;
mod parts;
mod plots;
mod situations;
mod tables;

use clap::Parser;
use segstock_harness::{Arguments, Results};
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// `segstock` beside other counters and maps
#[derive(Debug, Parser)]
#[command(max_term_width = 100)]
enum Command {
    /// Measure every situation with every counter, and write bench.json
    Measure(Arguments),
    /// Make tables and plots of bench.json, and of ratios.json, which `cargo bench --bench ratios` writes
    Show {
        /// Where the results are
        #[arg(long, value_name = "DIR", default_value = "target/bench")]
        from: PathBuf,
        /// Fill the marked parts of this document; can be given again
        #[arg(long, value_name = "FILE")]
        write: Vec<PathBuf>,
        /// Where to put a plot for each *.svg
        #[arg(long, value_name = "DIR")]
        plots: Option<PathBuf>,
    },
}

fn measure(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let subject = concat!("segstock ", env!("CARGO_PKG_VERSION"));
    segstock_harness::run("bench", subject, arguments, |run| {
        situations::measure(run);
        run.step("order flow", flows::measure);
        run.step("maps", maps::measure);
    })?;
    Ok(())
}

/// The error names the file.
fn of<T, E: std::fmt::Display>(path: &Path, result: Result<T, E>) -> Result<T, String> {
    result.map_err(|error| format!("{}: {error}", path.display()))
}

fn show(from: &Path, documents: &[PathBuf], plots: Option<&Path>) -> Result<(), Box<dyn Error>> {
    let bench = Results::read(&from.join("bench.json"))?;
    let ratios = Results::read(&from.join("ratios.json"))?;
    for document in documents {
        let text = of(document, fs::read_to_string(document))?;
        let filled = marks::fill(&text, |name| parts::part(name, &bench, &ratios));
        of(document, fs::write(document, of(document, filled)?))?;
    }
    for (file, svg) in plots::all(&bench)? {
        if let Some(directory) = plots {
            of(directory, fs::create_dir_all(directory))?;
            of(directory, fs::write(directory.join(file), svg))?;
        }
    }
    Ok(())
}

fn main() -> ExitCode {
    let done = match Command::parse() {
        Command::Measure(arguments) => measure(&arguments),
        Command::Show { from, write, plots } => show(&from, &write, plots.as_deref()),
    };
    if let Err(error) = &done {
        eprintln!("error: {error}");
    }
    ExitCode::from(if done.is_ok() { 0 } else { 2 })
}
