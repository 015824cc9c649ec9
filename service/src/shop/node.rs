//! [`Node`]: one of several nodes that sell from one database.

mod import;

use super::refusals::{no_waiting_list, of_sale, refused};
use crate::answers::{Answered, Changed, Order, Orders, Sendings, Stock, Stocks};
use crate::book::Sku;
use crate::calls::{Lines, OrderCall, Part, Placing, StockCall, Wanted};
use crate::events::{Missed, News, SentEvent};
use crate::health::{Health, NodeHealth};
use crate::in_time::is_made;
use crate::kinds;
use crate::numbers::cursor_number;
use crate::overview::Overview;
use crate::problem::Problem;
use crate::telemetry::{self, Telemetry};
use axum::http::StatusCode;
use segstock::inventory::ShortLine;
use segstock_orders::{Filter, Position, SkuLimits};
use segstock_postgres::nodes::{self, Cursor, ListCursor, Refusal, Sale, SaleError, SkuSettings};
use segstock_remote::OrderId;
use std::error::Error;
use std::time::{Duration, SystemTime};
use tokio::time::timeout;

/// How long a silent node has its units for itself.
pub const LEASE: Duration = Duration::from_secs(5);
/// For how long the database may be silent before requests should go elsewhere.
const SILENCE: Duration = Duration::from_secs(3);
/// How long all figures of SKUs may take.
const GAUGE: Duration = Duration::from_secs(1);
/// Events that are read together.
const AT_ONCE: usize = 500;
/// SKUs of a page of a search, and pages of one search.
const PAGE: usize = 1_000;
const PAGES: usize = 5;

/// A node of a sale.
#[derive(Debug, Clone)]
pub struct Node {
    node: nodes::Node,
    name: String,
    /// Whether events are written.
    tells: bool,
}

type Done<T> = Result<T, Refusal>;

/// Begins and ends.
impl Node {
    /// A node of this name joins the sale. What ended is forgotten after the retention, and what can come back after the time
    /// for returns.
    ///
    /// # Errors
    ///
    /// Why it cannot join.
    pub async fn join(
        sale: Sale,
        name: &str,
        (retention, returns): (Duration, Duration),
        tells: bool,
    ) -> Result<Self, SaleError> {
        let keep = if tells { retention } else { Duration::ZERO };
        let sale = sale.lease(LEASE).events(keep);
        let sale = sale.retention(Some(retention)).returns(returns);
        sale.install().await?;
        Ok(Self {
            node: sale.join(name).await?,
            name: name.to_owned(),
            tells,
        })
    }

    /// Whether it has no SKUs yet.
    ///
    /// # Errors
    ///
    /// If the database does not answer.
    pub async fn is_new(&self) -> Result<bool, Problem> {
        Ok(self.stocks(None, 1).await?.stock.is_empty())
    }

    /// How often a node of this name has joined.
    #[must_use]
    pub fn session(&self) -> u64 {
        self.node.status().session
    }

    /// Waits until the node serves no calls any more, and says why.
    pub(super) async fn over(&self) -> String {
        let why = self.node.over().await;
        format!("the node {} serves no calls any more: {why}", self.name)
    }

    pub(super) async fn close(&self) -> Result<(), Box<dyn Error>> {
        let left = self.node.leave().await;
        left.map_err(|_| {
            "the node could not hand its units back: they come back after its lease".into()
        })
    }

    pub(super) fn check(&self) -> Result<(), Problem> {
        let nodes::NodeStatus { over, beat, .. } = self.node.status();
        let detail = match over {
            Some(why) => format!("the node serves no calls any more: {why}"),
            None if beat > SILENCE => {
                format!("the database has not answered for {} s", beat.as_secs())
            }
            None => return Ok(()),
        };
        Err(Problem::new(kinds::UNAVAILABLE, detail))
    }

    pub(super) fn health(&self) -> Health {
        Health::of_node(NodeHealth::new(&self.name, &self.node.status()))
    }

    pub(super) async fn gauge(&self, telemetry: &Telemetry) {
        telemetry::gauge_node(&self.node.status(), LEASE);
        let gauged = async {
            for sku in telemetry.skus() {
                // Without an answer it stays as it was.
                if let Ok(view) = self.node.stock(sku).await {
                    telemetry::gauge_sku(sku, view);
                }
            }
        };
        // Above all when the database is away somebody wants to see figures.
        _ = timeout(GAUGE, gauged).await;
    }
}

