//! What is wrong at the end of a world.

use crate::calls::{Answered, Call};
use crate::heard::{Answer, Shown};
use segstock_orders::{Change, Entry, Lines, OrderState, Position, Refusal, SkuId};
use std::collections::BTreeMap;
use std::fmt;

pub type Log = Vec<(Position, Entry<String>)>;

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// What was answered is not in the log, or something else is in its place.
    Lost(Call),
    /// A client was answered that nothing changed, and it did.
    DoneAfterAll(Call),
    /// A client asked again, and was answered otherwise.
    AnsweredOtherwise(Call, Answered),
    /// More units are promised than are on hand.
    SoldTwice(SkuId, Position),
    /// The log has a gap, or a position twice.
    Sequence(Position),
    /// Figures were shown that no durable state has.
    Shown(SkuId, i64, u64),
    /// Of what was decided together, up to this position, a part is there.
    Halved(Position),
    /// The book cannot be made again.
    NotRecovered(String),
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// What of a SKU is where, each counted by itself.
#[derive(Debug, Default, Clone, Copy)]
struct Figures {
    came: i64,
    found: i64,
    returned: i64,
    shipped: i64,
    written_off: i64,
    held: i64,
    paid: i64,
    safety: i64,
    uncovered: i64,
}

impl Figures {
    const fn on_hand(&self) -> i64 {
        self.came + self.found + self.returned - self.shipped - self.written_off
    }

    const fn free(&self) -> i64 {
        self.on_hand() - self.held - self.paid - self.safety
    }
}

type Stocks = BTreeMap<SkuId, Figures>;

pub fn positions(log: &Log) -> Option<Finding> {
    let wanted = 1..;
    let mut rows = log.iter().zip(wanted);
    let wrong = rows.find(|((position, _), wanted)| position.number() != *wanted);
    wrong.map(|((position, _), _)| Finding::Sequence(*position))
}

/// Of what was decided together all is there, or nothing.
pub fn together(lists: &[Log], log: &Log) -> Option<Finding> {
    let log: BTreeMap<_, _> = log
        .iter()
        .map(|(position, entry)| (position, entry))
        .collect();
    lists.iter().find_map(|list| {
        let is_there = |(position, entry): &&(_, _)| log.get(position) == Some(&entry);
        let there = list.iter().filter(is_there).count();
        let (last, _) = list.last()?;
        (there > 0 && there < list.len()).then_some(Finding::Halved(*last))
    })
}

/// In every prefix of the log each take finds its units.
pub fn balance(log: &Log) -> Option<Finding> {
    let mut stocks = Stocks::new();
    for (position, entry) in log {
        apply(&mut stocks, &entry.change);
        let short = |figures: &Figures| figures.free() + figures.uncovered < 0;
        let mut wrong = stocks
            .iter()
            .filter(|(_, figures)| short(figures) || figures.on_hand() < 0);
        if let Some((sku, _)) = wrong.next() {
            return Some(Finding::SoldTwice(*sku, *position));
        }
    }
    None
}

pub fn answers(answers: &[Answer], log: &Log) -> Option<Finding> {
    let log: BTreeMap<_, _> = log
        .iter()
        .map(|(position, entry)| (*position, entry))
        .collect();
    answers.iter().find_map(|heard| {
        let there = log.get(&heard.rests_on);
        let is_there = match &heard.entry {
            Some(entry) => there.is_some_and(|there| *there == entry),
            None => there.is_some() || heard.rests_on == Position::default(),
        };
        if heard.nothing_changed {
            let is_there = heard.entry.is_some() && is_there;
            return is_there.then(|| Finding::DoneAfterAll(heard.call.clone()));
        }
        (!is_there).then(|| Finding::Lost(heard.call.clone()))
    })
}

