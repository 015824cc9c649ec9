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

/// The release looks at the clock before the deadline, the place after it. There are more expired holds
/// than a call frees besides its own.
#[test]
fn place_against_a_release_by_an_older_look() {
    explore("place_against_a_release_by_an_older_look", || {
        let stock = Arc::new(Stock::new(3));
        let builder = Holds::builder().clock(EarlierOrLater).shards(1);
        let holds: Arc<Holds<_, _, _, _, Hasher>> =
            Arc::new(builder.hasher(Hasher::default()).build());
        let reserve = |&units: &u64| Reservation::new(Arc::clone(&stock), units);
        for key in 1..=3 {
            _ = holds.place(key, 1, MINUTE, reserve).unwrap();
        }
        let earlier = Arc::clone(&holds);
        let release = thread::spawn(move || earlier.release(&3));
        NOW.with(|now| now.set(MINUTE));
        let placed = holds.place(4, 3, MINUTE, reserve);
        assert!(matches!(placed, Ok(Placed::Now(_))), "{placed:?}");
        let released = release.join().unwrap();
        assert!(matches!(released, Ok(_) | Err(HoldError::Expired)));
        let snapshot = stock.snapshot();
        assert_eq!((snapshot.available, snapshot.reserved), (0, 3));
    });
}

/// One thread, whose look at the clock came before the deadline, changes a hold of four and then confirms
/// it. The other, whose look came after the deadline, places four. It frees two other holds besides, and
/// then has two units.
fn race_by_an_older_look(name: &str, change: fn(&EarlyTill, &Arc<Stock>) -> Result<(), HoldError>) {
    explore(name, move || {
        let stock = Arc::new(Stock::new(6));
        let builder = Holds::builder().clock(EarlierOrLater).shards(1);
        let holds: Arc<EarlyTill> = Arc::new(builder.hasher(Hasher::default()).build());
        let reserve = |&units: &u64| Reservation::new(Arc::clone(&stock), units);
        for (key, units) in [(1, 1), (2, 1), (3, 4)] {
            assert!(holds.place(key, units, MINUTE, reserve).is_ok());
        }
        let (earlier, theirs) = (Arc::clone(&holds), Arc::clone(&stock));
        let changing =
            thread::spawn(move || change(&earlier, &theirs).and_then(|()| earlier.confirm(&3)));
        NOW.with(|now| now.set(MINUTE));
        let placed = holds.place(4, 4, MINUTE, reserve);
        let served = matches!(placed, Ok(Placed::Now(_)) | Err(PlaceError::Busy(_)));
        assert!(served, "refused because of an expired hold: {placed:?}");
        let confirmed = changing.join().unwrap();
        let sold = if confirmed.is_ok() { 2 } else { 0 };
        assert_eq!(stock.snapshot().sold, sold);
    });
}

type EarlyTill = Holds<u64, Units, u64, EarlierOrLater, Hasher>;

#[test]
fn place_against_an_amend_by_an_older_look() {
    race_by_an_older_look("place_against_an_amend_by_an_older_look", |holds, stock| {
        let amended = holds.amend(&3, 2, |&held, &units| amendment(stock, held, units));
        match amended {
            Ok(_) => Ok(()),
            Err(AmendError::Hold(error)) => Err(error),
            Err(other) => panic!("{other:?}"),
        }
    });
}

#[test]
fn place_against_a_part_by_an_older_look() {
    race_by_an_older_look(
        "place_against_a_part_by_an_older_look",
        |holds, _| match holds.release_part(&3, &2) {
            Ok(_) => Ok(()),
            Err(PartError::Hold(error)) => Err(error),
            Err(other) => panic!("{other:?}"),
        },
    );
}
