//! A caller whose code panics in an order.

use super::Trial;
use super::orders::{Flow, Orders, Sound};
use crate::crew::Crew;
use crate::explain::Explanation;
use crate::judge::Ruling;
use crate::options::Options;
use crate::play::{Played, drain, together};
use crate::recorder::Log;
use crate::reduced::{NotOpened, Open, Reduced};
use crate::report::Unjudged;
use segstock_model::{Call, Op, Outcome};
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// Orders of which every second one panics in the caller's code: first one thread alone, then many. `None` if the
/// counter runs no code of callers. If the counter `is_wrong` without panics, units that are missing after a race are
/// not blamed on a panic.
pub(in super::super) fn panics(
    options: &Options,
    crew: &mut Crew,
    open: Open<'_>,
    rounds: Range<usize>,
    is_wrong: bool,
    is_over: impl Fn() -> bool,
) -> Result<Option<Vec<Trial>>, NotOpened> {
    let mut trials = Vec::new();
    for round in rounds {
        if is_over() {
            break;
        }
        let threads = if round == 0 { 1 } else { options.threads };
        let units = options.draw.stock(1 + round as u64 % 6);
        let draw = options.draw;
        let notes = Notes::default();
        let script = {
            let notes = notes.clone();
            move |subject: &Reduced, log: &mut Log| {
                for turn in 0..6_u64 {
                    if !notes.order(subject, log, draw.order(1 + turn / 2 % 2), turn % 2 == 0) {
                        return;
                    }
                    // Fewer units come than are ordered, so that threads race for the last ones.
                    if turn % 3 == 2 {
                        log.run(subject, Op::Restock(1));
                    }
                }
            }
        };
        let rest = move |subject: &Reduced, log: &mut Log| {
            log.run(subject, Op::Available);
            log.run(subject, Op::Snapshot);
            log.run(subject, Op::Restock(1));
            drain(subject, log, draw);
        };
        let subject = open(units)?;
        let played = together(
            crew,
            subject,
            units,
            threads,
            options.patience,
            script,
            rest,
        );
        let notes = notes.take();
        if notes.is_not_offered {
            return Ok(None);
        }
        let is_stuck = played.is_stuck();
        trials.push(judged(played, &notes, options, is_wrong && round > 0));
        if is_stuck {
            break;
        }
    }
    Ok(Some(trials))
}

/// The panic of a caller; it is not a panic of the counter.
struct CallersPanic;

/// What is known of orders beside their history.
#[derive(Debug, Clone, Default)]
struct Noted {
    is_not_offered: bool,
    flows: Vec<Flow>,
    /// An order whose flow was treated wrongly, and how.
    fault: Option<(Call, &'static str)>,
}

#[derive(Debug, Clone, Default)]
struct Notes(Arc<Mutex<Noted>>);

impl Notes {
    fn write(&self, note: impl FnOnce(&mut Noted)) {
        note(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn take(&self) -> Noted {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Runs an order and catches the panic of its flow; returns whether orders are offered.
    fn order(&self, subject: &Reduced, log: &mut Log, units: u64, panics: bool) -> bool {
        let now = log.clock();
        let mut ran = None;
        let mut flow = || {
            let began = now();
            // Lets other threads call while the order runs.
            thread::yield_now();
            ran = Some((began, now()));
            if panics {
                // The panic hook is not called, so that nothing is printed.
                resume_unwind(Box::new(CallersPanic));
            }
        };
        let outcome = catch_unwind(AssertUnwindSafe(|| log.order(subject, units, &mut flow)));
        let came_back = match &outcome {
            Ok(None) => {
                self.write(|notes| notes.is_not_offered = true);
                return false;
            }
            Ok(Some(_)) => false,
            Err(payload) => payload.is::<CallersPanic>(),
        };
        let Some(&call) = log.calls().last() else {
            return true;
        };
        let fault = match (&outcome, ran) {
            (Ok(Some(Outcome::Done)), None) => Some("was done, but its flow never ran"),
            (Ok(Some(_)), Some(_)) if panics => {
                Some("answered, though its flow panicked: the panic must go on to the caller")
            }
            _ => None,
        };
        self.write(|notes| {
            let flow = ran.map(|(began, ended)| Flow {
                thread: call.thread,
                called: call.called,
                began,
                ended,
                panicked: came_back,
            });
            notes.flows.extend(flow);
            notes.fault = notes.fault.or(fault.map(|fault| (call, fault)));
        });
        match outcome {
            Err(payload) if !came_back => resume_unwind(payload),
            _ => true,
        }
    }
}

fn judged(played: Played, noted: &Noted, options: &Options, is_wrong: bool) -> Trial {
    let calls = played.history.calls();
    let mut is_wrong_otherwise = false;
    let (ruling, fault) = if let Some(failure) = &played.failure {
        (Ruling::Broken, Some(failure.explain(&played.history)))
    } else if let Some((call, fault)) = noted.fault {
        let (op, thread) = (call.op, call.thread);
        let words = format!("{op} of thread {thread} {fault}");
        (
            Ruling::Broken,
            Some(Explanation::plain(Some(call), calls, words)),
        )
    } else {
        match Orders::new(&played, &noted.flows).judge(options) {
            Sound::Yes if noted.flows.iter().any(|flow| flow.panicked) => (Ruling::Kept, None),
            Sound::Yes => (Ruling::Unjudged(Unjudged::NoAnswer), None),
            Sound::Undecided => (Ruling::Undecided, None),
            Sound::ButForPanics(_) if is_wrong => (Ruling::Unjudged(Unjudged::Masked), None),
            Sound::ButForPanics(why) => (Ruling::Broken, Some(*why)),
            Sound::No => {
                is_wrong_otherwise = true;
                (Ruling::Unjudged(Unjudged::Masked), None)
            }
        }
    };
    Trial {
        panicked: noted.flows.iter().filter(|flow| flow.panicked).count(),
        ruling,
        fault,
        is_wrong_otherwise,
        played,
    }
}
