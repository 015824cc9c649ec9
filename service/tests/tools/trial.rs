//! [`trial`]: a test that needs a program of others.

use libtest_mimic::{Completion, Trial};
use std::process::{Command, Stdio};

/// A test that needs a program.
pub fn trial(name: &str, program: &'static str, test: impl FnOnce() + Send + 'static) -> Trial {
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

/// Whether a program can be started; not all know how to say their version.
pub fn is_there(program: &str) -> bool {
    let mut version = Command::new(program);
    version.arg("--version");
    version.stdout(Stdio::null()).stderr(Stdio::null());
    version.status().is_ok()
}