/// Makes a call, whose outcome nobody knows before it is answered.
async fn call<T>(call: impl Future<Output = Done<T>>) -> Result<T, Problem> {
    is_made();
    call.await.map_err(refused)
}

/// Makes a call on an order that was placed.
async fn on_order<T>(call: impl Future<Output = Done<T>>) -> Result<T, Problem> {
    is_made();
    call.await.map_err(|refusal| match refusal {
        Refusal::SoldOut { .. } | Refusal::CancelledBefore => never_placed(&refusal),
        refusal => refused(refusal),
    })
}

/// The id stays that of an order that was refused.
fn never_placed(refusal: &Refusal) -> Problem {
    let detail = format!("the order was never placed, and will not be: {refusal}");
    Problem::new(kinds::UNKNOWN_ORDER, detail)
}

/// An id or key, as nodes have them.
fn id_of(text: &str) -> Result<OrderId, Problem> {
    OrderId::new(text).map_err(|error| {
        let detail = format!("with several nodes, ids and keys have 1 to 64 characters: {error}");
        Problem::new(kinds::IDEMPOTENCY_KEY, detail)
    })
}

/// A text that requests are about: `PostgreSQL` has no text with a zero in it.
fn has_no_zero(text: Option<&str>) -> Result<(), Problem> {
    match text {
        Some(text) if text.contains('\0') => {
            Err(Problem::invalid("there is nothing of such a name"))
        }
        _ => Ok(()),
    }
}

/// The id of an order that is known, if there is one.
fn known_id(text: &str) -> Result<OrderId, Problem> {
    OrderId::new(text).map_err(|_| refused(Refusal::NoOrder))
}

/// Calls on orders.
impl Node {
    pub(super) async fn place(&self, order: Placing<'_>) -> Result<Answered<Order>, Problem> {
        let Placing {
            id,
            customer,
            lines,
            ttl,
            waits,
        } = order;
        let (id, ttl) = (id_of(id)?, Some(ttl));
        let placed = if waits {
            if let Err(problem) = self.have_waiting_lists(&lines).await {
                // A retry is answered as before, whatever became of the waiting list.
                match self.node.view(&id).await {
                    Err(Refusal::NoOrder) => return Err(problem),
                    Err(refusal) if refusal.is_temporary() => return Err(refused(refusal)),
                    _ => {}
                }
            }
            call(self.node.place_or_wait(&id, customer, lines, ttl)).await?
        } else {
            call(self.node.place_for(&id, customer, lines, ttl)).await?
        };
        self.changed(&id, placed, StatusCode::CREATED).await
    }

    /// A waiting order keeps others from its SKUs. So the shop says first how many units may wait.
    async fn have_waiting_lists(&self, lines: &Lines) -> Result<(), Problem> {
        let mut without = Vec::new();
        for (sku, units) in lines {
            let view = call(self.node.stock(sku)).await?;
            if view.limits.waiting == u64::MAX {
                without.push(ShortLine::new(sku.clone(), *units, 0));
            }
        }
        no_waiting_list(without)
    }

    /// The order as it is after a call. If it cannot be read, the same request tells.
    async fn changed(
        &self,
        id: &OrderId,
        did: nodes::Answer,
        status: StatusCode,
    ) -> Result<Answered<Order>, Problem> {
        let view = call(self.node.view(id)).await?;
        let changed = Changed {
            units: did.units,
            refunded: did.refunded,
            late: did.late,
        };
        Ok(Order::changed(status, did.before, changed, view))
    }

    pub(super) async fn order(&self, of: Option<&str>, id: &str) -> Result<Order, Problem> {
        let view = self.node.view(&known_id(id)?).await;
        let view = view.map_err(|refusal| match refusal {
            Refusal::NoOrder => refused(refusal),
            refusal if refusal.is_temporary() => refused(refusal),
            refusal => never_placed(&refusal),
        })?;
        if of.is_some() && view.customer.as_deref() != of {
            return Err(refused(Refusal::NoOrder));
        }
        Ok(view.into())
    }

