//! The audit: whether the books of every SKU add up, and whether every refusal was right.

use crate::log::{Line, Log};
use crate::sell::{Answer, Outcome};
use crate::shop::Shop;
use serde::Serialize;

/// The books of one SKU, kept by what customers were answered; only `left` and `counted` are what the counter
/// says.
#[derive(Debug, Clone, Default)]
pub struct Books {
    pub opened: u64,
    pub returned: u64,
    pub sold: u64,
    pub left: u64,
    /// Restocked, reserved and sold.
    counted: Option<(u64, u64, u64)>,
    smallest_short: Option<u64>,
    /// Units that orders which failed for another line may have reserved in the meantime.
    dropped: Vec<u64>,
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
    pub fn new(
        log: &Log,
        shop: &Shop<'_>,
        outcomes: &[Outcome],
        threads: usize,
        partial: bool,
    ) -> Self {
        let mut books = keep_books(shop, outcomes);
        let mut found: Vec<_> = books.iter().map(Books::miscount).collect();
        let refusals = if threads == 1 {
            compare_with_model(log, shop, outcomes, partial)
        } else {
            let others = threads - 1;
            let refusals = books.iter_mut().map(|books| books.wrong_refusal(others));
            refusals.collect()
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

fn keep_books(shop: &Shop<'_>, outcomes: &[Outcome]) -> Vec<Books> {
    let open = |(sku, &opened)| Books {
        opened,
        left: shop.left(sku),
        counted: shop.snapshot(sku),
        ..Books::default()
    };
    let mut books: Vec<_> = shop.opened.iter().enumerate().map(open).collect();
    for &Outcome { line, answer } in outcomes {
        let books = &mut books[line.sku];
        let units = line.quantity.unsigned_abs();
        match (answer, line.quantity > 0) {
            (Answer::Accepted, true) => books.sold += units,
            (Answer::Accepted, false) => books.returned += units,
            (Answer::Short, true) => {
                let smallest = books.smallest_short.unwrap_or(u64::MAX);
                books.smallest_short = Some(smallest.min(units));
            }
            (Answer::Dropped, true) => books.dropped.push(units),
            (_, false) => books.returns_refused += units,
        }
    }
    books
}

impl Books {
    /// Units that were sold twice, or that vanished, or books of the counter that customers deny.
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
            return self.is_denied();
        };
        Some(format!(
            "{problem}: opened {opened} + returned {returned} is not sold {sold} + left {left}"
        ))
    }

    fn is_denied(&self) -> Option<String> {
        let (restocked, reserved, sold) = self.counted?;
        let agrees = (restocked, reserved, sold) == (self.returned, 0, self.sold);
        (!agrees).then(|| {
            format!(
                "the counter says {restocked} restocked, {reserved} reserved, {sold} sold; \
                 customers say {} returned, {} sold",
                self.returned, self.sold
            )
        })
    }

    /// A refused order for which enough units are left. Where none ever came back, the units that are left
    /// were in stock when it was refused, except those that each of the `others`, who sold beside it, may have
    /// reserved for an order that failed. Or a refused return: a stock always has room for it.
    fn wrong_refusal(&mut self, others: usize) -> Option<String> {
        if self.returns_refused > 0 {
            let units = self.returns_refused;
            return Some(format!("wrongly refused: {units} units that came back"));
        }
        let (refused, left) = (self.smallest_short?, self.left);
        self.dropped.sort_unstable_by(|a, b| b.cmp(a));
        let reserve_units: u64 = self.dropped.iter().take(others).sum();
        (self.returned == 0 && left >= refused + reserve_units).then(|| {
            format!(
                "wrongly refused: an order of {refused}, but {left} are left, and orders that failed \
                 had {reserve_units} at most"
            )
        })
    }
}

/// On one thread every outcome must be that of the sequential model.
fn compare_with_model(
    log: &Log,
    shop: &Shop<'_>,
    outcomes: &[Outcome],
    partial: bool,
) -> Vec<Option<String>> {
    let mut model = shop.opened.clone();
    let mut findings = vec![None; model.len()];
    let mut outcomes = outcomes.iter();
    for order in &log.orders {
        let expected = if partial {
            play_lines(order, &mut model)
        } else {
            play_whole(order, &mut model)
        };
        for (line, answer, held) in expected {
            let agrees = outcomes
                .next()
                .is_some_and(|outcome| outcome.line == line && outcome.answer == answer);
            if !agrees && findings[line.sku].is_none() {
                findings[line.sku] = Some(format!(
                    "a line of {} units should have been {answer:?}: {held} were left",
                    line.quantity
                ));
            }
        }
    }
    findings
}

/// What should become of a line, and what was left before it.
type Expected = (Line, Answer, u64);

/// The sequential model of a SKU: one number.
fn play(line: Line, model: &mut [u64]) -> Expected {
    let units = line.quantity.unsigned_abs();
    let held = model[line.sku];
    let next = if line.quantity > 0 {
        held.checked_sub(units)
    } else {
        held.checked_add(units)
    };
    model[line.sku] = next.unwrap_or(held);
    let answer = if next.is_some() {
        Answer::Accepted
    } else {
        Answer::Short
    };
    (line, answer, held)
}

fn play_lines(order: &[Line], model: &mut [u64]) -> Vec<Expected> {
    order.iter().map(|&line| play(line, model)).collect()
}

/// First what comes back; then all that is ordered, or none of it.
fn play_whole(order: &[Line], model: &mut [u64]) -> Vec<Expected> {
    let (wanted, back): (Vec<Line>, Vec<Line>) = order.iter().partition(|line| line.quantity > 0);
    let mut expected = play_lines(&back, model);
    let mut after = model.to_vec();
    let mut sold = play_lines(&wanted, &mut after);
    if sold
        .iter()
        .all(|&(_, answer, _)| answer == Answer::Accepted)
    {
        model.copy_from_slice(&after);
    } else {
        for (_, answer, _) in &mut sold {
            if *answer == Answer::Accepted {
                *answer = Answer::Dropped;
            }
        }
    }
    expected.extend(sold);
    expected
}
