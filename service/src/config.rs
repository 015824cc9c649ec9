//! [`Config`]: from arguments, the environment and a file, in this order of weight.

use crate::routes::Limits;
use clap::{Args, Parser};
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;
use std::{fs, num};

/// SKUs for who only wants to look.
const DEMO: [(&str, u64); 3] = [("phone", 1_000), ("case", 5_000), ("last-one", 1)];

/// An order service: stock counted in memory, never sold twice.
#[derive(Debug, Parser)]
#[command(version, allow_negative_numbers = true)]
pub struct Arguments {
    /// Settings in TOML, named as the options with underscores for dashes, and the SKUs to open in
    /// a table: [stock]
    #[arg(long, value_name = "FILE", env = "SEGSTOCK_CONFIG")]
    config: Option<PathBuf>,

    #[command(flatten)]
    settings: Settings,
}

/// What can be set, here or there.
#[derive(Debug, Default, Args, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Settings {
    /// Where to listen [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS", env = "SEGSTOCK_LISTEN")]
    listen: Option<SocketAddr>,

    /// Where the shop is kept across restarts [default: nowhere]
    #[arg(long, value_name = "FILE", env = "SEGSTOCK_SNAPSHOT")]
    snapshot: Option<PathBuf>,

    /// How often it is written [default: 5]
    #[arg(long, value_name = "SECONDS", env = "SEGSTOCK_SNAPSHOT_EVERY")]
    snapshot_every: Option<Seconds>,

    /// How long an order is held that does not say [default: 600]
    #[arg(long, value_name = "SECONDS", env = "SEGSTOCK_HOLD")]
    hold: Option<Seconds>,

    /// How long it stays known what became of an order [default: 3600]
    #[arg(long, value_name = "SECONDS", env = "SEGSTOCK_RETENTION")]
    retention: Option<Seconds>,

    /// How long a request may take [default: 10]
    #[arg(long, value_name = "SECONDS", env = "SEGSTOCK_REQUEST_TIMEOUT")]
    request_timeout: Option<Seconds>,

    /// The most bytes of a body [default: 65536]
    #[arg(long, value_name = "BYTES", env = "SEGSTOCK_MAX_BODY")]
    max_body: Option<usize>,

    /// The most lines of an order [default: 100]
    #[arg(long, value_name = "LINES", env = "SEGSTOCK_MAX_LINES")]
    max_lines: Option<usize>,

    /// What to log: error, warn, info, debug or trace [default: info]
    #[arg(long, value_name = "LEVEL", env = "SEGSTOCK_LOG")]
    log: Option<LogLevel>,

    /// Count nothing, to measure what counting costs. Not in the file: a line that somebody left there
    /// would sell what is not there.
    #[arg(long, hide = true)]
    #[serde(skip)]
    uncounted: bool,

    /// The SKUs to open that are not there yet.
    #[arg(skip)]
    stock: Option<BTreeMap<String, u64>>,
}

impl Settings {
    /// These, and where they say nothing, those.
    fn or(self, other: Self) -> Self {
        Self {
            listen: self.listen.or(other.listen),
            snapshot: self.snapshot.or(other.snapshot),
            snapshot_every: self.snapshot_every.or(other.snapshot_every),
            hold: self.hold.or(other.hold),
            retention: self.retention.or(other.retention),
            request_timeout: self.request_timeout.or(other.request_timeout),
            max_body: self.max_body.or(other.max_body),
            max_lines: self.max_lines.or(other.max_lines),
            log: self.log.or(other.log),
            uncounted: self.uncounted,
            stock: self.stock.or(other.stock),
        }
    }
}

/// How much to log.
#[derive(Debug, Clone, Copy)]
struct LogLevel(tracing::Level);

impl FromStr for LogLevel {
    type Err = tracing::metadata::ParseLevelError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

impl<'de> Deserialize<'de> for LogLevel {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A time, in seconds and parts of seconds; not zero, and not beyond what clocks can add.
#[derive(Debug, Clone, Copy)]
struct Seconds(Duration);

const MOST: Duration = Duration::from_secs(1_000_000_000);

impl Seconds {
    fn new(seconds: f64) -> Result<Self, String> {
        match Duration::try_from_secs_f64(seconds) {
            Ok(time) if !time.is_zero() && time <= MOST => Ok(Self(time)),
            _ => Err(format!(
                "{seconds} is no number of seconds above 0 and up to 1e9"
            )),
        }
    }
}

impl FromStr for Seconds {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let seconds = text.parse();
        Self::new(seconds.map_err(|error: num::ParseFloatError| error.to_string())?)
    }
}

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(f64::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// How the service runs.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Where it is kept across restarts.
    pub snapshot: Option<PathBuf>,
    /// How often it is written there.
    pub snapshot_every: Duration,
    /// How long it stays known what became of an order.
    pub retention: Duration,
    /// What requests may ask for.
    pub limits: Limits,
    /// How much is logged.
    pub log: tracing::Level,
    /// Whether orders are counted.
    pub counted: bool,
    /// The SKUs to open that are not there yet, and how many of each.
    pub stock: BTreeMap<String, u64>,
}

impl Arguments {
    /// Reads the file, if there is one, and fills up what nobody set.
    ///
    /// # Errors
    ///
    /// A line that says what is wrong with the file.
    pub fn resolve(self) -> Result<Config, String> {
        let file = match &self.config {
            None => Settings::default(),
            Some(path) => {
                let say = |error: &dyn std::fmt::Display| {
                    format!("cannot read configuration {}: {error}", path.display())
                };
                let text = fs::read_to_string(path).map_err(|error| say(&error))?;
                toml::from_str(&text).map_err(|error| say(&one_line(&error, &text)))?
            }
        };
        Ok(self.settings.or(file).into())
    }
}

/// What is wrong, and in which line of `text`.
fn one_line(error: &toml::de::Error, text: &str) -> String {
    let message = error.message().lines().collect::<Vec<_>>().join("; ");
    match error.span().and_then(|span| text.get(..span.start)) {
        Some(before) => format!("line {}: {message}", before.matches('\n').count() + 1),
        None => message,
    }
}

impl From<Settings> for Config {
    fn from(settings: Settings) -> Self {
        let usual = Limits::default();
        let seconds = |set: Option<Seconds>, usual| set.map_or(usual, |Seconds(time)| time);
        let default_hold = seconds(settings.hold, usual.default_hold);
        let demo = || DEMO.map(|(sku, units)| (sku.to_owned(), units)).into();
        Self {
            listen: settings
                .listen
                .unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 8080))),
            snapshot: settings.snapshot,
            snapshot_every: seconds(settings.snapshot_every, Duration::from_secs(5)),
            retention: seconds(settings.retention, Duration::from_secs(60 * 60)),
            limits: Limits {
                body: settings.max_body.unwrap_or(usual.body),
                lines: settings.max_lines.unwrap_or(usual.lines),
                hold: usual.hold.max(default_hold),
                default_hold,
                request: seconds(settings.request_timeout, usual.request),
            },
            log: settings
                .log
                .map_or(tracing::Level::INFO, |LogLevel(log)| log),
            counted: !settings.uncounted,
            stock: settings.stock.unwrap_or_else(demo),
        }
    }
}
