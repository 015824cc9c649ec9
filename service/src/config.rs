//! [`Config`]: from arguments, the environment and a file; the first of these that has a value decides.

use crate::address::Address;
use crate::book::{Limits, Sku};
use crate::counted::{Counted, MAX_SENDINGS};
use crate::input::check_sku;
use crate::ledger::LedgerPlace;
use crate::settings::{Header, Log, NodeName, Pause, Percent, Seconds, Token};
use axum::http::HeaderName;
use clap::{ArgMatches, FromArgMatches, Parser};
use segstock::MAX_UNITS;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

/// SKUs for a first look.
const DEMO: [(&str, u64); 3] = [("phone", 1_000), ("case", 5_000), ("last-one", 1)];

/// An order service over a stock that is never sold twice.
#[derive(Debug, Default, Parser, Deserialize)]
#[command(version, allow_negative_numbers = true)]
#[serde(deny_unknown_fields, default)]
pub struct Arguments {
    /// Settings in TOML, named as the options with underscores for dashes, and the SKUs to open in
    /// a table: [stock]
    #[arg(long, value_name = "FILE", env = "SEGSTOCK_CONFIG")]
    #[serde(skip)]
    config: Option<PathBuf>,

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

    /// Where what was answered is kept.
    #[arg(
        long,
        value_name = "LEDGER",
        env = "SEGSTOCK_LEDGER",
        hide_env_values = true,
        help = "Where what was answered is kept: sqlite:FILE, postgres://USER@HOST/DATABASE, or none \
                [default: sqlite:segstock.db]"
    )]
    ledger: Option<LedgerPlace>,

    /// How long a start waits for a database that does not answer, or takes no changes [default: 60]
    #[arg(long, value_name = "SECONDS", env = "SEGSTOCK_WAIT_FOR_DATABASE")]
    wait_for_database: Option<Pause>,

    /// The name of this node, if several sell from one database: 1 to 64 letters, digits, or -._~:, for good; no other
    /// has it. Needs a ledger of postgres:// [default: none]
    #[arg(long, value_name = "NAME", env = "SEGSTOCK_NODE")]
    node: Option<NodeName>,

    /// The ledger of a shop of one process, which is moved into the sale before this node serves anybody, and is closed for
    /// good: at the first start of the first node only [default: none]
    #[arg(
        long,
        value_name = "LEDGER",
        env = "SEGSTOCK_MOVE_FROM",
        hide_env_values = true
    )]
    move_from: Option<LedgerPlace>,

    /// A snapshot file of the service's first version, to be read into a new ledger: at the first start only
    /// [default: none]
    #[arg(long, value_name = "FILE", env = "SEGSTOCK_SNAPSHOT")]
    snapshot: Option<PathBuf>,

    /// How many backups of the ledger's file are kept: once one is whole, the oldest beyond these are deleted, and parts of those
    /// that were never ended [default: all]
    #[arg(long, value_name = "BACKUPS", env = "SEGSTOCK_KEEP_BACKUPS")]
    keep_backups: Option<NonZeroUsize>,

    /// How long an order is held that does not say [default: 600]
    #[arg(long, value_name = "SECONDS", env = "SEGSTOCK_HOLD")]
    hold: Option<Seconds>,

    /// The longest time for which an order is held [default: 3600]
    #[arg(long, value_name = "SECONDS", env = "SEGSTOCK_LONGEST_HOLD")]
    longest_hold: Option<Seconds>,

    /// How long it stays known what became of an order [default: 3600]
    #[arg(long, value_name = "SECONDS", env = "SEGSTOCK_RETENTION")]
    retention: Option<Seconds>,

    /// How long units of a shipped order can come back [default: 2592000]
    #[arg(long, value_name = "SECONDS", env = "SEGSTOCK_RETURNS")]
    returns: Option<Seconds>,

    /// The most orders that are kept for returns alone; the oldest go first [default: 250000]
    #[arg(long, value_name = "ORDERS", env = "SEGSTOCK_MAX_RETURNABLE")]
    max_returnable: Option<usize>,

    /// What is paid for leaves at once: tickets, downloads [default: false]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", env = "SEGSTOCK_SHIPS_AT_ONCE")]
    ships_at_once: Option<bool>,

    /// The most lines of an order [default: 1000]
    #[arg(long, value_name = "LINES", env = "SEGSTOCK_MAX_LINES")]
    max_lines: Option<usize>,

    /// The most units of an order [default: 100000]
    #[arg(long, value_name = "UNITS", env = "SEGSTOCK_MAX_UNITS")]
    max_units: Option<u64>,

    /// How many percent of the units on hand of a SKU orders can hold that are not paid for, unless the SKU has a limit
    /// of its own [default: 80]
    #[arg(long, value_name = "PERCENT", env = "SEGSTOCK_UNPAID")]
    unpaid: Option<Percent>,

    /// The most orders that are known at a time [default: 2000000]
    #[arg(long, value_name = "ORDERS", env = "SEGSTOCK_MAX_ORDERS")]
    max_orders: Option<usize>,

    /// The most lines that all known orders have together: they take 16 bytes each, and 32 while they are held
    /// [default: 20000000]
    #[arg(long, value_name = "LINES", env = "SEGSTOCK_MAX_ALL_LINES")]
    max_all_lines: Option<usize>,

    /// The most keys of requests that are known at a time, of all orders and all SKUs [default: 1000000]
    #[arg(long, value_name = "KEYS", env = "SEGSTOCK_MAX_KEYS")]
    max_keys: Option<usize>,

    /// The most SKUs [default: 1000000]
    #[arg(long, value_name = "SKUS", env = "SEGSTOCK_MAX_SKUS")]
    max_skus: Option<usize>,

    /// The most customers for whom units are counted at a time [default: 1000000]
    #[arg(long, value_name = "CUSTOMERS", env = "SEGSTOCK_MAX_CUSTOMERS")]
    max_customers: Option<usize>,

    /// The header in which the shop's proxy names the customer, at the customers' listener: then each customer has their
    /// own orders only. The proxy has to remove what customers send in it [default: none]
    #[arg(long, value_name = "HEADER", env = "SEGSTOCK_CUSTOMER_HEADER")]
    customer_header: Option<Header>,

    /// How many events are kept for those who read them late [default: 100000]
    #[arg(long, value_name = "EVENTS", env = "SEGSTOCK_EVENTS")]
    events: Option<usize>,

    /// The SKUs that have figures of their own in the metrics, with commas between [default: none]
    #[arg(
        long,
        value_name = "SKUS",
        value_delimiter = ',',
        env = "SEGSTOCK_METRICS_SKUS"
    )]
    metrics_skus: Option<Vec<Sku>>,

    /// The most bytes of a body [default: 131072]
    #[arg(long, value_name = "BYTES", env = "SEGSTOCK_MAX_BODY")]
    max_body: Option<usize>,

    /// The most bytes of a list of stock [default: 16777216]
    #[arg(long, value_name = "BYTES", env = "SEGSTOCK_MAX_LIST")]
    max_list: Option<usize>,

    /// The most connections of customers; fewer, if the system allows fewer open files [default: 10000]
    #[arg(long, value_name = "CONNECTIONS", env = "SEGSTOCK_MAX_CONNECTIONS")]
    max_connections: Option<usize>,

    /// How long a request's headers may take, how long a connection may be idle, and how long it may take nothing of its
    /// answer [default: 30]
    #[arg(long, value_name = "SECONDS", env = "SEGSTOCK_HEADER_TIMEOUT")]
    header_timeout: Option<Seconds>,

    /// How long a client may take to read an answer; streams of events go on [default: 120]
    #[arg(long, value_name = "SECONDS", env = "SEGSTOCK_ANSWER_TIMEOUT")]
    answer_timeout: Option<Seconds>,

    /// How long a request may take after its headers [default: 10]
    #[arg(long, value_name = "SECONDS", env = "SEGSTOCK_REQUEST_TIMEOUT")]
    request_timeout: Option<Seconds>,

    /// How long it goes on, not ready, once it is asked to stop: until a proxy has noticed [default: 0]
    #[arg(long, value_name = "SECONDS", env = "SEGSTOCK_DRAIN")]
    drain: Option<Pause>,

    /// What to log: error, warn, info, debug or trace; and json for lines of JSON: debug,json [default: info]
    #[arg(long, value_name = "LEVEL", env = "SEGSTOCK_LOG")]
    log: Option<Log>,

    /// Answer everything without any work, to measure what the work costs. Not in the file: a line that somebody
    /// left there would answer orders that nobody has.
    #[arg(long, hide = true)]
    #[serde(skip)]
    idle: bool,

    /// Whether a new ledger begins with demo SKUs, where the file says no SKUs [default: true]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", env = "SEGSTOCK_DEMO")]
    demo: Option<bool>,

    /// The SKUs to open that are not open yet.
    #[arg(skip)]
    stock: Option<BTreeMap<Sku, u64>>,
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
    /// How long a start waits for a database that does not answer, or takes no changes.
    pub wait_for_database: Duration,
    /// The name of this node, if several sell.
    pub node: Option<NodeName>,
    /// The ledger of one process that is moved into the sale.
    pub move_from: Option<LedgerPlace>,
    /// The snapshot to read into a new ledger.
    pub snapshot: Option<PathBuf>,
    /// How many backups are kept; all, if it is none.
    pub keep_backups: Option<NonZeroUsize>,
    /// How long it stays known what became of an order.
    pub retention: Duration,
    /// How long units of a shipped order can come back.
    pub returns: Duration,
    /// The most orders that are kept for that alone.
    pub max_returnable: usize,
    /// Whether what is paid for leaves at once.
    pub ships_at_once: bool,
    /// The most lines of an order.
    pub max_lines: usize,
    /// The most units of an order.
    pub max_units: u64,
    /// How many percent of the units on hand of a SKU can be held without being paid for.
    pub unpaid: u8,
    /// The most orders that are known at a time.
    pub max_orders: usize,
    /// The most lines of all known orders.
    pub max_all_lines: usize,
    /// The most keys of requests that are known.
    pub max_keys: usize,
    /// The most customers for whom units are counted.
    pub max_customers: usize,
    /// The header in which the proxy names the customer.
    pub customer_header: Option<HeaderName>,
    /// How many events are kept.
    pub events: usize,
    /// The SKUs that have figures of their own in the metrics.
    pub metrics_skus: Vec<Sku>,
    /// What requests may ask for.
    pub limits: Limits,
    /// The most connections of customers.
    pub max_connections: usize,
    /// How long a request's headers may take.
    pub header_timeout: Duration,
    /// How long a client may take to read an answer.
    pub answer_timeout: Duration,
    /// How long it goes on once it is asked to stop.
    pub drain: Duration,
    /// What is logged, and how.
    pub log: Log,
    /// Whether everything is answered without any work.
    pub idle: bool,
    /// Whether a book without SKUs begins with demo SKUs, if no SKUs are said.
    pub demo: bool,
    /// The SKUs to open that are not open yet, and how many units of each.
    pub stock: Option<BTreeMap<Sku, u64>>,
}

