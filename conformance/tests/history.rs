//! The format of histories: what is read, what is kept, and which line is wrong.

use segstock_conformance::{Checker, History, HistoryError, Mistake, Verdict};
use segstock_model::{Op, Outcome};

fn error_of(file: &str) -> HistoryError {
    History::read(file.as_bytes()).unwrap_err()
}

#[test]
fn a_damaged_history_names_the_line() {
    const HEADER: &str = "{\"segstock_history\":2,\"initial\":2,\"events\":2}\n";
    const CALL: &str = "{\"at\":10,\"thread\":0,\"call\":{\"deduct\":2}}\n";
    let good = format!("{HEADER}{CALL}{{\"at\":10,\"thread\":0,\"return\":\"done\"}}\n");
    assert_eq!(History::read(good.as_bytes()).unwrap().calls().len(), 1);

    let line_3 = |line: &str| error_of(&format!("{HEADER}{CALL}{line}"));
    let backwards = line_3("{\"at\":9,\"thread\":0,\"return\":\"done\"}\n");
    assert!(matches!(
        backwards.mistake,
        Mistake::Backwards { at: 9, after: 10 }
    ));
    assert_eq!(
        backwards.to_string(),
        "line 3: the stamp 9 runs backwards, after 10"
    );
    let no_call = line_3("{\"at\":11,\"thread\":1,\"return\":\"done\"}\n");
    assert!(matches!(
        no_call.mistake,
        Mistake::ReturnWithoutCall { thread: 1 }
    ));
    let overlap = line_3("{\"at\":11,\"thread\":0,\"call\":\"available\"}\n");
    assert!(matches!(overlap.mistake, Mistake::Overlap { thread: 0 }));
    let answer = line_3("{\"at\":11,\"thread\":0,\"return\":{\"took\":2}}\n");
    assert!(matches!(answer.mistake, Mistake::Answer));
    let torn = line_3("{\"at\":11,\"thread\":0,\"ret");
    assert!(matches!(torn.mistake, Mistake::Json(_)));
    let stranger = line_3("{\"at\":11,\"thread\":0,\"return\":\"perhaps\"}\n");
    assert!(matches!(stranger.mistake, Mistake::Json(_)));
    let truncated = line_3("");
    assert!(matches!(
        truncated.mistake,
        Mistake::Truncated {
            events: 1,
            promised: 2
        }
    ));
    let both = line_3("{\"at\":11,\"thread\":0,\"call\":\"available\",\"return\":\"done\"}\n");
    assert!(matches!(both.mistake, Mistake::NoEvent));
    let neither = line_3("{\"at\":11,\"thread\":0}\n");
    assert!(matches!(neither.mistake, Mistake::NoEvent));
    let deeper = "{\"at\":11,\"thread\":1,\"call\":{\"confirm\":{\"key\":1,\"units\":2}}}\n";
    let deeper = line_3(deeper);
    assert!(matches!(deeper.mistake, Mistake::Json(_)));
    for error in [
        backwards, no_call, overlap, answer, torn, stranger, truncated, both, neither, deeper,
    ] {
        assert_eq!(error.line, 3, "{error}");
    }

    let long = error_of(&format!("{good}{CALL}"));
    assert!(matches!(
        (long.line, long.mistake),
        (4, Mistake::TooLong { promised: 2 })
    ));
    let none = error_of("");
    assert!(matches!((none.line, none.mistake), (1, Mistake::NoHeader)));
    let future = error_of("{\"segstock_history\":3,\"initial\":2,\"events\":2}\n");
    assert!(matches!(
        (future.line, future.mistake),
        (1, Mistake::Version(3))
    ));
    let noise = History::read(&b"\xff\xfe"[..]).unwrap_err();
    assert!(matches!((noise.line, noise.mistake), (1, Mistake::Io(_))));
}

fn read(lines: &[&str]) -> History {
    let header = "{\"segstock_history\":2,\"initial\":2}";
    let file: Vec<&str> = [header].into_iter().chain(lines.iter().copied()).collect();
    let mut file = file.join("\n");
    file.push('\n');
    History::read(file.as_bytes()).unwrap()
}

