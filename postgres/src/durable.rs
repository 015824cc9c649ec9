//! [`Durable`]: sees again and again that a server loses no commit when its machine stops.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio_postgres::{Client, Error};

/// The first setting that is off of those without which a server loses commits when its machine stops; or null.
pub(crate) const SETTING_OFF: &str = "
    SELECT (SELECT name FROM unnest(ARRAY['fsync', 'full_page_writes']) AS name
        WHERE current_setting(name) <> 'on' LIMIT 1)";

/// How long a connection goes on before it looks again whether such a setting was switched off.
const LOOKS_AGAIN: Duration = Duration::from_secs(5);

/// When a connection saw last that its server loses no commit. It has a new one, since a server that is started again may
/// have other settings.
#[derive(Default)]
pub(crate) struct Durable {
    seen: Mutex<Option<Instant>>,
}

impl Durable {
    /// Looks, unless it was seen for less than [`LOOKS_AGAIN`]: an operator may switch a setting off while connections are open.
    /// Says what is wrong, if something is. It may be switched on again.
    pub(crate) async fn look(&self, client: &Client) -> Result<Option<String>, Error> {
        if !self.is_due() {
            return Ok(None);
        }
        let off: Option<String> = client.query_one(SETTING_OFF, &[]).await?.try_get(0)?;
        if off.is_none() {
            *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        }
        Ok(off.map(|setting| not_durable(&setting)))
    }

    fn is_due(&self) -> bool {
        let seen = *self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.is_none_or(|seen| seen.elapsed() >= LOOKS_AGAIN)
    }
}

pub(crate) fn not_durable(setting: &str) -> String {
    format!("the server has {setting} off: it loses commits when its machine stops")
}
