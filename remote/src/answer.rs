//! [`Answer`]: done, refused, or unknown.

use std::fmt;

/// What a call behind a network answers.
///
/// There will be no other: match them all.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "unknown is neither done nor refused"]
pub enum Answer<T = ()> {
    /// It happened, once, however often it was sent.
    Done(T),
    /// It did not happen, and never will, unless it is asked for again under this id. To have it refused for ever, ask for its
    /// [`outcome`](crate::RemoteStock::outcome).
    Refused(Refused),
    /// Nobody knows yet: it may have happened, or happen later, or never. The same id asks again.
    Unknown(Unknown),
}

/// Why a call was refused: at some instant of the call there were too few units, or too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Refused {
    /// Units that were in stock at that instant, at most; if the design knows.
    pub available: Option<u64>,
}

/// What is known of a call whose answer did not come.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unknown {
    /// Attempts that were made.
    pub attempts: u32,
    /// What the last of them ended with.
    pub last_error: String,
}

impl Unknown {
    /// After `attempts`, the last of which ended with `last_error`.
    #[must_use]
    pub fn new(attempts: u32, last_error: impl fmt::Display) -> Self {
        Self {
            attempts,
            last_error: last_error.to_string(),
        }
    }
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let attempts = self.attempts;
        let noun = if attempts == 1 { "attempt" } else { "attempts" };
        write!(f, "unknown after {attempts} {noun}: {}", self.last_error)
    }
}

impl std::error::Error for Unknown {}

impl<T> Answer<T> {
    /// Refused, without a number.
    pub const REFUSED: Self = Self::Refused(Refused { available: None });

    /// Whether it is known what became of the call.
    #[must_use]
    pub const fn is_known(&self) -> bool {
        !matches!(self, Self::Unknown(_))
    }

    /// This answer with another value.
    pub fn map<U>(self, done: impl FnOnce(T) -> U) -> Answer<U> {
        match self {
            Self::Done(value) => Answer::Done(done(value)),
            Self::Refused(refused) => Answer::Refused(refused),
            Self::Unknown(unknown) => Answer::Unknown(unknown),
        }
    }
}

/// Done, or refused without a number.
impl From<bool> for Answer {
    fn from(done: bool) -> Self {
        if done { Self::Done(()) } else { Self::REFUSED }
    }
}
