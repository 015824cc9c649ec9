//! [`Store`]: how the tests of a crate of designs ask their server.

use super::Server;
use crate::id::OrderId;
use crate::patience::Patience;
use crate::units::Units;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, UNIX_EPOCH};

/// A kind of server, and how the designs of a crate ask it.
///
/// The trait grows by provided methods only.
pub trait Store: 'static {
    /// The server.
    type Server: Server;
    /// The server as the crate's designs take it.
    type Asked: Send + Sync + 'static;
    /// Why a stock cannot be created or opened there.
    type Error: fmt::Debug;

    /// The time of one attempt through a proxy that makes faults: long beside what the server takes.
    const ATTEMPT: Duration;

    /// The server at a URL, asked with this patience.
    fn ask(url: &str, patience: Patience) -> Self::Asked;

    /// Makes what stocks need on the server, tables for instance.
    fn prepare(asked: &Self::Asked) -> impl Future<Output = Result<(), Self::Error>>;

    /// The server at a URL, asked with much patience.
    #[must_use]
    fn patient(url: &str) -> Self::Asked {
        let patience = Patience::new(Duration::from_secs(2), Duration::from_secs(10));
        Self::ask(url, patience.expect("it is valid"))
    }

    /// The server at a URL, asked in up to `attempts` of [`ATTEMPT`](Self::ATTEMPT) each.
    #[must_use]
    fn hurried(url: &str, attempts: u32) -> Self::Asked {
        let pauses = Duration::from_millis(30) * attempts.saturating_sub(1);
        let patience = Patience::new(Self::ATTEMPT, Self::ATTEMPT * attempts + pauses);
        Self::ask(url, patience.expect("it is valid"))
    }
}

/// A name that no other stock has, here and in other runs on the same server.
#[must_use]
pub fn fresh_name() -> String {
    static NAMES: AtomicU64 = AtomicU64::new(0);
    let (run, since) = (std::process::id(), UNIX_EPOCH.elapsed());
    let (seconds, number) = (
        since.unwrap_or_default().as_secs(),
        NAMES.fetch_add(1, Ordering::Relaxed),
    );
    format!("test-{seconds}-{run}-{number}")
}

/// An order's id in a test.
///
/// # Panics
///
/// If the text is none.
#[must_use]
pub fn id(text: &str) -> OrderId {
    text.parse().expect("it is of the alphabet")
}

/// Units in a test.
///
/// # Panics
///
/// Beyond the limits of [`Units`].
#[must_use]
pub fn units(units: u64) -> Units {
    Units::new(units).expect("it is within the limits")
}
