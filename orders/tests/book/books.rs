//! The books of each SKU: each sum counted by itself, from entries and orders.

use segstock_orders::{
    Change, Cursor, Entry, Filter, Lines, OrderBook, OrderLine, OrderView, Position, SkuId,
};

pub const SKUS: [&str; 3] = ["a", "b", "c"];

pub type Sku = &'static str;

/// Units of one SKU in orders, by how far they are.
#[derive(Debug, Default)]
struct InOrders {
    waiting: u64,
    held: u64,
    paid: u64,
    shipped: u64,
    returned: u64,
    written_off: u64,
}

/// Units of one SKU, each sum counted by itself.
#[derive(Debug, Default)]
struct Books {
    initial: u64,
    restocked: u64,
    found: u64,
    missing: u64,
    written_off: u64,
    moved_in: u64,
    moved_out: u64,
    sent: u64,
    /// Units that were sent from here, and came or were lost.
    arrived: u64,
    lost: u64,
    /// Units that were sent here, and came or were lost.
    came: u64,
    sent_here: u64,
    /// Units that ever left, by the entries.
    shipped: u64,
    returned_on_sale: u64,
    returned_written_off: u64,
    in_orders: InOrders,
    /// Units of safety stock that are set.
    safety: u64,
}

impl Books {
    /// Those of a SKU, by entries and by orders.
    fn of(number: u32, entries: &[(Position, Entry<Sku>)], orders: &[OrderView<Sku>]) -> Self {
        let sku = SKUS[number as usize];
        let mut books = Self::default();
        for (_, entry) in entries {
            books.count_entry(number, &entry.change);
        }
        let lines = orders.iter().flat_map(|order| &order.lines);
        for line in lines.filter(|line| line.sku == sku) {
            books.count_line(line);
        }
        books
    }

    fn count_entry(&mut self, number: u32, change: &Change<Sku>) {
        let sku = SkuId::new(number);
        let is_it = |of: &SkuId| *of == sku;
        match change {
            Change::Paid {
                held,
                retaken,
                shipped: true,
                ..
            } => self.shipped += held.of(sku) + retaken.of(sku),
            Change::Shipped { lines, .. } => self.shipped += lines.of(sku),
            Change::Returned {
                on_sale,
                written_off,
                ..
            } => {
                self.returned_on_sale += on_sale.of(sku);
                self.returned_written_off += written_off.of(sku);
            }
            Change::Opened { id, units, .. } if is_it(id) => self.initial += units,
            Change::Restocked { sku, units } if is_it(sku) => self.restocked += units,
            Change::Counted {
                sku, difference, ..
            } if is_it(sku) => {
                self.found += (*difference).max(0).unsigned_abs();
                self.missing += (*difference).min(0).unsigned_abs();
            }
            Change::WrittenOff { sku, units } if is_it(sku) => self.written_off += units,
            Change::Limited { sku, limits, .. } if is_it(sku) => self.safety = limits.safety,
            Change::Moved { from, to, units } => {
                self.moved_out += if is_it(from) { *units } else { 0 };
                self.moved_in += if is_it(to) { *units } else { 0 };
            }
            Change::Sent { from, to, units } => {
                self.sent += if is_it(from) { *units } else { 0 };
                self.sent_here += if is_it(to) { *units } else { 0 };
            }
            Change::Arrived {
                from,
                to,
                units,
                lost,
                ..
            } => {
                if is_it(from) {
                    self.moved_out += units;
                    self.arrived += units + lost;
                    self.lost += lost;
                }
                if is_it(to) {
                    self.moved_in += units;
                    self.came += units + lost;
                }
            }
            _ => {}
        }
    }

    fn count_line(&mut self, line: &OrderLine<Sku>) {
        self.in_orders.waiting += line.waiting;
        self.in_orders.held += line.held;
        self.in_orders.paid += line.paid;
        self.in_orders.shipped += line.shipped;
        self.in_orders.returned += line.returned;
        self.in_orders.written_off += line.written_off;
    }

    /// All units that ever came.
    fn all_that_came(&self) -> u64 {
        let returned = self.returned_on_sale + self.returned_written_off;
        self.initial + self.restocked + self.found + returned + self.moved_in
    }

    /// All units that are not on hand, and were not shipped.
    fn gone(&self) -> u64 {
        let written_off = self.written_off + self.missing + self.lost + self.returned_written_off;
        written_off + self.moved_out + self.on_the_way()
    }

    /// Units on hand, by what came and went.
    fn on_hand(&self) -> u64 {
        self.all_that_came() - self.shipped - self.gone()
    }

