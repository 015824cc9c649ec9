//! [`WriterSettings`]: how a writer works.

use segstock::Clock;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// How a [`Writer`](super::Writer) works.
///
/// | setting | default |
/// |---|---|
/// | [`places`](Self::places) | 16,384 |
/// | [`lag`](Self::lag) | 1 second |
/// | [`tries`](Self::tries) | 100: about 10 seconds |
/// | [`patience`](Self::patience) | 1 minute |
/// | [`wall`](Self::wall) | the machine's |
#[derive(Clone)]
#[must_use]
pub struct WriterSettings {
    pub(super) places: usize,
    pub(super) tries: u32,
    pub(super) lag: Duration,
    pub(super) patience: Duration,
    pub(super) wall: Arc<dyn Clock + Send + Sync>,
}

impl WriterSettings {
    /// The defaults.
    pub fn new() -> Self {
        Self {
            places: 16_384,
            tries: 100,
            lag: Duration::from_secs(1),
            patience: Duration::from_secs(60),
            wall: Arc::new(WallClock),
        }
    }

    /// How many entries are on their way at most, at least 1. A call that finds no place is refused as busy.
    pub fn places(mut self, places: usize) -> Self {
        self.places = places.max(1);
        self
    }

    /// How long calls queue behind a batch that is not settled, once a try has failed: from then on a change is refused as
    /// busy. Calls that wait go on waiting.
    pub fn lag(mut self, lag: Duration) -> Self {
        self.lag = lag;
        self
    }

    /// How long a batch is sent and asked for, at least, before the ledger counts as dead: for as long a database may be
    /// away.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// How often a batch is sent or asked for, at least once, before the ledger counts as dead; both this and the
    /// [`patience`](Self::patience) must be used up. Between two tries the writer pauses, for 1 millisecond at first and
    /// 100 at last.
    pub fn tries(mut self, tries: u32) -> Self {
        self.tries = tries.max(1);
        self
    }

    /// Another clock for the time since 1970.
    pub fn wall(mut self, wall: Arc<dyn Clock + Send + Sync>) -> Self {
        self.wall = wall;
        self
    }
}

impl Default for WriterSettings {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for WriterSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriterSettings")
            .field("places", &self.places)
            .field("tries", &self.tries)
            .field("lag", &self.lag)
            .field("patience", &self.patience)
            .finish_non_exhaustive()
    }
}

/// The time since 1970, by the machine's clock. It can be set back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WallClock;

impl Clock for WallClock {
    fn now(&self) -> Duration {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        since.unwrap_or_default()
    }
}
