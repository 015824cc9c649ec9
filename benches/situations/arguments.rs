//! What the command is asked for.

use clap::Parser;
use std::path::PathBuf;

/// Who wins where, on this machine: every situation with every counter, and plots of it.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo bench --bench situations --", max_term_width = 100)]
pub struct Arguments {
    /// Few windows: whether it runs, not what it measures; after 85 seconds it stops, says what it left
    /// out, and fails
    #[arg(long, alias = "test")]
    pub quick: bool,

    /// Only the situations and plots whose name contains NAME; the results go to only-NAME in DIR, and
    /// those of a whole run stay
    #[arg(long, value_name = "NAME")]
    pub only: Option<String>,

    /// Where the results go: situations.md, situations.json, and a plot for each *.svg
    #[arg(long, value_name = "DIR", default_value = "target/situations")]
    pub out: PathBuf,

    /// Put the results between the marks of this file, too; can be given again
    #[arg(long, value_name = "FILE", conflicts_with = "only")]
    pub write: Vec<PathBuf>,

    /// What cargo passes by itself
    #[arg(long, hide = true)]
    bench: bool,
}

impl Arguments {
    /// Where the results go: those of a part beside those of the whole.
    pub fn directory(&self) -> PathBuf {
        let plain = |letter: char| {
            if letter.is_alphanumeric() {
                letter
            } else {
                '-'
            }
        };
        match &self.only {
            None => self.out.clone(),
            Some(name) => {
                let name: String = name.chars().map(plain).collect();
                self.out.join(format!("only-{name}"))
            }
        }
    }
}
