//! What an adapter can say about its counter, and that the suite keeps to it.

use segstock_conformance::{
    Answer, Options, Promise, Report, Request, State, Subject, Unjudged, request,
};
use segstock_model::Refusal;
use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, ThreadId};
use std::time::Duration;

fn options() -> Options {
    Options::new()
        .limit(u64::MAX)
        .rounds(100)
        .directory(env!("CARGO_TARGET_TMPDIR"))
}

/// What all counters of a check have seen.
#[derive(Default)]
struct Seen {
    opened: AtomicUsize,
    closed: AtomicUsize,
    threads: Mutex<HashSet<ThreadId>>,
    requests: Mutex<HashSet<Request>>,
    /// The largest order or restock, and the most units that a counter was opened with.
    largest: AtomicU64,
    most_opened: AtomicU64,
}

/// A right counter that notes how it is called.
struct Noting {
    left: Mutex<u64>,
    reserved: AtomicU64,
    is_closed: AtomicBool,
    seen: Arc<Seen>,
}

impl Noting {
    fn open(seen: &Arc<Seen>) -> impl Fn(u64, usize) -> Self + use<> {
        let seen = Arc::clone(seen);
        move |units, _| {
            seen.opened.fetch_add(1, Ordering::Relaxed);
            seen.most_opened.fetch_max(units, Ordering::Relaxed);
            Self {
                left: Mutex::new(units),
                reserved: AtomicU64::new(0),
                is_closed: AtomicBool::new(false),
                seen: Arc::clone(&seen),
            }
        }
    }

    fn note(&self, units: u64) {
        assert!(!self.is_closed.load(Ordering::SeqCst), "called when closed");
        // Except in the trial of zero units, every order is of one unit at least.
        self.seen.largest.fetch_max(units, Ordering::Relaxed);
        self.seen
            .threads
            .lock()
            .unwrap()
            .insert(thread::current().id());
        let (first, again) = (request(), request());
        assert_eq!(first, again, "one call has one name");
        let is_new = self.seen.requests.lock().unwrap().insert(first);
        assert!(is_new, "{first} names two calls");
    }

    fn take(&self, units: u64) -> bool {
        let mut left = self.left.lock().unwrap();
        let is_enough = *left >= units;
        *left -= if is_enough { units } else { 0 };
        is_enough
    }
}

impl Subject for Noting {
    fn deduct(&self, units: u64) -> Answer {
        self.note(units);
        self.take(units).into()
    }

    fn restock(&self, units: u64) -> Answer {
        self.note(units);
        let mut left = self.left.lock().unwrap();
        let reserved = self.reserved.load(Ordering::SeqCst);
        let more = left
            .checked_add(units)
            .filter(|more| more.checked_add(reserved).is_some());
        let Some(more) = more else {
            return Answer::OVERFLOW;
        };
        *left = more;
        Answer::Done(())
    }

    fn available(&self) -> Answer<u64> {
        self.note(0);
        Answer::Done(*self.left.lock().unwrap())
    }

    fn reserve(&self, units: u64) -> Option<Answer> {
        self.note(units);
        let mut left = self.left.lock().unwrap();
        let is_enough = *left >= units;
        if is_enough {
            *left -= units;
            self.reserved.fetch_add(units, Ordering::SeqCst);
        }
        Some(is_enough.into())
    }

    fn commit(&self, units: u64) -> Option<Answer> {
        self.note(units);
        self.reserved.fetch_sub(units, Ordering::SeqCst);
        Some(Answer::Done(()))
    }

    fn release(&self, units: u64) -> Option<Answer> {
        self.note(units);
        let mut left = self.left.lock().unwrap();
        self.reserved.fetch_sub(units, Ordering::SeqCst);
        *left += units;
        Some(Answer::Done(()))
    }

    fn order(&self, units: u64, flow: &mut dyn FnMut()) -> Option<Answer> {
        self.note(units);
        let mut left = self.left.lock().unwrap();
        if *left < units {
            return Some(Answer::SHORT);
        }
        let ran = catch_unwind(AssertUnwindSafe(flow));
        *left -= if ran.is_ok() { units } else { 0 };
        drop(left);
        ran.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        Some(Answer::Done(()))
    }

    fn close(&self) {
        let was_closed = self.is_closed.swap(true, Ordering::SeqCst);
        assert!(!was_closed, "closed twice");
        self.seen.closed.fetch_add(1, Ordering::Relaxed);
    }
}

/// Checks a counter that notes how it is called, and sees it kept.
fn noted(options: &Options) -> (Arc<Seen>, Report) {
    let seen = Arc::new(Seen::default());
    let report = options.check(Noting::open(&seen));
    println!("{report}");
    report.assert_kept();
    (seen, report)
}

