//! Deducts, restocks and refusals, with plenty in stock, little, or nothing.

use crate::common::{Ours, PLENTY, wide};
use Limit::{AtLeast, AtMost};
use segstock::Stock;
use segstock_harness::{Atomic, Calls, Candidate, Counter, Limit, Lock, Orders, Run};

const FORMS: [&str; 2] = ["Stock::new", "16 segments"];
const ATOMIC: [&str; 1] = ["shared atomic"];

fn segments<const SEGMENTS: usize>(name: &'static str) -> Candidate {
    Candidate::new(name, |units| Ours(wide(units, SEGMENTS)))
}

fn ask(run: &mut Run, threads: usize, units: u64, calls: Calls) {
    let candidates = [
        Candidate::new(FORMS[0], |units| Ours(Stock::new(units))),
        segments::<16>(FORMS[1]),
        Candidate::private("private atomic", Atomic::new),
        Candidate::new(ATOMIC[0], Atomic::new),
        Candidate::new("single lock", Lock::new),
    ];
    run.ask(threads, units, calls, &candidates);
}

pub(crate) fn plenty(run: &mut Run) {
    for threads in [1, 2] {
        ask(run, threads, PLENTY, Calls::Deduct(1));
        run.compare(threads, &FORMS, &["private atomic"], AtMost(1.3));
    }
    run.compare(2, &ATOMIC, &FORMS, AtLeast(3.5));
    run.compare(2, &["single lock"], &FORMS, AtLeast(5.0));
}

pub(crate) fn refusals(run: &mut Run, left: u64, units: u64) {
    for threads in [1, 2] {
        ask(run, threads, left, Calls::Deduct(units));
        run.compare(threads, &FORMS, &ATOMIC, AtMost(1.2));
    }
}

/// A word of a thread's own that deducts one unit, whatever it is asked for: one locked exchange.
struct OneUnit(Atomic);

impl Counter for OneUnit {
    #[inline(always)]
    fn deduct(&self, _: u64) -> bool {
        self.0.deduct(1)
    }

    #[inline(always)]
    fn restock(&self, units: u64) {
        self.0.restock(units);
    }
}

/// A refusal by proof: a pass over all segments, with a fence, beside one deduct. One load is shown with it and is no
/// measure: it takes 0.39 to 0.58 ns, by where its loop lies in the binary.
pub(crate) fn more_than_there_is(run: &mut Run) {
    const FEW: u64 = 1_000_000;
    const DEDUCT: &str = "one deduct of a private atomic";
    let forms = ["2 segments", "16 segments"];
    for threads in [1, 2] {
        let candidates = [
            segments::<2>(forms[0]),
            segments::<16>(forms[1]),
            Candidate::private(DEDUCT, |_| OneUnit(Atomic::new(PLENTY))),
            Candidate::new(ATOMIC[0], Atomic::new),
        ];
        run.ask(threads, FEW, Calls::Deduct(2 * FEW), &candidates);
        for (form, limit) in forms.iter().zip([1.8, 2.5]) {
            run.compare(threads, &[form], &[DEDUCT], AtMost(limit));
        }
    }
}

pub(crate) fn deduct_and_restock(run: &mut Run) {
    ask(run, 2, PLENTY, Calls::OutAndBack(1));
    run.compare(2, &ATOMIC, &FORMS, AtLeast(3.0));
}

pub(crate) fn edge(run: &mut Run) {
    for units in [1, 2, 4, 8] {
        run.begin(format!("edge, units: {units}"));
        for threads in [1, 2] {
            ask(run, threads, units, Calls::OutAndBack(1));
            run.compare(threads, &FORMS, &ATOMIC, AtMost(2.0));
        }
    }
}

/// One unit comes back and is sold, and nearly everybody is refused.
pub(crate) fn refusals_and_restocks(run: &mut Run) {
    ask(run, 2, 0, Calls::Refusals99);
    run.compare(2, &FORMS, &ATOMIC, AtMost(2.0));
}

pub(crate) fn crowded(run: &mut Run) {
    for threads in [4, 8] {
        ask(run, threads, PLENTY, Calls::Deduct(1));
        run.compare(threads, &FORMS, &ATOMIC, AtMost(1.0));
    }
}

/// Orders of 5 against 16 segments of 2: each order must be gathered. Of 7 orders, 6 are served.
pub(crate) fn fragmented(run: &mut Run) {
    let orders = Orders::of(5..=5, 1);
    let candidates = [
        segments::<16>("16 segments of 2"),
        Candidate::new(ATOMIC[0], Atomic::new),
    ];
    run.ask(1, 32, Calls::SellOut(64, orders), &candidates);
    run.compare(1, &["16 segments of 2"], &ATOMIC, AtMost(15.0));
}

/// A million units, sold with orders of 1 to 7, and 200,000 refusals on each thread.
pub(crate) fn drain(run: &mut Run) {
    let orders = Orders::of(1..=7, 200_000 / 7);
    ask(run, 2, 1_000_000, Calls::SellOut(1, orders));
    run.compare(2, &FORMS, &ATOMIC, AtMost(0.6));
}
