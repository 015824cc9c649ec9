//! [`Figures`]: what `/metrics` says.

use super::Client;
use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use std::time::{Duration, Instant};

/// The value of each series at one look.
#[derive(Debug)]
pub struct Figures(BTreeMap<String, f64>);

impl Figures {
    pub fn of(client: &Client) -> Self {
        let reply = client.get("/metrics");
        assert_eq!(reply.status, 200, "{reply:?}");
        let lines = reply.text.lines();
        let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        let series = lines.map(|line| {
            let (series, value) = line.rsplit_once(' ').unwrap();
            (series.to_owned(), value.parse().unwrap())
        });
        Self(series.collect())
    }

    /// The value of a series, named without the prefix that all have.
    #[track_caller]
    pub fn get(&self, series: &str) -> f64 {
        let value = self.0.get(&format!("segstock_{series}"));
        *value.unwrap_or_else(|| panic!("there is no {series}: {self:?}"))
    }

    /// By how much series grew since an earlier look.
    #[track_caller]
    pub fn since<const N: usize>(&self, before: &Self, series: [&str; N]) -> [f64; N] {
        series.map(|series| self.get(series) - before.get(series))
    }

    /// The names of all metrics, without their labels.
    pub fn names(&self) -> BTreeSet<&str> {
        self.0.keys().map(|series| name_of(series)).collect()
    }

    /// The names of all series, with their labels.
    pub fn series(&self) -> BTreeSet<&String> {
        self.0.keys().collect()
    }

    /// The names of the metrics of which a series differs from that of an earlier look.
    pub fn changed(&self, before: &Self) -> BTreeSet<&str> {
        let changed = self.0.iter();
        let changed = changed.filter(|(series, value)| before.0.get(*series) != Some(value));
        changed.map(|(series, _)| name_of(series)).collect()
    }
}

fn name_of(series: &str) -> &str {
    series.split('{').next().unwrap_or_default()
}

/// Looks until the figures are as wanted, and returns them.
#[track_caller]
pub fn wait_for_figures(client: &Client, wanted: impl Fn(&Figures) -> bool) -> Figures {
    let began = Instant::now();
    loop {
        let figures = Figures::of(client);
        if wanted(&figures) {
            return figures;
        }
        assert!(began.elapsed() < Duration::from_secs(20), "{figures:?}");
        thread::sleep(Duration::from_millis(10));
    }
}
