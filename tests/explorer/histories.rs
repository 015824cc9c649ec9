//! The orders that still explain what was answered so far.
//!
//! A call takes effect at one instant between its first access and its last. When it returns, every
//! order is tried in which calls that are under way took effect before it, and those orders stay in
//! which the stock would have answered what the call did. If none stays, the history is not
//! linearizable. (Calls that are under way and not needed for this may take effect later, so that no
//! order is lost by trying only what ends with the call that returns.)
//!
//! A call counts as under way from its first access on and until its last: an earlier call and a later
//! return would only allow more orders.
//!
//! Sets of orders and answers are kept once, and a state of the explorer holds their number.

use crate::fingerprint::fingerprint;
use segstock_model::{Model, Op, Outcome};
use std::collections::HashMap;

/// The most threads of a scenario.
pub const THREADS: usize = 4;

/// One way in which the calls may have taken effect: the stock then, and what the calls that took
/// effect and have not returned will answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Order {
    stock: Model,
    answers: [Option<Outcome>; THREADS],
}

/// The calls that are under way, by thread.
pub type UnderWay = [Option<Op>; THREADS];

/// What the threads were answered.
pub type Answers = Vec<Vec<Outcome>>;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct History {
    orders: Vec<Order>,
    answers: Answers,
}

/// All histories that a scenario came to.
#[derive(Debug)]
pub struct Histories {
    all: Vec<History>,
    numbers: HashMap<History, u32>,
    /// What a return made of a history, if it was seen before.
    returns: HashMap<(u32, UnderWay, usize, Outcome), Option<u32>>,
}

impl Histories {
    /// The history of `threads` that have not called anything yet, number 0.
    pub fn new(stock: Model, threads: usize) -> Self {
        let mut histories = Self {
            all: Vec::new(),
            numbers: HashMap::new(),
            returns: HashMap::new(),
        };
        histories.number(History {
            orders: vec![Order {
                stock,
                answers: [None; THREADS],
            }],
            answers: vec![Vec::new(); threads],
        });
        histories
    }

    fn number(&mut self, history: History) -> u32 {
        if let Some(&number) = self.numbers.get(&history) {
            return number;
        }
        let number = u32::try_from(self.all.len()).expect("fewer histories than 2^32");
        self.all.push(history.clone());
        self.numbers.insert(history, number);
        number
    }

    pub fn answers(&self, number: u32) -> &Answers {
        &self.all[number as usize].answers
    }

    /// The stocks that the orders of a history end with, once no call is under way.
    pub fn stocks(&self, number: u32) -> impl Iterator<Item = &Model> {
        self.all[number as usize].orders.iter().map(|it| &it.stock)
    }

    /// What history `number` is when `thread` has been answered `said`; nothing if no order explains
    /// that.
    pub fn returned(
        &mut self,
        number: u32,
        under_way: &UnderWay,
        thread: usize,
        said: Outcome,
    ) -> Option<u32> {
        let key = (number, *under_way, thread, said);
        if let Some(&known) = self.returns.get(&key) {
            return known;
        }
        let history = &self.all[number as usize];
        let mut orders = Vec::new();
        for order in &history.orders {
            order
                .clone()
                .ending_with(under_way, thread, said, &mut orders);
        }
        orders.sort_by_cached_key(fingerprint);
        orders.dedup();
        let mut answers = history.answers.clone();
        answers[thread].push(said);
        let explained = !orders.is_empty();
        let next = explained.then(|| self.number(History { orders, answers }));
        self.returns.insert(key, next);
        next
    }
}

impl Order {
    /// Adds all orders to `all` that go on from this one and end with the call of `thread`.
    fn ending_with(self, under_way: &UnderWay, thread: usize, said: Outcome, all: &mut Vec<Self>) {
        let Some(op) = under_way[thread] else {
            unreachable!("the call that returns is under way");
        };
        if let Some(exact) = self.answers[thread] {
            if exact.allows(said, op) {
                let mut next = self;
                next.answers[thread] = None;
                all.push(next);
            }
            return;
        }
        for (other, op) in under_way.iter().enumerate() {
            if let (Some(op), None) = (op, self.answers[other]) {
                let mut next = self.clone();
                next.answers[other] = Some(next.stock.apply(*op));
                next.ending_with(under_way, thread, said, all);
            }
        }
    }
}
