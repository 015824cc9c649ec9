//! Keys that are placed anew once they are forgotten, beside a payment for the order before.

use segstock::{Clock, ManualClock, Settled};
use segstock_service::shop::{Opening, Shop, Standing};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);

type Deed = Box<dyn FnOnce() + Send>;

/// A clock that does something the next time that it is asked: between any two steps of a call.
#[derive(Default)]
struct Interrupting {
    clock: ManualClock,
    deed: Mutex<Option<Deed>>,
}

impl Interrupting {
    fn next_time(&self, deed: impl FnOnce() + Send + 'static) {
        *self.deed.lock().unwrap() = Some(Box::new(deed));
    }
}

impl Clock for Interrupting {
    fn now(&self) -> Duration {
        let deed = self.deed.lock().unwrap().take();
        if let Some(deed) = deed {
            deed();
        }
        self.clock.now()
    }
}

/// A shop in which the key `k` was placed for one unit, expired, and is forgotten by the holds, but
/// not by the book.
fn with_a_forgotten_key() -> (Arc<Shop>, Arc<Interrupting>) {
    let clock = Arc::new(Interrupting::default());
    let shop = Shop::new(Opening {
        clock: Arc::clone(&clock) as _,
        ..Opening::default()
    });
    shop.open("phone", 10).unwrap();
    let line = ("phone".into(), 1);
    shop.place("k".to_owned(), vec![line], MINUTE).unwrap();
    clock.clock.advance(MINUTE);
    assert_eq!(shop.sweep(10), 1);
    clock.clock.advance(2 * Opening::default().retention);
    assert_eq!(shop.remembered(), 1);
    (Arc::new(shop), clock)
}

#[test]
fn a_payment_sells_the_order_that_was_placed_anew_beside_it() {
    let (shop, clock) = with_a_forgotten_key();
    let beside = Arc::clone(&shop);
    // `pay` has looked the order up, and the holds ask for the time.
    clock.next_time(move || {
        let line = ("phone".into(), 2);
        let (new, standing) = beside.place("k".to_owned(), vec![line], MINUTE).unwrap();
        assert_eq!((new, standing), (true, Standing::Held(MINUTE)));
    });
    let key = "k".to_owned();
    let (order, settled) = shop.pay(&key).unwrap();
    assert_eq!((order.lines[0].1, settled), (2, Settled::Now));
    assert_eq!(shop.stock("phone").unwrap().sold, 2);

    // After a restart it is still known, and is not sold again.
    let (again, _) = Shop::restore(shop.keep(), Opening::default()).unwrap();
    let (_, settled) = again.pay(&key).unwrap();
    assert_eq!(settled, Settled::Before);
    let line = ("phone".into(), 2);
    let placed = again.place(key, vec![line], MINUTE).unwrap();
    assert_eq!(placed, (false, Standing::Sold));
    assert_eq!(again.stock("phone").unwrap().sold, 2);
}

#[test]
fn a_payment_takes_again_what_was_placed_anew_beside_it_and_expired() {
    let (shop, clock) = with_a_forgotten_key();
    let (beside, time) = (Arc::clone(&shop), Arc::clone(&clock));
    clock.next_time(move || {
        let line = ("phone".into(), 2);
        _ = beside.place("k".to_owned(), vec![line], MINUTE).unwrap();
        time.clock.advance(MINUTE);
        assert_eq!(beside.sweep(10), 1);
    });
    let (order, settled) = shop.pay(&"k".to_owned()).unwrap();
    assert_eq!((order.lines[0].1, settled), (2, Settled::Now));
    assert_eq!(shop.stock("phone").unwrap().sold, 2);
    assert_eq!(shop.keep().sold[0].lines[0].1, 2);
}
