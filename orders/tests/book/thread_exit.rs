//! A book is called while a thread ends: in the destructor of a thread-local, when the thread-locals of its map are gone
//! already. Failing means that the process aborts, so this test has a process of its own.

use segstock_orders::{OrderBook, Refusal, Returned};
use std::cell::RefCell;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

type Book = Arc<OrderBook<String>>;

const TTL: Duration = Duration::from_secs(900);

/// What a thread leaves to its end.
struct AtEnd {
    book: Book,
    name: &'static str,
}

thread_local! {
    static AT_END: RefCell<Option<AtEnd>> = const { RefCell::new(None) };
}

impl Drop for AtEnd {
    fn drop(&mut self) {
        let Self { book, name } = self;
        let (old, new) = ("old".to_owned(), format!("new-{name}"));
        book.open(new.clone(), 5).unwrap();
        book.restock(new.clone(), "key", 1).unwrap();
        let lines = || [(old.clone(), 1), (new.clone(), 2)];
        book.place(name, Some("ann"), lines(), TTL).unwrap();
        book.amend(name, "amend", lines(), TTL).unwrap();
        book.pay(name).unwrap();
        book.ship(name).unwrap();
        book.return_order(name, Returned::OnSale).unwrap();
        assert_eq!(book.get(name).unwrap().lines.len(), 2);
        assert_eq!(book.stock(&new).unwrap().on_hand, 6);
        let unknown = book.count("unknown".into(), "key", 1);
        assert_eq!(unknown, Err(Refusal::UnknownSkus(vec!["unknown".into()])));
        book.count(old, name, 10).unwrap();
    }
}

/// Destructors run in the reverse sequence of the first uses, on most platforms: so a thread that uses the book first, one
/// that uses it last, and one that uses it at its end alone are tried.
#[test]
fn a_book_is_called_at_the_end_of_a_thread() {
    let book = Book::new(OrderBook::new());
    book.open("old".to_owned(), 10).unwrap();
    for name in ["first", "last", "never"] {
        let theirs = Arc::clone(&book);
        let ended = thread::spawn(move || {
            if name == "last" {
                AT_END.with_borrow(|left| assert!(left.is_none()));
            }
            if name != "never" {
                assert_eq!(theirs.available("old"), Some(10));
            }
            AT_END.set(Some(AtEnd { book: theirs, name }));
        });
        ended.join().unwrap();
    }
    assert_eq!((book.orders(), book.skus()), (3, 4));
}
