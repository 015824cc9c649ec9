//! A sign of life on stderr while a command works.

use super::cli;
use indicatif::{ProgressBar, ProgressFinish, ProgressStyle};
use std::time::Duration;

/// A spinner that is gone when it is dropped. It shows on a terminal only.
pub fn spinner(message: String) -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {elapsed:>3} {msg}")
        .unwrap_or_else(|_| ProgressStyle::default_spinner());
    let spinner = ProgressBar::new_spinner()
        .with_style(style)
        .with_message(message)
        .with_finish(ProgressFinish::AndClear);
    spinner.enable_steady_tick(Duration::from_millis(100));
    spinner
}

/// As [`spinner`], but where there is no terminal it is a plain line.
pub fn announced(message: String) -> ProgressBar {
    let spinner = spinner(message);
    if spinner.is_hidden() {
        cli::note(&spinner.message());
    }
    spinner
}
