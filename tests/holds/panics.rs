//! Code of the caller panics within a call: the panic goes to the caller, and the holds stay
//! consistent.

use super::*;

/// The call that is to panic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    Units,
    Commit,
    Release,
    Compare,
}

/// A reservation of which one call panics. Its drop gives its units back.
struct Touchy<'a> {
    inside: Reservation<&'a Stock>,
    when: Option<When>,
}

impl Settle for Touchy<'_> {
    fn units(&self) -> u64 {
        assert!(self.when != Some(When::Units));
        self.inside.units()
    }
    fn commit(self) {
        assert!(self.when != Some(When::Commit));
        self.inside.commit();
    }
    fn release(self) {
        assert!(self.when != Some(When::Release));
    }
}

/// A request that panics when it is compared.
#[derive(Clone)]
struct Request(Option<When>);

impl PartialEq for Request {
    fn eq(&self, other: &Self) -> bool {
        assert!(self.0 != Some(When::Compare));
        self.0 == other.0
    }
}

type Touched<'a> = Holds<u64, Touchy<'a>, Request, &'a ManualClock>;

fn holds_of(clock: &ManualClock) -> Touched<'_> {
    let builder = Holds::builder().clock(clock).retention(RETENTION);
    builder.shards(1).build()
}

fn place_one<'a>(
    holds: &Touched<'a>,
    stock: &'a Stock,
    key: u64,
    when: Option<When>,
) -> Result<Placed, PlaceError<OutOfStock>> {
    holds.place(key, Request(when), MINUTE, |request| {
        let inside = stock.reserve(2)?;
        let when = request.0;
        Ok(Touchy { inside, when })
    })
}

fn panics<T>(call: impl FnOnce() -> T) {
    assert!(catch_unwind(AssertUnwindSafe(call)).is_err());
}

/// Whatever is left expires, and every key is forgotten.
fn assert_whole(holds: &Touched<'_>, stock: &Stock, clock: &ManualClock, sold: u64) {
    clock.advance(RETENTION * 2);
    holds.sweep(usize::MAX);
    clock.advance(RETENTION * 2);
    holds.sweep(usize::MAX);
    assert_eq!((holds.known(), holds.len(), holds.units()), (0, 0, 0));
    assert_eq!(figures(stock), (10 - sold, 0, sold));
}

#[test]
fn a_reservation_that_panics_when_asked_for_its_units() {
    let (stock, clock) = (Stock::new(10), ManualClock::new());
    let holds = holds_of(&clock);
    panics(|| place_one(&holds, &stock, 1, Some(When::Units)));
    assert!(holds.get(&1).is_none());
    assert_eq!(figures(&stock), (10, 0, 0));
    held(place_one(&holds, &stock, 1, None).unwrap());
    assert_eq!((holds.known(), holds.units()), (1, 2));
    assert_whole(&holds, &stock, &clock, 0);
}

#[test]
fn a_reservation_that_panics_when_it_is_sold() {
    let (stock, clock) = (Stock::new(10), ManualClock::new());
    let holds = holds_of(&clock);
    held(place_one(&holds, &stock, 1, Some(When::Commit)).unwrap());
    held(place_one(&holds, &stock, 2, None).unwrap());
    panics(|| holds.confirm(&1));
    assert_eq!((holds.len(), holds.units()), (1, 2));
    assert_eq!(
        holds.confirm(&1),
        Ok(Settled::Before),
        "it counts as confirmed"
    );
    assert_eq!(figures(&stock), (8, 2, 0), "its drop gave its units back");
    _ = holds.extend(&2, MINUTE * 2).unwrap();
    holds.confirm(&2).unwrap();
    assert_whole(&holds, &stock, &clock, 2);
}

#[test]
fn a_reservation_that_panics_when_it_is_given_back() {
    let (stock, clock) = (Stock::new(10), ManualClock::new());
    let holds = holds_of(&clock);
    for key in 0..4 {
        held(place_one(&holds, &stock, key, Some(When::Release)).unwrap());
    }
    panics(|| holds.release(&0));
    assert_eq!(holds.release(&0), Ok(Settled::Before));
    clock.advance(MINUTE);
    panics(|| holds.confirm(&1));
    panics(|| holds.sweep(1));
    panics(|| holds.get(&99));
    assert_eq!(holds.confirm(&1), Err(HoldError::Expired));
    assert_eq!(holds.expired(), 3, "each once, whichever call freed it");
    assert_eq!(figures(&stock), (10, 0, 0));
    assert_whole(&holds, &stock, &clock, 0);
}

#[test]
fn a_late_payment_whose_units_panic_when_they_are_sold() {
    let (stock, clock) = (Stock::new(10), ManualClock::new());
    let holds = holds_of(&clock);
    held(place_one(&holds, &stock, 1, None).unwrap());
    clock.advance(MINUTE);
    assert_eq!(holds.sweep(1), 1);
    let late = |when| {
        holds.confirm_or_retake(&1, |_, units| {
            let inside = stock.reserve(units)?;
            Ok::<_, OutOfStock>(Touchy { inside, when })
        })
    };
    panics(|| late(Some(When::Units)));
    assert_eq!(
        holds.confirm(&1),
        Err(HoldError::Expired),
        "nothing changed"
    );
    panics(|| late(Some(When::Commit)));
    assert_eq!(
        late(None),
        Ok(Settled::Before),
        "it counts as confirmed, and no unit is sold a second time"
    );
    assert_eq!(figures(&stock), (10, 0, 0), "its drop gave its units back");
    assert_whole(&holds, &stock, &clock, 0);
}

#[test]
fn a_request_that_panics_when_it_is_compared() {
    let (stock, clock) = (Stock::new(10), ManualClock::new());
    let holds = holds_of(&clock);
    held(place_one(&holds, &stock, 1, Some(When::Compare)).unwrap());
    panics(|| place_one(&holds, &stock, 1, Some(When::Compare)));
    assert_eq!((holds.len(), figures(&stock)), (1, (8, 2, 0)));
    assert_eq!(holds.confirm(&1), Ok(Settled::Now));
    assert_whole(&holds, &stock, &clock, 2);
}
