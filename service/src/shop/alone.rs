//! [`Alone`]: the order book of this process, which sells alone.

use crate::answers::{Answered, Changed, Order, Orders, Sendings, Stock, Stocks};
use crate::book::{Book, Sku};
use crate::calls::{OrderCall, Part, Placing, StockCall, Wanted};
use crate::counted::Counted;
use crate::events::{Missed, News, SentEvent};
use crate::expiring::Expiring;
use crate::health::Health;
use crate::in_time::is_made;
use crate::kinds;
use crate::lag::Lag;
use crate::numbers::cursor_number;
use crate::overview::Overview;
use crate::problem::Problem;
use axum::http::StatusCode;
use parking_lot::Mutex;
use segstock::inventory::ShortLine;
use segstock_orders::ledger::{Decided, Writer, WriterStatus};
use segstock_orders::{Answer, Cursor, Filter, OrderView, Position, Refusal, SkuId, SkuLimits};
use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::task::{self, yield_now};
use tokio::time::{Instant, timeout, timeout_at};

/// The order book of this process, and what makes its changes durable.
#[derive(Debug)]
pub struct Alone {
    /// The orders and the stock.
    pub book: Book,
    /// What makes the book's changes durable.
    pub writer: Arc<Writer<Sku>>,
    /// The file of its ledger, if it is one.
    pub file: Option<PathBuf>,
    /// The orders that expire next.
    pub expiring: Expiring,
    /// How the ledger lags, as it was last seen.
    pub lag: Mutex<Lag>,
    /// Parts of lists are changed one after another, in the sequence in which they ask for it: small lists that come again and
    /// again would keep a large one out of each batch.
    pub(super) lists: tokio::sync::Mutex<()>,
    /// What the book knew when it was last shown, and the position that it rests on, which is durable.
    counted: Mutex<(Position, Counted)>,
}

type Done<T> = Result<T, Refusal<Sku>>;

/// Of how many pages of the book one page of a list is made at most. Of a filter that lets few orders through each has few.
const PAGES: usize = 20;

impl Alone {
    /// `book`, whose changes `writer` makes durable. All are, so far.
    #[must_use]
    pub fn new(book: Book, writer: Arc<Writer<Sku>>) -> Self {
        let counted = (writer.status().durable, Counted::of(&book));
        Self {
            counted: Mutex::new(counted),
            book,
            writer,
            file: None,
            expiring: Expiring::default(),
            lag: Mutex::default(),
            lists: tokio::sync::Mutex::default(),
        }
    }

    /// Makes a call of the book, and waits until what its answer rests on is durable. If the waiting is given up, the
    /// change is made all the same.
    ///
    /// # Errors
    ///
    /// The book's refusal, as it is answered.
    async fn call<T>(&self, call: impl FnOnce(&Book) -> Done<T>) -> Result<T, Problem> {
        let decided = self.decide(call);
        self.durable(decided.rests_on).await?;
        Ok(decided.answer?)
    }

    /// Makes a call of the book without waiting: its answer must not be given before what it rests on is durable.
    pub fn decide<T>(&self, call: impl FnOnce(&Book) -> Done<T>) -> Decided<Done<T>> {
        is_made();
        self.writer.decide(|| call(&self.book))
    }

    /// Makes a call that shows figures of stock, and waits until all that was written before is durable.
    ///
    /// # Errors
    ///
    /// The book's refusal, as it is answered.
    pub async fn figures<T>(&self, call: impl FnOnce(&Book) -> Done<T>) -> Result<T, Problem> {
        let figures = call(&self.book);
        self.durable(self.writer.status().appended).await?;
        Ok(figures?)
    }

    /// Makes a change whose answer shows figures of stock, and waits until all that they show is durable.
    ///
    /// # Errors
    ///
    /// The book's refusal, as it is answered.
    async fn call_and_show<T>(&self, call: impl FnOnce(&Book) -> Done<T>) -> Result<T, Problem> {
        let decided = self.decide(call);
        let shown = match &decided.answer {
            Ok(_) => self.writer.status().appended,
            Err(_) => decided.rests_on,
        };
        self.durable(shown).await?;
        Ok(decided.answer?)
    }

    async fn durable(&self, position: Position) -> Result<(), Problem> {
        is_made();
        let durable = self.writer.durable(position).await;
        durable.map_err(|_| Refusal::<Sku>::Unknown)?;
        Ok(())
    }