#[test]
fn lines_of_several_threads_come_in_any_sequence() {
    // Each thread appended its own lines when it was done.
    let history = read(&[
        r#"{"at":20,"thread":"till b","call":{"deduct":1}}"#,
        r#"{"at":30,"thread":"till b","return":"done"}"#,
        r#"{"at":10,"thread":"till a","call":{"deduct":1}}"#,
        r#"{"at":40,"thread":"till a","return":"done"}"#,
        r#"{"at":5,"thread":7,"call":"available"}"#,
        r#"{"at":6,"thread":7,"return":{"at_most":2}}"#,
    ]);
    assert_eq!(history.calls().len(), 3);
    let names = history
        .calls()
        .iter()
        .map(|call| history.thread_name(call.thread));
    assert_eq!(names.collect::<Vec<_>>(), ["thread 7", "till a", "till b"]);
    assert_eq!(Checker::new().check(&history), Verdict::Linearizable);
}

#[test]
fn fields_that_the_format_does_not_know_are_kept() {
    let history = read(&[
        r#"{"at":10,"thread":"a","call":{"deduct":1},"order":"4711"}"#,
        r#"{"at":40,"thread":"a","return":"done","status":201}"#,
    ]);
    assert_eq!(history.extra(0, "order").unwrap(), "4711");
    assert_eq!(history.extra(0, "status").unwrap(), 201);
    assert_eq!(history.extra(0, "colour"), None);
    let mut file = Vec::new();
    history.write(&mut file).unwrap();
    assert_eq!(History::read(&*file).unwrap(), history);
}

#[test]
fn a_process_that_was_stopped_leaves_a_call_of_unknown_outcome() {
    let whole = "{\"segstock_history\":2,\"initial\":1}\n\
        {\"at\":10,\"thread\":\"a\",\"call\":{\"deduct\":1}}\n\
        {\"at\":40,\"thread\":\"a\",\"return\":\"done\"}\n";
    for cut in 1..20 {
        let torn = &whole[..whole.len() - cut];
        let history = History::read(torn.as_bytes()).unwrap();
        let expected = if cut == 1 {
            Outcome::Done
        } else {
            Outcome::Unknown
        };
        assert_eq!(history.calls()[0].outcome, expected, "{torn}");
    }
}

/// Two tasks of one thread: each has a log of its own, and the future that is dropped leaves a call that may have happened.
#[test]
fn calls_of_futures_are_recorded_from_begin_to_end() {
    use segstock_conformance::{Log, Recording};
    use std::cell::Cell;
    use std::future::poll_fn;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    async fn sell(left: &Cell<u64>, units: u64, is_ready: &Cell<bool>) -> bool {
        poll_fn(|_| {
            if is_ready.get() {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
        let enough = left.get() >= units;
        left.set(left.get() - if enough { units } else { 0 });
        enough
    }
    async fn order(log: &mut Log, left: &Cell<u64>, units: u64, is_ready: &Cell<bool>) {
        let call = log.begin(Op::Deduct(units));
        if sell(left, units, is_ready).await {
            log.end(call, Outcome::Done);
        }
    }
    let (left, is_ready, never) = (Cell::new(3), Cell::new(false), Cell::new(false));
    let recording = Recording::begin(3);
    let mut logs = [0, 1, 2].map(|task| recording.log(task));
    let [first, second, dropped] = &mut logs;
    let mut context = Context::from_waker(Waker::noop());
    {
        let mut first = pin!(order(first, &left, 1, &is_ready));
        let mut second = pin!(order(second, &left, 2, &is_ready));
        let mut dropped = pin!(order(dropped, &left, 3, &never));
        assert!(first.as_mut().poll(&mut context).is_pending());
        assert!(second.as_mut().poll(&mut context).is_pending());
        assert!(dropped.as_mut().poll(&mut context).is_pending());
        is_ready.set(true);
        assert!(second.as_mut().poll(&mut context).is_ready());
        assert!(first.as_mut().poll(&mut context).is_ready());
    }
    let history = recording.end(logs);
    let outcomes: Vec<_> = history.calls().iter().map(|call| call.outcome).collect();
    assert_eq!(outcomes, [Outcome::Done, Outcome::Done, Outcome::Unknown]);
    // They overlapped: each began before another returned.
    let calls = history.calls();
    assert!(calls[1].called < calls[0].returned && calls[0].called < calls[1].returned);
    assert!(Checker::new().check(&history).is_linearizable());
    let mut logs = [0, 1].map(recording_of);
    let begun = logs[0].begin(Op::Deduct(1));
    let wrong = std::panic::AssertUnwindSafe(|| logs[1].end(begun, Outcome::Done));
    std::panic::catch_unwind(wrong).expect_err("it began in another log");
}

fn recording_of(task: usize) -> segstock_conformance::Log {
    segstock_conformance::Recording::begin(1).log(task)
}