/// Whether a client that was answered hears nothing else when it asks again.
pub fn again(call: &Call, again: &Answered) -> Option<Finding> {
    let is_known = match again {
        Answered::Before => true,
        // Others may have set other limits since.
        Answered::Done => matches!(call, Call::Get { .. } | Call::Limit { .. }),
        Answered::Refused(Refusal::State(state)) => match call {
            Call::Place { .. } | Call::Wait { .. } | Call::Pay { .. } => {
                matches!(state, OrderState::Cancelled | OrderState::Expired)
            }
            _ => false,
        },
        Answered::Refused(_) => false,
    };
    (!is_known).then(|| Finding::AnsweredOtherwise(call.clone(), again.clone()))
}

/// Figures that were shown are those of a prefix of the log that was durable then, or became so.
pub fn shown(shown: &[Shown], log: &Log) -> Option<Finding> {
    shown.iter().find_map(|shown| {
        let mut stocks = Stocks::new();
        let is_it = |stocks: &Stocks| {
            let figures = stocks.get(&shown.sku).copied().unwrap_or_default();
            let available = u64::try_from(figures.free()).unwrap_or(0);
            figures.on_hand() == shown.on_hand && available == shown.available
        };
        let mut is_explained = shown.durable == Position::default() && is_it(&stocks);
        for (position, entry) in log {
            apply(&mut stocks, &entry.change);
            is_explained |= *position >= shown.durable && is_it(&stocks);
        }
        let finding = Finding::Shown(shown.sku, shown.on_hand, shown.available);
        (!is_explained).then_some(finding)
    })
}

fn apply(stocks: &mut Stocks, change: &Change<String>) {
    match change {
        Change::Opened { id, units, .. } => at(stocks, *id).came += signed(*units),
        Change::Restocked { sku, units } => at(stocks, *sku).came += signed(*units),
        Change::Counted {
            sku,
            difference,
            uncovered,
            ..
        } => {
            at(stocks, *sku).found += difference;
            at(stocks, *sku).uncovered += signed(*uncovered);
        }
        Change::WrittenOff { sku, units } => at(stocks, *sku).written_off += signed(*units),
        Change::Moved { from, to, units } => {
            at(stocks, *from).came -= signed(*units);
            at(stocks, *to).came += signed(*units);
        }
        Change::Limited {
            sku,
            safety,
            uncovered,
            ..
        } => {
            at(stocks, *sku).safety += safety;
            at(stocks, *sku).uncovered += signed(*uncovered);
        }
        Change::Waiting { .. } | Change::Extended { .. } => {}
        Change::Served { lines, .. } => {
            each(stocks, lines, |figures, units| figures.held += units);
        }
        Change::Placed { order, .. } => {
            each(stocks, &order.lines, |figures, units| figures.held += units);
        }
        Change::Amended { taken, given, .. } => {
            each(stocks, taken, |figures, units| figures.held += units);
            each(stocks, given, |figures, units| figures.held -= units);
        }
        Change::Paid { held, retaken, .. } => {
            each(stocks, held, |figures, units| {
                figures.held -= units;
                figures.paid += units;
            });
            each(stocks, retaken, |figures, units| figures.paid += units);
        }
        Change::Shipped { lines, .. } => each(stocks, lines, |figures, units| {
            figures.paid -= units;
            figures.shipped += units;
        }),
        Change::Cancelled { held, paid, .. } => {
            each(stocks, held, |figures, units| figures.held -= units);
            each(stocks, paid, |figures, units| figures.paid -= units);
        }
        Change::Expired { lines, .. } => {
            each(stocks, lines, |figures, units| figures.held -= units);
        }
        Change::Returned { on_sale, .. } => {
            each(stocks, on_sale, |figures, units| figures.returned += units);
        }
        other => panic!("the clients cause no {other:?}"),
    }
}

fn each(stocks: &mut Stocks, lines: &Lines, mut moves: impl FnMut(&mut Figures, i64)) {
    for line in lines.iter() {
        moves(at(stocks, line.sku), signed(line.units));
    }
}

fn at(stocks: &mut Stocks, sku: SkuId) -> &mut Figures {
    stocks.entry(sku).or_default()
}

fn signed(units: u64) -> i64 {
    units.cast_signed()
}
