//! The answers of several nodes are those of the order book: random calls on both, each at any node, answer for answer.

use super::support::{Tests, connect, sale};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use segstock::ManualClock;
use segstock_orders::{self as orders, OrderBook, SkuLimits};
use segstock_postgres::nodes::{
    Answer, Filter, ListCursor, Node, OrderState, Refusal, Returned, Sale, ShortLine, SkuSettings,
    StockAnswer,
};
use segstock_remote::servers::{Server, id};
use std::sync::Arc;
use std::time::Duration;
use tokio_postgres::Client;

pub fn add(tests: &Tests) {
    for seed in 0..3 {
        tests.add(
            &format!("book::answers_are_those_of_it_{seed}"),
            move |site| {
                let url = site.server.url().to_owned();
                site.runtime.block_on(play(url, seed));
            },
        );
    }
}

const SKUS: [(&str, u64, u64); 3] = [("a", 9, 0), ("b", 14, 0), ("c", 12, 3)];
const STEPS: u64 = 300;
const BEFORE: &str = " before";
const HOUR: Duration = Duration::from_secs(3_600);

struct Both {
    nodes: Vec<Node>,
    rows: Client,
    book: OrderBook<String>,
    clock: Arc<ManualClock>,
    chance: SmallRng,
    placed: Vec<Placed>,
    numbers: u64,
    moved: u64,
    refused: u64,
}

