//! The order log: invoices of a CSV file as orders of net quantities.

use csv::{ByteRecord, ErrorKind, ReaderBuilder};
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

/// Reads a log.
///
/// An error is one line; where a line of the file is to blame, it begins with its number.
pub fn read(path: &Path) -> Result<Log, String> {
    let bytes = std::fs::read(path).map_err(|error| format!("cannot be read: {error}"))?;
    let mut reader = ReaderBuilder::new().from_reader(bytes.as_slice());
    let header = reader.byte_headers().map_err(|error| error.to_string())?;
    let columns = Columns::find(header)?;

    let mut grouping = Grouping::default();
    let mut record = ByteRecord::new();
    loop {
        let start = reader.position().byte();
        let at_line = |error| format!("line {}: {error}", line_number(&bytes, start));
        match reader.read_byte_record(&mut record) {
            Ok(true) => {
                let entry = columns.entry(&record).map_err(at_line)?;
                grouping.add(&entry).map_err(at_line)?;
            }
            Ok(false) => break,
            Err(error) => return Err(at_line(explain(&error))),
        }
    }
    let log = grouping.finish();
    if log.orders.is_empty() {
        return Err("holds no orders".into());
    }
    Ok(log)
}

/// The number of the line on which the record that was read from `start` on begins: empty lines
/// and the rest of a line's end come before it.
fn line_number(bytes: &[u8], start: u64) -> usize {
    let start = usize::try_from(start)
        .unwrap_or(usize::MAX)
        .min(bytes.len());
    let (before, rest) = bytes.split_at(start);
    let skipped = rest
        .iter()
        .take_while(|&&byte| byte == b'\n' || byte == b'\r');
    let lines = before.iter().chain(skipped).filter(|&&byte| byte == b'\n');
    1 + lines.count()
}

fn explain(error: &csv::Error) -> String {
    match error.kind() {
        ErrorKind::UnequalLengths {
            expected_len, len, ..
        } => format!("{len} fields where the header has {expected_len}"),
        _ => error.to_string(),
    }
}

/// Where the columns are that count here.
struct Columns {
    invoice: usize,
    sku: usize,
    quantity: usize,
}

impl Columns {
    fn find(header: &ByteRecord) -> Result<Self, String> {
        if header.is_empty() {
            return Err("is empty: a header line is needed".into());
        }
        let index = |name: &str| {
            header
                .iter()
                .position(|field| field.trim_ascii() == name.as_bytes())
                .ok_or_else(|| format!("line 1: there is no column {name}"))
        };
        Ok(Self {
            invoice: index("InvoiceNo")?,
            sku: index("StockCode")?,
            quantity: index("Quantity")?,
        })
    }

    fn entry<'a>(&self, record: &'a ByteRecord) -> Result<Entry<'a>, String> {
        // The other columns may be in any encoding.
        let text = |index: usize, name: &str| match str::from_utf8(&record[index]) {
            Ok(text) if !text.trim().is_empty() => Ok(text.trim()),
            Ok(_) => Err(format!("{name} is empty")),
            Err(_) => Err(format!("{name} is not UTF-8")),
        };
        let quantity = text(self.quantity, "Quantity")?;
        Ok(Entry {
            invoice: text(self.invoice, "InvoiceNo")?,
            sku: text(self.sku, "StockCode")?,
            quantity: quantity
                .parse()
                .map_err(|error| format!("the quantity {quantity:?} is no number: {error}"))?,
        })
    }
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
