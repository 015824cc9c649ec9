//! What needs a program of others: a browser for the page, Prometheus' checks for metrics and alerts, systemd's of the
//! unit, a database server.
//! Without it a test is shown as ignored; with `SEGSTOCK_DEMAND_SERVERS=1` it fails.

mod alike;
mod browser;
mod nodes;
mod page;
mod postgres;
mod prometheus;
mod stock;
#[path = "../service/support/mod.rs"]
mod support;
#[cfg(target_os = "linux")]
mod systemd;
mod tls;

use libtest_mimic::{Arguments, Completion, Trial};
use std::process::{Command, ExitCode, Stdio};

fn main() -> ExitCode {
    let mut trials = prometheus::trials();
    trials.extend(page::trials());
    trials.extend(postgres::trials());
    trials.extend(nodes::trials());
    trials.extend(alike::trials());
    trials.extend(stock::trials());
    trials.extend(tls::trials());
    #[cfg(target_os = "linux")]
    trials.extend(systemd::trials());
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// A test that needs a program.
fn trial(name: &str, program: &'static str, test: impl FnOnce() + Send + 'static) -> Trial {
    Trial::ignorable_test(name, move || {
        if is_there(program) {
            test();
            return Ok(Completion::Completed);
        }
        let reason = format!("there is no {program}");
        if std::env::var_os("SEGSTOCK_DEMAND_SERVERS").is_some_and(|value| value == "1") {
            return Err(reason.into());
        }
        Ok(Completion::ignored_with(reason))
    })
}

fn is_there(program: &str) -> bool {
    let mut version = Command::new(program);
    version.arg("--version");
    version.stdout(Stdio::null()).stderr(Stdio::null());
    version.status().is_ok_and(|status| status.success())
}
