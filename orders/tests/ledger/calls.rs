//! The calls of the clients.

use segstock_orders::{OrderBook, Refusal, Returned, SkuLimits};
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
    /// Places an order, or has it wait.
    Wait {
        order: String,
        lines: Vec<(String, u64)>,
    },
    Amend {
        order: String,
        key: String,
        lines: Vec<(String, u64)>,
    },
    Extend {
        order: String,
        key: String,
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
    Move {
        from: String,
        to: String,
        key: String,
        units: u64,
    },
    /// Sets the safety stock.
    Limit {
        sku: String,
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
            Self::Wait { order, lines } => book.place_or_wait(order, None, lines.clone(), TTL),
            Self::Extend { order, key } => book.extend(order, key, TTL),
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
            Self::Move {
                from,
                to,
                key,
                units,
            } => return shelf(book.move_units(from.clone(), to.clone(), key, *units)),
            Self::Limit { sku, units } => {
                let mut limits = SkuLimits::default();
                limits.safety = *units;
                return match book.limit(sku.clone(), limits) {
                    Ok(changed) => done(changed.is_none()),
                    Err(refusal) => Answered::Refused(refusal),
                };
            }
        };
        match order {
            Ok(answer) => done(answer.before),
            Err(refusal) => Answered::Refused(refusal),
        }
    }

    /// Calls that a client could make together: a delivery of several SKUs, an order beside a restock, or any.
    pub fn draw_together(chance: &mut fastrand::Rng, skus: usize, number: usize) -> Vec<Self> {
        let restock = |number: usize| Self::Restock {
            sku: format!("sku-{}", number % skus),
            key: format!("list-{number}"),
            units: 1,
        };
        // Other keys than those of single calls.
        let number = 100 * (number + 1);
        let mut any = |number| Self::draw(chance, skus, number);
        match any(number) {
            place @ Self::Place { .. } => vec![place, restock(number)],
            restocks @ (Self::Restock { .. } | Self::Count { .. } | Self::WriteOff { .. }) => {
                vec![restocks, restock(number), restock(number + 1)]
            }
            other => vec![other, any(number + 1), any(number + 2)],
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
        match chance.u8(0..22) {
            0..6 => Self::Place { order, lines },
            6 => Self::Wait { order, lines },
            7 => Self::Amend { order, key, lines },
            8..10 => Self::Pay { order },
            10..12 => Self::Cancel { order },
            12 => Self::Ship { order },
            13 => Self::Return { order },
            14 => Self::Get { order },
            15 => Self::Restock { sku, key, units },
            16 => Self::Count { sku, key, units },
            17 => Self::Extend { order, key },
            18 => Self::Limit { sku, units },
            19 | 20 => {
                let (from, to) = (sku, format!("sku-{}", chance.usize(0..skus)));
                Self::Move {
                    from,
                    to,
                    key,
                    units,
                }
            }
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