impl Config {
    /// Whether each SKU can be opened; what several nodes need, and what they do not do.
    fn check(&self) -> Result<(), String> {
        if self.limits.hold > self.limits.longest_hold {
            return Err("--hold is longer than --longest-hold".to_owned());
        }
        for sku in &self.metrics_skus {
            check_sku(sku).map_err(|error| format!("--metrics-skus {sku:?}: {error}"))?;
        }
        if self.node.is_none() {
            self.check_room(self.stock.as_ref().map_or(0, BTreeMap::len))?;
        }
        for (sku, units) in self.stock.iter().flatten() {
            let refused = |error: &dyn fmt::Display| format!("cannot open SKU {sku:?}: {error}");
            check_sku(sku).map_err(|error| refused(&error))?;
            if *units > MAX_UNITS {
                return Err(refused(&format_args!(
                    "a stock has at most {MAX_UNITS} units"
                )));
            }
        }
        let limits = [
            (self.max_lines == 0, "--max-lines"),
            (self.max_units == 0, "--max-units"),
            (self.max_orders == 0, "--max-orders"),
            (self.max_all_lines == 0, "--max-all-lines"),
            (self.limits.skus == 0, "--max-skus"),
            (self.limits.body == 0, "--max-body"),
            (self.max_connections == 0, "--max-connections"),
        ];
        if let Some((_, option)) = limits.into_iter().find(|(is_zero, _)| *is_zero) {
            return Err(format!("with {option} 0 nothing could be ordered"));
        }
        match (&self.move_from, &self.node) {
            (Some(LedgerPlace::None), _) => {
                return Err("--move-from none: nothing is kept there".to_owned());
            }
            (Some(_), None) => {
                return Err("--move-from needs --node: it moves a shop to several nodes".to_owned());
            }
            (None, None) => return Ok(()),
            (_, Some(_)) => {}
        }
        if !matches!(self.ledger, LedgerPlace::Postgres(_)) {
            let place = &self.ledger;
            return Err(format!(
                "--node needs --ledger postgres://USER@HOST/DATABASE, not {place}"
            ));
        }
        for (is_set, option) in [
            (self.ships_at_once, "--ships-at-once"),
            (self.snapshot.is_some(), "--snapshot"),
        ] {
            if is_set {
                return Err(format!(
                    "{option} cannot be with --node: one process does it"
                ));
            }
        }
        Ok(())
    }

