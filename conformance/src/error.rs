//! What is wrong with a history that was read.

use std::error::Error;
use std::fmt;
use std::io;

/// A history could not be read: something is wrong in a line of it.
#[derive(Debug)]
#[non_exhaustive]
pub struct HistoryError {
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub mistake: Mistake,
}

/// What is wrong with a line of a history. Stamps are in nanoseconds.
#[derive(Debug)]
#[non_exhaustive]
pub enum Mistake {
    /// It could not be read at all.
    Io(io::Error),
    /// The file is empty.
    NoHeader,
    /// It is no JSON, or not that of a header or an event.
    Json(serde_json::Error),
    /// It is neither a call nor a return, or both.
    NoEvent,
    /// The header's version is not one that this crate reads.
    Version(u32),
    /// Something happens before what stands in the line above, or returns before it was called.
    Backwards {
        /// The stamp of this line.
        at: u64,
        /// The stamp above, or of the call.
        after: u64,
    },
    /// The thread returns from no call.
    ReturnWithoutCall {
        /// The thread.
        thread: usize,
    },
    /// The thread calls while it is in a call.
    Overlap {
        /// The thread.
        thread: usize,
    },
    /// The answer is none to such a call.
    Answer,
    /// The file ends here, with fewer events than the header promised.
    Truncated {
        /// Events that the file has.
        events: usize,
        /// Events that the header counts.
        promised: usize,
    },
    /// More follows than the header counts.
    TooLong {
        /// Events that the header counts.
        promised: usize,
    },
}

impl HistoryError {
    pub(super) const fn new(line: usize, mistake: Mistake) -> Self {
        Self { line, mistake }
    }
}

impl fmt::Display for HistoryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: ", self.line)?;
        match &self.mistake {
            Mistake::Io(error) => write!(f, "{error}"),
            Mistake::NoHeader => write!(f, "there is no header"),
            Mistake::Json(error) => write!(f, "{error}"),
            Mistake::NoEvent => write!(f, "it must be a call or a return, and not both"),
            Mistake::Version(version) => write!(f, "version {version} is not known"),
            Mistake::Backwards { at, after } => {
                write!(f, "the stamp {at} runs backwards, after {after}")
            }
            Mistake::ReturnWithoutCall { thread } => {
                write!(f, "thread {thread} returns without a call")
            }
            Mistake::Overlap { thread } => {
                write!(f, "thread {thread} calls before its last call returned")
            }
            Mistake::Answer => write!(f, "no such call has this answer"),
            Mistake::Truncated { events, promised } => {
                write!(f, "truncated: {events} events of {promised}")
            }
            Mistake::TooLong { promised } => write!(f, "more than {promised} events"),
        }
    }
}

impl Error for HistoryError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.mistake {
            Mistake::Io(error) => Some(error),
            Mistake::Json(error) => Some(error),
            _ => None,
        }
    }
}
