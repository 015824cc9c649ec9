//! Two customers, the last two seats, and a payment that fails: no seat is lost.
#![cfg(loom)]

use loom::thread;
use segstock::Stock;

#[test]
fn a_failed_payment_loses_no_seat() {
    loom::model(|| {
        // Made inside the model: under loom a stock has no const constructor. Leaked, it can be lent to both
        // threads; loom forgets it with the execution.
        let seats: &'static Stock = Box::leak(Box::new(Stock::new(2)));
        let fails = thread::spawn(move || {
            if let Ok(reservation) = seats.reserve(2) {
                drop(reservation); // the payment is declined
            }
        });
        let second = seats.reserve(1);
        fails.join().unwrap();
        if let Ok(reservation) = second {
            reservation.commit();
        }
        let snapshot = seats.snapshot();
        assert_eq!(snapshot.available + snapshot.sold, 2);
        assert_eq!(snapshot.reserved, 0);
    });
}
