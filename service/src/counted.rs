//! [`Counted`]: how much a book knows, as it is shown.

use crate::book::Book;

/// How much a book knows.
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
}

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
        }
    }
}
