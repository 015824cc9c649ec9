//! [`History`]: what was called when, and what it answered; kept as JSON lines.

use crate::error::{HistoryError, Mistake};
use segstock_model::{Call, Op, Outcome};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::io::{self, BufRead, Write};

/// The version of the format that is written and read.
const VERSION: u32 = 2;

/// The calls of some threads on one counter, with what else a file says about them.
///
/// It is read from JSON lines and written as such: [the format](crate::docs::histories_from_elsewhere).
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
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct History {
    initial: u64,
    calls: Vec<Call>,
    names: BTreeMap<usize, String>,
    /// Of a call, the fields of its two lines that the format does not know.
    extra: BTreeMap<usize, [Fields; 2]>,
}

type Fields = serde_json::Map<String, Value>;

#[derive(Serialize, Deserialize)]
struct Header {
    segstock_history: u32,
    initial: u64,
    /// How many lines follow, if the writer knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    events: Option<usize>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
enum Thread {
    Number(usize),
    Name(String),
}

/// A line as it is written.
#[derive(Serialize, Deserialize)]
struct Line {
    at: u64,
    thread: Thread,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    call: Option<Op>,
    #[serde(default, rename = "return", skip_serializing_if = "Option::is_none")]
    returned: Option<Outcome>,
    #[serde(flatten)]
    extra: Fields,
}

struct Event {
    at: u64,
    thread: usize,
    what: What,
    extra: Fields,
    line: usize,
}

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
        // Of calls of one thread at one stamp, that which returned at once was first.
        calls.sort_by_key(|call| (call.called, call.returned));
        // Before they are events: those of a call that runs backwards may pass for those of others.
        if let Some((index, mistake)) = misplaced(&calls) {
            return Err(HistoryError::new(line_of(&calls, index), mistake));
        }
        let mut assembly = Assembly::default();
        for event in events(&calls, &BTreeMap::new()) {
            assembly.add(event)?;
        }
        Ok(assembly.history(initial))
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

    /// The name of a thread, as a file gives it, or its number.
    #[must_use]
    pub fn thread_name(&self, thread: usize) -> String {
        let name = self.names.get(&thread).cloned();
        name.unwrap_or_else(|| format!("thread {thread}"))
    }

    /// A field that the format does not know, of the line of a call or of that of its return.
    #[must_use]
    pub fn extra(&self, call: usize, field: &str) -> Option<&Value> {
        let [called, returned] = self.extra.get(&call)?;
        called.get(field).or_else(|| returned.get(field))
    }

    /// Writes it as JSON lines.
    ///
    /// # Errors
    ///
    /// What `to` answers.
    pub fn write(&self, mut to: impl Write) -> io::Result<()> {
        let events = events(&self.calls, &self.extra);
        let header = Header {
            segstock_history: VERSION,
            initial: self.initial,
            events: Some(events.len()),
        };
        serde_json::to_writer(&mut to, &header)?;
        writeln!(to)?;
        for event in events {
            let name = self.names.get(&event.thread).cloned();
            let (call, returned) = match event.what {
                What::Call(op) => (Some(op), None),
                What::Return(outcome) => (None, Some(outcome)),
            };
            let line = Line {
                at: event.at,
                thread: name.map_or(Thread::Number(event.thread), Thread::Name),
                call,
                returned,
                extra: event.extra,
            };
            serde_json::to_writer(&mut to, &line)?;
            writeln!(to)?;
        }
        to.flush()
    }

    /// Reads JSON lines: what [`write`](Self::write) wrote, or a program in any language.
    ///
    /// The lines of a thread come in its sequence; those of different threads in any. A last line that is cut
    /// short is left out, since its writer was stopped; unless the header says how many lines there are.
    ///
    /// # Errors
    ///
    /// [`HistoryError`] with the first line that is wrong.
    pub fn read(mut from: impl BufRead) -> Result<Self, HistoryError> {
        let mut text = String::new();
        let header: Header = match next_line(&mut from, &mut text, 1)? {
            true => parse(1, &text)?,
            false => return Err(HistoryError::new(1, Mistake::NoHeader)),
        };
        if header.segstock_history != VERSION {
            let mistake = Mistake::Version(header.segstock_history);
            return Err(HistoryError::new(1, mistake));
        }
        let mut lines: Vec<(usize, Line)> = Vec::new();
        let mut number = 1;
        while next_line(&mut from, &mut text, number + 1)? {
            number += 1;
            if text.trim().is_empty() {
                continue;
            }
            if let Some(promised) = header.events.filter(|&promised| lines.len() == promised) {
                return Err(HistoryError::new(number, Mistake::TooLong { promised }));
            }
            match parse(number, &text) {
                Ok(line) => lines.push((number, line)),
                Err(_) if !text.ends_with('\n') && header.events.is_none() => break,
                Err(error) => return Err(error),
            }
        }
        if let Some(promised) = header.events.filter(|&promised| lines.len() < promised) {
            let events = lines.len();
            let mistake = Mistake::Truncated { events, promised };
            return Err(HistoryError::new(number + 1, mistake));
        }
        assembled(header.initial, lines)
    }
}