    /// The most that a book with these settings may know.
    #[must_use]
    pub const fn most(&self) -> Counted {
        Counted {
            orders: self.max_orders,
            returnable: self.max_returnable,
            lines: self.max_all_lines,
            keys: self.max_keys,
            skus: self.limits.skus,
            customers: self.max_customers,
            sendings: MAX_SENDINGS,
            events: self.events,
        }
    }

    /// Whether a book may have so many SKUs.
    ///
    /// # Errors
    ///
    /// A line that names the limit.
    pub fn check_room(&self, skus: usize) -> Result<(), String> {
        let most = self.limits.skus;
        if skus > most {
            return Err(format!(
                "cannot open SKUs: there would be {skus}, and --max-skus is {most}"
            ));
        }
        Ok(())
    }

    /// The SKUs to open in a book that has `open` SKUs.
    #[must_use]
    pub fn stock(&self, open: usize) -> BTreeMap<Sku, u64> {
        match &self.stock {
            Some(stock) => stock.clone(),
            None if open > 0 || !self.demo => BTreeMap::new(),
            None => DEMO.map(|(sku, units)| (sku.to_owned(), units)).into(),
        }
    }
}

impl Arguments {
    /// Reads the file, if there is one; what the command line or the environment says takes the place of what the file says.
    ///
    /// # Errors
    ///
    /// A line that says what is wrong with the file, or what does not go together.
    pub fn resolve(said: &ArgMatches) -> Result<Config, String> {
        let line = |error: clap::Error| error.to_string().lines().take(1).collect::<String>();
        let mut arguments = match said.get_one::<PathBuf>("config") {
            None => Self::default(),
            Some(path) => {
                let say = |error: &dyn fmt::Display| {
                    format!("cannot read configuration {}: {error}", path.display())
                };
                let text = fs::read_to_string(path).map_err(|error| say(&error))?;
                toml::from_str(&text).map_err(|error| say(&one_line(&error, &text)))?
            }
        };
        arguments.update_from_arg_matches(said).map_err(line)?;
        let config = Config::from(arguments);
        config.check()?;
        Ok(config)
    }
}

