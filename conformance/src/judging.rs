//! [`Judging`]: the suite's judgement on histories that were recorded elsewhere.

use crate::history::History;
use crate::options::Options;
use crate::play::Played;
use crate::report::{Promise, Report};
use crate::tally::Tally;
use std::time::Instant;

/// Judges a counter by histories that its user records: one that is asynchronous, or simulated, or far
/// away, so that the threads of [`check`](super::check) cannot call it.
///
/// # Examples
///
/// ```
/// use segstock_conformance::{Call, History, Options, Promise};
/// use segstock_model::{Op, Outcome};
///
/// let history = History::new(1, vec![
///     Call::new(0, 10, 40, Op::Deduct(1), Outcome::Done),
///     Call::new(1, 20, 30, Op::Deduct(1), Outcome::Done),
/// ])?;
/// let options = Options::new();
/// let mut judging = options.judging("two tills");
/// assert!(judging.add(history, 0).contains(&Promise::NeverOversold));
/// println!("{}", judging.report());
/// # Ok::<(), segstock_conformance::HistoryError>(())
/// ```
#[derive(Debug)]
#[must_use = "its report says whether the counter is right"]
pub struct Judging<'a> {
    tally: Tally<'a>,
    began: Instant,
}

impl Options {
    /// Judges histories of what is called `counter` in the report, and in the names of files.
    pub fn judging(&self, counter: impl Into<String>) -> Judging<'_> {
        Judging {
            tally: Tally::of_recordings(self, counter.into()),
            began: Instant::now(),
        }
    }
}

impl Judging<'_> {
    /// The promises that a history breaks. Its last `at_rest` calls were made when all else was over: how many
    /// are left, and what can still be sold.
    pub fn add(&mut self, history: History, at_rest: usize) -> Vec<Promise> {
        let at_rest = at_rest.min(history.calls().len());
        self.tally.add_history(&Played {
            history,
            failure: None,
            at_rest,
        })
    }

    /// What was found; the evidence of a broken promise is of the first history that broke it.
    pub fn report(self) -> Report {
        self.tally.report(self.began)
    }
}
