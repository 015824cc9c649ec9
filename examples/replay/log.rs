//! The order log: invoices of a CSV file as orders of net quantities.

use crate::table::{Form, Table};
use std::collections::HashMap;
use std::path::Path;

/// Orders in the sequence of their first line.
#[derive(Debug, Default)]
pub struct Log {
    /// The name of each SKU.
    pub skus: Vec<String>,
    pub orders: Vec<Vec<Line>>,
}

/// What an order wants of one SKU, never zero: units to sell, or, negative, units that come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    /// The index of the SKU.
    pub sku: usize,
    pub quantity: i64,
}

/// What the columns of a log are called.
#[derive(Debug, Clone, clap::Args)]
pub struct Columns {
    /// The column that says which order a line belongs to
    #[arg(
        long = "order-column",
        value_name = "NAME",
        default_value = "InvoiceNo"
    )]
    order: String,
    /// The column of the SKU
    #[arg(long = "sku-column", value_name = "NAME", default_value = "StockCode")]
    sku: String,
    /// The column of the units
    #[arg(long = "units-column", value_name = "NAME", default_value = "Quantity")]
    units: String,
}

/// Reads a log.
///
/// An error is one line; where a line of the file is to blame, it begins with its number.
pub fn read(path: &Path, form: Form, columns: &Columns) -> Result<Log, String> {
    let bytes = std::fs::read(path).map_err(|error| format!("cannot be read: {error}"))?;
    let table = Table::read(&bytes, form)?;
    let order = table.column(&columns.order)?;
    let sku = table.column(&columns.sku)?;
    let units = table.column(&columns.units)?;
    let mut grouping = Grouping::default();
    for row in table.rows() {
        let row = row?;
        let entry = Entry {
            invoice: table.text(&row, order)?,
            sku: table.text(&row, sku)?,
            quantity: table.number(&row, units)?,
        };
        let added = grouping.add(&entry);
        added.map_err(|error| format!("line {}: {error}", row.line))?;
    }
    let log = grouping.finish();
    if log.orders.is_empty() {
        return Err("holds no orders".into());
    }
    Ok(log)
}

/// One record of the file.
struct Entry<'a> {
    invoice: &'a str,
    sku: &'a str,
    quantity: i64,
}

/// Orders in the making.
#[derive(Default)]
struct Grouping {
    log: Log,
    orders: HashMap<String, usize>,
    skus: HashMap<String, usize>,
    /// The place of a SKU among the lines of its order.
    places: HashMap<(usize, usize), usize>,
    /// All units that were ever ordered or came back.
    moved: i64,
}

impl Grouping {
    fn add(&mut self, entry: &Entry<'_>) -> Result<(), String> {
        // No sum of quantities exceeds this one. So no other sum can overflow.
        let moved = entry.quantity.checked_abs();
        self.moved = moved
            .and_then(|units| self.moved.checked_add(units))
            .ok_or("the quantities up to here are too large to be summed")?;

        let order = number(&mut self.orders, entry.invoice);
        if order == self.log.orders.len() {
            self.log.orders.push(Vec::new());
        }
        let sku = number(&mut self.skus, entry.sku);
        if sku == self.log.skus.len() {
            self.log.skus.push(entry.sku.to_owned());
        }
        let lines = &mut self.log.orders[order];
        let place = *self.places.entry((order, sku)).or_insert(lines.len());
        match lines.get_mut(place) {
            Some(line) => line.quantity += entry.quantity,
            None => lines.push(Line {
                sku,
                quantity: entry.quantity,
            }),
        }
        Ok(())
    }

    fn finish(mut self) -> Log {
        for lines in &mut self.log.orders {
            lines.retain(|line| line.quantity != 0);
        }
        self.log
    }
}

/// The number of a name: the next one for a new name.
fn number(numbers: &mut HashMap<String, usize>, name: &str) -> usize {
    if let Some(&number) = numbers.get(name) {
        return number;
    }
    let next = numbers.len();
    numbers.insert(name.to_owned(), next);
    next
}