#[test]
fn times_of_any_length_are_none_too_long() {
    let seen = Arc::default();
    let options = options().rounds(10).patience(Duration::MAX);
    let options = options.total_patience(Duration::MAX).time(Duration::MAX);
    options.check(Noting::open(&seen)).assert_kept();
}

#[test]
fn each_counter_is_closed_once_and_never_called_after() {
    let (seen, report) = noted(&options());
    let opened = seen.opened.load(Ordering::Relaxed);
    assert_eq!(seen.closed.load(Ordering::Relaxed), opened);
    assert!(
        opened > report.histories,
        "one more is opened to ask for holds"
    );
}

#[test]
fn a_counter_that_cannot_be_filled_is_closed_too() {
    // Its restock refuses what is large, so that there is no race for the last room.
    struct Small(Noting);
    impl Subject for Small {
        fn deduct(&self, units: u64) -> Answer {
            self.0.deduct(units)
        }
        fn restock(&self, units: u64) -> Answer {
            if units > 1 << 30 {
                return Answer::OVERFLOW;
            }
            self.0.restock(units)
        }
        fn available(&self) -> Answer<u64> {
            self.0.available()
        }
        fn close(&self) {
            self.0.close();
        }
    }
    let seen = Arc::new(Seen::default());
    let open = Noting::open(&seen);
    _ = options().check(move |units, segments| Small(open(units, segments)));
    let opened = seen.opened.load(Ordering::Relaxed);
    assert_eq!(seen.closed.load(Ordering::Relaxed), opened);
}

#[test]
fn threads_live_as_long_as_the_check() {
    let (seen, report) = noted(&options().threads(5));
    // The five, and the one that asked for the check.
    let threads = seen.threads.lock().unwrap().len();
    assert!((5..=6).contains(&threads), "{threads} threads, {report}");
}

/// Nobody says how many threads there are to be.
#[test]
fn there_are_more_threads_than_cores() {
    let (seen, report) = noted(&options());
    let threads = seen.threads.lock().unwrap().len();
    let cores = thread::available_parallelism().map_or(1, usize::from);
    assert!(threads >= (2 * cores).max(8), "{threads} threads, {report}");
    let text = report.to_string();
    assert!(text.contains(" pairs of calls overlapped: "), "{text}");
    let pairs: u64 = report.overlaps.iter().map(|(_, pairs)| pairs).sum();
    assert!(pairs > 100, "{text}");
}

#[test]
fn a_request_names_one_call() {
    let (seen, report) = noted(&options());
    let requests = seen.requests.lock().unwrap().len();
    // Calls that the counter does not offer have no history.
    assert!(requests >= report.calls, "{requests} names, {report}");
    let mut words: HashSet<String> = HashSet::new();
    for request in seen.requests.lock().unwrap().iter() {
        assert!(
            words.insert(request.to_string()),
            "{request} is written as another"
        );
    }
}

#[test]
fn single_units_are_all_that_is_asked_for() {
    let (seen, _) = noted(&options().single_units());
    assert_eq!(seen.largest.load(Ordering::Relaxed), 1);
    // Without the option there are larger orders.
    let (seen, _) = noted(&options());
    assert!(seen.largest.load(Ordering::Relaxed) > 1_000);
}

#[test]
fn most_units_are_all_that_a_counter_is_opened_with() {
    let (seen, report) = noted(&options().most_units(7));
    assert!(seen.most_opened.load(Ordering::Relaxed) <= 7);
    assert!(
        seen.largest.load(Ordering::Relaxed) <= 1_000,
        "one order is of too many on purpose"
    );
    let overflow = report
        .findings
        .iter()
        .find(|finding| finding.promise == Promise::Overflow);
    assert!(
        matches!(overflow.unwrap().state, State::NotPromised),
        "{report}"
    );
}

#[test]
fn names_distinguish_two_variants_of_a_type() {
    /// Says that it sold, and never counts.
    struct Free(u64);
    impl Subject for Free {
        fn deduct(&self, _: u64) -> Answer {
            Answer::Done(())
        }
        fn restock(&self, _: u64) -> Answer {
            Answer::Done(())
        }
        fn available(&self) -> Answer<u64> {
            Answer::Done(self.0)
        }
    }
    let report = |name: &str| {
        let options = options()
            .name(name)
            .stop_when_broken([Promise::NeverOversold]);
        options.check(|units, _| Free(units))
    };
    let reports = ["tills, one row each", "tills, one lock"].map(report);
    let files = reports.each_ref().map(|report| {
        let evidence = report
            .evidence(Promise::NeverOversold)
            .expect("it oversells");
        let path = evidence.history.clone().expect("it is kept on disk");
        assert!(path.exists(), "{}", path.display());
        path.file_name().unwrap().to_string_lossy().into_owned()
    });
    assert!(reports[0].to_string().starts_with("tills, one row each: "));
    assert!(files[0].starts_with("tills__one_row_each-"), "{files:?}");
    assert!(files[1].starts_with("tills__one_lock-"), "{files:?}");
}

