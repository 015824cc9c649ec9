//! The model: one SKU, calls of a few steps each, and a log. A crash leaves some prefix of the log, and nothing else.
//! Every prefix has been the whole log at some time. So it is enough to look at the log whenever it has grown.

use std::collections::HashSet;

/// One step of a call. No other call sees it half done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Step {
    /// A place in the queue is set aside.
    Permit,
    /// The SKU's gate is passed, once nobody else is in it.
    Close,
    Open,
    /// Whether there is enough; only mistakes look without taking.
    Look,
    /// What the call takes is applied, or the call is refused.
    Take,
    /// The entry stands in the log.
    Append,
    /// What the call gives is applied.
    Give,
}

/// A call, of one unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Call {
    Place,
    /// Of an order that holds a unit.
    Cancel,
    /// Of an order that is paid for.
    Ship,
    WriteOff,
    Restock,
    /// This many units are counted.
    Count(i64),
}

/// What is done in another way than ledgers allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mistake {
    TakeWrittenBeforeApplied,
    GiveAppliedBeforeWritten,
    ShipWrittenBeforeApplied,
    ShipAppliedBeforeItsTurn,
    WriteOffOutsideTheGate,
    RestockOutsideTheGate,
    /// A count says what is on hand and can be had, and not by how much that is another figure.
    SetToInsteadOfDifference,
}

impl Mistake {
    pub(super) const ALL: [Self; 7] = [
        Self::TakeWrittenBeforeApplied,
        Self::GiveAppliedBeforeWritten,
        Self::ShipWrittenBeforeApplied,
        Self::ShipAppliedBeforeItsTurn,
        Self::WriteOffOutsideTheGate,
        Self::RestockOutsideTheGate,
        Self::SetToInsteadOfDifference,
    ];
}

impl Call {
    pub(super) const ALL: [Self; 8] = [
        Self::Place,
        Self::Cancel,
        Self::Ship,
        Self::WriteOff,
        Self::Restock,
        Self::Count(0),
        Self::Count(1),
        Self::Count(3),
    ];

    fn steps(self, mistake: Option<Mistake>) -> &'static [Step] {
        use Mistake as M;
        use Step::{Append, Close, Give, Look, Open, Permit, Take};
        match (self, mistake) {
            (Self::Place, Some(M::TakeWrittenBeforeApplied)) => &[Permit, Look, Append, Take],
            (Self::Place, _) => &[Permit, Take, Append],
            (Self::Cancel, Some(M::GiveAppliedBeforeWritten)) => &[Permit, Give, Append],
            (Self::Cancel, _) => &[Permit, Append, Give],
            (Self::Ship, Some(M::ShipWrittenBeforeApplied)) => {
                &[Permit, Look, Append, Close, Take, Open]
            }
            (Self::Ship, Some(M::ShipAppliedBeforeItsTurn)) => &[Permit, Close, Take, Open, Append],
            (Self::Ship, _) => &[Permit, Close, Take, Append, Open],
            (Self::WriteOff, Some(M::WriteOffOutsideTheGate)) => &[Permit, Take, Append],
            (Self::WriteOff, _) => &[Close, Permit, Take, Append, Open],
            (Self::Restock, Some(M::RestockOutsideTheGate)) => &[Permit, Append, Give],
            (Self::Restock, _) => &[Close, Permit, Append, Give, Open],
            (Self::Count(_), _) => &[Close, Permit, Take, Append, Give, Open],
        }
    }
}

/// What there is at first, and the calls that run at the same time.
#[derive(Debug, Clone)]
pub(super) struct World {
    /// Units that can be had.
    pub(super) free: i64,
    pub(super) calls: Vec<Call>,
}