    pub(super) async fn change(
        &self,
        of: Option<&str>,
        id: &str,
        asked: OrderCall,
    ) -> Result<Answered<Order>, Problem> {
        if of.is_some() {
            // An order's customer never changes.
            self.order(of, id).await?;
        }
        let (id, node) = (known_id(id)?, &self.node);
        let part = |Part { key, lines }| Ok::<_, Problem>((id_of(&key)?, lines));
        let did = match asked {
            OrderCall::Amend(asked) => {
                let (key, lines) = part(asked)?;
                // The later of this and its deadline: its deadline.
                let now = Some(Duration::from_micros(1));
                on_order(node.amend(&id, &key, lines, now)).await
            }
            OrderCall::Extend(key, ttl) => {
                on_order(node.extend(&id, &id_of(&key)?, Some(ttl))).await
            }
            OrderCall::Pay(None) => on_order(node.pay(&id)).await,
            OrderCall::Pay(Some(asked)) => {
                let (key, lines) = part(asked)?;
                on_order(node.pay_part(&id, &key, lines)).await
            }
            OrderCall::Cancel(None) => {
                let cancelled = async {
                    let cancelled = node.cancel(&id).await?;
                    cancelled.ok_or(Refusal::CancelledBefore)
                };
                on_order(cancelled).await
            }
            OrderCall::Cancel(Some(asked)) => {
                let (key, lines) = part(asked)?;
                on_order(node.cancel_part(&id, &key, lines)).await
            }
            OrderCall::Ship(None) => on_order(node.ship(&id)).await,
            OrderCall::Ship(Some(asked)) => {
                let (key, lines) = part(asked)?;
                on_order(node.ship_part(&id, &key, lines)).await
            }
            OrderCall::Return(to, None) => on_order(node.return_order(&id, to)).await,
            OrderCall::Return(to, Some(asked)) => {
                let (key, lines) = part(asked)?;
                on_order(node.return_part(&id, &key, lines, to)).await
            }
        };
        self.changed(&id, did?, StatusCode::OK).await
    }

    pub(super) async fn orders(
        &self,
        wanted: Wanted,
        cursor: Option<String>,
        limit: usize,
    ) -> Result<Orders, Problem> {
        has_no_zero(wanted.customer.as_deref())?;
        let after = cursor.map_or_else(|| Ok(ListCursor::default()), |text| text.parse());
        let after = after.map_err(|_| Problem::invalid("there is no such cursor"))?;
        let since_1970 = |time: SystemTime| {
            time.duration_since(SystemTime::UNIX_EPOCH)
                .unwrap_or_default()
        };
        let mut filter = Filter::default();
        filter.state = wanted.state;
        filter.customer = wanted.customer.map(Into::into);
        filter.sku = wanted.sku;
        filter.from = Position::new(wanted.from.unwrap_or_default());
        filter.to = wanted.to.map(Position::new);
        filter.since = wanted.since.map(since_1970).unwrap_or_default();
        filter.before = wanted.before.map(since_1970);
        let page = call(self.node.orders(&filter, &after, limit)).await?;
        Ok(Orders {
            orders: page.orders.into_iter().map(Into::into).collect(),
            next: page.next.map(|next| next.to_string()),
        })
    }
}

/// Calls on stock.
impl Node {
    /// Opens a SKU with this many units, if it is not open: whether it was not.
    ///
    /// # Errors
    ///
    /// If it is no SKU, or the database does not answer.
    pub async fn open_with(&self, sku: &str, units: u64) -> Result<bool, Problem> {
        is_made();
        match self.node.open_sku(sku, SkuSettings::new(units)).await {
            Err(SaleError::Exists) => Ok(false),
            opened => opened.map_err(|error| of_sale(&error)),
        }
    }

    pub(super) async fn open(&self, sku: &str) -> Result<Answered<Stock>, Problem> {
        Ok(Answered {
            status: StatusCode::CREATED,
            replayed: !self.open_with(sku, 0).await?,
            body: self.stock(sku).await?,
        })
    }

    pub(super) async fn stock(&self, sku: &str) -> Result<Stock, Problem> {
        let view = call(self.node.stock(sku)).await?;
        Ok(Stock::new(sku.to_owned(), view))
    }

    pub(super) async fn stocks(
        &self,
        cursor: Option<String>,
        limit: usize,
    ) -> Result<Stocks, Problem> {
        has_no_zero(cursor.as_deref())?;
        let after = cursor.unwrap_or_default();
        let page = call(self.node.stocks(&after, limit)).await?;
        let stocks = page.stocks.into_iter();
        Ok(Stocks {
            stock: stocks.map(|(sku, view)| Stock::new(sku, view)).collect(),
            next: page.next,
        })
    }

