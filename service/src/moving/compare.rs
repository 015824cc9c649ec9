//! [`compare`]: whether a node has all that the book has, and nothing else.

use super::asking::patiently;
use super::look::orders;
use crate::book::Sku;
use futures_util::{StreamExt, TryStreamExt, stream};
use segstock::MAX_UNITS;
use segstock_orders::ledger::Recovered;
use segstock_orders::{OrderLine, OrderView, SkuLimits, SkuView};
use segstock_postgres::nodes::Node;
use segstock_remote::OrderId;
use std::time::Duration;
use tokio::time::sleep;

/// Orders that are looked at together: in one statement.
const AT_ONCE: usize = 500;
/// How many orders past their deadline end before a look.
const SWEPT: usize = 64;
/// Stocks of a page.
const PAGE: usize = 1_000;
/// How often both are looked at before they count as different: a hold ends at both at nearly the same time.
const LOOKS: usize = 40;
const PAUSE: Duration = Duration::from_millis(250);
/// By how much deadlines may differ: the time that calls were on their way.
const SKEW: Duration = Duration::from_secs(10);

/// Compares all orders, line by line, and the figures of all SKUs.
///
/// # Errors
///
/// The first difference, in one line.
pub async fn compare(recovered: &Recovered<Sku>, node: &Node) -> Result<(), String> {
    for page in orders(recovered) {
        let same = page
            .orders
            .iter()
            .map(|order| is_same(recovered, node, &order.id));
        let same = stream::iter(same).buffer_unordered(AT_ONCE);
        same.try_collect::<Vec<()>>().await?;
    }
    compare_stock(recovered, node).await
}

async fn is_same(recovered: &Recovered<Sku>, node: &Node, id: &str) -> Result<(), String> {
    let known = OrderId::new(id).map_err(|error| error.to_string())?;
    let mut found = String::new();
    for _ in 0..LOOKS {
        let Recovered { book, writer, .. } = recovered;
        // A hold that ended meanwhile serves whoever waits for its units.
        _ = writer.decide(|| book.sweep(SWEPT)).answer;
        let Ok(here) = writer.decide(|| book.get(id)).answer else {
            // Its time was over meanwhile: it is forgotten.
            return Ok(());
        };
        match patiently(|| node.view(&known)).await {
            Ok(there) if are_alike(&here, &there) => return Ok(()),
            Ok(there) => {
                let (here, there) = (in_words(&here), in_words(&there));
                found = format!("{there} at the node in place of {here}");
            }
            Err(refusal) => found = format!("refused by the node: {refusal}"),
        }
        sleep(PAUSE).await;
    }
    Err(format!("the order {id:?} is {found}"))
}

fn are_alike(here: &OrderView<Sku>, there: &OrderView<Sku>) -> bool {
    let deadlines = match (here.remaining, there.remaining) {
        (Some(here), Some(there)) => here.abs_diff(there) < SKEW,
        (here, there) => here.is_none() && there.is_none(),
    };
    here.customer == there.customer
        && here.state == there.state
        && deadlines
        && by_sku(here) == by_sku(there)
}

fn by_sku(order: &OrderView<Sku>) -> Vec<&OrderLine<Sku>> {
    let mut lines: Vec<_> = order.lines.iter().collect();
    lines.sort_unstable_by(|a, b| a.sku.cmp(&b.sku));
    lines
}

fn in_words(order: &OrderView<Sku>) -> String {
    let (state, left, lines) = (order.state, order.remaining, by_sku(order));
    format!("{state} ({left:?} left, {lines:?})")
}

/// All SKUs of the node are those of the book, with its figures.
async fn compare_stock(recovered: &Recovered<Sku>, node: &Node) -> Result<(), String> {
    let (mut after, mut count) = (Some(String::new()), 0);
    while let Some(from) = after {
        let page = patiently(|| node.stocks(&from, PAGE)).await;
        let page = page.map_err(|refusal| format!("the list of stock is refused: {refusal}"))?;
        count += page.stocks.len();
        for (sku, there) in page.stocks {
            is_same_stock(recovered, node, &sku, there).await?;
        }
        after = page.next;
    }
    match recovered.book.skus() {
        skus if skus == count => Ok(()),
        skus => Err(format!("the node has {count} SKUs in place of {skus}")),
    }
}

async fn is_same_stock(
    recovered: &Recovered<Sku>,
    node: &Node,
    sku: &str,
    mut there: SkuView,
) -> Result<(), String> {
    let mut here = None;
    for _ in 0..LOOKS {
        here = recovered.book.stock(sku).map(as_kept);
        if here == Some(there) {
            return Ok(());
        }
        sleep(PAUSE).await;
        // Its orders that are past their deadline end by that.
        orders(recovered).for_each(drop);
        let again = patiently(|| node.stock(sku)).await;
        there = again.map_err(|refusal| format!("the SKU {sku:?} is refused: {refusal}"))?;
    }
    Err(format!(
        "the SKU {sku:?} is {there:?} at the node in place of {here:?}"
    ))
}

/// A stock as a node has it: no limit is more than all units that there can be.
fn as_kept(view: SkuView) -> SkuView {
    let mut kept = view;
    let limits: &mut SkuLimits = &mut kept.limits;
    limits.low = limits.low.min(MAX_UNITS);
    limits.per_customer = limits.per_customer.map(|most| most.min(MAX_UNITS));
    if i64::try_from(limits.waiting).is_err() {
        limits.waiting = u64::MAX;
    }
    kept
}
