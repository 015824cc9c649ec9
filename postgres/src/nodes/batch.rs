//! [`Batch`]: what a node writes in one transaction, and what became of it.

use super::known::{Did, Known};
use super::lines::Sku;
use super::rows::{Failed, Life, Rows, known, list, micros};
use crate::session::{Parameters, column};
use segstock_remote::{Fault, OrderId};
use std::sync::Arc;
use std::time::Duration;
use tokio_postgres::Row;

/// Units of one SKU in an order, and the block that they come from; 0 is the pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece {
    pub sku: Sku,
    pub epoch: i64,
    pub units: i64,
}

/// What a batch does with an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Item {
    Place {
        pieces: Vec<Piece>,
        /// What was asked for, as a hash.
        asked: i64,
        /// How long it is held.
        ttl: Option<Duration>,
        customer: Option<Arc<str>>,
    },
    Pay,
    Ship,
    Cancel,
    Expire,
}

impl Item {
    /// Rows that it takes in a batch. Those that it has in the database are known of a new order alone.
    pub(super) const fn lines(&self) -> usize {
        match self {
            Self::Place { pieces, .. } => pieces.len(),
            _ => 1,
        }
    }

    const fn kind(&self) -> &'static str {
        match self {
            Self::Place { .. } => "place",
            Self::Pay => "pay",
            Self::Ship => "ship",
            Self::Cancel => "cancel",
            Self::Expire => "expire",
        }
    }
}

/// What a batch writes: it is sent unchanged until it is answered, or void. As columns, a row for each piece.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub number: i64,
    /// Units of orders that end may come to blocks of this node.
    pub keeps: bool,
    /// The blocks that it names, sorted.
    named: Vec<i64>,
    items: i64,
    item_no: Vec<i64>,
    ids: Vec<OrderId>,
    kinds: Vec<&'static str>,
    asked: Vec<Option<i64>>,
    ttls: Vec<Option<i64>>,
    piece_skus: Vec<Option<Sku>>,
    piece_at: Vec<i64>,
    piece_units: Vec<Option<i64>>,
    back_at: Vec<i64>,
    back_units: Vec<i64>,
    customers: Vec<Option<Arc<str>>>,
}

/// What became of an item, and the units that it brought to blocks.
pub(super) type Became = (Did, Vec<(i64, i64)>);

/// What the database says of a batch.
enum Written {
    Became(Vec<Became>),
    /// Its number was taken away: nothing became of it.
    Void,
    /// The session is over.
    Over,
}

