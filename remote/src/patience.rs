//! [`Patience`]: how long a caller asks.

use rand::RngExt;
use std::fmt;
use std::time::Duration;

/// How long a call is asked for: a time-out for each attempt, pauses with jitter between them, and a limit to all of it.
///
/// # Examples
///
/// ```
/// use segstock_remote::Patience;
/// use std::time::Duration;
///
/// let patience = Patience::new(Duration::from_millis(500), Duration::from_secs(5))?;
/// // A copy of a request can be under way for as long as that, beside the server's own time-out.
/// assert!(patience.forgets_after(Duration::from_secs(60), Duration::from_secs(10)).is_ok());
/// assert!(patience.forgets_after(Duration::from_secs(12), Duration::from_secs(10)).is_err());
/// # Ok::<(), segstock_remote::InvalidPatience>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    attempt: Duration,
    total: Duration,
}

impl Patience {
    /// The first pause is about as long; each further one about twice the last.
    const FIRST_PAUSE: Duration = Duration::from_millis(10);
    const LONGEST_PAUSE: Duration = Duration::from_secs(1);

    /// No patience is longer: a hundred years, which every clock can count.
    const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 3_600);

    /// `attempt` for each attempt, `total` for all of them and the pauses between. More than a hundred years are a hundred
    /// years.
    ///
    /// # Errors
    ///
    /// [`InvalidPatience`] if an attempt has no time, or more than all attempts together.
    pub const fn new(attempt: Duration, total: Duration) -> Result<Self, InvalidPatience> {
        if attempt.is_zero() {
            return Err(InvalidPatience::NoTime);
        }
        if attempt.as_nanos() > total.as_nanos() {
            return Err(InvalidPatience::AttemptBeyondTotal { attempt, total });
        }
        Ok(Self {
            attempt: Self::limited(attempt),
            total: Self::limited(total),
        })
    }

    const fn limited(time: Duration) -> Duration {
        if time.as_secs() < Self::LONGEST.as_secs() {
            time
        } else {
            Self::LONGEST
        }
    }

    /// The time-out of each attempt.
    #[must_use]
    pub const fn attempt(&self) -> Duration {
        self.attempt
    }

    /// The limit to all attempts and pauses.
    #[must_use]
    pub const fn total(&self) -> Duration {
        self.total
    }

    /// Checks that a server which remembers ids for `remembered`, and gives up on a request after `server_timeout`,
    /// knows an id for as long as a copy of its request can be under way.
    ///
    /// # Errors
    ///
    /// [`InvalidPatience::ForgetsTooSoon`] otherwise: a retry would be served a second time.
    pub fn forgets_after(
        &self,
        remembered: Duration,
        server_timeout: Duration,
    ) -> Result<(), InvalidPatience> {
        let needed = self.total.saturating_add(server_timeout);
        if remembered <= needed {
            return Err(InvalidPatience::ForgetsTooSoon { remembered, needed });
        }
        Ok(())
    }

    /// The pause after `attempts` of them: between half and all of a time that doubles.
    pub(crate) fn pause(&self, attempts: u32) -> Duration {
        let doubled = Self::FIRST_PAUSE.saturating_mul(1 << attempts.saturating_sub(1).min(10));
        let most = doubled.min(Self::LONGEST_PAUSE);
        most.mul_f64(rand::rng().random_range(0.5..=1.0))
    }
}

/// Half a second for each attempt, five for all.
impl Default for Patience {
    fn default() -> Self {
        Self {
            attempt: Duration::from_millis(500),
            total: Duration::from_secs(5),
        }
    }
}

/// Why these times are no [`Patience`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidPatience {
    /// An attempt has no time.
    NoTime,
    /// One attempt has more time than all of them.
    AttemptBeyondTotal {
        /// Of one attempt.
        attempt: Duration,
        /// Of all.
        total: Duration,
    },
    /// The server forgets ids while copies of their requests can be under way.
    ForgetsTooSoon {
        /// How long ids are remembered.
        remembered: Duration,
        /// They must be remembered for longer than this.
        needed: Duration,
    },
}

impl fmt::Display for InvalidPatience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoTime => write!(f, "an attempt needs time"),
            Self::AttemptBeyondTotal { attempt, total } => {
                write!(
                    f,
                    "an attempt has {attempt:?}, and all attempts together {total:?}"
                )
            }
            Self::ForgetsTooSoon { remembered, needed } => write!(
                f,
                "ids are remembered for {remembered:?}, and a copy of a request can be under way for {needed:?}"
            ),
        }
    }
}

impl std::error::Error for InvalidPatience {}
