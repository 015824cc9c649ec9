//! The format of histories: what is read, what is kept, and which line is wrong.

use segstock_conformance::{Checker, History, HistoryError, Mistake, Verdict};
use segstock_model::Outcome;

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