    /// How the ledger is.
    #[must_use]
    pub fn status(&self) -> WriterStatus {
        self.writer.status()
    }
}

/// The answer to a call that was made just now: its times are of this moment, however long it waits to be durable.
fn answered(status: StatusCode, answer: Answer, order: OrderView<Sku>) -> Answered<Order> {
    let changed = Changed {
        units: answer.units,
        refunded: answer.refunded,
        late: answer.late,
    };
    Order::changed(status, answer.before, changed, order)
}

/// Calls on orders.
impl Alone {
    pub(super) async fn place(&self, order: Placing<'_>) -> Result<Answered<Order>, Problem> {
        let Placing {
            id,
            customer,
            lines,
            ttl,
            waits,
        } = order;
        let placed = self.call(|book| {
            // A retry is answered as before, whatever became of the waiting list.
            if waits && book.get(id).is_err() {
                have_waiting_lists(book, &lines)?;
            }
            let answer = if waits {
                book.place_or_wait(id, customer, lines, ttl)
            } else {
                book.place(id, customer, lines, ttl)
            };
            Ok(answered(StatusCode::CREATED, answer?, book.get(id)?))
        });
        placed.await
    }

    pub(super) async fn order(&self, of: Option<&str>, id: &str) -> Result<Order, Problem> {
        self.call(|book| order_of(book, of, id).map(Order::from))
            .await
    }

    pub(super) async fn change(
        &self,
        of: Option<&str>,
        id: &str,
        call: OrderCall,
    ) -> Result<Answered<Order>, Problem> {
        let changed = self.call(|book| {
            if of.is_some() {
                // An order's customer never changes.
                order_of(book, of, id)?;
            }
            let answer = match call {
                // The later of this and its deadline: its deadline.
                OrderCall::Amend(Part { key, lines }) => {
                    book.amend(id, &key, lines, Duration::from_nanos(1))
                }
                OrderCall::Extend(key, ttl) => book.extend(id, &key, ttl),
                OrderCall::Pay(None) => book.pay(id),
                OrderCall::Pay(Some(Part { key, lines })) => book.pay_part(id, &key, lines),
                OrderCall::Cancel(None) => book.cancel(id),
                OrderCall::Cancel(Some(Part { key, lines })) => book.cancel_part(id, &key, lines),
                OrderCall::Ship(None) => book.ship(id),
                OrderCall::Ship(Some(Part { key, lines })) => book.ship_part(id, &key, lines),
                OrderCall::Return(to, None) => book.return_order(id, to),
                OrderCall::Return(to, Some(Part { key, lines })) => {
                    book.return_part(id, &key, lines, to)
                }
            };
            Ok(answered(StatusCode::OK, answer?, book.get(id)?))
        });
        changed.await
    }

    pub(super) async fn orders(
        &self,
        wanted: Wanted,
        cursor: Option<String>,
        limit: usize,
    ) -> Result<Orders, Problem> {
        let on_clock = |time| on_clock_of(&self.book, time);
        let mut filter = Filter::default();
        filter.state = wanted.state;
        filter.customer = wanted.customer.map(Into::into);
        filter.sku = wanted.sku;
        filter.from = Position::new(wanted.from.unwrap_or_default());
        filter.to = wanted.to.map(Position::new);
        filter.since = wanted.since.map(on_clock).unwrap_or_default();
        filter.before = wanted.before.map(on_clock);
        let mut cursor = Some(Cursor::from_number(cursor_number(cursor)?));
        let mut orders = Vec::new();
        for _ in 0..PAGES {
            let Some(from) = cursor.filter(|_| orders.len() < limit) else {
                break;
            };
            let page = self.call(|book| book.list(&filter, from, limit - orders.len()));
            let page = page.await?;
            orders.extend(page.orders.into_iter().map(Order::from));
            cursor = page.next;
            // Others have their turn.
            yield_now().await;
        }
        Ok(Orders {
            orders,
            next: cursor.map(|next| next.to_number().to_string()),
        })
    }
}

/// The order with this id, if it is of this customer. That of another is as unknown as one that is not there.
fn order_of(book: &Book, of: Option<&str>, id: &str) -> Done<OrderView<Sku>> {
    let order = book.get(id)?;
    if of.is_some() && order.customer.as_deref() != of {
        return Err(Refusal::UnknownOrder);
    }
    Ok(order)
}