    pub(super) async fn on_shelf(
        &self,
        sku: &str,
        key: &str,
        asked: StockCall,
    ) -> Result<Answered<Stock>, Problem> {
        let (key, node) = (id_of(key)?, &self.node);
        let did = match asked {
            StockCall::Restock(units) => call(node.restock(&key, sku, units)).await?,
            StockCall::Count(units) => call(node.count(&key, sku, units)).await?,
            StockCall::WriteOff(units) => call(node.write_off(&key, sku, units)).await?,
            StockCall::Move(to, units) => call(node.move_units(&key, sku, &to, units)).await?,
            StockCall::Send(to, units) => call(node.send(&key, sku, &to, units)).await?,
            StockCall::Arrive(sending, units, lost) => {
                call(node.arrive(&key, sku, sending, units, lost)).await?
            }
        };
        let stock = self.stock(sku).await?;
        let stock = stock.changed(did.difference, did.uncovered);
        Ok(Answered {
            status: StatusCode::OK,
            replayed: did.before,
            body: stock.sent_as(did.sending),
        })
    }

    pub(super) async fn sendings(
        &self,
        cursor: Option<String>,
        limit: usize,
    ) -> Result<Sendings, Problem> {
        let first = Position::new(cursor_number(cursor)?);
        Ok(call(self.node.sendings(first, limit)).await?.into())
    }

    pub(super) async fn limit(
        &self,
        sku: &str,
        limits: SkuLimits,
    ) -> Result<Answered<Stock>, Problem> {
        let changed = call(self.node.limit(sku, limits)).await?;
        Ok(Answered {
            status: StatusCode::OK,
            replayed: !changed,
            body: self.stock(sku).await?,
        })
    }

    /// What the page shows, with SKUs after `first` that have `search` in their name. A search looks at some pages of SKUs.
    pub(super) async fn overview(&self, first: &str, search: &str) -> Result<Overview, Problem> {
        has_no_zero(Some(first))?;
        let search = search.to_lowercase();
        let (mut found, mut next) = (Vec::new(), Some(first.to_owned()));
        let (size, pages) = match search.is_empty() {
            true => (Overview::SKUS, 1),
            false => (PAGE, PAGES),
        };
        for _ in 0..pages {
            let Some(after) = next.take() else { break };
            let page = call(self.node.stocks(&after, size)).await?;
            next = page.next;
            for (sku, view) in page.stocks {
                if !sku.to_lowercase().contains(&search) {
                    continue;
                }
                if found.len() == Overview::SKUS {
                    // The rest of the page is another page of the answer.
                    next = found.last().map(|(sku, _): &(Sku, _)| sku.clone());
                    return Ok(Overview::of_node(found, next, &self.node.status()));
                }
                found.push((sku, view));
            }
        }
        Ok(Overview::of_node(found, next, &self.node.status()))
    }
}

/// What happens.
impl Node {
    /// Where a stream of events begins.
    pub(super) async fn begin(&self, after: Option<String>) -> Result<String, Problem> {
        if !self.tells {
            return Err(not_on_nodes("no events are written if --events is 0"));
        }
        let wrong = |_| Problem::invalid("there is no event with such an id");
        match after.as_deref() {
            None => Ok(call(self.node.events_now()).await?.to_string()),
            // The beginning.
            Some("0") => Ok(String::new()),
            Some(after) => after
                .parse()
                .map(|it: Cursor| it.to_string())
                .map_err(wrong),
        }
    }

    pub(super) async fn news(&self, after: &str) -> Result<News, Problem> {
        let after: Cursor = after.parse().unwrap_or_default();
        let events = call(self.node.events(&after, AT_ONCE)).await?;
        let sent = events.events.into_iter();
        let sent = sent.filter_map(|event| SentEvent::of(event.position, event.what));
        Ok(News {
            missed: events.missed.then_some(Missed { up_to: None }),
            events: sent.collect(),
            next: events.next.to_string(),
            by_number: false,
        })
    }
}

/// What one process does, and several nodes do not.
pub(super) fn not_on_nodes(what: &str) -> Problem {
    let detail = format!("with several nodes, {what}");
    Problem::new(kinds::NOT_ON_NODES, detail)
}
