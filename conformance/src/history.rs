//! [`History`]: what was called when, and what it answered; kept as JSON lines.

use crate::{HistoryError, Mistake};
use segstock_model::{Call, Op, Outcome};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{self, BufRead, Write};

/// The version of the format that is written.
const VERSION: u32 = 1;

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
/// use segstock_conformance::{Call, History};
/// use segstock_model::{Op, Outcome};
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

/// A line as it is written. (A flattened enum would let pass what it does not know.)
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    at: u64,
    thread: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    call: Option<Op>,
    #[serde(default, rename = "return", skip_serializing_if = "Option::is_none")]
    returned: Option<Outcome>,
}

struct Event {
    at: u64,
    thread: usize,
    what: What,
}

enum What {
    Call(Op),
    Return(Outcome),
}

impl Line {
    fn event(self) -> Result<Event, Mistake> {
        let what = match (self.call, self.returned) {
            (Some(op), None) => What::Call(op),
            (None, Some(outcome)) => What::Return(outcome),
            _ => return Err(Mistake::NoEvent),
        };
        let Self { at, thread, .. } = self;
        Ok(Event { at, thread, what })
    }
}

impl From<Event> for Line {
    fn from(Event { at, thread, what }: Event) -> Self {
        let (call, returned) = match what {
            What::Call(op) => (Some(op), None),
            What::Return(outcome) => (None, Some(outcome)),
        };
        Self {
            at,
            thread,
            call,
            returned,
        }
    }
}

impl History {
    /// The history of a counter that was opened with `initial` units.
    ///
    /// # Errors
    ///
    /// [`HistoryError`] if a call returns before it was called, if two calls of a thread overlap, or
    /// if an answer is none to its call; with the line that it would have in a file.
    pub fn new(initial: u64, mut calls: Vec<Call>) -> Result<Self, HistoryError> {
        // Of calls of one thread at one stamp, that which returned at once was first.
        calls.sort_by_key(|call| (call.called, call.returned));
        // Before they are events: those of a call that runs backwards may pass for those of others.
        if let Some((index, mistake)) = misplaced(&calls) {
            return Err(HistoryError::new(line_of(&calls, index), mistake));
        }
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
            serde_json::to_writer(&mut to, &Line::from(event))?;
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
            let event = parse::<Line>(events + 2, line)?.event();
            let event = event.map_err(|mistake| HistoryError::new(events + 2, mistake))?;
            assembly.add(event)?;
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

/// The first of `calls` that cannot be where it is: it runs backwards, or its thread was not back. They
/// come in the sequence of their first stamps.
fn misplaced(calls: &[Call]) -> Option<(usize, Mistake)> {
    let mut back: BTreeMap<usize, u64> = BTreeMap::new();
    calls.iter().enumerate().find_map(|(index, call)| {
        let (at, after, thread) = (call.returned, call.called, call.thread);
        let mistake = if at < after {
            Mistake::Backwards { at, after }
        } else if back.get(&thread).is_some_and(|&back| call.called < back) {
            Mistake::Overlap { thread }
        } else {
            back.insert(thread, call.returned);
            return None;
        };
        Some((index, mistake))
    })
}

/// The line on which `calls[index]` is called, if they are written in the sequence of their stamps.
fn line_of(calls: &[Call], index: usize) -> usize {
    let at = calls[index].called;
    let returns = calls[..index].iter().filter(|call| call.returned < at);
    2 + index + returns.count()
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
