//! [`Counted`]: how much a book knows, as it is shown; and how much it may know.

use crate::book::Book;

/// How much a book knows, or may know at most.
#[derive(Debug, Clone, Copy)]
pub struct Counted {
    /// Orders.
    pub orders: usize,
    /// Those of them that are kept for returns alone.
    pub returnable: usize,
    /// Lines of all orders.
    pub lines: usize,
    /// Keys of requests.
    pub keys: usize,
    /// SKUs.
    pub skus: usize,
    /// Customers for whom units are counted.
    pub customers: usize,
    /// Sendings that are on their way.
    pub sendings: usize,
    /// Events that are kept.
    pub events: usize,
}

/// Sendings that are on their way at most.
pub const MAX_SENDINGS: usize = 100_000;

impl Counted {
    /// What `book` knows now. Its last changes may not be durable.
    #[must_use]
    pub fn of(book: &Book) -> Self {
        Self {
            orders: book.orders(),
            returnable: book.returnable(),
            lines: book.lines(),
            keys: book.requests(),
            skus: book.skus(),
            customers: book.customers(),
            sendings: book.sendings_on_the_way(),
            events: book.events_kept(),
        }
    }

    /// Each figure, by its place.
    pub(crate) fn figures(self) -> [usize; 8] {
        [
            self.orders,
            self.returnable,
            self.lines,
            self.keys,
            self.skus,
            self.customers,
            self.sendings,
            self.events,
        ]
    }
}
