//! Two threads that looked at the clock at different times.

use super::*;

loom::thread_local! {
    /// What the calling thread's look at the clock gives.
    static NOW: Cell<Duration> = Cell::new(Duration::ZERO);
}

/// A clock that each thread has looked at when its own time came, however late it acts.
struct EarlierOrLater;

impl Clock for EarlierOrLater {
    fn now(&self) -> Duration {
        NOW.with(Cell::get)
    }
}

type EarlyTill = Holds<u64, Units, u64, EarlierOrLater, Hasher>;

struct EarlyShop {
    stock: Arc<Stock>,
    holds: EarlyTill,
}

impl EarlyShop {
    /// With `units` in stock, of which each hold has its part.
    fn open(units: u64, held: &[u64]) -> Arc<Self> {
        let builder = Holds::builder().clock(EarlierOrLater).shards(1);
        let shop = Self {
            stock: Arc::new(Stock::new(units)),
            holds: builder.hasher(Hasher::default()).build(),
        };
        for (key, &units) in (1..).zip(held) {
            assert!(shop.place(key, units).is_ok());
        }
        Arc::new(shop)
    }

    fn place(&self, key: u64, units: u64) -> Result<Placed, PlaceError<OutOfStock>> {
        let reserve = |&units: &u64| Reservation::new(Arc::clone(&self.stock), units);
        self.holds.place(key, units, MINUTE, reserve)
    }

    /// After the deadline of all other holds.
    fn place_later(&self, key: u64, units: u64) -> Result<Placed, PlaceError<OutOfStock>> {
        NOW.with(|now| now.set(MINUTE));
        self.place(key, units)
    }
}

/// The release looks at the clock before the deadline, the place after it. There are more expired holds
/// than a call frees besides its own.
#[test]
fn place_against_a_release_by_an_older_look() {
    race(
        "place_against_a_release_by_an_older_look",
        || EarlyShop::open(3, &[1, 1, 1]),
        |shop| shop.holds.release(&3),
        |shop| shop.place_later(4, 3),
        &[],
        |shop, released, placed| {
            assert!(matches!(placed, Ok(Placed::Now(_))), "{placed:?}");
            assert!(matches!(released, Ok(_) | Err(HoldError::Expired)));
            let snapshot = shop.stock.snapshot();
            assert_eq!((snapshot.available, snapshot.reserved), (0, 3));
        },
    );
}

/// One thread, whose look at the clock came before the deadline, changes a hold of four and then confirms
/// it. The other, whose look came after the deadline, places four. It frees two other holds besides, and
/// then has two units.
fn race_by_an_older_look(
    name: &str,
    change_and_confirm: fn(&EarlyShop) -> Result<Settled, HoldError>,
    between: &'static [&'static str],
) {
    race(
        name,
        || EarlyShop::open(6, &[1, 1, 4]),
        change_and_confirm,
        |shop| shop.place_later(4, 4),
        between,
        |shop, confirmed, placed| {
            let served = matches!(placed, Ok(Placed::Now(_)) | Err(PlaceError::Busy(_)));
            assert!(served, "refused because of an expired hold: {placed:?}");
            let sold = if confirmed.is_ok() { 2 } else { 0 };
            assert_eq!(shop.stock.snapshot().sold, sold);
        },
    );
}

#[test]
fn place_against_an_amend_by_an_older_look() {
    race_by_an_older_look(
        "place_against_an_amend_by_an_older_look",
        |shop| {
            let take_two = |&held: &u64, &units: &u64| amendment(&shop.stock, held, units);
            match shop.holds.amend(&3, 2, take_two) {
                Ok(_) => shop.holds.confirm(&3),
                Err(AmendError::Hold(error)) => Err(error),
                Err(other) => panic!("{other:?}"),
            }
        },
        &["Ok(Now) | Err(Busy(OutOfStock { requested: 4, available: 2 }))"],
    );
}

#[test]
fn place_against_a_part_by_an_older_look() {
    race_by_an_older_look(
        "place_against_a_part_by_an_older_look",
        |shop| match shop.holds.release_part(&3, &2) {
            Ok(_) => shop.holds.confirm(&3),
            Err(PartError::Hold(error)) => Err(error),
            Err(other) => panic!("{other:?}"),
        },
        &[],
    );
}
