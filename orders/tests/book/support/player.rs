//! Makes the calls of the model on a book, and compares what both show.

use super::calls::{Op, Said, Sku, customer};
use super::model::{Line, Shop};
use segstock::ManualClock;
use segstock_orders::{Answer, OrderBook, Position, Refusal, Returned, SkuLimits, StockAnswer};
use std::time::Duration;

pub const SKUS: [Sku; 3] = ["a", "b", "c"];

/// Calls a book.
pub struct Player<'a> {
    pub book: &'a OrderBook<Sku>,
    pub clock: &'a ManualClock,
    /// Where units were sent, and what names the sending.
    pub sendings: Vec<(Sku, Position)>,
}

impl Player<'_> {
    pub fn call(&mut self, op: &Op, waited_for: bool) -> Said {
        let (book, clock) = (self.book, self.clock);
        let id = |id: &u8| format!("order-{id}");
        let key = |key: &u8| format!("key-{key}");
        let seconds = |ttl: &u64| Duration::from_secs(*ttl);
        match op {
            Op::Place {
                id: of,
                lines,
                ttl,
                waits,
            } => {
                // In parts, the last first: the same order.
                let lines = lines
                    .iter()
                    .rev()
                    .flat_map(|(sku, units)| vec![(*sku, 1); *units as usize]);
                of_order(if *waits {
                    book.place_or_wait(&id(of), customer(*of), lines, seconds(ttl))
                } else {
                    book.place(&id(of), customer(*of), lines, seconds(ttl))
                })
            }
            Op::Amend {
                id: of,
                key: by,
                lines,
                ttl,
            } => of_order(book.amend(&id(of), &key(by), lines.clone(), seconds(ttl))),
            Op::Limit { sku, limits } => {
                let mut set = SkuLimits::default();
                set.safety = limits.safety;
                set.closed = limits.closed;
                set.per_customer = limits.per_customer;
                set.waiting = limits.waiting;
                set.unpaid = limits.unpaid;
                book.limit(sku, set).unwrap();
                Said::Passed
            }
            Op::Extend {
                id: of,
                key: by,
                ttl,
            } => of_order(book.extend(&id(of), &key(by), seconds(ttl))),
            Op::Pay { id: of, part: None } => of_order(book.pay(&id(of))),
            Op::Pay {
                id: of,
                part: Some((by, lines)),
            } => of_order(book.pay_part(&id(of), &key(by), lines.clone())),
            Op::Ship { id: of, part: None } => of_order(book.ship(&id(of))),
            Op::Ship {
                id: of,
                part: Some((by, lines)),
            } => of_order(book.ship_part(&id(of), &key(by), lines.clone())),
            Op::Cancel { id: of, part: None } => of_order(book.cancel(&id(of))),
            Op::Cancel {
                id: of,
                part: Some((by, lines)),
            } => of_order(book.cancel_part(&id(of), &key(by), lines.clone())),
            Op::Return {
                id: of,
                part: None,
                on_sale,
            } => of_order(book.return_order(&id(of), to(*on_sale))),
            Op::Return {
                id: of,
                part: Some((by, lines)),
                on_sale,
            } => of_order(book.return_part(&id(of), &key(by), lines.clone(), to(*on_sale))),
            Op::Restock {
                sku,
                key: by,
                units,
            } => of_stock(book.restock(sku, &key(by), *units)),
            Op::Count {
                sku,
                key: by,
                counted,
            } => of_stock(book.count(sku, &key(by), *counted)),
            Op::WriteOff {
                sku,
                key: by,
                units,
            } => of_stock(book.write_off(sku, &key(by), *units)),
            Op::Move {
                from,
                to,
                key: by,
                units,
                sends,
            } => {
                let answer = if *sends {
                    book.send(from, to, &key(by), *units)
                } else {
                    book.move_units(from, to, &key(by), *units)
                };
                if let Ok(sent) = &answer
                    && *sends
                    && !sent.before
                {
                    self.sendings.push((to, sent.position));
                }
                of_stock(answer)
            }
            Op::Arrive {
                sending,
                key: by,
                units,
                lost,
            } => match self.sendings.get(*sending) {
                Some((to, sent)) => of_stock(book.arrive(to, *sent, &key(by), *units, *lost)),
                None => Said::UnknownSending,
            },
            Op::Pass { seconds: time } => {
                // An order is remembered from when its expiry was written.
                book.sweep(usize::MAX).unwrap();
                clock.advance(seconds(time));
                if waited_for {
                    // Whoever waits is served when the units come back, which is when somebody looks.
                    book.sweep(usize::MAX).unwrap();
                }
                Said::Passed
            }
        }
    }
}

