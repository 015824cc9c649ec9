//! What needs a program of others: a browser for the page, Prometheus' checks for metrics and alerts, systemd's of the
//! unit, Caddy as the proxy, a database server, curl for what the README has people type.
//! Without it a test is shown as ignored; with `SEGSTOCK_DEMAND_SERVERS=1` it fails.

mod alike;
mod browser;
mod caddy;
mod early;
mod moving;
mod nodes;
mod page;
mod page_figures;
mod page_parts;
mod postgres;
mod prometheus;
mod readme;
mod stock;
#[path = "../service/support/mod.rs"]
mod support;
#[cfg(target_os = "linux")]
mod systemd;
mod tls;
mod trial;

use libtest_mimic::Arguments;
use std::process::ExitCode;

/// Tests that run at once. Most wait for other programs, or for a sale to go on.
const AT_ONCE: usize = 4;

fn main() -> ExitCode {
    early::serve_if_asked();
    let mut trials = early::trials();
    trials.extend(prometheus::trials());
    trials.extend(page::trials());
    trials.extend(page_figures::trials());
    trials.extend(page_parts::trials());
    trials.extend(postgres::trials());
    trials.extend(nodes::trials());
    trials.extend(alike::trials());
    trials.extend(moving::trials());
    trials.extend(stock::trials());
    trials.extend(tls::trials());
    trials.extend(caddy::trials());
    trials.extend(readme::trials());
    #[cfg(target_os = "linux")]
    trials.extend(systemd::trials());
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(AT_ONCE);
    libtest_mimic::run(&arguments, trials).exit_code()
}
