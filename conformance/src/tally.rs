//! [`Tally`]: what was found so far.

use crate::checker::Undecided;
use crate::evidence;
use crate::explain::Explanation;
use crate::judge::{Judge, Ruling, is_known};
use crate::options::{Options, Progressed};
use crate::overlaps::Overlaps;
use crate::pace::Pace;
use crate::play::Played;
use crate::report::{Evidence, Finding, Promise, Report, State, Unjudged};
use crate::trials::Trial;
use std::collections::BTreeMap;
use std::time::Instant;

/// What was found so far.
#[derive(Debug)]
pub(super) struct Tally<'a> {
    options: &'a Options,
    counter: String,
    findings: BTreeMap<Promise, Finding>,
    histories: usize,
    calls: usize,
    unknown: usize,
    overlaps: Overlaps,
    pace: Pace,
    is_recorded: bool,
    trouble: Option<String>,
    undecided: Option<Undecided>,
}

impl<'a> Tally<'a> {
    pub(super) fn new(options: &'a Options, counter: String) -> Self {
        let finding = |promise| Finding {
            promise,
            state: State::NotJudged(Unjudged::NoAnswer),
            judged: 0,
            broken: 0,
            undecided: 0,
        };
        let findings = Promise::ALL.map(|promise| (promise, finding(promise)));
        let mut tally = Self {
            options,
            counter,
            findings: findings.into(),
            histories: 0,
            calls: 0,
            unknown: 0,
            overlaps: Overlaps::default(),
            pace: Pace::default(),
            is_recorded: false,
            trouble: None,
            undecided: None,
        };
        if !options.exact_refusals {
            tally.set(Promise::ExactRefusal, State::NotPromised);
        }
        if !options.refuses_unreserved {
            tally.set(Promise::NotReserved, State::NotPromised);
        }
        if options.draw.most.is_some() {
            tally.set(Promise::Overflow, State::NotPromised);
        }
        tally
    }

    /// Of histories that were recorded elsewhere: no thread was started for them, and no trial made.
    pub(super) fn of_recordings(options: &'a Options, counter: String) -> Self {
        use Promise::{CallerPanics, ManyThreads, NotReserved, Overflow, Zero};
        let mut tally = Self::new(options, counter);
        tally.is_recorded = true;
        for promise in [ManyThreads, CallerPanics, Overflow, Zero, NotReserved] {
            tally.set(promise, State::NotJudged(Unjudged::NotPlayed));
        }
        tally
    }

    /// Of schedules under a model checker: no trial is made.
    #[cfg(feature = "shuttle")]
    pub(super) fn of_schedules(options: &'a Options, counter: String) -> Self {
        let mut tally = Self::of_recordings(options, counter);
        tally.set(Promise::ManyThreads, State::NotJudged(Unjudged::NoAnswer));
        tally
    }

    pub(super) fn set(&mut self, promise: Promise, state: State) {
        if let Some(finding) = self.findings.get_mut(&promise) {
            finding.state = state;
        }
    }

    /// Of what was not judged yet, nothing will be.
    pub(super) fn give_up(&mut self, because: Unjudged, trouble: String) {
        for finding in self.findings.values_mut() {
            if let State::NotJudged(why) = &mut finding.state {
                *why = because;
            }
        }
        self.trouble = Some(trouble);
    }

    pub(super) fn progressed(&self, began: Instant) -> Progressed {
        Progressed {
            histories: self.histories,
            calls: self.calls,
            broken: self.broken().len(),
            elapsed: began.elapsed(),
        }
    }

    pub(super) fn broken(&self) -> Vec<Promise> {
        let findings = self.findings.values();
        let broken = findings.filter(|finding| matches!(finding.state, State::Broken(_)));
        broken.map(|finding| finding.promise).collect()
    }

