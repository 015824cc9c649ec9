//! [`check`]: the whole suite on one counter.

use crate::crew::Crew;
use crate::options::Options;
use crate::play::{Played, play, together};
use crate::recorder::Log;
use crate::reduced::{NotOpened, Open, Reduced};
use crate::report::{Promise, Report, State, Unjudged};
use crate::rounds::rounds;
use crate::subject::Subject;
use crate::tally::Tally;
use crate::trials;
use crate::trials::Trial;
use segstock_model::Op;
use std::any;
use std::cell::Cell;
use std::convert::Infallible;
use std::ops::Range;
use std::time::{Duration, Instant};

/// Judges a counter by all that it can promise. `open` gets a number of units and a number of segments, and opens a
/// fresh counter with these units, in these segments if it has any.
///
/// It records some 1,400 histories from real threads and has the [`Checker`](crate::Checker) judge them;
/// that takes seconds where calls are quick. No finding is proof: threads that race may not have met. A model
/// checker like loom goes further, for less code.
///
/// # Examples
///
/// ```
/// use segstock::LockedStock;
///
/// let report = segstock_conformance::check(|units, segments| {
///     LockedStock::builder(units).segments(segments).build().unwrap()
/// });
/// report.assert_kept();
/// ```
pub fn check<S: Subject + 'static>(open: impl Fn(u64, usize) -> S) -> Report {
    Options::new().check(open)
}

impl Options {
    /// Judges a counter; see [`check`].
    pub fn check<S: Subject + 'static>(&self, open: impl Fn(u64, usize) -> S) -> Report {
        let open = |units, segments| Ok::<S, Infallible>(open(units, segments));
        match self.try_check(open) {
            Ok(report) => report,
            Err(never) => match never {},
        }
    }

    /// As [`check`](Self::check), of a counter that cannot always be opened. `open` runs on the calling thread, which waits
    /// for it: give it a time-out of its own.
    ///
    /// # Errors
    ///
    /// The error of `open`, if the counter was never opened. Later, the report says that the check ended
    /// early, and why.
    pub fn try_check<S: Subject + 'static, E: std::fmt::Display>(
        &self,
        open: impl Fn(u64, usize) -> Result<S, E>,
    ) -> Result<Report, E> {
        let failed = Cell::new(None);
        let open = |units| match open(units, self.segments) {
            Ok(subject) => Ok(self.reduced(subject)),
            Err(error) => {
                let words = error.to_string();
                failed.set(Some(error));
                Err(NotOpened(words))
            }
        };
        let name = self.name.clone();
        let name = name.unwrap_or_else(|| any::type_name::<S>().to_owned());
        let report = self.judge(name, &open);
        match failed.take() {
            Some(error) if report.histories == 0 => Err(error),
            _ => Ok(report),
        }
    }

    /// The counter under judgement: with what is promised, and no more.
    pub(super) fn reduced(&self, subject: impl Subject + 'static) -> Reduced {
        Reduced::new(subject, self.snapshots, self.reservations)
    }

    /// The check itself, which knows no type of a user.
    fn judge(&self, name: String, open: Open<'_>) -> Report {
        let began = Instant::now();
        let mut check = Check {
            options: self,
            tally: Tally::new(self, name),
            crew: Crew::new(self.threads),
            began,
            shown: began,
        };
        if let Err(NotOpened(why)) = check.run(open) {
            let trouble = format!("the counter could not be opened: {why}");
            check.tally.give_up(Unjudged::NotOpened, trouble);
        }
        check.tally.report(began)
    }

    /// Whether the time of a whole check that began then is over.
    fn is_given_up(&self, began: Instant) -> impl Fn() -> bool + use<> {
        let patience = self.whole_patience();
        move || began.elapsed() >= patience
    }

    /// A check that is to last has its patience on top of that.
    fn whole_patience(&self) -> Duration {
        self.total_patience.saturating_add(self.at_least)
    }

    /// Why a check ends that has seen these promises broken, if it does.
    pub(super) fn end_of_check(
        &self,
        broken: &[Promise],
        began: Instant,
    ) -> Option<(Unjudged, String)> {
        let is_found = if self.stops_when.is_empty() {
            self.stops_at_first && !broken.is_empty()
        } else {
            self.stops_when
                .iter()
                .all(|promise| broken.contains(promise))
        };
        if is_found {
            return Some((
                Unjudged::Stopped,
                "the check ended at its finding".to_owned(),
            ));
        }
        if self.is_given_up(began)() {
            let seconds = self.whole_patience().as_secs_f64();
            return Some((
                Unjudged::OutOfTime,
                format!("the check was given up after {seconds:.0} s, not all was tried"),
            ));
        }
        None
    }
}

/// What shows whether a counter has holds.
const A_HOLD: Op = Op::Place {
    key: 1,
    units: 1,
    ttl: 1,
};

