//! [`Part`]: a call on lines of an order that is known by its key, and how a node learns it.

use super::asking::{Done, patiently};
use crate::book::Sku;
use segstock_orders::{Change, LineUnits, Lines, Position, Returned};
use segstock_postgres::nodes::Node;
use segstock_remote::OrderId;

/// A call on lines of an order.
#[derive(Debug, Clone)]
pub struct Part {
    pub key: OrderId,
    pub deed: Deed,
    pub lines: Vec<(Sku, u64)>,
}

/// What is done to lines of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// Before they are paid for.
    Cancel,
    Pay,
    /// They were paid for.
    Refund,
    Ship,
    Return(Returned),
}

impl Deed {
    /// Does it to these lines, under this key.
    pub async fn make(
        self,
        node: &Node,
        id: &OrderId,
        key: &OrderId,
        lines: &[(&str, u64)],
    ) -> Done<()> {
        let make = || async {
            let lines = lines.iter().copied();
            match self {
                Self::Cancel | Self::Refund => node.cancel_part(id, key, lines).await.map(drop),
                Self::Pay => node.pay_part(id, key, lines).await.map(drop),
                Self::Ship => node.ship_part(id, key, lines).await.map(drop),
                Self::Return(to) => node.return_part(id, key, lines, to).await.map(drop),
            }
        };
        Box::pin(patiently(make)).await
    }
}

impl Part {
    /// Makes the call, and takes its units from those that are `left` for such calls. If it has more units than that, or is
    /// refused, the node does not know it, and its units stay in `left`.
    pub async fn make(&self, node: &Node, id: &OrderId, left: &mut Vec<(&str, u64)>) {
        let Some(rest) = self.rest_of(left) else {
            return;
        };
        let lines: Vec<_> = self
            .lines
            .iter()
            .map(|(sku, units)| (sku.as_str(), *units))
            .collect();
        if self.deed.make(node, id, &self.key, &lines).await.is_ok() {
            *left = rest;
        }
    }

    /// What is left without its lines; none if they are not all there.
    fn rest_of<'a>(&self, left: &[(&'a str, u64)]) -> Option<Vec<(&'a str, u64)>> {
        let mut rest = left.to_vec();
        for (sku, units) in &self.lines {
            let line = rest.iter_mut().find(|(name, _)| name == sku)?;
            line.1 = line.1.checked_sub(*units)?;
        }
        rest.retain(|(_, units)| *units > 0);
        Some(rest)
    }
}

/// What a change did to which order, if it was one deed.
pub fn deed_of<K>(change: &Change<K>) -> Option<(Position, Deed, impl Iterator<Item = LineUnits>)> {
    let none = Lines::default();
    let (order, deed, one, other) = match change {
        Change::Paid {
            order,
            held,
            retaken,
            ..
        } => (order, Deed::Pay, held, retaken),
        Change::Shipped { order, lines } => (order, Deed::Ship, lines, &none),
        Change::Cancelled {
            order,
            waiting,
            held,
            paid,
        } if paid.is_empty() => (order, Deed::Cancel, waiting, held),
        Change::Cancelled {
            order,
            waiting,
            held,
            paid,
        } if waiting.is_empty() && held.is_empty() => (order, Deed::Refund, paid, &none),
        Change::Returned {
            order,
            on_sale,
            written_off,
        } if written_off.is_empty() => (order, Deed::Return(Returned::OnSale), on_sale, &none),
        Change::Returned {
            order,
            on_sale,
            written_off,
        } if on_sale.is_empty() => (
            order,
            Deed::Return(Returned::WrittenOff),
            written_off,
            &none,
        ),
        _ => return None,
    };
    let lines: Vec<_> = one.iter().chain(other.iter()).copied().collect();
    Some((*order, deed, lines.into_iter()))
}