type Lines = Vec<(String, u64)>;
type Placed = (String, Option<&'static str>, Lines);

/// A call that both are asked.
#[derive(Debug, Clone)]
enum Call {
    Place(String, Option<&'static str>, Lines),
    Wait(String, Option<&'static str>, Lines),
    Pay(String),
    Ship(String),
    Cancel(String),
    Return(String, bool),
    PayPart(String, String, Lines),
    ShipPart(String, String, Lines),
    CancelPart(String, String, Lines),
    ReturnPart(String, String, Lines, bool),
    Amend(String, String, Lines),
    Extend(String, String, u64),
    Restock(String, String, u64),
    Count(String, String, u64),
    WriteOff(String, String, u64),
    Limit(String, bool, Option<u64>, Option<u64>),
}

async fn play(url: String, seed: u64) {
    let (sale, name) = sale(&url, &[]).await;
    let clock = Arc::new(ManualClock::new());
    let book = OrderBook::builder()
        .clock(Arc::<ManualClock>::clone(&clock))
        .retention(HOUR * 24 * 365 * 50)
        .longest_hold(HOUR * 24);
    let book = book.build();
    for (sku, units, safety) in SKUS {
        let settings = SkuSettings::new(units).narrow(seed * 3).safety(safety);
        sale.open_sku(sku, settings).await.expect("a new SKU");
        book.open(sku.to_owned(), units).expect("a new SKU");
        let mut limits = SkuLimits::default();
        limits.safety = safety;
        book.limit(sku.to_owned(), limits).expect("it is open");
    }
    let mut nodes = Vec::new();
    for node in 0..3 {
        nodes.push(sale.join(&format!("n{node}")).await.expect("it joins"));
    }
    let mut both = Both {
        nodes,
        rows: connect(&url, &name).await,
        book,
        clock,
        chance: SmallRng::seed_from_u64(seed),
        placed: Vec::new(),
        numbers: 0,
        moved: 0,
        refused: 0,
    };
    for step in 0..STEPS {
        if both.chance.random_range(0..25) == 0 {
            both.tick().await;
        }
        let call = both.draw();
        both.step(step, call).await;
    }
    println!("{} calls moved units, {} refused", both.moved, both.refused);
    assert!(both.moved > STEPS / 4 && both.refused > STEPS / 10);
    at_rest(both, &sale).await;
}

async fn at_rest(both: Both, sale: &Sale) {
    for node in &both.nodes {
        node.leave().await.expect("it leaves");
    }
    sale.audit().await.expect("it balances");
}

impl Both {
    /// All deadlines pass.
    async fn tick(&mut self) {
        self.clock.advance(HOUR * 2);
        let late = "update orders set until = clock_timestamp() - interval '1 second' where until is not null";
        self.rows.batch_execute(late).await.expect("it is right");
        for (order, ..) in &self.placed {
            let node = &self.nodes[self.chance.random_range(0..3)];
            node.get(&id(order)).await.expect("it was placed");
            self.book.get(order).expect("it was placed");
        }
        self.serve().await;
        for (order, ..) in &self.placed {
            let node = &self.nodes[self.chance.random_range(0..3)];
            let state = node.get(&id(order)).await.expect("it was placed").state;
            let of_book = self.book.get(order).expect("it was placed").state;
            assert_eq!(
                state.to_string(),
                of_book.to_string(),
                "order {order}, late"
            );
        }
    }

    /// Whoever waits and can be served is served: some node does it soon, and the book at once.
    async fn serve(&self) {
        for (sku, ..) in SKUS.into_iter().cycle().take(2 * SKUS.len()) {
            let serve = format!("select serve_1('n0', '{sku}', 64)");
            self.rows.batch_execute(&serve).await.expect("it is right");
        }
    }

    fn draw(&mut self) -> Call {
        let chance = &mut self.chance;
        let number = chance.random_range(0..100);
        let sku = SKUS[chance.random_range(0..SKUS.len())].0.to_owned();
        // Some keys are known.
        let key = format!("k{}", chance.random_range(0..=self.numbers));
        if number < 8 {
            return Call::Restock(sku, key, chance.random_range(1..5));
        } else if number < 12 {
            let on_hand = self.book.stock(&sku).expect("it is open").on_hand;
            let low = on_hand.saturating_sub(6);
            return Call::Count(sku, key, chance.random_range(low..on_hand + 3));
        } else if number < 15 {
            return Call::WriteOff(sku, key, chance.random_range(1..4));
        } else if number < 18 {
            let most = (chance.random_range(0..3) > 0).then(|| chance.random_range(2..9));
            let waiting = (chance.random_range(0..3) == 0).then(|| chance.random_range(0..9));
            return Call::Limit(sku, chance.random_range(0..3) == 0, most, waiting);
        }
        let customer = [None, Some("ann"), Some("bob")][chance.random_range(0..3)];
        self.numbers += 1;
        let fresh = format!("o{}", self.numbers);
        let lines = self.lines();
        if number < 26 {
            return Call::Wait(fresh, customer, lines);
        } else if number < 35 || self.placed.is_empty() {
            return Call::Place(fresh, customer, lines);
        }
        let recent = self.placed.len().saturating_sub(8);
        let at = self.chance.random_range(recent..self.placed.len());
        let (order, of_first, first) = self.placed[at].clone();
        let on_sale = self.chance.random_range(0..2) == 0;
        match number {
            35..38 => Call::Place(order, of_first, if on_sale { first } else { lines }),
            38 => Call::Place(order, customer, first),
            39 => Call::Wait(order, of_first, first),
            40..50 => Call::Pay(order),
            50..57 => Call::Ship(order),
            57..62 => Call::Cancel(order),
            62..67 => Call::Return(order, on_sale),
            67..73 => Call::PayPart(order, key, lines),
            73..80 => Call::ShipPart(order, key, lines),
            80..85 => Call::CancelPart(order, key, lines),
            85..90 => Call::ReturnPart(order, key, lines, on_sale),
            90..97 => Call::Amend(order, key, lines),
            _ => Call::Extend(order, key, self.chance.random_range(1..3)),
        }
    }

    fn lines(&mut self) -> Lines {
        let first = self.chance.random_range(0..SKUS.len());
        let mut lines = vec![(SKUS[first].0.to_owned(), self.chance.random_range(1..5))];
        if self.chance.random_range(0..3) == 0 {
            let other = SKUS[(first + 1) % SKUS.len()].0.to_owned();
            lines.push((other, self.chance.random_range(1..3)));
        }
        lines
    }

    /// Asks both, and looks at what it came to.
    async fn step(&mut self, step: u64, call: Call) {
        let node = self.chance.random_range(0..3);
        let of_nodes = ask(&self.nodes[node], &call).await;
        let of_book = ask_book(&self.book, &call);
        // Of an order that is refused for two reasons, either is said.
        let is_limited = ["!limited", "!nameless"].contains(&of_book.as_str());
        if of_nodes != "!sold out" || !is_limited {
            assert_eq!(of_nodes, of_book, "step {step}, node {node}: {call:?}");
        }
        let is_done = !of_nodes.starts_with('!');
        self.moved += u64::from(is_done);
        self.refused += u64::from(!is_done);
        if is_done {
            let again = ask(&self.nodes[(node + 1) % 3], &call).await;
            let before = of_nodes.trim_end_matches(BEFORE);
            assert_eq!(
                again,
                format!("{before}{BEFORE}"),
                "step {step}, asked again elsewhere: {call:?}"
            );
            _ = ask_book(&self.book, &call);
        }
        self.serve().await;
        if let Call::Place(order, customer, lines) | Call::Wait(order, customer, lines) = &call
            && is_done
            && self.placed.iter().all(|(placed, ..)| placed != order)
        {
            self.placed.push((order.clone(), *customer, lines.clone()));
        }
        for (order, ..) in self.placed.iter().rev().take(9) {
            let view = self.nodes[node]
                .view(&id(order))
                .await
                .expect("it was placed");
            let of_book = self.book.get(order).expect("it was placed");
            assert_eq!(
                (view.id, view.customer, view.state, view.lines),
                (of_book.id, of_book.customer, of_book.state, of_book.lines),
                "step {step}: {call:?}"
            );
        }
        for (sku, ..) in SKUS {
            let of_book = self.book.stock(sku).expect("it is open");
            let stock = self.nodes[node].stock(sku).await.expect("it is open");
            assert_eq!(stock, of_book, "step {step}, SKU {sku}: {call:?}");
            assert_eq!(self.nodes[node].available(sku).await, Ok(of_book.available));
        }
        if step % 10 == 0 {
            self.lists(step).await;
        }
    }

    /// Pages of both have the same orders.
    async fn lists(&mut self, step: u64) {
        let mut filter = Filter::default();
        let chance = &mut self.chance;
        let states = [
            OrderState::Held,
            OrderState::Waiting,
            OrderState::Paid,
            OrderState::Shipped,
            OrderState::Returned,
            OrderState::Expired,
            OrderState::Cancelled,
        ];
        if chance.random_range(0..3) > 0 {
            filter.state = Some(states[chance.random_range(0..states.len())]);
        }
        if chance.random_range(0..3) == 0 {
            filter.customer = Some(["ann", "bob"][chance.random_range(0..2)].into());
        }
        if chance.random_range(0..2) == 0 {
            filter.sku = Some(SKUS[chance.random_range(0..3)].0.to_owned());
        }
        let (mut all, mut after) = (Vec::new(), ListCursor::default());
        let most = chance.random_range(1..9);
        let node = &self.nodes[chance.random_range(0..3)];
        loop {
            let page = node.orders(&filter, &after, most).await;
            let page = page.expect("nothing fails");
            assert!(page.orders.len() <= most);
            all.extend(page.orders.into_iter().map(|order| order.id));
            let Some(next) = page.next else { break };
            after = next.to_string().parse().expect("it is one");
        }
        let (mut of_book, mut from) = (Vec::new(), Some(orders::Cursor::default()));
        while let Some(cursor) = from {
            let page = self.book.list(&filter, cursor, 1_000);
            let page = page.expect("the SKU is open");
            let orders = page.orders.into_iter();
            of_book.extend(orders.map(|order| (order.number, order.id)));
            from = page.next;
        }
        of_book.sort();
        let of_book: Vec<_> = of_book.into_iter().map(|(_, id)| id).collect();
        assert_eq!(all, of_book, "step {step}: {filter:?}");
    }
}

fn limits_of(sku: &str, closed: bool, most: Option<u64>, waiting: Option<u64>) -> SkuLimits {
    let mut limits = SkuLimits::default();
    (limits.closed, limits.per_customer) = (closed, most);
    limits.waiting = waiting.unwrap_or(u64::MAX);
    limits.safety = safety_of(sku);
    limits
}

fn safety_of(sku: &str) -> u64 {
    let found = SKUS.iter().find(|(name, ..)| *name == sku);
    found.map_or(0, |(_, _, safety)| *safety)
}

async fn ask(node: &Node, call: &Call) -> String {
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
        Call::Limit(sku, closed, most, waiting) => {
            let limits = limits_of(sku, *closed, *most, *waiting);
            return node
                .limit(sku, limits)
                .await
                .map_or_else(refusal, |is_set| format!("set{}", said(!is_set)));
        }
        Call::WriteOff(sku, key, units) => {
            return booked(node.write_off(&id(key), sku, *units).await);
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
    let lines = |what: &str, lines: Vec<ShortLine>| {
        let line =
            |line: &ShortLine| format!(" {} {} {}", line.sku, line.requested, line.available);
        format!("!{what}{}", lines.iter().map(line).collect::<String>())
    };
    match refusal {
        Refusal::SoldOut { .. } => "!sold out".to_owned(),
        Refusal::Closed { .. } => "!closed".to_owned(),
        Refusal::PerCustomer { .. } => "!limited".to_owned(),
        Refusal::CustomerNeeded { .. } => "!nameless".to_owned(),
        Refusal::QueueFull { .. } => "!full".to_owned(),
        Refusal::Is(order) => format!("!{}", order.state),
        Refusal::NoOrder => "!unknown".to_owned(),
        Refusal::Conflict => "!conflict".to_owned(),
        Refusal::Short(short) => lines("short", short),
        Refusal::NotOnHand(short) => lines("not on hand", short),
        Refusal::NotInOrder(short) => lines("not in it", short),
        refusal => panic!("nothing fails: {refusal}"),
    }
}

fn ask_book(book: &OrderBook<String>, call: &Call) -> String {
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
        Call::Limit(sku, closed, most, waiting) => {
            let limits = limits_of(sku, *closed, *most, *waiting);
            return book
                .limit(sku.clone(), limits)
                .map_or_else(book_refusal, |set| format!("set{}", said(set.is_none())));
        }
        Call::WriteOff(sku, key, units) => {
            return booked_by_book(book.write_off(sku.clone(), key, *units));
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
        orders::Refusal::State(state) => format!("!{state}"),
        orders::Refusal::UnknownOrder => "!unknown".to_owned(),
        orders::Refusal::Conflict => "!conflict".to_owned(),
        orders::Refusal::Short(_) => lines("short"),
        orders::Refusal::NotOnHand(_) => lines("not on hand"),
        orders::Refusal::NotInOrder(_) => lines("not in it"),
        refusal => panic!("{refusal}"),
    }
}