    /// Judges a round, and says whether it is the last that can be played.
    pub(super) fn add(&mut self, played: &Played) -> bool {
        self.count(played);
        let Some(failure) = &played.failure else {
            // Of many threads, a round of one says nothing.
            if !played.is_alone() || self.options.threads == 1 {
                let ruling = if played.history.calls().iter().any(is_known) {
                    Ruling::Kept
                } else {
                    Ruling::Unjudged(Unjudged::NoAnswer)
                };
                self.rule(Promise::ManyThreads, ruling, played, Default::default);
            }
            self.judge(played);
            return false;
        };
        self.rule(Promise::ManyThreads, Ruling::Broken, played, || {
            (failure.to_string(), Some(failure.explain(&played.history)))
        });
        // What a panic left behind is judged, too: its call may have happened or not.
        if !failure.is_stuck() {
            self.judge(played);
        }
        failure.is_stuck()
    }

    /// Judges what was recorded elsewhere, and says which promises it breaks.
    pub(super) fn add_history(&mut self, played: &Played) -> Vec<Promise> {
        self.count(played);
        self.judge(played)
    }

    fn judge(&mut self, played: &Played) -> Vec<Promise> {
        let judge = Judge::new(self.options.checker(), self.options.promised(), played);
        let mut broken = Vec::new();
        for (promise, ruling) in judge.rulings() {
            self.rule(promise, ruling, played, || {
                let why = judge.explain(promise);
                (why.to_string(), Some(why))
            });
            if ruling == Ruling::Broken {
                broken.push(promise);
            }
        }
        self.undecided = self.undecided.or(judge.undecided());
        broken
    }

    pub(super) fn add_trial(&mut self, promise: Promise, trial: &Trial) {
        self.count(&trial.played);
        self.unknown -= trial.panicked;
        self.rule(promise, trial.ruling, &trial.played, || {
            let words = trial.fault.as_ref().map(ToString::to_string);
            (words.unwrap_or_default(), trial.fault.clone())
        });
        if trial.is_wrong_otherwise {
            self.judge(&trial.played);
        }
    }

    fn count(&mut self, played: &Played) {
        self.histories += 1;
        let calls = played.history.calls();
        self.calls += calls.len();
        self.unknown += calls.iter().filter(|call| !is_known(call)).count();
        self.overlaps.add(calls);
        self.pace.add(calls);
    }

    fn rule(
        &mut self,
        promise: Promise,
        ruling: Ruling,
        played: &Played,
        why: impl FnOnce() -> (String, Option<Explanation>),
    ) {
        let Some(finding) = self.findings.get_mut(&promise) else {
            return;
        };
        // Nobody asked a recorded history for what no call in it is about.
        let ruling = match ruling {
            Ruling::Unjudged(Unjudged::NoCall) if self.is_recorded => {
                Ruling::Unjudged(Unjudged::NotPlayed)
            }
            ruling => ruling,
        };
        finding.judged += usize::from(!matches!(ruling, Ruling::Unjudged(_)));
        match (ruling, &finding.state) {
            (Ruling::Kept, State::NotJudged(_)) => finding.state = State::Kept,
            (Ruling::Unjudged(why), State::NotJudged(_)) if why != Unjudged::NoAnswer => {
                finding.state = State::NotJudged(why);
            }
            (Ruling::Kept | Ruling::Unjudged(_), _) => {}
            (Ruling::Undecided, state) => {
                finding.undecided += 1;
                if !matches!(state, State::Broken(_)) {
                    finding.state = State::Undecided;
                }
            }
            (Ruling::Broken, State::Broken(_)) => finding.broken += 1,
            (Ruling::Broken, _) => {
                finding.broken += 1;
                let (words, why) = why();
                let files = evidence::keep(
                    &self.options.directory,
                    &evidence::file_name(&self.counter, promise),
                    &played.history,
                    why.as_ref(),
                );
                let (history, picture, words) = match files {
                    Ok((history, picture)) => (Some(history), Some(picture), words),
                    Err(error) => (None, None, format!("{words}\n(not kept on disk: {error})")),
                };
                finding.state = State::Broken(Evidence {
                    words,
                    history,
                    picture,
                });
            }
        }
    }

    pub(super) fn report(self, began: Instant) -> Report {
        Report {
            counter: self.counter,
            findings: self.findings.into_values().collect(),
            histories: self.histories,
            calls: self.calls,
            unknown: self.unknown,
            elapsed: began.elapsed(),
            seed: self.options.seed,
            overlaps: self.overlaps.pairs(),
            slowest: self.pace.slowest(),
            trouble: self.trouble,
            why_undecided: self.undecided,
        }
    }
}
