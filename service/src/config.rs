//! [`Config`]: from arguments, the environment and a file, in this order of weight.

use crate::address::Address;
use crate::app::{Limits, Sku};
use crate::ledger::LedgerPlace;
use clap::{Args, Parser};
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;
use std::{fs, num};

/// SKUs for a first look.
const DEMO: [(&str, u64); 3] = [("phone", 1_000), ("case", 5_000), ("last-one", 1)];

/// An order service over a stock that is never sold twice.
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
    /// Where customers' programs are listened to [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS", env = "SEGSTOCK_LISTEN")]
    listen: Option<Address>,

    /// Where the shop is listened to: payments, stock, lists, metrics [default: 127.0.0.1:8081]
    #[arg(long, value_name = "ADDRESS", env = "SEGSTOCK_SHOP_LISTEN")]
    shop_listen: Option<Address>,

    /// What the shop's listener asks for, as a bearer token; needed unless it is on loopback. Better set by the
    /// environment or the file: others see arguments [default: none]
    #[arg(
        long,
        value_name = "TOKEN",
        env = "SEGSTOCK_TOKEN",
        hide_env_values = true
    )]
    token: Option<Token>,

    /// Where what was answered is kept: sqlite:FILE, or none [default: sqlite:segstock.db]
    #[arg(long, value_name = "LEDGER", env = "SEGSTOCK_LEDGER")]
    ledger: Option<LedgerPlace>,

    /// How long an order is held that does not say [default: 600]
    #[arg(long, value_name = "SECONDS", env = "SEGSTOCK_HOLD")]
    hold: Option<Seconds>,

    /// The longest time for which an order is held [default: 3600]
    #[arg(long, value_name = "SECONDS", env = "SEGSTOCK_LONGEST_HOLD")]
    longest_hold: Option<Seconds>,

    /// How long it stays known what became of an order [default: 3600]
    #[arg(long, value_name = "SECONDS", env = "SEGSTOCK_RETENTION")]
    retention: Option<Seconds>,

    /// What is paid for leaves at once: tickets, downloads [default: false]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", env = "SEGSTOCK_SHIPS_AT_ONCE")]
    ships_at_once: Option<bool>,

    /// The most lines of an order [default: 1000]
    #[arg(long, value_name = "LINES", env = "SEGSTOCK_MAX_LINES")]
    max_lines: Option<usize>,

    /// The most units of an order [default: 100000]
    #[arg(long, value_name = "UNITS", env = "SEGSTOCK_MAX_UNITS")]
    max_units: Option<u64>,

    /// The most orders that are known at a time [default: 2000000]
    #[arg(long, value_name = "ORDERS", env = "SEGSTOCK_MAX_ORDERS")]
    max_orders: Option<usize>,

    /// The most SKUs [default: 1000000]
    #[arg(long, value_name = "SKUS", env = "SEGSTOCK_MAX_SKUS")]
    max_skus: Option<usize>,

    /// The most bytes of a body [default: 131072]
    #[arg(long, value_name = "BYTES", env = "SEGSTOCK_MAX_BODY")]
    max_body: Option<usize>,

    /// The most connections of customers; fewer, if the system allows fewer open files [default: 10000]
    #[arg(long, value_name = "CONNECTIONS", env = "SEGSTOCK_MAX_CONNECTIONS")]
    max_connections: Option<usize>,

    /// How long a request's headers may take, and how long a connection may be idle [default: 30]
    #[arg(long, value_name = "SECONDS", env = "SEGSTOCK_HEADER_TIMEOUT")]
    header_timeout: Option<Seconds>,

    /// How long a request may take after its headers [default: 10]
    #[arg(long, value_name = "SECONDS", env = "SEGSTOCK_REQUEST_TIMEOUT")]
    request_timeout: Option<Seconds>,

    /// How long it goes on, not ready, once it is told to stop: until a proxy has noticed [default: 0]
    #[arg(long, value_name = "SECONDS", env = "SEGSTOCK_DRAIN")]
    drain: Option<Seconds>,

    /// What to log: error, warn, info, debug or trace [default: info]
    #[arg(long, value_name = "LEVEL", env = "SEGSTOCK_LOG")]
    log: Option<LogLevel>,

    /// Answer everything without any work, to measure what the work costs. Not in the file: a line that somebody
    /// left there would answer orders that nobody has.
    #[arg(long, hide = true)]
    #[serde(skip)]
    idle: bool,

    /// The SKUs to open that are not open yet.
    #[arg(skip)]
    stock: Option<BTreeMap<Sku, u64>>,
}

