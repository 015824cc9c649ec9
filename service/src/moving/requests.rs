//! [`Noting`]: the requests that a ledger knows by their keys, and how a node learns those on stock.

use super::asking::{Done, each_sku, key, patiently};
use super::parts::{Part, deed_of};
use crate::book::Sku;
use segstock::MAX_UNITS;
use segstock_orders::ledger::{Batch, Ledger, LedgerError, Opened, Standing, WriteError};
use segstock_orders::{Change, Entry, LineUnits, Position, SkuId};
use segstock_postgres::nodes::Node;
use segstock_remote::OrderId;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A ledger that notes the requests whose keys are known, while a book is made of its entries.
pub struct Noting {
    ledger: Box<dyn Ledger<Sku>>,
    noted: Arc<Mutex<Noted>>,
}

/// The requests that were noted.
#[derive(Debug, Default)]
pub struct Noted {
    skus: HashMap<SkuId, Sku>,
    /// Of each SKU, in their sequence.
    requests: BTreeMap<Sku, Vec<Request>>,
    /// Of each order, in their sequence.
    parts: HashMap<Position, Vec<Part>>,
}

#[derive(Debug, Clone)]
struct Request {
    key: OrderId,
    /// When it was made, by the book's clock.
    at: Duration,
    what: What,
}

#[derive(Debug, Clone)]
enum What {
    Restock(u64),
    /// What was on hand before, and was counted.
    Count(u64, u64),
    WriteOff(u64),
    /// To this SKU.
    Move(Sku, u64),
}

impl Noting {
    pub fn new(ledger: Box<dyn Ledger<Sku>>) -> (Self, Arc<Mutex<Noted>>) {
        let noted = Arc::<Mutex<Noted>>::default();
        let noting = Self {
            ledger,
            noted: Arc::clone(&noted),
        };
        (noting, noted)
    }
}

impl Ledger<Sku> for Noting {
    fn open(&mut self) -> Result<Opened, LedgerError> {
        self.ledger.open()
    }

    fn load(
        &mut self,
        after: Position,
        limit: usize,
    ) -> Result<Vec<(Position, Entry<Sku>)>, LedgerError> {
        let entries = self.ledger.load(after, limit)?;
        let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        entries.iter().for_each(|(_, entry)| noted.note(entry));
        Ok(entries)
    }

    fn take_over(&mut self) -> Result<(), LedgerError> {
        self.ledger.take_over()
    }

    fn write(&mut self, batch: &Batch<Sku>) -> Result<(), WriteError> {
        self.ledger.write(batch)
    }

    fn ask(&mut self, epoch: u64, number: u64) -> Result<Standing, LedgerError> {
        self.ledger.ask(epoch, number)
    }

    fn assert_own(&mut self) -> Result<(), WriteError> {
        self.ledger.assert_own()
    }
}

impl Noted {
    fn note(&mut self, entry: &Entry<Sku>) {
        if let Change::Opened { sku, id, .. } = &entry.change {
            self.skus.insert(*id, sku.clone());
        }
        // A node takes no key that is longer than this: so no retry has one.
        let key = entry
            .request
            .as_ref()
            .and_then(|it| OrderId::new(&*it.key).ok());
        let Some(key) = key else { return };
        if let Some((order, deed, lines)) = deed_of(&entry.change) {
            let name = |line: LineUnits| Some((self.skus.get(&line.sku)?.clone(), line.units));
            let lines = lines.filter_map(name).collect();
            let parts = self.parts.entry(order).or_default();
            parts.push(Part { key, deed, lines });
        } else if let Some((sku, what)) = self.what(&entry.change) {
            let at = Duration::from_nanos(entry.time);
            self.note_request(sku, Request { key, at, what });
        }
    }

    fn note_request(&mut self, sku: SkuId, request: Request) {
        let Some(sku) = self.skus.get(&sku) else {
            return;
        };
        if let What::Move(to, _) = &request.what {
            self.requests.entry(to.clone()).or_default();
        }
        self.requests.entry(sku.clone()).or_default().push(request);
    }

