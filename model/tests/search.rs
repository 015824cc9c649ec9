//! The search against the definition of linearizability, which tries every order.

use segstock_model::search::{Found, Problem};
use segstock_model::{Call, MAX_UNITS, Model, Op, Outcome};

/// A small generator (xorshift), so that a seed says it all.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// A few calls of three threads, answered as the model answers them in the sequence of the list, or with
/// one unit more or less. Zero units are drawn, too.
fn history(chance: &mut Chance) -> (Model, Vec<Call>) {
    // Now and then a stock that counts to three: it is full, or cannot owe more, after a call or two.
    let limit = [MAX_UNITS, 3][chance.below(2) as usize];
    let start = Model::new(chance.below(4)).limited_to(limit);
    let mut stock = start.clone();
    let mut free_from = [0; 3];
    let mut calls = Vec::new();
    let mut at = 0;
    for _ in 0..1 + chance.below(5) {
        let thread = chance.below(3);
        let op = Op::drawn(chance.below(Op::DRAWS), chance.below(3));
        at += chance.below(4);
        let called = at
            .saturating_sub(chance.below(6))
            .max(free_from[thread as usize]);
        let returned = called.max(at) + chance.below(6);
        free_from[thread as usize] = returned + 1;
        let outcome = match (stock.apply(op), chance.below(4)) {
            (Outcome::UpTo(units), 0) => Outcome::UpTo(units + 1),
            (Outcome::Exactly(units), 0) => Outcome::AtMost(units.saturating_sub(1)),
            (Outcome::Exactly(units), 1) => Outcome::AtMost(units),
            (Outcome::Refused(_), 0) => Outcome::Done,
            (_, 3) if !op.is_read() => Outcome::Unknown,
            (outcome, _) => outcome,
        };
        calls.push(Call::new(thread as usize, called, returned, op, outcome));
    }
    calls.sort_by_key(|call| call.called);
    (start, calls)
}

/// Linearizability by its definition: some order of the calls, in which each stands before those that were
/// called after its return, is one that the model allows. A call of unknown outcome may be left out.
fn some_order_explains(stock: &Model, rest: &[Call]) -> bool {
    let is_known = |call: &Call| call.outcome != Outcome::Unknown;
    let precedes = |first: &Call, second: &Call| is_known(first) && first.returned < second.called;
    !rest.iter().any(is_known)
        || rest.iter().enumerate().any(|(index, call)| {
            let others = [&rest[..index], &rest[index + 1..]].concat();
            !others.iter().any(|other| precedes(other, call))
                && stock
                    .step(call.op, call.outcome)
                    .is_some_and(|after| some_order_explains(&after, &others))
        })
}

#[test]
fn the_search_finds_an_order_exactly_if_there_is_one() {
    let mut chance = Chance(0x5EA4C4);
    let mut found = [0, 0];
    for round in 0..30_000 {
        let (start, calls) = history(&mut chance);
        let expected = some_order_explains(&start, &calls);
        let said = Problem::new(start, &calls).solve(u64::MAX, &mut 0);
        let right = if expected {
            Found::Order
        } else {
            Found::NoOrder
        };
        assert_eq!(said, right, "round {round}: {calls:#?}");
        found[usize::from(expected)] += 1;
    }
    println!("{} without an order, {} with one", found[0], found[1]);
    assert!(
        found.iter().all(|&histories| histories > 2_000),
        "{found:?}"
    );
}