/// What is wrong, and in which line of `text`; without Rust's names of numbers.
fn one_line(error: &toml::de::Error, text: &str) -> String {
    let mut message = error.message().lines().collect::<Vec<_>>().join("; ");
    for (name, number) in [
        (
            "expected a nonzero usize",
            "expected a whole number from 1 on",
        ),
        ("expected usize", "expected a whole number from 0 on"),
        ("expected u64", "expected a whole number from 0 on"),
        ("expected i64", "expected a whole number"),
        ("expected f64", "expected a number"),
    ] {
        message = message.replace(name, number);
    }
    match error.span().and_then(|span| text.get(..span.start)) {
        Some(before) => format!("line {}: {message}", before.matches('\n').count() + 1),
        None => message,
    }
}

impl From<Arguments> for Config {
    fn from(settings: Arguments) -> Self {
        let usual = Limits::default();
        let seconds = |set: Option<Seconds>, usual| set.map_or(usual, |Seconds(time)| time);
        // Of the two, a default gives way to what is set.
        let longest_hold = usual.longest_hold.max(seconds(settings.hold, usual.hold));
        let longest_hold = seconds(settings.longest_hold, longest_hold);
        let hold = seconds(settings.hold, usual.hold.min(longest_hold));
        Self {
            listen: settings.listen.unwrap_or_else(|| Address::local(8080)),
            shop_listen: settings.shop_listen.unwrap_or_else(|| Address::local(8081)),
            token: settings.token,
            ledger: settings.ledger.unwrap_or_else(LedgerPlace::here),
            wait_for_database: settings
                .wait_for_database
                .map_or(Duration::from_secs(60), |Pause(time)| time),
            node: settings.node,
            move_from: settings.move_from,
            snapshot: settings.snapshot,
            keep_backups: settings.keep_backups,
            retention: seconds(settings.retention, Duration::from_secs(60 * 60)),
            returns: seconds(settings.returns, Duration::from_secs(30 * 24 * 60 * 60)),
            max_returnable: settings.max_returnable.unwrap_or(250_000),
            ships_at_once: settings.ships_at_once.unwrap_or(false),
            max_lines: settings.max_lines.unwrap_or(1_000),
            max_units: settings.max_units.unwrap_or(100_000),
            unpaid: settings.unpaid.map_or(80, |Percent(share)| share),
            max_orders: settings.max_orders.unwrap_or(2_000_000),
            max_all_lines: settings.max_all_lines.unwrap_or(20_000_000),
            max_keys: settings.max_keys.unwrap_or(1_000_000),
            max_customers: settings.max_customers.unwrap_or(1_000_000),
            customer_header: settings.customer_header.map(|Header(name)| name),
            events: settings.events.unwrap_or(100_000),
            metrics_skus: settings.metrics_skus.unwrap_or_default(),
            limits: Limits {
                body: settings.max_body.unwrap_or(usual.body),
                list: settings.max_list.unwrap_or(usual.list),
                skus: settings.max_skus.unwrap_or(usual.skus),
                hold,
                longest_hold,
                request: seconds(settings.request_timeout, usual.request),
            },
            max_connections: settings.max_connections.unwrap_or(10_000),
            header_timeout: seconds(settings.header_timeout, Duration::from_secs(30)),
            answer_timeout: seconds(settings.answer_timeout, Duration::from_secs(120)),
            drain: settings.drain.map_or(Duration::ZERO, |Pause(time)| time),
            log: settings.log.unwrap_or_default(),
            idle: settings.idle,
            demo: settings.demo.unwrap_or(true),
            stock: settings.stock,
        }
    }
}
