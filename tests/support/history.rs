//! Histories of concurrent calls, and the search for an order that explains one.
//!
//! A history is linearizable if its calls can be put in one order that the sequential model
//! explains, and in which a call that returned before another began stands before it. The search
//! tries each call that no unplaced call precedes, and goes back when the model says no (Wing and
//! Gong, 1993), remembering what it has seen (Lowe, 2017).

use super::model::{Call, Model};
use std::collections::HashSet;

/// A call with its stamps.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    pub thread: usize,
    pub called: u64,
    pub returned: u64,
    pub call: Call,
}

/// The calls of one thread, one after another.
pub type Log = Vec<Entry>;

/// Panics with the history unless some order explains it.
#[track_caller]
pub fn assert_linearizable(start: Model, logs: &[Log]) {
    if !is_linearizable(start, logs) {
        let mut text = String::new();
        for entry in logs.iter().flatten() {
            text += &format!(
                "  thread {} [{:>3}, {:>3}] {:?}\n",
                entry.thread, entry.called, entry.returned, entry.call
            );
        }
        panic!("no order explains this history of {start:?}:\n{text}");
    }
}

pub fn is_linearizable(start: Model, logs: &[Log]) -> bool {
    Search {
        logs,
        seen: HashSet::new(),
    }
    .explains(start, &mut vec![0; logs.len()])
}

struct Search<'a> {
    logs: &'a [Log],
    /// How many calls of each thread were placed, and what the stock then was.
    seen: HashSet<(Vec<usize>, Model)>,
}

impl Search<'_> {
    fn explains(&mut self, stock: Model, placed: &mut Vec<usize>) -> bool {
        let next: Vec<Entry> = self
            .logs
            .iter()
            .zip(placed.iter())
            .filter_map(|(log, &done)| log.get(done).copied())
            .collect();
        let Some(first_return) = next.iter().map(|entry| entry.returned).min() else {
            return true;
        };
        if !self.seen.insert((placed.clone(), stock)) {
            return false;
        }
        for entry in next {
            // Some other call had returned before this one began.
            if entry.called > first_return {
                continue;
            }
            let Some(after) = stock.step(&entry.call) else {
                continue;
            };
            placed[entry.thread] += 1;
            if self.explains(after, placed) {
                return true;
            }
            placed[entry.thread] -= 1;
        }
        false
    }
}
