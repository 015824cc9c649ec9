//! The calls of the clients.

use segstock_orders::{OrderBook, Refusal, Returned};
use std::time::Duration;

pub type Book = OrderBook<String>;

/// How long units are held.
pub const TTL: Duration = Duration::from_secs(10);

/// A call that can be made again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Call {
    Place {
        order: String,
        lines: Vec<(String, u64)>,
    },
    Amend {
        order: String,
        key: String,
        lines: Vec<(String, u64)>,
    },
    Pay {
        order: String,
    },
    Ship {
        order: String,
    },
    Cancel {
        order: String,
    },
    Return {
        order: String,
    },
    Get {
        order: String,
    },
    Restock {
        sku: String,
        key: String,
        units: u64,
    },
    Count {
        sku: String,
        key: String,
        units: u64,
    },
    WriteOff {
        sku: String,
        key: String,
        units: u64,
    },
}

/// What a call was answered, as far as the judge needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answered {
    /// The change was made by this call.
    Done,
    /// An earlier call made it, or nothing was to be changed.
    Before,
    Refused(Refusal<String>),
}

impl Call {
    pub fn make(&self, book: &Book) -> Answered {
        let order = match self {
            Self::Place { order, lines } => book.place(order, None, lines.clone(), TTL),
            Self::Amend { order, key, lines } => book.amend(order, key, lines.clone(), TTL),
            Self::Pay { order } => book.pay(order),
            Self::Ship { order } => book.ship(order),
            Self::Cancel { order } => book.cancel(order),
            Self::Return { order } => book.return_order(order, Returned::OnSale),
            Self::Get { order } => match book.get(order) {
                Ok(_) => return Answered::Before,
                Err(refusal) => Err(refusal),
            },
            Self::Restock { sku, key, units } => {
                return shelf(book.restock(sku.clone(), key, *units));
            }
            Self::Count { sku, key, units } => return shelf(book.count(sku.clone(), key, *units)),
            Self::WriteOff { sku, key, units } => {
                return shelf(book.write_off(sku.clone(), key, *units));
            }
        };
        match order {
            Ok(answer) => done(answer.before),
            Err(refusal) => Answered::Refused(refusal),
        }
    }

    /// A call that a client could make: on one of few orders and SKUs.
    pub fn draw(chance: &mut fastrand::Rng, skus: usize, number: usize) -> Self {
        let order = format!("order-{}", chance.usize(0..4));
        let sku = format!("sku-{}", chance.usize(0..skus));
        let key = format!("key-{number}");
        let units = chance.u64(1..4);
        let lines = (0..chance.usize(1..=skus))
            .map(|number| (format!("sku-{number}"), chance.u64(1..4)))
            .collect();
        match chance.u8(0..18) {
            0..7 => Self::Place { order, lines },
            7 => Self::Amend { order, key, lines },
            8..10 => Self::Pay { order },
            10..12 => Self::Cancel { order },
            12 => Self::Ship { order },
            13 => Self::Return { order },
            14 => Self::Get { order },
            15 => Self::Restock { sku, key, units },
            16 => Self::Count { sku, key, units },
            _ => Self::WriteOff { sku, key, units },
        }
    }
}

fn shelf(answer: Result<segstock_orders::StockAnswer, Refusal<String>>) -> Answered {
    match answer {
        Ok(answer) => done(answer.before),
        Err(refusal) => Answered::Refused(refusal),
    }
}

fn done(before: bool) -> Answered {
    if before {
        Answered::Before
    } else {
        Answered::Done
    }
}
