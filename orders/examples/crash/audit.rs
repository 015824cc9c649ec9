//! The audit: what was answered, against what is there.

use crate::child::{Book, TTL, UNITS, lines};
use segstock_orders::sqlite::SqliteLedger;
use segstock_orders::{OrderState, Refusal};
use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::ops::AddAssign;
use std::path::Path;
use std::time::{Duration, Instant};

/// The last answer that a customer had for an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    Placed,
    Paid,
    Cancelled,
}

/// What all customers were answered. The process that keeps it is not killed.
#[derive(Debug, Default)]
pub struct Answers {
    orders: HashMap<String, Said>,
    /// SKU and key.
    restocks: Vec<(String, String)>,
}

impl Answers {
    /// Notes a line of a child.
    pub fn note(&mut self, line: &str) -> Result<(), String> {
        let (what, of) = line.split_once(' ').unwrap_or((line, ""));
        let said = match (what, of.split_once(' ')) {
            ("restocked", Some((sku, key))) => {
                self.restocks.push((sku.to_owned(), key.to_owned()));
                return Ok(());
            }
            ("placed", None) => Said::Placed,
            ("paid", None) => Said::Paid,
            ("cancelled", None) => Said::Cancelled,
            _ => return Err(format!("no answer is {line}")),
        };
        self.orders.insert(of.to_owned(), said);
        Ok(())
    }
}

/// What was found after a kill.
#[derive(Debug, Default)]
pub struct Audit {
    /// Answers that were given before the kill.
    pub answers: u64,
    /// Orders that are there.
    pub orders: usize,
    /// Orders and restocks that were answered, and are not there, or not as far as was answered.
    pub lost: u64,
    /// Retries that were answered otherwise.
    pub otherwise: u64,
    /// Units that customers have, beyond those that came.
    pub sold_twice: u64,
    /// How long it took to open the file.
    pub opening: Duration,
}

impl Audit {
    pub fn add(&mut self, other: &Self) {
        self.answers.add_assign(other.answers);
        self.orders = other.orders;
        // What is lost stays lost: each audit looks at all answers.
        self.lost = other.lost;
        self.otherwise = other.otherwise;
        self.sold_twice = other.sold_twice;
        self.opening = self.opening.max(other.opening);
    }

    pub const fn is_clean(&self) -> bool {
        self.lost == 0 && self.otherwise == 0 && self.sold_twice == 0 && self.answers > 0
    }

    /// One line.
    pub fn verdict(&self) -> impl fmt::Display {
        let Self {
            answers,
            lost,
            otherwise,
            sold_twice,
            ..
        } = self;
        if self.is_clean() {
            format!("kept: {answers} answers, none lost, no unit sold twice")
        } else {
            format!(
                "broken: {answers} answers, {lost} lost, {otherwise} retries answered otherwise, \
                 {sold_twice} units sold twice"
            )
        }
    }
}

/// Opens the file and looks for all that was answered in this round and before.
pub fn audit(file: &Path, answers: &Answers, heard: u64) -> Result<Audit, Box<dyn Error>> {
    let began = Instant::now();
    let recovered = Book::builder().recover(SqliteLedger::at(file))?;
    let book = &recovered.book;
    let mut audit = Audit {
        answers: heard,
        orders: recovered.found.orders,
        opening: began.elapsed(),
        ..Audit::default()
    };
    audit.sold_twice = sold_twice(book, answers);
    for (id, said) in &answers.orders {
        if !is_kept(*said, state(book, id)) {
            audit.lost += 1;
        } else if !is_answered_as_before(book, id, *said) {
            audit.otherwise += 1;
        }
    }
    for (sku, key) in &answers.restocks {
        let again = book.restock(sku.clone(), key, UNITS);
        audit.lost += u64::from(!again.is_ok_and(|again| again.before));
    }
    Ok(audit)
}

/// Units that customers have by their answers, beyond those on hand. Nothing is shipped.
fn sold_twice(book: &Book, answers: &Answers) -> u64 {
    let mut sold: HashMap<String, u64> = HashMap::new();
    for (id, said) in &answers.orders {
        // A cancellation without an answer may have been made: then others have the units, rightly.
        let was_cancelled = state(book, id) == Some(OrderState::Cancelled);
        if was_cancelled || *said == Said::Cancelled {
            continue;
        }
        for (sku, units) in lines(id) {
            *sold.entry(sku).or_default() += units;
        }
    }
    let beyond = sold.iter().map(|(sku, sold)| {
        let on_hand = book.stock(sku).map_or(0, |stock| stock.on_hand);
        sold.saturating_sub(on_hand)
    });
    beyond.sum()
}

fn state(book: &Book, id: &str) -> Option<OrderState> {
    book.get(id).map(|order| order.state).ok()
}

/// Whether an order is at least as far as its customer was answered.
fn is_kept(said: Said, state: Option<OrderState>) -> bool {
    match said {
        Said::Placed => state.is_some(),
        Said::Paid => state == Some(OrderState::Paid),
        Said::Cancelled => state == Some(OrderState::Cancelled),
    }
}

/// Whether a customer who asks again hears the same. Nothing is changed by it: these calls were made before.
fn is_answered_as_before(book: &Book, id: &str, said: Said) -> bool {
    let placed = book.place(id, None, lines(id), TTL);
    let is_placed = match placed {
        Ok(answer) => answer.before,
        Err(refusal) => refusal == Refusal::State(OrderState::Cancelled) && id.ends_with('7'),
    };
    let is_done = match said {
        Said::Placed => true,
        Said::Paid => book.pay(id).is_ok_and(|answer| answer.before),
        Said::Cancelled => book.cancel(id).is_ok_and(|answer| answer.before),
    };
    is_placed && is_done
}
