//! Real threads, more than cores: nothing is oversold, nothing is lost, and short histories
//! recorded on the way are linearizable. What loom does exhaustively for a few calls, this does at
//! random for many.
#![cfg(not(loom))]

mod support;

use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use support::counters::{self, Counter, Form, Step};
use support::history::{Entry, Log, is_linearizable};
use support::model::{Call, Model};
use support::naive::ReadCheckWrite;

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

    fn step(&mut self) -> Step {
        match self.below(16) {
            0..5 => Step::Deduct(1 + self.below(5)),
            5..7 => Step::Reserve(1 + self.below(5)),
            7 => Step::Commit,
            8 => Step::Release,
            9 => Step::DeductUpTo(1 + self.below(8)),
            10..14 => Step::Restock(1 + self.below(4)),
            14 => Step::Snapshot,
            _ => Step::Reshape([Form::Wide, Form::Narrow][self.below(2) as usize]),
        }
    }
}

#[test]
fn nothing_is_oversold_and_nothing_is_lost() {
    for (name, open) in counters::all() {
        let counter = open(500);
        let counter = &*counter;
        // By calls that have returned.
        let (sold, restocked) = (AtomicU64::new(0), AtomicU64::new(0));
        std::thread::scope(|scope| {
            for thread in 0..THREADS {
                let (sold, restocked) = (&sold, &restocked);
                scope.spawn(move || {
                    let mut chance = Chance(0x5EED + thread as u64);
                    let mut open = Vec::new();
                    for _ in 0..4_000 {
                        let before = [sold, restocked].map(|sum| sum.load(Ordering::Acquire));
                        match chance.step().play(counter, &mut open) {
                            Some(Call::Deduct(units, Ok(())))
                            | Some(Call::Commit(units))
                            | Some(Call::DeductUpTo(_, units)) => {
                                sold.fetch_add(units, Ordering::AcqRel);
                            }
                            Some(Call::Restock(units, Ok(()))) => {
                                restocked.fetch_add(units, Ordering::AcqRel);
                            }
                            Some(Call::Snapshot(books)) => {
                                assert!(books.sold + books.reserved >= before[0], "{books:?}");
                                assert!(books.restocked >= before[1], "{books:?}");
                            }
                            _ => {}
                        }
                    }
                });
            }
        });
        let (sold, restocked) = (sold.into_inner(), restocked.into_inner());
        assert!(sold <= 500 + restocked, "{name} oversold");
        let model = Model {
            initial: 500,
            restocked,
            available: 500 + restocked - sold,
            reserved: 0,
        };
        counters::assert_exact(&name, counter, &model);
    }
}

#[test]
fn selling_out_sells_every_unit() {
    for (name, open) in counters::all() {
        let counter = open(10_007);
        let counter = &*counter;
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

/// Plays short histories from real threads, and returns how many of them no order explains.
fn unexplained(rounds: u64, initial: u64, open: impl Fn() -> Box<dyn Counter>) -> usize {
    let histories = (0..rounds).map(|round| {
        let counter = open();
        record(round, &*counter)
    });
    histories
        .filter(|logs| !is_linearizable(Model::new(initial), logs))
        .count()
}

fn record(round: u64, counter: &dyn Counter) -> Vec<Log> {
    let clock = AtomicU64::new(0);
    let gate = Barrier::new(3);
    let play = |thread: usize| -> Log {
        let mut chance = Chance(0xD1CE + round * 64 + thread as u64);
        let mut steps: Vec<Step> = (0..6).map(|_| chance.step()).collect();
        // What is still open is given back for all to see.
        let reservations = steps.iter().filter(|step| matches!(step, Step::Reserve(_)));
        steps.extend(vec![Step::Release; reservations.count()]);
        let mut open = Vec::new();
        gate.wait();
        let play = |step: Step| {
            let called = clock.fetch_add(1, Ordering::AcqRel);
            let call = step.play(counter, &mut open)?;
            let returned = clock.fetch_add(1, Ordering::AcqRel);
            Some(Entry {
                thread,
                called,
                returned,
                call,
            })
        };
        steps.into_iter().filter_map(play).collect()
    };
    std::thread::scope(|scope| {
        let play = &play;
        let threads: Vec<_> = (0..3)
            .map(|thread| scope.spawn(move || play(thread)))
            .collect();
        threads.into_iter().map(|log| log.join().unwrap()).collect()
    })
}

#[test]
fn recorded_histories_are_linearizable() {
    for (name, open) in counters::all() {
        assert_eq!(unexplained(300, 6, || open(6)), 0, "{name}");
    }
}

/// Negative controls on real threads: a counter that forgets to be atomic does oversell here.
#[test]
fn read_check_write_oversells() {
    // However few cores there are: between the check and the write, others get their turn.
    let oversold = (0..200).any(|_| {
        let counter = ReadCheckWrite::new(12);
        let orders = orders_served(|| counter.deduct_with(10, std::thread::yield_now).is_ok());
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