fn of_order(answer: Result<Answer, Refusal<Sku>>) -> Said {
    match answer {
        Ok(Answer {
            before,
            state,
            units,
            refunded,
            late,
            ..
        }) => {
            let moved = (units, refunded, late);
            if before {
                Said::before(state, moved)
            } else {
                Said::done(state, moved)
            }
        }
        Err(refusal) => of_refusal(&refusal),
    }
}

fn of_stock(answer: Result<StockAnswer, Refusal<Sku>>) -> Said {
    match answer {
        Ok(answer) => Said::Booked {
            before: answer.before,
            difference: answer.difference,
            uncovered: answer.uncovered,
        },
        Err(refusal) => of_refusal(&refusal),
    }
}

fn of_refusal(refusal: &Refusal<Sku>) -> Said {
    let mut short: Vec<_> = refusal.short_lines().iter().map(|line| line.sku).collect();
    short.sort_unstable();
    match refusal {
        Refusal::UnknownOrder => Said::Unknown,
        Refusal::Conflict => Said::Conflict,
        Refusal::State(state) => Said::State(*state),
        Refusal::Short(_) => Said::Short(short),
        Refusal::NotOnHand(_) => Said::NotOnHand(short),
        Refusal::Closed(skus) => Said::Closed(skus.clone()),
        Refusal::CustomerNeeded(skus) => Said::CustomerNeeded(skus.clone()),
        Refusal::PerCustomer(_) => Said::PerCustomer(short),
        Refusal::Unpaid(_) => Said::Unpaid(short),
        Refusal::UnknownSending => Said::UnknownSending,
        Refusal::NotOnTheWay { .. } => Said::NotOnTheWay,
        Refusal::QueueFull(_) => Said::QueueFull(short),
        Refusal::NotInOrder(_) => Said::NotInOrder(short),
        other => panic!("the model does not say {other}"),
    }
}

/// What becomes of units that come back.
fn to(on_sale: bool) -> Returned {
    if on_sale {
        Returned::OnSale
    } else {
        Returned::WrittenOff
    }
}

/// What can be seen of an order or of a SKU.
pub fn shown(book: &OrderBook<Sku>) -> Vec<String> {
    // Orders past their deadline give their units back to whoever looks at them.
    let orders: Vec<_> = (0..4)
        .map(|id| format!("{:?}", book.get(&format!("order-{id}"))))
        .collect();
    let stocks = SKUS
        .iter()
        .map(|sku| format!("{sku}: {:?}", book.stock(sku)));
    orders.into_iter().chain(stocks).collect()
}

pub fn assert_shown(book: &OrderBook<Sku>, shop: &Shop) {
    for id in 0..4 {
        let view = book.get(&format!("order-{id}")).ok();
        let lines = |view: segstock_orders::OrderView<Sku>| {
            let line = |line: segstock_orders::OrderLine<Sku>| {
                let figures = Line {
                    waiting: line.waiting,
                    held: line.held,
                    paid: line.paid,
                    shipped: line.shipped,
                    returned: line.returned,
                    written_off: line.written_off,
                    cancelled: line.cancelled,
                    refunded: line.refunded,
                    expired: line.expired,
                };
                (line.sku, figures)
            };
            view.lines.into_iter().map(line).collect()
        };
        let modelled = shop.orders.get(&id).map(|order| order.lines.clone());
        assert_eq!(view.map(lines), modelled, "order {id}");
    }
    for sku in SKUS {
        let stock = book.stock(sku).unwrap();
        assert_eq!(stock.on_hand, shop.on_hand[sku], "on hand: {sku}");
        assert_eq!(stock.available, shop.available(sku), "available: {sku}");
        assert_eq!(stock.owed, shop.owed(sku), "owed: {sku}");
        assert_eq!(stock.safety, shop.safety(sku), "safety: {sku}");
        assert_eq!(stock.waiting, shop.waiting(sku), "waiting: {sku}");
        let ways = (stock.on_the_way, stock.coming);
        assert_eq!(ways, shop.on_the_way(sku), "on the way: {sku}");
    }
}
