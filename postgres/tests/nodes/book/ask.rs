//! A call, asked of a node and of the order book: what each answers, in the same words.

use super::{BEFORE, Call, HOUR, safety_of};
use segstock_orders::{self as orders, OrderBook};
use segstock_postgres::nodes::{
    Answer, InvalidOrder, Node, Refusal, Returned, ShortLine, StockAnswer,
};
use segstock_remote::servers::id;

pub async fn ask(node: &Node, call: &Call) -> String {
    let to = |on_sale: &bool| {
        if *on_sale {
            Returned::OnSale
        } else {
            Returned::WrittenOff
        }
    };
    let answer = match call {
        Call::Place(order, customer, lines) => {
            let placed = node
                .place_for(&id(order), *customer, lines.clone(), Some(HOUR))
                .await;
            return placed.map_or_else(refusal, |answer| {
                format!("{} {}{}", answer.state, answer.units, said(answer.before))
            });
        }
        Call::Wait(order, customer, lines) => {
            node.place_or_wait(&id(order), *customer, lines.clone(), Some(HOUR))
                .await
        }
        Call::Pay(order) => node.pay(&id(order)).await,
        Call::Ship(order) => node.ship(&id(order)).await,
        Call::Cancel(order) => node
            .cancel(&id(order))
            .await
            .map(|answer| answer.expect("it was placed")),
        Call::Return(order, on_sale) => node.return_order(&id(order), to(on_sale)).await,
        Call::PayPart(order, key, lines) => {
            node.pay_part(&id(order), &id(key), lines.clone()).await
        }
        Call::ShipPart(order, key, lines) => {
            node.ship_part(&id(order), &id(key), lines.clone()).await
        }
        Call::CancelPart(order, key, lines) => {
            node.cancel_part(&id(order), &id(key), lines.clone()).await
        }
        Call::ReturnPart(order, key, lines, on_sale) => {
            node.return_part(&id(order), &id(key), lines.clone(), to(on_sale))
                .await
        }
        Call::Amend(order, key, lines) => {
            node.amend(&id(order), &id(key), lines.clone(), Some(HOUR))
                .await
        }
        Call::Extend(order, key, hours) => {
            node.extend(&id(order), &id(key), Some(HOUR * (*hours as u32)))
                .await
        }
        Call::Restock(sku, key, units) => return booked(node.restock(&id(key), sku, *units).await),
        Call::Count(sku, key, units) => {
            return counted(sku, node.count(&id(key), sku, *units).await);
        }
        Call::Limit(sku, limits) => {
            return node
                .limit(sku, *limits)
                .await
                .map_or_else(refusal, |is_set| format!("set{}", said(!is_set)));
        }
        Call::WriteOff(sku, key, units) => {
            return booked(node.write_off(&id(key), sku, *units).await);
        }
        Call::Move(from, to, key, units) => {
            return booked(node.move_units(&id(key), from, to, *units).await);
        }
        Call::Send(from, to, key, units) => {
            return booked(node.send(&id(key), from, to, *units).await);
        }
        Call::Arrive(to, key, [sending, _], units, lost) => {
            return booked(node.arrive(&id(key), to, *sending, *units, *lost).await);
        }
    };
    answer.map_or_else(refusal, |answer| {
        let Answer {
            before,
            state,
            units,
            refunded,
            late,
            ..
        } = answer;
        let before = said(before);
        format!("{state} {units} {refunded} {late}{before}")
    })
}

/// Whether it was done before.
fn said(before: bool) -> &'static str {
    if before { BEFORE } else { "" }
}

fn booked(answer: Result<StockAnswer, Refusal>) -> String {
    answer.map_or_else(refusal, |answer| {
        let (difference, uncovered) = (answer.difference, answer.uncovered);
        format!("{difference} {uncovered}{}", said(answer.before))
    })
}

/// For the order book safety stock covers nothing: what is missing of it is uncovered, and not owed.
fn counted(sku: &str, answer: Result<StockAnswer, Refusal>) -> String {
    match answer {
        Ok(answer) if safety_of(sku) > 0 => {
            format!("{}{}", answer.difference, said(answer.before))
        }
        answer => booked(answer),
    }
}

fn refusal(refusal: Refusal) -> String {
    let lines = |what: &str, lines: Vec<ShortLine<String>>| {
        let line = |line: &ShortLine<String>| {
            format!(" {} {} {}", line.sku, line.requested, line.available)
        };
        format!("!{what}{}", lines.iter().map(line).collect::<String>())
    };
    match refusal {
        Refusal::SoldOut { .. } => "!sold out".to_owned(),
        Refusal::Closed { .. } => "!closed".to_owned(),
        Refusal::PerCustomer { .. } => "!limited".to_owned(),
        Refusal::CustomerNeeded { .. } => "!nameless".to_owned(),
        Refusal::QueueFull { .. } => "!full".to_owned(),
        Refusal::Unpaid { .. } => "!unpaid".to_owned(),
        Refusal::Is(order) => format!("!{}", order.state),
        Refusal::NoOrder => "!unknown".to_owned(),
        Refusal::Conflict => "!conflict".to_owned(),
        Refusal::Short(short) => lines("short", short),
        Refusal::NotOnHand(short) => lines("not on hand", short),
        Refusal::NotInOrder(short) => lines("not in it", short),
        Refusal::UnknownSending => "!no sending".to_owned(),
        Refusal::NotOnTheWay {
            requested,
            on_the_way,
        } => format!("!on the way {requested} {on_the_way}"),
        // Nothing came, and nothing was lost.
        Refusal::Invalid(InvalidOrder::Units { units: 0 }) => "!zero".to_owned(),
        refusal => panic!("nothing fails: {refusal}"),
    }
}