impl Settings {
    /// These, and where they say nothing, those.
    fn or(self, other: Self) -> Self {
        Self {
            listen: self.listen.or(other.listen),
            shop_listen: self.shop_listen.or(other.shop_listen),
            token: self.token.or(other.token),
            ledger: self.ledger.or(other.ledger),
            hold: self.hold.or(other.hold),
            longest_hold: self.longest_hold.or(other.longest_hold),
            retention: self.retention.or(other.retention),
            ships_at_once: self.ships_at_once.or(other.ships_at_once),
            max_lines: self.max_lines.or(other.max_lines),
            max_units: self.max_units.or(other.max_units),
            max_orders: self.max_orders.or(other.max_orders),
            max_skus: self.max_skus.or(other.max_skus),
            max_body: self.max_body.or(other.max_body),
            max_connections: self.max_connections.or(other.max_connections),
            header_timeout: self.header_timeout.or(other.header_timeout),
            request_timeout: self.request_timeout.or(other.request_timeout),
            drain: self.drain.or(other.drain),
            log: self.log.or(other.log),
            idle: self.idle,
            stock: self.stock.or(other.stock),
        }
    }
}

/// A token that can stand in a header: printable, without spaces.
#[derive(Clone, Deserialize)]
#[serde(try_from = "String")]
pub struct Token(String);

impl Token {
    /// Its text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Token {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        if text.len() >= 16 && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(Self(text))
        } else {
            Err("a token has at least 16 printable characters of ASCII and no spaces")
        }
    }
}

impl FromStr for Token {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        text.to_owned().try_into()
    }
}

/// Does not show it.
impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").finish_non_exhaustive()
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
    /// Where customers' programs are listened to.
    pub listen: Address,
    /// Where the shop is listened to.
    pub shop_listen: Address,
    /// What the shop's listener asks for.
    pub token: Option<Token>,
    /// Where what was answered is kept.
    pub ledger: LedgerPlace,
    /// How long it stays known what became of an order.
    pub retention: Duration,
    /// Whether what is paid for leaves at once.
    pub ships_at_once: bool,
    /// The most lines of an order.
    pub max_lines: usize,
    /// The most units of an order.
    pub max_units: u64,
    /// The most orders that are known at a time.
    pub max_orders: usize,
    /// The most SKUs.
    pub max_skus: usize,
    /// What requests may ask for.
    pub limits: Limits,
    /// The most connections of customers.
    pub max_connections: usize,
    /// How long a request's headers may take.
    pub header_timeout: Duration,
    /// How long it goes on once it is told to stop.
    pub drain: Duration,
    /// How much is logged.
    pub log: tracing::Level,
    /// Whether everything is answered without any work.
    pub idle: bool,
    /// The SKUs to open that are not open yet, and how many units of each; if that was not said, demo SKUs in a book
    /// without any.
    pub stock: Option<BTreeMap<Sku, u64>>,
}

impl Config {
    /// The SKUs to open in a book that has `open` SKUs.
    #[must_use]
    pub fn stock(&self, open: usize) -> BTreeMap<Sku, u64> {
        match &self.stock {
            Some(stock) => stock.clone(),
            None if open > 0 => BTreeMap::new(),
            None => DEMO.map(|(sku, units)| (sku.to_owned(), units)).into(),
        }
    }
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
                let say = |error: &dyn fmt::Display| {
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
        let hold = seconds(settings.hold, usual.hold);
        // A default that is longer than the longest raises that, unless the longest is set, too.
        let longest_hold = seconds(settings.longest_hold, usual.longest_hold.max(hold));
        Self {
            listen: settings.listen.unwrap_or_else(|| Address::local(8080)),
            shop_listen: settings.shop_listen.unwrap_or_else(|| Address::local(8081)),
            token: settings.token,
            ledger: settings.ledger.unwrap_or_else(LedgerPlace::here),
            retention: seconds(settings.retention, Duration::from_secs(60 * 60)),
            ships_at_once: settings.ships_at_once.unwrap_or(false),
            max_lines: settings.max_lines.unwrap_or(1_000),
            max_units: settings.max_units.unwrap_or(100_000),
            max_orders: settings.max_orders.unwrap_or(2_000_000),
            max_skus: settings.max_skus.unwrap_or(1_000_000),
            limits: Limits {
                body: settings.max_body.unwrap_or(usual.body),
                hold: hold.min(longest_hold),
                longest_hold,
                request: seconds(settings.request_timeout, usual.request),
            },
            max_connections: settings.max_connections.unwrap_or(10_000),
            header_timeout: seconds(settings.header_timeout, Duration::from_secs(30)),
            drain: seconds(settings.drain, Duration::ZERO),
            log: settings
                .log
                .map_or(tracing::Level::INFO, |LogLevel(log)| log),
            idle: settings.idle,
            stock: settings.stock,
        }
    }
}
