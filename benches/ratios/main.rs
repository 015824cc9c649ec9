//! Purpose: the figures that the documentation promises, each as a ratio taken in one run.
//!
//! An absolute figure from a small shared machine is worth nothing, so the candidates are
//! interleaved in one process, window by window, and what is compared are medians. Threads are
//! pinned. With as many as cores, or fewer, a window counts only if every thread kept its CPU
//! throughout.
//!
//! ```text
//! cargo bench --bench ratios              all of it, some minutes
//! cargo bench --bench ratios -- --quick   few windows: whether it runs, not what it measures
//! cargo bench --bench ratios -- --only edge
//! cargo bench --bench ratios -- --out FILE   the promises as a Markdown table, too
//! ```

mod holding;
mod report;
mod reserving;
mod situations;
#[path = "../support/mod.rs"]
mod support;

use report::Report;
use support::windows::Effort;

fn main() {
    let mut effort = Effort::FULL;
    let (mut only, mut out) = (None, None);
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--quick" | "--test" => effort = Effort::QUICK,
            "--only" => only = args.next(),
            "--out" => out = args.next(),
            // What cargo passes by itself.
            "--bench" => {}
            other => {
                eprintln!("unknown argument {other}: --quick, --only NAME, --out FILE");
                std::process::exit(2);
            }
        }
    }
    let mut report = Report::new();
    for (name, run) in situations::ALL {
        if only.as_deref().is_none_or(|wanted| name.contains(wanted)) {
            report.heading(name);
            run(effort, &mut report);
        }
    }
    report.close();
    if let Some(out) = out
        && let Err(error) = std::fs::write(&out, report.markdown())
    {
        eprintln!("{out}: {error}");
        std::process::exit(2);
    }
}
