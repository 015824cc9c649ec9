//! [`OrderView`]: orders as they are, line by line.

use super::answers::Refusal;
use super::inner::Inner;
use super::known::State;
use super::looks::View;
use super::node::Node;
use super::rows::{Failed, Rows, ids, list};
use crate::session::column;
use segstock_orders::{OrderLine, OrderState, OrderView, Position};
use segstock_remote::{Fault, OrderId};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::oneshot;
use tokio_postgres::Row;

/// One statement: views of the orders of the table `page`, which the text before makes, in the sequence of its column `k`. It
/// is followed by more columns of `page`, from number 12 on.
macro_rules! views {
    ($page:literal, $more:literal) => {
        concat!(
            $page,
            ", line as (
              select page.k, u.* from page cross join lateral (
                select p.sku, p.stage, p.units from part p where p.id = page.id
                union all
                select s.sku, page.state, sum(s.units)::bigint from unnest(page.skus, page.units) as s (sku, units)
                where not page.split group by s.sku
              ) as u
            )
            select array_agg(page.id order by page.k), array_agg(page.customer order by page.k),
              array_agg(said_1(page.state) order by page.k), array_agg(page.until order by page.k),
              array_agg(page.placed order by page.k), array_agg(page.seq order by page.k), array_agg(page.k order by page.k),
              (select array_agg(line.k order by line.k, line.sku) from line),
              (select array_agg(line.sku order by line.k, line.sku) from line),
              (select array_agg(line.stage order by line.k, line.sku) from line),
              (select array_agg(line.units order by line.k, line.sku) from line),
              clock_timestamp()",
            $more,
            " from page"
        )
    };
}
pub(super) use views;

/// The column of the first of those that are added.
pub(super) const MORE: usize = 12;

/// SKU, stage and units.
type Part = (String, (String, i64));

impl Node {
    /// An order as it is, line by line. One that is past its deadline expires by that.
    ///
    /// Times are those of the database: [`placed`](OrderView::placed) is since 1970, and so is
    /// [`number`](OrderView::number), in microseconds: later orders have larger ones, and two may have the same. The
    /// [`position`](OrderView::position) is the number of its last change.
    ///
    /// # Errors
    ///
    /// Those of [`get`](Self::get).
    pub async fn view(&self, id: &OrderId) -> Result<OrderView<String>, Refusal> {
        if let Some(view) = self.look(id).await? {
            let is_overdue =
                view.state == OrderState::Held && view.remaining == Some(Duration::ZERO);
            if !is_overdue {
                return Ok(view);
            }
        }
        self.get(id).await?;
        self.look(id).await?.ok_or(Refusal::NoOrder)
    }

    /// An order that was placed.
    async fn look(&self, id: &OrderId) -> Result<Option<OrderView<String>>, Refusal> {
        self.read(self.inner.look(id)).await
    }
}

impl Inner {
    /// An order that was placed. **One statement at a time, for all calls that began before it was sent**: a call never joins one
    /// that is under way, which may not see what was answered before the call.
    ///
    /// An error, if the database does not answer.
    pub(super) async fn look(
        self: &Arc<Self>,
        id: &OrderId,
    ) -> Result<Option<View>, oneshot::error::RecvError> {
        let (begins, answered) = self.looks.add(id);
        if begins {
            tokio::spawn(Arc::clone(self).look_for_all());
        }
        answered.await
    }

    async fn look_for_all(self: Arc<Self>) {
        loop {
            let askers = self.looks.next();
            if askers.is_empty() {
                return;
            }
            let ids: Vec<&str> = askers.iter().map(|(id, _)| id.as_str()).collect();
            // Without an answer, those who wait notice that it ended.
            if let Ok(views) = self.rows.views(&ids).await {
                for (id, answer) in askers {
                    // It may wait no more.
                    _ = answer.send(views.get(id.as_str()).cloned());
                }
            }
        }
    }
}

