//! The answers of several nodes are those of the order book: random calls on both, each at any node, answer for answer.

mod ask;

use super::support::{Tests, connect, sale};
use ask::{ask, ask_book};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use segstock::ManualClock;
use segstock_orders::{self as orders, OrderBook, SkuLimits};
use segstock_postgres::nodes::{Filter, ListCursor, Node, OrderState, Position, Sale, SkuSettings};
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
    /// Sendings: their numbers at the nodes and in the book, and where they go.
    sent: Vec<([Position; 2], String)>,
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
    Limit(String, SkuLimits),
    Move(String, String, String, u64),
    Send(String, String, String, u64),
    /// The sending's number at the nodes, and in the book.
    Arrive(String, String, [Position; 2], u64, u64),
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
        sent: Vec::new(),
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
        let number = chance.random_range(0..110);
        let sku = SKUS[chance.random_range(0..SKUS.len())].0.to_owned();
        // Some keys are known.
        let key = format!("k{}", chance.random_range(0..=self.numbers));
        if number >= 100 {
            let at = SKUS.iter().position(|(of, ..)| *of == sku).unwrap_or(0);
            let to = SKUS[(at + 1) % SKUS.len()].0.to_owned();
            let units = chance.random_range(1..5);
            let recent = self.sent.len().saturating_sub(3);
            return match number {
                100..103 => Call::Move(sku, to, key, units),
                103..106 => Call::Send(sku, to, key, units),
                _ if self.sent.is_empty() => {
                    Call::Arrive(sku, key, [Position::new(7); 2], units, 0)
                }
                _ => {
                    let (numbers, to) =
                        self.sent[chance.random_range(recent..self.sent.len())].clone();
                    let to = if chance.random_range(0..9) == 0 {
                        sku
                    } else {
                        to
                    };
                    Call::Arrive(to, key, numbers, units - 1, chance.random_range(0..2))
                }
            };
        } else if number < 8 {
            return Call::Restock(sku, key, chance.random_range(1..5));
        } else if number < 12 {
            let on_hand = self.book.stock(&sku).expect("it is open").on_hand;
            let low = on_hand.saturating_sub(6);
            return Call::Count(sku, key, chance.random_range(low..on_hand + 3));
        } else if number < 15 {
            return Call::WriteOff(sku, key, chance.random_range(1..4));
        } else if number < 18 {
            let mut limits = SkuLimits::default();
            limits.safety = safety_of(&sku);
            limits.closed = chance.random_range(0..3) == 0;
            limits.per_customer =
                (chance.random_range(0..3) > 0).then(|| chance.random_range(2..9));
            if chance.random_range(0..3) == 0 {
                limits.waiting = chance.random_range(0..9);
            }
            limits.unpaid = (chance.random_range(0..2) == 0).then(|| chance.random_range(20..110));
            return Call::Limit(sku, limits);
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
        let is_limited = ["!limited", "!nameless", "!unpaid"].contains(&of_book.as_str());
        let is_short = of_nodes == "!sold out" || of_nodes.starts_with("!short");
        if !is_short || !is_limited {
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
        self.on_the_way(node, &call).await;
        for (sku, ..) in SKUS {
            let of_book = self.book.stock(sku).expect("it is open");
            let stock = self.nodes[node].stock(sku).await.expect("it is open");
            assert_eq!(stock, of_book, "step {step}, SKU {sku}: {call:?}");
            assert_eq!(self.nodes[node].available(sku).await, Ok(of_book.available));
        }
        if step.is_multiple_of(10) {
            self.lists(step).await;
        }
    }

    /// Both list the same sendings.
    async fn on_the_way(&mut self, node: usize, call: &Call) {
        let of_book = self.book.sendings(Position::default(), 1_000).sendings;
        let (mut of_nodes, mut from) = (Vec::new(), Some(Position::default()));
        while let Some(next) = from {
            let page = self.nodes[node].sendings(next, 2).await;
            let page = page.expect("nothing fails");
            of_nodes.extend(page.sendings);
            from = page.next;
        }
        assert_eq!(of_nodes.len(), of_book.len(), "{call:?}");
        for (one, other) in of_nodes.iter().zip(&of_book) {
            assert_eq!(
                (&one.from, &one.to, one.units),
                (&other.from, &other.to, other.units)
            );
            let sent = ([one.number, other.number], one.to.clone());
            if !self.sent.contains(&sent) {
                self.sent.push(sent);
            }
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

fn safety_of(sku: &str) -> u64 {
    let found = SKUS.iter().find(|(name, ..)| *name == sku);
    found.map_or(0, |(_, _, safety)| *safety)
}
