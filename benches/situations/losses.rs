//! Where a counter of ours takes longer than the best of the others, worst first.

use crate::counters::Counter;
use crate::results::{Cell, Results};
use crate::table::{figure, markdown};

/// A row in which one of ours is beaten.
struct Loss<'a> {
    situation: &'a str,
    threads: usize,
    form: Counter,
    ns: f64,
    best: Counter,
    best_ns: f64,
}

impl Loss<'_> {
    fn ratio(&self) -> f64 {
        self.ns / self.best_ns
    }

    fn row(&self) -> Vec<String> {
        vec![
            self.situation.to_owned(),
            self.threads.to_string(),
            self.form.name().to_owned(),
            figure(self.ns),
            format!("{} {}", self.best.name(), figure(self.best_ns)),
            figure(self.ratio()),
        ]
    }
}

/// Both forms of `Stock`, in every row.
pub fn of_stock(results: &Results) -> String {
    table(&lost(results, &[Counter::Stock, Counter::Striped]))
}

/// `LockedStock` loses nearly everywhere where there is no flow: the worst, and how many there are.
pub fn of_locked_stock(results: &Results) -> String {
    const SHOWN: usize = 10;
    let lost = lost(results, &[Counter::Locked]);
    if lost.len() <= SHOWN {
        return table(&lost);
    }
    format!(
        "The worst {SHOWN} of {} rows:\n\n{}",
        lost.len(),
        table(&lost[..SHOWN])
    )
}

/// The rows in which one of the forms takes over 1.1 times as long as the best that is not ours.
fn lost<'a>(results: &'a Results, forms: &[Counter]) -> Vec<Loss<'a>> {
    const TOLERATED: f64 = 1.1;
    let mut lost = Vec::new();
    for threads in results.threads() {
        for situation in results.situations() {
            let Some((best, best_ns)) = best_of_the_others(results.row(situation, threads)) else {
                continue;
            };
            for &form in forms {
                let Some(ns) = results.ns(situation, form, threads) else {
                    continue;
                };
                lost.push(Loss {
                    situation,
                    threads,
                    form,
                    ns,
                    best,
                    best_ns,
                });
            }
        }
    }
    lost.retain(|loss| loss.ratio() > TOLERATED);
    lost.sort_by(|a, b| b.ratio().total_cmp(&a.ratio()));
    lost
}

fn best_of_the_others<'a>(row: impl Iterator<Item = &'a Cell>) -> Option<(Counter, f64)> {
    row.filter(|cell| !cell.counter.is_ours() && !cell.counter.is_reference())
        .filter_map(|cell| Some((cell.counter, cell.figure.told()?)))
        .min_by(|a, b| a.1.total_cmp(&b.1))
}

fn table(lost: &[Loss<'_>]) -> String {
    const HEADER: [&str; 6] = [
        "situation",
        "threads",
        "form",
        "ns",
        "the best of the others",
        "times",
    ];
    if lost.is_empty() {
        return "Nowhere, in this run.".to_owned();
    }
    let rows: Vec<_> = lost.iter().map(Loss::row).collect();
    markdown(&HEADER.map(str::to_owned), &rows)
}
