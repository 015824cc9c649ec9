//! The values of settings: what the command line, the environment and the file may say.

use axum::http::HeaderName;
use segstock_remote::OrderId;
use serde::{Deserialize, Deserializer};
use std::fmt;
use std::num::ParseFloatError;
use std::str::FromStr;
use std::time::Duration;
use tracing::Level;

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

/// The name of a node.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct NodeName(String);

impl NodeName {
    /// Its text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for NodeName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match OrderId::new(text) {
            Ok(name) => Ok(Self(name.as_str().to_owned())),
            Err(error) => Err(format!(
                "a node's name has 1 to 64 letters, digits, or -._~:: {error}"
            )),
        }
    }
}

impl FromStr for NodeName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.to_owned().try_into()
    }
}

/// A time, in seconds and parts of seconds; not zero, and not beyond what clocks can add.
#[derive(Debug, Clone, Copy)]
pub struct Seconds(pub Duration);

const MOST: Duration = Duration::from_secs(1_000_000_000);

fn number_of_seconds(text: &str) -> Result<f64, String> {
    let seconds = text.parse();
    seconds.map_err(|_: ParseFloatError| {
        format!("{text:?} is no number of seconds, such as 90 or 0.5")
    })
}

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
        Self::new(number_of_seconds(text)?)
    }
}

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(f64::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// A time that may be none.
#[derive(Debug, Clone, Copy)]
pub struct Pause(pub Duration);

impl Pause {
    fn new(seconds: f64) -> Result<Self, String> {
        if seconds == 0.0 {
            return Ok(Self(Duration::ZERO));
        }
        Seconds::new(seconds).map(|Seconds(time)| Self(time))
    }
}

impl FromStr for Pause {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::new(number_of_seconds(text)?)
    }
}

impl<'de> Deserialize<'de> for Pause {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(f64::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// A share, in percent: 1 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "i64")]
pub struct Percent(pub u8);

const WRONG_SHARE: &str = "a share has 1 to 100 percent";

impl TryFrom<i64> for Percent {
    type Error = &'static str;

    fn try_from(percent: i64) -> Result<Self, &'static str> {
        match u8::try_from(percent) {
            Ok(percent @ 1..=100) => Ok(Self(percent)),
            _ => Err(WRONG_SHARE),
        }
    }
}

impl FromStr for Percent {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let percent = text.parse();
        percent.map_or(Err(WRONG_SHARE), |percent: i64| percent.try_into())
    }
}

/// What is logged, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Log {
    /// How much.
    pub level: Level,
    /// Whether as lines of JSON.
    pub json: bool,
}

impl Default for Log {
    fn default() -> Self {
        let (level, json) = (Level::INFO, false);
        Self { level, json }
    }
}

impl FromStr for Log {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut log = Self::default();
        for word in text.split(',') {
            if word == "json" {
                log.json = true;
            } else {
                let level = word.parse();
                log.level = level.map_err(|_| {
                    format!("{word:?} is none of error, warn, info, debug, trace and json")
                })?;
            }
        }
        Ok(log)
    }
}

impl TryFrom<String> for Log {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl fmt::Display for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = self.level.as_str().to_ascii_lowercase();
        f.write_str(&level)?;
        f.write_str(if self.json { ",json" } else { "" })
    }
}

/// Headers that clients and proxies send for HTTP, or for something else that a request says.
const OTHER_HEADERS: [&str; 14] = [
    "accept",
    "authorization",
    "connection",
    "content-length",
    "content-type",
    "expect",
    "host",
    "idempotency-key",
    "last-event-id",
    "origin",
    "te",
    "traceparent",
    "transfer-encoding",
    "x-request-id",
];

/// The name of a header that can name a customer.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Header(pub HeaderName);

impl FromStr for Header {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let name = text.parse::<HeaderName>();
        let name = name.map_err(|_| format!("{text:?} is no name of a header"))?;
        match OTHER_HEADERS.contains(&name.as_str()) {
            true => Err(format!("the header {text:?} says something else")),
            false => Ok(Self(name)),
        }
    }
}

impl TryFrom<String> for Header {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::Log;

    #[test]
    fn a_log_has_a_level_and_a_form() {
        for (text, shown) in [
            ("debug", "debug"),
            ("json", "info,json"),
            ("json,warn", "warn,json"),
        ] {
            assert_eq!(text.parse::<Log>().unwrap().to_string(), shown);
        }
        for wrong in ["", "loud", "info;json"] {
            assert!(wrong.parse::<Log>().is_err(), "{wrong}");
        }
    }
}
