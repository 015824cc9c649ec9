//! [`History`]: what was called when, and what it answered; kept as JSON lines.

use super::{HistoryError, Mistake};
use crate::model::{Op, Outcome};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{self, BufRead, Write};

/// The version of the format that is written.
const VERSION: u32 = 1;

/// A call of one thread, with its stamps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Call {
    /// The thread that called, any number.
    pub thread: usize,
    /// Taken before the call, in nanoseconds since the history began.
    pub called: u64,
    /// Taken after its return; `u64::MAX` if it had not returned when the history ended.
    pub returned: u64,
    /// What was called.
    pub op: Op,
    /// What it answered.
    pub outcome: Outcome,
}

impl Call {
    /// A call of `thread` that was under way from `called` to `returned`.
    #[must_use]
    pub const fn new(thread: usize, called: u64, returned: u64, op: Op, outcome: Outcome) -> Self {
        Self {
            thread,
            called,
            returned,
            op,
            outcome,
        }
    }
}

/// The calls of some threads on one counter.
///
/// # Format
///
/// As JSON lines, a history is a header, then an event a line, in the sequence of their stamps:
///
/// ```json
/// {"segstock_history":1,"initial":2,"events":4}
/// {"at":10,"thread":0,"call":{"deduct":2}}
/// {"at":15,"thread":1,"call":"available"}
/// {"at":40,"thread":0,"return":"done"}
/// {"at":60,"thread":1,"return":{"at_most":2}}
/// ```
///
/// A call that does not return was still under way at the end: its outcome is unknown. Calls and
/// returns are lines of their own, so that a client that crashed in a call is written as what it is;
/// the header's count tells that from a file that lost its end.
///
/// # Examples
///
/// ```
/// use segstock::conformance::{Call, History};
/// use segstock::model::{Op, Outcome};
///
/// let call = Call::new(0, 10, 40, Op::Deduct(2), Outcome::Done);
/// let history = History::new(2, vec![call])?;
/// let mut file = Vec::new();
/// history.write(&mut file)?;
/// assert_eq!(History::read(&*file)?, history);
///
/// let torn = &file[..file.len() - 10];
/// let error = History::read(torn).unwrap_err();
/// assert_eq!(error.line, 3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    initial: u64,
    calls: Vec<Call>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    segstock_history: u32,
    initial: u64,
    events: usize,
}

#[derive(Serialize, Deserialize)]
struct Event {
    at: u64,
    thread: usize,
    #[serde(flatten)]
    what: What,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum What {
    Call(Op),
    Return(Outcome),
}

impl History {
    /// The history of a counter that was opened with `initial` units.
    ///
    /// # Errors
    ///
    /// [`HistoryError`] if a call returns before it was called, if two calls of a thread overlap, or
    /// if an answer is none to its call; with the line that it would have in a file.
    pub fn new(initial: u64, mut calls: Vec<Call>) -> Result<Self, HistoryError> {
        calls.sort_by_key(|call| call.called);
        Assembly::of(initial, events(&calls))
    }

    /// Units that the counter was opened with.
    #[must_use]
    pub const fn initial(&self) -> u64 {
        self.initial
    }

    /// The calls, in the sequence of their first stamps.
    #[must_use]
    pub fn calls(&self) -> &[Call] {
        &self.calls
    }

    /// Writes it as JSON lines.
    ///
    /// # Errors
    ///
    /// What `to` answers.
    pub fn write(&self, mut to: impl Write) -> io::Result<()> {
        let events = events(&self.calls);
        let header = Header {
            segstock_history: VERSION,
            initial: self.initial,
            events: events.len(),
        };
        serde_json::to_writer(&mut to, &header)?;
        writeln!(to)?;
        for event in events {
            serde_json::to_writer(&mut to, &event)?;
            writeln!(to)?;
        }
        to.flush()
    }

    /// Reads what [`write`](Self::write) wrote.
    ///
    /// # Errors
    ///
    /// [`HistoryError`] with the first line that is wrong.
    pub fn read(from: impl BufRead) -> Result<Self, HistoryError> {
        let mut lines = from.lines();
        let header = match lines.next() {
            Some(line) => parse::<Header>(1, line)?,
            None => {
                return Err(HistoryError::new(1, Mistake::NoHeader));
            }
        };
        if header.segstock_history != VERSION {
            return Err(HistoryError::new(
                1,
                Mistake::Version(header.segstock_history),
            ));
        }
        let mut assembly = Assembly::default();
        let promised = header.events;
        let mut events = 0;
        for line in lines {
            if events == promised {
                return Err(HistoryError::new(events + 2, Mistake::TooLong { promised }));
            }
            assembly.add(parse(events + 2, line)?)?;
            events += 1;
        }
        if events < promised {
            let mistake = Mistake::Truncated { events, promised };
            return Err(HistoryError::new(events + 2, mistake));
        }
        Ok(assembly.history(header.initial))
    }
}

fn parse<T: for<'a> Deserialize<'a>>(
    number: usize,
    line: io::Result<String>,
) -> Result<T, HistoryError> {
    let line = line.map_err(|error| HistoryError::new(number, Mistake::Io(error)))?;
    serde_json::from_str(&line).map_err(|error| HistoryError::new(number, Mistake::Json(error)))
}

/// The calls and returns of `calls`, in the sequence of their stamps; those of one thread in theirs,
/// where stamps are equal.
fn events(calls: &[Call]) -> Vec<Event> {
    let mut events = Vec::with_capacity(2 * calls.len());
    for call in calls {
        let event = |at, what| Event {
            at,
            thread: call.thread,
            what,
        };
        events.push(event(call.called, What::Call(call.op)));
        if call.returned < u64::MAX {
            events.push(event(call.returned, What::Return(call.outcome)));
        }
    }
    events.sort_by_key(|event| event.at);
    events
}

/// Calls in the making.
#[derive(Default)]
struct Assembly {
    calls: Vec<Call>,
    /// The call that each thread is in.
    open: BTreeMap<usize, usize>,
    events: usize,
    last: u64,
}

impl Assembly {
    fn of(initial: u64, events: Vec<Event>) -> Result<History, HistoryError> {
        let mut assembly = Self::default();
        for event in events {
            assembly.add(event)?;
        }
        Ok(assembly.history(initial))
    }

    fn add(&mut self, event: Event) -> Result<(), HistoryError> {
        self.events += 1;
        self.place(event)
            .map_err(|mistake| HistoryError::new(self.events + 1, mistake))
    }

    fn place(&mut self, event: Event) -> Result<(), Mistake> {
        let Event { at, thread, what } = event;
        if at < self.last {
            return Err(Mistake::Backwards {
                at,
                after: self.last,
            });
        }
        self.last = at;
        match what {
            What::Call(op) => {
                if self.open.insert(thread, self.calls.len()).is_some() {
                    return Err(Mistake::Overlap { thread });
                }
                let pending = Call::new(thread, at, u64::MAX, op, Outcome::Unknown);
                self.calls.push(pending);
            }
            What::Return(outcome) => {
                let Some(index) = self.open.remove(&thread) else {
                    return Err(Mistake::ReturnWithoutCall { thread });
                };
                let call = &mut self.calls[index];
                if !call.op.has_answer(outcome) {
                    return Err(Mistake::Answer);
                }
                (call.returned, call.outcome) = (at, outcome);
            }
        }
        Ok(())
    }

    fn history(self, initial: u64) -> History {
        History {
            initial,
            calls: self.calls,
        }
    }
}
