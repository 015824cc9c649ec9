//! [`Wait`]: a start that waits for a database which does not answer yet, and says so.

use std::error::Error;
use std::fmt::{self, Display};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How long it pauses between two attempts.
const PAUSE: Duration = Duration::from_millis(500);
/// How often it says that it still waits.
const SAY_EVERY: Duration = Duration::from_secs(10);

/// A start that waits for a database.
#[derive(Debug)]
pub struct Wait {
    place: String,
    time: Duration,
    began: Instant,
    said: Option<Instant>,
}

impl Wait {
    /// For the database at `place`, for so long.
    pub fn new(place: &dyn Display, time: Duration) -> Self {
        Self {
            place: place.to_string(),
            time,
            began: Instant::now(),
            said: None,
        }
    }

    /// After an attempt that had no answer: says what is waited for, and pauses.
    ///
    /// # Errors
    ///
    /// [`Away`] once it has waited for as long as it may.
    pub async fn after(&mut self, why: &dyn Display) -> Result<(), Away> {
        let place = &self.place;
        if self.began.elapsed() >= self.time {
            let seconds = self.time.as_secs_f64();
            return Err(Away(format!(
                "the database {place} was not ready within {seconds} s: {why}"
            )));
        }
        self.say(why);
        sleep(PAUSE).await;
        Ok(())
    }

    /// Says what is waited for, unless it was said some seconds ago.
    pub fn say(&mut self, why: &dyn Display) {
        if self.said.is_none_or(|said| said.elapsed() >= SAY_EVERY) {
            tracing::warn!("waiting for the database {}: {why}", self.place);
            self.said = Some(Instant::now());
        }
    }
}

/// A database did not answer in time: started again, the service may find it.
#[derive(Debug)]
pub struct Away(String);

impl Display for Away {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Away {}
