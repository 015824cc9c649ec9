//! Reservations and leases themselves: see `loom_stock.rs` for the calls that they make.

use super::*;

/// A stock that stays as wide as it is.
fn four_in_two_segments() -> Arc<Stock> {
    let builder = Stock::builder(4).segments(2);
    Arc::new(builder.tuning(testing::Tuning::STILL).build().unwrap())
}

/// Available, reserved, sold.
fn figures(stock: &Stock) -> (u64, u64, u64) {
    let snapshot = stock.snapshot();
    (snapshot.available, snapshot.reserved, snapshot.sold)
}

/// A reservation that was split: of three units, and of one.
struct Halves {
    stock: Arc<Stock>,
    three: Mutex<Option<Units>>,
    one: Mutex<Option<Units>>,
}

impl Halves {
    fn open() -> Arc<Self> {
        let stock = four_in_two_segments();
        let mut three = Reservation::new(Arc::clone(&stock), 4).unwrap();
        let one = three.split(1).unwrap();
        let [three, one] = [three, one].map(|half| Mutex::new(Some(half)));
        Arc::new(Self { stock, three, one })
    }
}

#[test]
fn halves_of_a_split_reservation() {
    race(
        "halves_of_a_split_reservation",
        Halves::open,
        |halves| drop(halves.one.lock().unwrap().take()),
        |halves| {
            let three = halves.three.lock().unwrap().take();
            three.unwrap().commit();
            figures(&halves.stock)
        },
        &[],
        |halves, (), seen| {
            assert!(seen == (0, 1, 3) || seen == (1, 0, 3), "{seen:?}");
            assert_eq!(figures(&halves.stock), (1, 0, 3));
        },
    );
}

#[test]
fn a_till_is_settled_beside_a_gather() {
    race(
        "a_till_is_settled_beside_a_gather",
        four_in_two_segments,
        |stock| {
            let mut till = stock.lease(2);
            till.deduct(1).map(|()| till.settle()).unwrap_or(0)
        },
        |stock| if stock.deduct(3).is_ok() { 3 } else { 0 },
        &["1 | 0"],
        |stock, sold, gathered| {
            let left = 4 - gathered - sold;
            assert_eq!(figures(stock), (left, 0, gathered + sold));
            assert!(sold + gathered >= 1);
        },
    );
}