/// Reads a line, its end included; says no at the end of the file.
fn next_line(
    from: &mut impl BufRead,
    text: &mut String,
    number: usize,
) -> Result<bool, HistoryError> {
    text.clear();
    let read = from.read_line(text);
    let read = read.map_err(|error| HistoryError::new(number, Mistake::Io(error)))?;
    Ok(read > 0)
}

fn parse<T: for<'a> Deserialize<'a>>(number: usize, text: &str) -> Result<T, HistoryError> {
    serde_json::from_str(text).map_err(|error| HistoryError::new(number, Mistake::Json(error)))
}

/// The history that some lines tell.
fn assembled(initial: u64, lines: Vec<(usize, Line)>) -> Result<History, HistoryError> {
    // Names count on from the highest number.
    let numbers = lines.iter().filter_map(|(_, line)| match line.thread {
        Thread::Number(number) => Some(number),
        Thread::Name(_) => None,
    });
    let mut next = numbers.max().map_or(0, |highest| highest.saturating_add(1));
    let mut named: BTreeMap<String, usize> = BTreeMap::new();
    let mut last: BTreeMap<usize, u64> = BTreeMap::new();
    let mut events = Vec::with_capacity(lines.len());
    for (number, line) in lines {
        let mistaken = |mistake| HistoryError::new(number, mistake);
        let thread = match line.thread {
            Thread::Number(thread) => thread,
            Thread::Name(name) => *named.entry(name).or_insert_with(|| {
                next += 1;
                next - 1
            }),
        };
        let what = match (line.call, line.returned) {
            (Some(op), None) => What::Call(op),
            (None, Some(outcome)) => What::Return(outcome),
            _ => return Err(mistaken(Mistake::NoEvent)),
        };
        let at = line.at;
        let after = last.insert(thread, at).unwrap_or(0);
        if at < after {
            return Err(mistaken(Mistake::Backwards { at, after }));
        }
        events.push(Event {
            at,
            thread,
            what,
            extra: line.extra,
            line: number,
        });
    }
    events.sort_by_key(|event| event.at);
    let mut assembly = Assembly::default();
    for event in events {
        assembly.add(event)?;
    }
    let names = named.into_iter().map(|(name, thread)| (thread, name));
    let names = names.collect();
    Ok(History {
        names,
        ..assembly.history(initial)
    })
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
fn events(calls: &[Call], extra: &BTreeMap<usize, [Fields; 2]>) -> Vec<Event> {
    let mut events = Vec::with_capacity(2 * calls.len());
    for (index, call) in calls.iter().enumerate() {
        let [called, returned] = extra.get(&index).cloned().unwrap_or_default();
        let event = |at, what, extra| Event {
            at,
            thread: call.thread,
            what,
            extra,
            line: 0,
        };
        events.push(event(call.called, What::Call(call.op), called));
        if call.returned < u64::MAX {
            events.push(event(call.returned, What::Return(call.outcome), returned));
        }
    }
    events.sort_by_key(|event| event.at);
    for (index, event) in events.iter_mut().enumerate() {
        event.line = index + 2;
    }
    events
}

/// Calls in the making, from events in the sequence of their stamps.
#[derive(Default)]
struct Assembly {
    calls: Vec<Call>,
    extra: BTreeMap<usize, [Fields; 2]>,
    /// The call that each thread is in.
    open: HashMap<usize, usize>,
}

impl Assembly {
    fn add(&mut self, event: Event) -> Result<(), HistoryError> {
        let line = event.line;
        self.place(event)
            .map_err(|mistake| HistoryError::new(line, mistake))
    }

    fn place(&mut self, event: Event) -> Result<(), Mistake> {
        let Event {
            at,
            thread,
            what,
            extra,
            ..
        } = event;
        let (index, line) = match what {
            What::Call(op) => {
                if self.open.insert(thread, self.calls.len()).is_some() {
                    return Err(Mistake::Overlap { thread });
                }
                let pending = Call::new(thread, at, u64::MAX, op, Outcome::Unknown);
                self.calls.push(pending);
                (self.calls.len() - 1, 0)
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
                (index, 1)
            }
        };
        if !extra.is_empty() {
            self.extra.entry(index).or_default()[line] = extra;
        }
        Ok(())
    }

    fn history(self, initial: u64) -> History {
        History {
            initial,
            calls: self.calls,
            names: BTreeMap::new(),
            extra: self.extra,
        }
    }
}