#[test]
fn a_counter_that_cannot_be_opened_is_an_error() {
    let seen = Arc::new(Seen::default());
    let open = Noting::open(&seen);
    let never = options().try_check(|_, _| Err::<Noting, _>("no connection"));
    assert_eq!(never.unwrap_err(), "no connection");
    // Later it is said in the report, which keeps nothing that was not tried.
    let left = AtomicUsize::new(30);
    let report = options().try_check(|units, segments| {
        let is_left = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
            left.checked_sub(1)
        });
        is_left.map_err(|_| "too many connections")?;
        Ok::<_, &str>(open(units, segments))
    });
    let report = report.unwrap();
    println!("{report}");
    let trouble = report.trouble.as_deref().unwrap();
    assert!(
        trouble.contains("could not be opened: too many connections"),
        "{trouble}"
    );
    catch_unwind(|| report.assert_kept()).expect_err("not all was tried");
    // What 30 counters showed is said; nothing is claimed of what was never played.
    assert!(report.kept().contains(&Promise::Zero), "{report}");
    let few = options().try_check(|units, segments| match units {
        0..=3 => Ok(open(units, segments)),
        _ => Err("too large"),
    });
    let few = few.expect("the trial of nothing was played");
    let overflow = few
        .findings
        .iter()
        .find(|finding| finding.promise == Promise::Overflow);
    let state = &overflow.unwrap().state;
    assert!(
        matches!(state, State::NotJudged(Unjudged::NotOpened)),
        "{few}"
    );
}

/// Reserves, and settles more than was reserved unless it promises to refuse that.
struct Till {
    /// In stock, and reserved.
    units: Mutex<(u64, u64)>,
    refuses: bool,
}

impl Till {
    fn settle(&self, units: u64, back: u64) -> Answer {
        let (left, reserved) = &mut *self.units.lock().unwrap();
        if units > *reserved && self.refuses {
            return Answer::Refused(Refusal::NotReserved);
        }
        *reserved = reserved.saturating_sub(units);
        *left += back;
        Answer::Done(())
    }
}

impl Subject for Till {
    fn deduct(&self, units: u64) -> Answer {
        let left = &mut self.units.lock().unwrap().0;
        let is_enough = *left >= units;
        *left -= if is_enough { units } else { 0 };
        is_enough.into()
    }

    fn restock(&self, units: u64) -> Answer {
        let (left, reserved) = &mut *self.units.lock().unwrap();
        let on_hand = left.checked_add(*reserved);
        if on_hand
            .and_then(|units_here| units_here.checked_add(units))
            .is_none()
        {
            return Answer::OVERFLOW;
        }
        *left += units;
        Answer::Done(())
    }

    fn available(&self) -> Answer<u64> {
        Answer::Done(self.units.lock().unwrap().0)
    }

    fn reserve(&self, units: u64) -> Option<Answer> {
        let (left, reserved) = &mut *self.units.lock().unwrap();
        let is_enough = *left >= units;
        if is_enough {
            *left -= units;
            *reserved += units;
        }
        Some(is_enough.into())
    }

    fn commit(&self, units: u64) -> Option<Answer> {
        Some(self.settle(units, 0))
    }

    fn release(&self, units: u64) -> Option<Answer> {
        Some(self.settle(units, units))
    }
}

#[test]
fn a_release_of_what_was_never_reserved_is_judged_where_its_refusal_is_promised() {
    let check = |options: Options, refuses| {
        let report = options.check(move |units, _| Till {
            units: Mutex::new((units, 0)),
            refuses,
        });
        println!("{report}");
        report
    };
    let promised = || options().refuses_unreserved();
    let right = check(promised(), true);
    right.assert_kept();
    assert!(right.kept().contains(&Promise::NotReserved));
    let wrong = check(promised(), false);
    assert_eq!(wrong.broken(), [Promise::NotReserved]);
    let words = &wrong.evidence(Promise::NotReserved).unwrap().words;
    assert!(
        words.contains("release(1) was done with 0 reserved"),
        "{words}"
    );
    // Where nobody promises it, it is not judged.
    check(options(), false).assert_kept();
}