impl Batch {
    /// A batch of these items, sorted by id, each id once; and of units that are handed back, by block.
    pub(super) fn new<'a>(
        number: i64,
        keeps: bool,
        items: impl IntoIterator<Item = (&'a OrderId, &'a Item)> + Clone,
        hand_backs: &[(i64, i64)],
    ) -> Self {
        let mut batch = Self {
            number,
            keeps,
            ..Self::default()
        };
        let of_items = items.clone().into_iter().flat_map(|(_, item)| match item {
            Item::Place { pieces, .. } => pieces.as_slice(),
            _ => &[],
        });
        let epochs = of_items
            .map(|piece| piece.epoch)
            .filter(|epoch| *epoch != 0);
        batch.named = epochs
            .chain(hand_backs.iter().map(|(epoch, _)| *epoch))
            .collect();
        batch.named.sort_unstable();
        batch.named.dedup();
        for (id, item) in items {
            batch.add(id, item);
        }
        for (epoch, units) in hand_backs {
            batch.back_at.push(batch.at(*epoch));
            batch.back_units.push(*units);
        }
        batch
    }

    /// Where a block is among those named: from 1. The pool is 0.
    fn at(&self, epoch: i64) -> i64 {
        let found = self.named.binary_search(&epoch);
        found.map_or(0, |at| i64::try_from(at + 1).unwrap_or(0))
    }

    fn add(&mut self, id: &OrderId, item: &Item) {
        self.items += 1;
        match item {
            Item::Place {
                pieces,
                asked,
                ttl,
                customer,
            } => {
                for piece in pieces {
                    let at = self.at(piece.epoch);
                    self.asked.push(Some(*asked));
                    self.ttls.push(ttl.map(micros));
                    self.customers.push(customer.clone());
                    self.row(id, item, Some((&piece.sku, at, piece.units)));
                }
            }
            _ => {
                self.asked.push(None);
                self.ttls.push(None);
                self.customers.push(None);
                self.row(id, item, None);
            }
        }
    }

    fn row(&mut self, id: &OrderId, item: &Item, piece: Option<(&Sku, i64, i64)>) {
        self.item_no.push(self.items);
        self.ids.push(id.clone());
        self.kinds.push(item.kind());
        self.piece_skus.push(piece.map(|(sku, ..)| Sku::clone(sku)));
        self.piece_at.push(piece.map_or(0, |(_, at, _)| at));
        self.piece_units.push(piece.map(|(.., units)| units));
    }

    fn read(&self, row: &Row) -> Result<Written, Fault> {
        match column::<String>(row, 0)?.as_str() {
            "over" => return Ok(Written::Over),
            "void" => return Ok(Written::Void),
            _ if self.items == 0 => return Ok(Written::Became(Vec::new())),
            _ => {}
        }
        let dids: Vec<String> = column(row, 1)?;
        let known = known(row, 2, dids.len())?;
        let did = |(did, known): (&String, Option<Known>)| {
            let did = match (did.as_str(), known) {
                ("placed", Some(known)) => Did::Placed(known.changed()),
                ("done", Some(known)) => Did::Done(known.changed()),
                ("is", Some(known)) => Did::Is(known),
                ("missing", _) => Did::Missing,
                ("fenced", _) => Did::Fenced,
                ("short", _) => Did::Short,
                ("alone", _) => Did::Alone,
                ("overdue", _) => Did::Overdue,
                _ => Did::Again,
            };
            (did, Vec::new())
        };
        let mut became: Vec<Became> = dids.iter().zip(known).map(did).collect();
        let went = list::<i64>(row, 8)?.into_iter().zip(list::<i64>(row, 9)?);
        for (number, went) in list::<i64>(row, 7)?.into_iter().zip(went) {
            let at = usize::try_from(number - 1).unwrap_or(usize::MAX);
            if let Some((_, all)) = became.get_mut(at) {
                all.push(went);
            }
        }
        Ok(Written::Became(became))
    }
}

impl Rows {
    /// Writes a batch, or reads what became of it, for each of its items; `None` if its number was [taken away](Self::void).
    /// Neither a time-out nor a lost connection says that it will never commit.
    pub(super) async fn write(
        &self,
        of: &Life,
        batch: &Batch,
    ) -> Result<Option<Vec<Became>>, Failed> {
        const BATCH: &str = "select * from batch_1($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)";
        let ids: Vec<&str> = batch.ids.iter().map(OrderId::as_str).collect();
        let skus: Vec<Option<&str>> = batch.piece_skus.iter().map(Option::as_deref).collect();
        let customers: Vec<Option<&str>> = batch.customers.iter().map(Option::as_deref).collect();
        let parameters: Parameters<'_> = &[
            &of.node,
            &of.number,
            &batch.number,
            &batch.keeps,
            &batch.named,
            &batch.item_no,
            &ids,
            &batch.kinds,
            &batch.asked,
            &batch.ttls,
            &skus,
            &batch.piece_at,
            &batch.piece_units,
            &batch.back_at,
            &batch.back_units,
            &customers,
        ];
        match self.row(BATCH, parameters, |row| batch.read(row)).await? {
            Written::Became(became) => Ok(Some(became)),
            Written::Void => Ok(None),
            Written::Over => Err(Failed::Over),
        }
    }

    /// Takes the number of a batch away, and says whether it did: then no copy of the batch commits. Else it is written.
    pub(super) async fn void(&self, of: &Life, number: i64) -> Result<bool, Failed> {
        const VOID: &str = "select void_1($1, $2, $3)";
        let read = |row: &Row| match column::<String>(row, 0)?.as_str() {
            "over" => Ok(None),
            said => Ok(Some(said == "void")),
        };
        let parameters: Parameters<'_> = &[&of.node, &of.number, &number];
        self.row(VOID, parameters, read).await?.ok_or(Failed::Over)
    }
}
