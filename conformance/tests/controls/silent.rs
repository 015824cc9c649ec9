//! A counter that says nothing proves nothing.

use super::*;
use std::panic::catch_unwind;

/// Each call times out.
struct Silent;

impl Subject for Silent {
    fn deduct(&self, _: u64) -> Answer {
        Answer::Unknown
    }

    fn restock(&self, _: u64) -> Answer {
        Answer::Unknown
    }

    fn available(&self) -> Answer<u64> {
        Answer::Unknown
    }
}

#[test]
fn what_is_never_answered_is_not_judged() {
    let options = Options::new().directory(DIRECTORY);
    let report = options.check(|_, _| Silent);
    println!("{report}");
    let promised = Promise::ALL
        .into_iter()
        .filter(|it| ![CallerPanics, Promise::NotReserved].contains(it));
    assert_eq!(report.not_judged(), promised.collect::<Vec<_>>());
    assert_eq!((report.kept(), report.broken()), (vec![], vec![]));
    assert_eq!(report.unknown, report.calls);
    assert!(report.to_string().contains("of unknown outcome"));
    catch_unwind(|| report.assert_kept()).expect_err("nothing was judged");
}

/// Reads are answered, and nothing else is.
struct Reads;

impl Subject for Reads {
    fn deduct(&self, _: u64) -> Answer {
        Answer::Unknown
    }

    fn restock(&self, _: u64) -> Answer {
        Answer::Unknown
    }

    fn available(&self) -> Answer<u64> {
        Answer::Done(u64::MAX)
    }
}

#[test]
fn reads_alone_tell_nothing_of_sales() {
    let options = Options::new().directory(DIRECTORY).without_bounds();
    let report = options.check(|_, _| Reads);
    println!("{report}");
    assert_eq!(report.kept(), [ManyThreads]);
    for promise in [NeverOversold, Conservation, ExactRefusal, Linearizable] {
        assert!(report.not_judged().contains(&promise), "{promise}");
    }
}