    /// Forgets requests on stock as the book has, and before the ledger does: those that were made earlier than this, and those
    /// whose key was used again since.
    pub fn forget(&mut self, earlier_than: Duration) {
        for requests in self.requests.values_mut() {
            let mut keys = HashSet::new();
            requests.reverse();
            requests.retain(|it| it.at >= earlier_than && keys.insert(it.key.clone()));
            requests.reverse();
        }
    }

    /// The calls on lines of an order.
    pub fn parts(&self, order: Position) -> &[Part] {
        self.parts.get(&order).map_or(&[], Vec::as_slice)
    }

    /// What was done to which SKU, if a node can do it again.
    fn what(&self, change: &Change<Sku>) -> Option<(SkuId, What)> {
        Some(match *change {
            Change::Restocked { sku, units } => (sku, What::Restock(units)),
            Change::WrittenOff { sku, units } => (sku, What::WriteOff(units)),
            Change::Counted {
                sku,
                counted,
                difference,
                ..
            } => (
                sku,
                What::Count(counted.saturating_add_signed(-difference), counted),
            ),
            Change::Moved { from, to, units } => {
                (from, What::Move(self.skus.get(&to)?.clone(), units))
            }
            _ => return None,
        })
    }
}

impl Request {
    /// Units that are to be on hand before it, if these matter. So far there are at most this many.
    fn needs(&self, most: u64) -> Option<u64> {
        match self.what {
            What::Restock(units) => (most + units > MAX_UNITS).then_some(0),
            What::Count(units, _) | What::WriteOff(units) | What::Move(_, units) => Some(units),
        }
    }

    /// How many are on hand then, at most.
    const fn leaves(&self, most: u64) -> u64 {
        match self.what {
            What::Restock(units) => most + units,
            What::Count(_, counted) => counted,
            What::WriteOff(_) | What::Move(..) => most,
        }
    }

    async fn make(&self, node: &Node, sku: &str) -> Done<()> {
        let key = &self.key;
        let make = || async {
            match &self.what {
                What::Restock(units) => node.restock(key, sku, *units).await,
                What::Count(_, counted) => node.count(key, sku, *counted).await,
                What::WriteOff(units) => node.write_off(key, sku, *units).await,
                What::Move(to, units) => node.move_units(key, sku, to, *units).await,
            }
        };
        // On the heap: the compiler counts how deep futures lie in one another.
        Box::pin(patiently(make)).await.map(drop)
    }
}

impl Noted {
    /// Has a node know the requests, on SKUs of which no order has a unit yet. Then each SKU has as many units again as
    /// `begins_with` says.
    ///
    /// # Errors
    ///
    /// What was refused, in one line.
    pub async fn replay(
        &self,
        node: &Node,
        begins_with: impl Fn(&Sku) -> u64,
    ) -> Result<(), String> {
        let all = || {
            self.requests
                .iter()
                .map(|(sku, requests)| (sku.clone(), requests))
        };
        each_sku(all(), async |sku: Sku, requests| {
            set(node, &sku, "first", 0).await?;
            make(node, &sku, requests, |what| !matches!(what, What::Move(..))).await
        })
        .await?;
        // By now every count is made: units of a move would be in it.
        each_sku(all(), async |sku: Sku, requests| {
            make(node, &sku, requests, |what| matches!(what, What::Move(..))).await
        })
        .await?;
        each_sku(all(), async |sku: Sku, _| {
            set(node, &sku, "begins", begins_with(&sku)).await
        })
        .await
    }
}

async fn make(node: &Node, sku: &str, requests: &[Request], of: fn(&What) -> bool) -> Done<()> {
    // At most this many units are on hand.
    let mut most = 0;
    let requests = requests.iter().enumerate();
    for (number, request) in requests.filter(|(_, request)| of(&request.what)) {
        if let Some(units) = request.needs(most) {
            most = units;
            set(node, sku, &number.to_string(), units).await?;
        }
        request.make(node, sku).await?;
        most = request.leaves(most);
    }
    Ok(())
}

/// Sets the units on hand.
async fn set(node: &Node, sku: &str, name: &str, units: u64) -> Done<()> {
    let key = &key(&format!("on-hand:{name}"));
    let count = || node.count(key, sku, units);
    Box::pin(patiently(count)).await.map(drop)
}
