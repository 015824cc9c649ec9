//! Real threads, more than cores: nothing is oversold, nothing is lost, and short histories
//! recorded on the way are linearizable. What loom does exhaustively for a few calls, this does at
//! random for many.
#![cfg(not(loom))]

mod support;

use segstock_model::naive::{ReadCheckWrite, Std};
use segstock_model::script::{self, FORMS, Script};
use segstock_model::{Call, Model, Op, Outcome, Snapshot, Step};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use support::counters::{self, Any};
use support::perform::Till;
use support::scenario::{Beside, Subject, assert_explained, run};

const THREADS: usize = 6;

/// A small generator of a thread's own (xorshift), so that a seed says it all.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }

    fn op(&mut self) -> Op {
        let draw = self.below(Op::DRAWS);
        Op::drawn(draw, 1 + self.below(5))
    }

    /// One of a small number of calls changes the form.
    fn form(&mut self) -> Option<Step> {
        let form = FORMS[self.below(2) as usize];
        (self.below(16) == 0).then_some(form)
    }
}

#[test]
fn nothing_is_oversold_and_nothing_is_lost() {
    for (name, open) in counters::all() {
        let counter = open(500);
        // By calls that have returned.
        let [sold, restocked, withdrawn] = [const { AtomicU64::new(0) }; 3];
        std::thread::scope(|scope| {
            for thread in 0..THREADS {
                let (counter, sold, restocked) = (&counter, &sold, &restocked);
                let withdrawn = &withdrawn;
                scope.spawn(move || {
                    let mut chance = Chance(0x5EED + thread as u64);
                    let mut till = Till::new(counter.counter());
                    for _ in 0..4_000 {
                        if let Some(form) = chance.form() {
                            drop(counter.force(form));
                        }
                        let before = [sold, restocked].map(|sum| sum.load(Ordering::Acquire));
                        let op = till.sized(chance.op());
                        let outcome = till.perform(op);
                        sold.fetch_add(op.sold(outcome), Ordering::AcqRel);
                        match (op, outcome) {
                            (Op::Withdraw(units), _) => {
                                withdrawn.fetch_add(units, Ordering::AcqRel);
                            }
                            (Op::Forgive(_), Outcome::UpTo(units)) => {
                                withdrawn.fetch_sub(units, Ordering::AcqRel);
                            }
                            (Op::Restock(units), Outcome::Done) => {
                                restocked.fetch_add(units, Ordering::AcqRel);
                            }
                            (_, Outcome::ExactSnapshot(seen)) => {
                                assert!(seen.sold + seen.reserved >= before[0], "{seen}");
                                assert!(seen.restocked >= before[1], "{seen}");
                            }
                            _ => {}
                        }
                    }
                });
            }
        });
        let [sold, restocked, withdrawn] = [sold, restocked, withdrawn].map(AtomicU64::into_inner);
        assert!(sold <= 500 + restocked, "{name} oversold");
        let (came, gone) = (500 + restocked, sold + withdrawn);
        let model = Model::new(500).at(Snapshot {
            initial: 500,
            restocked,
            available: came.saturating_sub(gone),
            reserved: 0,
            sold,
            withdrawn,
            owed: gone.saturating_sub(came),
        });
        counters::assert_exact(&name, counter.counter(), &model);
    }
}

#[test]
fn selling_out_sells_every_unit() {
    for (name, open) in counters::all() {
        let counter = open(10_007);
        let counter = counter.counter();
        let sold = AtomicU64::new(0);
        std::thread::scope(|scope| {
            for thread in 0..THREADS as u64 {
                let sold = &sold;
                scope.spawn(move || {
                    let mut chance = Chance(0xCAFE + thread);
                    loop {
                        let units = 1 + chance.below(7);
                        if counter.deduct(units).is_ok() {
                            sold.fetch_add(units, Ordering::Relaxed);
                        } else if units == 1 {
                            break;
                        }
                    }
                });
            }
        });
        assert_eq!(
            sold.into_inner(),
            10_007,
            "{name}: refused only when nothing was left"
        );
        assert_eq!(counter.available(), 0, "{name}");
    }
}

/// The calls of a short scenario on real threads.
fn recorded(round: u64, open: impl Fn() -> Any) -> Vec<Call> {
    let scripts: Vec<Script> = (0..3)
        .map(|thread| script(&mut Chance(0xD1CE + round * 64 + thread)))
        .collect();
    run(&Arc::new(open()), &scripts, 0, &Beside::clock())
}

/// Six calls, with changes of the form between them.
fn script(chance: &mut Chance) -> Script {
    let calls = script::drawn(6, |limit| chance.below(limit));
    let steps = calls
        .into_iter()
        .flat_map(|call| chance.form().into_iter().chain([call]));
    steps.collect()
}

#[test]
fn recorded_histories_are_linearizable() {
    for (name, open) in counters::all() {
        for round in 0..300 {
            // Shown with a history that no order explains.
            println!("{name}, round {round}");
            assert_explained(Model::new(6), recorded(round, || open(6)));
        }
    }
}

/// Negative controls on real threads: a counter that forgets to be atomic does oversell here.
#[test]
fn read_check_write_oversells() {
    // However few cores there are: between the check and the write, others get their turn.
    let oversold = (0..200).any(|_| {
        let counter = ReadCheckWrite::<Std>::new(12);
        let order = || counter.deduct_with(10, std::thread::yield_now) == Outcome::Done;
        let orders = orders_served(order);
        orders > 1
    });
    assert!(oversold, "12 units never served two orders of 10");
}

#[test]
fn an_atomic_stock_does_not() {
    for _ in 0..200 {
        let stock = segstock::Stock::new(12);
        assert_eq!(orders_served(|| stock.deduct(10).is_ok()), 1);
    }
}

fn orders_served(order: impl Fn() -> bool + Sync) -> usize {
    let gate = Barrier::new(THREADS);
    std::thread::scope(|scope| {
        let customer = || {
            gate.wait();
            order()
        };
        let orders: Vec<_> = (0..THREADS).map(|_| scope.spawn(customer)).collect();
        let served = orders.into_iter().map(|order| order.join().unwrap());
        served.filter(|&served| served).count()
    })
}
