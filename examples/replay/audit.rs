//! The audit: whether the books of every SKU add up, and whether every refusal was right.

use crate::log::{Line, Log};
use crate::sell::Outcome;
use crate::shelf::Shelf;
use serde::Serialize;

/// The books of one SKU, kept by what customers were told; only `left` is what the counter says.
#[derive(Debug, Clone, Default)]
pub struct Books {
    pub opened: u64,
    pub returned: u64,
    pub sold: u64,
    pub left: u64,
    smallest_refused: Option<u64>,
    returns_refused: u64,
}

/// What is wrong with a SKU.
#[derive(Debug, Serialize)]
pub struct Finding {
    pub sku: String,
    pub finding: String,
}

/// The books of all SKUs, and what is wrong with them.
#[derive(Debug)]
pub struct Audit {
    pub books: Vec<Books>,
    /// One for each SKU that has any, the first of them.
    pub findings: Vec<Finding>,
}

impl Audit {
    /// Audits what became of `log` on `threads`.
    pub fn new(log: &Log, shelves: &[Shelf], outcomes: &[Outcome], threads: usize) -> Self {
        let books = keep_books(shelves, outcomes);
        let mut found: Vec<_> = books.iter().map(Books::miscount).collect();
        let refusals = if threads == 1 {
            compare_with_model(log, shelves, outcomes)
        } else {
            books.iter().map(Books::wrong_refusal).collect()
        };
        for (finding, refusal) in found.iter_mut().zip(refusals) {
            *finding = finding.take().or(refusal);
        }
        let findings = log.skus.iter().zip(found).filter_map(|(sku, finding)| {
            let sku = sku.clone();
            finding.map(|finding| Finding { sku, finding })
        });
        Self {
            findings: findings.collect(),
            books,
        }
    }

    /// The sum of one entry over all SKUs.
    pub fn sum(&self, entry: impl Fn(&Books) -> u64) -> u64 {
        self.books.iter().map(entry).sum()
    }
}

fn keep_books(shelves: &[Shelf], outcomes: &[Outcome]) -> Vec<Books> {
    let open = |shelf: &Shelf| Books {
        opened: shelf.opened,
        left: shelf.counter.available(),
        ..Books::default()
    };
    let mut books: Vec<_> = shelves.iter().map(open).collect();
    for &Outcome { line, accepted } in outcomes {
        let books = &mut books[line.sku];
        let units = line.quantity.unsigned_abs();
        match (accepted, line.quantity > 0) {
            (true, true) => books.sold += units,
            (true, false) => books.returned += units,
            (false, true) => {
                let smallest = books.smallest_refused.unwrap_or(u64::MAX);
                books.smallest_refused = Some(smallest.min(units));
            }
            (false, false) => books.returns_refused += units,
        }
    }
    books
}

impl Books {
    /// Units that were sold twice, or that vanished.
    fn miscount(&self) -> Option<String> {
        let Self {
            opened,
            returned,
            sold,
            left,
            ..
        } = self;
        let had = opened + returned;
        let problem = if *sold > had {
            "oversold"
        } else if had != sold + left {
            "miscounted"
        } else {
            return None;
        };
        Some(format!(
            "{problem}: opened {opened} + returned {returned} is not sold {sold} + left {left}"
        ))
    }

    /// Units that were left although an order wanted no more of them: where none ever came back,
    /// as many or more were there when it was refused. Or a return, for which there is always room.
    fn wrong_refusal(&self) -> Option<String> {
        if self.returns_refused > 0 {
            let units = self.returns_refused;
            return Some(format!("wrongly refused: {units} units that came back"));
        }
        let (refused, left) = (self.smallest_refused?, self.left);
        (self.returned == 0 && left >= refused)
            .then(|| format!("wrongly refused: an order of {refused}, but {left} are left"))
    }
}

/// On one thread every outcome must be that of the sequential model.
fn compare_with_model(log: &Log, shelves: &[Shelf], outcomes: &[Outcome]) -> Vec<Option<String>> {
    let mut model: Vec<u64> = shelves.iter().map(|shelf| shelf.opened).collect();
    let mut findings = vec![None; shelves.len()];
    let mut outcomes = outcomes.iter();
    for &line in log.orders.iter().flatten() {
        let held = model[line.sku];
        let expected = play(line, &mut model[line.sku]);
        let agrees = outcomes
            .next()
            .is_some_and(|outcome| outcome.line == line && outcome.accepted == expected);
        if !agrees && findings[line.sku].is_none() {
            let right = if expected { "accepted" } else { "refused" };
            findings[line.sku] = Some(format!(
                "a line of {} units should have been {right}: {held} were left",
                line.quantity
            ));
        }
    }
    findings
}

/// The sequential model: one number.
fn play(line: Line, held: &mut u64) -> bool {
    let units = line.quantity.unsigned_abs();
    let next = if line.quantity > 0 {
        held.checked_sub(units)
    } else {
        held.checked_add(units)
    };
    *held = next.unwrap_or(*held);
    next.is_some()
}