/// A check under way.
struct Check<'a> {
    options: &'a Options,
    tally: Tally<'a>,
    crew: Crew,
    began: Instant,
    shown: Instant,
}

impl Check<'_> {
    fn run(&mut self, open: Open<'_>) -> Result<(), NotOpened> {
        // Not on this thread: a call may never return.
        let place = |subject: &_, log: &mut Log| _ = log.run(subject, A_HOLD);
        let patience = self.options.patience;
        let probe = together(&mut self.crew, open(1)?, 1, 1, patience, place, |_, _| ());
        let holds = !probe.history.calls().is_empty();
        if (probe.is_stuck() && self.add(&probe)) || self.trials(open)? {
            return Ok(());
        }
        let mut pass = 0;
        while pass == 0 || self.began.elapsed() < self.options.at_least {
            // Other calls in each pass, and none of them twice.
            let seed = self.options.seed.wrapping_add(pass << 32);
            let all = rounds(self.options.size(), seed, holds);
            for round in all {
                let counter = open(round.units)?;
                let played = play(&mut self.crew, counter, &round, self.options.patience);
                if self.add(&played) || self.is_over() {
                    return Ok(());
                }
                if pass > 0 && self.began.elapsed() >= self.options.at_least {
                    return Ok(());
                }
            }
            if pass == 0 && self.racing_trials(open)? {
                return Ok(());
            }
            pass += 1;
        }
        Ok(())
    }

    /// Plays the trials, and says whether the check is over.
    fn trials(&mut self, open: Open<'_>) -> Result<bool, NotOpened> {
        let options = self.options;
        let trials = trials::zero(options, &mut self.crew, open)?;
        if self.add_trials(Promise::Zero, &trials) {
            return Ok(true);
        }
        if options.refuses_unreserved {
            match trials::unreserved(options, &mut self.crew, open)? {
                Some(trial) => {
                    if self.add_trials(Promise::NotReserved, &[trial]) {
                        return Ok(true);
                    }
                }
                None => self.tally.set(Promise::NotReserved, State::NotPromised),
            }
        }
        if options.draw.most.is_none() {
            let trials = trials::overflow(options, &mut self.crew, open)?;
            if self.add_trials(Promise::Overflow, &trials) {
                return Ok(true);
            }
        }
        self.panics(open, 0..1)
    }

    /// Plays the trials in which many threads race, and says whether the check is over.
    fn racing_trials(&mut self, open: Open<'_>) -> Result<bool, NotOpened> {
        let (options, few) = (self.options, self.options.rounds.div_ceil(20).max(1));
        if options.draw.most.is_none() {
            let is_over = options.is_given_up(self.began);
            let trials = trials::overflow_races(options, &mut self.crew, open, few, is_over)?;
            if self.add_trials(Promise::Overflow, &trials) {
                return Ok(true);
            }
        }
        self.panics(open, 1..few)
    }

    /// Plays the trials of callers that panic, the first of one caller alone, and says whether the check is over.
    fn panics(&mut self, open: Open<'_>, rounds: Range<usize>) -> Result<bool, NotOpened> {
        let broken = self.tally.broken();
        let is_wrong = broken.contains(&Promise::Linearizable);
        let is_over = self.options.is_given_up(self.began);
        match trials::panics(
            self.options,
            &mut self.crew,
            open,
            rounds,
            is_wrong,
            is_over,
        )? {
            Some(trials) => Ok(self.add_trials(Promise::CallerPanics, &trials)),
            None => {
                self.tally.set(Promise::CallerPanics, State::NotPromised);
                Ok(self.is_over())
            }
        }
    }

    /// Judges a round, and says whether it is the last that can be played.
    fn add(&mut self, played: &Played) -> bool {
        let is_stuck = self.tally.add(played);
        if is_stuck {
            self.is_stuck();
        }
        is_stuck
    }

    /// Judges trials, and says whether the check is over.
    fn add_trials(&mut self, promise: Promise, trials: &[Trial]) -> bool {
        for trial in trials {
            self.tally.add_trial(promise, trial);
        }
        if trials.iter().any(|trial| trial.played.is_stuck()) {
            self.is_stuck();
            return true;
        }
        self.is_over()
    }

    fn is_stuck(&mut self) {
        let trouble = "a call did not return: nothing was tried after it".to_owned();
        self.tally.give_up(Unjudged::Stuck, trouble);
    }

    /// Shows the progress, and says whether the check ends here.
    fn is_over(&mut self) -> bool {
        if let Some(progress) = &self.options.progress
            && self.shown.elapsed() >= Duration::from_secs(1)
        {
            progress.show(&self.tally.progressed(self.began));
            self.shown = Instant::now();
        }
        let end = self.options.end_of_check(&self.tally.broken(), self.began);
        let is_over = end.is_some();
        if let Some((why, trouble)) = end {
            self.tally.give_up(why, trouble);
        }
        is_over
    }
}