/// A waiting order keeps others from its SKUs. So the shop says first how many units may wait.
fn have_waiting_lists(book: &Book, lines: &[(Sku, u64)]) -> Done<()> {
    let without = lines.iter().filter(|(sku, _)| {
        let view = book.stock(sku);
        view.is_some_and(|view| view.limits.waiting == u64::MAX)
    });
    let without: Vec<_> = without
        .map(|(sku, units)| ShortLine::new(sku.clone(), *units, 0))
        .collect();
    match without.is_empty() {
        true => Ok(()),
        false => Err(Refusal::QueueFull(without)),
    }
}

/// What a time by the machine's clock is by the book's. What was before the book began is its beginning.
fn on_clock_of(book: &Book, time: SystemTime) -> Duration {
    let (now, of_book) = (SystemTime::now(), book.time());
    match now.duration_since(time) {
        Ok(ago) => of_book.saturating_sub(ago),
        Err(later) => of_book.saturating_add(later.duration()),
    }
}

/// Calls on stock.
impl Alone {
    pub(super) async fn open(&self, sku: &str) -> Result<Answered<Stock>, Problem> {
        let opened = self.call_and_show(|book| {
            let replayed = match book.open(sku.to_owned(), 0) {
                Ok(_) => false,
                Err(Refusal::AlreadyOpen) => true,
                Err(refusal) => return Err(refusal),
            };
            Ok((replayed, stock_of(book, sku)?))
        });
        let (replayed, body) = opened.await?;
        let status = StatusCode::CREATED;
        Ok(Answered {
            status,
            replayed,
            body,
        })
    }

    pub(super) async fn stock(&self, sku: &str) -> Result<Stock, Problem> {
        self.figures(|book| stock_of(book, sku)).await
    }

    pub(super) async fn stocks(
        &self,
        cursor: Option<String>,
        limit: usize,
    ) -> Result<Stocks, Problem> {
        let first = SkuId::new(cursor_number(cursor)?);
        let page = self.figures(|book| Ok(book.stocks(first, limit))).await?;
        let stocks = page.stocks.into_iter();
        Ok(Stocks {
            stock: stocks.map(|(sku, view)| Stock::new(sku, view)).collect(),
            next: page.next.map(|next| next.number().to_string()),
        })
    }

    pub(super) async fn on_shelf(
        &self,
        sku: &str,
        key: &str,
        call: StockCall,
    ) -> Result<Answered<Stock>, Problem> {
        let is_sending = matches!(call, StockCall::Send(..));
        let changed = self.call_and_show(|book| {
            let named = sku.to_owned();
            let answer = match call {
                StockCall::Restock(units) => book.restock(named, key, units),
                StockCall::Count(units) => book.count(named, key, units),
                StockCall::WriteOff(units) => book.write_off(named, key, units),
                StockCall::Move(to, units) => book.move_units(named, to, key, units),
                StockCall::Send(to, units) => book.send(named, to, key, units),
                StockCall::Arrive(sending, units, lost) => {
                    book.arrive(named, sending, key, units, lost)
                }
            };
            let answer = answer?;
            let stock = stock_of(book, sku)?;
            Ok((answer, stock.changed(answer.difference, answer.uncovered)))
        });
        let (answer, body) = changed.await?;
        Ok(Answered {
            status: StatusCode::OK,
            replayed: answer.before,
            body: body.sent_as(is_sending.then_some(answer.position)),
        })
    }

    pub(super) async fn limit(
        &self,
        sku: &str,
        limits: SkuLimits,
    ) -> Result<Answered<Stock>, Problem> {
        let limited = self.call_and_show(|book| {
            let changed = book.limit(sku.to_owned(), limits)?;
            Ok((changed.is_none(), stock_of(book, sku)?))
        });
        let (replayed, body) = limited.await?;
        let status = StatusCode::OK;
        Ok(Answered {
            status,
            replayed,
            body,
        })
    }

    pub(super) async fn sendings(
        &self,
        cursor: Option<String>,
        limit: usize,
    ) -> Result<Sendings, Problem> {
        let first = Position::new(cursor_number(cursor)?);
        let page = self.figures(|book| Ok(book.sendings(first, limit))).await?;
        Ok(page.into())
    }
}

fn stock_of(book: &Book, sku: &str) -> Done<Stock> {
    match book.stock(sku) {
        Some(view) => Ok(Stock::new(sku.to_owned(), view)),
        None => Err(Refusal::UnknownSkus(vec![sku.to_owned()])),
    }
}

