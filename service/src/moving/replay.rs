//! [`replay`]: the state of a shop, made again by the calls of a node that nobody else asks.

use super::asking::{Done, each_sku, key, patiently};
use super::look::{Look, OrderPage, orders, sendings, skus};
use super::order::{Moving, takes_a_while};
use super::requests::Noted;
use crate::book::Sku;
use futures_util::{StreamExt, TryStreamExt, stream};
use segstock_orders::ledger::Recovered;
use segstock_orders::{OrderState, OrderView, SkuLimits, SkuView};
use segstock_postgres::nodes::{Node, Refusal, SaleError, SkuSettings};
use segstock_remote::OrderId;
use std::time::{Duration, Instant};

/// Orders that are moved at once: they share batches.
const ORDERS_AT_ONCE: u32 = 512;
/// How often it says how far it is.
const SAY_EVERY: Duration = Duration::from_secs(10);

/// Makes the state again: SKUs with all units that their orders ever had, the requests on them, the orders, what is on its way.
/// Then each SKU is counted, orders that wait are placed in their sequence, and limits are set: at the end, since these orders
/// were placed before them.
///
/// # Errors
///
/// What was refused, in one line.
pub async fn replay(
    recovered: &Recovered<Sku>,
    noted: &Noted,
    look: &Look,
    node: &Node,
) -> Result<(), String> {
    let book = &recovered.book;
    each_sku(skus(book), async |sku: Sku, view| {
        open(node, &sku, view, look.begins_with(&sku, view)).await
    })
    .await?;
    let begins_with = |sku: &Sku| {
        let view = book.stock(sku).unwrap_or_default();
        look.begins_with(sku, view)
    };
    noted.replay(node, begins_with).await?;
    let mut waiting = move_orders(recovered, noted, node).await?;
    for sending in sendings(book) {
        let key = key(&sending.number.number().to_string());
        let send = || node.send(&key, &sending.from, &sending.to, sending.units);
        let number = sending.number.number();
        let refused = |refusal| format!("the sending {number} is refused: {refusal}");
        patiently(send).await.map_err(refused)?;
    }
    let safe = |view: SkuView| {
        let mut limits = SkuLimits::default();
        limits.safety = view.limits.safety;
        limits
    };
    each_sku(skus(book), async |sku: Sku, view| {
        let key = key("on-hand");
        patiently(|| node.count(&key, &sku, view.on_hand)).await?;
        patiently(|| node.limit(&sku, safe(view))).await.map(drop)
    })
    .await?;
    waiting.sort_unstable_by_key(|order| order.number);
    for order in &waiting {
        let moving = moving(node, noted, order, (Instant::now(), 1))?;
        let moved = moving.wait().await;
        moved.map_err(|refusal| of_order(order, &refusal))?;
    }
    each_sku(skus(book), async |sku: Sku, view| {
        let limit = || node.limit(&sku, view.limits);
        patiently(limit).await.map(drop)
    })
    .await
}

/// Moves all orders that do not wait. Returns those that do.
async fn move_orders(
    recovered: &Recovered<Sku>,
    noted: &Noted,
    node: &Node,
) -> Result<Vec<OrderView<Sku>>, String> {
    let (mut waiting, mut slow, mut moved) = (Vec::new(), Vec::new(), 0);
    let mut said = Instant::now();
    for OrderPage { orders, read } in orders(recovered) {
        let (wait, others): (Vec<_>, Vec<_>) = orders
            .into_iter()
            .partition(|order| order.state == OrderState::Waiting);
        waiting.extend(wait);
        let (others, quick): (Vec<_>, Vec<_>) = others.into_iter().partition(takes_a_while);
        slow.extend(others);
        moved += quick.len();
        advance(node, noted, &quick, read).await?;
        if said.elapsed() > SAY_EVERY {
            tracing::info!("{moved} orders are moved");
            said = Instant::now();
        }
    }
    // Together: a page of them takes as long as many.
    advance(node, noted, &slow, Instant::now()).await?;
    Ok(waiting)
}

/// Moves orders, some at once. They were read then.
async fn advance(
    node: &Node,
    noted: &Noted,
    orders: &[OrderView<Sku>],
    read: Instant,
) -> Result<(), String> {
    let at_once = u32::try_from(orders.len()).unwrap_or(ORDERS_AT_ONCE);
    let at_once = at_once.min(ORDERS_AT_ONCE);
    let calls = orders.iter().map(|order| async move {
        let moving = moving(node, noted, order, (read, at_once))?;
        let advanced = moving.advance().await;
        advanced.map_err(|refusal| of_order(order, &refusal))
    });
    let calls = stream::iter(calls).buffer_unordered(ORDERS_AT_ONCE as usize);
    calls.try_collect().await
}

fn moving<'a>(
    node: &'a Node,
    noted: &'a Noted,
    order: &'a OrderView<Sku>,
    (read, at_once): (Instant, u32),
) -> Result<Moving<'a>, String> {
    let id = OrderId::new(&*order.id).map_err(|error| error.to_string())?;
    Ok(Moving {
        node,
        id,
        order,
        parts: noted.parts(order.number),
        read,
        at_once,
    })
}

fn of_order(order: &OrderView<Sku>, refusal: &Refusal) -> String {
    format!("the order {:?} is refused: {refusal}", order.id)
}

/// Opens a SKU. If units are counted for each customer, those of the orders that come are.
async fn open(node: &Node, sku: &str, view: SkuView, units: u64) -> Done<()> {
    let open = || async {
        let opened = node.open_sku(sku, SkuSettings::new(units)).await;
        opened.map(drop).map_err(|error| match error {
            SaleError::Unknown(_) => Refusal::TryAgain,
            _ => Refusal::Conflict,
        })
    };
    patiently(open).await?;
    if view.limits.per_customer.is_some() {
        let mut counted = SkuLimits::default();
        counted.per_customer = Some(0);
        patiently(|| node.limit(sku, counted)).await?;
        patiently(|| node.limit(sku, SkuLimits::default())).await?;
    }
    Ok(())
}