pub fn ask_book(book: &OrderBook<String>, call: &Call) -> String {
    let to = |on_sale: &bool| {
        if *on_sale {
            orders::Returned::OnSale
        } else {
            orders::Returned::WrittenOff
        }
    };
    let answer = match call {
        Call::Place(order, customer, lines) => {
            let placed = book.place(order, *customer, lines.clone(), HOUR);
            return placed.map_or_else(
                |refused| match refused {
                    orders::Refusal::Short(_) => "!sold out".to_owned(),
                    refused => book_refusal(refused),
                },
                |answer| format!("{} {}{}", answer.state, answer.units, said(answer.before)),
            );
        }
        Call::Wait(order, customer, lines) => {
            book.place_or_wait(order, *customer, lines.clone(), HOUR)
        }
        Call::Pay(order) => book.pay(order),
        Call::Ship(order) => book.ship(order),
        Call::Cancel(order) => book.cancel(order),
        Call::Return(order, on_sale) => book.return_order(order, to(on_sale)),
        Call::PayPart(order, key, lines) => book.pay_part(order, key, lines.clone()),
        Call::ShipPart(order, key, lines) => book.ship_part(order, key, lines.clone()),
        Call::CancelPart(order, key, lines) => book.cancel_part(order, key, lines.clone()),
        Call::ReturnPart(order, key, lines, on_sale) => {
            book.return_part(order, key, lines.clone(), to(on_sale))
        }
        Call::Amend(order, key, lines) => book.amend(order, key, lines.clone(), HOUR),
        Call::Extend(order, key, hours) => book.extend(order, key, HOUR * (*hours as u32)),
        Call::Restock(sku, key, units) => {
            return booked_by_book(book.restock(sku.clone(), key, *units));
        }
        Call::Count(sku, key, units) => {
            return counted_by_book(sku, book.count(sku.clone(), key, *units));
        }
        Call::Limit(sku, limits) => {
            return book
                .limit(sku.clone(), *limits)
                .map_or_else(book_refusal, |set| format!("set{}", said(set.is_none())));
        }
        Call::WriteOff(sku, key, units) => {
            return booked_by_book(book.write_off(sku.clone(), key, *units));
        }
        Call::Move(from, to, key, units) => {
            return booked_by_book(book.move_units(from.clone(), to.clone(), key, *units));
        }
        Call::Send(from, to, key, units) => {
            return booked_by_book(book.send(from.clone(), to.clone(), key, *units));
        }
        Call::Arrive(to, key, [_, sending], units, lost) => {
            return booked_by_book(book.arrive(to.clone(), *sending, key, *units, *lost));
        }
    };
    answer.map_or_else(book_refusal, |answer| {
        let (units, refunded, late) = (answer.units, answer.refunded, answer.late);
        let before = said(answer.before);
        format!("{} {units} {refunded} {late}{before}", answer.state)
    })
}

fn booked_by_book(answer: Result<orders::StockAnswer, orders::Refusal<String>>) -> String {
    answer.map_or_else(book_refusal, |answer| {
        let (difference, uncovered) = (answer.difference, answer.uncovered);
        format!("{difference} {uncovered}{}", said(answer.before))
    })
}

fn counted_by_book(
    sku: &str,
    answer: Result<orders::StockAnswer, orders::Refusal<String>>,
) -> String {
    match answer {
        Ok(answer) if safety_of(sku) > 0 => {
            format!("{}{}", answer.difference, said(answer.before))
        }
        answer => booked_by_book(answer),
    }
}

fn book_refusal(refusal: orders::Refusal<String>) -> String {
    let lines = |what: &str| {
        let lines = refusal.short_lines().iter();
        let line = lines.map(|line| format!(" {} {} {}", line.sku, line.requested, line.available));
        format!("!{what}{}", line.collect::<String>())
    };
    match &refusal {
        orders::Refusal::Closed(_) => "!closed".to_owned(),
        orders::Refusal::PerCustomer(_) => "!limited".to_owned(),
        orders::Refusal::CustomerNeeded(_) => "!nameless".to_owned(),
        orders::Refusal::QueueFull(_) => "!full".to_owned(),
        orders::Refusal::Unpaid(_) => "!unpaid".to_owned(),
        orders::Refusal::State(state) => format!("!{state}"),
        orders::Refusal::UnknownOrder => "!unknown".to_owned(),
        orders::Refusal::Conflict => "!conflict".to_owned(),
        orders::Refusal::Short(_) => lines("short"),
        orders::Refusal::NotOnHand(_) => lines("not on hand"),
        orders::Refusal::NotInOrder(_) => lines("not in it"),
        orders::Refusal::UnknownSending => "!no sending".to_owned(),
        orders::Refusal::NotOnTheWay {
            requested,
            on_the_way,
        } => format!("!on the way {requested} {on_the_way}"),
        orders::Refusal::ZeroUnits(_) => "!zero".to_owned(),
        refusal => panic!("{refusal}"),
    }
}
