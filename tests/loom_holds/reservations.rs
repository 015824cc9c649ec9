//! Reservations and leases themselves: see `loom_stock.rs` for the calls that they make.

use super::*;

/// A stock that stays as wide as it is.
fn four_in_two_segments() -> Arc<Stock> {
    let builder = Stock::builder(4).segments(2);
    Arc::new(builder.tuning(testing::Tuning::STILL).build().unwrap())
}

#[test]
fn halves_of_a_split_reservation() {
    explore("halves_of_a_split_reservation", || {
        let stock = four_in_two_segments();
        let mut mine = Reservation::new(Arc::clone(&stock), 4).unwrap();
        let theirs = mine.split(1).unwrap();
        let other = thread::spawn(move || drop(theirs));
        mine.commit();
        let snapshot = stock.snapshot();
        assert_eq!(snapshot.available + snapshot.reserved + snapshot.sold, 4);
        assert!(snapshot.sold >= 3, "never too few");
        other.join().unwrap();
        let snapshot = stock.snapshot();
        assert_eq!(
            (snapshot.available, snapshot.reserved, snapshot.sold),
            (1, 0, 3)
        );
    });
}

#[test]
fn a_till_is_settled_beside_a_gather() {
    explore("a_till_is_settled_beside_a_gather", || {
        let stock = four_in_two_segments();
        let theirs = Arc::clone(&stock);
        let other = thread::spawn(move || {
            let mut till = theirs.lease(2);
            till.deduct(1).map(|()| till.settle()).unwrap_or(0)
        });
        let gathered = if stock.deduct(3).is_ok() { 3 } else { 0 };
        let sold = other.join().unwrap();
        let snapshot = stock.snapshot();
        assert_eq!(
            (snapshot.available, snapshot.reserved),
            (4 - gathered - sold, 0)
        );
        assert_eq!(snapshot.sold, gathered + sold);
        assert!(sold + gathered >= 1);
    });
}
