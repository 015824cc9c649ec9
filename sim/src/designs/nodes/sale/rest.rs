//! When every fault has ended: each order is asked for again at each node, memory is compared with the rows, the rest
//! is sold, and the sale ends with its audit.

use super::customer::Customers;
use super::found::Broken;
use super::log::What;
use crate::designs::nodes::node::{Request, Served};
use crate::designs::nodes::rows::{Known, Order, State, Units};
use crate::designs::nodes::shop::NODES;
use crate::network::TimedOut;
use std::collections::BTreeMap;
use std::time::Duration;

/// What was found when all was over.
#[derive(Default)]
pub(super) struct Rest {
    pub wrong: Vec<(Broken, String)>,
    /// The rows of the orders at the end.
    pub orders: BTreeMap<u64, Order>,
    /// From then on all was over.
    pub from: Duration,
}

/// More than a sale has.
const TOO_MUCH: u64 = 10_000;

impl Customers {
    pub(super) async fn rest(&self) -> Rest {
        let mut rest = Rest::default();
        self.ask_again(&mut rest).await;
        for sku in 0..self.skus {
            // It is refused; orders that are past their deadline end first.
            self.sell(&mut rest, Units::from([(sku, TOO_MUCH)])).await;
        }
        match self.shop.differs().await {
            Ok(None) => {}
            Ok(Some(words)) => rest.wrong.push((Broken::MemoryDiffers, words)),
            Err(TimedOut) => rest.wrong.push(silent()),
        }
        rest.from = self.world().now();
        self.look(&mut rest).await;
        for sku in 0..self.skus {
            let one = Units::from([(sku, 1)]);
            let mut sold = 0;
            while self.sell(&mut rest, one.clone()).await && sold < TOO_MUCH {
                sold += 1;
            }
        }
        let most = self.shop.most_proofs();
        if most > 1 {
            let words = format!("a node had {most} proofs under way at once");
            rest.wrong.push((Broken::ManyProofs, words));
        }
        if let Err(words) = self.shop.end_sale().await {
            rest.wrong.push((Broken::Audit, words));
        }
        match self.shop.orders().await {
            Ok(orders) => rest.orders = orders,
            Err(TimedOut) => rest.wrong.push(silent()),
        }
        rest
    }

    /// Every node says the same of an order, and says it at once.
    async fn ask_again(&self, rest: &mut Rest) {
        let wanted: BTreeMap<u64, Units> = (self.log.borrow().calls.iter())
            .filter_map(|call| match &call.what {
                What::Place(wanted) => Some((call.id, wanted.clone())),
                _ => None,
            })
            .collect();
        for (id, wanted) in wanted {
            for name in 0..NODES {
                let called = self.world().now();
                let place = Request::Place {
                    wanted: wanted.clone(),
                    ttl: None,
                };
                let asked = self.shop.ask_node(name, id, place, true).await;
                self.note(id, What::Place(wanted.clone()), called, asked.into());
                if !matches!(asked, Ok(Served::Is(_))) {
                    let words = format!("node {name} answers {asked:?} of order {id}");
                    rest.wrong.push((Broken::TryAgain, words));
                }
            }
        }
    }

    async fn look(&self, rest: &mut Rest) {
        let called = self.world().now();
        let Ok(free) = self.shop.free().await else {
            rest.wrong.push(silent());
            return;
        };
        for (sku, units) in free {
            let id = self.world().number();
            self.note(
                id,
                What::Look(sku, units),
                called,
                super::log::Answer::Restocked,
            );
        }
    }

    /// Whether an order of these units is placed.
    async fn sell(&self, rest: &mut Rest, wanted: Units) -> bool {
        let id = self.world().number();
        let name = self.world().pick(0..NODES as u64) as usize;
        let called = self.world().now();
        let place = Request::Place {
            wanted: wanted.clone(),
            ttl: None,
        };
        let asked = self.shop.ask_node(name, id, place, false).await;
        self.note(id, What::Place(wanted), called, asked.into());
        match asked {
            Ok(Served::Is(Known { placed, state })) => {
                debug_assert!(placed || matches!(state, State::Refused(_)));
                placed
            }
            _ => {
                let words = format!("node {name} answers {asked:?} of a new order");
                rest.wrong.push((Broken::TryAgain, words));
                false
            }
        }
    }
}

fn silent() -> (Broken, String) {
    (Broken::TryAgain, "the database is silent".to_owned())
}