    fn on_the_way(&self) -> u64 {
        self.sent - self.arrived
    }
}

/// Writes what is overdue: a list would do so, page by page.
pub fn settle(book: &OrderBook<Sku>) {
    for _ in 0..100 {
        _ = book.sweep(usize::MAX);
    }
}

fn all_orders(book: &OrderBook<Sku>) -> Vec<OrderView<Sku>> {
    let mut orders = Vec::new();
    let mut cursor = Some(Cursor::default());
    while let Some(from) = cursor {
        let page = book.list(&Filter::default(), from, 7).unwrap();
        orders.extend(page.orders);
        cursor = page.next;
    }
    orders
}

/// Looks at a book that nobody calls.
pub fn assert_balanced(book: &OrderBook<Sku>, entries: &[(Position, Entry<Sku>)]) {
    let orders = all_orders(book);
    for (number, sku) in SKUS.into_iter().enumerate() {
        let books = Books::of(number as u32, entries, &orders);
        let stock = book.stock(sku).unwrap();
        let promised = books.in_orders.held + books.in_orders.paid;
        let here = stock.available + stock.safety + promised;
        assert_eq!(
            books.all_that_came() + stock.owed,
            here + books.shipped + books.gone(),
            "{sku}: {books:?}"
        );
        assert_eq!(
            stock.on_hand + stock.owed,
            here,
            "{sku}: {books:?}, {stock:?}"
        );
        // What left and what came back is so in the orders, too.
        let back = (books.in_orders.returned, books.in_orders.written_off);
        let returned = (books.returned_on_sale, books.returned_written_off);
        assert_eq!(back, returned, "{sku}: {books:?}");
        let left = books.in_orders.shipped + back.0 + back.1;
        assert_eq!(left, books.shipped, "{sku}: {books:?}");
        // By what came, went and is promised: promised units are served first, then the safety stock, then the sale.
        let on_hand = books.on_hand();
        let free = on_hand.saturating_sub(promised);
        assert_eq!(stock.on_hand, on_hand, "{sku}: {books:?}");
        assert_eq!(
            stock.owed,
            promised.saturating_sub(on_hand),
            "{sku}: {books:?}"
        );
        assert_eq!(stock.safety, free.min(books.safety), "{sku}: {books:?}");
        assert_eq!(
            stock.available,
            free.saturating_sub(books.safety),
            "{sku}: {books:?}"
        );
        assert_eq!(stock.waiting, books.in_orders.waiting, "{sku}: {stock:?}");
        let ways = (books.on_the_way(), books.sent_here - books.came);
        assert_eq!((stock.on_the_way, stock.coming), ways, "{sku}: {stock:?}");
        assert!(stock.owed == 0 || stock.available == 0, "{sku}: {stock:?}");
    }
}

/// What orders hold and have paid for is what the entries say: of a book all of whose entries these are.
pub fn assert_promised(book: &OrderBook<Sku>, entries: &[(Position, Entry<Sku>)]) {
    let orders = all_orders(book);
    for (number, sku) in SKUS.into_iter().enumerate() {
        let of = |lines: &Lines| lines.of(SkuId::new(number as u32)).cast_signed();
        let (mut waiting, mut held, mut paid) = (0, 0, 0);
        for (_, entry) in entries {
            let (waits, holds, pays) = match &entry.change {
                Change::Waiting { order, .. } => (of(&order.lines), 0, 0),
                Change::Placed { order, .. } => (0, of(&order.lines), 0),
                Change::Served { lines, .. } => (-of(lines), of(lines), 0),
                Change::Amended { taken, given, .. } => (0, of(taken) - of(given), 0),
                Change::Expired { lines, .. } => (0, -of(lines), 0),
                Change::Paid {
                    held,
                    retaken,
                    shipped,
                    ..
                } => {
                    let stays = i64::from(!shipped);
                    (0, -of(held), stays * (of(held) + of(retaken)))
                }
                Change::Shipped { lines, .. } => (0, 0, -of(lines)),
                Change::Cancelled {
                    waiting,
                    held,
                    paid,
                    ..
                } => (-of(waiting), -of(held), -of(paid)),
                _ => (0, 0, 0),
            };
            (waiting, held, paid) = (waiting + waits, held + holds, paid + pays);
        }
        let shown = Books::of(number as u32, &[], &orders).in_orders;
        let shown = [shown.waiting, shown.held, shown.paid].map(u64::cast_signed);
        assert_eq!(shown, [waiting, held, paid], "{sku}");
    }
}