/// What was found, and how much was looked at.
pub(super) struct Explored {
    pub(super) found: Option<Finding>,
    pub(super) states: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Finding {
    /// After a crash more units are promised than are on hand, or fewer than none are on hand.
    SoldTwice,
    /// After a crash another number of units is on hand than was counted.
    CountedOtherwise,
    /// At the end memory and log say different things.
    Differ,
}

/// A SKU in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Stock {
    on_hand: i64,
    /// Units that can be had; negative: units that are owed.
    free: i64,
}

/// An entry of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Entry {
    on_hand: i64,
    free: i64,
    uncovered: i64,
    counted: Option<i64>,
    /// The figures take the place of those before.
    sets: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct State {
    stock: Stock,
    gate: Option<usize>,
    log: Vec<Entry>,
    running: Vec<Running>,
}

/// A call that runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Running {
    next: usize,
    /// What a count found, and how much of what is missing no free unit covered.
    difference: i64,
    uncovered: i64,
}

impl World {
    /// All of two or three calls, with no unit that can be had, and with one.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        let all = Call::ALL.into_iter();
        let pairs = all.flat_map(|first| {
            let later = Call::ALL.into_iter().filter(move |second| *second >= first);
            later.map(move |second| vec![first, second])
        });
        let pairs: Vec<_> = pairs.collect();
        let triples = pairs.clone().into_iter().flat_map(|pair| {
            let last = pair[1];
            let later = Call::ALL.into_iter().filter(move |third| *third >= last);
            later.map(move |third| [&pair[..], &[third]].concat())
        });
        let calls = pairs.into_iter().chain(triples);
        calls.flat_map(|calls| {
            [0, 1].map(|free| Self {
                free,
                calls: calls.clone(),
            })
        })
    }

    fn begin(&self) -> (Stock, State) {
        // The orders that are cancelled and shipped are there.
        let promised = self.calls.iter();
        let promised = promised.filter(|call| matches!(call, Call::Cancel | Call::Ship));
        let stock = Stock {
            on_hand: self.free + promised.count() as i64,
            free: self.free,
        };
        let begun = Running {
            next: 0,
            difference: 0,
            uncovered: 0,
        };
        let state = State {
            stock,
            gate: None,
            log: Vec::new(),
            running: vec![begun; self.calls.len()],
        };
        (stock, state)
    }

    /// Tries every interleaving.
    pub(super) fn explore(&self, mistake: Option<Mistake>) -> Explored {
        let (first, state) = self.begin();
        let mut seen = HashSet::from([state.clone()]);
        let mut open = vec![state];
        let mut found = None;
        while let (Some(state), None) = (open.pop(), &found) {
            let mut is_over = true;
            for number in 0..self.calls.len() {
                let mut next = state.clone();
                let Some(step) = next.step(number, self.calls[number], mistake) else {
                    continue;
                };
                is_over = false;
                if step == Step::Append {
                    found = found.or(judge(first, &next.log));
                }
                if seen.insert(next.clone()) {
                    open.push(next);
                }
            }
            if is_over && durable(first, &state.log).0 != state.stock {
                found = found.or(Some(Finding::Differ));
            }
        }
        Explored {
            found,
            states: seen.len(),
        }
    }
}

/// The steps of a call that runs alone, with two units that can be had: those that change something.
pub(super) fn alone(call: Call) -> Vec<Step> {
    let calls = vec![call];
    let (_, mut state) = World { free: 2, calls }.begin();
    let mut steps = Vec::new();
    loop {
        let before = state.stock;
        let Some(step) = state.step(0, call, None) else {
            return steps;
        };
        let is_effect = matches!(step, Step::Take | Step::Give);
        if !is_effect || state.stock != before {
            steps.push(step);
        }
    }
}