/// For how long a change may wait to be durable before requests should go elsewhere.
const SILENCE: Duration = Duration::from_secs(3);
/// How long figures wait until they are durable: whoever asks how the service is wants an answer.
const COUNTED: Duration = Duration::from_millis(250);
/// Events that are read together.
const AT_ONCE: usize = 500;

/// What happens, and how it is.
impl Alone {
    /// Where a stream of events begins, and what it missed.
    pub(super) fn begin(&self, after: Option<String>) -> Result<(String, Option<Missed>), Problem> {
        let durable = self.status().durable.number();
        let after = match after {
            Some(after) => after
                .parse()
                .map_err(|_| Problem::invalid("there is no event with such an id"))?,
            None => durable,
        };
        // Only what is durable is sent. So a later one is the id of another ledger.
        let missed = (after > durable).then_some(Missed {
            up_to: Some(durable),
        });
        Ok((after.min(durable).to_string(), missed))
    }

    pub(super) fn news(&self, after: &str) -> News {
        let after = after.parse().map(Position::new).unwrap_or_default();
        let events = self.book.events(after, AT_ONCE);
        let missed = events.missed.map(|up_to| Missed {
            up_to: Some(up_to.number()),
        });
        let sent = events.events.into_iter();
        let sent = sent.filter_map(|event| SentEvent::of(event.position, event.what));
        News {
            missed,
            events: sent.collect(),
            next: events.next.number().to_string(),
            by_number: true,
        }
    }

    /// How much the book knows, once that is durable. If that takes long, or never comes: what it knew when it last was.
    pub async fn counted(&self) -> Counted {
        let now = Counted::of(&self.book);
        let rests_on = self.status().appended;
        let durable = timeout(COUNTED, self.writer.durable(rests_on)).await;
        let mut counted = self.counted.lock();
        if let Ok(Ok(())) = durable
            && counted.0 <= rests_on
        {
            *counted = (rests_on, now);
        }
        counted.1
    }

    /// What the page shows, with SKUs from number `first` on that have `search` in their name.
    pub(super) async fn overview(&self, first: &str, search: &str) -> Result<Overview, Problem> {
        let counted = self.counted().await;
        let (soon, behind) = (self.expiring.soon(), self.lag.lock().behind);
        Overview::of_book(
            &self.book,
            &self.writer,
            counted,
            soon,
            behind,
            first,
            search,
        )
    }

    pub(super) async fn health(&self) -> Health {
        Health::of_book(self.counted().await, &self.status())
    }

    /// Refuses if nothing can be written, any more or for a while.
    pub(super) fn check(&self) -> Result<(), Problem> {
        let behind = self.lag.lock().behind;
        match self.status().dead {
            None if behind > SILENCE => {
                let detail = format!("a change waits to be durable for {} s", behind.as_secs());
                Err(Problem::new(kinds::BUSY, detail))
            }
            None => Ok(()),
            Some(error) => {
                let detail = format!("the ledger failed: {error}");
                Err(Problem::new(kinds::UNAVAILABLE, detail))
            }
        }
    }

    /// Closes the ledger. It fails if not all that was asked for is in it then, or by `end`.
    pub(super) async fn close(&self, end: Instant) -> Result<(), Box<dyn Error>> {
        let failed = self.status().dead;
        let writer = Arc::clone(&self.writer);
        let closing = task::spawn_blocking(move || writer.close());
        match timeout_at(end, closing).await {
            Ok(closed) => closed?,
            Err(_) => return self.left_behind(),
        }
        // A ledger that is closed counts as dead, for that reason if there is no other.
        let status = self.status();
        let unwritten = status.dead.filter(|_| status.durable < status.appended);
        match failed.or(unwritten) {
            None => Ok(()),
            Some(error) => Err(format!("the ledger failed: {error}").into()),
        }
    }

    /// What is not in a ledger that does not answer.
    fn left_behind(&self) -> Result<(), Box<dyn Error>> {
        let status = self.status();
        let left = status
            .appended
            .number()
            .saturating_sub(status.durable.number());
        if left == 0 {
            // Rows that it need not keep any more are left in it.
            return Ok(());
        }
        let why = status
            .unsettled
            .map_or_else(String::new, |error| format!(": {error}"));
        let lost = format!("{left} changes may be lost, none of which was answered");
        Err(format!("the ledger does not answer; {lost}{why}").into())
    }
}