impl Rows {
    async fn views(&self, ids: &[&str]) -> Result<HashMap<Box<str>, View>, Failed> {
        const VIEWS: &str = views!(
            "with page as (
              select o.*, row_number() over () as k from (select distinct i.id from unnest($1::text[]) as i (id)) as i
              join orders o on o.id = i.id where o.skus is not null
            )",
            ""
        );
        let read = |row: &tokio_postgres::Row| {
            let views = views_of(row)?.into_iter();
            Ok(views.map(|view| (view.id.clone(), view)).collect())
        };
        self.row(VIEWS, &[&ids], read).await
    }
}

/// What a statement of [`views!`] found.
pub(super) fn views_of(row: &Row) -> Result<Vec<OrderView<String>>, Fault> {
    let customers = column::<Option<Vec<Option<String>>>>(row, 1)?.unwrap_or_default();
    let untils = column::<Option<Vec<Option<SystemTime>>>>(row, 3)?.unwrap_or_default();
    let now: SystemTime = column(row, 11)?;
    let placed = list::<SystemTime>(row, 4)?.into_iter();
    let seqs = list::<i64>(row, 5)?.into_iter().zip(list::<i64>(row, 6)?);
    let states = list::<String>(row, 2)?.into_iter().zip(untils);
    let rows = ids(row, 0)?.into_iter().zip(customers);
    let mut lines = parts(row)?;
    let mut all = Vec::new();
    for (((id, customer), (state, until)), (placed, (seq, k))) in
        rows.zip(states).zip(placed.zip(seqs))
    {
        let mut view = OrderView::new(id.as_str(), state_of(&state)?);
        view.customer = customer.map(Into::into);
        view.placed = since_1970(placed);
        view.number = number_of(view.placed);
        view.age = since_1970(now).saturating_sub(view.placed);
        view.position = Position::new(seq.unsigned_abs());
        let is_held = view.state == OrderState::Held;
        let until = until.filter(|_| is_held);
        view.remaining = until.map(|until| since_1970(until).saturating_sub(since_1970(now)));
        view.lines = lines_of(lines.remove(&k).unwrap_or_default());
        all.push(view);
    }
    Ok(all)
}

/// An order's number: when it was placed.
pub(super) fn number_of(placed: Duration) -> Position {
    Position::new(u64::try_from(placed.as_micros()).unwrap_or(u64::MAX))
}

pub(super) fn since_1970(time: SystemTime) -> Duration {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap_or_default()
}

fn state_of(state: &str) -> Result<OrderState, Fault> {
    let state = State::read(state, None)?;
    let of_order = state.of_order();
    of_order.ok_or_else(|| Fault::Final("an order that was not placed".to_owned()))
}

/// The parts of each order.
fn parts(row: &Row) -> Result<BTreeMap<i64, Vec<Part>>, Fault> {
    let stages = list::<String>(row, 9)?
        .into_iter()
        .zip(list::<i64>(row, 10)?);
    let lines = list::<String>(row, 8)?.into_iter().zip(stages);
    let mut parts: BTreeMap<i64, Vec<Part>> = BTreeMap::new();
    for (k, line) in list::<i64>(row, 7)?.into_iter().zip(lines) {
        parts.entry(k).or_default().push(line);
    }
    Ok(parts)
}

/// The lines of an order, by SKU.
fn lines_of(parts: Vec<Part>) -> Vec<OrderLine<String>> {
    let mut lines: Vec<OrderLine<String>> = Vec::new();
    for (sku, (stage, units)) in parts {
        if lines.last().is_none_or(|line| line.sku != sku) {
            lines.push(OrderLine::new(sku));
        }
        if let Some(line) = lines.last_mut() {
            *at(line, &stage) += units.unsigned_abs();
        }
    }
    lines
}

fn at<'a>(line: &'a mut OrderLine<String>, stage: &str) -> &'a mut u64 {
    match stage {
        "waiting" => &mut line.waiting,
        "held" => &mut line.held,
        "paid" => &mut line.paid,
        "shipped" => &mut line.shipped,
        "returned" => &mut line.returned,
        "written_off" => &mut line.written_off,
        "cancelled" => &mut line.cancelled,
        "refunded" => &mut line.refunded,
        _ => &mut line.expired,
    }
}