impl State {
    /// Makes the next step of a call. None if the call has ended, or waits.
    fn step(&mut self, number: usize, call: Call, mistake: Option<Mistake>) -> Option<Step> {
        let steps = call.steps(mistake);
        let step = *steps.get(self.running[number].next)?;
        self.running[number].next += 1;
        let is_refused = match step {
            Step::Permit => false,
            Step::Close if self.gate.is_some() => return None,
            Step::Close => {
                self.gate = Some(number);
                false
            }
            Step::Open => {
                self.gate = None;
                false
            }
            Step::Look => self.lacks(call),
            Step::Take => {
                let lacks = self.lacks(call);
                if !lacks {
                    self.take(number, call);
                }
                lacks
            }
            Step::Append => {
                let sets = mistake == Some(Mistake::SetToInsteadOfDifference);
                let entry = self.entry(number, call, sets);
                self.log.push(entry);
                false
            }
            Step::Give => {
                self.give(number, call);
                false
            }
        };
        if is_refused {
            self.running[number].next = steps.len();
            self.gate = self.gate.filter(|inside| *inside != number);
        }
        Some(step)
    }

    fn lacks(&self, call: Call) -> bool {
        match call {
            Call::Place | Call::WriteOff => self.stock.free < 1,
            Call::Ship => self.stock.on_hand < 1,
            _ => false,
        }
    }

    fn take(&mut self, number: usize, call: Call) {
        let stock = &mut self.stock;
        match call {
            Call::Place => stock.free -= 1,
            Call::Ship => stock.on_hand -= 1,
            Call::WriteOff => {
                stock.free -= 1;
                stock.on_hand -= 1;
            }
            Call::Count(counted) => {
                let difference = counted - stock.on_hand;
                let missing = (-difference).max(0);
                let uncovered = missing - missing.min(stock.free.max(0));
                stock.on_hand -= missing;
                stock.free -= missing;
                self.running[number].difference = difference;
                self.running[number].uncovered = uncovered;
            }
            Call::Cancel | Call::Restock => {}
        }
    }

    fn give(&mut self, number: usize, call: Call) {
        let stock = &mut self.stock;
        match call {
            Call::Cancel => stock.free += 1,
            Call::Restock => {
                stock.free += 1;
                stock.on_hand += 1;
            }
            Call::Count(_) => {
                let found = self.running[number].difference.max(0);
                stock.free += found;
                stock.on_hand += found;
            }
            _ => {}
        }
    }

    fn entry(&self, number: usize, call: Call, sets: bool) -> Entry {
        let (on_hand, free) = match call {
            Call::Place => (0, -1),
            Call::Cancel => (0, 1),
            Call::Ship => (-1, 0),
            Call::WriteOff => (-1, -1),
            Call::Restock => (1, 1),
            Call::Count(counted) if sets => {
                let found = self.running[number].difference.max(0);
                (counted, self.stock.free + found)
            }
            Call::Count(_) => {
                let difference = self.running[number].difference;
                (difference, difference)
            }
        };
        let counted = match call {
            Call::Count(counted) => Some(counted),
            _ => None,
        };
        Entry {
            on_hand,
            free,
            uncovered: self.running[number].uncovered,
            counted,
            sets: sets && counted.is_some(),
        }
    }
}

/// What a log says, and how many units may be missing by it.
fn durable(first: Stock, log: &[Entry]) -> (Stock, i64) {
    let begin = (first, 0);
    log.iter().fold(begin, |(stock, uncovered), entry| {
        let kept = i64::from(!entry.sets);
        let stock = Stock {
            on_hand: kept * stock.on_hand + entry.on_hand,
            free: kept * stock.free + entry.free,
        };
        (stock, uncovered + entry.uncovered)
    })
}

/// What a process finds that opens the log.
fn judge(first: Stock, log: &[Entry]) -> Option<Finding> {
    let (stock, uncovered) = durable(first, log);
    if stock.on_hand < 0 || stock.free + uncovered < 0 {
        return Some(Finding::SoldTwice);
    }
    let counted = log.last()?.counted;
    let is_as_counted = counted.is_none_or(|counted| counted == stock.on_hand);
    (!is_as_counted).then_some(Finding::CountedOtherwise)
}
